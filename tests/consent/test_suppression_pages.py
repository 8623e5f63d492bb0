"""Addresses that are left alone: looked up, added, lifted, and imported from a list."""

from __future__ import annotations

from html import unescape
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from accounts.rules import Role
from audit.models import Event
from consent import services
from consent.models import Suppression
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.lists import addresses_in
from tenancy.current import acting_for
from tests.people import Room

OFFICER = Role.PRIVACY_OFFICER
HOW = {"scope": "all", "reason": "do_not_contact"}
ADDRESS = "ann@riverside-mail.test"


def _stop(reason: SuppressionReason, *addresses: str) -> None:
    for each in addresses:
        services.suppress(each, SuppressionScope.ALL, reason, "staff")


def test_add_look_up_and_lift_one(room: Room) -> None:
    browser = room.client(OFFICER)
    assert "No address is suppressed" in browser.get(room.url("suppressions/")).content.decode()
    refused = browser.post(room.url("suppressions/add/"), HOW | {"address": "ann at home"})
    assert "aria-invalid" in refused.content.decode()
    browser.post(room.url("suppressions/add/"), HOW | {"address": ADDRESS})
    found = browser.post(room.url("suppressions/find/"), {"address": ADDRESS.upper()})
    assert "Asked not to be contacted" in found.content.decode()
    with acting_for(room.riverside.id):
        row = Suppression.objects.get()
        looked = Event.objects.get(action="suppression_looked_up")
    assert "ann" not in str(looked.details)
    lift = room.url(f"suppressions/{row.id}/lift/")
    assert "Say why" in browser.post(lift, {"because": " "}, follow=True).content.decode()
    browser.post(lift, {"because": "She asked us to write again."})
    found = browser.post(room.url("suppressions/find/"), {"address": ADDRESS})
    assert "Nothing stands against" in found.content.decode()


def test_what_the_person_said_only_the_person_takes_back(room: Room) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        _stop(SuppressionReason.UNSUBSCRIBED, ADDRESS)
        row = Suppression.objects.get()
    shown = browser.post(room.url("suppressions/find/"), {"address": ADDRESS}).content.decode()
    assert "Only the person can take this back" in shown
    url = room.url(f"suppressions/{row.id}/lift/")
    answer = browser.post(url, {"because": "We want to."}, follow=True)
    assert "Only they can change it" in answer.content.decode()
    with acting_for(room.riverside.id):
        assert Suppression.objects.get().lifted_at is None


def test_check_39_small_cells_are_hidden_and_the_queries_are_few(room: Room) -> None:
    browser, url = room.client(Role.AUDITOR), room.url("suppressions/")
    with acting_for(room.riverside.id):
        _stop(SuppressionReason.BOUNCED, *(f"p{n}@riverside-mail.test" for n in range(23)))
        _stop(SuppressionReason.HOUSEHOLD, ADDRESS)
    shown = browser.get(url).content.decode()
    assert ">23<" not in shown
    assert ">1<" not in shown
    assert "Look up" not in shown
    with CaptureQueriesContext(connection) as before:
        browser.get(url)
    with acting_for(room.riverside.id):
        _stop(SuppressionReason.DO_NOT_CONTACT, *(f"q{n}@riverside-mail.test" for n in range(9)))
    with CaptureQueriesContext(connection) as after:
        browser.get(url)
    assert len(before) == len(after)


def test_a_list_is_looked_at_before_it_is_taken(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("suppressions/import/")
    with acting_for(room.riverside.id):
        _stop(SuppressionReason.DO_NOT_CONTACT, ADDRESS)
    text = (
        f"Email;Name\n{ADDRESS.upper()};Ann\nbob@plainmail.test;Bob\nBOB@plainmail.test\n<oops>\n"
    )
    file = SimpleUploadedFile("list.csv", text.encode("utf-16"))
    page = unescape(browser.post(url, HOW | {"file": file}).content.decode())
    assert "Leave 1 address alone" in page
    assert "<oops>" in page
    assert "Email;Name" in page
    with acting_for(room.riverside.id):
        assert Suppression.objects.count() == 1
    sealed = page.partition('name="list" value="')[2].partition('"')[0]
    assert "plainmail" not in sealed
    confirm = room.url("suppressions/import/confirm/")
    other = room.client(Role.OWNER).post(confirm, {"list": sealed}, follow=True)
    assert "Somebody else looked at this list" in other.content.decode()
    broken = browser.post(confirm, {"list": sealed[:-9]}, follow=True)
    assert "Upload it again" in broken.content.decode()
    done = browser.post(confirm, {"list": sealed}, follow=True)
    assert "1 more addresses are left alone" in done.content.decode()
    with acting_for(room.riverside.id):
        assert Suppression.objects.filter(source="list").count() == 1


def test_a_workbook_and_pasted_text_are_taken_too(room: Room) -> None:
    browser, url = room.client(OFFICER), room.url("suppressions/import/")
    book, body = Workbook(), BytesIO()
    book.active.append(["Name", "Email"])
    book.active.append(["Bob", "bob@plainmail.test"])
    book.save(body)
    file = SimpleUploadedFile("list.xlsx", body.getvalue())
    assert "Leave 1 address alone" in browser.post(url, HOW | {"file": file}).content.decode()
    pasted = browser.post(url, HOW | {"pasted": "a@plainmail.test, b@plainmail.test"})
    assert "Leave 2 addresses alone" in pasted.content.decode()


@pytest.mark.parametrize(
    ("sent", "words"),
    [({}, "Choose a file, or paste"), ({"pasted": "nobody"}, "no email address in it")],
)
def test_what_is_no_list_is_refused_in_words(room: Room, sent: dict[str, str], words: str) -> None:
    answer = room.client(OFFICER).post(room.url("suppressions/import/"), HOW | sent)
    assert words in answer.content.decode()


@given(st.lists(st.text(max_size=30)))
def test_each_line_is_an_address_or_is_shown(lines: list[str]) -> None:
    found = addresses_in([*lines, ADDRESS])
    assert ADDRESS in found.addresses
    lost = [line for line in lines if line.strip(" ,;|\t\r\n")]
    assert len(found.others) + sum("@" in line for line in lost) >= len(lost)
