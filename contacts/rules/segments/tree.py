"""The segment tree, and reading one from JSON against an organization's fields."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Setting

from contacts.rules.fields import (
    Field,
    FieldClass,
    FieldType,
    Scalar,
    ValueProblem,
    clean_member,
    normalize,
)
from contacts.rules.places import state_code, state_spellings
from contacts.rules.starter import BIRTH_DATE, STATE

MAX_JSON_CHARACTERS = 100_000
MAX_DEPTH = 6
MAX_CONDITIONS = 100
MAX_VALUES = 200
MAX_AGE = 150
MAX_TURNS_DAYS = 3_660
MAX_LAST_MESSAGES = 20
MAX_ENGAGEMENT_DAYS = 3_660
MIN_PREFIX = 2

UNITS: Mapping[str, int] = {"days": 36_500, "weeks": 5_200, "months": 1_200, "years": 100}
"""Units of relative dates, and the most of each: about a century."""

FactKey: TypeAlias = tuple[Literal["consent", "engagement"], str]
"""A fact about a person that another app knows: the kind of condition and its subject."""


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    STARTS_WITH = "starts_with"
    IN_LAST = "in_last"
    NOT_IN_LAST = "not_in_last"
    MORE_THAN_AGO = "more_than_ago"
    IN_NEXT = "in_next"
    BEFORE = "before"
    AFTER = "after"
    ABOVE = "above"
    BELOW = "below"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    AGE_AT_LEAST = "age_at_least"
    AGE_AT_MOST = "age_at_most"
    AGE_BETWEEN = "age_between"
    TURNS = "turns"
    BIRTHDAY_IN_NEXT = "birthday_in_next"
    PRESENT = "present"
    ABSENT = "absent"


WITHOUT_VALUE = frozenset({Operator.PRESENT, Operator.ABSENT})
SEVERAL_VALUES = frozenset({Operator.ONE_OF, Operator.NONE_OF, Operator.STARTS_WITH})
SPANS = frozenset(
    {
        Operator.IN_LAST,
        Operator.NOT_IN_LAST,
        Operator.MORE_THAN_AGO,
        Operator.IN_NEXT,
        Operator.BIRTHDAY_IN_NEXT,
    }
)
"""Their values are a whole number and one of UNITS."""
PAIRS = SPANS | {Operator.BETWEEN, Operator.AGE_BETWEEN, Operator.TURNS}
"""Two values: a span, a lower and an upper end, or (TURNS) an age and a number of days."""
AGES = frozenset({Operator.AGE_AT_LEAST, Operator.AGE_AT_MOST, Operator.AGE_BETWEEN})
OF_BIRTH_DATE = AGES | {Operator.TURNS, Operator.BIRTHDAY_IN_NEXT}
ORDERED = frozenset({Operator.BETWEEN, Operator.AGE_BETWEEN})

_EQUALITY = frozenset({Operator.IS, Operator.IS_NOT}) | WITHOUT_VALUE
_SETS = _EQUALITY | {Operator.ONE_OF, Operator.NONE_OF}
_RANGES = frozenset({Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN})
OPERATORS: Mapping[FieldType, frozenset[Operator]] = {
    FieldType.TEXT: _SETS | {Operator.STARTS_WITH},
    FieldType.CHOICE: _SETS,
    FieldType.CHOICES: _SETS,
    FieldType.CODES: _SETS,
    FieldType.BOOLEAN: _EQUALITY,
    FieldType.NUMBER: _SETS | _RANGES | {Operator.ABOVE, Operator.BELOW},
    FieldType.DATE: (
        _EQUALITY
        | _RANGES
        | {Operator.BEFORE, Operator.AFTER}
        | (SPANS - {Operator.BIRTHDAY_IN_NEXT})
    ),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class All(_Strict):
    """True when every member is; an empty one is true of everybody."""

    kind: Literal["all"] = "all"
    of: "tuple[Node, ...]" = ()


class Any(_Strict):
    """True when at least one member is."""

    kind: Literal["any"] = "any"
    of: "tuple[Node, ...]" = Setting(min_length=1)


class NoneOf(_Strict):
    """True when no member is."""

    kind: Literal["none"] = "none"
    of: "tuple[Node, ...]" = Setting(min_length=1)


class FieldCondition(_Strict):
    """A statement about one field.

    On a field with several values, `is` and `one_of` ask whether they are among the person's.
    `is_not`, `none_of` and `not_in_last` are plain negations, so they are true where nothing is
    known. `values` holds what the operator needs: nothing (WITHOUT_VALUE), one or more
    (SEVERAL_VALUES), two (PAIRS), else one.
    """

    kind: Literal["field"] = "field"
    field: str
    operator: Operator
    values: tuple[Scalar, ...] = Setting(default=(), max_length=MAX_VALUES, repr=False)


class ConsentCondition(_Strict):
    """Whether the person has, right now, a live authorization for a purpose."""

    kind: Literal["consent"] = "consent"
    purpose: str
    state: Literal["has", "lacks"]

    @property
    def fact(self) -> FactKey:
        return ("consent", self.purpose)

    @property
    def wanted(self) -> bool:
        """Whether the fact must be true."""
        return self.state == "has"


class LastMessages(_Strict):
    """The last messages that the person's server took, newest first."""

    last: int = Setting(ge=1, le=MAX_LAST_MESSAGES)


class LastDays(_Strict):
    """The time from that many days ago until now."""

    days: int = Setting(ge=1, le=MAX_ENGAGEMENT_DAYS)


class OneCampaign(_Strict):
    """The messages of one campaign, by its id."""

    campaign: str


class EngagementCondition(_Strict):
    """What the person did with messages.

    Somebody who received none of them did not open or click any. With LastMessages, `did` asks for
    at least one of them. Who opens by a scanner or proxy did not open.
    """

    kind: Literal["engagement"] = "engagement"
    event: Literal["received", "opened", "clicked"]
    state: Literal["did", "did_not"]
    scope: LastMessages | LastDays | OneCampaign

    @property
    def fact(self) -> FactKey:
        """Such as ("engagement", "opened:last:3")."""
        ((name, value),) = self.scope.model_dump().items()
        return ("engagement", f"{self.event}:{name}:{value}")

    @property
    def wanted(self) -> bool:
        """Whether the fact must be true."""
        return self.state == "did"


Group: TypeAlias = All | Any | NoneOf
Condition: TypeAlias = FieldCondition | ConsentCondition | EngagementCondition
Node: TypeAlias = Annotated[
    All | Any | NoneOf | FieldCondition | ConsentCondition | EngagementCondition,
    Setting(discriminator="kind"),
]


class Segment(_Strict):
    """A whole segment. The default is everybody."""

    where: All | Any | NoneOf = Setting(default=All(), discriminator="kind")


def _no_displays(keys: Collection[str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a segment may speak of: fields by key, and labels of consent purposes by code.

    `campaigns` holds names by id. `displays` answers what people read for codes ("system|code");
    what it leaves out is shown as its code.
    """

    fields: Mapping[str, Field]
    purposes: Mapping[str, str]
    campaigns: Mapping[str, str] = field(default_factory=dict)
    displays: Callable[[Collection[str]], Mapping[str, str]] = _no_displays


class SegmentProblem(ValueError):
    """The segment cannot be used. Says what to change, and repeats no value."""


def parse(text: str | bytes, vocabulary: Vocabulary) -> Segment:
    """Read a segment from JSON; its values come back in the stored form of their fields.

    Raises SegmentProblem for JSON of another shape, unknown or identifying fields, operators and
    values that do not fit, and trees that are too deep or too large.
    """
    data = _load(text)
    _check_depth(data)
    try:
        segment = Segment.model_validate(data)
    except ValidationError as problem:
        raise SegmentProblem(_incomplete(problem)) from None
    if sum(1 for _ in conditions(segment)) > MAX_CONDITIONS:
        raise SegmentProblem(f"The segment has more than {MAX_CONDITIONS} conditions. Remove some.")
    return Segment(where=_checked_group(segment.where, vocabulary))


def _incomplete(problem: ValidationError) -> str:
    first = problem.errors(include_input=False)[0]
    if first["type"] == "too_long":
        return f"A condition has more than {MAX_VALUES} values. Leave some out."
    if first["type"] == "too_short":
        return "A group has no condition yet. Add one, or remove the group."
    if "scope" in first["loc"]:
        return (
            f"Choose a campaign, or write a whole number: up to {MAX_LAST_MESSAGES} messages,"
            f" or up to {MAX_ENGAGEMENT_DAYS:,} days."
        )
    return "A condition is not complete. Choose a field, a comparison and a value for each."


def operators_of(field: Field) -> frozenset[Operator]:
    """How a field may be compared."""
    return OPERATORS[field.type] | (OF_BIRTH_DATE if field.key == BIRTH_DATE else frozenset())


def names_states(field: Field, operator: Operator) -> bool:
    """Whether the values of a comparison are states, as far as they are known here."""
    equal = operator in (Operator.IS, Operator.IS_NOT, Operator.ONE_OF, Operator.NONE_OF)
    return equal and field.key == STATE and field.type is FieldType.TEXT


def spellings(condition: FieldCondition) -> tuple[Scalar, ...]:
    """The values of a comparison for equality; of a state its code and its name."""
    if condition.field != STATE:
        return condition.values
    return tuple(
        each
        for value in condition.values
        for each in (state_spellings(value) if isinstance(value, str) else (value,))
    )


def to_json(segment: Segment) -> str:
    """JSON that `parse` reads back as the same segment."""
    return segment.model_dump_json()


def conditions(segment: Segment) -> Iterator[Condition]:
    """Every condition of the tree, from left to right."""
    waiting: list[Node] = [segment.where]
    while waiting:
        node = waiting.pop()
        if isinstance(node, All | Any | NoneOf):
            waiting.extend(reversed(node.of))
        else:
            yield node


def fields_used(segment: Segment) -> frozenset[str]:
    """Keys of the fields that the segment looks at."""
    found = conditions(segment)
    return frozenset(each.field for each in found if isinstance(each, FieldCondition))


def facts_used(segment: Segment) -> frozenset[FactKey]:
    """The facts that the caller must look up before `matches`."""
    found = conditions(segment)
    return frozenset(each.fact for each in found if not isinstance(each, FieldCondition))


def _load(text: str | bytes) -> object:
    if len(text) > MAX_JSON_CHARACTERS:
        raise SegmentProblem("The segment is too large. Use fewer conditions or values.")
    try:
        loaded: object = json.loads(text)
    except (ValueError, RecursionError):
        raise SegmentProblem("The segment could not be read. Reload the page, try again.") from None
    return loaded


def _check_depth(data: object) -> None:
    """Refuse deep nesting before anything walks the tree by recursion."""
    level: list[object] = [data.get("where")] if isinstance(data, dict) else []
    for _ in range(MAX_DEPTH + 1):
        groups = [node.get("of") for node in level if isinstance(node, dict)]
        level = [member for group in groups if isinstance(group, list) for member in group]
        if not level:
            return
    raise SegmentProblem(f"Groups are nested more than {MAX_DEPTH} deep. Use fewer levels.")


def _checked_group(group: Group, vocabulary: Vocabulary) -> Group:
    return group.model_copy(update={"of": tuple(_checked(node, vocabulary) for node in group.of)})


def _checked(node: Node, vocabulary: Vocabulary) -> Node:
    match node:
        case All() | Any() | NoneOf():
            if not node.of:
                raise SegmentProblem("A group is empty. Add a condition to it or remove it.")
            return _checked_group(node, vocabulary)
        case FieldCondition():
            return _checked_field(node, vocabulary)
        case ConsentCondition():
            if node.purpose not in vocabulary.purposes:
                raise SegmentProblem("A consent condition names a purpose that does not exist.")
            return node
        case EngagementCondition():
            return _checked_engagement(node, vocabulary)


def _checked_engagement(
    condition: EngagementCondition, vocabulary: Vocabulary
) -> EngagementCondition:
    scope = condition.scope
    if isinstance(scope, OneCampaign) and scope.campaign not in vocabulary.campaigns:
        raise SegmentProblem("A condition is about a campaign that was not sent. Choose another.")
    if isinstance(scope, LastMessages) and condition.event == "received":
        raise SegmentProblem(
            "Everybody received their own last messages. Choose a number of days or a campaign."
        )
    return condition


def _checked_field(condition: FieldCondition, vocabulary: Vocabulary) -> FieldCondition:
    field = vocabulary.fields.get(condition.field)
    if field is None:
        raise SegmentProblem("A condition uses a field that does not exist. Choose another field.")
    if field.classification is FieldClass.IDENTIFIER:
        raise SegmentProblem(
            f"{field.label} names one person, so a segment cannot use it. Choose another field."
        )
    _check_operator(condition, field)
    _check_value_count(condition, field)
    return condition.model_copy(update={"values": _checked_values(condition, field)})


def _check_operator(condition: FieldCondition, field: Field) -> None:
    if condition.operator not in operators_of(field):
        operator = condition.operator.value.replace("_", " ")
        raise SegmentProblem(f"“{operator}” does not fit {field.label}. Choose another comparison.")


def _check_value_count(condition: FieldCondition, field: Field) -> None:
    count = len(condition.values)
    if condition.operator in WITHOUT_VALUE:
        right = count == 0
    elif condition.operator in SEVERAL_VALUES:
        right = count >= 1
    elif condition.operator in PAIRS:
        right = count == 2
    else:
        right = count == 1
    if not right:
        few = "has a value too many" if count > 2 else "is missing a value"
        raise SegmentProblem(f"The condition on {field.label} {few}. Complete it or remove it.")


def _checked_values(condition: FieldCondition, field: Field) -> tuple[Scalar, ...]:
    match condition.operator:
        case operator if operator in SPANS:
            return _checked_span(*condition.values)
        case operator if operator in AGES:
            values: list[Scalar] = [_age(value) for value in condition.values]
        case Operator.TURNS:
            age, days = condition.values
            what = "Write the days as a whole number"
            return _age(age), _whole(days, 0, MAX_TURNS_DAYS, what)
        case Operator.STARTS_WITH:
            values = [_checked_prefix(field, value) for value in condition.values]
        case _:
            values = [_checked_value(field, value) for value in condition.values]
            if names_states(field, condition.operator):
                values = [state_code(str(value)) for value in values]
    if condition.operator in ORDERED:
        # Both are of the field's type, so they compare.
        values.sort(key=lambda value: value)
    return tuple(values)


def _checked_span(number: Scalar, unit: Scalar) -> tuple[int, str]:
    if not isinstance(unit, str) or unit not in UNITS:
        raise SegmentProblem("Choose days, weeks, months or years.")
    return _whole(number, 1, UNITS[unit], f"Write the number of {unit} as a whole number"), unit


def _age(value: Scalar) -> int:
    return _whole(value, 0, MAX_AGE, "Write the age in years as a whole number")


def _whole(value: Scalar, least: int, most: int, what: str) -> int:
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise SegmentProblem(f"{what} from {least} to {most:,}.")


def _checked_prefix(field: Field, value: Scalar) -> Scalar:
    prefix = _checked_value(field, value)
    if len("".join(normalize(prefix))) < MIN_PREFIX:
        raise SegmentProblem(
            f"Write at least {MIN_PREFIX} characters for how {field.label} starts."
        )
    return prefix


def _checked_value(field: Field, value: Scalar) -> Scalar:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return clean_member(field, text)
    except ValueProblem as problem:
        raise SegmentProblem(f"{problem.public}.") from None
