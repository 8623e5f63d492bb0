"""Seal every organization's log, every second."""

from __future__ import annotations

from celery import shared_task

from audit import queries, services
from tenancy.current import acting_for


@shared_task(name="audit.seal")
def seal() -> None:
    for organization_id in queries.organizations_with_pending_events():
        with acting_for(organization_id):
            services.seal()
