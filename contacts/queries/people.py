"""People: opened in bulk for those who need the values, in pages for those who look them up."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

import orjson
import structlog
from django.db import connection

from contacts.models import Contact, Relationship
from contacts.rules.fields import Value, normalize
from contacts.rules.starter import EMAIL, RECORD_NUMBER
from encryption.cipher import CannotOpen
from encryption.keyring import Keyring
from tenancy.keys import blind_index, keyring
from tenancy.models import KeyUse

TABLE = "contacts_contact"
PAGE_SIZE = 50
LOOKED_UP = (RECORD_NUMBER, "last_name", EMAIL)
"""The fields by which one person is looked up."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenedContact:
    """A person with every value in clear. Keep it in memory only, and out of every log."""

    id: UUID
    profile: dict[str, Value] = field(repr=False)
    email: str | None = field(repr=False)
    deceased: bool
    relationship: Relationship
    language: str
    household: bool
    mail_domain: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some contacts, and the ids to continue from in either direction."""

    contacts: list[OpenedContact]
    earlier: UUID | None
    later: UUID | None


def opened(ids: Collection[UUID]) -> dict[UUID, OpenedContact]:
    """Unseal contacts by id, with one query. Unknown, erased and unreadable ones are left out."""
    rows = Contact.objects.filter(id__in=ids, erased_at__isnull=True)
    return {person.id: person for person in _open_all(rows)}


def page(after: UUID | None = None, before: UUID | None = None) -> Page:
    """Up to PAGE_SIZE contacts by id, which grows with time; the next ones after or before an id.

    By key rather than by offset, so that the last page costs what the first one does.
    """
    rows = Contact.objects.filter(erased_at__isnull=True)
    if before:
        found = list(rows.filter(id__lt=before).order_by("-id")[: PAGE_SIZE + 1])
        beyond, shown = found[PAGE_SIZE:], found[:PAGE_SIZE][::-1]
        more_before, more_after = bool(beyond), True
    else:
        found = list((rows.filter(id__gt=after) if after else rows).order_by("id")[: PAGE_SIZE + 1])
        beyond, shown = found[PAGE_SIZE:], found[:PAGE_SIZE]
        more_before, more_after = after is not None, bool(beyond)
    return Page(
        contacts=_open_all(shown),
        earlier=shown[0].id if shown and more_before else None,
        later=shown[-1].id if shown and more_after else None,
    )


def total() -> int:
    """How many contacts there are."""
    return int(Contact.objects.filter(erased_at__isnull=True).count())


def address_token(address: str) -> UUID:
    """The blind token by which an email address is known, whatever its case."""
    return blind_index().wide_token("email", address.casefold())


def find(text: str) -> list[OpenedContact]:
    """Contacts whose record number, last name or email is exactly this, up to PAGE_SIZE.

    Answered by the blind index, then compared exactly.
    """
    normal = next(iter(normalize(text)), "")
    if not normal:
        return []
    tokens = [str(blind_index().token(key, normal)) for key in LOOKED_UP]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM contacts_candidates(%s::jsonb) AS id ORDER BY id LIMIT %s",
            [orjson.dumps([tokens]).decode(), PAGE_SIZE],
        )
        people = opened([contact for (contact,) in cursor.fetchall()])
    return [person for person in people.values() if _is_called(person, normal)]


def _is_called(person: OpenedContact, normal: str) -> bool:
    return any(normal in normalize(person.profile.get(key)) for key in LOOKED_UP)


def any_contacts() -> bool:
    return bool(Contact.objects.filter(erased_at__isnull=True).exists())


def open_profile(
    ring: Keyring, contact_id: UUID, sealed: bytes | memoryview
) -> dict[str, Value] | None:
    """A contact's values, or None if the row was changed or its key is gone.

    That is logged and nothing is raised: one broken row must not stop a whole organization.
    """
    try:
        profile: dict[str, Value] = orjson.loads(ring.open(bytes(sealed), TABLE, contact_id))
    except CannotOpen:
        log.error("profile_unreadable", contact_id=str(contact_id))
        return None
    return profile


def _open_all(rows: Iterable[Contact]) -> list[OpenedContact]:
    ring = keyring(KeyUse.PROFILE)
    profiles = ((row, open_profile(ring, row.id, row.profile)) for row in rows)
    return [_opened(row, profile) for row, profile in profiles if profile is not None]


def _opened(row: Contact, profile: dict[str, Value]) -> OpenedContact:
    email = profile.get(EMAIL)
    return OpenedContact(
        id=row.id,
        profile=profile,
        email=email if isinstance(email, str) else None,
        deceased=row.deceased,
        relationship=Relationship(row.relationship),
        language=row.language,
        household=row.household,
        mail_domain=row.mail_domain,
    )
