"""Celery's edge: payloads are ids."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import DatabaseError

from consent.services import check_integrity as check
from tenancy.current import acting_for
from tenancy.models import Organization

log = structlog.get_logger()


@shared_task(name="compliance.check_integrity")
def check_integrity() -> None:
    """Look at every organization's signed authorizations."""
    for organization in Organization.objects.order_by("slug"):
        try:
            with acting_for(organization.id):
                check()
        except DatabaseError:  # one that can't be read now must not hide the others
            log.exception("integrity_not_checked", organization=str(organization.id))
