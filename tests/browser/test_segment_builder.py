"""The segment builder with the keyboard alone, on a wide screen and on a phone."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, Locator, Page, expect

from accounts.rules import Role
from contacts.models import CodeEntry, FieldDefinition, Segment
from contacts.queries import segment_tree
from contacts.rules.segments import to_json
from tenancy.current import acting_for
from tests.browser.conftest import PHONE, Person
from tests.people import Room

SYSTEM = "http://hl7.org/fhir/sid/icd-10-cm"


def has_focus(locator: Locator) -> None:
    expect(locator).to_be_focused()


def choose_field(page: Page, typed: str, label: str) -> None:
    """In the field's box, which has the focus: type, move down, take it."""
    page.keyboard.type(typed)
    expect(page.get_by_role("option", name=label, exact=True)).to_be_visible()
    while page.locator("[role=option][aria-selected=true]").inner_text() != label:
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def tree_of(page: Page) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.locator("#segment-tree").input_value())["where"]
    return found


def test_a_segment_is_built_with_the_keyboard_alone(
    browser: Browser, origin: str, committed_room: Room, axe: str
) -> None:
    with acting_for(committed_room.riverside.id):
        FieldDefinition.objects.create(
            key="diagnoses",
            label="Diagnoses",
            type="codes",
            group="clinical",
            classification="phi",
            position=90,
        )
        for code, display in (("E11.9", "Type 2 diabetes"), ("I10", "Hypertension")):
            CodeEntry.objects.create(field="diagnoses", system=SYSTEM, code=code, display=display)
    marketer = Person(browser, origin).sign_in(committed_room, Role.MARKETER)
    page = marketer.page
    page.goto(f"{origin}/o/riverside/segments/new/")
    answer = page.locator(".segment-answer")
    expect(answer).to_contain_text("Everybody")
    marketer.check_page(axe)

    page.get_by_label("Name").focus()
    page.keyboard.type("Diabetes, not seen lately")
    page.get_by_role("button", name="Add condition").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox")).to_be_visible()
    marketer.check_page(axe)

    # A code, by its name.
    choose_field(page, "diag", "Diagnoses")
    has_focus(page.get_by_label("Comparison"))
    page.keyboard.press("Tab")
    has_focus(page.get_by_role("combobox", name="Find a code"))
    page.keyboard.type("diabetes")
    expect(page.get_by_role("option", name="Type 2 diabetes")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Type 2 diabetes")).to_be_visible()
    expect(answer).to_contain_text("People whose diagnoses include Type 2 diabetes")

    # A relative date.
    page.get_by_role("button", name="Add condition").focus()
    page.keyboard.press("Enter")
    choose_field(page, "last vis", "Last visit")
    page.keyboard.type("was not")
    page.keyboard.press("Tab")
    has_focus(page.get_by_label("How many"))
    page.keyboard.type("3")
    expect(answer).to_contain_text("was not in the last 3 months or is not known")

    # Duplicate it, take that back, and move it to the top.
    condition = page.get_by_role("group", name="Condition", exact=True).last
    condition.get_by_role("button", name="Move or duplicate").focus()
    page.keyboard.press("Enter")
    condition.get_by_role("button", name="Duplicate", exact=True).focus()
    page.keyboard.press("Enter")
    assert len(tree_of(page)["of"]) == 3  # type: ignore[arg-type]
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    assert len(tree_of(page)["of"]) == 2  # type: ignore[arg-type]
    condition = page.get_by_role("group", name="Condition", exact=True).last
    condition.get_by_role("button", name="Move or duplicate").focus()
    page.keyboard.press("Enter")
    condition.get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    first = page.get_by_role("group", name="Condition", exact=True).first
    has_focus(first.get_by_role("button", name="Move or duplicate"))

    # A group of none, with what people did.
    page.get_by_role("button", name="Add group").focus()
    page.keyboard.press("Enter")
    choose_field(page, "opened", "Opened messages")
    page.get_by_label("How the conditions of this group combine").last.focus()
    page.keyboard.type("None")
    expect(answer).to_contain_text("but not those who opened at least one of the last 3 messages")
    marketer.check_page(axe)

    page.get_by_role("button", name="Save segment").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("was saved")).to_be_visible()
    marketer.check_page(axe)
    with acting_for(committed_room.riverside.id):
        stored = json.loads(to_json(segment_tree(Segment.objects.get())))["where"]
    assert stored == {
        "kind": "all",
        "of": [
            {
                "kind": "field",
                "field": "last_visit",
                "operator": "not_in_last",
                "values": [3, "months"],
            },
            {
                "kind": "field",
                "field": "diagnoses",
                "operator": "one_of",
                "values": [f"{SYSTEM}|E11.9"],
            },
            {
                "kind": "none",
                "of": [
                    {
                        "kind": "engagement",
                        "event": "opened",
                        "state": "did",
                        "scope": {"last": 3},
                    }
                ],
            },
        ],
    }

    # It opens as it was saved.
    page.get_by_role("link", name="Diabetes, not seen lately").click()
    expect(page.get_by_role("button", name="Remove Type 2 diabetes")).to_be_visible()
    expect(page.get_by_label("How many", exact=True)).to_have_value("3")
    expect(answer).to_contain_text("but not those who opened")
    assert tree_of(page)["kind"] == "all"


def test_an_example_works_on_a_phone(
    browser: Browser, origin: str, committed_room: Room, axe: str
) -> None:
    marketer = Person(browser, origin, PHONE).sign_in(committed_room, Role.MARKETER)
    page = marketer.page
    page.goto(f"{origin}/o/riverside/segments/new/")
    page.get_by_role("link", name="Overdue for a check-up").click()
    expect(page.get_by_label("Name")).to_have_value("Overdue for a check-up")
    answer = page.locator(".segment-answer")
    expect(answer).to_contain_text("was more than 1 year ago")
    page.get_by_label("What a message would be about").select_option(label="Our fundraising")
    expect(answer).to_contain_text("may be mailed for this purpose")
    page.get_by_role("button", name="Add condition").last.click()
    page.get_by_role("option", name="State", exact=True).click()
    for name in ("California", "Nevada"):
        page.get_by_role("combobox", name="Find a value").fill(name[:4])
        page.get_by_role("option", name=name).click()
    page.get_by_role("combobox", name="Find a value").fill("Ontario")
    page.get_by_role("option", name="Ontario").click()
    expect(answer).to_contain_text("whose state is California, Nevada or Ontario")
    page.get_by_role("button", name="Remove Ontario").click()
    expect(answer).to_contain_text("whose state is California or Nevada")
    marketer.check_page(axe)
    page.get_by_role("button", name="Save segment").click()
    marketer.check_page(axe)
    page.get_by_role("link", name="Overdue for a check-up").click()
    expect(page.get_by_role("button", name="Remove Nevada")).to_be_visible()
    expect(answer).to_contain_text("whose state is California or Nevada")
    page.go_back()
    page.get_by_role("button", name="What to do with Overdue for a check-up").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_label("Name")).to_have_value("Copy of Overdue for a check-up")
    page.goto(f"{origin}/o/riverside/segments/")
    page.get_by_role("button", name="What to do with Copy of").click()
    page.get_by_role("link", name="Delete…").click()
    marketer.check_page(axe)
    page.get_by_role("button", name="Delete segment").click()
    expect(page.get_by_text("was deleted")).to_be_visible()
