"""Imports in a browser: from the file to corrected rows, on a desk, on a phone and by keyboard."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from accounts.rules import Role
from tests.browser.conftest import Person
from tests.contacts.patients import as_csv, patient
from tests.people import Room


def next_row(page: Page) -> None:
    """By keyboard, past what shows the row masked."""
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")


def test_rejected_rows_are_corrected_where_they_stand(
    browser: Browser, origin: str, committed_room: Room, axe: str
) -> None:
    marketer = Person(browser, origin).sign_in(committed_room, Role.MARKETER)
    page = marketer.page
    rows = [
        patient(1),
        patient(2, DOB="02/30/1960"),
        patient(3, Sex="Femal"),
        patient(4, MRN="", Email=""),
    ]
    file = {"name": "export.csv", "mimeType": "text/csv", "buffer": as_csv(rows) + b"RH9,only\r\n"}
    page.goto(f"{origin}/o/riverside/imports/new/")
    marketer.check_page(axe)
    page.get_by_label("File of patients").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Check 5 rows").wait_for()
    marketer.check_page(axe)
    page.get_by_role("button", name="Check 5 rows").click()

    expect(page.get_by_role("heading", name="4 rows need correcting")).to_be_visible()
    expect(page.get_by_text("Correct it in a spreadsheet, below")).to_be_visible()
    marketer.check_page(axe)
    born = page.get_by_label("Birth date, row 3")
    born.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("02/31/1960")
    next_row(page)
    expect(page.get_by_label("Sex, row 4")).to_be_focused()
    page.keyboard.type("Female")
    next_row(page)
    expect(page.get_by_label("Medical record number, row 5")).to_be_focused()
    page.keyboard.type("RH000004")
    page.keyboard.press("Enter")

    expect(born).to_have_value("02/31/1960")
    expect(born).to_be_focused()
    marketer.check_page(axe)
    page.keyboard.press("Control+a")
    page.keyboard.type("02/28/1960")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 row needs correcting")).to_be_visible()
    expect(page.get_by_text("3 rows were corrected and are counted")).to_be_visible()
    page.get_by_role("button", name="Import 4 patients").click()
    expect(page.get_by_text("Imported", exact=True)).to_be_visible()
    marketer.check_page(axe)
