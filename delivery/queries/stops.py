"""What is being sent, what an emergency stop would do, and what one did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from delivery.models import EmergencyStop, LaneHold, Mailing, Message
from delivery.rules import OPEN, Status

EARLIER = timedelta(days=90)
"""How far back campaigns are withdrawn on request."""
PAGE = 50
REACHED = (Status.ACCEPTED, Status.IN_PORTAL, Status.UNCERTAIN, Status.TRANSMITTING)
"""Who has a message, or may have it."""


def standing_stop() -> EmergencyStop | None:
    """The emergency stop that stands; while there is one, nothing may be sent."""
    found: EmergencyStop | None = EmergencyStop.objects.filter(lifted_at=None).first()
    return found


def past_stops(limit: int = 10) -> list[EmergencyStop]:
    """The latest stops that were lifted."""
    rows = EmergencyStop.objects.filter(lifted_at__isnull=False).order_by("-started_at")
    return list(rows[:limit])


@dataclass(frozen=True, slots=True)
class OpenMailing:
    """A campaign's mailing that is not finished. `by_status` counts its messages."""

    mailing: Mailing
    by_status: Counter[str]

    @property
    def waiting(self) -> int:
        return self.by_status[Status.QUEUED]

    @property
    def reached(self) -> int:
        return sum(self.by_status[status] for status in REACHED)

    @property
    def total(self) -> int:
        return self.by_status.total()


def open_mailings() -> list[OpenMailing]:
    """What is being sent, or would be, the newest first. Two queries."""
    mailings = list(
        Mailing.objects.filter(kind="campaign", status__in=OPEN)
        .defer("sealed_content")
        .order_by("-created_at")
    )
    counts = _counts([mailing.id for mailing in mailings])
    return [OpenMailing(mailing, counts.get(mailing.id, Counter())) for mailing in mailings]


def _counts(mailing_ids: Collection[UUID]) -> dict[UUID, Counter[str]]:
    rows = (
        Message.objects.filter(mailing_id__in=mailing_ids)
        .values_list("mailing_id", "status")
        .annotate(Count("id"))
    )
    found: dict[UUID, Counter[str]] = {}
    for mailing, status, number in rows:
        found.setdefault(mailing, Counter())[status] += number
    return found


def earlier_campaigns(now: datetime) -> Q:
    """Which mailings of the last weeks may still be open in the portal."""
    return Q(
        kind="campaign",
        status__in=("finished", "stopped"),
        withdrawn_at=None,
        created_at__gt=now - EARLIER,
    )


@dataclass(frozen=True, slots=True)
class Extent:
    """What an emergency stop would do now: how many campaigns it would stop, how many messages
    would not go out, how many would be withdrawn in the portal, and how many of earlier ones could
    be."""

    campaigns: int
    waiting: int
    in_portal: int
    earlier_campaigns: int
    earlier_in_portal: int


def extent(now: datetime) -> Extent:
    """The numbers of a stop, for whoever confirms it."""
    opened = open_mailings()
    earlier = Mailing.objects.filter(earlier_campaigns(now)).values_list("id", flat=True)
    left = _counts(list(earlier))
    return Extent(
        len(opened),
        sum(each.waiting for each in opened),
        sum(each.by_status[Status.IN_PORTAL] for each in opened),
        sum(1 for counts in left.values() if counts[Status.IN_PORTAL]),
        sum(counts[Status.IN_PORTAL] for counts in left.values()),
    )


def reached_counts(stop: EmergencyStop) -> list[tuple[UUID, Counter[str]]]:
    """By mailing that a stop stopped: its reference, and its messages by status."""
    ids = [UUID(each) for each in stop.mailings]
    references = dict(
        Mailing.objects.filter(id__in=ids).order_by("id").values_list("id", "reference")
    )
    counts = _counts(ids)
    return [(reference, counts.get(key, Counter())) for key, reference in references.items()]


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody who has a message that was stopped, or may have it."""

    message_id: UUID
    contact_id: UUID
    status: str


def reached(stop: EmergencyStop, after: UUID | None) -> tuple[list[Reached], bool]:
    """A page of who was reached, by message, behind `after`; and whether there are more."""
    ids = [UUID(each) for each in stop.mailings]
    rows = Message.objects.filter(mailing_id__in=ids, status__in=REACHED)
    if after is not None:
        rows = rows.filter(id__gt=after)
    found = rows.order_by("id").values_list("id", "contact_id", "status")[: PAGE + 1]
    people = [Reached(*row) for row in found]
    return people[:PAGE], len(people) > PAGE


@dataclass(frozen=True, slots=True)
class Resting:
    """A mail provider that is left alone for a while, and why."""

    lane: str
    until: datetime
    why: str


def lanes_at_rest(now: datetime) -> list[Resting]:
    """Providers that asked us to wait, or refused us as a whole."""
    rows = LaneHold.objects.filter(until__gt=now).order_by("until")
    return [
        Resting(row.lane, row.until, _WHY.get(row.reason, "It does not take our mail for now."))
        for row in rows
    ]


_WHY = {
    "throttled": "It asks us to send more slowly.",
    "greeting_refused": "It does not talk to us at the moment.",
    "policy": "It refuses our mail by its own rules.",
}
