"""Storing people: sealed, with the tokens by which they are found."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import Contact, Relationship
from contacts.queries.people import TABLE, open_profile
from contacts.rules.email import EmailAddress
from contacts.rules.fields import Field, Value, index_entries
from contacts.rules.imports import CleanContact
from contacts.rules.starter import DECEASED, EMAIL, LANGUAGE, RELATIONSHIP
from tenancy.current import current_organization_id
from tenancy.keys import blind_index, keyring
from tenancy.models import KeyUse

FALLBACK_LANGUAGE = "en"

_WRITTEN = [
    "profile",
    "tokens",
    "index_version",
    "email_token",
    "mail_domain",
    "language",
    "relationship",
    "deceased",
    "updated_at",
]


@dataclass
class Saved:
    """What became of the people that were given."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


def save_contact(clean: CleanContact) -> UUID:
    """Store one person; returns the contact's id."""
    save_many([clean])
    identity = _identity_token(clean)
    contact: UUID = Contact.objects.values_list("id", flat=True).get(identity=identity)
    return contact


def save_many(cleans: Collection[CleanContact]) -> Saved:
    """Store people, new or known by their identity, with a constant number of queries.

    What is known and not given again stays: a blank cell is no news. Somebody given twice is
    merged in the given order. Erased people stay erased, and a profile that cannot be opened stays
    as it is, so that nothing overwrites what happened to it.
    """
    _one_writer_at_a_time()
    stock = _Stock({_identity_token(clean) for clean in cleans})
    for clean in cleans:
        stock.merge(_identity_token(clean), clean.profile)
    stock.write()
    return stock.saved


def record_view(contact_id: UUID) -> None:
    """Log that somebody looked at a contact."""
    audit.record("contact_viewed", object_type="contact", object_id=contact_id)


def record_listing(contact_ids: Iterable[UUID]) -> None:
    """Log whom somebody was shown in a list."""
    audit.record("contacts_listed", contacts=[str(each) for each in contact_ids])


def record_look_up(contact_ids: Iterable[UUID]) -> None:
    """Log whom somebody found. What they typed is a patient's value and is not logged."""
    audit.record("contacts_looked_up", contacts=[str(each) for each in contact_ids])


class _Stock:
    """The contacts behind some identities, as they will be once written."""

    def __init__(self, identities: Collection[UUID]) -> None:
        self.saved = Saved()
        self.fields = queries.fields()
        self.index, self.ring = blind_index(), keyring(KeyUse.PROFILE)
        self.rows = {row.identity: row for row in Contact.objects.filter(identity__in=identities)}
        self.profiles = self._readable_profiles()
        self.changed: set[UUID] = set()

    def _readable_profiles(self) -> dict[UUID, dict[str, Value]]:
        living = (row for row in self.rows.values() if row.erased_at is None)
        profiles = ((row.identity, open_profile(self.ring, row.id, row.profile)) for row in living)
        return {identity: profile for identity, profile in profiles if profile is not None}

    def merge(self, identity: UUID, news: dict[str, Value]) -> None:
        if identity not in self.rows:
            self.rows[identity] = Contact(identity=identity)
            self.profiles[identity] = dict(news)
            self.saved.created += 1
        elif self._stays(identity, news):
            self.saved.unchanged += 1
            return
        else:
            self.profiles[identity] |= news
            self.saved.updated += 1
        self.changed.add(identity)

    def _stays(self, identity: UUID, news: dict[str, Value]) -> bool:
        known = self.profiles.get(identity)
        return known is None or known | news == known

    def write(self) -> None:
        rows = [self.rows[identity] for identity in self.changed]
        addresses = {row.email_token for row in rows}
        for row in rows:
            self._fill(row, self.profiles[row.identity])
        Contact.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["organization", "identity"],
            update_fields=_WRITTEN,
        )
        _mark_households({*addresses, *(row.email_token for row in rows)})

    def _fill(self, row: Contact, profile: dict[str, Value]) -> None:
        email = profile.get(EMAIL)
        address = EmailAddress.parse(email) if isinstance(email, str) else None
        row.profile = self.ring.seal(orjson.dumps(profile), TABLE, row.id)
        row.tokens = self._tokens(self.fields, profile)
        row.email_token = queries.address_token(str(address)) if address else None
        row.mail_domain = address.domain if address else ""
        row.language = str(profile.get(LANGUAGE) or FALLBACK_LANGUAGE)
        # Unknown counts as a patient: the relationship with the strictest rules.
        row.relationship = str(profile.get(RELATIONSHIP) or Relationship.PATIENT.value)
        row.deceased = profile.get(DECEASED) is True
        row.updated_at = timezone.now()

    def _tokens(self, fields: Iterable[Field], profile: dict[str, Value]) -> list[int]:
        return sorted({self.index.token(*entry) for entry in index_entries(fields, profile)})


def _identity_token(clean: CleanContact) -> UUID:
    return blind_index().wide_token("identity", clean.identity)


def _one_writer_at_a_time() -> None:
    """Two imports of one organization take turns, batch by batch.

    Else both could add the same new person, or miss that they put one address to two people.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('contacts ' || %s, 0))",
            [str(current_organization_id())],
        )


def _mark_households(addresses: set[UUID | None]) -> None:
    """Mark everybody who shares one of these addresses, and unmark who no longer does."""
    living = Contact.objects.filter(erased_at__isnull=True, email_token__in=addresses - {None})
    several = living.values("email_token").annotate(people=Count("id")).filter(people__gt=1)
    shared = set(several.values_list("email_token", flat=True))
    living.filter(email_token__in=shared, household=False).update(household=True)
    living.exclude(email_token__in=shared).filter(household=True).update(household=False)
