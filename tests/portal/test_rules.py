"""The door's counting, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.rules import (
    CODES_AT_ONCE,
    CODES_PAUSE,
    LOCKED_FOR,
    TRIES,
    Door,
    new_code,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


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
