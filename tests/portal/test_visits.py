"""Pixels and links are answered ahead of Django, and lack nothing for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from wsgiref.util import setup_testing_defaults

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from config.middleware import headers_of_every_page
from config.wsgi import application as server
from delivery import queries as delivery
from delivery import tracking
from delivery.models import Batch, Event, Message
from delivery.queries import destinations
from delivery.queries.destinations import destination
from delivery.services.tracking import store_visits
from delivery.visits import Visitor
from portal.views.visits import VisitsFirst
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import Post

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ANN, BOB = "ann@riverside-mail.test", "bob@riverside-mail.test"
EVERYWHERE = {
    *("Content-Security-Policy", "X-Frame-Options", "Cache-Control", "Permissions-Policy"),
    *("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"),
}


class Asked(NamedTuple):
    status: str
    headers: dict[str, str]
    body: bytes


def paths(post: Post, address: str) -> tuple[str, str]:
    """Of the pixel and of the first link."""
    with acting_for(post.organization.id):
        links = delivery.links(post.organization, post.message(address).id)
    origin = post.organization.link_origin
    return links.pixel().removeprefix(origin), links.click(0).removeprefix(origin)


def ask(path: str, application: WSGIApplication = server, **environ: str) -> Asked:
    """What a web server gets for a path."""
    asked: dict[str, Any] = {"PATH_INFO": path, "HTTP_USER_AGENT": "Firefox", **environ}
    setup_testing_defaults(asked)
    asked["HTTP_HOST"] = "localhost"
    begun: list[Any] = []
    body = b"".join(application(asked, lambda *given: begun.extend(given) or bytes))
    assert len({name.lower() for name, _ in begun[1]}) == len(begun[1]), "each header once"
    return Asked(begun[0], dict(begun[1]), body)


def stored_now() -> int:
    """Have all visits so far stored; how many there were."""
    tracking.hand_over()
    return store_visits()


def not_asked(_environ: WSGIEnvironment, _start_response: StartResponse) -> list[bytes]:
    raise AssertionError("this was to be answered from memory")


from_memory = VisitsFirst(not_asked, headers_of_every_page)


def test_the_second_answer_comes_from_memory_and_is_the_same(post: Post) -> None:
    post.mailing(ANN)
    usual = Client().get("/accounts/login/")
    assert set(usual.headers) >= EVERYWHERE
    for path, status in zip(paths(post, ANN), ("200 OK", "302 Found"), strict=True):
        looked_up, remembered = ask(path), ask(path, from_memory)
        assert looked_up.status == remembered.status == status
        assert looked_up.body == remembered.body
        for name in ("Content-Length", "Location", "Cache-Control", *EVERYWHERE):
            assert looked_up.headers.get(name) == remembered.headers.get(name)
        for name in ("Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options"):
            assert remembered.headers[name] == usual[name]
        assert remembered.headers["Cache-Control"] == "no-store"
        assert not {"Set-Cookie", "Vary"} & set(remembered.headers), "no session was looked for"
    assert stored_now() == 4


def test_a_head_request_is_no_person_s(post: Post) -> None:
    post.mailing(ANN)
    pixel, _ = paths(post, ANN)
    ask(pixel)
    ask(pixel, from_memory, REQUEST_METHOD="HEAD")
    stored_now()
    with acting_for(post.organization.id):
        assert Event.objects.filter(kind="opened", detail="head_request").count() == 1


def test_in_production_they_are_answered_over_tls_alone(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.mailing(ANN)
    for path in paths(post, ANN):
        ask(path)  # from now on it is remembered
        monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", True)
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"][:8]) == (301, "https://")
        with pytest.raises(AssertionError, match="from memory"):
            ask(path, from_memory)
        assert ask(path, from_memory, **{"wsgi.url_scheme": "https"}).status[:3] in ("200", "302")
        monkeypatch.setattr(settings, "SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED", "https"))
        with pytest.raises(AssertionError, match="from memory"):
            ask(path, from_memory, HTTP_X_FORWARDED="http", **{"wsgi.url_scheme": "https"})
        assert ask(path, from_memory, HTTP_X_FORWARDED="https, http").status[:3] in ("200", "302")
        monkeypatch.undo()


def test_what_leads_nowhere_shows_the_page_of_every_such_link(post: Post) -> None:
    post.mailing(ANN)
    pixel, link = paths(post, ANN)
    ask(pixel), ask(link)  # from now on they are remembered
    forged = pixel[:-1] + ("E" if pixel.endswith("A") else "A")
    for path in (forged, link.replace("/click/", "/open/")[:-2], link[:-1] + "77"):
        answer = ask(path, HTTP_ACCEPT_LANGUAGE="es")
        assert (answer.status, answer.headers["Content-Language"]) == ("404 Not Found", "es")
    assert ask(pixel, REQUEST_METHOD="POST").status[:3] in ("403", "405")


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


def test_while_redis_is_away_visits_are_kept_and_pages_work(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.mailing(ANN)
    where = settings.REDIS_URL
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:9/0")
    tracking._client.cache_clear()
    for path in paths(post, ANN):
        assert ask(path).status[:3] in ("200", "302")
        assert ask(path, from_memory).status[:3] in ("200", "302")
    with pytest.raises(redis.ConnectionError):
        tracking.hand_over()
    monkeypatch.setattr(settings, "REDIS_URL", where)
    tracking._client.cache_clear()
    assert stored_now() == 4


def test_a_visit_that_is_in_the_stream_twice_is_stored_once(post: Post) -> None:
    """As after an answer of Redis that was lost."""
    post.mailing(ANN)
    one = tracking.Visit(
        new_id(),
        post.organization.id,
        post.message(ANN).id,
        "opened",
        Visitor.BROWSER,
        timezone.now(),
    )
    for _ in range(2):
        tracking.append(one)
        tracking.hand_over()
    assert stored_now() == 2
    with acting_for(post.organization.id):
        assert [each.id for each in Event.objects.filter(kind="opened")] == [one.id]
