"""Asking for new signatures before old ones end. Celery's edge."""

from __future__ import annotations

from uuid import UUID

from celery import current_app, shared_task
from django.utils import timezone

from consent import queries, services
from tenancy.current import acting_for
from tenancy.models import Organization


@shared_task(name="consent.ask_to_renew")
def ask_to_renew() -> None:
    """Hand out the organizations: one that takes long holds up no other."""
    for organization_id in Organization.objects.values_list("id", flat=True):
        current_app.send_task("consent.renew", [str(organization_id)])


@shared_task(name="consent.renew")
def renew(organization_id: str) -> None:
    """Each person in a transaction of their own: what is done stays done."""
    here, now = UUID(organization_id), timezone.now()
    with acting_for(here):
        ending = queries.ending_soon(now)
    for authorization in ending:
        with acting_for(here):
            services.renew(authorization, now)
