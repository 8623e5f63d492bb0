"""CSV that is safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""By which Excel knows UTF-8."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def write_csv(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """RFC 4180, in UTF-8 with the byte order mark by which Excel knows it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for cells in (headers, *rows):
        writer.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")
