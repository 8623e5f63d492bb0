"""Writing down what becomes of messages: many in one statement, in one transaction.

A message is committed as `transmitting` before the first byte of its content leaves. So the queue's
state is right whenever a worker dies: what is `queued` never left, what is `transmitting` may have
arrived, and nothing else is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from delivery.letters import Letter
from delivery.models import Message
from delivery.routing import Route, Step
from delivery.rules import TRANSITIONS
from delivery.services import copies
from tenancy import bulk
from tenancy.current import current_organization_id
from tenancy.models import new_id

Row = TypeVar("Row")


@dataclass(slots=True)
class Prepared:
    """One message of a chunk: what was decided about it, and the letter if there is a permit."""

    id: UUID
    contact_id: UUID
    route: Route
    reason: str
    attempts: int
    first_attempt_at: datetime
    decided_at: datetime
    evidence_id: UUID
    authorization_id: UUID | None
    plain_allowed: bool = False
    context: bytes | None = field(default=None, repr=False)
    letter: Letter | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """A step to write down. `kind` names the event, if one is to be kept."""

    prepared: Prepared
    step: Step
    kind: str = ""
    protection: dict[str, object] | None = None


def mark_transmitting(chunk: Sequence[Prepared], now: datetime) -> set[UUID]:
    """Commit messages as being in the air; returns those that may leave.

    The others were stopped or paused meanwhile, or taken over by another worker.
    """
    if not chunk:
        return set()
    return _written(_MARK, _columns(_MARKED, chunk), now)


def settle(kind: str, rows: Sequence[Settled], now: datetime) -> set[UUID]:
    """Write down steps of a mailing of this kind, as far as the table of transitions permits them
    from where the messages stand now; returns the ids of those that moved.

    A worker that was so slow that another took over finds its messages uncertain: then only an
    answer that settles one counts.
    """
    if not rows:
        return set()
    moved = _written(_SETTLE, _columns(_SETTLED, rows) | {"steps": _STEPS}, now)
    for row in rows:
        if row.step.suppress and row.prepared.letter and row.prepared.id in moved:
            address = row.prepared.letter.address
            consent.suppress(address, SuppressionScope.ALL, SuppressionReason.BOUNCED, "bounce")
    if kind == "copy" and moved:
        messages = Message.objects.select_related("mailing").filter(id__in=moved)
        copies.note_settled(list(messages))
    return moved


_STEPS = [f"{old.value}>{new.value}" for old, new in TRANSITIONS]

_MARKED: dict[str, Callable[[Prepared], object]] = {
    "ids": lambda each: each.id,
    "routes": lambda each: each.route.value,
    "reasons": lambda each: each.reason,
    "attempts": lambda each: each.attempts,
    "first": lambda each: each.first_attempt_at,
    "decided": lambda each: each.decided_at,
    "authorizations": lambda each: each.authorization_id,
    "evidence": lambda each: each.evidence_id,
    "contexts": lambda each: each.context,
}
_MARK = """
    UPDATE delivery_message m SET status = 'transmitting', in_flight_since = %(now)s,
        route = each.route, reason = each.reason, attempts = each.attempts,
        first_attempt_at = each.first, decided_at = each.decided,
        authorization_id = each.permit, evidence_id = each.evidence,
        sealed_context = each.context
    FROM unnest(%(ids)b::uuid[], %(routes)b::text[], %(reasons)b::text[], %(attempts)b::int2[],
            %(first)b::timestamptz[], %(decided)b::timestamptz[], %(authorizations)b::uuid[],
            %(evidence)b::uuid[], %(contexts)b::bytea[])
        AS each (id, route, reason, attempts, first, decided, permit, evidence, context),
        delivery_mailing mailing
    WHERE m.id = each.id AND m.status = 'queued'
        AND mailing.id = m.mailing_id AND mailing.status = 'sending'
    RETURNING m.id
"""

_SETTLED: dict[str, Callable[[Settled], object]] = {
    "ids": lambda each: each.prepared.id,
    "statuses": lambda each: each.step.status.value,
    "reasons": lambda each: each.step.reason,
    "routes": lambda each: each.step.route.value,
    "due": lambda each: each.step.next_attempt_at,
    "protection": lambda each: (
        Jsonb(each.protection, dumps=orjson.dumps) if each.protection else None
    ),
    "attempts": lambda each: each.prepared.attempts,
    "first": lambda each: each.prepared.first_attempt_at if each.protection else None,
    "decided": lambda each: each.prepared.decided_at,
    "authorizations": lambda each: each.prepared.authorization_id,
    "evidence": lambda each: each.prepared.evidence_id,
    "events": lambda each: new_id(),
    "kinds": lambda each: each.kind,
}
# In the portal, why the portal was taken stays.
_SETTLE = """
    WITH each AS (
        SELECT * FROM unnest(%(ids)b::uuid[], %(statuses)b::text[], %(reasons)b::text[],
            %(routes)b::text[], %(due)b::timestamptz[], %(protection)b::jsonb[],
            %(attempts)b::int2[], %(first)b::timestamptz[], %(decided)b::timestamptz[],
            %(authorizations)b::uuid[], %(evidence)b::uuid[], %(events)b::uuid[],
            %(kinds)b::text[])
        AS each (id, status, reason, route, due, protection, attempts, first, decided, permit,
            evidence, event, kind)
    ), moved AS (
        UPDATE delivery_message m SET status = each.status, route = each.route,
            reason = CASE WHEN each.status = 'in_portal' THEN m.reason ELSE each.reason END,
            next_attempt_at = each.due, in_flight_since = NULL,
            settled_at = CASE WHEN each.status <> 'queued' THEN %(now)s END,
            protection = COALESCE(each.protection, m.protection), attempts = each.attempts,
            first_attempt_at = COALESCE(m.first_attempt_at, each.first),
            decided_at = each.decided, authorization_id = each.permit, evidence_id = each.evidence
        FROM each
        WHERE m.id = each.id AND m.status || '>' || each.status = ANY(%(steps)s)
        RETURNING m.id, m.organization_id, m.mailing_id
    ), noted AS (
        INSERT INTO delivery_event (id, organization_id, occurred_at, mailing_id, message_id, kind,
            verdict, detail)
        SELECT each.event, moved.organization_id, %(now)s, moved.mailing_id, moved.id, each.kind,
            '', each.reason
        FROM moved JOIN each USING (id) WHERE each.kind <> ''
    )
    SELECT id FROM moved
"""


def _columns(columns: Mapping[str, Callable[[Row], object]], rows: Sequence[Row]) -> dict[str, Any]:
    return {name: [value(row) for row in rows] for name, value in columns.items()}


def _written(sql: str, arguments: dict[str, Any], now: datetime) -> set[UUID]:
    current_organization_id()  # outside one, row-level security would move nothing in silence
    found = bulk.rows(sql, now=now, **arguments)
    return {identifier for (identifier,) in found}
