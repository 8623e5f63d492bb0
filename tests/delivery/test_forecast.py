"""So many to the inbox, so many to the portal, before anything is approved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.rules import Role
from campaigns import rules
from config.demo.world.tempers import Temper
from contacts.services.saving import save_many
from delivery import queries
from delivery.models import DomainPosture
from delivery.services import postures, probes
from delivery.tasks import probe_domains
from delivery.transports.outcomes import Deferred, Evidence, Reachable, Stage, Unprotected
from tenancy.current import acting_for
from tests.campaigns.desk import Desk
from tests.mail.world import domain_of
from tests.people import Room
from tests.post import Post, clean

GOOD, EXPIRED, DEAD = "riverside-mail.test", domain_of(Temper.EXPIRED), "null-mx.test"
SEEN = Evidence(stage=Stage.EHLO, host="mx1.example.test", level="L2", tls_version="TLSv1.3")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nobody was asked within the last hour."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def campaign(post: Post, committed_room: Room) -> UUID:
    """To patients of four mail domains, one of them a patient's own."""
    addresses = [
        *(f"g{n}@{GOOD}" for n in range(30)),
        *(f"e{n}@{EXPIRED}" for n in range(20)),
        *(f"d{n}@{DEAD}" for n in range(12)),
        "ann@own-name.test",
    ]
    with acting_for(post.organization.id):
        save_many([clean(n, each) for n, each in enumerate(addresses)])
    return Desk(committed_room).campaign(purpose="treatment_reminder")


def fragment(room: Room, campaign: UUID) -> str:
    answer = room.client(Role.PRIVACY_OFFICER).get(room.url(f"campaigns/{campaign}/forecast/"))
    return answer.content.decode()


def test_servers_are_asked_once_and_then_known(
    post: Post, committed_room: Room, campaign: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[object]] = []
    monkeypatch.setattr(
        probes.current_app, "send_task", lambda _, arguments: sent.append(arguments)
    )
    before = fragment(committed_room, campaign)
    assert "3 mail servers" in before
    assert not sent, "looking asks nobody"
    path = committed_room.url(f"campaigns/{campaign}/asking/")
    client = committed_room.client(Role.PRIVACY_OFFICER)
    assert b"Asking 3 mail servers" in client.post(path).content
    [(domains, level)] = sent
    assert domains == [GOOD, EXPIRED, DEAD], "the largest first, and nobody's own"
    assert b"Asking 3 mail servers" in client.get(path).content
    probe_domains(domains, level)  # type: ignore[arg-type]
    done = client.get(path)
    assert done.headers["HX-Trigger"] == "servers-answered"
    after = fragment(committed_room, campaign)
    assert "own-name" not in after
    for words in (
        "Its mail server proved who it is, and encrypts.",
        "certificate has expired",
        "does not take mail",
        "about 30",
    ):
        assert words in after
    assert "mail servers" not in after
    client.post(path)
    assert len(sent) == 1, "not again within the hour"
    assert not post.world.store.recent(1), "asking sends nothing"


def test_what_was_seen_long_ago_is_not_known(room: Room) -> None:
    now = timezone.now()
    postures.remember_probes({"a.test": Reachable(evidence=SEEN)}, now - queries.FRESH)
    postures.remember_probes({"b.test": Reachable(evidence=SEEN)}, now)
    ways = queries.expected_ways({"a.test", "b.test", "c.test"}, now)
    assert {domain: each.way for domain, each in ways.items()} == {
        "a.test": "unknown",
        "b.test": "mail",
        "c.test": "unknown",
    }


def test_asking_takes_nothing_back_that_sending_found(room: Room) -> None:
    now = timezone.now()
    first = now - timedelta(days=9)
    postures.remember_probes({"a.test": Reachable(evidence=SEEN)}, first)
    postures.remember_probes({"a.test": Deferred(kind="connection_failed", evidence=SEEN)}, now)
    assert DomainPosture.objects.get(domain="a.test").verdict == "Reachable"
    postures.remember_probes({"a.test": Unprotected(kind="no_starttls", evidence=SEEN)}, now)
    posture = DomainPosture.objects.get(domain="a.test")
    assert (posture.verdict, posture.detail) == ("Unprotected", "no_starttls")
    assert posture.protected_since == first, "only a message's own connection raises the alarm"


def test_domains_of_few_people_are_left_out() -> None:
    people = {"large.test": 234, "small.test": 10, "eleven.test": 11}
    expected = dict.fromkeys(people, ("mail", "Fine."))
    lines, more = rules.by_domain(people, expected)
    assert [(line.domain, line.people) for line in lines] == [
        ("large.test", "about 230"),
        ("eleven.test", "about 10"),
    ]
    assert more == 0
