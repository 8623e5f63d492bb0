"""CSV that we write is read back as it was, and runs nothing in a spreadsheet."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.exports import safe_cell, write_csv

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@given(CELL)
def test_no_cell_starts_a_formula(text: str) -> None:
    assert not safe_cell(text).lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe_cell(text).removeprefix("'") == text.removeprefix("'")


@given(st.lists(st.tuples(CELL, CELL), max_size=5))
def test_cells_are_read_back(rows: list[tuple[str, str]]) -> None:
    text = write_csv(["a", "b"], rows).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *[[safe_cell(cell) for cell in row] for row in rows]]
