"""Celery's edge: payloads are ids, the rows say what is to be done."""

from __future__ import annotations

from uuid import UUID

from celery import current_app, shared_task
from django.core.cache import cache
from django.utils import timezone

from consent import queries as consent
from delivery import queries
from delivery.services import events, notices, sending
from tenancy.current import acting_for
from tenancy.models import Organization

HANDED_OUT_AT_ONCE = 50
HANDED_OUT_AGAIN_AFTER = 30
"""Seconds after which a batch that no worker has taken is handed out again: the broker lost it."""


@shared_task(name="delivery.pump")
def pump() -> None:
    """Hand out due batches. The note in the cache only saves work: a batch handed out twice is
    claimed once."""
    for organization_id, batch_id in queries.due_batches(HANDED_OUT_AT_ONCE):
        if cache.add(_note(batch_id), 1, HANDED_OUT_AGAIN_AFTER):
            current_app.send_task("delivery.send_batch", [str(organization_id), str(batch_id)])


@shared_task(name="delivery.send_batch")
def send_batch(organization_id: str, batch_id: str) -> None:
    cache.delete(_note(batch_id))
    sending.send_batch(UUID(organization_id), UUID(batch_id))


@shared_task(name="delivery.pump_letters")
def pump_letters() -> None:
    """Take up letters whose task was lost, or that a server did not take yet."""
    for organization_id in Organization.objects.values_list("id", flat=True):
        with acting_for(organization_id):
            waiting = consent.letters_wait(timezone.now())
        if waiting:
            current_app.send_task("delivery.send_letters", [str(organization_id)])


@shared_task(name="delivery.send_letters")
def send_letters(organization_id: str) -> None:
    notices.send_letters(UUID(organization_id))


@shared_task(name="delivery.check_partitions")
def check_partitions() -> None:
    events.make_partitions()


def _note(batch_id: UUID | str) -> str:
    return f"handed-out:{batch_id}"
