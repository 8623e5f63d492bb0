"""The segment tree, and reading one from JSON against an organization's fields."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
)
from contacts.rules.starter import BIRTH_DATE

MAX_JSON_CHARACTERS = 100_000
MAX_DEPTH = 6
MAX_CONDITIONS = 100
MAX_VALUES = 200
MAX_AGE = 150

FactKey: TypeAlias = tuple[Literal["consent"], str]
"""A fact about a person that another app knows: the kind of condition and its subject."""


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    PRESENT = "present"
    ABSENT = "absent"
    BEFORE = "before"
    AFTER = "after"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    AGE_AT_LEAST = "age_at_least"
    AGE_AT_MOST = "age_at_most"


WITHOUT_VALUE = frozenset({Operator.PRESENT, Operator.ABSENT})
SEVERAL_VALUES = frozenset({Operator.ONE_OF, Operator.NONE_OF})
AGES = frozenset({Operator.AGE_AT_LEAST, Operator.AGE_AT_MOST})

_EQUALITY = frozenset({Operator.IS, Operator.IS_NOT}) | WITHOUT_VALUE
_RANGES = frozenset({Operator.AT_LEAST, Operator.AT_MOST})
OPERATORS: Mapping[FieldType, frozenset[Operator]] = {
    FieldType.TEXT: _EQUALITY | SEVERAL_VALUES,
    FieldType.CHOICE: _EQUALITY | SEVERAL_VALUES,
    FieldType.CHOICES: _EQUALITY | SEVERAL_VALUES,
    FieldType.BOOLEAN: _EQUALITY,
    FieldType.NUMBER: _EQUALITY | SEVERAL_VALUES | _RANGES,
    FieldType.DATE: _EQUALITY | _RANGES | {Operator.BEFORE, Operator.AFTER},
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


class FieldCondition(_Strict):
    """A statement about one field.

    On a field with several choices, `is` and `one_of` ask whether they are among the person's.
    `is_not` and `none_of` are plain negations, so they are true where nothing is known.
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


Condition: TypeAlias = FieldCondition | ConsentCondition
Node: TypeAlias = Annotated[
    All | Any | FieldCondition | ConsentCondition, Setting(discriminator="kind")
]


class Segment(_Strict):
    """A whole segment. The default is everybody."""

    where: All | Any = Setting(default=All(), discriminator="kind")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a segment may speak of: fields by key, and labels of consent purposes by code."""

    fields: Mapping[str, Field]
    purposes: Mapping[str, str]


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
    if first["type"] == "too_short":
        return "A group has no condition yet. Add one, or remove the group."
    return "A condition is not complete. Choose a field, a comparison and a value for each."


def operators_of(field: Field) -> frozenset[Operator]:
    """How a field may be compared."""
    return OPERATORS[field.type] | (AGES if field.key == BIRTH_DATE else frozenset())


def to_json(segment: Segment) -> str:
    """JSON that `parse` reads back as the same segment."""
    return segment.model_dump_json()


def conditions(segment: Segment) -> Iterator[Condition]:
    """Every condition of the tree, from left to right."""
    waiting: list[Node] = [segment.where]
    while waiting:
        node = waiting.pop()
        if isinstance(node, All | Any):
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
    return frozenset(each.fact for each in found if isinstance(each, ConsentCondition))


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


def _checked_group(group: All | Any, vocabulary: Vocabulary) -> All | Any:
    return group.model_copy(update={"of": tuple(_checked(node, vocabulary) for node in group.of)})


def _checked(node: Node, vocabulary: Vocabulary) -> Node:
    match node:
        case All() | Any():
            if not node.of:
                raise SegmentProblem("A group is empty. Add a condition to it or remove it.")
            return _checked_group(node, vocabulary)
        case FieldCondition():
            return _checked_field(node, vocabulary)
        case ConsentCondition():
            if node.purpose not in vocabulary.purposes:
                raise SegmentProblem("A consent condition names a purpose that does not exist.")
            return node


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
    return condition.model_copy(
        update={
            "values": tuple(_checked_value(condition, field, each) for each in condition.values)
        }
    )


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
    else:
        right = count == 1
    if not right:
        raise SegmentProblem(f"The condition on {field.label} has too few or too many values.")


def _checked_value(condition: FieldCondition, field: Field, value: Scalar) -> Scalar:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if condition.operator in AGES:
        if not (text.isascii() and text.isdigit() and int(text) <= MAX_AGE):
            raise SegmentProblem(f"Write the age as a whole number of years up to {MAX_AGE}.")
        return int(text)
    try:
        return clean_member(field, text)
    except ValueProblem as problem:
        raise SegmentProblem(f"{problem.public}.") from None
