"""A file is read as it arrives, in any cut, or refused with what to do about it."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.csvfile import FileProblem, FileSummary, Row, inspect_file, read_rows


def rows(data: bytes) -> list[Row]:
    return list(read_rows([data]))


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    assert rows(b"a,b\n1,2\n\n3,4\n") == [
        Row(2, {"a": "1", "b": "2"}),
        Row(4, {"a": "3", "b": "4"}),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_endings_marks_and_delimiters(ending: str, mark: bytes, delimiter: str) -> None:
    text = ending.join([delimiter.join("xy"), delimiter.join("ñ2"), ""])
    assert rows(mark + text.encode()) == [Row(2, {"x": "ñ", "y": "2"})]


cells = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=8), st.integers(1, 9))
def test_any_cells_survive_any_cut_into_chunks(table: list[tuple[str, str]], size: int) -> None:
    table = [("k", cell) for _, cell in table]
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([("one", "two"), *table])
    data = text.getvalue().encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert [tuple(row.values.values()) for row in read_rows(chunks)] == table
    assert inspect_file(chunks) == FileSummary(("one", "two"), len(table))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(FileProblem):
        rows(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"a,b\n1,\0\n", "not a text file"),
        (b"\0", "not a text file"),
        ("a,b\n1,2\n".encode("utf-16"), "CSV UTF-8"),
        (b"a,b\nJos\xe9,2\n", "CSV UTF-8"),
        (b"a,b\nJos\xc3", "CSV UTF-8"),
        (b'a,b\n1,"2\n3,4\n', "line 2"),
        (b'a,b\n1,2\n3,"4"5\n', "line 3"),
        (b"a,A\n1,2\n", "Columns 1 and 2"),
        (b"a,,c\n1,2,3\n", "Column 2 has no name"),
        (b"a,psychotherapy notes\n1,2\n", "Psychotherapy"),
        (",".join(f"c{n}" for n in range(201)).encode(), "201 columns"),
        (b"a,b\n" + b"x" * 100_001, "longer than"),
    ],
)
def test_a_bad_file_says_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(FileProblem, match=words):
        rows(data)


def test_a_hundred_columns_are_fine() -> None:
    header = ",".join(f"c{n}" for n in range(100))
    assert len(rows(f"{header}\n{header}\n".encode())[0].values) == 100


def test_a_row_that_does_not_line_up_is_a_problem_of_that_row() -> None:
    short, long, good = rows(b"a,b\n1\n1,2,3\n1,2\n")
    assert short.problem == "the row has 1 columns, the header has 2"
    assert long.problem
    assert long.values == {}
    assert good.values == {"a": "1", "b": "2"}


def test_the_number_of_rows_is_limited() -> None:
    assert inspect_file([b"a\n1\n2\n"], max_rows=2).rows == 2
    with pytest.raises(FileProblem, match="more than 2 rows"):
        inspect_file([b"a\n1\n2\n3\n"], max_rows=2)


def test_an_endless_line_is_refused_before_it_is_held_in_memory() -> None:
    def endless() -> Iterator[bytes]:
        yield b"a,b\n"
        for _ in range(20):
            yield b"x" * 10_000
        pytest.fail("read on past the limit")

    with pytest.raises(FileProblem):
        list(read_rows(endless()))
