"""Reading whatever file a hospital has: delimited text, Excel workbooks, FHIR R4 exports.

Text and workbooks become a `Table`: names of columns, and numbered rows that come one by one, so
memory stays flat. A FHIR export becomes an `Export`, which gives a patient's data in fragments;
`combine` makes the row of one patient from them.
"""

import io
from typing import BinaryIO

from contacts.rules.reading.delimited import read_delimited
from contacts.rules.reading.fhir.export import Export, Fragment, combine
from contacts.rules.reading.kinds import kind_of
from contacts.rules.reading.table import FileProblem, Kind, Notes, Row, Table
from contacts.rules.reading.workbook import read_workbook

__all__ = [
    "Export",
    "FileProblem",
    "Fragment",
    "Kind",
    "Notes",
    "Row",
    "Table",
    "combine",
    "read",
]

_BUFFER_OCTETS = 1 << 17


def read(file: BinaryIO) -> Table | Export:
    """Read a file by what is in it, whatever its name.

    The file can be read from any position, and must stay open while rows are consumed.

    Raises FileProblem in words that say what to do, at once or while rows are consumed.
    """
    if isinstance(file, io.RawIOBase):  # its reads may be short, and its lines slow
        file = io.BufferedReader(file, _BUFFER_OCTETS)
    kind = kind_of(file)
    if kind is Kind.FHIR:
        return Export(file)
    if kind is Kind.XLSX:
        return read_workbook(file)
    return read_delimited(file)
