"""What an attempt's outcome means for the message: settle, try again, or take the portal.

Fails closed: whatever is not a verified acceptance ends in the portal, a retry, a stated failure or
an honest "uncertain". Content goes over anything less than verified TLS only to somebody who was
warned and wished for it, and only after verified TLS failed (78 FR 5634).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from delivery.rules import TLS_BUDGET, Retries, Status
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    DomainDead,
    Outcome,
    RecipientRefused,
    TlsTemporary,
    Uncertain,
    Unprotected,
)


class Route(StrEnum):
    MAIL = "mail"
    """The content itself, over verified TLS only."""
    PORTAL = "portal"
    """A notice without PHI, over whatever the server offers; the content waits in the portal."""
    PLAIN = "plain"
    """The content over whatever the server offers, at the person's own wish."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to write down after an attempt. `suppress` asks for the address to be suppressed."""

    status: Status
    route: Route
    reason: str = ""
    next_attempt_at: datetime | None = None
    suppress: bool = False


def after_attempt(
    outcome: Outcome,
    route: Route,
    attempts: int,
    first_at: datetime,
    now: datetime,
    retries: Retries,
    plain_allowed: bool = False,
    chance: float = 0.5,
) -> Step:
    """The step after attempt number `attempts` (from 1). `chance`, from 0 to 1,
    spreads what was put off.

    `plain_allowed` is the person's wish as it stood at this attempt.
    """
    otherwise = Route.PLAIN if plain_allowed and route is Route.MAIL else Route.PORTAL
    match outcome:
        case Accepted():
            settled = Status.IN_PORTAL if route is Route.PORTAL else Status.ACCEPTED
            return Step(settled, route)
        case Unprotected(kind=kind):
            return Step(Status.QUEUED, otherwise, kind)
        case TlsTemporary(kind=kind) if attempts >= TLS_BUDGET:
            return Step(Status.QUEUED, otherwise, kind)
        case Deferred(kind=kind) | TlsTemporary(kind=kind):
            due = retries.next(attempts, first_at, now, chance)
            if due is None:
                return Step(Status.FAILED, route, "gave_up")
            return Step(Status.QUEUED, route, kind, due)
        case RecipientRefused(kind=kind):
            # A bare 550 can mean anything; only a server that says 5.1.x is believed for good.
            gone = kind == "recipient_gone" and outcome.enhanced is not None
            return Step(Status.FAILED, route, kind, suppress=gone)
        case DomainDead(kind=kind):
            return Step(Status.FAILED, route, kind)
        case Uncertain(kind=kind):
            return Step(Status.UNCERTAIN, route, kind)
