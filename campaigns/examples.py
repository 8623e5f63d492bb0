"""Made-up people for previews: nobody who writes a message needs to see a patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contacts.rules.fields import Field, FieldType, Value
from delivery.merging import merge_values


@dataclass(frozen=True)
class Example:
    """One made-up person."""

    name: str
    note: str
    values: dict[str, object]


_PEOPLE: tuple[tuple[str, str, dict[str, Value]], ...] = (
    (
        "Ana Example",
        "everything is known",
        {"first_name": "Ana", "last_name": "Example", "birth_date": "1957-03-14"},
    ),
    (
        "Bartholomew Longname-Example",
        "long values",
        {
            "first_name": "Bartholomew Maximilian",
            "last_name": "Longname-Exampleworth",
            "birth_date": "1988-11-02",
        },
    ),
    (
        "Mei Example",
        "speaks another language",
        {"first_name": "美玲", "last_name": "Example", "birth_date": "1979-01-30"},
    ),
    (
        "Sean O'Example",
        "signs in the name",
        {"first_name": "Sean & Co", "last_name": "O'Example <Jr>", "birth_date": "2001-12-31"},
    ),
    ("(unknown)", "nothing is known but the address", {}),
)


def examples(fields: Iterable[Field]) -> list[Example]:
    """Five made-up people with values for the organization's own fields."""
    kinds = list(fields)
    by_key = {field.key: field for field in kinds}
    found = []
    for number, (name, note, given) in enumerate(_PEOPLE):
        filled = {field.key: _value(field, number) for field in kinds} if given else {}
        values = merge_values({**filled, **given}, by_key, by_key)
        found.append(Example(name, note, values))
    return found


def _value(field: Field, number: int) -> Value:
    match field.type:
        case FieldType.DATE:
            return "2026-05-04"
        case FieldType.NUMBER:
            return 12 + number
        case FieldType.BOOLEAN:
            return number == 0
        case FieldType.CHOICE:
            return _choice(field, number)
        case FieldType.CHOICES:
            chosen = _choice(field, number)
            return [chosen] if chosen else []
        case FieldType.CODES:
            return [f"example|{number}|Example {field.label.lower()}"]
        case FieldType.TEXT:
            return f"Example {field.label.lower()}"


def _choice(field: Field, number: int) -> str:
    return field.choices[number % len(field.choices)].value if field.choices else "example"
