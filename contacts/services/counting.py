"""Counts as they may be shown to somebody who can ask again and again.

Two segments that differ by one person would tell about that person, if both counts were shown as
they are. So a count that was shown stands for every segment that differs from it by a few people,
and for the same segment while only a few people come and go.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from contacts import queries
from contacts.models import ShownCount
from contacts.queries.audience import SHOWN_TABLE
from contacts.rules import segments
from contacts.rules.counts import SMALL, Count, hide_few, hide_small, part_in_words
from tenancy.keys import keyring
from tenancy.models import KeyUse

REMEMBERED = timedelta(days=1)
COMPARED = 30
"""Earlier counts of like size that one is compared with. Each may cost as much as counting, so
where there are more the count is told in tens."""


def shown_count(tree: segments.Segment, today: date, now: datetime) -> Count:
    """How many people the segment means, as far as it may be told (`rules.counts`)."""
    exact = queries.count(tree, today)
    if exact <= SMALL:
        return hide_few(exact)
    return hide_small(_told(tree, exact, today, now).shown)


def shown_reach(tree: segments.Segment, purpose: str, today: date, now: datetime) -> str | None:
    """How many of them may be mailed for a purpose, in words; None if nobody can tell."""
    reach = queries.reach(tree, today, purpose)
    if reach is None:
        return None
    exact = queries.count(tree, today)
    if exact <= SMALL:
        return part_in_words(reach, exact)
    told = _told(tree, exact, today, now)
    earlier = told.reach.get(purpose)
    if earlier is None or abs(reach - earlier) > SMALL:
        told.reach[purpose] = reach if told.shown == told.exact else round(reach, -1)
        ShownCount.objects.filter(id=told.id).update(reach=told.reach)
    return part_in_words(told.reach[purpose], told.shown)


def forget_shown_counts(now: datetime) -> None:
    """Delete what is too old to be compared with. Runs inside `acting_for`."""
    ShownCount.objects.filter(created_at__lt=now - REMEMBERED).delete()


def _told(tree: segments.Segment, exact: int, today: date, now: datetime) -> ShownCount:
    """What was shown for people who differ from these by SMALL at most, else what is shown now."""
    near = ShownCount.objects.filter(
        exact__range=(exact - SMALL, exact + SMALL), created_at__gte=now - REMEMBERED
    ).order_by("-created_at")
    if near.count() > COMPARED:
        return ShownCount(exact=exact, shown=round(exact, -1))
    vocabulary, ring = queries.vocabulary(), keyring(KeyUse.PROFILE)
    for earlier in near:
        try:
            text = ring.open(bytes(earlier.tree), SHOWN_TABLE, earlier.id)
            other = segments.parse(text, vocabulary)
        except segments.SegmentProblem:  # a field of it is gone
            continue
        if other == tree or _difference(tree, other, today) <= SMALL:
            return earlier
    return _remember(tree, exact)


def _difference(one: segments.Segment, other: segments.Segment, today: date) -> int:
    """How many people are in one of the segments alone."""
    return _without(one, other, today) + _without(other, one, today)


def _without(one: segments.Segment, other: segments.Segment, today: date) -> int:
    outside = segments.NoneOf(of=(other.where,))
    return queries.count(segments.Segment(where=segments.All(of=(one.where, outside))), today)


def _remember(tree: segments.Segment, exact: int) -> ShownCount:
    row = ShownCount(exact=exact, shown=exact)
    text = segments.to_json(tree).encode()
    row.tree = keyring(KeyUse.PROFILE).seal(text, SHOWN_TABLE, row.id)
    row.save(force_insert=True)
    return row
