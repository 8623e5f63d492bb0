"""Celery's edge: payloads are ids, the rows say what is to be done."""

from __future__ import annotations

from uuid import UUID

import structlog
from celery import current_app, shared_task
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from consent import queries as consent
from delivery import queries
from delivery.services import (
    bounce_mailbox,
    domains,
    events,
    notices,
    probes,
    reconciling,
    sending,
    tracking,
)
from delivery.services.bounce_mailbox import MailboxUnusable
from delivery.transports.outcomes import Level
from tenancy.current import acting_for
from tenancy.models import Organization

HANDED_OUT_AT_ONCE = 50
HANDED_OUT_AGAIN_AFTER = 30
"""Seconds after which a batch that no worker has taken is handed out again: the broker lost it."""
POLLING = "polling-bounces"
POLL_AGAIN_AFTER = 1800
"""Seconds after which a poll whose worker died no longer keeps others away."""

log = structlog.get_logger()


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


@shared_task(name="delivery.poll_bounces")
def poll_bounces() -> None:
    """Take what came back into the mailbox, one poll at a time."""
    if not settings.BOUNCE_MAILBOX_URL or not cache.add(POLLING, 1, POLL_AGAIN_AFTER):
        return
    try:
        bounce_mailbox.poll(settings.BOUNCE_MAILBOX_URL)
    except MailboxUnusable as problem:
        log.warning("bounce_mailbox_unusable", step=str(problem))
    finally:
        cache.delete(POLLING)


@shared_task(name="delivery.check_domain")
def check_domain(organization_id: str, domain_id: str) -> None:
    domains.check_domain(UUID(organization_id), UUID(domain_id))


@shared_task(name="delivery.check_domains")
def check_domains() -> None:
    """Look at the DNS of every sender's domain: what stood yesterday may be gone today."""
    for organization_id in Organization.objects.values_list("id", flat=True):
        with acting_for(organization_id):
            known = [domain.id for domain, _ in queries.senders_with_domains()]
        for domain_id in known:
            current_app.send_task("delivery.check_domain", [str(organization_id), str(domain_id)])


@shared_task(name="delivery.probe_domains")
def probe_domains(names: list[str], level: Level) -> None:
    """The one task that is not about ids: of mail domains that many people share."""
    probes.probe_domains(names, level)


@shared_task(name="delivery.check_accounts")
def check_accounts() -> None:
    for organization_id in Organization.objects.values_list("id", flat=True):
        with acting_for(organization_id):
            reconciling.check_accounts(timezone.now())


@shared_task(name="delivery.store_visits")
def store_visits() -> None:
    tracking.store_visits()


@shared_task(name="delivery.check_partitions")
def check_partitions() -> None:
    events.make_partitions()


def _note(batch_id: UUID | str) -> str:
    return f"handed-out:{batch_id}"
