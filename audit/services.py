"""Adding to the log, and sealing it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit import rules
from audit.models import Event, Link, Outcome, Pending
from audit.queries import anchor_path, audit_key, canonical
from tenancy.current import acting_for, current_organization_id

_actor: ContextVar[UUID | None] = ContextVar("actor", default=None)


@contextmanager
def acting_person(user_id: UUID) -> Iterator[None]:
    """Whose acts the log records inside the block."""
    token = _actor.set(user_id)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    action: str, *, object_type: str = "", object_id: UUID | None = None, **details: object
) -> Event:
    """Log an act inside its own transaction: it is logged if, and only if, it happened."""
    event: Event = Event.objects.create(
        actor_id=_actor.get(),
        action=action,
        object_type=object_type,
        object_id=object_id,
        details=details,
    )
    return event


def record_refusal(organization_id: UUID, action: str, **details: object) -> None:
    """Log a refusal in a transaction of its own; the caller's is about to be rolled back."""
    with acting_for(organization_id):
        Event.objects.create(
            actor_id=_actor.get(), action=action, outcome=Outcome.REFUSED, details=details
        )


def seal(limit: int = 5000) -> int:
    """Chain the current organization's pending events; returns how many.

    Only one sealer works on a chain at a time. Ids are UUIDv7, so their order is that of the acts
    as far as clocks agree; what matters is that the order, once sealed, stands.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('audit ' || %s, 0))",
            [str(current_organization_id())],
        )
    waiting = list(Pending.objects.order_by("event_id")[:limit])
    if not waiting:
        return 0
    events = Event.objects.in_bulk([row.event_id for row in waiting])
    last = Link.objects.order_by("-sequence").first()
    previous, sequence = (bytes(last.digest), last.sequence) if last else (rules.START, 0)
    key, links = audit_key(), []
    for row in waiting:
        sequence += 1
        previous = rules.digest(key, previous, sequence, canonical(events[row.event_id]))
        links.append(Link(sequence=sequence, event_id=row.event_id, digest=previous))
    Link.objects.bulk_create(links)
    Pending.objects.filter(id__in=[row.id for row in waiting]).delete()
    _anchor(sequence, previous)
    return len(links)


def _anchor(sequence: int, digest: bytes) -> None:
    """Write the chain's head outside the database, where its administrator can't reach.

    Written before the commit: an anchor without its link is noticed and looked into, a link
    without an anchor would be a hole.
    """
    path = anchor_path(current_organization_id())
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {"at": timezone.now().isoformat(), "sequence": sequence, "digest": digest.hex()}
    with path.open("a") as out:
        out.write(json.dumps(line) + "\n")
