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
from contacts.rules.indexing import ELSEWHERE, MONTH_CHARACTERS, entries_of
from contacts.rules.starter import DECEASED, EMAIL, LANGUAGE, RECORD_NUMBER, RELATIONSHIP
from contacts.services import incoming
from encryption.blind_index import BlindIndex
from encryption.cipher import CannotOpen
from encryption.keyring import Key, Keyring
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
    batch = Batch(cleans, Tools.now(), source)
    batch.prepare()
    batch.write()
    return batch.saved


def preview_many(cleans: Collection[CleanContact]) -> Saved:
    """What `save_many` would do now. Stores nothing."""
    batch = Batch(cleans, Tools.now())
    batch.look_up()
    batch.merge()
    return batch.saved


def save_prepared(batch: Batch) -> Saved:
    """`save_many` of a batch that was prepared before, while others wrote. It is prepared again if
    it would come out otherwise now."""
    one_writer_at_a_time()
    tools = Tools.now()
    if not batch.holds(tools):
        batch.start_over(tools)
        batch.prepare()
    batch.write()
    return batch.saved


def rebuild(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Seal and index known contacts again under the current keys and fields. Their values, the
    time of their last change and the marks of households stay."""
    stock = _Stock((), Tools.now())
    for who, profile in profiles.items():
        stock.replace(who, profile)
    stock.households.clear()
    writer = _Writer(stock, None)
    writer.pack()
    writer.write(None)


class IdentityTaken(ValueError):
    """Another contact has this medical record number, or this email and birth date."""


def replace_profiles(profiles: Mapping[UUID, dict[str, Value]]) -> None:
    """Give contacts these values and no others, by id. Call `one_writer_at_a_time` first.

    Raises `IdentityTaken`, and then changes nothing.
    """
    stock = _Stock((), Tools.now())
    addresses = Contact.objects.filter(id__in=profiles).values_list("email_token", flat=True)
    stock.households.update(token.bytes for token in addresses if token)
    for who, profile in profiles.items():
        stock.replace(who, profile)
    # Not left to the unique constraint alone: the other may stand under the older index key.
    holders = incoming.known_by("identity", list(stock.claimed))
    taken = any(stock.claimed[each.identity] != each.id for each in holders)
    writer = _Writer(stock, None)
    writer.pack()
    try:
        with transaction.atomic():
            if taken or len(set(stock.claimed.values())) < len(profiles):
                raise IntegrityError
            writer.write(timezone.now())
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


@dataclass(frozen=True, slots=True)
class Tools:
    """The fields and keys of the organization that storing people takes. Two are equal if they
    store the same."""

    fields: tuple[Field, ...]
    indexes: tuple[BlindIndex, ...]
    index_version: int
    sealed_under: Key
    profiles: Keyring = field(repr=False, compare=False)

    @classmethod
    def now(cls) -> Tools:
        ring = keyring(KeyUse.PROFILE)
        version = keyring(KeyUse.INDEX).current.version
        return cls(tuple(fields()), tuple(blind_indexes()), version, ring.current, ring)


class Batch:
    """People of some rows on their way into the database.

    Call `look_up`, `merge`, `pack` and `write` in this order. `merge` and `pack` do not need the
    database, so another thread may do them; nor does making a batch.
    """

    def __init__(
        self, cleans: Collection[CleanContact], tools: Tools, source: UUID | None = None
    ) -> None:
        self._cleans, self._source = cleans, source
        self.start_over(tools)

    def start_over(self, tools: Tools) -> None:
        """Forget what was prepared."""
        self._stock = _Stock(self._cleans, tools)
        self._writer = _Writer(self._stock, self._source)

    def prepare(self) -> None:
        """All but `write`."""
        self.look_up()
        self.merge()
        self.pack()

    @property
    def saved(self) -> Saved:
        """What became of the people, once they are merged."""
        return self._stock.saved

    @property
    def knows_anybody(self) -> bool:
        """Whether somebody was found."""
        return self._stock.knows_anybody

    @property
    def rows(self) -> list[bytes]:
        """The people as they will be written, once they are packed."""
        return self._writer.rows

    def look_up(self) -> None:
        """Find who is known. Without it everybody is taken for new."""
        self._stock.look_up()

    def merge(self) -> None:
        """Decide what becomes of each row."""
        self._stock.load()
        for clean in self._cleans:
            self._stock.merge(clean)

    def pack(self) -> None:
        """Seal and index who changed."""
        self._writer.pack()

    def holds(self, tools: Tools) -> bool:
        """Whether all of it would come out the same now. Ask under `one_writer_at_a_time`."""
        return self._stock.tools == tools and self._stock.holds()

    def write(self) -> None:
        """Store who changed. Call `one_writer_at_a_time` first."""
        self._writer.write(timezone.now())


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

    def __init__(self, cleans: Collection[CleanContact], tools: Tools) -> None:
        self.saved = Saved()
        self.tools, self.indexes = tools, tools.indexes
        self.cleans = cleans
        self.identities = {id(clean): self._wide("identity", clean.identity) for clean in cleans}
        self.addresses = {id(clean): self._addresses(clean.email) for clean in cleans}
        self.people: dict[bytes, _Person] = {}
        self.by_address: defaultdict[bytes, list[_Person]] = defaultdict(list)
        self.households: set[bytes] = set()
        self.claimed: dict[bytes, bytes] = {}
        self._open = tools.profiles.opener(TABLE)
        self._by_identity: list[incoming.Known] = []
        self._by_address: list[incoming.Known] = []

    def look_up(self) -> None:
        """Find who is known by identity; then, of the others, who is known by address."""
        self._by_identity = incoming.known_by("identity", self._all_identities())
        self._by_address = incoming.known_by("email_token", self._addresses_of_unknown())

    @property
    def knows_anybody(self) -> bool:
        return bool(self._by_identity or self._by_address)

    def holds(self) -> bool:
        """Whether looking up finds the same, and in the same state."""
        return incoming.states_by("identity", self._all_identities()) == {
            (each.id, each.state) for each in self._by_identity
        } and incoming.states_by("email_token", self._addresses_of_unknown()) == {
            (each.id, each.state) for each in self._by_address
        }

    def load(self) -> None:
        """Open who was found."""
        current, loaded = self._current(), {}
        for row in self._by_identity:
            person = self._person(row)
            loaded[person.id] = self.people[current[row.identity]] = person
        for row in self._by_address:
            if row.id not in loaded and not row.erased:
                person = self._person(row)
                self.people.setdefault(person.identity, person)
                loaded[row.id] = person
        for person in loaded.values():
            if person.address:
                self.by_address[person.address].append(person)

    def merge(self, clean: CleanContact) -> None:
        """Take in one row."""
        identity = self.identities[id(clean)][0]
        address = next(iter(self.addresses[id(clean)]), None)
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

    def _all_identities(self) -> list[bytes]:
        return [token for tokens in self.identities.values() for token in tokens]

    def _current(self) -> dict[bytes, bytes]:
        """Identity tokens under the current key, by those under any."""
        return {token: tokens[0] for tokens in self.identities.values() for token in tokens}

    def _addresses_of_unknown(self) -> set[bytes]:
        current = self._current()
        known = {current[each.identity] for each in self._by_identity}
        return {
            token
            for clean in self.cleans
            if self.identities[id(clean)][0] not in known
            for token in self.addresses[id(clean)]
        }

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

    def __missing__(self, member: Any) -> bytes:
        if len(self) >= REMEMBERED:
            self.clear()
        value = [member] if self._is_list else member
        entries = entries_of(self._definition, value)
        tokens = b"".join(incoming.pack_token(self._index.token(*entry)) for entry in entries)
        self[member] = tokens
        return tokens


class IndexTokens:
    """The tokens of profiles under one index key. Remembers those of common values."""

    def __init__(self, definitions: Iterable[Field], index: BlindIndex) -> None:
        # With each field how much of a text its tokens depend on: of a date, the month.
        self._fields = {
            each.key: (
                _Tokens(each, index),
                MONTH_CHARACTERS if each.type is FieldType.DATE else None,
            )
            for each in definitions
            if each.searchable and each.key not in ELSEWHERE
        }

    def of(self, profile: Mapping[str, Value]) -> bytes:
        """All tokens of a profile, packed for writing."""
        found, fields = [], self._fields
        for key, value in profile.items():
            field = fields.get(key)
            if field is None:
                continue
            tokens, letters = field
            if isinstance(value, str):
                found.append(tokens[value[:letters]])
            elif isinstance(value, list):
                found += [tokens[member] for member in value]
            elif value is not None:
                found.append(tokens[value])
        return b"".join(found)


@lru_cache(maxsize=4)
def index_tokens(definitions: tuple[Field, ...], index: BlindIndex) -> IndexTokens:
    """The same from batch to batch, with what it remembers."""
    return IndexTokens(definitions, index)


class _Writer:
    """Writes what of a stock has changed."""

    def __init__(self, stock: _Stock, source: UUID | None) -> None:
        self.stock, self.source = stock, source
        self.changed: list[_Person] = []
        self.rows: list[bytes] = []
        self._tokens = index_tokens(stock.tools.fields, stock.indexes[0])
        self._seal = stock.tools.profiles.sealer(TABLE)

    def pack(self) -> None:
        """Seal and index, ready for the database."""
        people = {each.id: each for each in self.stock.people.values() if each.changed}
        self.changed = list(people.values())
        self.rows = [self._packed(each) for each in self.changed]

    def write(self, now: datetime | None) -> None:
        if self.source and now:
            origin = self.source.bytes
            known = [each for each in self.changed if not each.is_new and each.source != origin]
            incoming.keep_for_undo(self.source, ((each.id, each.sealed) for each in known), now)
        incoming.write(self.rows, self.stock.tools.index_version, now)
        incoming.mark_households(self.stock.households)
        self._keep_codes()

    def _packed(self, person: _Person) -> bytes:
        profile = person.profile or {}
        email = profile.get(EMAIL)
        return incoming.pack(
            is_new=person.is_new,
            id=person.id,
            profile=self._seal(orjson.dumps(profile), person.id),
            identity=person.identity,
            tokens=self._tokens.of(profile),
            address=person.address,
            mail_domain=email.rpartition("@")[2] if isinstance(email, str) else "",
            language=str(profile.get(LANGUAGE) or FALLBACK_LANGUAGE),
            relationship=str(profile.get(RELATIONSHIP) or UNKNOWN_RELATIONSHIP),
            deceased=profile.get(DECEASED) is True,
            source=self.source.bytes if self.source else None,
        )

    def _keep_codes(self) -> None:
        keys = {each.key for each in self.stock.tools.fields if each.type is FieldType.CODES}
        codes: defaultdict[str, set[str]] = defaultdict(set)
        for person in self.changed:
            profile = person.profile or {}
            for key in keys & profile.keys():
                value = profile[key]
                if isinstance(value, list):  # else its field is being converted
                    codes[key].update(value)
        for key, found in codes.items():
            keep_codes(key, found)


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
