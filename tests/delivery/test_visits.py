"""Opens and clicks: what each is worth, and that none is lost on its way to the database."""

from __future__ import annotations

from datetime import timedelta
from multiprocessing import get_context

import pytest
from django.utils import timezone

from delivery import tracking
from delivery.models import Event
from delivery.services.tracking import store, store_visits
from delivery.visits import Verdict, Visitor, is_prefetch, judge, visitor
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import Post

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
GMAIL = {"User-Agent": "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"}
LATER = timedelta(minutes=5)
ANN = "ann@riverside-mail.test"


@pytest.mark.parametrize(
    ("method", "headers", "since", "verdict", "reason"),
    [
        ("GET", FIREFOX, LATER, Verdict.PERSON, "browser"),
        ("GET", FIREFOX | {"Sec-Purpose": "prefetch"}, LATER, Verdict.SCANNER, "prefetch"),
        ("HEAD", FIREFOX, LATER, Verdict.SCANNER, "head_request"),
        ("GET", FIREFOX, timedelta(seconds=1), Verdict.SCANNER, "too_soon"),
        ("GET", FIREFOX, None, Verdict.SCANNER, "too_soon"),
        ("GET", GMAIL, LATER, Verdict.PROXY, "image_proxy"),
        ("GET", {"User-Agent": "Mozilla/5.0"}, LATER, Verdict.UNKNOWN, "privacy_proxy"),
        ("GET", {"User-Agent": "python-requests/2.32"}, LATER, Verdict.SCANNER, "machine"),
        ("GET", {}, LATER, Verdict.SCANNER, "machine"),
    ],
)
def test_case_39_who_fetched_a_pixel_or_followed_a_link(
    method: str,
    headers: dict[str, str],
    since: timedelta | None,
    verdict: Verdict,
    reason: str,
) -> None:
    assert judge(visitor(method, headers), since) == (verdict, reason)


def test_browsers_say_that_they_prefetch() -> None:
    assert is_prefetch({"Sec-Purpose": "prefetch;prerender"})
    assert is_prefetch({"X-Purpose": "preview"})
    assert not is_prefetch({"Purpose": ""})


def visits(post: Post, number: int) -> list[tracking.Visit]:
    """Ann opened her message so many times."""
    post.mailing(ANN)
    post.send()
    message = post.message(ANN)
    return [
        tracking.Visit(
            new_id(),
            post.organization.id,
            message.id,
            "opened",
            Visitor.BROWSER,
            timezone.now() + LATER,
        )
        for _ in range(number)
    ]


def stored(post: Post) -> int:
    with acting_for(post.organization.id):
        return Event.objects.filter(kind="opened").count()


def test_what_a_killed_worker_had_taken_is_stored_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = visits(post, 6)
    for two in (made[:2], made[2:4], made[4:]):
        for each in two:
            tracking.append(each)
        tracking.hand_over()
    taken = tracking.take(2)
    with acting_for(post.organization.id):
        store(taken[0][1])  # committed, and then the worker was killed
    monkeypatch.setattr(tracking, "STRANDED_AFTER", 0)
    assert store_visits() == 6
    assert stored(post) == 6
    assert store_visits() == 0


def test_a_web_server_s_worker_hands_over_before_it_ends(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = visits(post, 1)
    monkeypatch.setattr(tracking, "GATHERING", 60.0)
    worker = get_context("fork").Process(target=tracking.append, args=(one,))
    worker.start()
    worker.join(10)
    assert store_visits() == 1


def test_a_visit_to_no_message_of_ours_is_dropped(post: Post) -> None:
    (one,) = visits(post, 1)
    stranger = tracking.Visit(
        new_id(), post.organization.id, new_id(), "opened", Visitor.BROWSER, one.at
    )
    tracking.append(stranger)
    tracking.append(one)
    tracking.hand_over()
    assert store_visits() == 2
    assert stored(post) == 1
