"""The page of one patient's authorizations: asking, paper, disputes, and what may be sent."""

from __future__ import annotations

from html import unescape
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.rules import Role
from audit.models import Event
from consent import queries, services
from consent.models import Authorization, Dispute, Revocation, Scan, SigningRequest
from consent.rules.decision import Verdict
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from tenancy.current import acting_for
from tests.consent.signed import LAST_WEEK, people, published, signed
from tests.people import Room
from tests.post import ready_sender

OFFICER = Role.PRIVACY_OFFICER
PDF = b"%PDF-1.7 a made-up page"


@pytest.fixture
def ann(room: Room) -> UUID:
    with acting_for(room.riverside.id):
        return people(1)[0]


def page(browser: Client, room: Room, contact: UUID) -> str:
    answer = browser.get(room.url(f"contacts/{contact}/authorization/"))
    return unescape(answer.content.decode())


def paper(version: object, **changes: object) -> dict[str, object]:
    fields = {
        "version": str(version),
        "signed_on": LAST_WEEK.isoformat(),
        "signer": "self",
        "signer_name": "Pat Example",
        "method": "paper",
    }
    return fields | changes


def test_ask_at_the_desk_shows_a_code_until_it_is_signed(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url = room.url(f"contacts/{ann}/authorization/ask/")
    answer = browser.post(url, {"version": version.id, "channel": "desk"})
    with acting_for(room.riverside.id):
        asked = SigningRequest.objects.get()
    assert asked.asked_by == room.people[OFFICER].id
    where = answer.headers["Location"]
    assert where == room.url(f"consent/requests/{asked.id}/")
    code = browser.get(where).content.decode()
    assert 'src="data:image/svg+xml' in code
    assert "Not answered yet" in page(browser, room, ann)
    with acting_for(room.riverside.id):
        services.decline(asked.id)
    assert "No, thanks" in page(browser, room, ann)
    with acting_for(room.riverside.id):
        services.sign(asked.id, services.Signature(ann, version.id, LAST_WEEK, "Pat"))
    assert "data:image" not in browser.get(where).content.decode()


def test_ask_by_email_needs_a_sender(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url, asked = room.url(f"contacts/{ann}/authorization/ask/"), {"version": version.id}
    refused = browser.post(url, asked | {"channel": "mail"})
    assert "no sender whose domain is ready" in refused.content.decode()
    with acting_for(room.riverside.id):
        assert not SigningRequest.objects.exists()
        ready_sender("Care", "care@riverside.test")
    done = browser.post(url, asked | {"channel": "mail"}, follow=True)
    assert "asked by email" in done.content.decode()
    with acting_for(room.riverside.id):
        assert SigningRequest.objects.get().send_at is not None


def test_a_scan_is_kept_sealed_and_comes_back_as_it_was(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url = room.url(f"contacts/{ann}/authorization/")
    scan = SimpleUploadedFile("form.exe", PDF, "text/html")
    assert browser.post(url, paper(version.id, scan=scan)).status_code == 302
    with acting_for(room.riverside.id):
        kept = Scan.objects.get()
        assert PDF not in bytes(kept.sealed)
    assert "Download" in page(browser, room, ann)
    got = browser.get(room.url(f"consent/scans/{kept.id}/"))
    assert got.content == PDF
    assert got["Content-Type"] == "application/pdf"
    assert got["Content-Disposition"].startswith("attachment")
    assert "sandbox" in got["Content-Security-Policy"]
    with acting_for(room.riverside.id):
        assert Event.objects.filter(action="scan_opened", object_id=kept.id).count() == 1
    assert room.client(Role.MARKETER).get(room.url(f"consent/scans/{kept.id}/")).status_code == 403


@pytest.mark.parametrize("content", [b"<html>", b"%PDF-" + bytes(10_000_000)])
def test_another_kind_of_file_and_a_large_one_are_refused_in_words(
    room: Room, ann: UUID, content: bytes
) -> None:
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url = room.url(f"contacts/{ann}/authorization/")
    scan = SimpleUploadedFile("form.pdf", content, "application/pdf")
    answer = room.client(OFFICER).post(url, paper(version.id, scan=scan)).content.decode()
    assert "not a PDF, JPEG or PNG" in answer or "larger than 10 MB" in answer
    assert 'value="Pat Example"' in answer
    with acting_for(room.riverside.id):
        assert not Authorization.objects.exists()


def test_a_scan_needs_the_token_of_the_page(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    url = room.url(f"contacts/{ann}/authorization/")
    assert strict.post(url, paper(ann)).status_code == 403


def test_a_copy_that_cannot_be_emailed_is_said(room: Room, ann: UUID) -> None:
    with acting_for(room.riverside.id):
        version = published(room.riverside)
    url = room.url(f"contacts/{ann}/authorization/")
    sent = paper(version.id, email_copy="on")
    answer = room.client(OFFICER).post(url, sent, follow=True).content.decode()
    assert "be emailed" in answer
    with acting_for(room.riverside.id):
        ready_sender("Care", "care@riverside.test")
    answer = room.client(OFFICER).post(url, sent, follow=True).content.decode()
    assert "The copy is on its way" in answer


def test_a_dispute_ends_it_and_says_why(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        row = signed(ann, published(room.riverside))
    url = room.url(f"consent/authorizations/{row.id}/dispute/")
    assert "Nobody can undo it" in browser.get(url).content.decode()
    assert browser.post(url, {"reason": "made up"}).status_code == 200
    browser.post(url, {"reason": "not_the_signer"})
    with acting_for(room.riverside.id):
        assert Dispute.objects.get().recorded_by == room.people[OFFICER].id
    assert "known to be false" in page(browser, room, ann)


def test_any_writing_revokes(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        row = signed(ann, published(room.riverside))
    url = room.url(f"consent/authorizations/{row.id}/revoke/")
    browser.post(url, {"received_on": LAST_WEEK.isoformat(), "how": "other"})
    with acting_for(room.riverside.id):
        assert Revocation.objects.get().how == "other"


def test_what_may_be_sent_is_what_would_be_decided(room: Room, ann: UUID) -> None:
    with acting_for(room.riverside.id):
        signed(ann, published(room.riverside))
        services.turn_on("tx-181", room.people[OFFICER].id)
        now = timezone.now()
        for purpose, decision in queries.outlook(ann, now):
            use = Use(purpose, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
            assert decision.grounds == queries.decisions(use, [ann], now)[ann].grounds


def test_check_22_a_state_pack_changes_the_answer_and_says_why(room: Room, ann: UUID) -> None:
    browser = room.client(OFFICER)
    with acting_for(room.riverside.id):
        before = dict(queries.outlook(ann, timezone.now()))[Purpose.OWN_HEALTH_SERVICE]
    assert before.verdict is Verdict.PERMIT
    assert "Texas asks for" not in page(browser, room, ann)
    with acting_for(room.riverside.id):
        services.turn_on("tx-181", room.people[OFFICER].id)
        after = dict(queries.outlook(ann, timezone.now()))[Purpose.OWN_HEALTH_SERVICE]
    assert after.verdict is Verdict.SUPPRESS
    shown = page(browser, room, ann)
    assert "Texas asks for a signed authorization here. None was signed." in shown
    assert "Tex. Health & Safety Code 181.152" in shown
