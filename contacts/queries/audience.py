"""Who a segment means: decided by the blind index as far as it can, the rest opened."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from datetime import date
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

import orjson
import structlog
from django.db import connection

from contacts.conditions import facts_about
from contacts.models import Segment
from contacts.queries.definitions import fields_by_key, indexed_fields, vocabulary
from contacts.queries.people import TABLE
from contacts.reach import reachable
from contacts.rules import segments
from contacts.rules.fields import Value
from contacts.rules.segments.index import to_json
from encryption.cipher import CannotOpen
from tenancy.keys import blind_indexes, keyring
from tenancy.models import KeyUse

CHUNK = 5_000
"""Contacts whose facts are asked for at a time."""
FETCHED = 1_000
"""Rows that come from the server at a time."""

SEGMENT_TABLE = "contacts_segment"
SHOWN_TABLE = "contacts_showncount"
ASKED_AT_ONCE = 20_000

_Person: TypeAlias = tuple[bytes, str, dict[str, Value]]
"""Id, mail domain and profile."""

log = structlog.get_logger()


def segment_tree(segment: Segment) -> segments.Segment:
    """Open and read a stored segment.

    Raises `SegmentProblem` in words if it speaks of a field or choice that is no more.
    """
    text = keyring(KeyUse.PROFILE).open(bytes(segment.tree), SEGMENT_TABLE, segment.id)
    return segments.parse(text, vocabulary())


def segments_by_name() -> list[Segment]:
    return list(Segment.objects.order_by("name"))


def segment_by_id(segment_id: UUID) -> Segment | None:
    found: Segment | None = Segment.objects.filter(id=segment_id).first()
    return found


def description(tree: segments.Segment) -> str:
    """What the segment says, in one sentence. It names diagnoses."""
    return segments.in_words(tree, vocabulary())


def index_tokens(name: str, text: str) -> list[int]:
    """The tokens of an index entry, one for each index key that rows may stand under."""
    return [index.token(name, text) for index in blind_indexes()]


def bounds(tree: segments.Segment, today: date) -> segments.Bounds:
    """What the index knows of the segment."""
    return segments.bounds(tree, indexed_fields(), index_tokens, today)


def matching(tree: segments.Segment, today: date) -> Iterator[tuple[UUID, str]]:
    """Everybody the segment means, one by one: contact and mail domain. `today` is the local date.

    Each is opened and decided exactly, whatever the index says. Contacts whose profile cannot be
    opened are left out and logged.
    """
    return _opened_matches(tree, bounds(tree, today).possible, today)


def recipients(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    """The same for a launch, ids as 16 bytes: it takes a million without making an object of each.
    Where everybody is meant there is nothing to decide, and nobody is opened."""
    found = bounds(tree, today)
    if found.exact and found.possible is True:
        yield from _fetched(_ALL_IDS, [])
        return
    for who, domain, _ in _matches(tree, found.possible, today):
        yield who, domain


def count(tree: segments.Segment, today: date) -> int:
    """How many `matching` would return. Hide small ones before showing (`rules.counts`).

    Where the index is certain it is believed without opening: two values of an organization share
    a token of 64 bits less than once in ten million organizations of a million patients.
    """
    found = bounds(tree, today)
    certain = count_by_index(found.certain)
    if found.exact:
        return certain
    return certain + sum(1 for _ in _opened_matches(tree, found.between, today))


def reach(tree: segments.Segment, today: date, purpose: str) -> int | None:
    """How many of them may be mailed for a purpose, as things stand. Each is decided again at
    dispatch. Hide small ones, and with them the rest."""
    used = segments.fields_used(tree)
    chosen_by = [field for key, field in fields_by_key().items() if key in used]
    total = 0
    for ids in _batched(_ids(tree, today), ASKED_AT_ONCE):
        found = reachable(ids, purpose, chosen_by)
        if found is None:
            return None
        total += found
    return total


def _ids(tree: segments.Segment, today: date) -> Iterator[UUID]:
    found = bounds(tree, today)
    if not found.exact or isinstance(found.possible, bool):
        yield from (who for who, _ in _opened_matches(tree, found.possible, today))
        return
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM contacts_ids(%s::jsonb) AS id", [_as_json(found.possible)])
        while rows := cursor.fetchmany(FETCHED):
            yield from (who for (who,) in rows)


def _batched(ids: Iterator[UUID], size: int) -> Iterator[list[UUID]]:
    while batch := list(islice(ids, size)):
        yield batch


def count_by_index(question: segments.Question) -> int:
    """How many contacts answer a question about tokens."""
    if question is False:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT contacts_count(%s::jsonb)", [_as_json(question)])
        return int(cursor.fetchone()[0])


def _as_json(question: segments.Question) -> str:
    return orjson.dumps(to_json(question)).decode()


def matching_profiles(tree: segments.Segment, today: date) -> Iterator[dict[str, Value]]:
    """The profiles of everybody the segment means."""
    for _, _, profile in _matches(tree, bounds(tree, today).possible, today):
        yield profile


def _opened_matches(
    tree: segments.Segment, question: segments.Question, today: date
) -> Iterator[tuple[UUID, str]]:
    for who, domain, _ in _matches(tree, question, today):
        yield UUID(bytes=who), domain


def _matches(tree: segments.Segment, question: segments.Question, today: date) -> Iterator[_Person]:
    """Who answers the question and, opened, matches."""
    decide, wanted = segments.compile_segment(tree, today), segments.facts_used(tree)
    if not wanted:
        yield from (person for person in _opened(question) if decide(person[2], _NO_FACTS))
        return
    people = _opened(question)
    while some := list(islice(people, CHUNK)):
        facts = _facts([who for who, _, _ in some], wanted)
        yield from (person for person in some if decide(person[2], facts[person[0]]))


def _facts(who: list[bytes], wanted: Collection[segments.FactKey]) -> dict[bytes, segments.Facts]:
    known = facts_about([UUID(bytes=each) for each in who], wanted)
    return {contact.bytes: facts for contact, facts in known.items()}


def _opened(question: segments.Question) -> Iterator[_Person]:
    """Everybody who answers the question and can be opened, one by one: a list of thousands of
    profiles takes three times as long, for the memory it asks for."""
    open_row = keyring(KeyUse.PROFILE).opener(TABLE)
    for who, domain, sealed in _rows(question):
        try:
            yield who, domain, orjson.loads(open_row(who, sealed))
        except CannotOpen:
            log.error("profile_unreadable", contact_id=str(UUID(bytes=who)))


def _rows(question: segments.Question) -> Iterator[tuple[bytes, str, bytes]]:
    """(id, mail domain, sealed profile), through a cursor on the server and in binary: ids as
    bytes, because making UUIDs of a million costs more than opening their profiles."""
    if question is True:
        yield from _fetched(_EVERYBODY, [])
    elif question is not False:
        yield from _fetched(_SOME, [_as_json(question)])


def _fetched(sql: str, arguments: list[str]) -> Iterator[Any]:
    connection.ensure_connection()
    name = f"audience_{secrets.token_hex(4)}"
    with connection.connection.cursor(name, binary=True) as cursor:
        cursor.execute(sql, arguments)
        while rows := cursor.fetchmany(FETCHED):
            yield from rows


_NO_FACTS: segments.Facts = {}
_COLUMNS = "SELECT uuid_send(c.id), c.mail_domain, c.profile FROM contacts_contact c"
_ALL_IDS = "SELECT uuid_send(id), mail_domain FROM contacts_contact WHERE erased_at IS NULL"
_EVERYBODY = f"{_COLUMNS} WHERE c.erased_at IS NULL"
_SOME = f"{_COLUMNS} JOIN contacts_ids(%s::jsonb) AS found(id) ON c.id = found.id"
