"""How long records of consent must be kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from consent import models

RETENTION_YEARS = 6


def authorizations_to_keep(contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Why contacts must stay: an authorization is kept for six years (45 CFR 164.530(j)(2))."""
    signed = models.Authorization.objects.filter(contact_id__in=contact_ids)
    return dict.fromkeys(
        signed.values_list("contact_id", flat=True), "there is a signed authorization"
    )


def authorizations_in_retention(contact_ids: Collection[UUID], now: datetime) -> dict[UUID, str]:
    """Why contacts may not be erased yet: six years from when an authorization was last in effect
    (45 CFR 164.508(b)(6), 164.530(j)(2))."""
    signed = models.Authorization.objects.filter(contact_id__in=contact_ids)
    last: dict[UUID, datetime] = {}
    for contact, expires_at, revoked_at in signed.values_list(
        "contact_id", "expires_at", "revocations__received_at"
    ):
        ended = min(expires_at, revoked_at) if revoked_at else expires_at
        last[contact] = max(last.get(contact, ended), ended)
    until = {contact: _years_later(ended, RETENTION_YEARS) for contact, ended in last.items()}
    return {
        contact: f"a signed authorization must be kept until {day:%B} {day.day}, {day.year}"
        for contact, day in until.items()
        if day > now
    }


def _years_later(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, month=3, day=1)
