"""Opening the profiles of many contacts and deciding about each."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

import orjson
import structlog
from django.db import connection

from contacts.conditions import facts_about
from contacts.queries.people import TABLE
from contacts.rules import segments
from contacts.rules.fields import Value
from contacts.rules.segments.index import to_json
from encryption.cipher import CannotOpen
from tenancy.keys import keyring
from tenancy.models import KeyUse

CHUNK = 5_000
"""Contacts whose facts are asked for at a time."""
FETCHED = 1_000
"""Rows that come from the server at a time."""

Person: TypeAlias = tuple[bytes, str, dict[str, Value]]
"""Id, mail domain and profile."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Part:
    """Contacts whose id ends with an octet from `first` up to, not including, `end`. The last
    octets of ids are random and never change, so parts are even, and everybody is in one."""

    first: int = 0
    end: int = 256


WHOLE = Part()


def matches(
    tree: segments.Segment, question: segments.Question, today: date, part: Part = WHOLE
) -> Iterator[Person]:
    """Who answers the question and, opened, matches. Contacts whose profile cannot be opened are
    left out and logged."""
    decide, wanted = segments.compile_segment(tree, today), segments.facts_used(tree)
    people = _opened(question, part)
    if not wanted:
        yield from (person for person in people if decide(person[2], _NO_FACTS))
        return
    while some := list(islice(people, CHUNK)):
        facts = _facts([who for who, _, _ in some], wanted)
        yield from (person for person in some if decide(person[2], facts[person[0]]))


def everybodys_ids() -> Iterator[tuple[bytes, str]]:
    """Id and mail domain of all contacts. Nobody is opened."""
    return fetched(_ALL_IDS, [])


def as_json(question: segments.Question) -> str:
    """For the SQL functions `contacts_count` and `contacts_ids`."""
    return orjson.dumps(to_json(question)).decode()


def fetched(sql: str, arguments: list[str | int]) -> Iterator[Any]:
    """Rows one by one, through a cursor on the server and in binary."""
    connection.ensure_connection()
    name = f"audience_{secrets.token_hex(4)}"
    with connection.connection.cursor(name, binary=True) as cursor:
        cursor.execute(sql, arguments)
        while rows := cursor.fetchmany(FETCHED):
            yield from rows


def _facts(who: list[bytes], wanted: Collection[segments.FactKey]) -> dict[bytes, segments.Facts]:
    known = facts_about([UUID(bytes=each) for each in who], wanted)
    return {contact.bytes: facts for contact, facts in known.items()}


def _opened(question: segments.Question, part: Part) -> Iterator[Person]:
    """Everybody who answers the question and can be opened, one by one: a list of thousands of
    profiles takes three times as long, for the memory it asks for."""
    open_row, loads = keyring(KeyUse.PROFILE).opener(TABLE), orjson.loads
    for who, domain, sealed in _rows(question, part):
        try:
            yield who, domain, loads(open_row(who, sealed))
        except CannotOpen:
            log.error("profile_unreadable", contact_id=str(UUID(bytes=who)))


def _rows(question: segments.Question, part: Part) -> Iterator[tuple[bytes, str, bytes]]:
    """(id, mail domain, sealed profile): ids as bytes, because making UUIDs of a million costs
    more than opening their profiles."""
    if question is False:
        return iter(())
    sql, arguments = _EVERYBODY, list[str | int]()
    if question is not True:
        sql, arguments = _SOME, [as_json(question)]
    if part != WHOLE:
        sql, arguments = sql + _IN_PART, [*arguments, part.first, part.end - 1]
    return fetched(sql, arguments)


_NO_FACTS: segments.Facts = {}
_COLUMNS = "SELECT uuid_send(c.id), c.mail_domain, c.profile FROM contacts_contact c"
_ALL_IDS = "SELECT uuid_send(id), mail_domain FROM contacts_contact WHERE erased_at IS NULL"
_EVERYBODY = f"{_COLUMNS} WHERE c.erased_at IS NULL"
_SOME = (
    f"{_COLUMNS} JOIN contacts_ids(%s::jsonb) AS found(id) ON c.id = found.id"
    " WHERE c.erased_at IS NULL"
)
_IN_PART = " AND get_byte(uuid_send(c.id), 15) BETWEEN %s AND %s"
