"""What happened to messages, appended."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from delivery.models import Event, Message
from tenancy.models import new_id


def record(message: Message, kind: str, detail: str = "", **more: object) -> Event:
    """Append one event to a message's history."""
    event: Event = Event.objects.create(
        id=new_id(),
        message_id=message.id,
        mailing_id=message.mailing_id,
        kind=kind,
        detail=detail,
        **more,
    )
    return event


def record_many(rows: list[tuple[Message, str, str]], at: datetime | None = None) -> None:
    """Append (message, kind, detail) rows in one statement."""
    at = at or timezone.now()
    Event.objects.bulk_create(
        Event(
            id=new_id(),
            occurred_at=at,
            message_id=message.id,
            mailing_id=message.mailing_id,
            kind=kind,
            detail=detail,
        )
        for message, kind, detail in rows
    )


def make_partitions() -> None:
    """This month's partition and the next three; the database's own function may make tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery_make_partitions()")


def first_of_kind(message_id: UUID, kind: str) -> bool:
    """Whether no such event was recorded before."""
    return not Event.objects.filter(message_id=message_id, kind=kind).exists()
