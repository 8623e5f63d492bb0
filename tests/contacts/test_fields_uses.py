"""A field is not removed from under those that need it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.rules import Role
from campaigns.models import Campaign, Template
from contacts.models import FieldDefinition
from tenancy.current import acting_for
from tests.campaigns.desk import PLAIN, Desk
from tests.people import Room

SHOWING = PLAIN.replace("come and see us", "come and see us in {{ department }}")


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def address(room: Room, key: str) -> str:
    with acting_for(room.riverside.id):
        return room.url(f"fields/{FieldDefinition.objects.get(key=key).id}/remove/")


def test_a_field_that_a_template_shows_is_not_removed(room: Room, browser: Client) -> None:
    campaign = Desk(room).stored(Desk(room).campaign(html=SHOWING, purpose="marketing"))
    page = address(room, "department")
    for html in (browser.get(page).content.decode(), browser.post(page).content.decode()):
        assert "Templates show it or campaigns need it" in html
        assert f"“{campaign.name}”" in html
    with acting_for(room.riverside.id):
        assert FieldDefinition.objects.get(key="department").change == ""
        Template.objects.update(html=PLAIN)
    assert "Remove field" in browser.get(page).content.decode()


def test_nor_while_a_campaign_that_shows_it_is_not_over(room: Room, browser: Client) -> None:
    desk = Desk(room)
    campaign = desk.campaign(html=SHOWING, purpose="marketing")
    desk.submit(campaign)
    with acting_for(room.riverside.id):
        Template.objects.update(html=PLAIN)  # what was submitted shows it all the same
    name = desk.stored(campaign).name
    assert f"“{name}”" in browser.get(address(room, "department")).content.decode()


def test_nor_one_that_says_when_a_prescription_ends(room: Room, browser: Client) -> None:
    campaign = Desk(room).campaign(purpose="marketing")
    with acting_for(room.riverside.id):
        Campaign.objects.filter(id=campaign).update(refill_field="next_appointment")
    page = browser.get(address(room, "next_appointment")).content.decode()
    assert "campaigns need it" in page
    assert "Remove field" in browser.get(address(room, "department")).content.decode()
