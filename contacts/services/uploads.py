"""Taking an uploaded file: checked and sealed in one pass, then mapped to fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import orjson
from celery import current_app
from django.conf import settings
from django.db import transaction

from audit import services as audit
from contacts import queries
from contacts.models import Import, ImportChunk, ImportStatus
from contacts.queries.files import CHUNK_TABLE, IMPORT_TABLE
from contacts.rules.csvfile import FileProblem, FileSummary, inspect_file
from contacts.rules.exports import write_csv
from contacts.rules.starter import BIRTH_DATE, EMAIL, RECORD_NUMBER
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

CHUNK_BYTES = 1_000_000
FILE_NAME_CHARACTERS = 120


class MappingProblem(ValueError):
    """The columns cannot be imported as they are mapped. Says what to change."""


def start_upload(pieces: Iterable[bytes], file_name: str, user_id: UUID) -> Import:
    """Seal an uploaded CSV file while checking its shape; nothing of it is ever kept in clear.

    Raises `FileProblem` in plain words, and then keeps nothing.
    """
    with transaction.atomic():
        source: Import = Import.objects.create(created_by=user_id)
        summary = inspect_file(_kept(source, pieces))
        _describe(source, file_name, summary)
    return source


def record_preview(import_id: UUID, rows: int) -> None:
    """Log that somebody was shown the first rows of an uploaded file, masked."""
    audit.record("import_previewed", object_type="import", object_id=import_id, rows=rows)


def confirm_mapping(import_id: UUID, mapping: Mapping[int, str]) -> None:
    """Start an import with these fields by column position; other columns are dropped.

    Confirming twice starts it once. Raises `MappingProblem`.
    """
    _check_mapping(mapping)
    source = Import.objects.select_for_update().get(id=import_id)
    if source.status != ImportStatus.UPLOADED:
        return
    source.mapping = {str(column): key for column, key in mapping.items()}
    source.status = ImportStatus.QUEUED
    source.save(update_fields=["mapping", "status"])
    audit.record(
        "import_started",
        object_type="import",
        object_id=source.id,
        rows=source.rows_total,
        fields=sorted(mapping.values()),
    )
    ids = [str(current_organization_id()), str(source.id)]
    transaction.on_commit(lambda: current_app.send_task("contacts.run_import", ids))


def discard_upload(import_id: UUID) -> bool:
    """Throw away an uploaded file that was not imported; False if it was."""
    waiting = Import.objects.filter(id=import_id, status=ImportStatus.UPLOADED)
    deleted, _ = waiting.delete()
    if deleted:
        audit.record("import_discarded", object_type="import", object_id=import_id)
    return bool(deleted)


def rejected_rows_csv(source: Import) -> bytes:
    """The rejected rows with their numbers and reasons, for correcting and uploading again."""
    rejects = list(queries.rejects(source.id))
    columns = list(queries.mapping(source))
    audit.record("rejects_downloaded", object_type="import", object_id=source.id, rows=len(rejects))
    return write_csv(
        ["Row", "Reason", *columns],
        (
            [
                str(reject.row),
                "; ".join(reject.reasons),
                *(reject.values.get(column, "") for column in columns),
            ]
            for reject in rejects
        ),
    )


def _describe(source: Import, file_name: str, summary: FileSummary) -> None:
    if not summary.rows:
        raise FileProblem("The file has columns but no rows. Export it again with the patients.")
    name = " ".join(file_name.split())[-FILE_NAME_CHARACTERS:]
    body = orjson.dumps({"file_name": name, "headers": summary.headers})
    source.headers = keyring(KeyUse.PROFILE).seal(body, IMPORT_TABLE, source.id)
    source.rows_total = summary.rows
    source.save(update_fields=["headers", "rows_total", "size"])


def _kept(source: Import, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pass a file through, keeping a sealed copy."""
    ring = keyring(KeyUse.PROFILE)
    for number, piece in enumerate(_regrouped(_bounded(pieces))):
        chunk = ImportChunk(source=source, number=number)
        chunk.sealed = ring.seal(piece, CHUNK_TABLE, chunk.id)
        chunk.save(force_insert=True)
        source.size += len(piece)
        yield piece


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    left = settings.MAX_IMPORT_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            megabytes = settings.MAX_IMPORT_BYTES // 1_000_000
            raise FileProblem(
                f"The file is larger than {megabytes} MB. Split it and import the parts."
            )
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
