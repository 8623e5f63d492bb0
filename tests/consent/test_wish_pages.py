"""What one patient asked for, recorded by staff; and the topics."""

from __future__ import annotations

from html import unescape
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.rules import Role
from consent import queries, services
from consent.models import PlainMailWish, Restriction, Topic
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Purpose
from consent.rules.words import PLAIN_MAIL_WARNING
from tenancy.current import acting_for
from tests.consent.signed import LAST_WEEK, people
from tests.people import Room
from tests.post import ready_sender

OFFICER = Role.PRIVACY_OFFICER


@pytest.fixture
def ann(room: Room) -> UUID:
    with acting_for(room.riverside.id):
        return people(1)[0]


def test_a_restriction_stops_such_mail_until_it_ends(room: Room, ann: UUID) -> None:
    browser, url = room.client(OFFICER), room.url(f"contacts/{ann}/wishes/")
    sent = {"received_on": LAST_WEEK.isoformat(), "note": "No offers, please."}
    assert "at least one kind" in browser.post(url + "restrict/", sent).content.decode()
    browser.post(url + "restrict/", sent | {"purposes": ["general_wellness"]})
    shown = browser.get(url).content.decode()
    assert "General health and wellness" in shown
    assert "No offers, please." in shown
    page = browser.get(room.url(f"contacts/{ann}/authorization/")).content.decode()
    assert "The person asked not to get messages of this kind." in page
    with acting_for(room.riverside.id):
        row = Restriction.objects.get()
        assert b"offers" not in bytes(row.sealed_note)
        assert row.purposes == ["general_wellness"]
    browser.post(room.url(f"consent/restrictions/{row.id}/end/"))
    with acting_for(room.riverside.id):
        assert dict(queries.outlook(ann, timezone.now()))[Purpose.GENERAL_WELLNESS].verdict == (
            "permit"
        )


def test_everything_is_every_purpose(room: Room, ann: UUID) -> None:
    url = room.url(f"contacts/{ann}/wishes/restrict/")
    sent = {"received_on": LAST_WEEK.isoformat(), "everything": "on"}
    answer = room.client(OFFICER).post(url, sent, follow=True)
    assert "All messages" in answer.content.decode()
    with acting_for(room.riverside.id):
        assert set(Restriction.objects.get().purposes) == set(Purpose)


def test_the_wish_for_unencrypted_mail_keeps_the_warning(room: Room, ann: UUID) -> None:
    browser, url = room.client(OFFICER), room.url(f"contacts/{ann}/wishes/")
    assert PLAIN_MAIL_WARNING["en"] in unescape(browser.get(url).content.decode())
    browser.post(url + "plain-mail/", {"channel": "paper"})
    with acting_for(room.riverside.id):
        assert not PlainMailWish.objects.exists()
    browser.post(url + "plain-mail/", {"channel": "paper", "read": "on"})
    with acting_for(room.riverside.id):
        wish = PlainMailWish.objects.get()
    assert (wish.warning, wish.channel) == (PLAIN_MAIL_WARNING["en"], "paper")
    browser.post(url + "plain-mail/", {"act": "withdraw"})
    with acting_for(room.riverside.id):
        assert not queries.wishes_of(ann).plain_mail


def test_the_address_is_asked_about_once(room: Room, ann: UUID) -> None:
    browser, url = room.client(OFFICER), room.url(f"contacts/{ann}/wishes/")
    refused = browser.post(url + "confirm/", follow=True).content.decode()
    assert "no sender whose domain is ready" in refused
    with acting_for(room.riverside.id):
        ready_sender("Care", "care@riverside.test")
    asked = browser.post(url + "confirm/", follow=True).content.decode()
    assert "not confirmed" in asked
    assert "Ask to confirm" not in asked


def test_what_stands_against_the_address_is_shown(room: Room, ann: UUID) -> None:
    with acting_for(room.riverside.id):
        address = "person0@riverside-mail.test"
        services.suppress(address, SuppressionScope.ALL, SuppressionReason.BOUNCED, "bounce")
    shown = room.client(OFFICER).get(room.url(f"contacts/{ann}/wishes/")).content.decode()
    assert "Mail came back" in shown
    assert address not in shown
    assert "Lift" in shown


def test_add_rename_and_retire_a_topic(room: Room) -> None:
    browser, url = room.client(Role.MARKETER), room.url("topics/")
    assert "No topics yet" in browser.get(url).content.decode()
    for _ in range(2):
        answer = browser.post(url, {"name": "Heart health", "name_es": "Salud del corazón"})
    assert "There is a topic with this name" in answer.content.decode()
    with acting_for(room.riverside.id):
        row = Topic.objects.get()
    browser.post(f"{url}{row.id}/", {"name": "Hearts"})
    assert "Hearts" in browser.get(url).content.decode()
    browser.post(f"{url}{row.id}/retire/")
    assert "Retired" in browser.get(url).content.decode()
