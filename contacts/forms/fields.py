"""Describing the fields that an organization keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from contacts.rules.changes import choices_from_lines
from contacts.rules.fields import Choice, Field, FieldClass, FieldGroup, FieldType, Value
from contacts.services import Wanted

GROUPS = {
    FieldGroup.DEMOGRAPHIC: "About the person",
    FieldGroup.CLINICAL: "Health",
    FieldGroup.JOURNEY: "Visits and care",
    FieldGroup.FINANCIAL: "Insurance and money",
    FieldGroup.BEHAVIOUR: "Behaviour",
}
TYPES = {
    FieldType.TEXT: "Text",
    FieldType.NUMBER: "Number",
    FieldType.DATE: "Date",
    FieldType.BOOLEAN: "Yes or no",
    FieldType.CHOICE: "One of several choices",
    FieldType.CHOICES: "Several choices",
    FieldType.CODES: "Codes with system and name",
}
CLASSES = {
    FieldClass.PHI: "Health information: about the patient, and kept as such",
    FieldClass.IDENTIFIER: "Identifier: names one person, so it is never in segments",
    FieldClass.PART2: (
        "Substance-use programme record (42 CFR Part 2): every message that uses it is held for"
        " the privacy officer"
    ),
}


class FieldLabelForm(forms.Form):
    """For fields of which only the name can change."""

    label = forms.CharField(label="Name", max_length=80)


class FieldForm(FieldLabelForm):
    type = forms.ChoiceField(
        label="What it holds", choices=[(each.value, words) for each, words in TYPES.items()]
    )
    choices = forms.CharField(
        label="Choices, one on each line",
        required=False,
        help_text=(
            "Only for choices. Without any, whatever an import brings is a choice. A choice that"
            " you take away stays with the patients who have it."
        ),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    group = forms.ChoiceField(
        label="Where it belongs", choices=[(each.value, words) for each, words in GROUPS.items()]
    )
    classification = forms.ChoiceField(
        label="How sensitive it is",
        choices=[(each.value, words) for each, words in CLASSES.items()],
        widget=forms.RadioSelect,
        initial=FieldClass.PHI.value,
    )
    searchable = forms.BooleanField(
        label="Keep it in the search index, so that segments count faster",
        required=False,
        help_text=(
            "The index shows which patients have the same value, though not the value, to"
            " somebody who steals the database."
        ),
    )

    def wanted(self, known: Iterable[Choice] = ()) -> Wanted:
        """The field as described; `known` choices keep what imports accept for them."""
        chosen = self.cleaned_data
        type_ = FieldType(chosen["type"])
        lines = chosen["choices"] if type_ in (FieldType.CHOICE, FieldType.CHOICES) else ""
        return Wanted(
            chosen["label"],
            type_,
            FieldGroup(chosen["group"]),
            FieldClass(chosen["classification"]),
            chosen["searchable"],
            choices_from_lines(lines, known),
        )


def field_choices(fields: Iterable[Field]) -> list[Any]:
    """Grouped, as a profile has many fields."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for field in fields:
        groups.setdefault(GROUPS[field.group], []).append((field.key, field.label))
    return list(groups.items())


def choices_of(definition: Field, value: Value) -> list[tuple[str, str]]:
    """What can be chosen, and what the contact has although it can no longer be chosen."""
    known = [(choice.value, choice.label) for choice in definition.choices]
    held = value if isinstance(value, list) else [value] if value else []
    offered = {choice for choice, _ in known}
    return known + [(str(each), str(each)) for each in held if each not in offered]
