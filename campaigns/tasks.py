"""Celery's edge of campaigns."""

from __future__ import annotations

from uuid import UUID

from celery import current_app, shared_task

from campaigns import queries, services
from tenancy.current import acting_for


@shared_task(name="campaigns.plan")
def plan(organization_id: str, campaign_id: str) -> None:
    """Write down the audience, then have the batches handed out at once."""
    with acting_for(UUID(organization_id)):
        services.plan(UUID(campaign_id))
    current_app.send_task("delivery.pump")


@shared_task(name="campaigns.resume_plans")
def resume_plans() -> None:
    """Plan what was launched and whose task was lost. Planning twice plans once."""
    for organization_id, campaign_id in queries.unplanned():
        current_app.send_task("campaigns.plan", [str(organization_id), str(campaign_id)])
