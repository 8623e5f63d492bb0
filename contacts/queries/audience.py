"""Who a segment means: candidates from the blind index, then opened and decided exactly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import orjson
from django.db import connection

from contacts.conditions import facts_about
from contacts.models import Contact, Segment
from contacts.queries.definitions import fields_by_key, vocabulary
from contacts.queries.people import open_profile
from contacts.rules import segments
from tenancy.keys import blind_index, keyring
from tenancy.models import KeyUse

CHUNK = 2_000
"""Contacts opened at a time, so that memory does not grow with the audience."""

SEGMENT_TABLE = "contacts_segment"


def field_index_token(key: str, normalized: str) -> int:
    """The blind index token of one canonical value of a field."""
    return blind_index().token(key, normalized)


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


def matching(tree: segments.Segment, today: date) -> list[tuple[UUID, str]]:
    """Everybody the segment means, as (contact, mail domain). `today` is the local date.

    Contacts whose profile cannot be opened are left out and logged.
    """
    return list(_matching(tree, today))


def count(tree: segments.Segment, today: date) -> int:
    """How many `matching` would return. Hide small ones before showing (`rules.counts`)."""
    return sum(1 for _ in _matching(tree, today))


def _matching(tree: segments.Segment, today: date) -> Iterator[tuple[UUID, str]]:
    ring, wanted = keyring(KeyUse.PROFILE), segments.facts_used(tree)
    for ids in _candidates(tree):
        facts = facts_about(ids, wanted)
        rows = Contact.objects.filter(id__in=ids).values_list("id", "profile", "mail_domain")
        for contact, sealed, domain in rows:
            profile = open_profile(ring, contact, sealed)
            if profile is not None and segments.matches(tree, profile, facts[contact], today):
                yield contact, domain


def _candidates(tree: segments.Segment) -> Iterator[list[UUID]]:
    """Ids of a superset of the audience, some at a time."""
    clauses = segments.candidate_clauses(tree, fields_by_key(), field_index_token)
    with connection.chunked_cursor() as cursor:
        # As text: a bigint does not survive every JSON reader.
        as_text = [[str(token) for token in clause] for clause in clauses]
        cursor.execute(
            "SELECT id FROM contacts_candidates(%s::jsonb) AS id",
            [orjson.dumps(as_text).decode()],
        )
        while rows := cursor.fetchmany(CHUNK):
            yield [contact for (contact,) in rows]
