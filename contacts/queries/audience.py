"""Who a segment means: decided by the blind index as far as it can, the rest opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from uuid import UUID

from django.db import connection

from contacts.models import Segment
from contacts.queries.definitions import fields_by_key, indexed_fields, vocabulary
from contacts.queries.helping import everybody_matching
from contacts.queries.opening import FETCHED, as_json, everybodys_ids, matches
from contacts.reach import reachable
from contacts.rules import segments
from contacts.rules.fields import Value
from tenancy.keys import blind_indexes, keyring
from tenancy.models import KeyUse

SEGMENT_TABLE = "contacts_segment"
SHOWN_TABLE = "contacts_showncount"
ASKED_AT_ONCE = 20_000


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
    for who, domain in _matching(tree, bounds(tree, today).possible, today):
        yield UUID(bytes=who), domain


def recipients(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    """The same for a launch, ids as 16 bytes: it takes a million without making an object of each.
    Where everybody is meant there is nothing to decide, and nobody is opened."""
    found = bounds(tree, today)
    if found.exact and found.possible is True:
        return everybodys_ids()
    return _matching(tree, found.possible, today)


def count(tree: segments.Segment, today: date) -> int:
    """How many `matching` would return. Hide small ones before showing (`rules.counts`).

    Where the index is certain it is believed without opening: two values of an organization share
    a token of 64 bits less than once in ten million organizations of a million patients.
    """
    found = bounds(tree, today)
    certain = count_by_index(found.certain)
    if found.exact:
        return certain
    return certain + sum(1 for _ in _matching(tree, found.between, today))


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
        people = _matching(tree, found.possible, today)
        yield from (UUID(bytes=who) for who, _ in people)
        return
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM contacts_ids(%s::jsonb) AS id", [as_json(found.possible)])
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
        cursor.execute("SELECT contacts_count(%s::jsonb)", [as_json(question)])
        return int(cursor.fetchone()[0])


def matching_profiles(tree: segments.Segment, today: date) -> Iterator[dict[str, Value]]:
    """The profiles of everybody the segment means."""
    for _, _, profile in matches(tree, bounds(tree, today).possible, today):
        yield profile


def _matching(
    tree: segments.Segment, question: segments.Question, today: date
) -> Iterator[tuple[bytes, str]]:
    """Id and mail domain of who answers the question and, opened, matches."""
    if question is True:
        return everybody_matching(tree, today)
    return ((who, domain) for who, domain, _ in matches(tree, question, today))
