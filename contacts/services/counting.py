"""Counts as they may be shown to somebody who can ask again and again.

Two segments that differ by one person would tell about that person, if both counts were shown as
they are. So a count that was shown stands for every segment that differs from it by a few people,
and for the same segment while only a few people come and go. Whatever else is told about such a
segment is told of the one that stands for it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from contacts import queries
from contacts.models import ShownCount
from contacts.queries.audience import SHOWN_TABLE
from contacts.rules import segments
from contacts.rules.counts import NOT_TODAY, SMALL, Count, hide_few, part_in_words
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

REMEMBERED = timedelta(days=1)
COMPARED = 50
"""Counts of like size that are remembered. A new one is compared with each, which may cost as much
as counting. Once there are so many, no other is told: a rounded number would tell of the one
person at whom it changes."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The segment whose figures are told in place of another one's, its count, and the row that
    remembers it, unless it is small."""

    tree: segments.Segment
    number: int
    row: ShownCount | None = None


def shown_count(tree: segments.Segment, today: date, now: datetime) -> Count:
    """How many people the segment means, as far as it may be told (`rules.counts`)."""
    told = stand_in(tree, today, now)
    if told is None:
        return NOT_TODAY
    return hide_few(told.number)


def shown_reach(tree: segments.Segment, purpose: str, today: date, now: datetime) -> str | None:
    """How many of them may be mailed for a purpose, in words; None if it cannot be told."""
    told = stand_in(tree, today, now)
    reach = queries.reach(told.tree, today, purpose) if told else None
    if told is None or reach is None:
        return None
    if told.row is not None:
        reach = _as_told(told.row, purpose, reach)
    return part_in_words(min(reach, told.number), told.number)


def stand_in(tree: segments.Segment, today: date, now: datetime) -> StandIn | None:
    """What was told of people who differ from these by SMALL at most, else these themselves.

    From then on until the transaction ends nobody else is told a new count: do what takes long
    before. None if they would be one more of so many segments of this size that were counted today.
    """
    exact = queries.count(tree, today)
    near = _near(exact, now)
    told = _told_before(tree, near, today)
    if told:
        return told
    if exact <= SMALL:
        return StandIn(tree, exact) if len(near) <= COMPARED else None
    _one_at_a_time()
    compared = {row.id for row in near}
    near = _near(exact, now)
    if told := _told_before(tree, [row for row in near if row.id not in compared], today):
        return told
    return None if len(near) >= COMPARED else StandIn(tree, exact, _remember(tree, exact))


def _near(exact: int, now: datetime) -> list[ShownCount]:
    """Earlier counts of like size, the latest first."""
    rows = ShownCount.objects.filter(
        exact__range=(exact - SMALL, exact + SMALL), created_at__gte=now - REMEMBERED
    )
    return list(rows.order_by("-created_at"))


def _told_before(tree: segments.Segment, near: list[ShownCount], today: date) -> StandIn | None:
    """The first of these whose people differ from the tree's by SMALL at most. Of more than
    COMPARED none but the same segment: comparing would take longer than anybody waits."""
    trees = _opened(near)
    for row, other in trees:
        if other == tree:
            return StandIn(other, row.shown, row)
    for row, other in trees if len(near) <= COMPARED else ():
        if _differ_by_few(tree, other, today):
            return StandIn(other, row.shown, row)
    return None


def _opened(rows: list[ShownCount]) -> list[tuple[ShownCount, segments.Segment]]:
    """Remembered counts with their segments, without those that ask for a field that is gone."""
    vocabulary, ring, found = queries.vocabulary(), keyring(KeyUse.PROFILE), []
    for row in rows:
        with suppress(segments.SegmentProblem):
            text = ring.open(bytes(row.tree), SHOWN_TABLE, row.id)
            found.append((row, segments.parse(text, vocabulary)))
    return found


def forget_shown_counts(now: datetime) -> None:
    """Delete what is too old to be compared with. Runs inside `acting_for`."""
    ShownCount.objects.filter(created_at__lt=now - REMEMBERED).delete()


def _as_told(row: ShownCount, purpose: str, reach: int) -> int:
    """What was told before, while only a few people come and go."""
    row = ShownCount.objects.select_for_update().get(id=row.id)  # others ask for other purposes
    earlier: int | None = row.reach.get(purpose)
    if earlier is not None and abs(reach - earlier) <= SMALL:
        return earlier
    row.reach[purpose] = reach
    row.save(update_fields=["reach"])
    return reach


def _one_at_a_time() -> None:
    """Until the transaction ends nobody else is told a count of this organization: two questions
    at the same moment would not know of each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('counts ' || %s, 0))",
            [str(current_organization_id())],
        )


def _differ_by_few(one: segments.Segment, other: segments.Segment, today: date) -> bool:
    """Whether SMALL people at most are in one of the segments alone."""
    first = _without(one, other, today)
    return first <= SMALL and first + _without(other, one, today) <= SMALL


def _without(one: segments.Segment, other: segments.Segment, today: date) -> int:
    outside = segments.NoneOf(of=(other.where,))
    return queries.count(segments.Segment(where=segments.All(of=(one.where, outside))), today)


def _remember(tree: segments.Segment, exact: int) -> ShownCount:
    row = ShownCount(exact=exact, shown=exact)
    text = segments.to_json(tree).encode()
    row.tree = keyring(KeyUse.PROFILE).seal(text, SHOWN_TABLE, row.id)
    row.save(force_insert=True)
    return row
