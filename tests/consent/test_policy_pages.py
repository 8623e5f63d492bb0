"""State packs, the organization's answers, and the page of rules."""

from __future__ import annotations

from html import unescape

from accounts.rules import Role
from consent import queries
from consent.models import PackChoice
from consent.rules.decision import stopping_reasons
from consent.rules.documentation import ANCHORS
from consent.rules.packs import PACKS
from consent.rules.table import TABLE
from tenancy.current import acting_for
from tests.consent.signed import published
from tests.people import Room

OFFICER = Role.PRIVACY_OFFICER


def test_check_22_turning_on_says_which_forms_fall_short_first(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("consent/policy/ca-cmia/")
    with acting_for(room.riverside.id):
        published(room.riverside)
    asked = unescape(browser.get(url).content.decode())
    assert "1 published form falls short" in asked
    assert "at least 14-point type" in asked
    with acting_for(room.riverside.id):
        assert queries.packs() == ()
    browser.post(url, {"act": "on"})
    with acting_for(room.riverside.id):
        assert queries.packs() == (PACKS["ca-cmia"],)
        assert PackChoice.objects.get().turned_on_by == room.people[OFFICER].id
    assert "In force since" in browser.get(room.url("consent/policy/")).content.decode()
    assert "no longer hold" in browser.get(url).content.decode()
    browser.post(url, {"act": "off"})
    with acting_for(room.riverside.id):
        assert queries.packs() == ()


def test_the_answers_are_kept(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("consent/policy/")
    wanted = {"confirm_addresses": "on", "reading_grade": "7", "renew_before_days": "0"}
    assert browser.post(url, wanted).status_code == 302
    with acting_for(room.riverside.id):
        row = queries.policy()
    assert (row.confirm_addresses, row.fundraising_in_notice) == (True, False)
    assert (row.reading_grade, row.renew_before_days) == (7, 0)
    refused = browser.post(url, wanted | {"reading_grade": "13"})
    assert "less than or equal to 12" in refused.content.decode()


def test_every_reason_has_its_place_on_the_page_of_rules(room: Room) -> None:
    shown = room.client(Role.ANALYST).get(room.url("consent/rules/")).content.decode()
    codes = {rule.code for rule in TABLE} | {each.code for each in stopping_reasons()}
    codes |= {code for each in ANCHORS.values() for code in each} | set(PACKS)
    for code in codes | {"refused_by_privacy_officer"}:
        assert shown.count(f'id="{code}"') == 1, code


def test_the_table_is_read_by_all_and_changed_by_the_officer(room: Room) -> None:
    assert room.client(Role.MARKETER).get(room.url("consent/policy/")).status_code == 403
    assert room.client(Role.MARKETER).get(room.url("consent/rules/")).status_code == 200
