"""Celery's edge: payloads are ids."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from portal import services


@shared_task(name="portal.send_code")
def send_code(organization_id: str, message_id: str) -> None:
    services.send_code(UUID(organization_id), UUID(message_id))
