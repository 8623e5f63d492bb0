"""The people behind some rows: those known already, and those that the rows bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import orjson
import structlog
import uuid_utils

from contacts.queries.definitions import fields
from contacts.queries.people import TABLE
from contacts.rules.email import EmailAddress
from contacts.rules.fields import Field, Value
from contacts.rules.imports import (
    ANOTHER_NAME,
    SEVERAL,
    CleanContact,
    Reject,
    identity_of,
    same_person,
)
from contacts.rules.starter import EMAIL, RECORD_NUMBER
from contacts.services import incoming
from encryption.blind_index import BlindIndex
from encryption.cipher import CannotOpen
from encryption.keyring import Keyring
from tenancy.keys import blind_indexes, keyring
from tenancy.models import KeyUse

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


class Form(NamedTuple):
    """How people are stored: two with the same form store the same. Holds no key."""

    fields: tuple[Field, ...]
    index_keys: frozenset[UUID]
    index_version: int
    sealed_under: UUID


@dataclass(frozen=True, slots=True)
class Tools:
    """The fields and keys of the organization that storing people takes."""

    form: Form
    indexes: tuple[BlindIndex, ...] = field(repr=False)
    profiles: Keyring = field(repr=False)

    @classmethod
    def now(cls) -> Tools:
        profiles, index = keyring(KeyUse.PROFILE), keyring(KeyUse.INDEX)
        keys, version = frozenset(index.keys), index.current.version
        form = Form(tuple(fields()), keys, version, profiles.current.id)
        return cls(form, tuple(blind_indexes()), profiles)


class LookUp(NamedTuple):
    """Who was looked for, and the states in which contacts were found (`incoming.states_by`)."""

    column: str
    tokens: list[bytes]
    states: set[tuple[bytes, str]]


@dataclass(slots=True, eq=False)
class Person:
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


class Stock:
    """Finds out who is behind some rows, and what the rows make of them.

    Call `look_up`, `load` and `merge`. Only `look_up` needs the database; without it everybody is
    taken for new.
    """

    def __init__(self, cleans: Sequence[CleanContact], tools: Tools) -> None:
        self.saved = Saved()
        self.tools = tools
        self.cleans = cleans
        self.people: dict[bytes, Person] = {}
        self.by_address: defaultdict[bytes, list[Person]] = defaultdict(list)
        self.households: set[bytes] = set()
        self.older_addresses: dict[bytes, list[bytes]] = {}
        """Tokens of addresses under older keys, by those under the current one."""
        self.claimed: dict[bytes, bytes] = {}
        self._index, *self._older = tools.indexes
        self._identities = [self._index.wide("identity", each.identity) for each in cleans]
        self._addresses = [self._address(each.email) for each in cleans]
        self._open = tools.profiles.opener(TABLE)
        self._by_identity: list[incoming.Known] = []
        self._by_address: list[incoming.Known] = []

    def look_up(self) -> None:
        """Find who is known by identity; then, of the others, who is known by address."""
        self._by_identity = incoming.known_by("identity", self._all_identities())
        self._by_address = incoming.known_by("email_token", self._addresses_of_unknown())

    def looked_up(self) -> list[LookUp]:
        """What everything rests on: who was found, and who was not.

        Where nobody was found by identity, the unique constraint on identities finds out whether
        somebody came since, if there is one index key.
        """
        found = [(each.id, each.state) for each in self._by_identity]
        identities = [LookUp("identity", self._all_identities(), set(found))]
        states = {(each.id, each.state) for each in self._by_address}
        addresses = LookUp("email_token", self._addresses_of_unknown(), states)
        return [*(identities if found or self._older else ()), addresses]

    def load(self) -> None:
        """Open who was found."""
        current, loaded = self._current(), {}
        for row in self._by_identity:
            person = self._person(row)
            known_as = current.get(row.identity, row.identity)
            loaded[person.id] = self.people[known_as] = person
        for row in self._by_address:
            if row.id not in loaded and not row.erased:
                person = self._person(row)
                self.people.setdefault(person.identity, person)
                loaded[row.id] = person
        for person in loaded.values():
            if person.address:
                self.by_address[person.address].append(person)

    def merge(self) -> None:
        """Take in the rows, one after the other."""
        for each in zip(self.cleans, self._identities, self._addresses, strict=True):
            self._merge(*each)

    def replace(self, who: UUID, profile: dict[str, Value]) -> None:
        """Take in the whole of somebody who is known."""
        email = EmailAddress.parse(str(profile[EMAIL])) if profile.get(EMAIL) else None
        identity = identity_of(profile, email)
        tokens = [index.wide("identity", identity) for index in self.tools.indexes]
        address = self._address(email)
        self.people[who.bytes] = Person(
            who.bytes, tokens[0], profile, b"stored", address, changed=True
        )
        self.claimed.update(dict.fromkeys(tokens, who.bytes))
        if address:
            self.households.add(address)

    def changed(self) -> list[Person]:
        """Whoever has to be written, each once."""
        return list({each.id: each for each in self.people.values() if each.changed}.values())

    def _merge(self, clean: CleanContact, identity: bytes, address: bytes | None) -> None:
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

    def _add(self, clean: CleanContact, identity: bytes, address: bytes | None) -> None:
        person = Person(uuid_utils.uuid7().bytes, identity, clean.profile, changed=True)
        self.people[identity] = person
        self._moves_to(person, address)
        self.saved.created += 1
        self.saved.new.append(identity)

    def _adopted(self, person: Person, clean: CleanContact, identity: bytes) -> Person:
        """The same person, from now on known by the record number if only the row has one."""
        if RECORD_NUMBER in clean.profile:
            person.identity = identity
        self.people[identity] = person
        return person

    def _update(self, person: Person, news: dict[str, Value], address: bytes | None) -> None:
        known = person.profile
        if known is None or known | news == known:
            self.saved.unchanged += 1
            return
        person.profile = known | news
        person.changed = True
        self.saved.updated += 1
        if address and address != person.address:
            self._moves_to(person, address)

    def _moves_to(self, person: Person, address: bytes | None) -> None:
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
        """Tokens of the rows' identities, under any key."""
        return [*self._identities, *self._current()]

    def _current(self) -> dict[bytes, bytes]:
        """Identity tokens under the current key, by those under older ones."""
        return {
            index.wide("identity", clean.identity): identity
            for index in self._older
            for clean, identity in zip(self.cleans, self._identities, strict=True)
        }

    def _addresses_of_unknown(self) -> list[bytes]:
        current = self._current()
        known = {current.get(each.identity, each.identity) for each in self._by_identity}
        unknown = [
            address
            for identity, address in zip(self._identities, self._addresses, strict=True)
            if address and identity not in known
        ]
        older = [token for each in unknown for token in self.older_addresses.get(each, ())]
        return [*unknown, *older]

    def _person(self, row: incoming.Known) -> Person:
        profile: dict[str, Value] | None = None
        address, identity = row.address, row.identity
        if not row.erased:
            try:
                profile = orjson.loads(self._open(row.id, row.profile))
            except CannotOpen:
                log.error("profile_unreadable", contact_id=str(UUID(bytes=row.id)))
        if profile and self._older:  # it may stand under the older key
            email = EmailAddress.parse(str(profile[EMAIL])) if profile.get(EMAIL) else None
            address = self._address(email)
            identity = self._index.wide("identity", identity_of(profile, email))
        return Person(row.id, identity, profile, row.profile, address, row.source)

    def _address(self, email: EmailAddress | None) -> bytes | None:
        if email is None:
            return None
        address = self._index.wide("email", email.match_key)
        if self._older:
            older = [index.wide("email", email.match_key) for index in self._older]
            self.older_addresses[address] = older
        return address


def _is_another(person: Person, clean: CleanContact) -> bool:
    """Whether somebody known by address and birth date alone has another first name: a twin."""
    by_record = RECORD_NUMBER in clean.profile or person.profile is None
    return not by_record and not _same(person, clean)


def _same(person: Person, clean: CleanContact) -> bool:
    return person.profile is not None and same_person(person.profile, clean.profile)
