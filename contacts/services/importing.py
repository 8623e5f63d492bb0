"""An import, turn by turn: reading the file, checking it, taking its rows, undoing it.

A step is one transaction: what it writes and the import's `rows_read` are written together, so that
a worker that dies loses and repeats nothing. A lease says who works on an import. Each step renews
it and checks it under a lock on the import, so that of two workers only the newer one can write,
and whoever cancels an import only has to take the lease away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import TypeAlias
from uuid import UUID

import orjson
import structlog
from celery import current_app
from django.db import DataError, connection
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import (
    Import,
    ImportChunk,
    ImportFragment,
    ImportReject,
    ImportRows,
    ImportStatus,
)
from contacts.queries.files import REJECT_TABLE, UNDO_FOR
from contacts.rules.imports import Reject
from contacts.rules.reading import FileProblem, Row
from contacts.services import reading, undoing
from contacts.services.matching import Saved
from contacts.services.preparing import (
    Piece,
    Pieces,
    Preparer,
    collect,
    without_collector,
    write,
)
from contacts.services.saving import one_writer_at_a_time
from encryption.cipher import CannotOpen
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse

LEASE = timedelta(minutes=2)
FILE_KEPT_FOR = timedelta(days=30)
"""How long a file waits for somebody to match its columns or to confirm it."""

log = structlog.get_logger()


class LeaseLost(Exception):
    """The import was cancelled or another worker took it over."""


@dataclass
class Turn:
    """One worker's work on an import in its present status."""

    organization_id: UUID
    import_id: UUID
    status: str
    lease: datetime
    size: int
    rows_left: int
    names: list[str] = field(repr=False)
    preparer: Preparer
    today: date

    @contextmanager
    def step(self) -> Iterator[Import]:
        """A transaction that holds the import. Raises `LeaseLost`."""
        with acting_for(self.organization_id):
            source = Import.objects.select_for_update().filter(id=self.import_id).first()
            if source is None or source.lease_until != self.lease:
                raise LeaseLost
            _prepare_to_write()
            source.lease_until = timezone.now() + LEASE
            yield source
            source.save()
        self.lease = source.lease_until


def _prepare_to_write() -> None:
    """Do not wait for the disk: a step that a power failure takes away takes the count of its rows
    with it, so it is done again. And let PostgreSQL put all that waits for the blind index into it
    at once: with the 4 MB it has otherwise, it goes through the index five times as often."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '64MB'")


def run_import(organization_id: UUID, import_id: UUID) -> None:
    """Work on an import until it waits for somebody, from wherever it stands.

    Returns at once if no turn is due or another worker has it. Runs outside `acting_for`.
    """
    turn = _claim(organization_id, import_id)
    if turn is None:
        return
    try:
        with without_collector():
            _TURNS[turn.status](turn)
    except (LeaseLost, ImportChunk.DoesNotExist):  # whoever cancels deletes the pieces
        log.warning("import_lease_lost", import_id=str(import_id))
    except FileProblem as problem:
        _fail(turn, str(problem))
    except CannotOpen:
        _fail(turn, "The uploaded file was damaged. Upload it again.")
    except DataError:
        log.error("import_value_refused", import_id=str(import_id))
        _fail(turn, "The file has a value that the database cannot store. Please report this.")


def resume_imports() -> int:
    """Hand out imports that nobody works on; returns how many. Runs outside `acting_for`."""
    stranded = queries.stranded_imports()
    for organization_id, import_id in stranded:
        current_app.send_task("contacts.run_import", [str(organization_id), str(import_id)])
    return len(stranded)


def forget_old_imports(now: datetime) -> None:
    """Delete what imports kept: what undoing needs after UNDO_FOR, rejected rows and files that
    nobody came back to after FILE_KEPT_FOR.

    Runs inside `acting_for`.
    """
    undoing.forget(now - UNDO_FOR)
    ImportReject.objects.filter(source__finished_at__lt=now - FILE_KEPT_FOR).delete()
    waiting = Import.objects.filter(
        status__in=(ImportStatus.MATCHING, ImportStatus.CHECKED), created_at__lt=now - FILE_KEPT_FOR
    )
    for source in waiting:
        source.status, source.finished_at = ImportStatus.CANCELLED, now
        source.problem = "Nobody came back to this file for 30 days, so it was deleted."
        source.save()
        delete_file(source)


def delete_file(source: Import) -> None:
    """Delete the uploaded file and its rows."""
    ImportChunk.objects.filter(source_id=source.id).delete()
    ImportRows.objects.filter(source_id=source.id).delete()
    ImportFragment.objects.filter(source_id=source.id).delete()


def _claim(organization_id: UUID, import_id: UUID) -> Turn | None:
    now = timezone.now()
    with acting_for(organization_id):
        source = Import.objects.select_for_update().filter(id=import_id).first()
        if source is None or source.status not in _TURNS:
            return None
        if source.lease_until is not None and source.lease_until > now:
            return None
        source.lease_until = now + LEASE
        source.turn_started_at = source.turn_started_at or now
        source.save()
        return Turn(
            organization_id,
            import_id,
            source.status,
            source.lease_until,
            source.size,
            source.rows_total - source.rows_read,
            queries.head(source).headers,
            Preparer.of(source),
            queries.today(),
        )


def _fail(turn: Turn, words: str) -> None:
    try:
        with turn.step() as source:
            finish(source, ImportStatus.FAILED, words)
    except LeaseLost:
        log.warning("import_lease_lost", import_id=str(turn.import_id))


def finish(source: Import, status: ImportStatus, problem: str = "") -> None:
    """Close the import and delete its file. The caller saves it."""
    if source.status in (ImportStatus.CHECKING, ImportStatus.CHECKED):
        forget_findings(source)
    source.status, source.problem = status, problem
    source.lease_until, source.turn_started_at = None, None
    source.finished_at = timezone.now()
    delete_file(source)
    audit.record(
        "import_finished",
        object_type="import",
        object_id=source.id,
        status=status.value,
        created=source.created_count,
        updated=source.updated_count,
        unchanged=source.unchanged_count,
        rejected=source.rejected_count,
        kept=source.kept_count,
    )


def forget_findings(source: Import) -> None:
    """Start the figures over, and forget rows that were rejected and not corrected since. What
    checking found never counts as imported. The caller saves the import."""
    ImportReject.objects.filter(source_id=source.id, corrected=False).delete()
    source.rows_read = source.created_count = source.updated_count = source.unchanged_count = 0
    source.rejected_count = source.flagged_count = source.kept_count = 0


def _read(turn: Turn) -> None:
    """From the file to rows. A worker that dies here starts the file again."""
    file = queries.UploadedBytes(turn.organization_id, turn.import_id, turn.size)
    reading.read_file(file, turn.today, turn.step)
    with turn.step() as source:
        source.status, source.lease_until = ImportStatus.MATCHING, None
        source.turn_started_at = None
        ImportChunk.objects.filter(source_id=source.id).delete()


def _check(turn: Turn) -> None:
    """Find out what the import would do. Stores no contact."""
    _over_rows(turn, _preview)
    with turn.step() as source:
        for piece in _corrected(turn):
            _count(source, piece.saved)
            _reject_again(turn, piece)
        source.rejected_count = _rejected(source)
        repeated = queries.repeated_people(source.id)
        source.created_count -= repeated
        source.updated_count += repeated
        source.status, source.lease_until = ImportStatus.CHECKED, None
        source.turn_started_at = None
        audit.record("import_checked", object_type="import", object_id=source.id)


def _preview(source: Import, _pieces: Pieces, piece: Piece) -> Piece:
    queries.rows_at(source).update(new=[UUID(bytes=token) for token in piece.saved.new])
    return piece


def _run(turn: Turn) -> None:
    """Take the rows into contacts."""
    _over_rows(turn, _save)
    with turn.step() as source:
        one_writer_at_a_time()
        for piece in _corrected(turn):
            piece.write()
            _count(source, piece.saved)
            _reject_again(turn, piece)
        ImportReject.objects.filter(source_id=source.id, corrected=True).delete()
        source.rejected_count = _rejected(source)
        finish(source, ImportStatus.DONE)


def _save(source: Import, pieces: Pieces, piece: Piece) -> Piece:
    return write(piece, lambda: pieces.again(source.rows_read))


def _undo(turn: Turn) -> None:
    """Put every contact back to what it was before, as far as nothing happened to it since."""
    more = True
    while more:
        with turn.step() as source:
            more = undoing.step(source)
    with turn.step() as source:
        ImportReject.objects.filter(source_id=source.id).delete()
        finish(source, ImportStatus.UNDONE)


_TURNS: dict[str, Callable[[Turn], None]] = {
    ImportStatus.READING: _read,
    ImportStatus.CHECKING: _check,
    ImportStatus.RUNNING: _run,
    ImportStatus.UNDOING: _undo,
}

_Taking: TypeAlias = Callable[[Import, Pieces, Piece], Piece]


def _over_rows(turn: Turn, take: _Taking) -> None:
    """Take the rest of the table, piece by piece."""
    with Pieces(turn.organization_id, turn.preparer, turn.rows_left) as pieces:
        for number in count(1):
            with turn.step() as source:
                piece = pieces.next(source.rows_read)
                if piece is None:
                    return
                piece = take(source, pieces, piece)
                _keep_rejects(turn, piece, piece.flagged)
                _count(source, piece.saved)
                source.flagged_count += len(piece.flagged)
                source.rejected_count += len(piece.rejects)
                source.rows_read += piece.size
            del piece
            collect(number)


def _count(source: Import, saved: Saved) -> None:
    source.created_count += saved.created
    source.updated_count += saved.updated
    source.unchanged_count += saved.unchanged


def _rejected(source: Import) -> int:
    waiting = ImportReject.objects.filter(source_id=source.id, flagged=False, corrected=False)
    return int(waiting.count())


def _keep_rejects(turn: Turn, piece: Piece, flagged: Sequence[Reject] = ()) -> None:
    """Keep rows with their reasons. One that was corrected meanwhile stays corrected."""
    if not piece.rejects and not flagged:
        return
    ring, kept = keyring(KeyUse.PROFILE), []
    for reject, is_flag in (*((r, False) for r in piece.rejects), *((f, True) for f in flagged)):
        found = ImportReject(source_id=turn.import_id, row=reject.number, flagged=is_flag)
        cells = piece.cells[reject.number]
        values = values_by_name(turn.names, turn.preparer.columns, cells)
        body = orjson.dumps({"reasons": reject.reasons, "values": values})
        found.sealed = ring.seal(body, REJECT_TABLE, found.id)
        kept.append(found)
    ImportReject.objects.bulk_create(kept, ignore_conflicts=True, batch_size=1_000)


def values_by_name(
    names: Sequence[str], columns: dict[int, str], cells: Sequence[str]
) -> dict[str, str]:
    """The mapped cells of a row by column name; blank where the row did not line up."""
    return {names[column]: cells[column] if cells else "" for column in columns}


CORRECTED_AT_ONCE = 1_000


def _corrected(turn: Turn) -> Iterator[Piece]:
    """Rows that were rejected and corrected, read again."""
    position = {turn.names[column]: column for column in turn.preparer.columns}
    after, ring = 0, keyring(KeyUse.PROFILE)
    while True:
        waiting = ImportReject.objects.filter(
            source_id=turn.import_id, corrected=True, row__gt=after
        ).order_by("row")
        rows: list[Row] = []
        for each in waiting[:CORRECTED_AT_ONCE]:
            body = orjson.loads(ring.open(bytes(each.sealed), REJECT_TABLE, each.id))
            cells = [""] * len(turn.names)
            for name, text in body["values"].items():
                if name in position:
                    cells[position[name]] = text
            rows.append(Row(each.row, tuple(cells)))
        if not rows:
            return
        after = rows[-1].number
        yield turn.preparer.prepared(rows)


def _reject_again(turn: Turn, piece: Piece) -> None:
    """What is still wrong with corrected rows; they wait for somebody again."""
    numbers = [reject.number for reject in piece.rejects]
    ImportReject.objects.filter(source_id=turn.import_id, row__in=numbers).delete()
    _keep_rejects(turn, piece)
