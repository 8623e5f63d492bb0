"""Files as hospitals send them, good and bad: each is read, or refused with what to do."""

import codecs
import gzip

import pytest

from contacts.rules.reading import FileProblem
from tests.contacts.reading.files import (
    archive,
    bundle,
    cell,
    consume,
    ndjson,
    row,
    rows,
    table,
    text_row,
    workbook,
)

Expected = tuple[tuple[str, ...], list[tuple[int, tuple[str, ...] | str]]]
"""The names of the columns, and the rows: number, and cells or a part of the problem's words."""

AB = ("a", "b")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + (9).to_bytes(2, "little")
SHEET = text_row(1, "a", "b") + text_row(2, "1", "2")

READ: dict[str, tuple[bytes, Expected]] = {
    "comma": (b"a,b\n1,2\n", (AB, [(2, ("1", "2"))])),
    "semicolon": (b"a;b\n1;2\n", (AB, [(2, ("1", "2"))])),
    "tab": (b"a\tb\n1\t2\n", (AB, [(2, ("1", "2"))])),
    "vertical bar": (b"a|b\n1|2\n", (AB, [(2, ("1", "2"))])),
    "no line feed at the end": (b"a,b\n1,2", (AB, [(2, ("1", "2"))])),
    "Windows line endings": (b"a,b\r\n1,2\r\n", (AB, [(2, ("1", "2"))])),
    "old Mac line endings": (b"a,b\r1,2\r3,4\r", (AB, [(2, ("1", "2")), (3, ("3", "4"))])),
    "mixed line endings": (b"a,b\r\n1,2\n3,4\r", (AB, [(2, ("1", "2")), (3, ("3", "4"))])),
    "UTF-8 mark": (codecs.BOM_UTF8 + "a,b\nñ,2\n".encode(), (AB, [(2, ("ñ", "2"))])),
    "UTF-8 mark before a quote": (codecs.BOM_UTF8 + b'"a","b"\n1,2\n', (AB, [(2, ("1", "2"))])),
    "UTF-16 little-endian": (
        codecs.BOM_UTF16_LE + "a\tb\nñ\t2\n".encode("utf-16-le"),
        (AB, [(2, ("ñ", "2"))]),
    ),
    "UTF-16 big-endian": (
        codecs.BOM_UTF16_BE + "a\tb\nñ\t2\n".encode("utf-16-be"),
        (AB, [(2, ("ñ", "2"))]),
    ),
    "UTF-16 without a mark": ("a,b\nñ,2\n".encode("utf-16-le"), (AB, [(2, ("ñ", "2"))])),
    "UTF-16 big-endian without a mark": (
        "a,b\nñ,2\n".encode("utf-16-be"),
        (AB, [(2, ("ñ", "2"))]),
    ),
    "UTF-32": ("a,b\n1,2\n".encode("utf-32"), (AB, [(2, ("1", "2"))])),
    "Windows-1252": ("a,b\nJosé,“x”\n".encode("cp1252"), (AB, [(2, ("José", "“x”"))])),
    "Windows-1252 after a megabyte of UTF-8": (
        b"a,b\n" + "ñ,2\n".encode() + b"1,2\n" * 300_000 + b"Jos\xe9,2\n",
        (
            AB,
            [
                (2, ("ñ", "2")),
                *[(number, ("1", "2")) for number in range(3, 300_003)],
                (300_003, ("José", "2")),
            ],
        ),
    ),
    "a character cut off at the end": (b"a,b\n1,Jos\xc3", (AB, [(2, ("1", "JosÃ"))])),
    "two files put together, marks and all": (
        codecs.BOM_UTF8 + b'"a","b"\n"1","2"\n' + codecs.BOM_UTF8 + b'"3","4"\n',
        (AB, [(2, ("1", "2")), (3, ("3", "4"))]),
    ),
    "Excel's delimiter line": (b"sep=;\r\na;b\r\n1,5;2\r\n", (AB, [(2, ("1,5", "2"))])),
    "Excel's delimiter line in quotes": (b'"sep=|"\na|b\n1|2\n', (AB, [(2, ("1", "2"))])),
    "blank lines on top": (b"\n \n,\na,b\n1,2\n", (AB, [(5, ("1", "2"))])),
    "blank lines between": (b"a,b\n1,2\n\n , \n3,4\n", (AB, [(2, ("1", "2")), (5, ("3", "4"))])),
    "delimiters at the end of every row": (
        b"a,b,,\n1,2,,\n3,4,,\n",
        (AB, [(2, ("1", "2")), (3, ("3", "4"))]),
    ),
    "blank cells after the last column": (b"a,b\n1,2,,, \n", (AB, [(2, ("1", "2"))])),
    "a column without a name": (
        b"a,,c\n1,2,3\n",
        (("a", "Column 2", "c"), [(2, ("1", "2", "3"))]),
    ),
    "a last column without a name": (
        b"a,b,\n1,2,x\n3,4\n",
        ((*AB, "Column 3"), [(2, ("1", "2", "x")), (3, ("3", "4", ""))]),
    ),
    "columns of the same name": (
        b"Phone,phone,Phone (2),Phone\n1,2,3,4\n",
        (("Phone", "phone (3)", "Phone (2)", "Phone (4)"), [(2, ("1", "2", "3", "4"))]),
    ),
    "only a header": (b"a,b\n", (AB, [])),
    "one column": (b"email\nana@x.example\n", (("email",), [(2, ("ana@x.example",))])),
    "one column whose values have commas": (
        b'name\n"Ruiz, Ana"\n',
        (("name",), [(2, ("Ruiz, Ana",))]),
    ),
    "commas inside the cells of a semicolon file": (
        b"name;born\nRuiz, Ana, MD;1980\nLee, Bo;1981\n",
        (("name", "born"), [(2, ("Ruiz, Ana, MD", "1980")), (3, ("Lee, Bo", "1981"))]),
    ),
    "semicolons inside the cells of a comma file": (
        b"id,conditions\n1,asthma;copd;pain\n2,asthma;copd;pain\n",
        (("id", "conditions"), [(2, ("1", "asthma;copd;pain")), (3, ("2", "asthma;copd;pain"))]),
    ),
    "a header full of semicolons in quotes": (
        b'"a;b;c;d",e\n1,2\n',
        (("a;b;c;d", "e"), [(2, ("1", "2"))]),
    ),
    "a delimiter and a line end in quotes": (
        b'a,b\n"1,\n5","say ""hi"""\n3,4\n',
        (AB, [(2, ("1,\n5", 'say "hi"')), (3, ("3", "4"))]),
    ),
    "blanks after the delimiter": (b'a, b\n"1", "2, 3"\n', (AB, [(2, ("1", "2, 3"))])),
    "an inch sign": (b"a,b\n5'10\" tall,2\n", (AB, [(2, ("5'10\" tall", "2"))])),
    "quotes that do not match in one line": (
        b'a,b\n1,"2"3\n4,5\n',
        (AB, [(2, "quotes"), (3, ("4", "5"))]),
    ),
    "a short row and a long row": (
        b"a,b\n1\n1,2,3\n4,5\n",
        (AB, [(2, "1 columns"), (3, "3 columns"), (4, ("4", "5"))]),
    ),
    "padding with NUL": (b"a,b\n1,2\n" + bytes(5000), (AB, [(2, ("1", "2"))])),
    "control-Z at the end": (b"a,b\r\n1,2\r\n\x1a", (AB, [(2, ("1", "2"))])),
    "control-Z at the end of the last line": (b"a,b\n1,2\x1a\0\0", (AB, [(2, ("1", "2"))])),
    "a form feed between pages": (
        b"a,b\n1,2\n\x0c\n3,4\n",
        (AB, [(2, ("1", "2")), (4, ("3", "4"))]),
    ),
    "zero-width spaces and marks of direction": (
        "\u200ba,\ufeffb\n\u202a555\u202c,x\u2060y\n".encode(),
        (AB, [(2, ("555", "xy"))]),
    ),
    "no-break spaces around a name": (
        "\u00a0a\u00a0,b\nAna\u00a0Ruiz,2\n".encode(),
        (AB, [(2, ("Ana\u00a0Ruiz", "2"))]),
    ),
    "a separator of lines that is none here": (
        "a,b\nx\u2028y\x85\x0b\x1cz,2\n".encode(),
        (AB, [(2, ("x\u2028y\x85\x0b\x1cz", "2"))]),
    ),
    "a cell that is too long": (
        b"a,b\n" + b"x" * 10_001 + b",2\n3,4\n",
        (AB, [(2, "10,000 characters"), (3, ("3", "4"))]),
    ),
    "200 columns": (
        ",".join(f"c{n}" for n in range(200)).encode() + b"\n",
        (tuple(f"c{n}" for n in range(200)), []),
    ),
    "workbook": (workbook(SHEET), (AB, [(2, ("1", "2"))])),
    "workbook with rows left out": (
        workbook(text_row(3, "a", "b") + text_row(7, "", "2")),
        (AB, [(7, ("", "2"))]),
    ),
    "workbook without references": (
        workbook(
            '<row><c t="str"><v>a</v></c><c t="inlineStr"><is><t>b</t></is></c></row>'
            "<row><c><v>1</v></c><c/></row>"
        ),
        (AB, [(2, ("1", ""))]),
    ),
    "workbook that is wider in some rows": (
        workbook(SHEET + row(3, cell("A3", "3"), cell("B3", "4"), cell("D3", "5"))),
        (AB, [(2, ("1", "2")), (3, "right of column 2")]),
    ),
    "workbook with an empty column in the header": (
        workbook(row(1, cell("A1", "a"), cell("C1", "b")) + text_row(2, "1", "x", "2")),
        (("a", "Column 2", "b"), [(2, ("1", "x", "2"))]),
    ),
}  # fmt: skip

REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "only blanks": (b" \r\n\n \t", "empty"),
    "only a mark": (codecs.BOM_UTF8, "empty"),
    "only delimiters": (b",,\n,,\n", "empty"),
    "only NUL": (bytes(100), "empty"),
    "a NUL in the middle": (b"a,b\n1,\0\n3,4\n", "not a text file"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
    "noise": (bytes(range(1, 32)) * 8, "not a text file"),
    "a PDF": (b"%PDF-1.7", "a PDF"),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), "Unpack it"),
    "HL7 version 2": (b"MSH|^~\\&|ADT\rPID|1\r", "FHIR"),
    "a web page called .xls": (b"\r\n<HTML><table><tr><td>a", "web page.*Save As"),
    "XML": (b'<?xml version="1.0"?><Workbook/>', "XML"),
    "an old workbook": (OLE + bytes(2000), "old Excel workbook.*Save As"),
    "a locked workbook": (
        OLE.ljust(1000, b"\0") + "EncryptedPackage".encode("utf-16-le"),
        "password",
    ),
    "a binary workbook": (archive({"xl/workbook.bin": b"x"}), "xlsb"),
    "a text document": (archive({"word/document.xml": "<x/>"}), "not an Excel workbook"),
    "an archive of something": (archive({"patients.csv": "a,b"}), "Unpack it"),
    "an archive cut off": (workbook(SHEET)[:-30], "damaged"),
    "a workbook whose sheet is cut off": (
        workbook(SHEET, more={"xl/worksheets/s1.xml": "<worksheet><sheetData><row>"}),
        "damaged",
    ),
    "a workbook of empty sheets": (workbook("", ""), "empty"),
    "a workbook with a title": (
        workbook(text_row(1, "Patients of May") + text_row(3, "a", "b") + text_row(4, "1", "2")),
        "title",
    ),
    "a workbook with entities": (
        workbook(
            SHEET,
            more={
                "xl/worksheets/s1.xml": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
                "<worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"
            },
        ),
        "damaged",
    ),
    "a workbook that asks for a file": (
        workbook(
            SHEET,
            more={
                "xl/sharedStrings.xml": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                "<sst><si><t>&a;</t></si></sst>"
            },
        ),
        "damaged",
    ),
    "a bomb": (workbook(SHEET, more={"xl/media/a.bin": bytes(20_000_000)}), "too large"),
    "a workbook with a column that cannot be": (
        workbook(row(1, cell("ZZZZZ1", "a"))),
        "damaged",
    ),
    "a workbook with a row that never ends": (
        workbook(f"<row>{'<c><v>1</v></c>' * 16_385}</row>"),
        "damaged",
    ),
    "201 columns": (",".join(f"c{n}" for n in range(201)).encode(), "201 columns"),
    "psychotherapy notes": (b"a,psychotherapy notes\n1,2\n", "Column 2: Psychotherapy"),
    "a title above the header": (b"Patients of May\na,b,c\n1,2,3\n4,5,6\n", "title"),
    "a title with delimiters": (b"Patients of May,,\na,b,c\n1,2,3\n4,5,6\n", "title"),
    "patients without a header": (b"Ana,ana@x.example\nBo,bo@x.example\n", "names above"),
    "an open quote": (b'a,b\n1,"2\n3,4\n5,6\n', "line 2"),
    "an open quote in the last line": (b'a,b\n1,2\n3,"4', "line 3"),
    "an open quote in the header": (b'a,"b\n1,2\n3,4\n', "line 1"),
    "quotes that do not match in the header": (b'a,"b"c\n1,2\n', "quotes"),
    "an open quote that closes in a later row": (b'a,b\n1,"2\n3,"4"\n5,6\n', "line 2"),
    "an open quote in a file of many lines": (b'a,b\n1,"2\n' + b'x","y\n' * 300_000, "line 2"),
    "an endless line": (b"a,b\n" + b"x" * 1_500_000, "longer than"),
    "JSON of another kind": (b'{"name": "Ana"}\n{"name": "Bo"}', "nothing about patients"),
    "broken JSON": (b'{"resourceType": "Pat', "not a FHIR R4 export"),
    "an archive of broken JSON": (
        archive({"a.ndjson": b"{", "b.json": b"{}"}),
        "File 1 of the archive",
    ),
    "an empty FHIR archive": (archive({"a.ndjson": b""}), "nothing about patients"),
    "a FHIR archive that is a bomb": (archive({"a.ndjson": b"\n" * 20_000_000}), "too large"),
    "a FHIR export of other things": (
        ndjson({"resourceType": "Organization", "id": "1"}),
        "nothing about patients",
    ),
    "an empty Bundle": (bundle(), "nothing about patients"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_is(name: str) -> None:
    data, (headers, expected) = READ[name]
    found = table(data)
    assert found.headers == headers
    read_rows = list(found.rows)
    assert [row.number for row in read_rows] == [number for number, _ in expected]
    for given, (_, wanted) in zip(read_rows, expected, strict=True):
        if isinstance(wanted, str):
            assert wanted in given.problem
            assert given.cells == ()
        else:
            assert (given.cells, given.problem) == (wanted, "")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_what_to_do(name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(FileProblem, match=words) as refusal:
        consume(data)
    assert str(refusal.value).endswith(".")
    assert refusal.value.__cause__ is None


def test_neither_a_row_nor_a_refusal_shows_values() -> None:
    good, bad = rows(b'a,b\nSecret,1\nSecret,"1"x\n')
    assert "Secret" not in repr(good) + repr(bad)
    with pytest.raises(FileProblem) as refusal:
        rows(b'a,b\n1,"Secret\n3,4\n')
    assert "Secret" not in str(refusal.value)
