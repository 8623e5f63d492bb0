"""Reading the log and checking its chain."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from audit import rules
from audit.models import Event, Link, Outcome, Pending
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

FIELDS = ("id", "occurred_at", "actor_id", "action", "outcome", "object_type", "object_id")


@dataclass
class Verification:
    """What `verify` found. `problems` is empty when the chain holds."""

    events: int = 0
    anchors: int = 0
    problems: list[str] = field(default_factory=list)


def newest_events(limit: int = 100, *, people_only: bool = False) -> QuerySet[Event]:
    """The newest first; with `people_only` without what the system did by itself."""
    events: QuerySet[Event] = Event.objects.order_by("-occurred_at", "-id")
    if people_only:
        events = events.filter(actor_id__isnull=False)
    return events[:limit]


def events_about(object_id: UUID, actions: Collection[str], limit: int) -> list[Event]:
    """The newest entries of these kinds about one object."""
    found = Event.objects.filter(object_id=object_id, action__in=actions)
    return list(found.order_by("-occurred_at", "-id")[:limit])


def organizations_with_pending_events() -> list[UUID]:
    """Across organizations, by a look-up function that returns ids alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_organizations_with_pending()")
        return [row[0] for row in cursor.fetchall()]


def canonical(event: Event) -> dict[str, object]:
    """Every column of the event, as plain JSON."""
    row: dict[str, object] = {name: str(getattr(event, name)) for name in FIELDS}
    row["occurred_at"] = event.occurred_at.isoformat()
    return row | {"organization": str(event.organization_id), "details": event.details}


def audit_key() -> bytes:
    return keyring(KeyUse.AUDIT).current.material


def anchor_path(organization_id: UUID) -> Path:
    """Where the heads of this organization's chain are written, outside the database."""
    folder: Path = settings.AUDIT_ANCHOR_FOLDER
    return folder / f"{organization_id}.jsonl"


def verify() -> Verification:
    """Recompute the current organization's chain from its first event to its anchors."""
    found = Verification()
    digests = _check_links(found)
    linked = Link.objects.count()
    loose = Event.objects.count() - linked - Pending.objects.count()
    if loose:
        found.problems.append(f"{loose} events are in the log but not in the chain")
    _check_anchors(found, digests)
    return found


def _check_links(found: Verification) -> dict[int, str]:
    key, previous, expected = audit_key(), rules.START, 1
    digests: dict[int, str] = {}
    for link, event in _linked_events():
        if link.sequence != expected:
            found.problems.append(f"the chain jumps from {expected - 1} to {link.sequence}")
            expected = link.sequence
        if event is None:
            found.problems.append(f"event {expected} is missing")
        elif rules.digest(key, previous, link.sequence, canonical(event)) != bytes(link.digest):
            found.problems.append(f"event {expected} or its place in the chain was changed")
        previous = bytes(link.digest)
        digests[link.sequence] = previous.hex()
        expected += 1
        found.events += 1
    return digests


def _linked_events(chunk: int = 2000) -> Iterator[tuple[Link, Event | None]]:
    after = 0
    while links := list(Link.objects.filter(sequence__gt=after).order_by("sequence")[:chunk]):
        events = Event.objects.in_bulk([link.event_id for link in links])
        for link in links:
            yield link, events.get(link.event_id)
        after = links[-1].sequence


def _check_anchors(found: Verification, digests: dict[int, str]) -> None:
    path = anchor_path(current_organization_id())
    if not path.exists():
        if digests:
            found.problems.append("the file of anchors is missing")
        return
    for line in path.read_text().splitlines():
        anchor = json.loads(line)
        found.anchors += 1
        if digests.get(anchor["sequence"]) != anchor["digest"]:
            found.problems.append(f"the chain no longer holds the anchor of {anchor['at']}")


def objects_of(action: str) -> set[UUID]:
    """The objects that the log says something was done to."""
    events = Event.objects.filter(action=action, outcome=Outcome.DONE)
    return {each for each in events.values_list("object_id", flat=True) if each is not None}
