"""The pages on which an organization defines its fields."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.rules import Role
from contacts import queries, services
from contacts.models import FieldDefinition
from contacts.rules.fields import Choice, FieldClass, FieldType
from tenancy.current import acting_for
from tenancy.walks import run_walk, unfinished
from tests.contacts.patients import patient, store
from tests.people import Room

DEPARTMENT = {
    "label": "Department",
    "type": "text",
    "choices": "",
    "group": "journey",
    "classification": "phi",
    "searchable": "on",
}


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def stored(room: Room, key: str) -> FieldDefinition:
    with acting_for(room.riverside.id):
        return FieldDefinition.objects.get(key=key)


def change(browser: Client, room: Room, key: str, **values: str) -> str:
    data = DEPARTMENT | values
    address = room.url(f"fields/{stored(room, key).id}/")
    return browser.post(address, data, follow=True).content.decode()


def finish(room: Room) -> None:
    with acting_for(room.riverside.id):
        walks = unfinished()
    for walk in walks:
        run_walk(room.riverside.id, walk.id)


def patients(room: Room, *departments: str) -> None:
    with acting_for(room.riverside.id):
        store(patient(n, Department=each) for n, each in enumerate(departments))


def test_a_field_is_added(room: Room, browser: Client) -> None:
    data = {
        "label": "Shoe colour",
        "type": "choice",
        "choices": "Red\nDeep blue",
        "group": "behaviour",
        "classification": "part2",
    }
    browser.post(room.url("fields/new/"), data)
    with acting_for(room.riverside.id):
        field = queries.fields_by_key()["shoe_colour"]
    assert field.choices == (Choice("Red", "Red"), Choice("Deep blue", "Deep blue"))
    assert (field.type, field.classification) == (FieldType.CHOICE, FieldClass.PART2)
    page = browser.get(room.url("fields/")).content.decode()
    assert "Shoe colour" in page
    assert "Substance-use programme record" in page


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Psychotherapy notes", "45 CFR 164.508(a)(2)"),
        ("department", "Another field has this name"),
        ("", "This field is required"),
    ],
)
def test_what_cannot_be_a_field_is_said_and_kept_in_the_form(
    room: Room, browser: Client, label: str, words: str
) -> None:
    answer = browser.post(room.url("fields/new/"), DEPARTMENT | {"label": label, "choices": "kept"})
    html = answer.content.decode()
    assert words in html
    assert "kept" in html


def test_a_new_name_is_safe_at_once(room: Room, browser: Client) -> None:
    patients(room, "Cardiology")
    html = change(browser, room, "department", label="Ward")
    assert "“Ward” was saved" in html
    assert stored(room, "department").label == "Ward"
    with acting_for(room.riverside.id):
        assert not unfinished()


def test_a_new_type_tells_first_what_it_will_do(room: Room, browser: Client) -> None:
    patients(room, "1", "2", "Cardiology")
    html = change(browser, room, "department", type="number")
    assert "2 of 3 values fit; 1 would be lost" in html
    assert stored(room, "department").type == "text"
    html = change(browser, room, "department", type="number", confirm="yes")
    assert "Changing “Department”" in html
    assert "0 of 3 patients" in html
    assert stored(room, "department").change == "convert"
    progress = browser.get(room.url("fields/progress/"))
    assert "HX-Refresh" not in progress
    finish(room)
    assert browser.get(room.url("fields/progress/"))["HX-Refresh"] == "true"
    assert stored(room, "department").type == "number"
    with acting_for(room.riverside.id):
        found = [person.profile.get("department") for person in queries.page().contacts]
    assert found == [1, 2, None]


def test_the_search_index_tells_what_it_shows(room: Room, browser: Client) -> None:
    off = DEPARTMENT.copy()
    del off["searchable"]
    address = room.url(f"fields/{stored(room, 'department').id}/")
    assert "slower" in browser.post(address, off).content.decode()
    browser.post(address, off | {"confirm": "yes"})
    assert stored(room, "department").searchable is False
    finish(room)
    html = change(browser, room, "department")
    assert "the same value, though not the value" in html
    html = change(browser, room, "department", confirm="yes")
    assert "Building the search index" in html
    assert "Being built" in html


def test_fields_that_the_system_needs_offer_their_name_alone(room: Room, browser: Client) -> None:
    address = room.url(f"fields/{stored(room, 'email').id}/")
    html = browser.get(address).content.decode()
    assert 'name="label"' in html
    assert 'name="type"' not in html
    browser.post(address, {"label": "Mail", "type": "number"})
    row = stored(room, "email")
    assert (row.label, row.type) == ("Mail", "text")
    refused = browser.get(room.url(f"fields/{row.id}/remove/")).content.decode()
    assert "cannot be removed" in refused
    assert "Remove field</button>" not in refused


def test_known_choices_keep_what_imports_accept(room: Room, browser: Client) -> None:
    with acting_for(room.riverside.id):
        before = queries.fields_by_key()["sex"]
    lines = "\n".join([*(each.label for each in before.choices), "Not asked"])
    change(browser, room, "sex", label="Sex", type="choice", choices=lines, group="demographic")
    with acting_for(room.riverside.id):
        after = queries.fields_by_key()["sex"]
    assert after.choices == (*before.choices, Choice("Not asked", "Not asked"))


def test_the_page_says_how_templates_write_the_field(room: Room, browser: Client) -> None:
    change(browser, room, "department", label="Ward")
    html = browser.get(room.url(f"fields/{stored(room, 'department').id}/")).content.decode()
    assert "<code>{{ department }}</code>" in html


def test_removing_tells_how_many_have_a_value_and_then_removes(room: Room, browser: Client) -> None:
    patients(room, "Cardiology", "")
    address = room.url(f"fields/{stored(room, 'department').id}/remove/")
    assert "1 patient has a value" in browser.get(address).content.decode()
    html = browser.post(address, follow=True).content.decode()
    assert "Removing “Department”" in html
    assert "Being removed" in html
    finish(room)
    assert "Department" not in browser.get(room.url("fields/")).content.decode()


def test_what_a_segment_asks_about_is_not_removed(room: Room, browser: Client) -> None:
    condition = {"kind": "field", "field": "department", "operator": "is", "values": ["Cardiology"]}
    tree = json.dumps({"where": {"kind": "all", "of": [condition]}})
    with acting_for(room.riverside.id):
        services.save_segment("Hearts", tree, room.people[Role.OWNER].id)
    address = room.url(f"fields/{stored(room, 'department').id}/remove/")
    assert "“Hearts”" in browser.get(address).content.decode()
    assert "“Hearts”" in browser.post(address).content.decode()
    assert "“Hearts”" in change(browser, room, "department", type="number")
    assert stored(room, "department").change == ""
