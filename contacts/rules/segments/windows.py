"""What a comparison of dates or numbers comes to on a given day: a window, or a range."""

from calendar import monthrange
from datetime import date, timedelta
from typing import TypeAlias

from contacts.rules.fields import Scalar
from contacts.rules.segments.tree import OF_BIRTH_DATE, SPANS, FieldCondition, Operator

Window: TypeAlias = tuple[str | None, str | None]
"""The first and the last day, both included, as ISO text; None is open."""

Range: TypeAlias = tuple[int | float | None, bool, int | float | None, bool]
"""Low end, whether it is included, high end, whether it is included; None is open."""

WINDOWS = frozenset(
    {
        Operator.BEFORE,
        Operator.AFTER,
        Operator.AT_LEAST,
        Operator.AT_MOST,
        Operator.BETWEEN,
        Operator.IN_LAST,
        Operator.NOT_IN_LAST,
        Operator.MORE_THAN_AGO,
        Operator.IN_NEXT,
        Operator.AGE_AT_LEAST,
        Operator.AGE_AT_MOST,
        Operator.AGE_BETWEEN,
        Operator.TURNS,
    }
)
"""Comparisons of dates for which `window` answers.

All but NOT_IN_LAST are true of exactly the dates in the window; that one is true of every other
date, and of nothing known. BIRTHDAY_IN_NEXT comes again each year: see `birthdays`.
"""


def window(condition: FieldCondition, today: date) -> Window:
    """The days that a condition on a date asks for. Raises ValueError outside WINDOWS."""
    first, last = _days(condition, today)
    return first.isoformat() if first else None, last.isoformat() if last else None


def number_range(condition: FieldCondition) -> Range:
    """The numbers that a condition asks for. Raises ValueError if it asks for no range."""
    values = [value for value in condition.values if isinstance(value, int | float)]
    match condition.operator, values:
        case Operator.ABOVE, [low]:
            return low, False, None, False
        case Operator.AT_LEAST, [low]:
            return low, True, None, False
        case Operator.BELOW, [high]:
            return None, False, high, False
        case Operator.AT_MOST, [high]:
            return None, False, high, True
        case Operator.BETWEEN, [low, high]:
            return low, True, high, True
    raise ValueError(f"no range of numbers: {condition.operator}")


def birthdays(condition: FieldCondition, today: date) -> frozenset[str]:
    """The days of the year ("MM-DD") of birth of those whose birthday BIRTHDAY_IN_NEXT asks for.

    Who was born on 29 February has the birthday on 1 March in other years.
    """
    end = later(today, *_span(condition))
    days = [today + timedelta(n) for n in range(min((end - today).days, 366) + 1)]
    found = {f"{day:%m-%d}" for day in days}
    if any((day.month, day.day) == (3, 1) and not _has_29_february(day.year) for day in days):
        found.add("02-29")
    return frozenset(found)


def later(day: date, number: int, unit: str) -> date:
    """So many days, weeks, months or years later, or earlier if negative.

    Months and years keep the day of the month, or end at the month's last: 31 May and -3 months is
    28 or 29 February.
    """
    if unit == "days":
        return day + timedelta(number)
    if unit == "weeks":
        return day + timedelta(weeks=number)
    months = day.year * 12 + day.month - 1 + (12 * number if unit == "years" else number)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


_ONE_DAY = timedelta(1)


def _days(condition: FieldCondition, today: date) -> tuple[date | None, date | None]:
    if condition.operator in SPANS:
        return _relative(condition, today)
    if condition.operator in OF_BIRTH_DATE:
        return _births(condition, today)
    match condition.operator, [_date(value) for value in condition.values]:
        case Operator.BEFORE, [day]:
            return None, day - _ONE_DAY
        case Operator.AFTER, [day]:
            return day + _ONE_DAY, None
        case Operator.AT_LEAST, [day]:
            return day, None
        case Operator.AT_MOST, [day]:
            return None, day
        case Operator.BETWEEN, [first, last]:
            return first, last
    raise ValueError(f"no window of dates: {condition.operator}")


def _relative(condition: FieldCondition, today: date) -> tuple[date | None, date | None]:
    number, unit = _span(condition)
    match condition.operator:
        case Operator.IN_LAST | Operator.NOT_IN_LAST:
            return later(today, -number, unit), today
        case Operator.MORE_THAN_AGO:
            return None, later(today, -number, unit) - _ONE_DAY
        case Operator.IN_NEXT:
            return today, later(today, number, unit)
    raise ValueError(f"no window of dates: {condition.operator}")


def _births(condition: FieldCondition, today: date) -> tuple[date | None, date | None]:
    match condition.operator, [int(value) for value in condition.values]:
        case Operator.AGE_AT_LEAST, [age]:
            return None, _latest_birth(today, age)
        case Operator.AGE_AT_MOST, [age]:
            return _earliest_birth(today, age), None
        case Operator.AGE_BETWEEN, [youngest, oldest]:
            return _earliest_birth(today, oldest), _latest_birth(today, youngest)
        case Operator.TURNS, [age, days]:
            # Not of that age yesterday, and of that age when the days are over.
            first = _earliest_birth(today - _ONE_DAY, age - 1)
            return first, _latest_birth(today + timedelta(days), age)
    raise ValueError(f"no window of dates: {condition.operator}")


def _date(value: Scalar) -> date:
    return date.fromisoformat(str(value))


def _span(condition: FieldCondition) -> tuple[int, str]:
    number, unit = condition.values
    return int(number), str(unit)


def _latest_birth(today: date, age: int) -> date:
    """Who was born on that day or before has completed so many years."""
    return later(today, -age, "years")


def _earliest_birth(today: date, age: int) -> date:
    """Who was born on that day or after has not completed one year more."""
    return _latest_birth(today, age + 1) + _ONE_DAY


def _has_29_february(year: int) -> bool:
    return monthrange(year, 2)[1] == 29
