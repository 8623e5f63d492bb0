"""A person's values as messages use them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from contacts.rules.fields import Field, Value


def merge_values(
    profile: Mapping[str, Value], fields: Mapping[str, Field], wanted: Collection[str]
) -> dict[str, object]:
    """The wanted values, no others (45 CFR 164.502(b)), in plain JSON; choices with labels."""
    return {
        key: _merged(fields[key], value) if key in fields else value
        for key, value in profile.items()
        if key in wanted
    }


def _merged(field: Field, value: Value) -> object:
    if not field.choices or value is None:
        return value
    if isinstance(value, list):
        return [_choice(field, each) for each in value]
    return _choice(field, str(value))


def _choice(field: Field, code: str) -> dict[str, str]:
    return {"code": code, "label": field.label_of(code)}
