"""When somebody is asked to sign again: once, reminded once, never within the last week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consent.rules.renewal import REMIND_UNTIL, Asked, Step, renewal_step

END = datetime(2027, 1, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(before_days=st.integers(0, 120), every=st.integers(1, 40), start=st.integers(0, 150))
def test_whenever_the_job_runs_nobody_is_asked_more_than_twice(
    before_days: int, every: int, start: int
) -> None:
    asked: Asked | None = None
    done: list[tuple[Step, timedelta]] = []
    now = END - timedelta(days=start)
    while now < END + timedelta(days=3):
        step = renewal_step(END, asked, before_days, now)
        if step is Step.ASK:
            asked = Asked(now, is_open=True)
        if step is Step.REMIND and asked is not None:
            asked = Asked(asked.at, True, reminded_at=now)
        if step is not Step.NOTHING:
            done.append((step, END - now))
        now += every * HOUR
    assert [step for step, _ in done] in ([], [Step.ASK], [Step.ASK, Step.REMIND])
    for step, left in done:
        assert timedelta(0) < left <= timedelta(days=before_days)
        assert step is Step.ASK or left >= REMIND_UNTIL
    if before_days and start:
        assert done, "while there is time, the person is asked"


@given(left=st.integers(1, 60), is_open=st.booleans())
def test_an_answer_ends_the_asking(left: int, is_open: bool) -> None:
    now = END - timedelta(days=left)
    asked = Asked(now - timedelta(days=20), is_open, reminded_at=None)
    step = renewal_step(END, asked, 60, now)
    assert step is not Step.ASK
    if not is_open:
        assert step is Step.NOTHING
