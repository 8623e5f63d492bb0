"""By which way mail to a domain would go, and what its provider and the organization ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.models import DeliveryPolicy, DomainPosture, LaneHold
from delivery.transports.outcomes import SENTENCES

FRESH = timedelta(hours=24)
"""What was seen of a mail server longer ago counts as not known: certificates expire."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The way: `mail`, `portal`, `blocked` or `unknown`; and why, in a sentence."""

    way: str = "unknown"
    why: str = "Its mail server was not asked lately."


def expected_ways(domains: Collection[str], now: datetime) -> dict[str, Expected]:
    """By which way mail to domains would go, from what was seen of them lately. A forecast: the
    connection that carries a message decides."""
    seen = DomainPosture.objects.filter(domain__in=domains, seen_at__gt=now - FRESH)
    rows = seen.values_list("domain", "verdict", "detail")
    known = {domain: _expected(verdict, detail) for domain, verdict, detail in rows}
    return {domain: known.get(domain) or Expected() for domain in domains}


def _expected(verdict: str, detail: str) -> Expected:
    way = _WAYS.get(verdict, "unknown")
    if way == "mail":
        return Expected(way, "Its mail server proved who it is, and encrypts.")
    return Expected(way, SENTENCES.get(detail, Expected().why))


_WAYS = {
    "Accepted": "mail",
    "Reachable": "mail",
    "RecipientRefused": "mail",
    "Unprotected": "portal",
    "TlsTemporary": "portal",
    "DomainDead": "blocked",
}


def lane_rests_until(domain: str) -> datetime | None:
    """Until when the provider of a mail domain is left alone, as far as we know who that is."""
    found = LaneHold.objects.filter(lane=lane_of_domain(domain))
    return found.values_list("until", flat=True).first()


def lane_of_domain(domain: str) -> str:
    """The provider that a mail domain was last seen to use; empty while we don't know."""
    found = DomainPosture.objects.filter(domain=domain).values_list("lane", flat=True).first()
    return str(found or "")


def delivery_policy() -> DeliveryPolicy:
    """What the organization asks of delivery."""
    return DeliveryPolicy.objects.first() or DeliveryPolicy()
