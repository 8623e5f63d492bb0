"""Stopping everything of an organization at once, and lifting that again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from audit import services as audit
from delivery import queries
from delivery.models import EmergencyStop, Mailing
from delivery.rules import OPEN
from delivery.services import mailings


def stop_everything(reason: str, by: UUID, also_earlier: bool, now: datetime) -> EmergencyStop:
    """Stop every campaign that is not finished, and withdraw its messages from the portal; with
    `also_earlier` also those of the last 90 days. The stop that stands already, if there is one.

    All in the caller's transaction. Workers see it before their next messages.
    """
    mailings.lock_opening(shared=False)
    standing = queries.standing_stop()
    if standing is not None:
        return standing
    opened = list(
        Mailing.objects.filter(kind="campaign", status__in=OPEN)
        .order_by("id")
        .values_list("id", flat=True)
    )
    withdrawn = list(opened)
    if also_earlier:
        earlier = Mailing.objects.filter(queries.earlier_campaigns(now))
        withdrawn += earlier.values_list("id", flat=True)
    stop: EmergencyStop = EmergencyStop.objects.create(
        started_at=now, started_by=by, reason=reason, mailings=[str(each) for each in opened]
    )
    not_sent = sum(mailings.stop(each) for each in opened)
    Mailing.objects.filter(id__in=withdrawn, withdrawn_at=None).update(withdrawn_at=now)
    audit.record(
        "emergency_stop_started",
        object_type="emergency_stop",
        object_id=stop.id,
        stopped=len(opened),
        withdrawn=[str(each) for each in withdrawn],
        not_sent=not_sent,
    )
    return stop


def lift(stop_id: UUID, by: UUID, now: datetime) -> None:
    """Let campaigns be launched again. What was stopped stays stopped, and what was withdrawn
    stays withdrawn."""
    lifted = EmergencyStop.objects.filter(id=stop_id, lifted_at=None).update(
        lifted_at=now, lifted_by=by
    )
    if lifted:
        audit.record("emergency_stop_lifted", object_type="emergency_stop", object_id=stop_id)
