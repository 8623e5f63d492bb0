"""Segments as their list shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from contacts.models import Segment
from contacts.queries.audience import SEGMENT_TABLE, segments_by_name
from contacts.queries.definitions import vocabulary
from contacts.rules import segments
from contacts.usage import Use, uses_of
from tenancy.keys import keyring
from tenancy.models import KeyUse


@dataclass(frozen=True, slots=True)
class Listed:
    """A segment with what it says, or why it cannot be used, and what uses it."""

    segment: Segment
    words: str = field(repr=False)
    problem: str
    uses: list[Use]


def listed_segments() -> list[Listed]:
    """Every segment by name. The words name diagnoses."""
    found, known = segments_by_name(), vocabulary()
    uses, ring = uses_of([each.id for each in found]), keyring(KeyUse.PROFILE)
    listed = []
    for each in found:
        text = ring.open(bytes(each.tree), SEGMENT_TABLE, each.id)
        words = problem = ""
        try:
            words = segments.in_words(segments.parse(text, known), known)
        except segments.SegmentProblem as wrong:
            problem = str(wrong)
        listed.append(Listed(each, words, problem, uses[each.id]))
    return listed


def uses_of_segment(segment_id: UUID) -> list[Use]:
    """What would break without the segment."""
    return uses_of([segment_id])[segment_id]
