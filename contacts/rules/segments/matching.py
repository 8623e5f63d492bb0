"""Whether one person is in a segment: the exact answer, on the opened profile."""

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from contacts.rules.dates import age_in_years
from contacts.rules.fields import Scalar, Value, normalize
from contacts.rules.segments.tree import (
    AGES,
    All,
    Any,
    ConsentCondition,
    FactKey,
    FieldCondition,
    Node,
    Operator,
    Segment,
)

Facts: TypeAlias = Mapping[FactKey, bool]
"""What other apps know about the person; a fact that is missing is false."""


def matches(segment: Segment, profile: Mapping[str, Value], facts: Facts, today: date) -> bool:
    """Decide exactly. `today` is the organization's local date."""
    return _true(segment.where, profile, facts, today)


def _true(node: Node, profile: Mapping[str, Value], facts: Facts, today: date) -> bool:
    match node:
        case All():
            return all(_true(member, profile, facts, today) for member in node.of)
        case Any():
            return any(_true(member, profile, facts, today) for member in node.of)
        case ConsentCondition():
            return facts.get(node.fact, False) is (node.state == "has")
        case FieldCondition():
            return _field_true(node, profile.get(node.field), today)


def _field_true(condition: FieldCondition, value: Value, today: date) -> bool:
    held = set(normalize(value))
    match condition.operator:
        case Operator.PRESENT:
            return bool(held)
        case Operator.ABSENT:
            return not held
        case Operator.IS | Operator.ONE_OF:
            return not held.isdisjoint(_wanted(condition))
        case Operator.IS_NOT | Operator.NONE_OF:
            return held.isdisjoint(_wanted(condition))
        case operator if operator in AGES:
            return _age_fits(condition, value, today)
        case _:
            return _in_range(condition.operator, value, condition.values[0])


def _wanted(condition: FieldCondition) -> set[str]:
    return {normal for value in condition.values for normal in normalize(value)}


def _age_fits(condition: FieldCondition, value: Value, today: date) -> bool:
    if not isinstance(value, str):
        return False
    age = age_in_years(date.fromisoformat(value), today)
    limit = int(condition.values[0])
    return age >= limit if condition.operator is Operator.AGE_AT_LEAST else age <= limit


def _in_range(operator: Operator, value: Value, limit: Scalar) -> bool:
    """ISO dates compare as text; a value of another type than the limit is outside."""
    order = _compare(value, limit)
    if order is None:
        return False
    return {
        Operator.BEFORE: order < 0,
        Operator.AFTER: order > 0,
        Operator.AT_LEAST: order >= 0,
        Operator.AT_MOST: order <= 0,
    }[operator]


def _compare(value: Value, limit: Scalar) -> int | None:
    """-1, 0 or 1 as the value is below, at or above the limit; None if they do not compare."""
    if isinstance(value, str) and isinstance(limit, str):
        return (value > limit) - (value < limit)
    if isinstance(value, int | float) and isinstance(limit, int | float):
        return (value > limit) - (value < limit)
    return None
