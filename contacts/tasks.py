"""Imports in the background. Arguments are ids."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from contacts import services


@shared_task(name="contacts.run_import")
def run_import(organization_id: str, import_id: str) -> None:
    """Work on one import until it is done."""
    services.run_import(UUID(organization_id), UUID(import_id))


@shared_task(name="contacts.resume_imports")
def resume_imports() -> None:
    """Take up imports whose worker died or whose task was lost."""
    services.resume_imports()
