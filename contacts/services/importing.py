"""Reading an uploaded file into contacts, in batches that a killed worker never loses or doubles.

A batch is one transaction: its people, its rejects and the import's `rows_read` are written
together. A lease says who works on an import. It is renewed by each batch and checked under a lock
on the import, so that of two workers only the newer one can write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID

import orjson
import structlog
from celery import current_app
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import Import, ImportChunk, ImportReject, ImportStatus
from contacts.queries.files import REJECT_TABLE
from contacts.rules.csvfile import FileProblem, Row, read_rows
from contacts.rules.fields import Field
from contacts.rules.imports import CleanContact, Reject, clean_row
from contacts.services.people import save_many
from encryption.cipher import CannotOpen
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse

BATCH_ROWS = 500
LEASE = timedelta(minutes=2)

log = structlog.get_logger()


@dataclass
class _Run:
    """One worker's turn at an import."""

    organization_id: UUID
    import_id: UUID
    lease: datetime
    start: int
    mapping: Mapping[str, str]
    fields: Mapping[str, Field]
    today: date


def run_import(organization_id: UUID, import_id: UUID) -> None:
    """Work on an import until it is done, from wherever it stands. Runs outside `acting_for`.

    Returns at once if it is done or another worker has it.
    """
    run = _claim(organization_id, import_id)
    if run is None:
        return
    try:
        rows = _rows_left(run)
        while batch := list(islice(rows, BATCH_ROWS)):
            if not _take(run, batch):
                log.warning("import_lease_lost", import_id=str(import_id))
                return
    except FileProblem as problem:
        _end(run, ImportStatus.FAILED, str(problem))
    except CannotOpen:
        _end(run, ImportStatus.FAILED, "The uploaded file was damaged. Upload it again.")
    else:
        _end(run, ImportStatus.DONE)


def resume_imports() -> int:
    """Hand out imports that nobody works on; returns how many. Runs outside `acting_for`."""
    stranded = queries.stranded_imports()
    for organization_id, import_id in stranded:
        current_app.send_task("contacts.run_import", [str(organization_id), str(import_id)])
    return len(stranded)


def _claim(organization_id: UUID, import_id: UUID) -> _Run | None:
    with acting_for(organization_id):
        source = Import.objects.select_for_update().filter(id=import_id).first()
        if source is None or not _is_free(source):
            return None
        source.status, source.lease_until = ImportStatus.RUNNING, timezone.now() + LEASE
        source.save(update_fields=["status", "lease_until"])
        return _Run(
            organization_id,
            import_id,
            source.lease_until,
            source.rows_read,
            queries.mapping(source),
            queries.fields_by_key(),
            queries.today(),
        )


def _is_free(source: Import) -> bool:
    if source.status not in (ImportStatus.QUEUED, ImportStatus.RUNNING):
        return False
    return source.lease_until is None or source.lease_until < timezone.now()


def _rows_left(run: _Run) -> Iterator[Row]:
    rows = read_rows(queries.chunks(run.organization_id, run.import_id))
    return islice(rows, run.start, None)


def _held(run: _Run) -> Import | None:
    """The import under a lock, or None if another worker took it over."""
    source = Import.objects.select_for_update().filter(id=run.import_id).first()
    return source if source is not None and source.lease_until == run.lease else None


def _take(run: _Run, batch: list[Row]) -> bool:
    """Write one batch; False if the lease was lost."""
    cleaned = [clean_row(row, run.mapping, run.fields, run.today) for row in batch]
    with acting_for(run.organization_id):
        source = _held(run)
        if source is None:
            return False
        saved = save_many([each for each in cleaned if isinstance(each, CleanContact)])
        rejected = _keep_rejects(run, batch, cleaned)
        source.rows_read += len(batch)
        source.created_count += saved.created
        source.updated_count += saved.updated
        source.unchanged_count += saved.unchanged
        source.rejected_count += rejected
        run.lease = source.lease_until = timezone.now() + LEASE
        source.save()
    return True


def _keep_rejects(run: _Run, batch: list[Row], cleaned: list[CleanContact | Reject]) -> int:
    ring, kept = keyring(KeyUse.PROFILE), []
    for row, reject in zip(batch, cleaned, strict=True):
        if isinstance(reject, CleanContact):
            continue
        values = {header: row.values.get(header, "") for header in run.mapping}
        body = orjson.dumps({"reasons": reject.reasons, "values": values})
        found = ImportReject(source_id=run.import_id, row=row.number)
        found.sealed = ring.seal(body, REJECT_TABLE, found.id)
        kept.append(found)
    ImportReject.objects.bulk_create(kept)
    return len(kept)


def _end(run: _Run, status: ImportStatus, problem: str = "") -> None:
    """Close the import and delete the uploaded file."""
    with acting_for(run.organization_id):
        source = _held(run)
        if source is None:
            return
        source.status, source.problem = status, problem
        source.lease_until, source.finished_at = None, timezone.now()
        source.save(update_fields=["status", "problem", "lease_until", "finished_at"])
        ImportChunk.objects.filter(source_id=source.id).delete()
        audit.record(
            "import_finished",
            object_type="import",
            object_id=source.id,
            status=status.value,
            created=source.created_count,
            updated=source.updated_count,
            unchanged=source.unchanged_count,
            rejected=source.rejected_count,
        )
