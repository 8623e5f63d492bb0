"""Walks: work over every row of a kind in the background, while the system works.

An app registers its kinds in `AppConfig.ready`. A step is one transaction, which also moves the
walk's position; a lease says who walks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from tenancy.current import acting_for, current_organization_id
from tenancy.models import Walk

LEASE = timedelta(minutes=2)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows a step changed or passed, and where it stopped; None after the last row."""

    done: int
    position: UUID | None


@dataclass(frozen=True, slots=True)
class Walker:
    """What a kind of walk does. Each function takes the walk's subject and runs inside
    `acting_for`; `step` also takes the id after which to begin."""

    total: Callable[[str], int]
    step: Callable[[str, UUID | None], Step]
    finish: Callable[[str], None] = lambda _subject: None


_walkers: dict[str, Walker] = {}


def register_walk(kind: str, walker: Walker) -> None:
    """Offer a kind of walk."""
    _walkers[kind] = walker


def start_walk(
    kind: str, subject: str = "", rank: int = 0, not_before: datetime | None = None
) -> Walk:
    """Begin a walk, or begin the unfinished one of this kind and subject again.

    Runs inside `acting_for`.
    """
    walk, _ = Walk.objects.update_or_create(
        kind=kind,
        subject=subject,
        finished_at=None,
        defaults={
            "rank": rank,
            "position": None,
            "done": 0,
            "total": _walkers[kind].total(subject),
            "lease_until": not_before,
        },
    )
    ids = [str(current_organization_id()), str(walk.id)]
    if not_before is None:
        transaction.on_commit(lambda: current_app.send_task("tenancy.run_walk", ids))
    return walk


def run_walk(organization_id: UUID, walk_id: UUID) -> None:
    """Walk to the end, from wherever it stands. Returns at once if another worker has it, or an
    earlier one is not finished. Runs outside `acting_for`."""
    lease = None
    while True:
        with acting_for(organization_id):
            walk = Walk.objects.select_for_update().filter(id=walk_id, finished_at=None).first()
            if walk is None or not _may_walk(walk, lease):
                return
            walker = _walkers[walk.kind]
            step = walker.step(walk.subject, walk.position)
            walk.done += step.done
            lease = walk.lease_until = timezone.now() + LEASE
            if step.position is None:
                walker.finish(walk.subject)
                walk.finished_at, walk.lease_until = timezone.now(), None
            else:
                walk.position = step.position
            walk.save()
        if step.position is None:
            log.info("walk_finished", walk_id=str(walk_id), kind=walk.kind, rows=walk.done)
            return


def resume_walks() -> int:
    """Hand out walks that nobody works on; returns how many. Runs outside `acting_for`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, walk_id FROM tenancy_stranded_walks()")
        stranded = cursor.fetchall()
    for organization_id, walk_id in stranded:
        current_app.send_task("tenancy.run_walk", [str(organization_id), str(walk_id)])
    return len(stranded)


def unfinished(kind: str = "", subject: str = "") -> list[Walk]:
    """Walks of this organization that are not finished, in the order they run."""
    walks = Walk.objects.filter(finished_at=None).order_by("rank", "created_at")
    if kind:
        walks = walks.filter(kind=kind, subject=subject)
    return list(walks)


def _may_walk(walk: Walk, lease: datetime | None) -> bool:
    if walk.lease_until is not None and walk.lease_until != lease:
        return lease is None and walk.lease_until < timezone.now()
    return not Walk.objects.filter(finished_at=None, rank__lt=walk.rank).exists()
