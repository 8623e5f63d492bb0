"""Walks in the background. Arguments are ids."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from tenancy import walks


@shared_task(name="tenancy.run_walk")
def run_walk(organization_id: str, walk_id: str) -> None:
    """Work on one walk until it is done."""
    walks.run_walk(UUID(organization_id), UUID(walk_id))


@shared_task(name="tenancy.resume_walks")
def resume_walks() -> None:
    """Take up walks whose time has come, or whose worker died."""
    walks.resume_walks()
