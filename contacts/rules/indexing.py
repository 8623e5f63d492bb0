"""What of a profile the blind index knows: equal values, and buckets of dates and numbers.

The index answers equality only. So a date stands in it by its decade, year and month, a number by
its first and its first two digits, and a range is the buckets between its ends: those inside are
certain, those at the ends hold people who have to be opened. Exact dates and numbers are not in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import copysign
from typing import TypeAlias

from contacts.rules.dates import EARLIEST_YEAR, LATEST_YEAR
from contacts.rules.fields import Field, FieldType, Value, normalize
from contacts.rules.starter import EMAIL, POSTAL_CODE, RECORD_NUMBER

Entry: TypeAlias = tuple[str, str]
"""A name that a token is made under, and a canonical text."""

ELSEWHERE = frozenset({RECORD_NUMBER, EMAIL})
"""Found by columns of their own: every value is another one, which an inverted index pays dear."""

PREFIX = 3
"""Characters of a ZIP code that stand for its area."""

MONTH_CHARACTERS = 7
"""Of an ISO date, as much as the index knows of it."""

_LEAST_EXPONENT, _GREATEST_EXPONENT = -2, 9
_STEPS = 90  # numbers of two digits, 10 to 99
_LAST_STEP = (_GREATEST_EXPONENT - _LEAST_EXPONENT + 1) * _STEPS


@dataclass(frozen=True, slots=True)
class Range:
    """Index entries of a range: who has a certain one is inside, who has no possible one is not."""

    certain: frozenset[Entry]
    possible: frozenset[Entry]


def index_entries(fields: Iterable[Field], profile: Mapping[str, Value]) -> Iterator[Entry]:
    """Every entry of a profile that belongs into the blind index."""
    for field in fields:
        if field.searchable:
            yield from entries_of(field, profile.get(field.key))


def entries_of(field: Field, value: Value) -> list[Entry]:
    """The entries of one field's value."""
    if value is None or field.key in ELSEWHERE:
        return []
    if field.type is FieldType.DATE:
        return date_entries(field.key, value) if isinstance(value, str) else []
    if field.type is FieldType.NUMBER:
        return number_entries(field.key, value) if isinstance(value, int | float) else []
    entries = [(field.key, normal) for normal in normalize(value)]
    if field.key == POSTAL_CODE:
        entries += [(_prefix(field.key), normal[:PREFIX]) for _, normal in entries[:1]]
    return entries


def date_entries(key: str, iso: str) -> list[Entry]:
    """By decade, by year and by month: a range of a century is two dozen entries."""
    return [(f"{key}~decade", iso[:3]), (f"{key}~year", iso[:4]), (f"{key}~month", iso[:7])]


def date_range(key: str, first: str | None, last: str | None) -> Range:
    """From and to these ISO dates, both included; None is open."""
    low = _month(first) if first else EARLIEST_YEAR * 12 - 1
    high = _month(last) if last else (LATEST_YEAR + 1) * 12
    certain: set[Entry] = set()
    month = low + 1
    while month < high:
        size = next(size for size in (120, 12, 1) if month % size == 0 and month + size <= high)
        certain.add(_months_entry(key, month, size))
        month += size
    if first and last and first > last:
        return Range(frozenset(), frozenset())
    ends = {_months_entry(key, _month(end), 1) for end in (first, last) if end}
    return Range(frozenset(certain), frozenset(certain | ends))


def number_entries(key: str, number: float) -> list[Entry]:
    """By the first digit and by the first two, with the order of magnitude."""
    step = _step(number)
    return [(f"{key}~tens", str(_tens(step))), _step_entry(key, step)]


def number_range(key: str, low: float | None, high: float | None) -> Range:
    """From and to these numbers; None is open. Whether an end belongs to it makes no difference."""
    lowest = _step(low) if low is not None else -_LAST_STEP - 1
    highest = _step(high) if high is not None else _LAST_STEP + 1
    certain: set[Entry] = set()
    step = lowest + 1
    while step < highest:
        starts_tens, ends_tens = _tens(step) != _tens(step - 1), _tens(step) == _tens(step + 9)
        whole_tens = starts_tens and ends_tens and step + 10 <= highest
        certain.add((f"{key}~tens", str(_tens(step))) if whole_tens else _step_entry(key, step))
        step += 10 if whole_tens else 1
    if low is not None and high is not None and low > high:
        return Range(frozenset(), frozenset())
    ends = {_step_entry(key, _step(end)) for end in (low, high) if end is not None}
    return Range(frozenset(certain), frozenset(certain | ends))


def prefix_entries(key: str, prefix: str) -> Range | None:
    """ZIP codes that begin so; None if the index does not know prefixes of this field."""
    normal = "".join(normalize(prefix))
    if key != POSTAL_CODE or len(normal) < PREFIX:
        return None
    found = frozenset({(_prefix(key), normal[:PREFIX])})
    return Range(found if len(normal) == PREFIX else frozenset(), found)


def _prefix(key: str) -> str:
    return f"{key}~prefix"


def _month(iso: str) -> int:
    return int(iso[:4]) * 12 + int(iso[5:7]) - 1


def _months_entry(key: str, month: int, size: int) -> Entry:
    """The decade, the year or the month that begins there."""
    year, within = divmod(month, 12)
    if size == 1:
        return f"{key}~month", f"{year:04}-{within + 1:02}"
    return (f"{key}~year", f"{year:04}") if size == 12 else (f"{key}~decade", f"{year // 10:03}")


def _step_entry(key: str, step: int) -> Entry:
    return f"{key}~step", str(step)


def _step(number: float) -> int:
    """A number's place among all numbers of two digits: it never falls as the number grows.

    0 for what is nearly nothing. Above ten thousand million all are one.
    """
    digits, exponent = f"{abs(number):.1e}".split("e")
    order = int(exponent)
    if number == 0 or order < _LEAST_EXPONENT:
        return 0
    if order > _GREATEST_EXPONENT:
        return int(copysign(_LAST_STEP, number))
    step = (order - _LEAST_EXPONENT) * _STEPS + int(digits.replace(".", "")) - 9
    return step if number > 0 else -step


def _tens(step: int) -> int:
    """The first digit's place: steps of ten, but for 0."""
    return (step + 9) // 10 if step > 0 else -((-step + 9) // 10)
