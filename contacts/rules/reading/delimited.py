"""Text with one patient a line: CSV (RFC 4180), or with `;`, tab or `|` between the columns.

Read as it comes, in bounded memory. The work for a row is done by `csv.reader`; Python looks only
at how many cells it found.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

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

if TYPE_CHECKING:
    from _csv import Reader

MAX_RECORD_CHARACTERS = 1_000_000

_BLOCK_BYTES = 1 << 17
_SAMPLE_CHARACTERS = 1 << 18
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_EXCEL_DELIMITER = re.compile(r'"?sep=([,;|\t])"?[,;|\t]*\s*', re.IGNORECASE)
# Byte order marks inside, zero-width spaces and marks of direction that copying leaves behind.
# Joiners (U+200C, U+200D) stay: some scripts are spelled with them.
_INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f\x7f]")
_PADDING = "\0\x1a \r\n"  # what old systems put after the end of a text
_NOT_TEXT = (
    "This is not a text file. In Excel choose File, Save As, “CSV UTF-8 (comma delimited)”, and"
    " upload that file."
)
_QUOTES = "the quotes do not match in the row"
_FALLBACK = "contacts.windows-1252"


def read_delimited(file: BinaryIO) -> Table:
    """Read a delimited text. Raises FileProblem, at once or while its rows are consumed.

    UTF-8, and UTF-16 with or without a byte order mark. An octet that is not UTF-8 is read as
    Windows-1252, wherever in the file it comes, so that a file put together from both is read
    right. The line `sep=;` on top, which Excel writes, is obeyed.
    """
    notes = Notes()
    lines = _Lines(_texts(file, notes))
    top = lines.take(_SAMPLE_CHARACTERS)
    first = next((line for line in top if line.strip()), "")
    if told := _EXCEL_DELIMITER.fullmatch(first):
        top = top[top.index(first) + 1 :]
    delimiter = told[1] if told else _delimiter(top)
    notes.delimiter = _DELIMITERS[delimiter]
    sample = [cells for cells in _sampled(top, delimiter) if not is_blank(cells)]
    if not sample:
        raise empty_file()
    header = read_header(sample[0], sample[1:])
    records = chain(top, lines, lines.end())
    reader = csv.reader(records, delimiter=delimiter, skipinitialspace=True, strict=True)
    rows = _rows(reader, header, lines, _header_number(reader, lines))
    return Table(Kind.CSV, header.names, rows, notes)


class _Lines(Iterator[str]):
    """The lines of a text.

    `pending` counts the characters handed out since the consumer last set it to 0, in blocks. So
    a quote that never closes ends here, and not with the whole file in memory.
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self.pending = 0
        self.ended = False
        self._lines = chain.from_iterable(self._blocks(texts))

    def __iter__(self) -> Iterator[str]:
        return self._lines  # not self: csv.reader then pulls lines without a call into Python

    def __next__(self) -> str:
        return next(self._lines)

    def take(self, characters: int) -> list[str]:
        """The first lines, of about so many characters in all."""
        taken: list[str] = []
        while characters > 0 and len(taken) < SAMPLED_ROWS and (line := next(self, "")):
            characters -= len(line)
            taken.append(line)
        self.pending = 0
        return taken

    def end(self) -> Iterator[str]:
        """No line, but noted: whoever asks for this one is in the middle of a record."""
        self.ended = True
        yield from ()

    def _blocks(self, texts: Iterator[str]) -> Iterator[io.StringIO]:
        rest = ""
        for text in texts:
            whole, feed, rest = (rest + text).rpartition("\n")
            if len(rest) > MAX_RECORD_CHARACTERS:
                raise FileProblem(
                    f"A line of the file is longer than {MAX_RECORD_CHARACTERS:,} characters."
                    " It may not be a table. Export it again as CSV."
                )
            if feed:
                yield self._block(whole + feed)
        if rest := rest.rstrip(_PADDING):
            yield self._block(rest)

    def _block(self, text: str) -> io.StringIO:
        if self.pending > MAX_RECORD_CHARACTERS:
            raise csv.Error
        self.pending += len(text)
        # Not splitlines(): it also splits at characters that may stand inside a cell.
        return io.StringIO(text, newline="\n")


def _rows(reader: "Reader", header: Header, lines: _Lines, number: int) -> Iterator[Row]:
    """The rows below the header, which has this number."""
    width, last = len(header.names), number + table.MAX_ROWS
    begins = reader.line_num + 1
    while True:
        try:
            for cells in reader:
                number += 1
                begins = reader.line_num + 1
                lines.pending = 0
                text = "".join(cells)
                if len(cells) == width and len(text) <= MAX_CELL_CHARACTERS and text.strip():
                    yield Row(number, tuple(cells))
                elif text.strip() and text.strip(_PADDING):
                    yield _odd_row(number, cells, header)
                if number >= last:
                    _refuse_more(reader)
        except csv.Error:  # its text may quote the file
            if reader.line_num > begins or lines.ended or lines.pending > MAX_RECORD_CHARACTERS:
                raise _open_quote(begins) from None
            number += 1
            begins = reader.line_num + 1
            yield Row(number, (), f"{_QUOTES}; write a quote inside a cell twice")
        else:
            return


def _odd_row(number: int, cells: list[str], header: Header) -> Row:
    if max(map(len, cells)) > MAX_CELL_CHARACTERS:
        return Row(number, (), f"a cell has more than {MAX_CELL_CHARACTERS:,} characters")
    fitted = header.fit(cells)
    return Row(number, (), header.misfit(len(cells))) if fitted is None else Row(number, fitted)


def _refuse_more(reader: "Reader") -> None:
    if next(reader, None) is not None:
        raise too_many_rows()


def _header_number(reader: "Reader", lines: _Lines) -> int:
    """Read up to the header, and tell its number: blank rows may come before it."""
    try:
        for number, cells in enumerate(reader, start=1):
            lines.pending = 0
            if not is_blank(cells):
                return number
    except csv.Error:
        raise _open_quote(1) from None
    raise empty_file()


def _open_quote(begins: int) -> FileProblem:
    return FileProblem(
        f"{_QUOTES.capitalize()} that begins on line {begins}. Put a quote at both ends of the"
        " cell, and write a quote inside it twice."
    )


def _delimiter(top: Sequence[str]) -> str:
    """The delimiter under which the first row has several cells, and most rows as many."""

    def score(delimiter: str) -> float:
        records = [len(cells) for cells in _sampled(top, delimiter) if not is_blank(cells)]
        width = records[0] if records else 1
        return 0 if width == 1 else width * records.count(width) / len(records)

    def agreement(delimiter: str) -> float:
        widths = Counter(len(cells) for cells in _sampled(top, delimiter) if len(cells) > 1)
        return max((width * rows for width, rows in widths.items()), default=0)

    # Where the first row is a title, the rows below still tell.
    return max(_DELIMITERS, key=lambda delimiter: (score(delimiter), agreement(delimiter)))


def _sampled(top: Sequence[str], delimiter: str) -> list[list[str]]:
    records = []
    try:
        for cells in csv.reader(top, delimiter=delimiter, skipinitialspace=True):
            records.append(cells)  # noqa: PERF402  what was read before an error counts
    except csv.Error:
        pass
    return records


def _texts(file: BinaryIO, notes: Notes) -> Iterator[str]:
    """The text in blocks, each line ending with a line feed, without invisible characters."""
    file.seek(0)
    head = file.read(_BLOCK_BYTES)
    encoding, notes.encoding = _encoding(head)
    plain = codecs.getincrementaldecoder(encoding)("strict")
    decoder = io.IncrementalNewlineDecoder(plain, translate=True)
    ended = False
    for block in chain([head], iter(lambda: file.read(_BLOCK_BYTES), b""), [b""]):
        text = _decoded(decoder, plain, block, notes)
        if ended or "\0" in text:
            text, ended = _before_padding(text, ended=ended), True
        if not text.isascii():
            for character in _INVISIBLE:
                text = text.replace(character, "")
        if block is head and len(_CONTROLS.findall(text)) > max(8, len(text) // 20):
            raise FileProblem(_NOT_TEXT)
        yield text


def _decoded(
    decoder: io.IncrementalNewlineDecoder,
    plain: codecs.IncrementalDecoder,
    block: bytes,
    notes: Notes,
) -> str:
    final = not block
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError:
        if notes.encoding == "UTF-8":
            notes.encoding, plain.errors = "Windows-1252", _FALLBACK
        else:
            notes.remark("parts of the text could not be read and show as �")
            plain.errors = "replace"
        return decoder.decode(block, final)


def _before_padding(text: str, *, ended: bool) -> str:
    """What comes before NULs at the end of a file; raise FileProblem if they are not at its end."""
    text, _, rest = ("", "", text) if ended else text.partition("\0")
    if rest.strip(_PADDING):
        raise FileProblem(_NOT_TEXT)
    return text


def _encoding(head: bytes) -> tuple[str, str]:
    """The codec and what people call it, by the byte order mark or by where the NULs are."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32", "UTF-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "UTF-16"
    start = head[:4096]
    pairs = len(start) // 2
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if pairs and odd > 0.7 * pairs and even < 0.05 * pairs:
        return "utf-16-le", "UTF-16"
    if pairs and even > 0.7 * pairs and odd < 0.05 * pairs:
        return "utf-16-be", "UTF-16"
    return "utf-8", "UTF-8"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_FALLBACK, _as_windows_1252)
