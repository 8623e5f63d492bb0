"""What a segment may be built from: each subject with its comparisons and kinds of values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contacts.rules.fields import Field, FieldClass, FieldType
from contacts.rules.places import STATES
from contacts.rules.segments.tree import (
    SEVERAL_VALUES,
    WITHOUT_VALUE,
    Operator,
    Vocabulary,
    names_states,
    operators_of,
)
from contacts.rules.starter import BIRTH_DATE

_LABELS: dict[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.ONE_OF: "is any of",
    Operator.NONE_OF: "is none of",
    Operator.STARTS_WITH: "starts with",
    Operator.IN_LAST: "was in the last",
    Operator.NOT_IN_LAST: "was not in the last, or unknown",
    Operator.MORE_THAN_AGO: "was longer ago than",
    Operator.IN_NEXT: "is in the next",
    Operator.BEFORE: "is before",
    Operator.AFTER: "is after",
    Operator.ABOVE: "is more than",
    Operator.BELOW: "is less than",
    Operator.AT_LEAST: "is at least",
    Operator.AT_MOST: "is at most",
    Operator.BETWEEN: "is between",
    Operator.AGE_AT_LEAST: "age is at least",
    Operator.AGE_AT_MOST: "age is at most",
    Operator.AGE_BETWEEN: "age is between",
    Operator.TURNS: "turns the age of",
    Operator.BIRTHDAY_IN_NEXT: "birthday is in the next",
    Operator.PRESENT: "is known",
    Operator.ABSENT: "is not known",
}
_LABELS_OF_SEVERAL: dict[Operator, str] = {
    Operator.IS: "include",
    Operator.IS_NOT: "do not include",
    Operator.ONE_OF: "include any of",
    Operator.NONE_OF: "include none of",
    Operator.PRESENT: "are known",
    Operator.ABSENT: "are not known",
}
_LABELS_OF_DATES: dict[Operator, str] = {
    Operator.IS: "is on",
    Operator.IS_NOT: "is not on",
    Operator.AT_LEAST: "is on or after",
    Operator.AT_MOST: "is on or before",
}

_EDITORS: dict[Operator, str] = {
    Operator.IN_LAST: "span",
    Operator.NOT_IN_LAST: "span",
    Operator.MORE_THAN_AGO: "span",
    Operator.IN_NEXT: "span",
    Operator.BIRTHDAY_IN_NEXT: "span",
    Operator.AGE_AT_LEAST: "age",
    Operator.AGE_AT_MOST: "age",
    Operator.AGE_BETWEEN: "age_between",
    Operator.TURNS: "turns",
}

MANY_CHOICES = 20
"""More than these are found by typing."""

_SETS = (Operator.ONE_OF, Operator.NONE_OF)
_KNOWN = (Operator.PRESENT, Operator.ABSENT)
_OFFERED: dict[FieldType, tuple[Operator, ...]] = {
    FieldType.TEXT: (*_SETS, Operator.STARTS_WITH, *_KNOWN),
    FieldType.CHOICE: (*_SETS, *_KNOWN),
    FieldType.CHOICES: (*_SETS, *_KNOWN),
    FieldType.CODES: (*_SETS, *_KNOWN),
    FieldType.BOOLEAN: (Operator.IS, *_KNOWN),
    FieldType.NUMBER: (
        Operator.ABOVE,
        Operator.AT_LEAST,
        Operator.BELOW,
        Operator.AT_MOST,
        Operator.BETWEEN,
        Operator.IS,
        *_KNOWN,
    ),
    FieldType.DATE: (
        Operator.IN_LAST,
        Operator.MORE_THAN_AGO,
        Operator.NOT_IN_LAST,
        Operator.IN_NEXT,
        Operator.BEFORE,
        Operator.AFTER,
        Operator.BETWEEN,
        Operator.IS,
        *_KNOWN,
    ),
}
_OFFERED_OF_BIRTH_DATE = (
    Operator.AGE_AT_LEAST,
    Operator.AGE_AT_MOST,
    Operator.AGE_BETWEEN,
    Operator.TURNS,
    Operator.BIRTHDAY_IN_NEXT,
    Operator.BEFORE,
    Operator.AFTER,
    Operator.BETWEEN,
    *_KNOWN,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One way to compare a field, and the editor its values need.

    `editor` is none, text, texts, number, numbers (a pair), date, dates (a pair), span, age,
    age_between, turns, messages, days, boolean, choice, choices (boxes to tick), picks (the same,
    found by typing), states (picks, or any other text), code or codes. What is not `offered` is
    shown in a segment that has it already: another comparison says the same more simply. `choices`
    are the comparison's own, else it has its subject's.
    """

    operator: str
    label: str
    editor: str
    offered: bool = True
    choices: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition can be about: a field, or `consent:` or `engagement:<event>`.

    No key of a field has a colon.
    """

    key: str
    label: str
    group: str
    comparisons: tuple[Comparison, ...]
    choices: tuple[tuple[str, str], ...]


def palette(vocabulary: Vocabulary) -> list[Subject]:
    """Everything that segments may use. Fields that name one person are left out."""
    fields = [
        _subject(field)
        for field in vocabulary.fields.values()
        if field.classification is not FieldClass.IDENTIFIER
    ]
    return [*fields, *_consent(vocabulary.purposes), *_engagement(vocabulary.campaigns)]


def _consent(purposes: Mapping[str, str]) -> list[Subject]:
    comparisons = (
        Comparison("has", "is live for", "choice"),
        Comparison("lacks", "is not live for", "choice"),
    )
    subject = Subject("consent:", "Authorization", "Consent", comparisons, tuple(purposes.items()))
    return [subject] if purposes else []


def _engagement(campaigns: Mapping[str, str]) -> Iterable[Subject]:
    for event, label in (
        ("received", "Received messages"),
        ("opened", "Opened messages"),
        ("clicked", "Clicked links"),
    ):
        comparisons = []
        if event != "received":
            comparisons += [
                Comparison("did:last", "in at least one of the last", "messages"),
                Comparison("did_not:last", "in none of the last", "messages"),
            ]
        comparisons += [
            Comparison("did:days", "at least once in the last", "days"),
            Comparison("did_not:days", "not once in the last", "days"),
        ]
        if campaigns:
            named = tuple(campaigns.items())
            comparisons += [
                Comparison("did:campaign", "in the campaign", "choice", choices=named),
                Comparison("did_not:campaign", "not in the campaign", "choice", choices=named),
            ]
        yield Subject(f"engagement:{event}", label, "Messages", tuple(comparisons), ())


def _subject(field: Field) -> Subject:
    offered = _OFFERED_OF_BIRTH_DATE if field.key == BIRTH_DATE else _OFFERED[field.type]
    allowed = operators_of(field)
    others = tuple(each for each in Operator if each in allowed and each not in offered)
    return Subject(
        key=field.key,
        label=field.label,
        group=field.group.value.capitalize(),
        comparisons=tuple(
            Comparison(each.value, _label(field, each), _editor(field, each), each in offered)
            for each in (*offered, *others)
        ),
        choices=_choices(field),
    )


def _choices(field: Field) -> tuple[tuple[str, str], ...]:
    if names_states(field, Operator.ONE_OF):
        return tuple(STATES.items())
    return tuple((choice.value, choice.label) for choice in field.choices)


def _label(field: Field, operator: Operator) -> str:
    if field.type in (FieldType.CHOICES, FieldType.CODES):
        return _LABELS_OF_SEVERAL[operator]
    if field.type is FieldType.DATE:
        return _LABELS_OF_DATES.get(operator, _LABELS[operator])
    return _LABELS[operator]


def _editor(field: Field, operator: Operator) -> str:
    if operator in WITHOUT_VALUE:
        return "none"
    if operator in _EDITORS:
        return _EDITORS[operator]
    several = operator in SEVERAL_VALUES
    if field.type is FieldType.CODES:
        return "codes" if several else "code"
    if several and names_states(field, operator):
        return "states"
    if field.choices and several:
        return "picks" if len(field.choices) > MANY_CHOICES else "choices"
    if field.choices:
        return "choice"
    if field.type in (FieldType.NUMBER, FieldType.DATE, FieldType.BOOLEAN) and not several:
        return f"{field.type.value}s" if operator is Operator.BETWEEN else field.type.value
    return "texts" if several else "text"
