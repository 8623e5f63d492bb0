"""Reads across the apps, for whoever answers for privacy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from accounts import queries as accounts
from campaigns import queries as campaigns
from campaigns.rules import REASONS
from compliance import rules
from consent import queries as consent
from consent.models import Alert, IntegrityCheck
from consent.rules.alerts import KINDS
from delivery import queries as delivery

PERIODS = (30, 90)
"""Days that the dashboard can look back. Fixed: two periods of somebody's own choosing would tell
what happened on the days between."""


@dataclass(frozen=True)
class Waiting:
    """A campaign that a rule holds."""

    campaign_id: UUID
    name: str
    rule: str


@dataclass(frozen=True)
class Dashboard:
    """Everything on the page. Numbers are as far as they may be shown."""

    days: int
    rate: str
    people: rules.Figures
    blocked: rules.Figures
    requests: rules.Figures
    revocations: consent.Latency
    median: str
    longest: str
    waiting: list[Waiting]
    alerts: list[tuple[Alert, str]]
    check: IntegrityCheck | None

    def rows(self) -> list[tuple[str, str, str]]:
        """The same figures for a file."""
        sections = [
            ("Patients by authorization", self.people),
            (f"Not sent in the last {self.days} days, by reason", self.blocked),
            (f"Requests to sign in the last {self.days} days", self.requests),
        ]
        rows = [("Authorization rate", "", self.rate), *rules.as_rows(sections)]
        title = f"Revocations in the last {self.days} days: receipt to effect"
        return [*rows, (title, "Median", self.median), (title, "Longest", self.longest)]


def dashboard(now: datetime, days: int) -> Dashboard:
    """The figures now, and of the last `days`, which must be one of PERIODS."""
    since = now - timedelta(days=days)
    standings = consent.standing_people(now)
    people = rules.figures(rules.STANDINGS, standings)
    revocations = consent.revocation_latency(since)
    return Dashboard(
        days=days,
        rate=rules.rate(standings, people),
        people=people,
        blocked=rules.by_size(REASONS, delivery.blocked_since(since)),
        requests=rules.figures(rules.REQUESTS, consent.requests_since(since)),
        revocations=revocations,
        median=rules.in_words(revocations.median),
        longest=rules.in_words(revocations.longest),
        waiting=_waiting(),
        alerts=_alerts(),
        check=consent.last_integrity_check(),
    )


def _alerts() -> list[tuple[Alert, str]]:
    """Open ones in words; those about a colleague with the name."""
    found = consent.open_alerts()
    names = accounts.names({each.object_id for each in found if each.object_type == "user"})
    return [(each, KINDS[each.kind] + _about(names.get(each.object_id, ""))) for each in found]


def _about(name: str) -> str:
    return f" ({name})" if name else ""


def _waiting() -> list[Waiting]:
    held = delivery.waiting_for_rulings()
    names = campaigns.names({reference for reference, _, _ in held})
    return [
        Waiting(reference, names[reference], REASONS.get(rule, rule))
        for reference, rule, _ in held
        if reference in names
    ]
