"""Looking whether every mailing still adds up. It always should; somebody must know if not."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from consent import services as consent
from delivery import queries
from delivery.models import Batch, Mailing
from delivery.rules import LEASE, MailingStatus

LOOKED_AT_FOR = timedelta(days=2)
"""After its end a mailing changes only by bounces."""


def check_accounts(now: datetime) -> list[UUID]:
    """The mailings whose parts don't add up to their audience, or that stand still; each raises an
    alert."""
    recent = Q(finished_at=None) | Q(finished_at__gt=now - LOOKED_AT_FOR)
    mailings = Mailing.objects.filter(recent).exclude(status=MailingStatus.PLANNED)
    wrong = [
        mailing.id
        for mailing in mailings.only("id", "audience").iterator()
        if queries.progress(mailing.id).total != mailing.audience or _stands_still(mailing, now)
    ]
    for mailing_id in wrong:
        consent.raise_alert("sum_wrong", "mailing", mailing_id)
    return wrong


def _stands_still(mailing: Mailing, now: datetime) -> bool:
    """Whether a lease ran out long ago and nobody looked into it: no worker runs."""
    left = Batch.objects.filter(mailing=mailing, done=False, lease_until__lt=now - 2 * LEASE)
    return bool(left.exists())
