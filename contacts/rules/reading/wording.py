"""How a file was read, in sentences for whoever uploaded it."""

from collections.abc import Iterable, Mapping
from typing import Any

from contacts.rules.reading.table import Kind

_PLURALS = {"comma": "commas", "semicolon": "semicolons", "tab": "tabs", "vertical bar": "bars"}


def how_it_was_read(kind: str, notes: Mapping[str, Any]) -> list[str]:
    """Sentences about the kind of file, and about what was not taken from it.

    `notes` are those of `Notes.as_json`.
    """
    words = {Kind.CSV.value: _text, Kind.XLSX.value: _workbook, Kind.FHIR.value: _export}
    said = words[kind](notes) if kind in words else []
    return [*said, *(f"{times:,} {what}." for what, times in notes.get("remarks", {}).items())]


def _text(notes: Mapping[str, Any]) -> list[str]:
    delimiter, encoding = str(notes.get("delimiter", "")), str(notes.get("encoding", ""))
    between = _PLURALS.get(delimiter, delimiter)
    said = [f"Text with {between} between the columns, written in {encoding}."]
    if encoding != "UTF-8":
        said.append(
            "If names with accents look wrong, export the file as “CSV UTF-8” and upload it again."
        )
    return said


def _workbook(notes: Mapping[str, Any]) -> list[str]:
    said = [f"An Excel workbook. The sheet “{notes.get('sheet', '')}” was read."]
    if others := notes.get("other_sheets"):
        said.append(f"Not read: {_listed(f'“{name}”' for name in others)}.")
    return said


def _export(notes: Mapping[str, Any]) -> list[str]:
    said = [f"A FHIR export of {_counted(notes.get('resources', {}))} records."]
    if left_out := notes.get("left_out"):
        said.append(
            f"Left out: {_counted(left_out)} records, because they are entered in error, not"
            " active, or not about something that is kept here."
        )
    if unknown := notes.get("unknown"):
        said.append(f"Not used here: {_counted(unknown)} records.")
    return said


def _counted(counts: Mapping[str, int]) -> str:
    return _listed(f"{count:,} {name}" for name, count in counts.items())


def _listed(parts: Iterable[str]) -> str:
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
