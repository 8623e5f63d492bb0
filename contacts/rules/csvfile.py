"""Read a CSV file as it arrives, in bounded memory, and say plainly what is wrong with it."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from contacts.rules.fields import PsychotherapyNotes, refuse_psychotherapy_notes

MAX_COLUMNS = 200
MAX_ROWS = 1_000_000
MAX_LINE_CHARACTERS = 100_000

_SIGNATURE_OCTETS = 4
_OTHER_FILES = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DELIMITERS = ",;\t|"
_SAVE_AS = "In Excel choose File, Save As, “CSV UTF-8 (comma delimited)”, and upload that file."


class FileProblem(ValueError):
    """The file as a whole cannot be read. Says what to do, and repeats no patient value."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the header, numbered as a spreadsheet does (the header is row 1).

    `problem` is set, and `values` is empty, when its cells do not line up with the header: values
    that slid into the wrong column would give one patient's data to another.
    """

    number: int
    values: dict[str, str] = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What a whole file holds, found before anything of it is stored."""

    headers: tuple[str, ...]
    rows: int


def inspect_file(chunks: Iterable[bytes], max_rows: int = MAX_ROWS) -> FileSummary:
    """Read the whole file once, storing nothing. Raises FileProblem."""
    records = _records(chunks)
    headers = _headers(records)
    return FileSummary(headers, sum(1 for _ in _rows(records, headers, max_rows)))


def read_rows(chunks: Iterable[bytes], max_rows: int = MAX_ROWS) -> Iterator[Row]:
    """The rows of a CSV file (RFC 4180; also with `;`, tab or `|` between the columns).

    Blank lines are skipped but counted. Raises FileProblem, possibly after rows were yielded, so
    call `inspect_file` first where half an import would be worse than none.
    """
    records = _records(chunks)
    yield from _rows(records, _headers(records), max_rows)


def _rows(records: Iterator[list[str]], headers: tuple[str, ...], max_rows: int) -> Iterator[Row]:
    for number, cells in enumerate(records, start=2):
        if number - 1 > max_rows:
            raise FileProblem(
                f"The file has more than {max_rows:,} rows. Split it and import the parts."
            )
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(headers):
            what = f"the row has {len(cells)} columns, the header has {len(headers)}"
            yield Row(number, {}, what)
            continue
        yield Row(number, dict(zip(headers, cells, strict=True)))


def _headers(records: Iterator[list[str]]) -> tuple[str, ...]:
    headers = tuple(" ".join(cell.split()) for cell in next(records, []))
    if not any(headers):
        raise FileProblem("The file is empty. Its first row must hold the names of the columns.")
    if len(headers) > MAX_COLUMNS:
        raise FileProblem(
            f"The file has {len(headers)} columns; at most {MAX_COLUMNS} can be imported."
            " Remove columns that are not needed."
        )
    _refuse_bad_names(headers)
    return headers


def _refuse_bad_names(headers: tuple[str, ...]) -> None:
    seen: dict[str, int] = {}
    for position, header in enumerate(headers, start=1):
        if not header:
            raise FileProblem(f"Column {position} has no name. Name it, or remove the column.")
        if earlier := seen.get(header.casefold()):
            raise FileProblem(
                f"Columns {earlier} and {position} have the same name. Rename or remove one."
            )
        seen[header.casefold()] = position
        try:
            refuse_psychotherapy_notes(header)
        except PsychotherapyNotes as notes:
            raise FileProblem(f"Column {position}: {notes}") from None


def _records(chunks: Iterable[bytes]) -> Iterator[list[str]]:
    lines = _lines(_decoded(_plain(chunks)))
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)  # the comma where none occurs
    reader = csv.reader(_chain(first, lines), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise FileProblem(
                f"The quotes do not match in the row that begins on line {begins}. Put a quote at"
                " both ends of the cell, and write a quote inside it twice."
            ) from None  # the reader's own text may quote the file


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets, once their first ones and the absence of NUL say that they are text."""
    head = b""
    for chunk in chunks:
        if len(head) < _SIGNATURE_OCTETS:
            head += chunk
            if len(head) < _SIGNATURE_OCTETS:
                continue
            chunk = head
            _refuse_other_files(head)
        _refuse_nul(chunk)
        yield chunk
    if len(head) < _SIGNATURE_OCTETS:
        _refuse_nul(head)
        yield head


def _refuse_other_files(head: bytes) -> None:
    if head.startswith(_UTF16_MARKS):
        raise FileProblem(f"The file is not in the UTF-8 encoding. {_SAVE_AS}")
    for signature, what in _OTHER_FILES:
        if head.startswith(signature):
            raise FileProblem(f"This is {what}, not a CSV file. {_SAVE_AS}")


def _refuse_nul(chunk: bytes) -> None:
    if b"\0" in chunk:
        raise FileProblem(f"This is not a text file. {_SAVE_AS}")


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """Text with every line ending as a line feed, without the byte order mark."""
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("utf-8-sig")(), translate=True
    )
    try:
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise FileProblem(f"The file is not in the UTF-8 encoding. {_SAVE_AS}") from None


def _lines(texts: Iterable[str]) -> Iterator[str]:
    rest = ""
    for text in texts:
        # Not splitlines(): it also splits at characters that may stand inside a cell.
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield f"{_bounded(line)}\n"
        _bounded(rest)
    if rest:
        yield rest


def _bounded(line: str) -> str:
    if len(line) > MAX_LINE_CHARACTERS:
        raise FileProblem(
            f"A line of the file is longer than {MAX_LINE_CHARACTERS:,} characters."
            f" It may not be a CSV file. {_SAVE_AS}"
        )
    return line
