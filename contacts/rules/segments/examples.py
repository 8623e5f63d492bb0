"""Segments to begin with, for somebody who has never made one."""

from dataclasses import dataclass

from contacts.rules.fields import Scalar
from contacts.rules.segments.tree import (
    All,
    ConsentCondition,
    EngagementCondition,
    FieldCondition,
    LastDays,
    LastMessages,
    Node,
    NoneOf,
    Operator,
    Segment,
    SegmentProblem,
    Vocabulary,
    parse,
    to_json,
)
from contacts.rules.starter import BIRTH_DATE


@dataclass(frozen=True, slots=True)
class Example:
    """A segment to begin with. `key` stands in addresses and names nobody's diagnosis."""

    key: str
    name: str
    use: str
    segment: Segment


def examples(vocabulary: Vocabulary) -> list[Example]:
    """Those whose fields, choices and purposes the organization has."""
    return [each for each in _EXAMPLES if _fits(each, vocabulary)]


def _fits(example: Example, vocabulary: Vocabulary) -> bool:
    try:
        parse(to_json(example.segment), vocabulary)
    except SegmentProblem:
        return False
    return True


def _all(*of: Node) -> Segment:
    return Segment(where=All(of=of))


def _field(field: str, operator: Operator, *values: Scalar) -> FieldCondition:
    return FieldCondition(field=field, operator=operator, values=values)


_EXAMPLES = (
    Example(
        "flu",
        "Flu shot due, 65 and older",
        "A reminder each autumn",
        _all(
            _field(BIRTH_DATE, Operator.AGE_AT_LEAST, 65),
            _field("last_flu_shot", Operator.NOT_IN_LAST, 10, "months"),
        ),
    ),
    Example(
        "class",
        "Diabetes, class invitation",
        "People with diabetes who agreed to offers",
        _all(
            _field("conditions", Operator.ONE_OF, "diabetes"),
            ConsentCondition(purpose="marketing", state="has"),
        ),
    ),
    Example(
        "check-up",
        "Overdue for a check-up",
        "No visit for a year, and no appointment",
        _all(
            _field("last_visit", Operator.MORE_THAN_AGO, 1, "years"),
            NoneOf(of=(_field("next_appointment", Operator.IN_NEXT, 6, "months"),)),
        ),
    ),
    Example(
        "turning-65",
        "Turning 65 soon",
        "Before Medicare begins",
        _all(_field(BIRTH_DATE, Operator.TURNS, 65, 90)),
    ),
    Example(
        "appointments",
        "Appointment in the next two weeks",
        "How to prepare, and where to park",
        _all(_field("next_appointment", Operator.IN_NEXT, 2, "weeks")),
    ),
    Example(
        "quiet",
        "Quiet readers",
        "They get our mail and opened nothing lately",
        _all(
            EngagementCondition(event="received", state="did", scope=LastDays(days=180)),
            EngagementCondition(event="opened", state="did_not", scope=LastMessages(last=5)),
        ),
    ),
)
