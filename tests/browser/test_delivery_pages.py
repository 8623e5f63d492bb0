"""Senders, the forecast, a message and the emergency stop in a browser, on a desk and a phone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.rules import Role
from config.demo.world.servers import MailWorld
from contacts.rules.email import EmailAddress
from contacts.services.saving import save_many
from delivery.models import EmergencyStop, LaneHold, Message, SenderDomain
from tenancy.current import acting_for
from tests.browser.conftest import DESK, PHONE, Person
from tests.campaigns.desk import Desk
from tests.people import Room
from tests.post import clean, zone_of

PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of the pages, for whoever wants to look at them."""


def test_from_dns_records_to_an_emergency_stop(
    browser: Browser,
    origin: str,
    committed_room: Room,
    mail_world: MailWorld,
    axe: str,
) -> None:
    room, base = committed_room, f"{origin}/o/riverside"
    person = Person(browser, origin).sign_in(room, Role.OWNER)
    page = person.page

    def look(name: str) -> None:
        person.check_page(axe)
        if PICTURES:
            for width in (PHONE, DESK):
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)

    page.goto(f"{base}/senders/")
    look("senders-empty")
    page.get_by_role("textbox", name="Name").fill("Riverside Health")
    page.get_by_label("Address").fill("care@sender.test")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Not checked yet.")).to_be_visible()
    look("domain-new")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Nothing can be sent from this domain yet.")).to_be_visible()
    look("domain-missing")
    mail_world.zone.update(zone_of(room.riverside))
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Ready to send.")).to_be_visible()
    look("domain-ready")
    page.get_by_role("button", name="Make new keys").click()
    expect(page.get_by_text("next key").first).to_be_visible()
    look("domain-keys")
    page.goto(f"{base}/senders/")
    look("senders")

    with acting_for(room.riverside.id):
        LaneHold.objects.create(
            lane="example", until=timezone.now() + timedelta(hours=1), reason="throttled"
        )
        addresses = [
            *(f"g{n}@riverside-mail.test" for n in range(30)),
            *(f"p{n}@plainmail.test" for n in range(20)),
            *(f"s{n}@always-451.test" for n in range(12)),
        ]
        assert all(map(EmailAddress.parse, addresses))
        save_many([clean(n, each) for n, each in enumerate(addresses)])
    desk = Desk(room)
    campaign = desk.campaign(purpose="treatment_reminder")
    with acting_for(room.riverside.id):
        SenderDomain.objects.update(aligned_at=timezone.now())
    desk.submit(campaign)
    desk.approve(campaign)
    page.goto(f"{base}/campaigns/{campaign}/")
    expect(page.get_by_text("By mail domain")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("does not offer encryption")).to_be_visible(timeout=60_000)
    look("forecast")
    page.goto(f"{base}/sending/")
    look("sending-idle")
    room.client(Role.MARKETER).post(room.url(f"campaigns/{campaign}/launch/"))
    page.goto(f"{base}/campaigns/{campaign}/")
    expect(page.get_by_text("50 of 62 decided")).to_be_visible(timeout=60_000)

    page.goto(f"{base}/sending/")
    look("sending")
    page.get_by_role("link", name="Stop everything").click()
    look("stop")
    page.get_by_label("Why?").fill("The wrong list was used")
    page.get_by_role("button", name="Stop everything").click()
    expect(page.get_by_role("heading", name="Who was reached")).to_be_visible()
    look("stopped")
    page.get_by_role("link", name="Why?").first.click()
    expect(page.get_by_role("heading", name="What the mail server did")).to_be_visible()
    look("message")
    with acting_for(room.riverside.id):
        portal = Message.objects.filter(status="in_portal").first()
        assert portal is not None
        [standing] = EmergencyStop.objects.all()
    page.goto(f"{base}/messages/{portal.id}/")
    look("message-portal")
    page.goto(f"{base}/sending/stops/{standing.id}/lift/")
    look("lift")
    page.get_by_role("button", name="Lift the stop").click()
    expect(page.get_by_text("Lifted.").first).to_be_visible()
    look("sending-after")
