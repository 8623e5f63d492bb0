"""What pages say of an import: the time that is left, and how its file was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.reading.wording import how_it_was_read
from contacts.rules.remaining import in_words, time_left

BEGUN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def test_the_rest_takes_as_long_as_the_pace_so_far_tells() -> None:
    assert time_left(250, 1_000, BEGUN, BEGUN + timedelta(minutes=1)) == timedelta(minutes=3)


@pytest.mark.parametrize(
    ("done", "total", "started", "after"),
    [(0, 10, BEGUN, 60), (5, 10, None, 60), (5, 10, BEGUN, 9), (5, 0, BEGUN, 60)],
    ids=["nothing done", "not begun", "just begun", "size unknown"],
)
def test_nothing_is_said_before_something_is_known(
    done: int, total: int, started: datetime | None, after: int
) -> None:
    assert time_left(done, total, started, BEGUN + timedelta(seconds=after)) is None


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(10, 10**6))
def test_what_is_left_takes_as_long_for_each_as_what_was_done(
    done: int, more: int, seconds: int
) -> None:
    now = BEGUN + timedelta(seconds=seconds)
    left = time_left(done, done + more, BEGUN, now)
    assert left is not None
    assert left >= timedelta(0)
    assert left.total_seconds() == pytest.approx(seconds * more / done, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute left"),
        (29, "less than a minute left"),
        (45, "about 1 minute left"),
        (300, "about 5 minutes left"),
        (3_600, "about 1 hour left"),
        (9_000, "about 2 hours left"),
    ],
)
def test_the_time_left_in_words(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def test_how_a_text_was_read() -> None:
    assert how_it_was_read("csv", {"delimiter": "semicolon", "encoding": "UTF-8"}) == [
        "Text with semicolons between the columns, written in UTF-8."
    ]
    _, hint = how_it_was_read("csv", {"delimiter": "tab", "encoding": "Windows-1252"})
    assert "names with accents" in hint


def test_how_a_workbook_was_read() -> None:
    notes = {
        "sheet": "Patients",
        "other_sheets": ["Notes", "Old", "Codes"],
        "remarks": {"cells hold a formula's error": 3},
    }
    assert how_it_was_read("xlsx", notes) == [
        "An Excel workbook. The sheet “Patients” was read.",
        "Not read: “Notes”, “Old” and “Codes”.",
        "3 cells hold a formula's error.",
    ]


def test_how_an_export_was_read() -> None:
    notes = {
        "resources": {"Patient": 1_200, "Condition": 3},
        "left_out": {"Condition": 2},
        "unknown": {"CareTeam": 4},
    }
    said = how_it_was_read("fhir", notes)
    assert said[0] == "A FHIR export of 1,200 Patient and 3 Condition records."
    assert said[1].startswith("Left out: 2 Condition records, because")
    assert said[2] == "Not used here: 4 CareTeam records."


def test_a_file_that_was_not_read_yet_says_nothing() -> None:
    assert how_it_was_read("", {}) == []
