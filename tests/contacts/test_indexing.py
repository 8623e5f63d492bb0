"""The index may answer for a range: who has a certain entry is inside, who has none is outside."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.indexing import date_entries, date_range, number_entries, number_range

MOST_KEYS = 400
"""More would make the look-up of a range slow: it pays for each key with each row it finds."""

NUMBERS = st.floats(-1e14, 1e14) | st.floats(-100, 100) | st.integers(-500, 500)
DAYS = st.dates(date(1850, 1, 1), date(2150, 12, 31)).map(date.isoformat)


@given(NUMBERS, NUMBERS | st.none(), NUMBERS | st.none())
def test_numbers(number: float, low: float | None, high: float | None) -> None:
    found, entries = number_range("hba1c", low, high), set(number_entries("hba1c", number))
    inside = (low is None or number >= low) and (high is None or number <= high)
    assert inside or not entries & found.certain
    assert not inside or entries & found.possible
    assert found.certain <= found.possible
    assert len(found.possible) < MOST_KEYS


@given(DAYS, DAYS | st.none(), DAYS | st.none())
def test_dates(day: str, first: str | None, last: str | None) -> None:
    found, entries = date_range("born", first, last), set(date_entries("born", day))
    inside = (first is None or day >= first) and (last is None or day <= last)
    assert inside or not entries & found.certain
    assert not inside or entries & found.possible
    assert found.certain <= found.possible
    assert len(found.possible) < 80


def test_only_the_buckets_at_the_ends_are_in_doubt() -> None:
    found = date_range("born", "1960-03-15", "1975-11-02")
    assert found.possible - found.certain == {("born~month", "1960-03"), ("born~month", "1975-11")}
    assert ("born~year", "1974") in found.certain
    assert ("born~decade", "196") not in found.certain
    assert ("born~month", "1960-04") in found.certain
    open_end = number_range("hba1c", 8, None)
    assert len(open_end.possible - open_end.certain) == 1
