"""Remembering what was seen of mail domains. It explains and plans; it never authorizes a send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from delivery.holds import Hold
from delivery.models import DomainPosture, LaneHold
from delivery.transports.lanes import lane_of
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Outcome,
    ProbeOutcome,
    Reachable,
    RecipientRefused,
    Unprotected,
)

GOOD_DAYS = timedelta(days=7)
"""After so long with protected connections only, losing protection is an event of security."""


def remember(seen: Mapping[str, Outcome], now: datetime) -> list[str]:
    """Note the last outcome of each domain; returns the domains that lost their protection after
    good days."""
    known = DomainPosture.objects.in_bulk(list(seen))
    lost, noted = [], []
    for domain, outcome in sorted(seen.items()):  # workers take the rows in one order
        posture = known.get(domain) or DomainPosture(domain=domain)
        since = posture.protected_since
        if isinstance(outcome, Accepted | RecipientRefused):
            posture.protected_since = since or now
        elif isinstance(outcome, Unprotected):
            posture.protected_since = None
            if since is not None and now - since >= GOOD_DAYS:
                lost.append(domain)
        posture.verdict = type(outcome).__name__
        posture.detail = getattr(outcome, "kind", "") or outcome.evidence.tls_version
        posture.level = outcome.evidence.level
        posture.lane = lane(outcome)[:40]
        posture.seen_at = now
        noted.append(posture)
    _store(noted)
    return lost


def lane(outcome: Outcome | ProbeOutcome) -> str:
    """The lane of the server that an outcome is from; empty where there was none."""
    return lane_of(outcome.evidence.host, 0, 0).name if outcome.evidence.host else ""


def hold(rest: Hold) -> None:
    """Give a lane a rest."""
    LaneHold.objects.update_or_create(
        lane=rest.lane[:40], defaults={"until": rest.until, "reason": rest.reason}
    )


def remember_probes(seen: Mapping[str, ProbeOutcome], now: datetime) -> None:
    """Note what domains answered when they were only asked.

    That nobody answered takes nothing back. Nor is it said here that protection was lost: what
    counts is the connection that carries a message.
    """
    known = DomainPosture.objects.in_bulk(list(seen))
    noted = []
    for domain, outcome in sorted(seen.items()):
        posture = known.get(domain)
        if posture is not None and isinstance(outcome, Deferred):
            continue
        posture = posture or DomainPosture(domain=domain)
        if isinstance(outcome, Reachable):
            posture.protected_since = posture.protected_since or now
        posture.verdict = type(outcome).__name__
        posture.detail = getattr(outcome, "kind", "") or outcome.evidence.tls_version
        posture.level = outcome.evidence.level
        posture.lane = lane(outcome)[:40]
        posture.seen_at = now
        noted.append(posture)
    _store(noted)


def _store(postures: list[DomainPosture]) -> None:
    """Other workers may have met the same domains in the same moment."""
    DomainPosture.objects.bulk_create(
        postures,
        update_conflicts=True,
        unique_fields=["domain"],
        update_fields=["verdict", "detail", "level", "lane", "seen_at", "protected_since"],
    )
