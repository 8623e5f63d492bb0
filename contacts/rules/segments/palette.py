"""What a segment may be built from: each subject with its comparisons and kinds of values."""

from collections.abc import Iterable
from dataclasses import dataclass

from contacts.rules.fields import Field, FieldClass, FieldType
from contacts.rules.segments.tree import (
    AGES,
    SEVERAL_VALUES,
    WITHOUT_VALUE,
    Operator,
    operators_of,
)

_LABELS: dict[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.ONE_OF: "is one of",
    Operator.NONE_OF: "is none of",
    Operator.PRESENT: "is known",
    Operator.ABSENT: "is not known",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.AT_LEAST: "is at least",
    Operator.AT_MOST: "is at most",
    Operator.AGE_AT_LEAST: "age is at least",
    Operator.AGE_AT_MOST: "age is at most",
}
_LABELS_OF_CHOICES: dict[Operator, str] = {
    Operator.IS: "include",
    Operator.IS_NOT: "do not include",
    Operator.ONE_OF: "include one of",
    Operator.NONE_OF: "include none of",
    Operator.PRESENT: "are known",
    Operator.ABSENT: "are not known",
}
_LABELS_OF_DATES: dict[Operator, str] = {
    Operator.AT_LEAST: "is on or after",
    Operator.AT_MOST: "is on or before",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way to compare a field, and the editor its values need.

    `editor` is none, text, texts, number, date, age, boolean, choice or choices.
    """

    operator: str
    label: str
    editor: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A field that a condition can be about."""

    key: str
    label: str
    group: str
    comparisons: tuple[Comparison, ...]
    choices: tuple[tuple[str, str], ...]


def palette(fields: Iterable[Field]) -> list[Subject]:
    """The fields that segments may use; those that name one person are left out."""
    return [
        _subject(field) for field in fields if field.classification is not FieldClass.IDENTIFIER
    ]


def _subject(field: Field) -> Subject:
    allowed = operators_of(field)
    return Subject(
        key=field.key,
        label=field.label,
        group=field.group.value.capitalize(),
        comparisons=tuple(
            Comparison(each.value, _label(field, each), _editor(field, each))
            for each in Operator
            if each in allowed
        ),
        choices=tuple((choice.value, choice.label) for choice in field.choices),
    )


def _label(field: Field, operator: Operator) -> str:
    if field.type is FieldType.CHOICES:
        return _LABELS_OF_CHOICES[operator]
    if field.type is FieldType.DATE:
        return _LABELS_OF_DATES.get(operator, _LABELS[operator])
    return _LABELS[operator]


def _editor(field: Field, operator: Operator) -> str:
    if operator in WITHOUT_VALUE:
        return "none"
    if operator in AGES:
        return "age"
    several = operator in SEVERAL_VALUES
    if field.choices:
        return "choices" if several else "choice"
    if field.type in (FieldType.NUMBER, FieldType.DATE, FieldType.BOOLEAN) and not several:
        return field.type.value
    return "texts" if several else "text"
