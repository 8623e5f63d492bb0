"""Consent's pages for staff in a browser: readable on a desk and a phone, with nothing for axe."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from accounts.rules import Role
from consent import services
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Purpose
from tenancy.current import acting_for
from tests.browser.conftest import Person
from tests.consent.signed import LAST_WEEK, people, published, signed
from tests.people import Room


def test_every_page_of_consent_can_be_read(
    browser: Browser, origin: str, committed_room: Room, axe: str
) -> None:
    room, by = committed_room, committed_room.people[Role.PRIVACY_OFFICER].id
    with acting_for(room.riverside.id):
        ann = people(1)[0]
        version = published(room.riverside)
        row = signed(ann, version)
        asked = services.ask(ann, version.id, "desk", by)
        topic = services.create_topic("Heart health", "Salud del corazón", by)
        services.restrict(ann, [Purpose.MARKETING], "No offers, please.", LAST_WEEK, by)
        address = "person0@riverside-mail.test"
        services.suppress(address, SuppressionScope.MARKETING, SuppressionReason.HOUSEHOLD, "staff")
    officer = Person(browser, origin).sign_in(room, Role.OWNER)
    page, base = officer.page, f"{origin}/o/riverside"
    paths = [
        "consent/",
        "consent/forms/new/",
        f"consent/forms/{version.form_id}/",
        f"consent/forms/{version.form_id}/es/",
        f"consent/versions/{version.id}/",
        f"consent/versions/{version.id}/print/en/",
        "consent/rules/",
        "consent/policy/",
        "consent/policy/ca-cmia/",
        f"contacts/{ann}/authorization/",
        f"contacts/{ann}/wishes/",
        f"consent/authorizations/{row.id}/dispute/",
        f"consent/authorizations/{row.id}/revoke/",
        f"consent/requests/{asked.id}/",
        "suppressions/",
        "suppressions/import/",
        "topics/",
        f"topics/{topic.id}/",
    ]
    for path in paths:
        page.goto(f"{base}/{path}")
        officer.check_page(axe)

    page.goto(f"{base}/suppressions/import/")
    page.get_by_label("Or paste addresses").fill("bob@plainmail.test\nnobody")
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_role("button", name="Leave 1 address alone")).to_be_visible()
    officer.check_page(axe)

    page.goto(f"{base}/consent/forms/new/")
    page.get_by_label("Introduction").fill("")
    page.get_by_label("How to revoke").fill("")
    expect(page.get_by_text("1 to correct")).to_be_visible()
    page.get_by_role("link", name="Say how to revoke").click()
    officer.check_page(axe)
