"""Providers that ask for a rest get one, and nobody is suppressed for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from config.demo.world.tempers import Temper
from consent.models import Alert, Suppression
from delivery import queries
from delivery.holds import BLOCKED, SLOW_DOWN, Watch
from delivery.models import DomainPosture, LaneHold
from delivery.rules import Status
from delivery.services.postures import GOOD_DAYS, remember
from delivery.transports.lanes import lane_of
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Evidence,
    Outcome,
    RecipientRefused,
    Stage,
    Unprotected,
)
from tenancy.current import acting_for
from tests.mail.world import domain_of
from tests.post import Post

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEEN = Evidence(stage=Stage.RCPT, host="mx1.example.test", level="L2")


@pytest.mark.parametrize(
    ("host", "lane"),
    [
        ("gmail-smtp-in.l.google.com", "google"),
        ("clinic-org.mail.protection.outlook.com", "microsoft"),
        ("mta7.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("mx.evil-google.com", "mx.evil-google.com"),
        ("mx.clinic.test", "mx.clinic.test"),
    ],
)
def test_a_provider_is_known_by_its_servers_names(host: str, lane: str) -> None:
    assert lane_of(host, 10, 100).name == lane


def refused(times: int, answers: int) -> list[Outcome]:
    """So many refusals by a provider's rules after so many good answers."""
    return [
        *[Accepted(evidence=SEEN)] * answers,
        *[RecipientRefused(kind="policy", evidence=SEEN)] * times,
    ]


@pytest.mark.parametrize(
    ("outcomes", "pause"),
    [
        ([Deferred(kind="throttled", evidence=SEEN)], SLOW_DOWN),
        ([Deferred(kind="greeting_refused", evidence=SEEN)], BLOCKED),
        (refused(3, 0), BLOCKED),
        (refused(2, 0), None),
        (refused(3, 100), None),
        ([Deferred(kind="greylisted", evidence=SEEN)], None),
        ([RecipientRefused(kind="recipient_gone", evidence=SEEN)] * 9, None),
    ],
)
def test_what_makes_a_lane_rest(outcomes: list[Outcome], pause: timedelta | None) -> None:
    watch = Watch()
    found = [hold for each in outcomes if (hold := watch.saw("a lane", each, NOW))]
    assert [hold.until - NOW for hold in found[:1]] == ([pause] if pause else [])


def test_a_server_that_greets_with_a_refusal_is_left_alone_for_an_hour(post: Post) -> None:
    domain = domain_of(Temper.REFUSES_GREETING)
    first, second = f"a@{domain}", f"b@{domain}"
    mailing = post.mailing(first, second)
    post.send()
    assert set(post.statuses().values()) == {Status.QUEUED}
    assert LaneHold.objects.get().reason == "greeting_refused"
    assert queries.due_batches(10) == [], "its batch waits as well"
    with acting_for(post.organization.id):
        assert not Suppression.objects.exists()
        assert queries.progress(mailing.id).in_flight == 2


def test_losing_protection_after_good_days_is_an_event_of_security(post: Post) -> None:
    good = Accepted(evidence=SEEN)
    lost = Unprotected(kind="no_starttls", evidence=SEEN)
    long_ago = timezone.now() - GOOD_DAYS - timedelta(hours=1)
    assert remember({"old.test": good, "new.test": lost}, long_ago) == []
    assert remember({"young.test": good}, timezone.now()) == []
    assert remember({"old.test": lost, "young.test": lost}, timezone.now()) == ["old.test"]
    assert DomainPosture.objects.get(domain="old.test").protected_since is None


def test_a_stripped_server_alerts_the_privacy_officer(post: Post) -> None:
    domain = domain_of(Temper.NO_STARTTLS)
    DomainPosture.objects.create(
        domain=domain, verdict="Accepted", protected_since=timezone.now() - 2 * GOOD_DAYS
    )
    mailing = post.mailing(f"a@{domain}")
    post.send()
    with acting_for(post.organization.id):
        alert = Alert.objects.get()
    assert (alert.kind, alert.object_id) == ("protection_lost", mailing.id)
