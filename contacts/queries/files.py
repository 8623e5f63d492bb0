"""Uploaded files: their sealed pieces, rows and rejects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

import orjson
from django.db import connection

from contacts.models import Import, ImportChunk, ImportReject
from contacts.rules.csvfile import read_rows
from tenancy.current import acting_for, current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

IMPORT_TABLE = "contacts_import"
CHUNK_TABLE = "contacts_importchunk"
REJECT_TABLE = "contacts_importreject"
PREVIEWED_ROWS = 5
SHOWN_IMPORTS = 50


@dataclass(frozen=True, slots=True)
class Head:
    """What an uploaded file is called, and the names of its columns."""

    file_name: str
    headers: list[str]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken. `reasons` and `values` are for authorized staff."""

    row: int
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


def chunks(organization_id: UUID, import_id: UUID) -> Iterator[bytes]:
    """The uploaded file, piece by piece, each read in a transaction of its own.

    So it can be followed across the transactions of a long import, outside `acting_for`.
    """
    number = 0
    while True:
        with acting_for(organization_id):
            piece = ImportChunk.objects.filter(source_id=import_id, number=number).first()
            if piece is None:
                return
            plain = keyring(KeyUse.PROFILE).open(bytes(piece.sealed), CHUNK_TABLE, piece.id)
        yield plain
        number += 1


def preview(import_id: UUID) -> list[dict[str, str]]:
    """The first rows of the file, by column name."""
    rows = read_rows(chunks(current_organization_id(), import_id))
    return [row.values for row in islice(rows, PREVIEWED_ROWS)]


def rejects(import_id: UUID) -> Iterator[Reject]:
    """The rows that were not taken, in the order of the file."""
    ring = keyring(KeyUse.PROFILE)
    for row in ImportReject.objects.filter(source_id=import_id).order_by("row").iterator():
        body = orjson.loads(ring.open(bytes(row.sealed), REJECT_TABLE, row.id))
        yield Reject(row.row, body["reasons"], body["values"])


def stranded_imports() -> list[tuple[UUID, UUID]]:
    """(organization, import) that nobody works on, in every organization.

    Runs outside `acting_for`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, import_id FROM contacts_stranded_imports()")
        return list(cursor.fetchall())
