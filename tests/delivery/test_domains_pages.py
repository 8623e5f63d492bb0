"""Senders' domains: checked in a real DNS, and nothing is launched from one that does not stand."""

from __future__ import annotations

import html
import re
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.rules import Role
from config.demo.world.dns_server import SERVFAIL
from config.demo.world.servers import MailWorld
from consent.models import Alert
from delivery import queries
from delivery.models import DkimKey, SenderDomain
from delivery.services import domains as domain_services
from delivery.services.senders import create_sender
from delivery.tasks import check_domain
from tenancy.current import acting_for
from tests.campaigns.desk import Desk
from tests.people import Room
from tests.post import Post, publish, zone_of


@pytest.fixture
def domain(post: Post) -> SenderDomain:
    """A domain with a sender; nothing is published yet."""
    with acting_for(post.organization.id):
        domain = create_sender("Care", "care@sender.test").domain
    for name in [name for name in post.world.zone if name.endswith("sender.test")]:
        del post.world.zone[name]
    return domain


def check(post: Post, domain: SenderDomain) -> SenderDomain:
    check_domain(str(post.organization.id), str(domain.id))
    with acting_for(post.organization.id):
        domain.refresh_from_db()
    return domain


def states(domain: SenderDomain) -> dict[str, str]:
    return {key.partition(":")[0]: each["state"] for key, each in domain.findings.items()}


def page(room: Room, domain: SenderDomain) -> str:
    answer = room.client(Role.ADMINISTRATOR).get(room.url(f"senders/domains/{domain.id}/"))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_page_goes_from_nothing_to_ready(
    post: Post, committed_room: Room, domain: SenderDomain
) -> None:
    assert "Not checked yet" in page(committed_room, domain)
    assert check(post, domain).aligned_at is None
    assert set(states(domain).values()) == {"missing"}
    assert "2 needed records were not found" in page(committed_room, domain)
    publish(post.organization, post.world)
    domain = check(post, domain)
    assert domain.aligned_at is not None
    assert set(states(domain).values()) == {"ok"}
    text = page(committed_room, domain)
    assert "Ready to send." in text
    assert "Its policy is p=none" in text
    with acting_for(post.organization.id):
        assert queries.is_ready(domain.id)
        assert all(key.active_at for key in DkimKey.objects.filter(domain=domain))


def test_what_differs_is_shown(post: Post, committed_room: Room, domain: SenderDomain) -> None:
    zone = zone_of(post.organization)
    for name in zone:
        if "_domainkey" in name:
            zone[name] = {"TXT": ['"v=DKIM1; k=rsa; p=AAAA"']}
    post.world.zone.update(zone)
    assert check(post, domain).aligned_at is None
    text = page(committed_room, domain)
    assert "v=DKIM1; k=rsa; p=AAAA" in text
    assert "There is another key in its place" in text


def test_a_domain_that_loses_its_records_waits_and_somebody_is_told(
    post: Post, domain: SenderDomain
) -> None:
    publish(post.organization, post.world)
    post.world.zone["_dmarc.sender.test"] = SERVFAIL
    assert check(post, domain).aligned_at is not None, "silence takes nothing back"
    assert states(domain)["dmarc"] == "unknown"
    del post.world.zone["_dmarc.sender.test"]
    assert check(post, domain).aligned_at is None
    with acting_for(post.organization.id):
        assert not queries.is_ready(domain.id)
        assert Alert.objects.get(kind="sender_domain").object_id == domain.id
    check(post, domain)
    with acting_for(post.organization.id):
        assert Alert.objects.count() == 1


def test_new_keys_sign_once_both_are_published(
    post: Post, committed_room: Room, domain: SenderDomain
) -> None:
    publish(post.organization, post.world)
    client = committed_room.client(Role.ADMINISTRATOR)
    client.post(committed_room.url(f"senders/domains/{domain.id}/keys/"))
    with acting_for(post.organization.id):
        old = set(DkimKey.objects.filter(active_at__isnull=False).values_list("id", flat=True))
        new = set(DkimKey.objects.filter(active_at=None).values_list("id", flat=True))
        with pytest.raises(domain_services.KeysWait):
            domain_services.make_new_keys(domain.id)
    assert (len(old), len(new)) == (2, 2)
    zone = zone_of(post.organization)
    held_back = next(name for name in zone if "_domainkey" in name and name not in post.world.zone)
    last = zone.pop(held_back)
    post.world.zone.update(zone)
    assert check(post, domain).aligned_at is not None, "the old keys sign on"
    with acting_for(post.organization.id):
        assert active() == old
    post.world.zone[held_back] = last
    check(post, domain)
    with acting_for(post.organization.id):
        assert active() == new
        assert len(queries.domain_page(domain, timezone.now()).retired) == 2
    assert "Keep these older records published for 7 days" in page(committed_room, domain)


def active() -> set[UUID]:
    return set(
        DkimKey.objects.filter(active_at__isnull=False, retired_at=None).values_list(
            "id", flat=True
        )
    )


def test_nothing_is_launched_from_a_domain_that_does_not_stand(
    committed_room: Room, mail_world: MailWorld
) -> None:
    room, desk = committed_room, Desk(committed_room)
    desk.people()
    campaign = desk.campaign(purpose="treatment_reminder")
    with acting_for(room.riverside.id):
        SenderDomain.objects.update(aligned_at=None)
    desk.submit(campaign)
    assert "Mail can't be sent from" in desk.read(campaign)
    desk.approve(campaign)
    client = room.client(Role.MARKETER)
    answer = client.post(room.url(f"campaigns/{campaign}/launch/"), follow=True)
    assert "domain is not set up yet" in html.unescape(answer.content.decode())
    assert desk.stored(campaign).status == "approved"
    with acting_for(room.riverside.id):
        SenderDomain.objects.update(aligned_at=timezone.now())
    client.post(room.url(f"campaigns/{campaign}/launch/"))
    assert desk.stored(campaign).status == "launched"


def test_asking_for_a_check_shows_that_it_goes_on(
    committed_room: Room, post: Post, domain: SenderDomain
) -> None:
    client = committed_room.client(Role.ADMINISTRATOR)
    path = committed_room.url(f"senders/domains/{domain.id}/")
    assert b"Asking the DNS" in client.post(path + "check/", follow=True).content
    check(post, domain)
    assert b"Asking the DNS" not in client.get(path + "records/").content


def test_a_sender_at_a_known_domain_shares_it(
    committed_room: Room, post: Post, domain: SenderDomain
) -> None:
    client = committed_room.client(Role.ADMINISTRATOR)
    data = {"name": "News", "address": "news@Sender.test"}
    answer = client.post(committed_room.url("senders/"), data)
    assert answer.headers["Location"].endswith(f"senders/domains/{domain.id}/")
    assert b"There is a sender" in client.post(committed_room.url("senders/"), data).content
    bad = client.post(committed_room.url("senders/"), {"name": "News", "address": "x@[127.0.0.1]"})
    assert bad.status_code == 200
