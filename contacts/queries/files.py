"""Uploaded files: their sealed pieces, the rows in them, and the rows that were not taken."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Q, QuerySet

from contacts.models import (
    Import,
    ImportChunk,
    ImportFragment,
    ImportReject,
    ImportRows,
    ImportStatus,
)
from contacts.rules.reading import Row
from tenancy import bulk
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse

IMPORT_TABLE = "contacts_import"
CHUNK_TABLE = "contacts_importchunk"
ROWS_TABLE = "contacts_importrows"
FRAGMENT_TABLE = "contacts_importfragment"
REJECT_TABLE = "contacts_importreject"
CHUNK_BYTES = 1_000_000
PREVIEWED_ROWS = 200
SHOWN_IMPORTS = 50
WORKING = (
    ImportStatus.READING,
    ImportStatus.CHECKING,
    ImportStatus.RUNNING,
    ImportStatus.UNDOING,
)
UNDO_FOR = timedelta(days=7)
"""How long after it finished an import can be undone."""


@dataclass(frozen=True, slots=True)
class Head:
    """What an uploaded file is called, the names of its columns, and how it was read."""

    file_name: str
    headers: list[str] = field(default_factory=list)
    kind: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken, or was and deserves a look. For authorized staff."""

    row: int
    flagged: bool
    reasons: list[str] = field(repr=False)
    values: dict[str, str] = field(repr=False)


def imports() -> list[Import]:
    """The newest uploads."""
    return list(Import.objects.order_by("-id")[:SHOWN_IMPORTS])


def import_by_id(import_id: UUID) -> Import | None:
    found: Import | None = Import.objects.filter(id=import_id).first()
    return found


def head(source: Import) -> Head:
    """What the file is called, and its columns."""
    opened = keyring(KeyUse.PROFILE).open(bytes(source.headers or b""), IMPORT_TABLE, source.id)
    return Head(**orjson.loads(opened))


def mapping(source: Import) -> dict[str, str]:
    """Field key by column name, as it was confirmed. Columns left out are not in it."""
    names = head(source).headers
    return {names[int(column)]: key for column, key in source.mapping.items()}


class UploadedBytes(io.RawIOBase):
    """An uploaded file, opened piece by piece, to be read from any position.

    Each piece is read in a transaction of its own, so the file can be followed across those of a
    long import, outside `acting_for`.
    """

    def __init__(self, organization_id: UUID, import_id: UUID, size: int) -> None:
        super().__init__()
        self._organization_id, self._import_id, self._size = organization_id, import_id, size
        self._position = 0
        # A workbook is read in two places at once: its cells and its shared texts.
        self._piece = lru_cache(maxsize=3)(self._opened)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        number, offset = divmod(self._position, CHUNK_BYTES)
        if self._position >= self._size:
            return 0
        part = self._piece(number)[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _opened(self, number: int) -> bytes:
        with acting_for(self._organization_id):
            found = bulk.rows(_CHUNK, source=self._import_id, number=number)
            if not found:
                raise ImportChunk.DoesNotExist
            [(piece, sealed)] = found
            return keyring(KeyUse.PROFILE).open(sealed, CHUNK_TABLE, piece)


def rows_at(source: Import) -> QuerySet[ImportRows]:
    """The piece of the table that comes next, as an import stands."""
    found: QuerySet[ImportRows] = ImportRows.objects.filter(
        source_id=source.id, first=source.rows_read
    )
    return found


_CHUNK = """
    SELECT id, sealed FROM contacts_importchunk
    WHERE source_id = %(source)s AND number = %(number)s
"""
_ROWS = """
    SELECT id, sealed FROM contacts_importrows WHERE source_id = %(source)s AND first = %(first)s
"""


def rows_from(import_id: UUID, first: int) -> list[Row]:
    """The rows of the piece of the table after `first` rows; none after the last."""
    for piece, sealed in bulk.rows(_ROWS, source=import_id, first=first):
        body = keyring(KeyUse.PROFILE).open(sealed, ROWS_TABLE, piece)
        return [Row(*row) for row in orjson.loads(body)]
    return []


def can_be_undone(source: Import, now: datetime) -> bool:
    """Whether an import took rows in the last days, and is not being undone already."""
    if source.status not in (ImportStatus.DONE, ImportStatus.CANCELLED, ImportStatus.FAILED):
        return False
    taken = source.created_count + source.updated_count
    return bool(taken and source.finished_at and now - source.finished_at < UNDO_FOR)


def is_working(source: Import) -> bool:
    """Whether a worker has it, or will."""
    return source.status in WORKING


def can_be_cancelled(source: Import) -> bool:
    """Whether there is something to stop. The corrected rows of a finished import are taken in one
    step, so that never is."""
    if source.status == ImportStatus.RUNNING:
        return bool(source.rows_read < source.rows_total)
    return source.status in (
        ImportStatus.READING,
        ImportStatus.MATCHING,
        ImportStatus.CHECKING,
        ImportStatus.CHECKED,
    )


def can_be_corrected(source: Import, now: datetime) -> bool:
    """Whether rejected rows may still come back: as long as the whole could be undone."""
    if source.status == ImportStatus.DONE and source.finished_at:
        return bool(now - source.finished_at < UNDO_FOR)
    return bool(source.status == ImportStatus.CHECKED)


def fragments_after(
    import_id: UUID, patient: UUID, fragment: UUID, limit: int
) -> list[tuple[ImportFragment, Any]]:
    """The next fragments of a FHIR export, in the order of patients, with what is in them."""
    later = Q(patient=patient, id__gt=fragment) | Q(patient__gt=patient)
    found = ImportFragment.objects.filter(later, source_id=import_id).order_by("patient", "id")
    ring = keyring(KeyUse.PROFILE)
    return [
        (each, orjson.loads(ring.open(bytes(each.sealed), FRAGMENT_TABLE, each.id)))
        for each in found[:limit]
    ]


def preview(import_id: UUID) -> list[list[str]]:
    """The cells of the first rows of the file, enough to judge a column by."""
    rows = rows_from(import_id, 0)
    return [list(row.cells) for row in rows if not row.problem][:PREVIEWED_ROWS]


def repeated_people(import_id: UUID) -> int:
    """How many rows of a checked file are about somebody whom an earlier row would add."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) - count(DISTINCT who)"
            " FROM contacts_importrows, unnest(new) AS who WHERE source_id = %s",
            [import_id],
        )
        return int(cursor.fetchone()[0])


def rejects(
    import_id: UUID, flagged: bool = False, limit: int | None = None, after: int = 0
) -> Iterator[Reject]:
    """The rows that were not taken, in the order of the file, after the one with this number; or
    those taken with a remark."""
    found = _waiting(import_id, flagged).filter(row__gt=after).order_by("row")
    return _opened_rejects(found[:limit] if limit else found)


def rejects_at(import_id: UUID, rows: Collection[int]) -> Iterator[Reject]:
    """The rows that were not taken, of those with these numbers."""
    return _opened_rejects(_waiting(import_id, flagged=False).filter(row__in=rows))


def _waiting(import_id: UUID, flagged: bool) -> QuerySet[ImportReject]:
    found: QuerySet[ImportReject] = ImportReject.objects.filter(
        source_id=import_id, flagged=flagged, corrected=False
    )
    return found


def _opened_rejects(found: QuerySet[ImportReject]) -> Iterator[Reject]:
    ring = keyring(KeyUse.PROFILE)
    for row in found.iterator():
        body = orjson.loads(ring.open(bytes(row.sealed), REJECT_TABLE, row.id))
        yield Reject(row.row, row.flagged, body["reasons"], body["values"])


def corrected_rows(import_id: UUID) -> int:
    """How many rejected rows have been corrected and wait to be taken."""
    return int(ImportReject.objects.filter(source_id=import_id, corrected=True).count())


def stranded_imports() -> list[tuple[UUID, UUID]]:
    """(organization, import) that nobody works on, in every organization.

    Runs outside `acting_for`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, import_id FROM contacts_stranded_imports()")
        return list(cursor.fetchall())
