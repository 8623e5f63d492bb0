"""The pages of people: masked, in pages, found by exact name, and looked at on record."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules import Role
from audit.models import Event
from contacts import queries
from contacts.queries import people
from contacts.rules.masking import DOTS, masked, masked_email, masked_name, masked_text
from contacts.rules.starter import starter_fields
from tenancy.current import acting_for
from tests.contacts.patients import patient, store
from tests.people import Room

SECRETS = ("Wilhelmina", "Quackenbush", "quackenbush", "RH0000", "07/23", "07-23", "Cardiology")


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def _store(room: Room, count: int) -> list[UUID]:
    with acting_for(room.riverside.id):
        return store(patient(n) for n in range(1, count + 1))


def test_the_pages_hold_no_full_value(room: Room, browser: Client) -> None:
    [contact] = _store(room, 1)
    listed = browser.get(room.url("contacts/")).content.decode()
    shown = browser.get(room.url(f"contacts/{contact}/")).content.decode()
    for secret in SECRETS:
        assert secret not in listed
        assert secret not in shown
    assert "Asthma" not in shown
    assert "W••• Q•••" in listed
    assert "w•••@oldpost.test" in listed
    assert "1951" in listed


def test_looking_at_somebody_is_logged(room: Room, browser: Client) -> None:
    [contact] = _store(room, 1)
    browser.get(room.url(f"contacts/{contact}/"))
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="contact_viewed")
    assert (event.object_id, event.actor_id) == (contact, room.people[Role.MARKETER].id)


def test_being_shown_a_list_is_logged_with_who_was_in_it(room: Room, browser: Client) -> None:
    ids = _store(room, 2)
    browser.get(room.url("contacts/"))
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="contacts_listed")
    assert event.details == {"contacts": [str(each) for each in ids]}
    assert event.actor_id == room.people[Role.MARKETER].id


def test_a_look_up_is_logged_without_what_was_typed(room: Room, browser: Client) -> None:
    ids = _store(room, 2)
    browser.post(room.url("contacts/"), {"text": "rh000002"})
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="contacts_looked_up")
        assert not Event.objects.filter(action="contacts_listed").exists()
    assert event.details == {"contacts": [str(ids[1])]}


def test_pages_follow_each_other_in_both_directions(
    room: Room, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 3)
    ids = _store(room, 8)
    with acting_for(room.riverside.id):
        first = queries.page()
        second = queries.page(after=first.later)
        third = queries.page(after=second.later)
        back = queries.page(before=third.earlier)
    pages = [[person.id for person in page.contacts] for page in (first, second, third, back)]
    assert pages == [ids[:3], ids[3:6], ids[6:], ids[3:6]]
    assert (first.earlier, third.later) == (None, None)
    assert back.earlier == ids[3]
    html = browser.get(room.url("contacts/"), {"after": ids[2]}).content.decode()
    assert f"?before={ids[3]}" in html
    assert f"?after={ids[5]}" in html


PAGE_QUERIES = 17


@pytest.mark.parametrize("asked", [{}, {"language": "en", "email": "yes"}])
@pytest.mark.parametrize("count", [1, 50])
def test_a_page_costs_the_same_for_one_and_for_fifty(
    room: Room, browser: Client, asked: dict[str, str], count: int
) -> None:
    _store(room, count)
    browser.get(room.url("contacts/"))
    with CaptureQueriesContext(connection) as taken:
        html = browser.get(room.url("contacts/"), asked).content.decode()
    assert html.count("W••• Q•••") == count
    assert len(taken) == PAGE_QUERIES


NAMES = ["rh000002", "Wilhelmina.Quackenbush2@oldpost.test", " QUACKENBUSH2 "]


@pytest.mark.parametrize("text", NAMES)
def test_an_officer_finds_somebody_by_number_email_or_name(room: Room, text: str) -> None:
    ids = _store(room, 3)
    officer = room.client(Role.PRIVACY_OFFICER)
    html = officer.post(room.url("contacts/"), {"text": text}).content.decode()
    assert f"/contacts/{ids[1]}/" in html
    assert f"/contacts/{ids[0]}/" not in html


@pytest.mark.parametrize("text", NAMES)
def test_a_marketer_finds_nobody_by_name(room: Room, browser: Client, text: str) -> None:
    ids = _store(room, 3)
    html = browser.post(room.url("contacts/"), {"text": text}).content.decode()
    assert (f"/contacts/{ids[1]}/" in html) is (text != NAMES[-1])
    assert "Find a patient by record number or email<" in html


def test_a_part_of_a_name_finds_nobody(room: Room) -> None:
    _store(room, 1)
    officer = room.client(Role.PRIVACY_OFFICER)
    html = officer.post(room.url("contacts/"), {"text": "Quack"}).content.decode()
    assert "Nobody is called exactly so" in html


FILTERS = [
    ({"email": "no"}, 1),
    ({"deceased": "on"}, 2),
    ({"household": "on"}, 3),
    ({"relationship": "member"}, 4),
    ({"language": "es"}, 5),
]


@pytest.mark.parametrize(("chosen", "at"), FILTERS)
def test_the_list_shows_only_some(
    room: Room, browser: Client, chosen: dict[str, str], at: int
) -> None:
    with acting_for(room.riverside.id):
        ids = store(
            patient(n, **more)
            for n, more in enumerate(
                [
                    {},
                    {"Email": ""},
                    {"Deceased": "yes"},
                    {"Email": "shared@oldpost.test"},
                    {"Relationship": "member"},
                    {"Language": "Spanish"},
                ]
            )
        )
        store([patient(9, Email="shared@oldpost.test", **{"First Name": "Second"})])
    html = browser.get(room.url("contacts/"), chosen).content.decode()
    assert [each for each in ids if f"/contacts/{each}/" in html] == [ids[at]]


def test_a_filtered_list_goes_on_by_key(
    room: Room, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 2)
    with acting_for(room.riverside.id):
        ids = store(patient(n, Language="Spanish" if n % 2 else "English") for n in range(8))
    html = browser.get(room.url("contacts/"), {"language": "es"}).content.decode()
    assert f"?language=es&amp;after={ids[3]}" in html
    later = browser.get(room.url("contacts/"), {"language": "es", "after": str(ids[3])})
    found = [each for each in ids if f"/contacts/{each}/" in later.content.decode()]
    assert found == [ids[5], ids[7]]


def test_an_empty_list_says_what_to_do(room: Room, browser: Client) -> None:
    assert "Import a file" in browser.get(room.url("contacts/")).content.decode()


def test_a_malformed_position_is_a_missing_page(room: Room, browser: Client) -> None:
    assert browser.get(room.url("contacts/"), {"after": "x"}).status_code == 404


@given(st.text(min_size=2, max_size=40))
def test_masked_text_never_shows_the_text(text: str) -> None:
    assert text not in masked_text(text) or not text.strip() or set(text) <= set(DOTS)


def test_what_each_kind_of_value_shows() -> None:
    fields = starter_fields()
    assert masked_email("dana@example.org") == "d•••@example.org"
    assert masked_name({"first_name": "Dana", "last_name": "Li"}) == "D••• L•••"
    assert masked_name({}) == "No name"
    assert masked_text("(951) 555-0123") == "•••23"
    assert masked(fields["birth_date"], "1951-07-23") == "1951"
    assert masked(fields["conditions"], ["asthma", "copd"]) == "2 recorded"
    assert masked(fields["insurance"], "Medicaid") == "recorded"
    assert masked(fields["language"], "es") == "Spanish"
    assert masked(fields["deceased"], False) == "no"
    assert masked(fields["phone"], None) == ""
