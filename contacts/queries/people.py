"""People: opened in bulk for those who need the values, in pages for those who look them up."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson
import structlog
from django.db import connection
from django.db.models import Q

from contacts.models import Contact, Relationship, Unmasking
from contacts.rules.fields import Value, normalize
from contacts.rules.imports import record_identity
from contacts.rules.starter import EMAIL, LAST_NAME, RECORD_NUMBER
from encryption.cipher import CannotOpen
from encryption.keyring import Keyring
from tenancy.bulk import rows_about, uuid_array
from tenancy.current import current_organization_id
from tenancy.keys import blind_index, blind_indexes, keyring
from tenancy.models import KeyUse

TABLE = "contacts_contact"
PAGE_SIZE = 50
LOOKED_UP = (RECORD_NUMBER, EMAIL)
"""The fields by which one person is looked up; by those who may, also by the last name."""

UNMASKING_TABLE = "contacts_unmasking"
UNMASKED_FOR = timedelta(minutes=15)

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


@dataclass(frozen=True, slots=True)
class Filters:
    """Which contacts to list, by what stands beside the sealed profile. Empty ones ask nothing."""

    with_email: bool | None = None
    relationship: str = ""
    language: str = ""
    deceased: bool = False
    household: bool = False

    def condition(self) -> Q:
        found = Q(erased_at__isnull=True)
        if self.with_email is not None:
            found &= Q(email_token__isnull=not self.with_email)
        if self.relationship:
            found &= Q(relationship=self.relationship)
        if self.language:
            found &= Q(language=self.language)
        if self.deceased:
            found &= Q(deceased=True)
        if self.household:
            found &= Q(household=True)
        return found


def opened(ids: Collection[UUID]) -> dict[UUID, OpenedContact]:
    """Unseal contacts by id, with one query. Unknown, erased and unreadable ones are left out."""
    current_organization_id()  # outside one, row-level security would find nobody in silence
    found = rows_about(_OPENED, uuid_array([each.bytes for each in ids]))
    opener = keyring(KeyUse.PROFILE).opener(TABLE)
    people = {}
    for who, sealed, deceased, relationship, *others in found:
        try:
            profile = orjson.loads(opener(who.bytes, sealed))
        except CannotOpen:
            log.error("profile_unreadable", contact_id=str(who))
            continue
        address = profile.get(EMAIL)
        email = address if isinstance(address, str) else None
        people[who] = OpenedContact(
            who, profile, email, deceased, Relationship(relationship), *others
        )
    return people


_OPENED = """
    SELECT id, profile, deceased, relationship, language, household, mail_domain
    FROM contacts_contact WHERE id = ANY(%(ids)s) AND erased_at IS NULL
"""


def page(
    after: UUID | None = None, before: UUID | None = None, filters: Filters | None = None
) -> Page:
    """Up to PAGE_SIZE contacts by id, which grows with time; the next ones after or before an id.

    By key rather than by offset, so that the last page costs what the first one does.
    """
    rows = Contact.objects.filter((filters or Filters()).condition())
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


def address_tokens(address: str) -> list[UUID]:
    """The tokens an address may stand under: several while the index key changes."""
    return [index.wide_token("email", address.casefold()) for index in blind_indexes()]


def addresses_in_use(tokens: Collection[UUID]) -> set[UUID]:
    """Which of these address tokens some contact stands under."""
    found = Contact.objects.filter(email_token__in=tokens).values_list("email_token", flat=True)
    return {token for token in found if token}


def find(text: str, by_name: bool = False) -> list[OpenedContact]:
    """Contacts whose record number, email or, `by_name`, last name is exactly this, up to
    PAGE_SIZE.

    Answered by blind tokens, then compared exactly.
    """
    normal = next(iter(normalize(text)), "")
    if not normal:
        return []
    indexes = blind_indexes()
    record = record_identity(normal)
    ids = Contact.objects.filter(
        Q(identity__in=[index.wide_token("identity", record) for index in indexes])
        | Q(email_token__in=address_tokens(normal))
    ).values_list("id", flat=True)
    found = list(ids[:PAGE_SIZE])
    if by_name:
        found += _called([index.token(LAST_NAME, normal) for index in indexes])
    keys = (*LOOKED_UP, LAST_NAME) if by_name else LOOKED_UP
    people = opened(found).values()
    return [person for person in people if _is_called(person, normal, keys)][:PAGE_SIZE]


def _called(tokens: list[int]) -> list[UUID]:
    question = orjson.dumps({"tokens": [str(token) for token in tokens]}).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM contacts_ids(%s::jsonb) AS id ORDER BY id LIMIT %s",
            [question, PAGE_SIZE],
        )
        return [contact for (contact,) in cursor.fetchall()]


def _is_called(person: OpenedContact, normal: str, keys: Iterable[str]) -> bool:
    return any(normal in normalize(person.profile.get(key)) for key in keys)


def tombstone(contact_id: UUID) -> Contact | None:
    """What is left of a contact that was erased or merged into another one."""
    found: Contact | None = Contact.objects.filter(id=contact_id, erased_at__isnull=False).first()
    return found


def any_contacts() -> bool:
    return bool(Contact.objects.filter(erased_at__isnull=True).exists())


def under_older_index(version: int) -> int:
    """How many contacts are found by tokens of an older index key than this version."""
    return int(Contact.objects.filter(index_version__lt=version).count())


def unmasked(contact_id: UUID, user_id: UUID, now: datetime) -> Unmasking | None:
    """The grant by which somebody may see a contact's values right now."""
    found: Unmasking | None = (
        Unmasking.objects.filter(contact_id=contact_id, user_id=user_id, until__gt=now)
        .order_by("-until")
        .first()
    )
    return found


def unmasking_reason(unmasking: Unmasking) -> str:
    """Why somebody opened the values, in their words."""
    ring = keyring(KeyUse.PROFILE)
    return ring.open(bytes(unmasking.reason), UNMASKING_TABLE, unmasking.id).decode()


def unmasked_lately(user_id: UUID, now: datetime) -> int:
    """How many contacts somebody opened within a day."""
    grants = Unmasking.objects.filter(user_id=user_id, created_at__gt=now - timedelta(days=1))
    return int(grants.values("contact_id").distinct().count())


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
