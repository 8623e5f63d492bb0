"""Uploading a file, matching its columns, correcting its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from contacts.forms.fields import choices_of, field_choices
from contacts.queries import Reject
from contacts.rules.corrections import cells_to_correct, wrong_cells
from contacts.rules.fields import Field, FieldType
from contacts.rules.reading.table import MAX_CELL_CHARACTERS
from contacts.services import SealedSpool, size_in_words

ACCEPTED = ".csv,.tsv,.txt,.xlsx,.xlsm,.ndjson,.jsonl,.json,.zip"
LEAVE_OUT = ("", "Leave this column out")


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


AS_IT_IS = "="
"""The choice that leaves a cell as it is."""


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
                key: self._text(row, key, before)
                for key, before in offered.items()
                if self._came(row, key)
            }
            for row, offered in self._offered.items()
            if self._was_typed(row)
        }

    def clean(self) -> None:
        for row, offered in self._offered.items():
            if not self._was_typed(row):
                continue
            texts = {key: self._text(row, key, before) for key, before in offered.items()}
            for key, problem in wrong_cells(texts, self._definitions, self._today).items():
                self.add_error(_cell(row, key), problem)

    def _came(self, row: int, key: str) -> bool:
        """Whether the page that was sent had this cell: what is wrong may change meanwhile."""
        return _cell(row, key) in self.data

    def _text(self, row: int, key: str, before: str) -> str:
        """Of a cell as it was typed; as it was before if nothing came or that was chosen."""
        name = _cell(row, key)
        typed: str | None = self.data.get(name)
        chosen = typed == AS_IT_IS and isinstance(self.fields[name], forms.ChoiceField)
        return before if typed is None or chosen else typed

    def _was_typed(self, row: int) -> bool:
        return any(
            self._text(row, key, before).split() != before.split()
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
        choices = choices_of(definition, None)
    if choices:
        # Not the text itself: a browser sends line breaks in it otherwise than they are.
        as_it_is = [(AS_IT_IS, text)] if text else []
        common["initial"] = AS_IT_IS if text else ""
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
        headers, choices = list(headers), [LEAVE_OUT, *field_choices(fields)]
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
