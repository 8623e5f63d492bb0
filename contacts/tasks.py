"""Imports in the background. Arguments are ids."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from contacts import services
from tenancy.current import acting_for
from tenancy.models import Organization


@shared_task(name="contacts.run_import")
def run_import(organization_id: str, import_id: str) -> None:
    """Work on one import until it is done."""
    services.run_import(UUID(organization_id), UUID(import_id))


@shared_task(name="contacts.resume_imports")
def resume_imports() -> None:
    """Take up imports and exports whose worker died or whose task was lost."""
    services.resume_imports()
    services.resume_exports()


@shared_task(name="contacts.forget")
def forget() -> None:
    """Delete what imports and exports keep for a time only."""
    for organization_id in Organization.objects.values_list("id", flat=True):
        with acting_for(organization_id):
            services.forget_old_imports(timezone.now())
            services.forget_shown_counts(timezone.now())
            services.forget_exports(timezone.now())


@shared_task(name="contacts.write_export")
def write_export(organization_id: str, export_id: str) -> None:
    """Write one file of contacts that was allowed."""
    services.write_export(UUID(organization_id), UUID(export_id))


@shared_task(name="contacts.alert_unmasking")
def alert_unmasking(organization_id: str, user_id: str) -> None:
    """Tell the privacy officers that somebody opens many contacts."""
    with acting_for(UUID(organization_id)):
        services.alert_unmasking(UUID(user_id))
