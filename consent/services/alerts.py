"""Raising what a person must see to, and noting that somebody did."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.utils import timezone

from audit import services as audit
from consent.models import Alert

log = structlog.get_logger()


def raise_alert(kind: str, object_type: str, object_id: UUID) -> Alert:
    """Ask for somebody's attention; raised twice, it stands once until it is seen to."""
    alert: Alert
    alert, is_new = Alert.objects.get_or_create(
        kind=kind, object_id=object_id, done_at=None, defaults={"object_type": object_type}
    )
    if is_new:
        audit.record("alert_raised", object_type=object_type, object_id=object_id, kind=kind)
        log.warning("alert_raised", kind=kind, object_id=str(object_id))
    return alert


def close_alert(alert_id: UUID, note: str, by: UUID) -> None:
    """Note what was done about it."""
    row = Alert.objects.select_for_update().get(id=alert_id)
    if row.done_at is None:
        row.done_at, row.done_by, row.note = timezone.now(), by, note
        row.save(update_fields=["done_at", "done_by", "note"])
        audit.record("alert_closed", object_type=row.object_type, object_id=row.object_id)
