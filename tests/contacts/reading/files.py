"""Files made for tests: workbooks part by part, archives, FHIR exports."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import orjson

from contacts.rules.reading import Export, Row, Table, read

TODAY = date(2026, 6, 1)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def table(data: bytes) -> Table:
    found = read(io.BytesIO(data))
    assert isinstance(found, Table)
    return found


def rows(data: bytes) -> list[Row]:
    return list(table(data).rows)


def export(data: bytes) -> Export:
    found = read(io.BytesIO(data))
    assert isinstance(found, Export)
    return found


def consume(data: bytes) -> None:
    """Read a file to its end, whatever it is."""
    found = read(io.BytesIO(data))
    list(found.fragments(TODAY) if isinstance(found, Export) else found.rows)


def archive(members: Mapping[str, bytes | str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return file.getvalue()


def cell(reference: str, text: str, kind: str = "inlineStr", style: int = 0) -> str:
    value = f"<is><t>{escape(text)}</t></is>" if kind == "inlineStr" else f"<v>{escape(text)}</v>"
    return f'<c r="{reference}" t="{kind}" s="{style}">{value}</c>'


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def text_row(number: int, *texts: str) -> str:
    """A row of texts, the blank ones left out, as Excel does."""
    return row(
        number,
        *(cell(f"{chr(65 + at)}{number}", text) for at, text in enumerate(texts) if text),
    )


def workbook(
    *sheets: str,
    names: Iterable[str] = ("First", "Second", "Third"),
    strings: str = "",
    styles: str = "",
    properties: str = "",
    states: Iterable[str] = (),
    more: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """A workbook of these sheets, each the inside of its `sheetData`."""
    states = [*states, *["visible"] * len(sheets)]
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" state="{state}" r:id="rId{at}"/>'
        for at, (name, _, state) in enumerate(zip(names, sheets, states, strict=False), start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{at}" Type="{DOCUMENT}/worksheet" Target="worksheets/s{at}.xml"/>'
        for at, _ in enumerate(sheets, start=1)
    )
    parts: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a"'
        f' Type="{DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}">{properties}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
    }
    for at, sheet in enumerate(sheets, start=1):
        parts[f"xl/worksheets/s{at}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
        )
    return archive({**parts, **(more or {})})


def ndjson(*resources: Mapping[str, Any]) -> bytes:
    return b"".join(orjson.dumps(resource) + b"\n" for resource in resources)


def bundle(*entries: Mapping[str, Any]) -> bytes:
    return orjson.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": list(entries)},
        option=orjson.OPT_INDENT_2,
    )
