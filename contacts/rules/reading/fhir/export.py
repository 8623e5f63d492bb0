"""A FHIR R4 export, read record by record: NDJSON, a Bundle, or a ZIP archive of such files.

A patient's records may come in any order and over several files. So they become fragments, one
for each patient and stretch of the export, to be kept and put together when all are there.
"""

import codecs
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from itertools import islice
from typing import IO, BinaryIO

import orjson

from contacts.rules.reading.fhir import person
from contacts.rules.reading.fhir.mapping import (
    BY_TYPE,
    HEADERS,
    MERGES,
    Column,
    Found,
    Merge,
    Resource,
)
from contacts.rules.reading.fhir.values import Json, object_of, objects, text
from contacts.rules.reading.kinds import is_record_file
from contacts.rules.reading.table import FileProblem, Kind, Notes, Row

MAX_DOCUMENT_OCTETS = 50_000_000
MAX_EXPORT_OCTETS = 20_000_000_000
MAX_RATIO = 200
MAX_CODES = 500
STRETCH = 20_000
"""So many records are put together before their fragments are handed on."""

_TRIED_LINES = 10
_FREE_RATIO_OCTETS = 10_000_000
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9._-]{1,128})(?:/_history/[^/]*)?")
_URN = re.compile(r"urn:(?:uuid|oid):([A-Za-z0-9._-]{1,128})")
_OTHER_TYPE = "other"
_BUNDLE = {"resourceType": "Bundle"}
_BAD_LINE = "this line is not a FHIR resource in JSON"
_NO_PATIENT = "records name no patient of this export and were left out"
_REPLACED = "patients are marked as replaced by another record"
_PARTIAL_BIRTH = "birth dates have no day and were left empty"
_PROTECTED = "records are labelled as specially protected (such as 42 CFR Part 2) and were left out"
_TEST = "records are labelled as test data and were left out"
_MODIFIED = "records change their meaning in a way that is not known here and were left out"
# HL7 ActCode: substance use programmes, psychiatry, psychotherapy notes.
_PROTECTED_LABELS = frozenset(
    {"42CFRPart2", "ETH", "ETHUD", "SUD", "OPIOIDUD", "PSY", "PSYTHPN", "PSYCHNOTE"}
)
_NOT_FHIR = (
    "this is not a FHIR R4 export. Export the patients as NDJSON (“Bulk Data”) or as a Bundle in"
    " JSON, in UTF-8."
)
_TOO_LARGE = (
    f"A Bundle or line of the export is larger than {MAX_DOCUMENT_OCTETS // 1_000_000} MB. Export"
    " the patients as NDJSON (“Bulk Data”) instead, one resource on each line."
)


@dataclass(slots=True)
class Fragment:
    """What a stretch of an export says of one patient.

    `patient` is the id by which records refer to the patient, `number` the place of its first
    record in the export, `records` how many there were. `known` tells that the Patient resource
    was among them, `conflict` that two different people had the same id. `values` is plain data:
    texts by column, and for codes the displays by `system|code`.
    """

    patient: str = field(repr=False)
    number: int
    records: int = 1
    known: bool = False
    conflict: bool = False
    values: dict[str, Found] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Export:
    """A FHIR export. `notes` are complete once the fragments are consumed."""

    file: BinaryIO = field(repr=False)
    notes: Notes = field(default_factory=Notes)
    kind: Kind = Kind.FHIR
    headers: tuple[str, ...] = HEADERS

    def fragments(self, today: date, wanted: Collection[str] = HEADERS) -> Iterator[Fragment | Row]:
        """What the export says of its patients, and a row for each line that cannot be read.

        Only the wanted columns are read. `today` tells past from future. Raises FileProblem.
        """
        self.notes = Notes()
        columns = {
            name: tuple(column for column in resource.columns if column.key in wanted)
            for name, resource in BY_TYPE.items()
        }
        stretch: dict[str, Fragment] = {}
        for number, record in enumerate(self._records(), start=1):
            if isinstance(record, str):
                yield Row(number, (), record)
            elif found := self._fragment(number, *record, columns, today):
                held = stretch.get(found.patient)
                stretch[found.patient] = merged(held, found) if held else found
            if number % STRETCH == 0:
                yield from stretch.values()
                stretch.clear()
        yield from stretch.values()
        if not self.notes.resources and not self.notes.left_out:
            raise FileProblem("There is nothing about patients in this FHIR export.")

    def _fragment(
        self,
        number: int,
        resource: Json,
        aliases: Mapping[str, str],
        columns: Mapping[str, tuple[Column, ...]],
        today: date,
    ) -> Fragment | None:
        name = text(resource.get("resourceType"))
        rule = BY_TYPE.get(name)
        if rule is None:
            _count(self.notes.unknown, name if _TYPE.fullmatch(name) else _OTHER_TYPE)
            return None
        if not self._is_kept(resource, rule, today):
            _count(self.notes.left_out, name)
            return None
        known = name == "Patient"
        patient = _patient_of(resource, rule, aliases)
        if known and not patient:
            patient = f"#{number}"  # no other record can refer to it
        if not patient:
            self.notes.remark(_NO_PATIENT)
            return None
        _count(self.notes.resources, name)
        if known:
            self._remark(resource)
        values = {
            column.key: found for column in columns[name] if (found := column.find(resource, today))
        }
        return Fragment(patient, number, known=known, values=values)

    def _is_kept(self, resource: Json, rule: Resource, today: date) -> bool:
        meta = object_of(resource.get("meta"))
        labels = {
            text(label.get("code"))
            for kind in ("security", "tag")
            if kind in meta
            for label in objects(meta[kind])
        }
        if labels & _PROTECTED_LABELS:
            self.notes.remark(_PROTECTED)
            return False
        if "HTEST" in labels:
            self.notes.remark(_TEST)
            return False
        if resource.get("modifierExtension"):
            # FHIR R4, 2.4.0.1: what isn't understood there may turn a statement into its opposite.
            self.notes.remark(_MODIFIED)
            return False
        return text(resource.get("status")) != "entered-in-error" and rule.keep(resource, today)

    def _remark(self, patient: Json) -> None:
        if any(text(link.get("type")) == "replaced-by" for link in objects(patient.get("link"))):
            self.notes.remark(_REPLACED)
        if person.has_partial_birth_date(patient):
            self.notes.remark(_PARTIAL_BIRTH)

    def _records(self) -> Iterator[tuple[Json, Mapping[str, str]] | str]:
        """Each resource with the aliases of its Bundle, or in words why a line has none."""
        self.file.seek(0)
        if self.file.read(2) != b"PK":
            self.file.seek(0)
            yield from _resources(self.file, "")
            return
        try:
            with zipfile.ZipFile(self.file) as archive:
                members = [one for one in archive.infolist() if is_record_file(one.filename)]
                _refuse_bombs(members)
                for place, member in enumerate(members, start=1):
                    with archive.open(member) as stream:
                        # Not by name: such files are often named after the patient.
                        yield from _resources(stream, f"file {place} of the archive, ")
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            raise FileProblem(
                "The archive is damaged or was not uploaded whole. Export it again."
            ) from None


def merged(one: Fragment, other: Fragment) -> Fragment:
    """What two fragments of the same patient say together."""
    values = dict(one.values)
    for key, value in other.values.items():
        values[key] = _merge(MERGES[key], values[key], value) if key in values else value
    return Fragment(
        one.patient,
        min(one.number, other.number),
        one.records + other.records,
        one.known or other.known,
        one.conflict or other.conflict or _are_two_people(one, other),
        values,
    )


def combine(fragments: Iterable[Fragment]) -> Row:
    """The row of one patient from all of its fragments (one at least), in any order."""
    whole = reduce(merged, sorted(fragments, key=lambda fragment: fragment.number))
    if not whole.known:
        what = "1 record belongs" if whole.records == 1 else f"{whole.records} records belong"
        return Row(whole.number, (), f"{what} to a patient who is not in the file")
    if whole.conflict:
        return Row(whole.number, (), "two different patients have the same id in the file")
    if any(len(value) > MAX_CODES for value in whole.values.values() if isinstance(value, dict)):
        return Row(whole.number, (), f"the patient has more than {MAX_CODES} different codes")
    return Row(whole.number, tuple(_cell(whole.values, key) for key in HEADERS))


def _cell(values: Mapping[str, Found], key: str) -> str:
    value = values.get(key, "")
    if isinstance(value, dict):
        # Sorted, so that the next export of the same codes is the same text.
        return ";".join(f"{code}|{display}" for code, display in sorted(value.items()))
    return value.partition(" ")[2] if MERGES[key] is Merge.LATEST_VALUE else value


def _merge(how: Merge, one: Found, other: Found) -> Found:
    if isinstance(one, dict) and isinstance(other, dict):
        # One over the limit is enough for `combine` to see it.
        return dict(islice({**other, **one}.items(), MAX_CODES + 1))
    match how:
        case Merge.EARLIEST:
            return min(str(one), str(other))
        case Merge.LATEST | Merge.LATEST_VALUE:
            return max(str(one), str(other))
        case _:
            return other


def _are_two_people(one: Fragment, other: Fragment) -> bool:
    return (
        one.known
        and other.known
        and any(
            one.values.get(key) and other.values.get(key) and one.values[key] != other.values[key]
            for key in ("record_number", "birth_date")
        )
    )


def _patient_of(resource: Json, rule: Resource, aliases: Mapping[str, str]) -> str:
    if rule.type == "Patient":
        return text(resource.get("id"))
    targets: Iterable[object] = [resource.get(rule.patient)]
    if rule.type == "Appointment":
        targets = (one.get("actor") for one in objects(resource.get("participant")))
    return next((found for one in targets if (found := _referred(object_of(one), aliases))), "")


def _referred(reference: Json, aliases: Mapping[str, str]) -> str:
    """The patient's id in a reference: relative, absolute, a URN, or logical (R4, 2.3.0)."""
    written = text(reference.get("reference"))
    if not written:
        identifier = object_of(reference.get("identifier"))
        return aliases.get(_identifier_alias(identifier), "") if identifier else ""
    if found := aliases.get(written):
        return found
    match = _PATIENT.search(written) or _URN.fullmatch(written)
    return match[1] if match else ""


def _identifier_alias(identifier: Json) -> str:
    """The conditional reference by an identifier, as transactions write it (R4, 3.1.0.11.2)."""
    return f"Patient?identifier={text(identifier.get('system'))}|{text(identifier.get('value'))}"


def _resources(stream: IO[bytes], where: str) -> Iterator[tuple[Json, Mapping[str, str]] | str]:
    for line, document in _documents(stream, where):
        if isinstance(document, list):
            document = {"entry": [{"resource": one} for one in document], **_BUNDLE}
        if not isinstance(document, dict):
            yield f"{where}line {line}: {_BAD_LINE}"
        elif document.get("resourceType") == _BUNDLE["resourceType"]:
            yield from _entries(document)
        else:
            yield document, {}


def _entries(bundle: Json) -> Iterator[tuple[Json, Mapping[str, str]]]:
    """The resources of a Bundle; within it, patients also go by full URL or an identifier."""
    aliases: dict[str, str] = {}
    resources: list[Json] = []
    for entry in objects(bundle.get("entry")):
        resource = object_of(entry.get("resource"))
        if not resource:
            continue
        resources.append(resource)
        if text(resource.get("resourceType")) == "Patient":
            url = text(entry.get("fullUrl"))
            own = text(resource.get("id")) or _referred({"reference": url}, {})
            resource["id"] = own
            aliases |= {_identifier_alias(one): own for one in objects(resource.get("identifier"))}
            aliases[url] = own
    for resource in resources:
        yield resource, aliases


def _documents(stream: IO[bytes], where: str) -> Iterator[tuple[int, object]]:
    """The JSON values of a file: one on each line, or one over all of it. None for a bad line."""
    lines = enumerate(iter(lambda: _line(stream), b""), start=1)
    number, first = next(((n, line) for n, line in lines if line.strip()), (0, b""))
    if not first:
        return
    value = _parsed(first)
    if value is None:
        whole, rest = _whole(stream, first)
        if whole is not None:
            yield number, whole
            return
        if not _looks_like_lines(rest):
            raise FileProblem(
                _TOO_LARGE if len(rest) > MAX_DOCUMENT_OCTETS else _sentence(where + _NOT_FHIR)
            )
        stream.seek(0)
        lines = enumerate(iter(lambda: _line(stream), b""), start=1)
    else:
        yield number, value
    for number, line in lines:
        if line.strip():
            yield number, _parsed(line)


def _whole(stream: IO[bytes], first: bytes) -> tuple[object, bytes]:
    """The one JSON value that a file is, if it is one and not too large, and what was read."""
    octets = first + stream.read(MAX_DOCUMENT_OCTETS + 1)
    return (None if len(octets) > MAX_DOCUMENT_OCTETS else _parsed(octets)), octets


def _line(stream: IO[bytes]) -> bytes:
    line = stream.readline(MAX_DOCUMENT_OCTETS + 1)
    if len(line) > MAX_DOCUMENT_OCTETS:
        raise FileProblem(_TOO_LARGE)
    return line


def _parsed(line: bytes) -> object:
    try:
        found: object = orjson.loads(line.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    return found


def _looks_like_lines(octets: bytes) -> bool:
    """Whether one of the first lines is a resource of its own."""
    return any(
        "resourceType" in object_of(_parsed(line)) for line in octets.split(b"\n", _TRIED_LINES)
    )


def _refuse_bombs(members: Iterable[zipfile.ZipInfo]) -> None:
    total = 0
    for member in members:
        total += member.file_size
        if member.file_size > max(_FREE_RATIO_OCTETS, MAX_RATIO * member.compress_size):
            total = MAX_EXPORT_OCTETS + 1
    if total > MAX_EXPORT_OCTETS:
        raise FileProblem("The archive is too large when unpacked. Split it and import the parts.")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1
