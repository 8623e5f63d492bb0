"""Promise: content is read by whoever holds the link, the mailbox and the known fact, together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from audit.models import Event as AuditEvent
from audit.models import Outcome
from delivery import queries as delivery
from delivery.models import Event, Message
from portal import services
from portal.models import Pickup
from tenancy.current import acting_for
from tests.post import DIAGNOSIS, Post

BOB, EVE = "bob@plainmail.test", "eve@oldpost.test"
BORN = {"month": "6", "day": "7", "year": "1950"}
ASK = {"what": "code"}


@dataclass
class Visitor:
    """A person with a link, in front of a browser."""

    post: Post
    queue: list[tuple[str, list[str]]]
    address: str
    browser: Client = field(default_factory=Client)

    @property
    def url(self) -> str:
        with acting_for(self.post.organization.id):
            link = delivery.links(self.post.organization, self.message_id).pickup()
        return link.removeprefix("https://mail.riverside.test")

    @property
    def message_id(self) -> UUID:
        return self.post.message(self.address).id

    def ask(self) -> str:
        """Ask for a code; the worker sends it; read it in the mailbox."""
        self.browser.post(self.url, ASK)
        name, (organization, message) = self.queue.pop()
        assert name == "portal.send_code"
        assert services.send_code(UUID(organization), UUID(message))
        newest = self.post.world.store.messages_for(self.address)[0]
        body = BytesParser(policy=policy.default).parsebytes(newest.raw).get_body(("plain",))
        assert body is not None
        text = body.get_content()
        assert DIAGNOSIS not in text.casefold()
        return re.search(r"\b\d{6}\b", text)[0]  # type: ignore[index]

    def type_in(self, code: str, **born: str) -> HttpResponse:
        fields = {"what": "open", "code": code, **BORN, **born}
        return self.browser.post(self.url, fields)  # type: ignore[return-value]

    def page(self) -> str:
        return self.browser.get(self.url).content.decode()

    def content(self) -> HttpResponse:
        return self.browser.get(f"{self.url}/content")  # type: ignore[return-value]


@pytest.fixture
def bob(post: Post, queue: list[tuple[str, list[str]]]) -> Visitor:
    """Bob has a notice, because his mail server has no TLS; so has Eve."""
    post.mailing(BOB, EVE)
    post.send()
    return Visitor(post, queue, BOB)


def pickup(visitor: Visitor) -> Pickup | None:
    with acting_for(visitor.post.organization.id):
        return Pickup.objects.filter(message_id=visitor.message_id).first()


def let_pass(visitor: Visitor, time: timedelta) -> None:
    """Make everything at the door so much older."""
    row = pickup(visitor)
    assert row is not None
    for name in ("code_expires_at", "code_sent_at", "locked_until"):
        moment = getattr(row, name)
        setattr(row, name, moment - time if moment else None)
    with acting_for(visitor.post.organization.id):
        row.save()


def test_link_code_and_birth_date_together_open_the_message(bob: Visitor) -> None:
    door = bob.page()
    assert "Email me a code" in door
    assert DIAGNOSIS not in door.casefold()
    code = bob.ask()
    assert "Type in your code" in bob.page()
    answer = bob.type_in(code)
    assert answer.status_code == 302
    assert "A note from your clinic" in bob.page()
    content = bob.content()
    html = content.content.decode()
    assert DIAGNOSIS in html.casefold()
    assert "https://www.riverside.test/flu" in html  # straight there, not by way of tracking
    rules = content.headers["Content-Security-Policy"]
    assert rules.startswith("default-src 'none'")
    assert "sandbox" in rules
    assert "allow-scripts" not in rules
    with acting_for(bob.post.organization.id):
        kinds = Event.objects.filter(message_id=bob.message_id).values_list("kind", flat=True)
        assert list(kinds).count("picked_up") == 1
        assert AuditEvent.objects.filter(action="message_opened").count() == 1


def test_looking_sends_no_code_and_opens_nothing(bob: Visitor) -> None:
    for _ in range(3):
        bob.page()
        bob.browser.head(bob.url)
    assert bob.queue == []
    assert pickup(bob) is None
    assert bob.content().status_code == 404


def test_the_code_is_neither_in_the_queue_nor_in_the_database(bob: Visitor) -> None:
    bob.browser.post(bob.url, ASK)
    assert bob.queue == [("portal.send_code", [str(bob.post.organization.id), str(bob.message_id)])]
    code = bob.ask()
    row = pickup(bob)
    assert row is not None
    assert code not in row.code_hash
    assert len(row.code_hash) == 64


def test_the_answer_does_not_tell_which_was_wrong(bob: Visitor) -> None:
    code = bob.ask()
    wrong_code = f"{(int(code) + 1) % 1_000_000:06d}"
    answers = [bob.type_in(wrong_code), bob.type_in(code, day="8")]
    hidden = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"|value="\d+"( selected)?')
    assert len({hidden.sub(b"", answer.content) for answer in answers}) == 1
    assert b"do not match" in answers[0].content
    assert bob.content().status_code == 404
    assert bob.type_in(code).status_code == 302


def test_an_incomplete_form_costs_no_try(bob: Visitor) -> None:
    code = bob.ask()
    for born in ({"day": ""}, {"day": "31"}, {"year": "50"}, {"month": "x"}):
        assert b"whole date of birth" in bob.type_in(code, **born).content
    row = pickup(bob)
    assert row is not None
    assert row.wrong_tries == 0


def test_five_wrong_tries_lock_and_the_old_code_is_gone(bob: Visitor) -> None:
    code = bob.ask()
    for _ in range(5):
        last = bob.type_in(code, year="1951")
    assert b"Locked for now" in last.content
    assert b"Locked for now" in bob.type_in(code).content  # now that both are right
    bob.browser.post(bob.url, ASK)
    assert bob.queue == []
    with acting_for(bob.post.organization.id):
        refusals = AuditEvent.objects.filter(action="pickup_refused", outcome=Outcome.REFUSED)
        assert refusals.count() == 5
    let_pass(bob, timedelta(minutes=15))
    assert b"do not match" in bob.type_in(code).content
    assert bob.type_in(bob.ask()).status_code == 302


def test_a_code_is_good_for_a_quarter_of_an_hour_and_once(bob: Visitor) -> None:
    code = bob.ask()
    let_pass(bob, timedelta(minutes=15))
    assert b"do not match" in bob.type_in(code).content
    code = bob.ask()
    assert bob.type_in(code).status_code == 302
    elsewhere = Visitor(bob.post, bob.queue, BOB)
    assert b"do not match" in elsewhere.type_in(code).content
    assert elsewhere.content().status_code == 404


def test_at_most_five_codes_then_a_pause(bob: Visitor) -> None:
    for _ in range(5):
        bob.ask()
    assert b"Too many codes" in bob.browser.post(bob.url, ASK).content
    assert bob.queue == []
    let_pass(bob, timedelta(hours=1))
    assert bob.ask()


def test_one_open_message_opens_no_other(bob: Visitor) -> None:
    bob.type_in(bob.ask())
    eve = Visitor(bob.post, bob.queue, EVE, bob.browser)
    assert "Email me a code" in eve.page()
    assert eve.content().status_code == 404


def test_the_grant_is_bound_to_the_browser_and_ends(bob: Visitor) -> None:
    planted = bob.browser.cookies.get("sealwright_session")
    bob.type_in(bob.ask())
    assert bob.browser.cookies["sealwright_session"] != planted
    assert Visitor(bob.post, bob.queue, BOB).content().status_code == 404
    session = bob.browser.session
    session["pickup"] = {str(bob.message_id): timezone.now().timestamp() - 1}
    session.save()
    assert bob.content().status_code == 404
    bob.type_in(bob.ask())
    assert "message is closed" in bob.browser.post(bob.url, {"what": "close"}).content.decode()
    assert bob.content().status_code == 404


def test_without_a_known_fact_no_code_opens_anything(bob: Visitor) -> None:
    code = bob.ask()
    with acting_for(bob.post.organization.id):
        Message.objects.filter(id=bob.message_id).update(sealed_context=None)
    assert "cannot be opened here" in bob.page()
    assert "+1 555 0100" in bob.page()
    assert b"cannot be opened here" in bob.type_in(code).content


def test_forms_of_other_sites_are_refused(bob: Visitor) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(bob.url, ASK).status_code == 403
    assert bob.queue == []


def test_in_spanish_too_and_the_choice_is_kept(bob: Visitor) -> None:
    page = bob.browser.get(bob.url + "?lang=es").content.decode()
    assert "Enviarme un código" in page
    assert bob.browser.post(bob.url + "?lang=es", ASK)["Location"].endswith("?lang=es")
    code = bob.ask()
    answer = bob.browser.post(bob.url + "?lang=es", {"what": "open", "code": code, **BORN})
    assert answer.status_code == 302
    assert "Cerrar mi mensaje" in bob.browser.get(bob.url + "?lang=es").content.decode()


def test_pages_are_kept_nowhere_and_leak_no_address(bob: Visitor) -> None:
    answer = bob.browser.get(bob.url)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "script" not in answer.content.decode().replace("Content-Script", "")
