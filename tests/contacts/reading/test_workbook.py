"""Cells of a workbook become the text that a person sees, or a plain form of it."""

import io
import tracemalloc
from contextlib import suppress
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.reading import FileProblem, Kind
from contacts.rules.reading import workbook as workbooks
from tests.contacts.reading.files import cell, consume, row, rows, table, text_row, workbook

DAY, MOMENT, ZIP, CUSTOM, CLOCK, PERCENT = 1, 2, 3, 4, 5, 6
STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="00000"/>'
    '<numFmt numFmtId="165" formatCode="[$-409]d\\-mmm\\-yyyy;@"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
    '<xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/>'
    '<xf numFmtId="20"/><xf numFmtId="10"/></cellXfs>'
)


def shown(kind: str, text: str, style: int = 0, properties: str = "") -> str:
    """How one cell is read."""
    inside = text_row(1, "a", "b") + row(2, cell("A2", "x"), cell("B2", text, kind, style))
    strings = "<si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r><rPh><t>no</t></rPh></si>"
    data = workbook(inside, strings=strings, styles=STYLES, properties=properties)
    return rows(data)[0].cells[1]


@pytest.mark.parametrize(
    ("kind", "text", "style", "expected"),
    [
        ("n", "12", 0, "12"),
        ("n", "12.0", 0, "12"),
        ("n", "1.5", 0, "1.5"),
        ("n", "0.1", PERCENT, "0.1"),
        ("n", "0.30000000000000004", 0, "0.3"),
        ("n", "1E+5", 0, "100000"),
        ("n", "1.0E-2", 0, "0.01"),
        ("n", "-7", 0, "-7"),
        ("n", "12345678901234", 0, "12345678901234"),
        ("n", "2134", ZIP, "02134"),
        ("n", "29281", DAY, "1980-03-01"),
        ("n", "29281", CUSTOM, "1980-03-01"),
        ("n", "29281.4375", MOMENT, "1980-03-01T10:30:00"),
        ("n", "0.4375", CLOCK, "10:30:00"),
        ("n", "1", DAY, "1900-01-01"),
        ("n", "61", DAY, "1900-03-01"),
        ("n", "-5", DAY, "-5"),
        ("n", "99999999", DAY, "99999999"),
        ("n", "5", 77, "5"),
        ("b", "1", 0, "yes"),
        ("b", "0", 0, "no"),
        ("d", "1980-03-01T00:00:00", 0, "1980-03-01"),
        ("str", "what a formula showed", 0, "what a formula showed"),
        ("str", "#N/A", 0, ""),
        ("e", "#DIV/0!", 0, ""),
        ("s", "0", 0, "one"),
        ("s", "1", 0, "two"),
        ("inlineStr", "_xD83D__xDE00__xD800_", 0, "😀�"),
        ("inlineStr", "two_x000D_\nlines_x005F_", 0, "two\r\nlines_"),
    ],
)
def test_cells(kind: str, text: str, style: int, expected: str) -> None:
    assert shown(kind, text, style) == expected


def test_dates_counted_from_1904() -> None:
    assert shown("n", "27819", DAY, '<workbookPr date1904="1"/>') == "1980-03-01"


def test_errors_are_counted() -> None:
    found = table(workbook(text_row(1, "a") + row(2, cell("A2", "#REF!", "e")) + text_row(3, "x")))
    assert [one.number for one in found.rows] == [3]
    assert list(found.notes.remarks.values()) == [1]


def test_the_first_visible_sheet_with_rows_is_read_and_named() -> None:
    hidden, filled = text_row(1, "z"), text_row(1, "a") + text_row(2, "1")
    found = table(workbook(hidden, "", filled, filled, names="WXYZ", states=["hidden"]))
    assert found.kind is Kind.XLSX
    assert found.notes.as_json() == {"sheet": "Y", "other_sheets": ["Z"]}
    assert [one.cells for one in found.rows] == [("1",)]


def test_hidden_rows_and_merged_cells_are_read() -> None:
    sheet = text_row(1, "a", "b") + text_row(2, "1", "").replace("<row ", '<row hidden="1" ')
    assert rows(workbook(sheet))[0].cells == ("1", "")


def test_a_wrong_size_does_not_matter() -> None:
    part = '<worksheet><dimension ref="A1:A1"/><sheetData>{}</sheetData></worksheet>'
    sheet = text_row(1, "a", "b") + text_row(2, "1", "2")
    data = workbook("", more={"xl/worksheets/s1.xml": part.format(sheet)})
    assert rows(data)[0].cells == ("1", "2")


def test_names_of_elements_may_have_a_prefix() -> None:
    part = (
        '<x:worksheet xmlns:x="y"><x:sheetData><x:row r="1"><x:c r="A1" t="str"><x:v>a</x:v></x:c>'
        '</x:row><x:row r="2"><x:c r="A2"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    assert rows(workbook("", more={"xl/worksheets/s1.xml": part}))[0].cells == ("1",)


def test_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    data = workbook(text_row(1, "a") + text_row(2, "x" * 10_001) + text_row(3, "1"))
    assert "10,000" in rows(data)[0].problem
    for limit in ("MAX_WORKBOOK_OCTETS", "MAX_STRINGS_OCTETS", "MAX_PART_OCTETS"):
        with monkeypatch.context() as patched:
            patched.setattr(workbooks, limit, 10)
            with pytest.raises(FileProblem, match="CSV"):
                rows(data)


def test_memory_does_not_grow_with_the_sheet() -> None:
    sheet = "".join(
        row(number, cell(f"A{number}", "0", "s"), cell(f"B{number}", "some words"))
        for number in range(1, 40_001)
    )
    found = table(workbook(sheet, strings="<si><t>x</t></si>"))
    tracemalloc.start()
    try:
        assert sum(1 for _ in found.rows) == 39_999
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(sheet) > 3_000_000 > 2_000_000 > peak


values = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.integers(-(10**8), 10**8).map(lambda number: number / 64)
    | st.dates(date(1900, 3, 1), date(2150, 1, 1))
    | st.datetimes(datetime.fromisoformat("1901-01-01"), datetime.fromisoformat("2150-01-01")).map(
        lambda moment: moment.replace(microsecond=0)
    )
    | st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co"]), max_size=12
    ).filter(
        lambda text: text == text.strip() and not text.startswith(("=", "#")) and "_x" not in text
    )
)


def seen(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return str(int(value)) if value.is_integer() else f"{value:.15g}"
        case datetime():
            return value.isoformat().removesuffix("T00:00:00")
        case _:
            return str(value)


@given(st.lists(st.lists(values, min_size=2, max_size=2), max_size=6))
def test_what_another_program_wrote_is_read_the_same(written: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    book.active.append(["key", "one", "two"])
    for pair in written:
        book.active.append(["k", *pair])
    file = io.BytesIO()
    book.save(file)
    assert [one.cells for one in rows(file.getvalue())] == [
        ("k", *map(seen, pair)) for pair in written
    ]


@pytest.mark.parametrize(
    ("value", "expected"), [(time(9, 5), "09:05:00"), (timedelta(hours=30), "1900-01-01T06:00:00")]
)
def test_times(value: object, expected: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.active.append([value])
    file = io.BytesIO()
    book.save(file)
    assert rows(file.getvalue())[0].cells == (expected,)


GOOD = workbook(text_row(1, "a", "b") + text_row(2, "1", "2"), strings="<si/>", styles=STYLES)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4), st.integers(0, 4))
def test_a_damaged_workbook_is_read_or_refused(at: int, noise: bytes, cut: int) -> None:
    with suppress(FileProblem):
        consume(GOOD[:at] + noise + GOOD[at + cut :])


@given(st.text(st.sampled_from('<>/="&;crvtis012 xAZ#'), max_size=60))
def test_any_sheet_is_read_or_refused(inside: str) -> None:
    with suppress(FileProblem):
        consume(workbook(text_row(1, "a") + inside))
