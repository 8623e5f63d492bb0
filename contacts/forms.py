"""Forms of the contacts pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from contacts.rules.fields import Field
from contacts.rules.imports import suggest_mapping

LEAVE_OUT = ("", "Leave this column out")


class ImportUpload(FileUploadHandler):
    """Holds an upload in memory, of any size that may be imported: patients' values in clear never
    touch a disk.

    Of a request that brings more than MAX_IMPORT_BYTES it keeps just enough to be refused in words.
    """

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.kept = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.memory = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.kept <= settings.MAX_IMPORT_BYTES:
            self.kept += self.memory.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        # Not InMemoryUploadedFile, which is read as one piece: that would hold it twice.
        return UploadedFile(self.memory, self.file_name, size=self.memory.tell())


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        max_length=200,
        error_messages={"empty": "The file is empty. Export it again and upload the new one."},
        help_text="One row for each patient, the names of the columns in the first row, UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv", "class": "form-control"}),
    )


class MappingForm(forms.Form):
    """A choice of field for each column, named by the column's position."""

    def __init__(
        self, headers: Iterable[str], fields: Mapping[str, Field], data: Any = None
    ) -> None:
        super().__init__(data)
        headers = list(headers)
        suggested = suggest_mapping(headers, fields)
        choices = [LEAVE_OUT, *((field.key, field.label) for field in fields.values())]
        for position, header in enumerate(headers):
            self.fields[_name(position)] = forms.ChoiceField(
                label=header,
                choices=choices,
                required=False,
                initial=suggested.get(header, ""),
            )

    def mapping(self) -> dict[int, str]:
        """Field key by column position, without the columns that are left out."""
        chosen = ((position, self.cleaned_data[name]) for position, name in enumerate(self.fields))
        return {position: key for position, key in chosen if key}


def _name(position: int) -> str:
    return f"column-{position}"


class LookUpForm(forms.Form):
    """Sent by POST: a name has no place in an address or a server's log."""

    text = forms.CharField(
        label="Find a patient by record number, last name or email",
        max_length=254,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class SegmentForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="Colleagues see it in campaigns. Do not put a patient's name in it.",
    )
    tree = forms.CharField(widget=forms.HiddenInput(attrs={"id": "segment-tree"}))
