"""What people do with an import: upload, match, confirm, correct, cancel, undo. Workers do the
rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

import orjson
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import Import, ImportChunk, ImportReject, ImportStatus
from contacts.queries.files import CHUNK_BYTES, CHUNK_TABLE, REJECT_TABLE
from contacts.rules.exports import write_csv
from contacts.rules.reading import FileProblem, Table
from contacts.rules.starter import BIRTH_DATE, EMAIL, RECORD_NUMBER
from contacts.services import undoing
from contacts.services.importing import finish, forget_findings
from contacts.services.reading import sealed_head
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

FILE_NAME_CHARACTERS = 120
MAX_CORRECTIONS = 20_000
ROW = "Row"


class MappingProblem(ValueError):
    """The columns cannot be imported as they are mapped. Says what to change."""


def start_upload(pieces: Iterable[bytes], file_name: str, user_id: UUID) -> Import:
    """Seal an uploaded file, piece by piece, and let a worker read it.

    Raises `FileProblem` in plain words if it is too large, and then keeps nothing.
    """
    with transaction.atomic():
        source: Import = Import.objects.create(created_by=user_id)
        for piece in _kept(source, pieces):
            source.size += len(piece)
        name = " ".join(file_name.split())[-FILE_NAME_CHARACTERS:]
        source.headers = sealed_head(source, queries.Head(name))
        source.save(update_fields=["headers", "size"])
    _hand_to_worker(source)
    return source


def size_in_words(octets: int) -> str:
    """Such as 500 MB or 1.5 GB."""
    megabytes = octets // 1_000_000
    return f"{megabytes} MB" if megabytes < 1_000 else f"{megabytes / 1_000:g} GB"


def record_preview(import_id: UUID, rows: int) -> None:
    """Log that somebody was shown the first rows of an uploaded file, masked."""
    audit.record("import_previewed", object_type="import", object_id=import_id, rows=rows)


def record_rejects_viewed(import_id: UUID, rows: int) -> None:
    """Log that somebody was shown rejected rows: masked, but for the cells that are wrong."""
    audit.record("rejects_viewed", object_type="import", object_id=import_id, rows=rows)


def confirm_mapping(import_id: UUID, mapping: Mapping[int, str]) -> None:
    """Check the file with these fields by column position; other columns are dropped.

    Raises `MappingProblem`.
    """
    _check_mapping(mapping)
    source = Import.objects.select_for_update().get(id=import_id)
    if source.status not in (ImportStatus.MATCHING, ImportStatus.CHECKED):
        return
    source.mapping = {str(column): key for column, key in mapping.items()}
    ImportReject.objects.filter(source_id=source.id).delete()
    _start(source, ImportStatus.CHECKING)


def confirm_import(import_id: UUID) -> None:
    """Take the rows of a checked file into contacts. Confirming twice starts it once."""
    source = Import.objects.select_for_update().get(id=import_id)
    if source.status != ImportStatus.CHECKED:
        return
    _start(source, ImportStatus.RUNNING)
    audit.record(
        "import_started",
        object_type="import",
        object_id=source.id,
        rows=source.rows_total,
        fields=sorted(source.mapping.values()),
    )


def cancel_import(import_id: UUID) -> bool:
    """Stop an import wherever it is; False if there is nothing to stop.

    Rows that were taken stay, until it is undone.
    """
    source = Import.objects.select_for_update().get(id=import_id)
    if not queries.can_be_cancelled(source):
        return False
    finish(source, ImportStatus.CANCELLED)
    source.save()
    return True


def undo_import(import_id: UUID, now: datetime) -> bool:
    """Start to undo an import; False if it is too late or there is nothing to undo."""
    source = Import.objects.select_for_update().get(id=import_id)
    if not queries.can_be_undone(source, now):
        return False
    source.status, source.lease_until, source.turn_started_at = ImportStatus.UNDOING, None, None
    source.rows_read = 0
    source.save()
    audit.record("import_undo_started", object_type="import", object_id=source.id)
    _hand_to_worker(source)
    return True


def correct_rows(import_id: UUID, table: Table) -> int:
    """Take better values for rejected rows, out of the file of them, and try these again.

    Rows are found by their number; a blank row number or another one is passed over. Returns how
    many were taken. Raises `FileProblem` if the file is not one of rejected rows, or too late.
    """
    source = _to_be_corrected(import_id)
    columns = list(queries.mapping(source))
    return _replace(source, dict(islice(_better_rows(table, columns), MAX_CORRECTIONS)))


def correct_cells(import_id: UUID, typed: Mapping[int, Mapping[str, str]]) -> int:
    """Take better cells for rejected rows, as text by field key by row number, and try these rows
    again. Their other cells stay.

    Rows that no longer wait for correction are passed over. Returns how many were taken. Raises
    `FileProblem` if it is too late.
    """
    source = _to_be_corrected(import_id)
    names = {key: name for name, key in queries.mapping(source).items()}
    return _replace(
        source,
        {
            reject.row: reject.values
            | {names[key]: text for key, text in typed[reject.row].items() if key in names}
            for reject in queries.rejects_at(import_id, typed.keys())
        },
    )


def _to_be_corrected(import_id: UUID) -> Import:
    """The import, under a lock. Raises `FileProblem` if its rows cannot be tried again."""
    source: Import = Import.objects.select_for_update().get(id=import_id)
    if queries.is_working(source):
        raise FileProblem(
            "This import is being worked on right now. Wait until it is done, then correct the"
            " rows that are still rejected."
        )
    if not queries.can_be_corrected(source, timezone.now()):
        raise FileProblem(
            "The rejected rows of this import can no longer be corrected here. Import the corrected"
            " file like any other."
        )
    return source


def _replace(source: Import, better: Mapping[int, Mapping[str, str]]) -> int:
    """Have rejected rows tried again with these values, by column name by row number; returns how
    many."""
    ring, changed = keyring(KeyUse.PROFILE), []
    for reject in ImportReject.objects.filter(source_id=source.id, row__in=better, flagged=False):
        body = orjson.dumps({"reasons": [], "values": better[reject.row]})
        reject.sealed = ring.seal(body, REJECT_TABLE, reject.id)
        reject.corrected = True
        changed.append(reject)
    ImportReject.objects.bulk_update(changed, ["sealed", "corrected"], batch_size=1_000)
    if changed:
        _try_again(source)
        audit.record(
            "rejects_corrected", object_type="import", object_id=source.id, rows=len(changed)
        )
    return len(changed)


def _try_again(source: Import) -> None:
    if source.status == ImportStatus.CHECKED:
        _start(source, ImportStatus.CHECKING)
        return
    undoing.settle(source)
    source.status, source.turn_started_at = ImportStatus.RUNNING, None
    source.save()
    _hand_to_worker(source)


def _better_rows(table: Table, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    if ROW not in table.headers or not set(columns) <= set(table.headers):
        raise FileProblem(
            "This is not the file of rejected rows: it must have the column “Row” and the columns"
            " that you matched. Download the rejected rows, correct them, and upload that file."
        )
    places = {name: table.headers.index(name) for name in columns}
    number_at = table.headers.index(ROW)
    for row in table.rows:
        if row.problem:
            raise FileProblem(f"Row {row.number} of this file cannot be read: {row.problem}.")
        number = row.cells[number_at].strip()
        if number.isascii() and number.isdigit():
            cells = {name: row.cells[at].removeprefix("'") for name, at in places.items()}
            yield int(number), cells


def _start(source: Import, status: ImportStatus) -> None:
    """Begin a turn that goes over all rows."""
    source.status, source.lease_until, source.turn_started_at = status, None, None
    forget_findings(source)
    source.save()
    _hand_to_worker(source)


def _hand_to_worker(source: Import) -> None:
    ids = [str(current_organization_id()), str(source.id)]
    transaction.on_commit(lambda: current_app.send_task("contacts.run_import", ids))


def rejected_rows_csv(source: Import) -> bytes:
    """The rejected rows with their numbers and reasons, for correcting and uploading again: as many
    as can be corrected at once."""
    rejects = list(queries.rejects(source.id, limit=MAX_CORRECTIONS))
    columns = list(queries.mapping(source))
    audit.record("rejects_downloaded", object_type="import", object_id=source.id, rows=len(rejects))
    return write_csv(
        [ROW, "Reason", *columns],
        (
            [
                str(reject.row),
                "; ".join(reject.reasons),
                *(reject.values.get(column, "") for column in columns),
            ]
            for reject in rejects
        ),
    )


def _kept(source: Import, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass a file through, keeping a sealed copy."""
    ring = keyring(KeyUse.PROFILE)
    for number, piece in enumerate(_regrouped(_bounded(pieces))):
        chunk = ImportChunk(source=source, number=number)
        chunk.sealed = ring.seal(piece, CHUNK_TABLE, chunk.id)
        chunk.save(force_insert=True)
        yield piece


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = settings.MAX_IMPORT_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            limit = size_in_words(settings.MAX_IMPORT_BYTES)
            raise FileProblem(f"The file is larger than {limit}. Split it and import the parts.")
        yield piece


def _regrouped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
    if waiting:
        yield bytes(waiting)


def _check_mapping(mapping: Mapping[int, str]) -> None:
    known, chosen = queries.fields_by_key(), list(mapping.values())
    for key in chosen:
        if key not in known:
            raise MappingProblem("A column is matched to a field that does not exist.")
        if chosen.count(key) > 1:
            raise MappingProblem(
                f"Two columns are matched to {known[key].label}. Leave one of them out."
            )
    if RECORD_NUMBER not in chosen and not {EMAIL, BIRTH_DATE} <= set(chosen):
        raise MappingProblem(
            "Match a column to the medical record number, or columns to both email and birth date:"
            " they tell who a row is about."
        )
