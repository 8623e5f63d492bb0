"""Excel workbooks (.xlsx, .xlsm; ECMA-376), read as a stream.

Not with openpyxl: it reads fewer than half as many cells a second, stops the whole file at
faulty styles that say nothing about values, and holds all strings as objects. Formulas count
as what they last showed; macros, links and pictures are never looked at.
"""

import re
import struct
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from posixpath import join, normpath, split
from typing import IO, BinaryIO, NamedTuple
from xml.parsers import expat

from contacts.rules.reading import table
from contacts.rules.reading.table import (
    MAX_CELL_CHARACTERS,
    SAMPLED_ROWS,
    FileProblem,
    Header,
    Kind,
    Notes,
    Row,
    Table,
    empty_file,
    is_blank,
    read_header,
    too_many_rows,
)

MAX_WORKBOOK_OCTETS = 400_000_000
MAX_STRINGS_OCTETS = 100_000_000
MAX_PART_OCTETS = 20_000_000
MAX_RATIO = 200

_BLOCK_OCTETS = 1 << 16
_MAX_TOKEN_OCTETS = 1 << 20
_MAX_EXCEL_COLUMNS = 16_384
_FREE_RATIO_OCTETS = 10_000_000
_ERRORS = frozenset(
    ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"]
)
_ERROR_REMARK = "cells hold a formula's error (such as #N/A) and were read as empty"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NOT_CODES = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', re.IGNORECASE)
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_DAMAGED = (
    "The workbook is damaged or was not uploaded whole. Open it in Excel, save it again, and"
    " upload that."
)
_TROUBLES = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    struct.error,
)

Cells = tuple[int, list[str]]
"""A row's number and its cells, as far right as it has any."""


def read_workbook(file: BinaryIO) -> Table:
    """Read the first visible sheet that has rows. Raises FileProblem, also while rows come.

    Dates become ISO text, yes/no values "yes" and "no", numbers plain digits; zeros in front
    that a format adds (ZIP codes) are kept. An error such as #N/A becomes an empty cell and is
    counted in the notes.
    """
    notes = Notes()
    try:
        book = _Workbook(file)
        filled = [sheet for sheet in book.sheets if any(book.rows(sheet[1], Notes()))]
        if not filled:
            raise empty_file()
        notes.sheet, notes.other_sheets = filled[0][0], [name for name, _ in filled[1:]]
        records = book.rows(filled[0][1], notes)
        number, names = next(records)
        sample = list(islice(records, SAMPLED_ROWS))
    except FileProblem:
        raise
    except _TROUBLES:
        raise FileProblem(_DAMAGED) from None
    header = read_header(names, [cells for _, cells in sample])
    rows = _rows(chain(sample, records), header, number + table.MAX_ROWS)
    return Table(Kind.XLSX, header.names, rows, notes)


def _rows(records: Iterator[Cells], header: Header, last: int) -> Iterator[Row]:
    number = 0
    try:
        for number, cells in records:
            if number > last:
                raise too_many_rows()
            yield _row(number, cells, header)
    except FileProblem:
        raise
    except _TROUBLES:
        raise FileProblem(f"The workbook is damaged below row {number}. {_DAMAGED}") from None


def _row(number: int, cells: list[str], header: Header) -> Row:
    if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
        return Row(number, (), f"a cell has more than {MAX_CELL_CHARACTERS:,} characters")
    cells += [""] * (len(header.names) - len(cells))  # a sheet leaves out empty cells
    fitted = header.fit(cells)
    if fitted is None:
        return Row(number, (), f"the row has a value to the right of column {len(header.names)}")
    return Row(number, fitted)


class _Link(NamedTuple):
    """One relationship of a part: the last word of its type, and the part that it leads to."""

    id: str
    kind: str
    target: str


class _Workbook:
    """The parts of a workbook that say what its cells hold."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._archive = zipfile.ZipFile(file)
        _refuse_bombs(self._archive)
        root = {link.kind: link.target for link in self._links("")}
        main = root.get("officeDocument", "xl/workbook.xml")
        links = self._links(main)
        kinds = {link.kind: link.target for link in links}
        self._epoch = _EPOCH_1900
        self.sheets = list(self._read_sheets(main, {link.id: link for link in links}))
        self._formats = list(self._read_formats(kinds.get("styles", "xl/styles.xml")))
        self._strings = _Strings()
        self._read_strings(kinds.get("sharedStrings", "xl/sharedStrings.xml"))

    def rows(self, part: str, notes: Notes) -> Iterator[Cells]:
        """The rows of a sheet that have a value, whatever the sheet says about its size."""
        sheet = _Sheet(self._strings, self._formats, self._epoch, notes)
        with self._archive.open(part) as stream:
            for _ in _parsed(_parser_for(sheet), stream):
                yield from sheet.rows
                sheet.rows.clear()

    def _elements(self, part: str) -> Iterator[tuple[str, dict[str, str]]]:
        """The elements of a part with their attributes, in order; none where there is no part."""
        if part not in self._archive.namelist():
            return
        self._refuse_large(part, MAX_PART_OCTETS)
        elements: list[tuple[str, dict[str, str]]] = []
        parser = _parser()
        parser.StartElementHandler = lambda tag, attributes: elements.append(
            (_local(tag), attributes)
        )
        with self._archive.open(part) as stream:
            for _ in _parsed(parser, stream):
                yield from elements
                elements.clear()

    def _links(self, part: str) -> list[_Link]:
        """Where a part's relationships lead (ECMA-376 part 2, 6.5); those of the package for ""."""
        folder, name = split(part)
        return [
            _Link(
                attributes.get("Id", ""),
                attributes.get("Type", "").rpartition("/")[2],
                normpath(join("/", folder, attributes.get("Target", "")))[1:],
            )
            for tag, attributes in self._elements(join(folder, "_rels", f"{name}.rels"))
            if tag == "Relationship"
        ]

    def _read_sheets(self, main: str, links: dict[str, _Link]) -> Iterator[tuple[str, str]]:
        """Names and parts of the visible sheets; charts are sheets too, but have no rows."""
        for tag, attributes in self._elements(main):
            if tag == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
                self._epoch = _EPOCH_1904
            if tag == "sheet" and attributes.get("state", "visible") == "visible":
                link = next((v for k, v in attributes.items() if _local(k) == "id"), "")
                if link in links and links[link].kind == "worksheet":
                    yield attributes.get("name", ""), links[link].target

    def _read_formats(self, part: str) -> Iterator[Callable[[str, datetime], str]]:
        """How each style of the workbook shows a number."""
        custom: dict[str, str] = {}
        inside = ""
        for tag, attributes in self._elements(part):
            if tag == "numFmt":
                custom[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif tag in {"cellXfs", "cellStyleXfs", "dxfs", "cellStyles"}:
                inside = tag
            elif tag == "xf" and inside == "cellXfs":
                number = attributes.get("numFmtId", "0")
                yield _format(number, custom.get(number, ""))

    def _read_strings(self, part: str) -> None:
        if part not in self._archive.namelist():
            return
        self._refuse_large(part, MAX_STRINGS_OCTETS)
        with self._archive.open(part) as stream:
            for _ in _parsed(_parser_for(_StringReader(self._strings)), stream):
                pass

    def _refuse_large(self, part: str, octets: int) -> None:
        if self._archive.getinfo(part).file_size > octets:
            raise _too_large()


class _Strings:
    """The shared strings, one after the other in a single buffer: a list would take ten times."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        self._octets += text.encode("utf-8", "replace")
        self._ends.append(len(self._octets))

    def __getitem__(self, index: int) -> str:
        if index < 0:
            raise IndexError
        return self._octets[self._ends[index] : self._ends[index + 1]].decode()


@dataclass(slots=True)
class _StringReader:
    """Collects the text of each `si`, without the reading aids (`rPh`) of East Asian text."""

    strings: _Strings
    parts: list[str] = field(default_factory=list)
    wanted: bool = False
    aid: bool = False
    prefix: int = 0

    def start(self, tag: str, _: dict[str, str]) -> None:
        name = tag[self.prefix :]
        if name == "si":
            self.parts.clear()
        elif name == "rPh":
            self.aid = True
        self.wanted = name == "t" and not self.aid

    def end(self, tag: str) -> None:
        name = tag[self.prefix :]
        self.wanted = False
        if name == "si":
            self.strings.append(_unescaped("".join(self.parts)))
        elif name == "rPh":
            self.aid = False

    def text(self, text: str) -> None:
        if self.wanted:
            self.parts.append(text)


@dataclass(slots=True)
class _Sheet:
    """Collects rows from the elements of a worksheet as they come."""

    strings: _Strings
    formats: list[Callable[[str, datetime], str]]
    epoch: datetime
    notes: Notes
    rows: list[Cells] = field(default_factory=list)
    number: int = 0
    cells: list[str] = field(default_factory=list)
    column: int = 0
    kind: str = ""
    style: str = ""
    parts: list[str] = field(default_factory=list)
    wanted: bool = False
    aid: bool = False
    prefix: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag[self.prefix :]
        if name in {"v", "t"}:
            self.wanted = not self.aid
        elif name == "c":
            reference = attributes.get("r")
            self.column = _column(reference) if reference else self.column + 1
            if not 1 <= self.column <= _MAX_EXCEL_COLUMNS:
                raise FileProblem(_DAMAGED)
            self.kind = attributes.get("t", "n")
            self.style = attributes.get("s", "")
            self.parts.clear()
        elif name == "row":
            self.number = max(int(attributes.get("r") or self.number + 1), self.number + 1)
            self.cells = []
            self.column = 0
        elif name == "rPh":
            self.aid = True

    def end(self, tag: str) -> None:
        name = tag[self.prefix :]
        if name in {"v", "t"}:
            self.wanted = False
        elif name == "c":
            if self.parts and (value := self._value("".join(self.parts))):
                self.cells += [""] * (self.column - len(self.cells))
                self.cells[self.column - 1] = value
        elif name == "row":
            if not is_blank(self.cells):
                self.rows.append((self.number, self.cells))
        elif name == "rPh":
            self.aid = False

    def text(self, text: str) -> None:
        if self.wanted and len(self.parts) <= MAX_CELL_CHARACTERS:
            self.parts.append(text)

    def _value(self, text: str) -> str:
        match self.kind:
            case "s":
                value = self.strings[int(text)]
            case "inlineStr" | "str":
                value = _unescaped(text)
            case "b":
                return "yes" if text.strip() in {"1", "true"} else "no"
            case "d":
                return text.strip().removesuffix("T00:00:00")
            case "e":
                value = "#N/A"
            case _:
                return self._number(text.strip())
        if value in _ERRORS:
            self.notes.remark(_ERROR_REMARK)
            return ""
        return value

    def _number(self, text: str) -> str:
        style = int(self.style) if self.style else 0
        show = self.formats[style] if style < len(self.formats) else _plain
        return show(text, self.epoch)


_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001  Excel knows no time zones
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_SERIAL = 2_958_466  # 1 January 10000
_FIRST_MARCH_1900 = 61  # Excel has a 29 February 1900, so earlier days are one off
_FORMAT_ZEROS = re.compile(r"0{2,20}")


def _format(number: str, code: str) -> Callable[[str, datetime], str]:
    if not code:
        return _date if number.isdigit() and int(number) in _BUILT_IN_DATES else _plain
    if _FORMAT_ZEROS.fullmatch(code):
        return lambda text, _: _plain(text, _).zfill(len(code))
    shown = _NOT_CODES.sub("", code).lower()
    if "general" not in shown and re.search(r"[ymdhs]", shown):
        return _date
    return _plain


def _plain(text: str, _: datetime) -> str:
    """A number as its digits: 15 of them, as Excel shows, without an exponent."""
    if text.isdigit():
        return text
    try:
        number = Decimal(f"{float(text):.15g}")
    except (ValueError, InvalidOperation, OverflowError):
        return text
    if not number.is_finite():
        return text
    shown = f"{number:f}"
    return (shown.rstrip("0").rstrip(".") or "0") if "." in shown else shown


def _date(text: str, epoch: datetime) -> str:
    """A day as ISO text, with the time if there is one; a time of day alone as such."""
    try:
        serial = float(text)
    except ValueError:
        return text
    if not 0 <= serial < _LAST_SERIAL:
        return _plain(text, epoch)
    if epoch is _EPOCH_1900 and 1 <= serial < _FIRST_MARCH_1900:
        serial += 1
    try:
        moment = epoch + timedelta(seconds=round(serial * 86_400))
    except OverflowError:
        return _plain(text, epoch)
    if serial < 1:
        return moment.strftime("%H:%M:%S")
    return moment.isoformat().removesuffix("T00:00:00")


def _column(reference: str) -> int:
    """The column of a cell such as AB12, counted from 1."""
    column = 0
    for letter in reference:
        if not "A" <= letter <= "Z":
            break
        column = column * 26 + ord(letter) - 64
    return column


def _unescaped(text: str) -> str:
    """Text with `_x000D_` and the like as the characters they stand for (ECMA-376 22.9.2.19)."""
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _parser_for(reader: "_StringReader | _Sheet") -> expat.XMLParserType:
    """A parser that tells a reader of elements; some programs write `x:row` for `row`."""
    parser = _parser()

    def root(tag: str, _: dict[str, str]) -> None:
        reader.prefix = tag.find(":") + 1
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.text

    parser.StartElementHandler = root
    return parser


def _refuse_doctype(*_: object) -> None:
    raise FileProblem(_DAMAGED)  # no workbook has one: entities are a way to attack a reader


def _parsed(parser: expat.XMLParserType, stream: IO[bytes]) -> Iterator[None]:
    """Parse a part, stopping after each block."""
    fed = 0
    while block := stream.read(_BLOCK_OCTETS):
        parser.Parse(block, False)
        fed += len(block)
        if fed - max(parser.CurrentByteIndex, 0) > _MAX_TOKEN_OCTETS:
            raise FileProblem(_DAMAGED)
        yield
    parser.Parse(b"", True)
    yield


def _refuse_bombs(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if sum(member.file_size for member in members) > MAX_WORKBOOK_OCTETS:
        raise _too_large()
    for member in members:
        if member.file_size > max(_FREE_RATIO_OCTETS, MAX_RATIO * member.compress_size):
            raise _too_large()


def _too_large() -> FileProblem:
    return FileProblem(
        "The workbook is too large to be opened here. In Excel choose File, Save As, “CSV UTF-8"
        " (comma delimited)”, and upload that file."
    )
