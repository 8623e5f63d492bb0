"""Finding, correcting, erasing and exporting people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from contacts.forms.fields import GROUPS, choices_of, field_choices
from contacts.models import Relationship
from contacts.queries import Filters
from contacts.rules.fields import (
    Choice,
    Field,
    FieldType,
    Value,
    written,
)
from contacts.services import REASON_CHARACTERS


class SegmentForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="Colleagues see it in campaigns. Do not put a patient's name in it.",
    )
    tree = forms.CharField(widget=forms.HiddenInput(attrs={"id": "segment-tree"}))


class LookUpForm(forms.Form):
    """Sent by POST: a name has no place in an address or a server's log."""

    text = forms.CharField(
        max_length=254,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any, by_name: bool) -> None:
        super().__init__(data)
        what = "record number, last name or email" if by_name else "record number or email"
        self.fields["text"].label = f"Find a patient by {what}"


class FilterForm(forms.Form):
    """Which contacts to list, by what may stand in an address."""

    email = forms.ChoiceField(
        label="Email",
        required=False,
        choices=[("", "With or without"), ("yes", "With email"), ("no", "Without email")],
    )
    relationship = forms.ChoiceField(
        label="Relationship", required=False, choices=[("", "All"), *Relationship.choices]
    )
    language = forms.ChoiceField(required=False)
    deceased = forms.BooleanField(label="Deceased", required=False)
    household = forms.BooleanField(label="Shares an address", required=False)

    def __init__(self, data: Any, languages: Iterable[Choice]) -> None:
        super().__init__(data)
        choices = [("", "All"), *((each.value, each.label) for each in languages)]
        self.fields["language"] = forms.ChoiceField(
            label="Language", required=False, choices=choices
        )

    def filters(self) -> Filters:
        """Nothing is asked for by what cannot be understood."""
        self.full_clean()
        chosen = self.cleaned_data
        return Filters(
            with_email={"yes": True, "no": False}.get(chosen.get("email", "")),
            relationship=chosen.get("relationship", ""),
            language=chosen.get("language", ""),
            deceased=chosen.get("deceased", False),
            household=chosen.get("household", False),
        )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Why do you need to see them?",
        min_length=REASON_CHARACTERS[0],
        max_length=REASON_CHARACTERS[1],
        help_text="Such as “Patient called about a wrong address”. It is kept with the log.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ContactForm(forms.Form):
    """The values of one contact, each as text that `clean_value` reads."""

    def __init__(self, definitions: Iterable[Field], profile: Mapping[str, Value], data: Any):
        super().__init__(data)
        self._definitions = list(definitions)
        self._before = {each.key: written(profile.get(each.key)) for each in self._definitions}
        for each in self._definitions:
            self.fields[each.key] = _value_field(each, profile.get(each.key))

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under the names of their groups."""
        return [
            (words, [self[each.key] for each in self._definitions if each.group is group])
            for group, words in GROUPS.items()
            if any(each.group is group for each in self._definitions)
        ]

    def changed(self) -> dict[str, str]:
        """What was typed, by field key, where it is another value than before."""
        texts = {each.key: self._typed(each) for each in self._definitions}
        return {key: text for key, text in texts.items() if text != self._before[key]}

    def _typed(self, definition: Field) -> str:
        typed = self.cleaned_data[definition.key]
        if not isinstance(typed, list):
            return str(typed)
        before = self._before[definition.key]
        return before if set(typed) == set(before.split("; ")) else "; ".join(typed)


def _value_field(definition: Field, value: Value) -> forms.Field:
    initial: Any = written(value)
    common: dict[str, Any] = {"label": definition.label, "required": False}
    match definition.type:
        case FieldType.CHOICES if definition.choices:
            return forms.MultipleChoiceField(
                **common,
                initial=value or [],
                choices=choices_of(definition, value),
                widget=forms.CheckboxSelectMultiple,
            )
        case FieldType.CHOICE if definition.choices:
            choices = [("", "Unknown"), *choices_of(definition, value)]
            return forms.ChoiceField(**common, initial=initial, choices=choices)
        case FieldType.BOOLEAN:
            choices = [("", "Unknown"), ("yes", "Yes"), ("no", "No")]
            return forms.ChoiceField(**common, initial=initial, choices=choices)
        case FieldType.DATE:
            widget = forms.TextInput(attrs={"placeholder": "1980-02-28", "autocomplete": "off"})
            return forms.CharField(**common, initial=initial, widget=widget)
        case FieldType.NUMBER:
            widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
            return forms.CharField(**common, initial=initial, widget=widget)
        case FieldType.CODES:
            hint = "System, code and name with bars between, several with semicolons."
            area = forms.Textarea(attrs={"rows": 2, "autocomplete": "off"})
            return forms.CharField(**common, initial=initial, help_text=hint, widget=area)
        case FieldType.CHOICES:
            hint = "Several with semicolons between."
            return forms.CharField(**common, initial=initial, help_text=hint)
    widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(**common, initial=initial, widget=widget)


class EraseForm(forms.Form):
    word = forms.CharField(
        label="Write ERASE to confirm", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"].strip()
        if word.upper() != "ERASE":
            raise forms.ValidationError("Write the word ERASE, or go back.")
        return word


class ExportForm(forms.Form):
    """A choice of fields for each group, named by the group."""

    segment = forms.ChoiceField(required=False)
    reason = forms.CharField(
        label="What the file is for",
        min_length=REASON_CHARACTERS[0],
        max_length=REASON_CHARACTERS[1],
        help_text="Who gets it and why they need these fields. The second person reads it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(
        self, segments: Iterable[tuple[str, str]], fields: Iterable[Field], data: Any = None
    ) -> None:
        super().__init__(data)
        people = [("", "All patients"), *segments]
        self.fields["segment"] = forms.ChoiceField(
            label="Who is in it", required=False, choices=people
        )
        groups = field_choices(fields)
        self._groups = [name for name, _ in groups]
        for name, choices in groups:
            self.fields[name] = forms.MultipleChoiceField(
                label=name, required=False, choices=choices, widget=forms.CheckboxSelectMultiple
            )

    def groups(self) -> list[forms.BoundField]:
        return [self[name] for name in self._groups]

    def keys(self) -> list[str]:
        """Of the fields that were chosen."""
        return [key for name in self._groups for key in self.cleaned_data[name]]

    def clean(self) -> None:
        if not any(self.cleaned_data.get(name) for name in self._groups):
            raise forms.ValidationError("Choose at least one field.")
