"""Any table survives any way of writing it as text, in flat memory."""

import csv
import io
import re
import tracemalloc
from contextlib import suppress
from itertools import islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contacts.rules.reading import FileProblem, Row, Table, read
from contacts.rules.reading import table as tables
from tests.contacts.reading.files import consume, rows, table

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252",
}
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

# Blanks in front of a cell may follow a delimiter, and are tidied away later in any case.
cells = (
    st.text(st.sampled_from("abcñé€“”,;|\t\"' \n09-"), max_size=8)
    | st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=8)
).map(str.strip)


@given(
    st.lists(st.tuples(cells, cells), max_size=8),
    st.sampled_from(sorted(ENCODINGS)),
    st.sampled_from(sorted(DELIMITERS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_table_is_read_as_it_was_written(
    values: list[tuple[str, str]], encoding: str, delimiter: str, ending: str, quoting: int
) -> None:
    values = [("k", one, other) for one, other in values]
    if ending == "\r":
        quoting = csv.QUOTE_ALL  # else the writer forgets that a line feed ends a line too
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([("key", "one", "größe €"), *values])
    data = text.getvalue().encode(encoding)
    # Windows-1252 that happens to be UTF-8, such as "Â¡", is taken for UTF-8.
    assume(encoding != "cp1252" or not re.search(rb"[\xc2-\xf4][\x80-\xbf]", data))
    found = table(data)
    assert found.headers == ("key", "one", "größe €")
    assert found.notes.encoding == ENCODINGS[encoding]
    assert found.notes.delimiter == DELIMITERS[delimiter]
    assert [row.cells for row in found.rows] == values


@given(
    st.binary(max_size=200)
    | st.text(st.sampled_from('a,;"\n\r\0\ufeff{[<'), max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(FileProblem):
        consume(data)


@given(st.lists(st.sampled_from(['"', ",", "\n", "x", '""', " "]), max_size=30).map("".join))
def test_every_line_is_a_row_a_problem_or_refused(text: str) -> None:
    """No line vanishes into a quoted cell of another row without a word."""
    with suppress(FileProblem):
        found = rows(f"a,b\n{text}\nend,row\n".encode())
        assert found[-1].cells == ("end", "row")


def test_notes_are_plain_data() -> None:
    notes = table(b"a;b\nJos\xe9;2\n").notes
    assert notes.as_json() == {"encoding": "Windows-1252", "delimiter": "semicolon"}


def test_what_a_broken_encoding_lost_is_noted() -> None:
    found = table("a,b\nx,y".encode("utf-16") + b"\xff")
    assert [row.cells for row in found.rows] == [("x", "y�")]
    assert len(found.notes.remarks) == 1


def test_the_number_of_rows_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    assert len(rows(b"a\n1\n2\n")) == 2
    with pytest.raises(FileProblem, match="Split it"):
        rows(b"a\n1\n2\n3\n")


class Endless(io.RawIOBase):
    """A file that goes on as long as somebody reads, and counts how far that is."""

    def __init__(self, line: bytes) -> None:
        self.line, self.given = line, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == io.SEEK_SET
        self.given = offset
        return offset

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # Short reads, as from a file that is kept in pieces.
        start = self.given % len(self.line)
        part = (self.line * 100)[start : start + min(len(buffer), 7_000)]
        buffer[: len(part)] = part
        self.given += len(part)
        return len(part)


def test_the_first_rows_come_before_the_file_is_read() -> None:
    file = Endless(b"1,2\r\n")
    found = read(file)  # type: ignore[arg-type]
    assert isinstance(found, Table)
    assert list(islice(found.rows, 2)) == [Row(2, ("1", "2")), Row(3, ("1", "2"))]
    assert file.given < 1_000_000


def test_memory_does_not_grow_with_the_file() -> None:
    found = read(Endless(b"Ana,ana,1980-01-01,x y z,\xc3\xb1\n"))  # type: ignore[arg-type]
    assert isinstance(found, Table)
    tracemalloc.start()
    try:
        for _ in islice(found.rows, 200_000):  # some 6 MB
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.parametrize("line", [b"x" * 1000, b'"x\n', b'x","y\n', b'"' + b"x" * 1000])
def test_what_never_ends_is_refused(line: bytes) -> None:
    file = Endless(line)
    with pytest.raises(FileProblem):
        list(read(file).rows)  # type: ignore[arg-type, union-attr]
    assert file.given < 5_000_000
