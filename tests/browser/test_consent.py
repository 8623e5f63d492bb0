"""Consent in a browser: asked at the desk, signed on a phone, seen by those who answer for it."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.rules import Role
from consent import queries as consent
from consent import services
from contacts import queries as contacts
from tenancy.current import acting_for
from tests.browser.conftest import PHONE, Person
from tests.campaigns.desk import Desk
from tests.consent.signed import published
from tests.people import Room


@pytest.fixture
def patient(committed_room: Room) -> UUID:
    """One of a dozen patients, with a form to sign and a campaign that waits for a ruling."""
    desk = Desk(committed_room)
    desk.people(12)
    campaign = desk.campaign(purpose="own_health_service", features="yes")
    desk.submit(campaign)
    with acting_for(committed_room.riverside.id):
        published(committed_room.riverside)
        found: UUID = contacts.page().contacts[0].id
        return found


def test_a_patient_signs_on_a_phone_and_takes_it_back(
    browser: Browser, origin: str, committed_room: Room, patient: UUID, axe: str
) -> None:
    with acting_for(committed_room.riverside.id):
        (version,) = consent.versions()
        request = services.ask(
            patient, version.id, "desk", committed_room.people[Role.PRIVACY_OFFICER].id
        )
        committed_room.riverside.refresh_from_db()
        address = consent.sign_address(request)
    phone = Person(browser, origin, PHONE)
    page = phone.page
    page.goto(address)
    phone.check_page(axe)
    page.get_by_label("Month").select_option("6")
    page.get_by_label("Day").fill("7")
    page.get_by_label("Year").fill("1950")
    page.get_by_role("button", name="Read the form").click()
    phone.check_page(axe)
    page.get_by_role("button", name="Sign").click()
    phone.check_page(axe)
    _fill(page)
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("signed")
    phone.check_page(axe)
    page.get_by_role("button", name="Take it back").click()
    phone.check_page(axe)
    with acting_for(committed_room.riverside.id):
        (signed,) = consent.authorizations([patient])[patient]
    assert signed.revoked_at is not None
    phone.context.close()


def _fill(page: Page) -> None:
    page.get_by_label("I am the patient").check()
    page.get_by_label("Your full name").fill("Pat Example")
    page.get_by_label("I have read this form").check()


def test_what_waits_for_the_privacy_officer_is_ruled_on(
    browser: Browser,
    origin: str,
    committed_room: Room,
    patient: UUID,
    axe: str,
) -> None:
    officer = Person(browser, origin).sign_in(committed_room, Role.PRIVACY_OFFICER)
    base = f"{origin}/o/riverside"
    for path in ("privacy/", "consent/rules/"):
        officer.page.goto(f"{base}/{path}")
        officer.check_page(axe)
    officer.page.goto(f"{base}/campaigns/")
    officer.page.get_by_role("link").filter(has_text="Waiting").first.or_(
        officer.page.locator("main table a").first
    ).click()
    expect(officer.page.get_by_text("Match the segment")).to_be_visible()
    officer.check_page(axe)
    officer.page.get_by_label("It may go: the rest of the table decides").check()
    officer.page.get_by_label("Why").fill("Her signed authorization is in the file.")
    officer.page.get_by_role("button", name="Record the ruling").click()
    expect(officer.page.get_by_text("Your ruling is recorded")).to_be_visible()
    officer.check_page(axe)
    officer.context.close()


def test_a_marketer_is_asked_only_what_matters(
    browser: Browser, origin: str, committed_room: Room, patient: UUID, axe: str
) -> None:
    marketer = Person(browser, origin).sign_in(committed_room, Role.MARKETER)
    page = marketer.page
    page.goto(f"{origin}/o/riverside/campaigns/new/")
    expect(page.get_by_text("How much do they pay?")).to_be_hidden()
    page.get_by_label("Who should get it?").select_option(index=1)
    page.get_by_label("What should they get?").select_option(index=1)
    page.get_by_label("What is it about?").select_option("refill_reminder")
    page.get_by_label("Yes, somebody pays us money").check()
    expect(page.get_by_text("How much do they pay?")).to_be_visible()
    expect(page.get_by_text("Waits for the privacy officer")).to_be_visible()
    marketer.check_page(axe)
    marketer.context.close()
