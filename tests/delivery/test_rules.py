"""The tables of a message's life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import rules
from delivery.routing import Route, after_attempt
from delivery.rules import IN_FLIGHT, SETTLED, Status, may_become
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    DomainDead,
    Evidence,
    Outcome,
    RecipientRefused,
    Stage,
    TlsTemporary,
    Uncertain,
    Unprotected,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEEN = Evidence(at=NOW, stage=Stage.CONTENT)
OUTCOMES: list[Outcome] = [
    Accepted(evidence=SEEN),
    RecipientRefused(kind="recipient_gone", evidence=SEEN),
    RecipientRefused(kind="policy", evidence=SEEN),
    Deferred(kind="greylisted", evidence=SEEN),
    Unprotected(kind="no_starttls", evidence=SEEN),
    TlsTemporary(kind="handshake_failed", evidence=SEEN),
    Uncertain(kind="lost_after_content", evidence=SEEN),
    DomainDead(kind="no_such_domain", evidence=SEEN),
]


def test_what_is_settled_stays_settled_but_doubt_may_be_cleared() -> None:
    certain = [each for each in SETTLED if each not in (Status.UNCERTAIN, Status.HELD)]
    assert [(a, b) for a in certain for b in Status if may_become(a, b)] == [
        (Status.ACCEPTED, Status.FAILED),
        (Status.IN_PORTAL, Status.FAILED),
    ], "only a bounce changes what is settled"
    assert [b for b in Status if may_become(Status.HELD, b)] == [Status.QUEUED], "after a ruling"
    assert not [b for b in IN_FLIGHT if may_become(Status.UNCERTAIN, b)], "never resent by itself"


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda each: type(each).__name__)
@given(
    attempts=st.integers(1, 30),
    route=st.sampled_from(list(Route)),
    age=st.timedeltas(timedelta(0), timedelta(days=4)),
)
def test_every_outcome_has_a_permitted_step(
    outcome: Outcome, attempts: int, route: Route, age: timedelta
) -> None:
    step = after_attempt(outcome, route, attempts, NOW - age, NOW, rules.Retries())
    assert may_become(Status.TRANSMITTING, step.status)
    if step.status is Status.ACCEPTED:
        assert isinstance(outcome, Accepted)
        assert route is not Route.PORTAL
    if step.status in IN_FLIGHT and step.next_attempt_at is None:
        assert step.route is Route.PORTAL, "what is tried again at once takes the portal"
    if step.next_attempt_at is not None:
        assert step.next_attempt_at > NOW
    if isinstance(outcome, Uncertain):
        assert step.status is Status.UNCERTAIN


def test_giving_up_after_two_days() -> None:
    deferred = Deferred(kind="busy", evidence=SEEN)
    step = after_attempt(deferred, Route.MAIL, 9, NOW - timedelta(hours=47), NOW, rules.Retries())
    assert (step.status, step.reason) == (Status.FAILED, "gave_up")


@given(st.integers(1, 30), st.floats(0, 1))
def test_attempts_are_spread_and_never_after_the_deadline(attempts: int, chance: float) -> None:
    due = rules.Retries().next(attempts, NOW, NOW, chance)
    assert due is not None
    minutes = rules.BACK_OFF[min(attempts, len(rules.BACK_OFF)) - 1]
    distance = (due - NOW) / timedelta(minutes=minutes)
    assert 1 - rules.JITTER - 1e-6 <= distance <= 1 + rules.JITTER + 1e-6
    last = rules.Retries(deadline=due)
    assert last.next(attempts, NOW, NOW, chance) == due
    assert last.next(attempts, NOW, NOW + timedelta(seconds=1), chance) is None


def test_tls_that_keeps_failing_takes_the_portal() -> None:
    failing = TlsTemporary(kind="handshake_failed", evidence=SEEN)
    routes = [
        after_attempt(failing, Route.MAIL, attempt, NOW, NOW, rules.Retries()).route
        for attempt in (1, 2, 3)
    ]
    assert routes == [Route.MAIL, Route.MAIL, Route.PORTAL]


@given(attempts=st.integers(1, 30), plain_allowed=st.booleans(), route=st.sampled_from(list(Route)))
def test_check_34_nothing_goes_plain_unless_wished_for_and_only_after_verified_tls_failed(
    attempts: int, plain_allowed: bool, route: Route
) -> None:
    for outcome in OUTCOMES:
        step = after_attempt(outcome, route, attempts, NOW, NOW, rules.Retries(), plain_allowed)
        if step.route is Route.PLAIN and route is not Route.PLAIN:
            assert plain_allowed
            assert route is Route.MAIL
            assert isinstance(outcome, Unprotected | TlsTemporary)
