"""Files of contacts that leave the system: one person asks, another allows, and they expire."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import Export, ExportChunk, ExportStatus
from contacts.queries.exports import CHUNK_TABLE, ID_BYTES, TABLE, TREE
from contacts.rules import segments
from contacts.rules.exports import BYTE_ORDER_MARK, safe_cell
from contacts.rules.fields import Field, Value
from contacts.rules.segments import SegmentProblem
from contacts.services.people import Refused, sealed_reason
from tenancy.current import acting_for, current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse

READY_FOR = timedelta(hours=24)
LEASE = timedelta(minutes=10)
ROWS_AT_ONCE = 2_000


def request_export(
    segment_id: UUID | None, keys: Collection[str], reason: str, user_id: UUID
) -> Export:
    """Ask for a file of a segment's people, or of everybody, with these fields.

    Raises `Refused`.
    """
    known = queries.fields_by_key()
    chosen = [key for key in known if key in keys]
    if not chosen:
        raise Refused("Choose at least one field.")
    row = Export(segment=segment_id, fields=chosen, requested_by=user_id)
    # As it is now: whoever allows it must see what will be in the file, whatever changes later.
    tree = _tree_of(segment_id)
    row.tree = keyring(KeyUse.PROFILE).seal(segments.to_json(tree).encode(), TREE, row.id)
    row.reason = sealed_reason(reason, TABLE, row.id)
    row.save(force_insert=True)
    audit.record("export_requested", object_type="export", object_id=row.id, fields=chosen)
    return row


def decide_export(export_id: UUID, allowed: bool, user_id: UUID) -> None:
    """A second person's answer. Raises `Refused` for the one who asked; deciding twice decides
    once."""
    row = Export.objects.select_for_update().get(id=export_id)
    if row.status != ExportStatus.REQUESTED:
        return
    if row.requested_by == user_id:
        raise Refused("Somebody else has to allow this: you asked for it yourself.")
    row.status = ExportStatus.WRITING if allowed else ExportStatus.REFUSED
    row.decided_by = user_id
    row.save()
    audit.record("export_decided", object_type="export", object_id=row.id, allowed=allowed)
    if allowed:
        ids = [str(current_organization_id()), str(row.id)]
        transaction.on_commit(lambda: current_app.send_task("contacts.write_export", ids))


def write_export(organization_id: UUID, export_id: UUID) -> None:
    """Write the file, sealed piece by piece, each in a transaction that also says how far it is.

    Of a worker that died the next one starts over. Runs outside `acting_for`.
    """
    with acting_for(organization_id):
        row = Export.objects.select_for_update().filter(id=export_id).first()
        if row is None or row.status != ExportStatus.WRITING or _is_taken(row):
            return
        ExportChunk.objects.filter(export_id=row.id).delete()
        row.rows, row.total = 0, None
        lease = _take(row)
    try:
        with acting_for(organization_id):
            ids, fields = queries.exported_ids(row), _fields(row)
    except SegmentProblem:
        _end(organization_id, export_id, lease, ExportStatus.FAILED)
        return
    pieces = range(0, max(len(ids), 1), ROWS_AT_ONCE * ID_BYTES)
    for number, at in enumerate(pieces):
        with acting_for(organization_id):
            held = _held(export_id, lease)
            if held is None:
                return
            held.total = len(ids) // ID_BYTES
            _write_piece(held, number, fields, ids[at : at + ROWS_AT_ONCE * ID_BYTES])
            lease = _take(held)
    _end(organization_id, export_id, lease, ExportStatus.READY)


def _take(row: Export) -> datetime:
    """Keep others from writing it for a while."""
    row.lease_until = timezone.now() + LEASE
    row.save()
    return row.lease_until


def _held(export_id: UUID, lease: datetime) -> Export | None:
    """The export, under a lock, if it is still ours to write."""
    row: Export | None = (
        Export.objects.select_for_update()
        .filter(id=export_id, status=ExportStatus.WRITING, lease_until=lease)
        .first()
    )
    return row


def _end(organization_id: UUID, export_id: UUID, lease: datetime, status: ExportStatus) -> None:
    with acting_for(organization_id):
        row = _held(export_id, lease)
        if row is None:
            return
        row.status, row.lease_until = status, None
        if status == ExportStatus.READY:
            row.expires_at = timezone.now() + READY_FOR
        row.save()
        audit.record("export_written", object_type="export", object_id=row.id, rows=row.rows)


def download(export_id: UUID, user_id: UUID, now: datetime) -> Iterator[bytes]:
    """The file, for the two people who asked and allowed. Each download is logged.

    Raises `Refused` for others, and before the file is ready or after it expired.
    """
    row = Export.objects.get(id=export_id)
    if user_id not in (row.requested_by, row.decided_by):
        raise Refused("Only who asked for the file and who allowed it can download it.")
    if row.status != ExportStatus.READY or row.expires_at is None or row.expires_at <= now:
        raise Refused("The file is not here any more. Ask for a new one.")
    audit.record("export_downloaded", object_type="export", object_id=row.id, rows=row.rows)
    return queries.export_pieces(current_organization_id(), row.id)


def forget_exports(now: datetime) -> None:
    """Delete the files of exports that have expired. Runs inside `acting_for`."""
    expired = Export.objects.filter(status=ExportStatus.READY, expires_at__lte=now)
    ExportChunk.objects.filter(export__in=expired).delete()
    expired.update(status=ExportStatus.EXPIRED)


def resume_exports() -> None:
    """Hand out exports that nobody writes. Runs outside `acting_for`."""
    for organization_id, export_id in queries.stranded_exports():
        current_app.send_task("contacts.write_export", [str(organization_id), str(export_id)])


def _tree_of(segment_id: UUID | None) -> segments.Segment:
    if segment_id is None:
        return segments.Segment()
    found = queries.segment_by_id(segment_id)
    if found is None:
        raise Refused("The segment is no more. Choose another one.")
    try:
        return queries.segment_tree(found)
    except SegmentProblem as problem:
        raise Refused(str(problem)) from None


def _is_taken(row: Export) -> bool:
    return row.lease_until is not None and row.lease_until > timezone.now()


def _fields(row: Export) -> list[Field]:
    """The columns of the file, the same from its first piece to its last."""
    known = queries.fields_by_key()
    return [known[key] for key in row.fields if key in known]


def _write_piece(row: Export, number: int, fields: list[Field], ids: bytes) -> None:
    """Store the next rows of the file, the first ones under the labels of the fields."""
    profiles = queries.exported_profiles(ids)
    text = _as_csv([_cells(fields, profile) for profile in profiles])
    if number == 0:
        text = BYTE_ORDER_MARK + _as_csv([[field.label for field in fields]]) + text
    piece = ExportChunk(export=row, number=number)
    piece.sealed = keyring(KeyUse.PROFILE).seal(text, CHUNK_TABLE, piece.id)
    piece.save(force_insert=True)
    row.rows += len(profiles)


def _cells(fields: list[Field], profile: dict[str, Value]) -> list[str]:
    return [_cell(field, profile.get(field.key)) for field in fields]


def _cell(field: Field, value: Value) -> str:
    if isinstance(value, list):
        return "; ".join(field.label_of(each) for each in value)
    return "" if value is None else field.label_of(value)


def _as_csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[safe_cell(cell) for cell in row] for row in rows])
    return out.getvalue().encode()
