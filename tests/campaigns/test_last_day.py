"""An invitation is not to arrive after the event, and a campaign can be copied."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.rules import Role
from campaigns import queries, rules
from campaigns.models import Campaign, CampaignStatus
from contacts import queries as contacts
from delivery.models import Mailing
from tenancy.current import acting_for
from tests.campaigns.desk import Desk
from tests.people import Room


@pytest.fixture
def desk(room: Room) -> Desk:
    return Desk(room)


def today(desk: Desk) -> date:
    with acting_for(desk.room.riverside.id):
        return contacts.today()


def test_a_day_that_is_over_can_t_be_chosen(desk: Desk) -> None:
    campaign = desk.campaign(purpose="appointment", last_day=today(desk))
    row = desk.stored(campaign)
    parts = {name: getattr(row, f"{name}_id") for name in ("segment", "template", "sender")}
    yesterday = today(desk) - timedelta(days=1)
    answer = desk.room.client(Role.MARKETER).post(
        desk.room.url(f"campaigns/{campaign}/edit/"),
        {"name": row.name, "purpose": "appointment", "last_day": yesterday, **parts},
    )
    assert answer.context["form"].errors["last_day"] == [
        "That day is over. Choose another, or none."
    ]
    assert desk.stored(campaign).last_day == today(desk)


def test_the_mailing_ends_with_its_last_day_where_the_organization_is(desk: Desk) -> None:
    desk.people(1)
    campaign = desk.campaign(purpose="appointment", last_day=today(desk))
    desk.submit(campaign)
    assert f"Last day to send it {today(desk):%-d %b %Y}" in desk.read(campaign)
    desk.approve(campaign)
    desk.launch(campaign)
    with acting_for(desk.room.riverside.id):
        ends = Mailing.objects.get(reference=campaign).send_until
    assert ends is not None
    here = ends.astimezone(ZoneInfo(desk.room.riverside.time_zone))
    assert (here.date(), here.hour, here.minute) == (today(desk), 23, 59)


def test_after_its_last_day_a_campaign_is_neither_submitted_nor_launched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.people(1)
    campaign = desk.campaign(purpose="appointment", last_day=today(desk))
    desk.submit(campaign)
    desk.approve(campaign)
    tomorrow = today(desk) + timedelta(days=1)
    monkeypatch.setattr(contacts, "today", lambda: tomorrow)
    answer = desk.room.client(Role.MARKETER).post(
        desk.room.url(f"campaigns/{campaign}/launch/"), follow=True
    )
    assert "The last day to send it is over." in answer.content.decode()
    assert desk.stored(campaign).status == CampaignStatus.APPROVED
    assert "The last day to send it is over." in desk.submit(campaign)


def test_another_last_day_is_another_campaign_to_approve(desk: Desk) -> None:
    campaign = desk.campaign(purpose="appointment", last_day=today(desk))
    with acting_for(desk.room.riverside.id):
        row = Campaign.objects.get(id=campaign)
        digests = {queries.current_digest(row)}
        for other in (None, today(desk) + timedelta(days=1)):
            row.last_day = other
            digests.add(queries.current_digest(row))
    assert len(digests) == 3


@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Kathmandu", "Pacific/Apia"])
def test_a_day_ends_at_its_last_moment_also_when_clocks_change(zone: str) -> None:
    for day in (date(2026, 3, 8), date(2026, 11, 1), date(2026, 12, 31)):
        here = rules.end_of(day, datetime.now(ZoneInfo(zone)))
        assert here.date() == day
        assert (here + timedelta(microseconds=1)).date() > day


def test_a_copy_is_a_draft_with_the_same_answers_and_no_approval(desk: Desk) -> None:
    desk.people(1)
    campaign = desk.campaign(purpose="appointment", last_day=today(desk), tracking="on")
    desk.submit(campaign)
    desk.approve(campaign)
    desk.launch(campaign)
    name = desk.stored(campaign).name
    for name_of_copy in (f"Copy of {name}", f"Copy 2 of {name}"):
        answer = desk.room.client(Role.OWNER).post(
            desk.room.url(f"campaigns/{campaign}/copy/"), follow=True
        )
        assert "This is the copy." in answer.content.decode()
        with acting_for(desk.room.riverside.id):
            copied = Campaign.objects.get(name=name_of_copy)
            assert (copied.status, copied.last_day, copied.digest) == ("draft", None, "")
            assert not queries.decisions_on(copied)
            wrote = {desk.room.people[who].id for who in (Role.MARKETER, Role.OWNER)}
            assert queries.authors_of(copied) >= wrote, "neither may approve it"
            original = Campaign.objects.get(id=campaign)
            for part in ("segment_id", "template_id", "sender_id", *queries.submissions.ANSWERS):
                assert getattr(copied, part) == getattr(original, part)
