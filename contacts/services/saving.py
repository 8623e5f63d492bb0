"""Storing people: found again by who they are, sealed, and indexed, thousands at a time.

Whoever is given is looked for by the medical record number, then among those with the same address
who were born on the same day (`rules.imports.same_person`). Rows travel to the server by COPY into
a temporary table, for COPY into a table under row-level security is refused, and thence by INSERT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import structlog
import uuid_utils
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from contacts.models import CodeEntry, Contact, Relationship
from contacts.queries.definitions import fields
from contacts.queries.people import TABLE
from contacts.rules.email import EmailAddress
from contacts.rules.fields import Field, FieldType, Value, code_display
from contacts.rules.imports import (
    ANOTHER_NAME,
    SEVERAL,
    CleanContact,
    Reject,
    identity_of,
    same_person,
)
from contacts.rules.indexing import MONTH_CHARACTERS, entries_of
from contacts.rules.starter import DECEASED, EMAIL, LANGUAGE, RECORD_NUMBER, RELATIONSHIP
from contacts.services import incoming
from encryption.blind_index import BlindIndex
from encryption.cipher import CannotOpen
from tenancy.current import current_organization_id
from tenancy.keys import blind_indexes, keyring
from tenancy.models import KeyUse

FALLBACK_LANGUAGE = "en"
# The relationship with the strictest rules.
UNKNOWN_RELATIONSHIP = Relationship.PATIENT.value
REMEMBERED = 20_000
"""Values of a field whose tokens are remembered for the next rows."""

log = structlog.get_logger()


@dataclass
class Saved:
    """What became of the people that were given."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejects: list[Reject] = field(default_factory=list)
    new: list[bytes] = field(default_factory=list, repr=False)
    """Identity tokens of those created."""


def save_contact(clean: CleanContact) -> UUID:
    """Store one person; returns the contact's id."""
    save_many([clean])
    identity = blind_indexes()[0].wide_token("identity", clean.identity)
    contact: UUID = Contact.objects.values_list("id", flat=True).get(identity=identity)
    return contact


def save_many(cleans: Collection[CleanContact], source: UUID | None = None) -> Saved:
    """Store people, new or known, with a constant number of queries.

    What is known and not given again stays: a blank cell is no news. Somebody given twice is
    merged in the given order. Erased people stay erased, and a profile that cannot be opened stays
    as it is, so that nothing overwrites what happened to it. For an import (`source`) it keeps what
    it needs to be undone.
    """
    one_writer_at_a_time()
    stock = _Stock(cleans)
    for clean in cleans:
        stock.merge(clean)
    _Writer(stock).write(source, timezone.now())
    return stock.saved


def preview_many(cleans: Collection[CleanContact]) -> Saved:
    """What `save_many` would do now. Stores nothing."""
    stock = _Stock(cleans)
    for clean in cleans:
        stock.merge(clean)
    return stock.saved


def rebuild(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Seal and index known contacts again under the current keys and fields. Their values, the
    time of their last change and the marks of households stay."""
    stock = _Stock(())
    for who, profile in profiles.items():
        stock.replace(who, profile)
    stock.households.clear()
    _Writer(stock).write(None, None)


class IdentityTaken(ValueError):
    """Another contact has this medical record number, or this email and birth date."""


def replace_profiles(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Give contacts these values and no others, by id. Call `one_writer_at_a_time` first.

    Raises `IdentityTaken`, and then changes nothing.
    """
    stock = _Stock(())
    addresses = Contact.objects.filter(id__in=profiles).values_list("email_token", flat=True)
    stock.households.update(token.bytes for token in addresses if token)
    for who, profile in profiles.items():
        stock.replace(who, profile)
    # Not left to the unique constraint alone: the other may stand under the older index key.
    holders = incoming.known_by("identity", list(stock.claimed))
    taken = any(stock.claimed[each.identity] != each.id for each in holders)
    try:
        with transaction.atomic():
            if taken or len(set(stock.claimed.values())) < len(profiles):
                raise IntegrityError
            _Writer(stock).write(None, timezone.now())
    except IntegrityError:
        raise IdentityTaken(
            "Another contact has this medical record number, or this email and birth date."
            " Merge the two instead."
        ) from None


def one_writer_at_a_time() -> None:
    """Until the transaction ends nobody else adds or changes contacts of this organization.

    Else two imports could both add the same new person, or miss that they put one address to two
    people.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('contacts ' || %s, 0))",
            [str(current_organization_id())],
        )


def packed(cleans: Collection[CleanContact]) -> list[bytes]:
    """People as new contacts, sealed and ready for `incoming.write`: what a benchmark writes."""
    stock = _Stock(cleans)
    for clean in cleans:
        stock.merge(clean)
    writer = _Writer(stock)
    return [writer.packed(person, None) for person in stock.people.values() if person.changed]


@dataclass(slots=True, eq=False)
class _Person:
    """Somebody as they will be once written. `sealed` is the profile as it is stored so far."""

    id: bytes
    identity: bytes
    profile: dict[str, Value] | None = field(repr=False)
    sealed: bytes = b""
    address: bytes | None = None
    source: bytes | None = None
    changed: bool = False

    @property
    def is_new(self) -> bool:
        return not self.sealed


class _Stock:
    """The people behind some rows: those known already, and those that the rows bring."""

    def __init__(self, cleans: Collection[CleanContact]) -> None:
        self.saved = Saved()
        self.indexes = blind_indexes()
        self.identities = {id(clean): self._wide("identity", clean.identity) for clean in cleans}
        self.people: dict[bytes, _Person] = {}
        self.by_address: defaultdict[bytes, list[_Person]] = defaultdict(list)
        self.households: set[bytes] = set()
        self.claimed: dict[bytes, bytes] = {}
        self._open = keyring(KeyUse.PROFILE).opener(TABLE)
        self._load(cleans)

    def merge(self, clean: CleanContact) -> None:
        """Take in one row."""
        identity = self.identities[id(clean)][0]
        address = self._address(clean.email)
        person = self.people.get(identity)
        if person and _is_another(person, clean):
            self.saved.rejects.append(Reject(clean.number, (ANOTHER_NAME,), (ANOTHER_NAME,)))
            return
        neighbours = self.by_address.get(address) if address and person is None else None
        if neighbours:
            same = [each for each in neighbours if _same(each, clean)]
            if len(same) > 1 and RECORD_NUMBER not in clean.profile:
                self.saved.rejects.append(Reject(clean.number, (SEVERAL,), (SEVERAL,)))
                return
            person = self._adopted(same[0], clean, identity) if len(same) == 1 else None
        if person is None:
            self._add(clean, identity, address)
        else:
            self._update(person, clean.profile, address)

    def replace(self, who: UUID, profile: dict[str, Value]) -> None:
        """Take in the whole of somebody who is known."""
        email = EmailAddress.parse(str(profile[EMAIL])) if profile.get(EMAIL) else None
        tokens = self._wide("identity", identity_of(profile, email))
        address = self._address(email)
        self.people[who.bytes] = _Person(
            who.bytes, tokens[0], profile, b"stored", address, changed=True
        )
        self.claimed.update(dict.fromkeys(tokens, who.bytes))
        if address:
            self.households.add(address)

    def _add(self, clean: CleanContact, identity: bytes, address: bytes | None) -> None:
        person = _Person(uuid_utils.uuid7().bytes, identity, clean.profile, changed=True)
        self.people[identity] = person
        self._moves_to(person, address)
        self.saved.created += 1
        self.saved.new.append(identity)

    def _adopted(self, person: _Person, clean: CleanContact, identity: bytes) -> _Person:
        """The same person, from now on known by the record number if only the row has one."""
        if RECORD_NUMBER in clean.profile:
            person.identity = identity
        self.people[identity] = person
        return person

    def _update(self, person: _Person, news: dict[str, Value], address: bytes | None) -> None:
        known = person.profile
        if known is None or known | news == known:
            self.saved.unchanged += 1
            return
        person.profile = known | news
        person.changed = True
        self.saved.updated += 1
        if address and address != person.address:
            self._moves_to(person, address)

    def _moves_to(self, person: _Person, address: bytes | None) -> None:
        if person.address:
            self.by_address[person.address].remove(person)
            self.households.add(person.address)
        if address and not person.is_new:
            self.households.add(address)
        person.address = address
        if address:
            if neighbours := self.by_address[address]:
                self.households.add(address)
            neighbours.append(person)

    def _load(self, cleans: Collection[CleanContact]) -> None:
        """Who is known by identity; then, of the others, who is known by address."""
        rows = incoming.known_by("identity", [t for each in self.identities.values() for t in each])
        current = {t: tokens[0] for tokens in self.identities.values() for t in tokens}
        loaded = {}
        for row in rows:
            person = self._person(row)
            loaded[person.id] = self.people[current[row.identity]] = person
        unknown = [each for each in cleans if self.identities[id(each)][0] not in self.people]
        addresses = {t for each in unknown for t in self._addresses(each.email)}
        for row in incoming.known_by("email_token", addresses):
            if row.id not in loaded and not row.erased:
                person = self._person(row)
                self.people.setdefault(person.identity, person)
                loaded[row.id] = person
        for person in loaded.values():
            if person.address:
                self.by_address[person.address].append(person)

    def _person(self, row: incoming.Known) -> _Person:
        profile: dict[str, Value] | None = None
        address, identity = row.address, row.identity
        if not row.erased:
            try:
                profile = orjson.loads(self._open(row.id, row.profile))
            except CannotOpen:
                log.error("profile_unreadable", contact_id=str(UUID(bytes=row.id)))
        if profile and len(self.indexes) > 1:  # it may stand under the older key
            email = EmailAddress.parse(str(profile[EMAIL])) if profile.get(EMAIL) else None
            address = self._address(email)
            identity = self._wide("identity", identity_of(profile, email))[0]
        return _Person(row.id, identity, profile, row.profile, address, row.source)

    def _address(self, email: EmailAddress | None) -> bytes | None:
        return self.indexes[0].wide("email", email.match_key) if email else None

    def _addresses(self, email: EmailAddress | None) -> list[bytes]:
        return self._wide("email", email.match_key) if email else []

    def _wide(self, name: str, text: str) -> list[bytes]:
        return [index.wide(name, text) for index in self.indexes]


def _is_another(person: _Person, clean: CleanContact) -> bool:
    """Whether somebody known by address and birth date alone has another first name: a twin."""
    by_record = RECORD_NUMBER in clean.profile or person.profile is None
    return not by_record and not _same(person, clean)


def _same(person: _Person, clean: CleanContact) -> bool:
    return person.profile is not None and same_person(person.profile, clean.profile)


class _Tokens(dict[Any, bytes]):
    """A field's values with their tokens, packed for writing, made when they are first met."""

    def __init__(self, definition: Field, index: BlindIndex) -> None:
        super().__init__()
        self._definition, self._index = definition, index
        self._is_list = definition.type in (FieldType.CHOICES, FieldType.CODES)

    def of(self, value: Value) -> bytes:
        """The tokens of a value that is known."""
        if isinstance(value, list):
            return b"".join([self[member] for member in value])
        return self[value]

    def __missing__(self, member: Any) -> bytes:
        if len(self) >= REMEMBERED:
            self.clear()
        value = [member] if self._is_list else member
        entries = entries_of(self._definition, value)
        tokens = b"".join(incoming.pack_token(self._index.token(*entry)) for entry in entries)
        self[member] = tokens
        return tokens


class _DateTokens(_Tokens):
    """The tokens of dates, which are those of their month."""

    def of(self, value: Value) -> bytes:
        return self[str(value)[:MONTH_CHARACTERS]]


class IndexTokens:
    """The tokens of profiles under one index key. Remembers those of common values."""

    def __init__(self, definitions: Iterable[Field], index: BlindIndex) -> None:
        self._fields = {
            each.key: (_DateTokens if each.type is FieldType.DATE else _Tokens)(each, index).of
            for each in definitions
            if each.searchable
        }

    def of(self, profile: Mapping[str, Value]) -> bytes:
        """All tokens of a profile, packed for writing."""
        found = []
        for key, value in profile.items():
            tokens_of = self._fields.get(key)
            if tokens_of is not None and value is not None:
                found.append(tokens_of(value))
        return b"".join(found)


@lru_cache(maxsize=4)
def index_tokens(definitions: tuple[Field, ...], index: BlindIndex) -> IndexTokens:
    """The same from batch to batch, with what it remembers."""
    return IndexTokens(definitions, index)


class _Writer:
    """Writes what of a stock has changed."""

    def __init__(self, stock: _Stock) -> None:
        self.stock = stock
        self.fields = fields()
        ring = keyring(KeyUse.INDEX)
        self.index_version = ring.current.version
        self.tokens = index_tokens(tuple(self.fields), stock.indexes[0])
        self.seal = keyring(KeyUse.PROFILE).sealer(TABLE)

    def write(self, source: UUID | None, now: datetime | None) -> None:
        changed = {each.id: each for each in self.stock.people.values() if each.changed}.values()
        origin = source.bytes if source else None
        if source and now:
            known = [each for each in changed if not each.is_new and each.source != origin]
            incoming.keep_for_undo(source, ((each.id, each.sealed) for each in known), now)
        incoming.write([self.packed(each, origin) for each in changed], self.index_version, now)
        incoming.mark_households(self.stock.households)
        self._keep_codes(changed)

    def packed(self, person: _Person, origin: bytes | None) -> bytes:
        profile = person.profile or {}
        email = profile.get(EMAIL)
        return incoming.pack(
            is_new=person.is_new,
            id=person.id,
            profile=self.seal(orjson.dumps(profile), person.id),
            identity=person.identity,
            tokens=self.tokens.of(profile),
            address=person.address,
            mail_domain=email.rpartition("@")[2] if isinstance(email, str) else "",
            language=str(profile.get(LANGUAGE) or FALLBACK_LANGUAGE),
            relationship=str(profile.get(RELATIONSHIP) or UNKNOWN_RELATIONSHIP),
            deceased=profile.get(DECEASED) is True,
            source=origin,
        )

    def _keep_codes(self, people: Iterable[_Person]) -> None:
        for definition in self.fields:
            if definition.type is FieldType.CODES:
                values = ((person.profile or {}).get(definition.key) for person in people)
                # Not a list while a field of another type is being converted.
                lists = (value for value in values if isinstance(value, list))
                keep_codes(definition.key, {code for value in lists for code in value})


def keep_codes(field_key: str, codes: Collection[str]) -> None:
    """Remember codes (`system|code|display`) for searching by their display."""
    CodeEntry.objects.bulk_create(
        [
            CodeEntry(field=field_key, system=system, code=code, display=code_display(each))
            for each in sorted(codes)
            if "|" in each
            for system, code, *_ in [each.split("|")]
        ],
        ignore_conflicts=True,
        batch_size=1_000,
    )
