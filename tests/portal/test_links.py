"""Pixels, links and unsubscribing, with the addresses that stand in the mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consent import queries as consent
from consent import services as consent_services
from consent.models import Suppression
from consent.rules.purposes import Information, Purpose, Remuneration, Use
from consent.rules.starter import starter_form
from delivery import queries as delivery
from delivery import tracking
from delivery.models import Event, Message
from delivery.services.tracking import store_visits
from delivery.tokens import MessageLinks
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.people import Room
from tests.post import Post

ANN, BOB = "ann@riverside-mail.test", "bob@plainmail.test"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
WELLNESS = Use(Purpose.GENERAL_WELLNESS, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def links(post: Post, address: str) -> MessageLinks:
    with acting_for(post.organization.id):
        return delivery.links(post.organization, post.message(address).id)


def path(url: str) -> str:
    return url.removeprefix("https://mail.riverside.test")


def events(post: Post, address: str) -> list[tuple[str, str, str]]:
    tracking.hand_over()
    store_visits()
    message = post.message(address)
    with acting_for(post.organization.id):
        found = Event.objects.filter(message_id=message.id).order_by("occurred_at")
        return [(each.kind, each.verdict, each.detail) for each in found if each.verdict]


def suppressions(post: Post) -> list[tuple[str, str]]:
    with acting_for(post.organization.id):
        return list(Suppression.objects.values_list("scope", "source"))


@pytest.fixture
def sent(post: Post) -> Post:
    """Ann has a treatment reminder, some minutes old."""
    post.mailing(ANN)
    post.send()
    some_minutes_ago(post)
    return post


def some_minutes_ago(post: Post) -> None:
    with acting_for(post.organization.id):
        Message.objects.update(settled_at=timezone.now() - timedelta(minutes=3))


def test_the_pixel_tells_people_from_proxies(sent: Post) -> None:
    pixel, browser = path(links(sent, ANN).pixel()), Client()
    assert browser.head(pixel, headers=FIREFOX).status_code == 200
    answer = browser.get(pixel, headers=FIREFOX)
    assert answer["Content-Type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert answer["Cache-Control"] == "no-store"
    browser.get(pixel, headers={"User-Agent": "x GoogleImageProxy"})
    assert events(sent, ANN) == [
        ("opened", "scanner", "head_request"),
        ("opened", "person", "browser"),
        ("opened", "proxy", "image_proxy"),
    ]


def test_a_link_leads_to_its_stored_destination_and_nowhere_else(sent: Post) -> None:
    known, browser = links(sent, ANN), Client()
    answer = browser.get(path(known.click(0)), headers=FIREFOX)
    assert (answer.status_code, answer["Location"]) == (302, "https://www.riverside.test/flu")
    assert answer["Referrer-Policy"] in ("no-referrer", "same-origin")
    assert browser.get(path(known.click(99))).status_code == 404
    assert browser.get(path(known.click(0)) + "?url=https://evil.test").headers["Location"] == (
        "https://www.riverside.test/flu"
    )
    assert events(sent, ANN)[0] == ("clicked", "person", "browser")


def test_without_tracking_nothing_is_recorded_and_links_still_work(post: Post) -> None:
    post.mailing(ANN, tracking=False)
    post.send()
    browser = Client()
    assert browser.get(path(links(post, ANN).pixel()), headers=FIREFOX).status_code == 200
    assert browser.get(path(links(post, ANN).click(0)), headers=FIREFOX).status_code == 302
    assert events(post, ANN) == []


def test_whoever_only_looks_unsubscribes_nobody(sent: Post) -> None:
    url, scanner = path(links(sent, ANN).unsubscribe()), Client()
    for fetch in (scanner.get, scanner.head, scanner.get):
        assert fetch(url, headers={"Sec-Purpose": "prefetch"}).status_code == 200
    assert suppressions(sent) == []


def test_one_click_needs_no_cookie_and_no_second_step(post: Post) -> None:
    post.mailing(ANN, use=WELLNESS)
    post.send()
    service = Client(enforce_csrf_checks=True)
    answer = service.post(path(links(post, ANN).unsubscribe()), ONE_CLICK)
    assert answer.status_code == 200
    assert not answer.cookies
    assert suppressions(post) == [("marketing", "one_click")]
    service.post(path(links(post, ANN).unsubscribe()), ONE_CLICK)
    assert suppressions(post) == [("marketing", "one_click")]


def test_the_button_stops_this_kind_of_mail_or_all_of_it(post: Post) -> None:
    post.mailing(ANN, use=WELLNESS)
    post.send()
    url, browser = path(links(post, ANN).unsubscribe()), Client(enforce_csrf_checks=True)
    page = browser.get(url).content.decode()
    assert "Stop promotional emails" in page
    assert "Stop all emails" in page
    assert ANN not in page
    assert "You are unsubscribed" in browser.post(url, {"what": "this"}).content.decode()
    assert suppressions(post) == [("marketing", "link")]
    browser.post(url, {"what": "all"})
    assert ("all", "link") in suppressions(post)


def test_mail_about_care_has_no_narrower_scope_than_all(sent: Post) -> None:
    url, browser = path(links(sent, ANN).unsubscribe()), Client()
    assert "promotional" not in browser.get(url).content.decode()
    browser.post(url, {"what": "this"})
    assert suppressions(sent) == [("all", "link")]


def test_a_signed_permission_can_be_taken_back_on_the_same_page(post: Post) -> None:
    post.mailing(ANN, use=WELLNESS)
    post.send()
    with acting_for(post.organization.id):
        text = starter_form(post.organization.legal_name, "privacy@riverside.test")
        form = consent_services.save_draft(None, "Offers", text.to_json(), new_id())
        version = consent_services.publish(form, text, new_id())
        consent_services.record_authorization(
            consent_services.Signature(post.ids[ANN], version.id, date(2026, 1, 5), "Ann"), None
        )
    url, browser = path(links(post, ANN).unsubscribe()), Client()
    assert "Take back my permission" in browser.post(url, {"what": "this"}).content.decode()
    ended = browser.post(url, {"what": "revoke"}).content.decode()
    assert "Your permission has ended" in ended
    with acting_for(post.organization.id):
        (signed,) = consent.authorizations([post.ids[ANN]])[post.ids[ANN]]
    assert signed.revoked_at is not None


def test_links_that_lead_nowhere_all_look_alike(sent: Post, committed_room: Room) -> None:
    known, browser = links(sent, ANN), Client()
    token = path(known.unsubscribe()).rsplit("/", 1)[1]
    elsewhere = committed_room.lakeside.public_code
    here = sent.organization.public_code
    forged: list[str] = [
        f"/{elsewhere}/unsubscribe/{token}",  # another organization's
        f"/aaaaaaaaaa/unsubscribe/{token}",  # nobody's
        f"/{here}/unsubscribe/{'A' * 43}",  # made up
        f"/{here}/message/{token}",  # for another purpose
        f"/{here}/open/{token}",
    ]
    answers = [browser.get(url) for url in forged]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert "This link does not work" in answers[0].content.decode()
    assert browser.post(forged[0], ONE_CLICK).status_code == 404
    assert suppressions(sent) == []


def test_pages_speak_the_recipients_language_or_the_chosen_one(
    post: Post, speaking: Callable[[str, str], None]
) -> None:
    post.mailing(ANN)
    post.send()
    url, browser = path(links(post, ANN).unsubscribe()), Client()
    assert '<html lang="en">' in browser.get(url).content.decode()
    assert "¿Dejar de recibir" in browser.get(url + "?lang=es").content.decode()
    speaking(ANN, "es-MX")
    answer = browser.get(url)
    assert '<html lang="es">' in answer.content.decode()
    assert answer["Content-Language"] == "es"
    assert "Stop these emails?" in browser.get(url + "?lang=en").content.decode()


@pytest.fixture
def speaking(post: Post) -> Callable[[str, str], None]:
    """Change a person's language."""

    def change(address: str, language: str) -> None:
        with acting_for(post.organization.id):
            contact = post.message(address).contact
            contact.language = language
            contact.save(update_fields=["language"])

    return change
