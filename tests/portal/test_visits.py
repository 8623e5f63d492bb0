"""Pixels and links are answered ahead of sessions and languages, and lack nothing for that."""

from __future__ import annotations

from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from delivery import queries as delivery
from delivery import tracking
from delivery.models import Batch, Event, Message
from delivery.queries import destinations
from delivery.queries.destinations import destination
from delivery.services.tracking import store_visits
from delivery.visits import Visitor
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import Post

ANN, BOB = "ann@riverside-mail.test", "bob@riverside-mail.test"
EVERYWHERE = {
    *("Content-Security-Policy", "X-Frame-Options", "Cache-Control", "Permissions-Policy"),
    *("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"),
}


def paths(post: Post, address: str) -> tuple[str, str]:
    """Of the pixel and of the first link."""
    with acting_for(post.organization.id):
        links = delivery.links(post.organization, post.message(address).id)
    origin = post.organization.link_origin
    return links.pixel().removeprefix(origin), links.click(0).removeprefix(origin)


def test_answers_have_the_headers_of_every_page_and_no_cookie(post: Post) -> None:
    post.mailing(ANN)
    usual = Client().get("/accounts/login/")
    assert set(usual.headers) >= EVERYWHERE
    for path in paths(post, ANN):
        answer = Client().get(path)
        assert answer.status_code in (200, 302)
        assert set(answer.headers) >= EVERYWHERE
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Length"] == str(len(answer.content))
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", ""), "no session was looked for"


def test_in_production_they_are_answered_over_tls_alone(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.mailing(ANN)
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", True)
    for path in paths(post, ANN):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"][:8]) == (301, "https://")
        assert Client().get(path, secure=True).status_code in (200, 302)


def test_what_leads_nowhere_shows_the_page_of_every_such_link(post: Post) -> None:
    post.mailing(ANN)
    pixel, link = paths(post, ANN)
    forged = pixel[:-1] + ("E" if pixel.endswith("A") else "A")
    for path in (forged, link.replace("/click/", "/open/")[:-2], link[:-1] + "77"):
        answer = Client().get(path, headers={"Accept-Language": "es"})
        assert (answer.status_code, answer["Content-Language"]) == (404, "es")
    assert Client().post(pixel).status_code in (403, 405)


def test_mailings_of_the_same_millisecond_keep_their_own_destinations(post: Post) -> None:
    """Ids of one moment usually belong to one mailing; where they don't, each is looked up."""
    post.mailing(ANN)
    first = post.message(ANN)
    post.mailing(BOB)
    second = post.message(BOB)
    moment = first.id.int >> 80
    with acting_for(post.organization.id):
        same = UUID(int=moment << 80 | second.id.int & (1 << 80) - 1 | 1 << 40)
        Batch.objects.filter(mailing_id=second.mailing_id).update(
            first_message=same, last_message=same
        )
        Message.objects.filter(id=second.id).update(id=same)
        _, is_theirs_alone = destinations._look_up(first.id)
    assert not is_theirs_alone
    assert destination(post.organization.id, same, 0) == "https://www.riverside.test/flu"
    assert destination(post.organization.id, same, 1) is None
    assert destination(post.organization.id, new_id(), 0) is None


def test_a_connection_that_broke_is_opened_again_and_the_visit_is_stored_once(post: Post) -> None:
    post.mailing(ANN)
    message = post.message(ANN)
    server = redis.Redis.from_url(settings.REDIS_URL)
    made = []
    for _ in range(3):
        made.append(
            tracking.Visit(
                new_id(),
                post.organization.id,
                message.id,
                "opened",
                Visitor.BROWSER,
                timezone.now(),
            )
        )
        tracking.append(made[-1])
        server.client_kill_filter(_type="normal", skipme=True)
    tracking._client.cache_clear()
    assert store_visits() >= 3
    with acting_for(post.organization.id):
        assert set(Event.objects.filter(kind="opened").values_list("id", flat=True)) == {
            each.id for each in made
        }
