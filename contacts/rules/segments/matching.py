"""Whether one person is in a segment: the exact answer, on the opened profile."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TypeAlias

from contacts.rules.fields import Scalar, Value, normalize
from contacts.rules.segments.tree import (
    All,
    Any,
    FactKey,
    FieldCondition,
    Node,
    NoneOf,
    Operator,
    Segment,
    spellings,
)
from contacts.rules.segments.windows import WINDOWS, birthdays, number_range, window

Facts: TypeAlias = Mapping[FactKey, bool]
"""What other apps know about the person; a fact that is missing is false."""

Profile: TypeAlias = Mapping[str, Value]
Matcher: TypeAlias = Callable[[Profile, Facts], bool]
"""Whether the person with this profile and these facts is in the segment."""

_ValueTest: TypeAlias = Callable[[Value], bool]

REMEMBERED = 10_000
"""Texts whose answer a compiled condition remembers: states and departments come again."""


def matches(segment: Segment, profile: Profile, facts: Facts, today: date) -> bool:
    """Decide exactly. `today` is the organization's local date."""
    return compile_segment(segment, today)(profile, facts)


def compile_segment(segment: Segment, today: date) -> Matcher:
    """A function that decides about one person after another on that day.

    What depends on the segment alone is worked out here, once: a full scan calls the result a
    million times.
    """
    return _matcher(segment.where, today)


def _matcher(node: Node, today: date) -> Matcher:
    match node:
        case All():
            return _all([_matcher(member, today) for member in node.of])
        case Any():
            return _any([_matcher(member, today) for member in node.of])
        case NoneOf():
            return _not(_any([_matcher(member, today) for member in node.of]))
        case FieldCondition():
            return _field(node.field, _value_test(node, today))
        case _:
            return _fact(node.fact, node.wanted)


def _all(members: list[Matcher]) -> Matcher:
    if len(members) == 1:
        return members[0]

    def every(profile: Profile, facts: Facts) -> bool:
        for member in members:  # noqa: SIM110 -- twice as fast as all()
            if not member(profile, facts):
                return False
        return True

    return every


def _any(members: list[Matcher]) -> Matcher:
    if len(members) == 1:
        return members[0]

    def some(profile: Profile, facts: Facts) -> bool:
        for member in members:  # noqa: SIM110 -- twice as fast as any()
            if member(profile, facts):
                return True
        return False

    return some


def _not(member: Matcher) -> Matcher:
    return lambda profile, facts: not member(profile, facts)


def _fact(key: FactKey, wanted: bool) -> Matcher:
    return lambda profile, facts: facts.get(key, False) is wanted


def _field(key: str, test: _ValueTest) -> Matcher:
    return lambda profile, facts: test(profile.get(key))


def _value_test(condition: FieldCondition, today: date) -> _ValueTest:
    match condition.operator:
        case Operator.PRESENT:
            return _has_member(bool)
        case Operator.ABSENT:
            return _negated(_has_member(bool))
        case Operator.IS | Operator.ONE_OF:
            return _has_member(_wanted(spellings(condition)).__contains__)
        case Operator.IS_NOT | Operator.NONE_OF:
            return _negated(_has_member(_wanted(spellings(condition)).__contains__))
        case Operator.STARTS_WITH:
            prefixes = tuple(_wanted(condition.values))
            return _has_member(lambda normal: normal.startswith(prefixes))
        case Operator.BIRTHDAY_IN_NEXT:
            days = birthdays(condition, today)
            return lambda value: isinstance(value, str) and value[5:] in days
        case Operator.NOT_IN_LAST:
            return _negated(_in_window(condition, today))
        case _ if _asks_for_numbers(condition):
            return _in_range(condition)
        case operator if operator in WINDOWS:
            return _in_window(condition, today)
    raise ValueError(f"no such comparison: {condition.operator}")


def _asks_for_numbers(condition: FieldCondition) -> bool:
    """Whether a comparison that dates and numbers share is one of numbers."""
    if condition.operator in (Operator.ABOVE, Operator.BELOW):
        return True
    shared = (Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN)
    return condition.operator in shared and not isinstance(condition.values[0], str)


def _negated(test: _ValueTest) -> _ValueTest:
    return lambda value: not test(value)


def _wanted(values: Iterable[Scalar]) -> frozenset[str]:
    return frozenset(normal for value in values for normal in normalize(value))


def _has_member(fits: Callable[[str], bool]) -> _ValueTest:
    """Whether one of the canonical strings of a value fits."""
    text = _remembering(lambda value: any(map(fits, normalize(value))))
    member = _remembering(lambda value: any(map(fits, normalize([value]))))

    def test(value: Value) -> bool:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return any(map(member, value))
        return any(map(fits, normalize(value)))

    return test


def _remembering(decide: Callable[[str], bool]) -> Callable[[str], bool]:
    """The same, with the answers about the latest texts kept while the function lives."""
    known: dict[str, bool] = {}

    def answer(text: str) -> bool:
        found = known.get(text)
        if found is None:
            if len(known) >= REMEMBERED:
                known.clear()
            found = known[text] = decide(text)
        return found

    return answer


def _in_window(condition: FieldCondition, today: date) -> _ValueTest:
    """ISO dates compare as text. A value of another type is outside."""
    first, last = window(condition, today)
    low, high = first or "0001-01-01", last or "9999-12-31"
    return lambda value: isinstance(value, str) and low <= value <= high


def _in_range(condition: FieldCondition) -> _ValueTest:
    """A value of another type is outside."""
    low, low_included, high, high_included = number_range(condition)

    def test(value: Value) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if low is not None and (value < low or (value == low and not low_included)):
            return False
        return high is None or value < high or (value == high and high_included)

    return test
