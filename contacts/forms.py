"""Forms of the contacts pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from contacts.models import Relationship
from contacts.queries import Filters, Reject
from contacts.rules.changes import choices_from_lines
from contacts.rules.corrections import cells_to_correct, wrong_cells
from contacts.rules.fields import (
    Choice,
    Field,
    FieldClass,
    FieldGroup,
    FieldType,
    Value,
    written,
)
from contacts.rules.reading.table import MAX_CELL_CHARACTERS
from contacts.services import REASON_CHARACTERS, SealedSpool, Wanted, size_in_words

ACCEPTED = ".csv,.tsv,.txt,.xlsx,.xlsm,.ndjson,.jsonl,.json,.zip"
LEAVE_OUT = ("", "Leave this column out")
GROUPS = {
    FieldGroup.DEMOGRAPHIC: "About the person",
    FieldGroup.CLINICAL: "Health",
    FieldGroup.JOURNEY: "Visits and care",
    FieldGroup.FINANCIAL: "Insurance and money",
    FieldGroup.BEHAVIOUR: "Behaviour",
}


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # generic in its stubs alone
    """An upload that waits in a `SealedSpool`."""

    def __init__(self, spool: SealedSpool, name: str) -> None:
        super().__init__(name=name, size=spool.size)
        self.spool = spool

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The bytes in the pieces in which they came."""
        return self.spool.chunks()

    def close(self) -> None:
        self.spool.close()


class ImportUpload(FileUploadHandler):
    """Takes an upload of any size that may be imported, in little memory, and never in clear to a
    disk.

    Of a request that brings more than MAX_IMPORT_BYTES it keeps just enough to be refused in words.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.kept = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.spool = SealedSpool()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.kept <= settings.MAX_IMPORT_BYTES:
            self.spool.write(raw_data)
            self.kept += len(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        return SealedUpload(self.spool, self.file_name or "")


def largest_upload() -> str:
    """In words, such as 2 GB."""
    return size_in_words(settings.MAX_IMPORT_BYTES)


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File of patients",
        max_length=200,
        error_messages={"empty": "The file is empty. Export it again and upload the new one."},
        widget=forms.FileInput(attrs={"accept": ACCEPTED, "class": "form-control"}),
    )


class CorrectionsForm(forms.Form):
    file = forms.FileField(
        label="Corrected file",
        max_length=200,
        widget=forms.FileInput(
            attrs={"accept": ".csv,.tsv,.txt,.xlsx", "class": "form-control", "id": "corrections"}
        ),
    )


class RejectedRowsForm(forms.Form):
    """The cells of rejected rows that are worth typing anew, each named by row and field key.

    Only rows of which something was typed count; of these all that is offered must be good.
    """

    def __init__(
        self,
        rejects: Iterable[Reject],
        mapping: Mapping[str, str],
        definitions: Mapping[str, Field],
        today: date,
        data: Any = None,
    ) -> None:
        super().__init__(data, use_required_attribute=False)
        self._definitions, self._today = definitions, today
        self._offered: dict[int, dict[str, str]] = {}
        for reject in rejects:
            cells = {key: reject.values.get(name, "") for name, key in mapping.items()}
            offered = cells_to_correct(cells, definitions, today)
            self._offered[reject.row] = {key: cells[key] for key in offered}
            for key in offered:
                field = _cell_field(definitions[key], cells[key])
                field.widget.attrs["aria-describedby"] = f"why-{reject.row}"
                self.fields[_cell(reject.row, key)] = field

    def cells(self, row: int) -> list[forms.BoundField]:
        """Of one row; none if it can be corrected in a file only."""
        return [self[_cell(row, key)] for key in self._offered[row]]

    def typed(self) -> dict[int, dict[str, str]]:
        """By row number and field key, of the rows of which something was typed."""
        return {
            row: {
                key: self.cleaned_data[_cell(row, key)] for key in offered if self._came(row, key)
            }
            for row, offered in self._offered.items()
            if self._was_typed(row)
        }

    def clean(self) -> None:
        for row, offered in self._offered.items():
            if not self._was_typed(row):
                continue
            texts = {
                key: self.cleaned_data.get(_cell(row, key), "") if self._came(row, key) else before
                for key, before in offered.items()
            }
            for key, problem in wrong_cells(texts, self._definitions, self._today).items():
                self.add_error(_cell(row, key), problem)

    def _came(self, row: int, key: str) -> bool:
        """Whether the page that was sent had this cell: what is wrong may change meanwhile."""
        return _cell(row, key) in self.data

    def _was_typed(self, row: int) -> bool:
        return any(
            self.data.get(_cell(row, key), before).split() != before.split()
            for key, before in self._offered[row].items()
        )


def _cell(row: int, key: str) -> str:
    return f"cell-{row}-{key}"


def _cell_field(definition: Field, text: str) -> forms.Field:
    """For a cell of a file, whatever is in it."""
    common: dict[str, Any] = {"label": definition.label, "required": False, "initial": text}
    choices: list[tuple[str, str]] = []
    if definition.type is FieldType.BOOLEAN:
        choices = [("yes", "Yes"), ("no", "No")]
    elif definition.type is FieldType.CHOICE:
        choices = _choices(definition, None)
    if choices:
        as_it_is = [(text, text)] if text else []
        return forms.ChoiceField(**common, choices=[*as_it_is, ("", "Blank"), *choices])
    example = {"placeholder": "1980-02-28"} if definition.type is FieldType.DATE else {}
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", **example})
    return forms.CharField(**common, max_length=MAX_CELL_CHARACTERS, strip=False, widget=widget)


class MappingForm(forms.Form):
    """A choice of field for each column, named by the column's position. Columns that are `keys`
    and no words of people are shown as words."""

    def __init__(
        self,
        headers: Iterable[str],
        fields: Iterable[Field],
        suggested: Mapping[str, str],
        keys: bool = False,
        data: Any = None,
    ) -> None:
        super().__init__(data)
        headers, choices = list(headers), _field_choices(fields)
        self._columns = [f"column-{position}" for position in range(len(headers))]
        for name, header in zip(self._columns, headers, strict=True):
            self.fields[name] = forms.ChoiceField(
                label=header.replace("_", " ").capitalize() if keys else header,
                choices=choices,
                required=False,
                initial=suggested.get(header, ""),
            )
        self.fields["save_as"] = forms.CharField(
            label="Save this matching as",
            max_length=80,
            required=False,
            help_text=(
                "Optional, such as “Weekly export”. The next file with these columns is then"
                " matched by itself. A matching of the same name is replaced."
            ),
        )

    def columns(self) -> list[forms.BoundField]:
        """In the order of the file."""
        return [self[name] for name in self._columns]

    def mapping(self) -> dict[int, str]:
        """Field key by column position, without the columns that are left out."""
        chosen = ((at, self.cleaned_data[name]) for at, name in enumerate(self._columns))
        return {position: key for position, key in chosen if key}


def _field_choices(fields: Iterable[Field]) -> list[Any]:
    """Grouped, as a profile has many fields."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for field in fields:
        groups.setdefault(GROUPS[field.group], []).append((field.key, field.label))
    return [LEAVE_OUT, *groups.items()]


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
                choices=_choices(definition, value),
                widget=forms.CheckboxSelectMultiple,
            )
        case FieldType.CHOICE if definition.choices:
            choices = [("", "Unknown"), *_choices(definition, value)]
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


def _choices(definition: Field, value: Value) -> list[tuple[str, str]]:
    """What can be chosen, and what the contact has although it can no longer be chosen."""
    known = [(choice.value, choice.label) for choice in definition.choices]
    held = value if isinstance(value, list) else [value] if value else []
    offered = {choice for choice, _ in known}
    return known + [(str(each), str(each)) for each in held if each not in offered]


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
        _, *groups = _field_choices(fields)
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
