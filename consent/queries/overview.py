"""Consent in figures: who may be written to, what ends, what was taken back, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from consent import models

BANDS = (30, 60, 90)
"""Days ahead by which authorizations that end are grouped."""


def standing_people(now: datetime) -> dict[str, int]:
    """Everybody who has an address, by how their consent stands. The parts are everybody.

    `ends_30` and so on end within so many days and not sooner; `live` ends later; `revoked` and
    `ended` have nothing that is live; `never` signed nothing. By the columns of authorizations,
    whose seals are checked when they are used.
    """
    ends = [now + timedelta(days=days) for days in BANDS]
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"now": now, "ends": ends})
        return dict(cursor.fetchall())


_STANDING = """
    WITH signed AS (
        SELECT a.contact_id,
            max(a.expires_at) FILTER (WHERE r.id IS NULL AND d.id IS NULL
                AND a.copy_given_at IS NOT NULL AND a.expires_at > %(now)s) AS until,
            bool_or(r.id IS NOT NULL) AS revoked
        FROM consent_authorization a
        LEFT JOIN consent_revocation r ON r.authorization_id = a.id
        LEFT JOIN consent_dispute d ON d.authorization_id = a.id
        GROUP BY a.contact_id)
    SELECT CASE
            WHEN s.contact_id IS NULL THEN 'never'
            WHEN s.until IS NULL AND s.revoked THEN 'revoked'
            WHEN s.until IS NULL THEN 'ended'
            WHEN s.until <= (%(ends)s::timestamptz[])[1] THEN 'ends_30'
            WHEN s.until <= (%(ends)s::timestamptz[])[2] THEN 'ends_60'
            WHEN s.until <= (%(ends)s::timestamptz[])[3] THEN 'ends_90'
            ELSE 'live'
        END AS standing, count(*)
    FROM contacts_contact c LEFT JOIN signed s ON s.contact_id = c.id
    WHERE c.email_token IS NOT NULL AND c.erased_at IS NULL AND NOT c.deceased
    GROUP BY standing
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long revocations took from receipt to effect."""

    number: int
    median: timedelta | None
    longest: timedelta | None


def revocation_latency(since: datetime) -> Latency:
    """Of revocations recorded since a moment. A letter counts from the day it came; a click takes
    effect at once."""
    with connection.cursor() as cursor:
        cursor.execute(_LATENCY, [since])
        return Latency(*cursor.fetchone())


_LATENCY = """
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY recorded_at - received_at),
        max(recorded_at - received_at)
    FROM consent_revocation WHERE recorded_at >= %s
"""


def requests_since(since: datetime) -> dict[str, int]:
    """Requests to sign that were made since a moment, by what became of them."""
    rows = models.SigningRequest.objects.filter(asked_at__gte=since).values_list("outcome")
    return {outcome or "open": number for outcome, number in rows.annotate(Count("id"))}


def open_alerts() -> list[models.Alert]:
    """What a person must see to, the oldest first."""
    return list(models.Alert.objects.filter(done_at=None).order_by("raised_at"))


def alert(alert_id: UUID) -> models.Alert | None:
    found: models.Alert | None = models.Alert.objects.filter(Q(id=alert_id)).first()
    return found


def last_integrity_check() -> models.IntegrityCheck | None:
    """When all authorizations were looked at last, and what was found."""
    found: models.IntegrityCheck | None = models.IntegrityCheck.objects.order_by(
        "-checked_at"
    ).first()
    return found
