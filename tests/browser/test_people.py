"""Patients, fields and exports in a browser: readable on a desk and a phone, and by keyboard."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.rules import Role
from contacts import services
from contacts.models import Unmasking
from tenancy.current import acting_for
from tests.browser.conftest import Person
from tests.contacts.patients import patient, store
from tests.people import Room

REASON = "The patient called about a wrong address"


@pytest.fixture
def patients(committed_room: Room) -> list[UUID]:
    with acting_for(committed_room.riverside.id):
        ids = store(patient(n) for n in range(1, 4))
        services.request_export(
            None, ["email", "conditions"], REASON, committed_room.people[Role.MARKETER].id
        )
    return ids


def test_every_page_can_be_read(
    browser: Browser,
    origin: str,
    committed_room: Room,
    patients: list[UUID],
    axe: str,
) -> None:
    officer = Person(browser, origin).sign_in(committed_room, Role.PRIVACY_OFFICER)
    page, base = officer.page, f"{origin}/o/riverside"
    one, other, _ = patients
    paths = [
        "contacts/",
        "contacts/?language=en",
        f"contacts/{one}/",
        f"contacts/{one}/merge/",
        f"contacts/{one}/merge/{other}/",
        f"contacts/{one}/erase/",
        "exports/",
        "exports/new/",
        "fields/",
        "fields/new/",
    ]
    for path in paths:
        page.goto(f"{base}/{path}")
        officer.check_page(axe)

    page.goto(f"{base}/contacts/{one}/")
    page.get_by_text("Show values").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why do you need to see them?").fill(REASON)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You see this patient's values until")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wilhelmina Quackenbush1")
    officer.check_page(axe)
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("link", name="Correct values…").click()
    page.get_by_label("HbA1c (%)").fill("high")
    page.get_by_role("button", name="Save corrections").click()
    expect(page.get_by_text("is not a number")).to_be_visible()
    officer.check_page(axe)
    page.get_by_label("HbA1c (%)").fill("6.5")
    page.get_by_role("button", name="Save corrections").click()
    expect(page.get_by_text("1 value was corrected.")).to_be_visible()
    page.get_by_role("button", name="Hide again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("W••• Q•••")

    page.get_by_text("Show values").first.click()
    page.get_by_label("Why do you need to see them?").fill(REASON)
    page.get_by_role("button", name="Show values for 15 minutes").click()
    expect(page.get_by_role("button", name="Hide again")).to_be_visible()
    with acting_for(committed_room.riverside.id):
        Unmasking.objects.update(until=timezone.now() + timedelta(seconds=3))
    page.goto(f"{base}/contacts/{one}/correct/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Correct Wilhelmina Quackenbush1")
    page.wait_for_url(f"{base}/contacts/{one}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("W••• Q•••")

    page.goto(f"{base}/contacts/{other}/erase/")
    page.get_by_label("Write ERASE to confirm").fill("ERASE")
    page.get_by_role("button", name="Erase this patient").click()
    expect(page.get_by_role("heading", name="Erased patient")).to_be_visible()
    officer.check_page(axe)

    page.goto(f"{base}/fields/")
    page.get_by_role("link", name="Department").click()
    officer.check_page(axe)
    page.get_by_label("What it holds").select_option("number")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("0 of 2 values fit; 2 would be lost")).to_be_visible()
    officer.check_page(axe)
    page.get_by_role("button", name="Do it").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Department"))
    expect(row).to_contain_text("Number")
    expect(row).not_to_contain_text("Being changed", timeout=20_000)
    row.get_by_role("link").click()
    page.get_by_role("link", name="Remove this field…").click()
    officer.check_page(axe)

    page.goto(f"{base}/exports/")
    page.get_by_role("link", name="All patients").click()
    officer.check_page(axe)
    page.get_by_role("button", name="Allow this export").click()
    expect(page.get_by_text("Being written").or_(page.get_by_text("Ready")).first).to_be_visible()
    officer.context.close()
