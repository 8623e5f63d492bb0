"""Keeping a new sending domain to its day's number of messages, across all workers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F

from delivery.models import SenderDomain, SentOfDay
from delivery.warm_up import Day, allowance
from tenancy.current import current_organization_id
from tenancy.models import Organization


def left(domain: SenderDomain, lane: str, now: datetime) -> int | None:
    """How many messages of the day are left for a provider; None for as many as there are."""
    if domain.warm_up_from is None:
        return None
    today = _here(now).date()
    earlier = SentOfDay.objects.filter(domain=domain, lane=lane, day__lt=today)
    days = earlier.filter(day__gte=domain.warm_up_from)
    most = allowance([Day(*each) for each in days.values_list("sent", "deferred", "complained")])
    if most is None:
        return None
    row = SentOfDay.objects.filter(domain=domain, lane=lane, day=today).first()
    return max(0, most - (row.sent if row else 0))


def reserve(domain: SenderDomain, lane: str, wanted: int, now: datetime) -> int:
    """Take so many of the day's messages to a provider, or as many as are left; returns how many.

    They count as sent, whatever becomes of them: a provider counts attempts as well.
    """
    if domain.warm_up_from is None or not wanted:
        return wanted
    row = _locked_row(domain.id, lane, _here(now).date())
    still = left(domain, lane, now)
    granted = wanted if still is None else min(wanted, still)
    SentOfDay.objects.filter(id=row.id).update(sent=F("sent") + granted)
    return granted


def note_deferred(domain: SenderDomain, lane: str, number: int, now: datetime) -> None:
    """A provider put so many off: the next day's number does not grow for that."""
    if domain.warm_up_from is not None and number:
        row = _locked_row(domain.id, lane, _here(now).date())
        SentOfDay.objects.filter(id=row.id).update(deferred=F("deferred") + number)


def note_complaint(domain_id: UUID, lane: str, now: datetime) -> None:
    """A reader called a message of the domain unwanted."""
    row = _locked_row(domain_id, lane, _here(now).date())
    SentOfDay.objects.filter(id=row.id).update(complained=F("complained") + 1)


def tomorrow(now: datetime) -> datetime:
    """When the organization's next day begins."""
    here = _here(now)
    return (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _locked_row(domain_id: UUID, lane: str, day: date) -> SentOfDay:
    """The day's row, locked: two workers don't take the same messages."""
    known = SentOfDay.objects.filter(domain_id=domain_id, lane=lane, day=day)
    if not known.exists():
        try:
            with transaction.atomic():
                SentOfDay.objects.create(domain_id=domain_id, lane=lane, day=day)
        except IntegrityError:  # another worker was first
            pass
    row: SentOfDay = known.select_for_update().get()
    return row


def _here(now: datetime) -> datetime:
    organization = Organization.objects.get(id=current_organization_id())
    return now.astimezone(ZoneInfo(organization.time_zone))
