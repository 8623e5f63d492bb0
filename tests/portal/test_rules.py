"""Verdicts on opens and clicks, and the door's counting, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.rules import (
    CODES_AT_ONCE,
    CODES_PAUSE,
    LOCKED_FOR,
    TRIES,
    Door,
    Verdict,
    Visit,
    is_prefetch,
    judge,
    new_code,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)"
LATER = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("visit", "verdict", "reason"),
    [
        (Visit("GET", FIREFOX, False, LATER), Verdict.PERSON, "browser"),
        (Visit("GET", FIREFOX, True, LATER), Verdict.SCANNER, "prefetch"),
        (Visit("HEAD", FIREFOX, False, LATER), Verdict.SCANNER, "head_request"),
        (Visit("GET", FIREFOX, False, timedelta(seconds=1)), Verdict.SCANNER, "too_soon"),
        (Visit("GET", FIREFOX, False, None), Verdict.SCANNER, "too_soon"),
        (Visit("GET", GMAIL, False, LATER), Verdict.PROXY, "image_proxy"),
        (Visit("GET", "Mozilla/5.0", False, LATER), Verdict.UNKNOWN, "privacy_proxy"),
        (Visit("GET", "python-requests/2.32", False, LATER), Verdict.SCANNER, "machine"),
        (Visit("GET", "", False, LATER), Verdict.SCANNER, "machine"),
    ],
)
def test_verdicts(visit: Visit, verdict: Verdict, reason: str) -> None:
    assert judge(visit) == (verdict, reason)


def test_browsers_say_that_they_prefetch() -> None:
    assert is_prefetch({"Sec-Purpose": "prefetch;prerender"})
    assert is_prefetch({"X-Purpose": "preview"})
    assert not is_prefetch({"Purpose": ""})


def test_codes_have_six_digits() -> None:
    assert all(len(new_code()) == 6 and new_code().isdigit() for _ in range(50))


def test_so_many_codes_then_a_pause() -> None:
    door = Door()
    for _ in range(CODES_AT_ONCE):
        assert door.may_ask(NOW)
        codes, asked_at = door.after_asking(NOW)
        door = Door(code_asked_at=asked_at, codes_asked=codes)
    assert not door.may_ask(NOW + CODES_PAUSE - timedelta(seconds=1))
    assert door.may_ask(NOW + CODES_PAUSE)
    assert door.after_asking(NOW + CODES_PAUSE)[0] == 1


@given(st.lists(st.integers(0, 1200), max_size=60))
def test_no_pace_of_trying_gets_more_than_five_tries_in_a_quarter_of_an_hour(
    pauses: list[int],
) -> None:
    door, now, tried = Door(), NOW, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if not door.is_locked(now):
            tried.append(now)
            wrong, locked = door.after_wrong_try(now)
            door = Door(wrong_tries=wrong, locked_until=locked)
    for fifth in range(TRIES - 1, len(tried) - 1, TRIES):
        assert tried[fifth + 1] - tried[fifth] >= LOCKED_FOR
