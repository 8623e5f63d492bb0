"""From an uploaded file to rows, which every kind of file becomes before its columns are mapped.

The records of a FHIR export come apart, so what it says of each patient is first kept in fragments,
then read back patient by patient. Memory stays flat, whatever the size of the export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from itertools import groupby, islice
from typing import BinaryIO, TypeVar, cast
from uuid import UUID

import orjson

from contacts import queries
from contacts.models import Import, ImportFragment, ImportRows
from contacts.queries.files import FRAGMENT_TABLE, IMPORT_TABLE, ROWS_TABLE
from contacts.rules.reading import Export, FileProblem, Fragment, Row, Table, combine, read
from tenancy import bulk
from tenancy.keys import blind_index, keyring
from tenancy.models import KeyUse, new_id

ROWS_AT_ONCE = 2_500
FRAGMENTS_AT_ONCE = 1_000

Step = Callable[[], AbstractContextManager[Import]]
"""Opens a transaction that holds the import and saves it."""

Item = TypeVar("Item")


def read_file(file: queries.UploadedBytes, today: date, step: Step) -> None:
    """Read a file and seal its rows, some at a time. Starts over if that was begun before.

    Raises `FileProblem` in plain words.
    """
    with step() as source:
        _forget(source)
        wanted = set(queries.fields_by_key())
    found = read(cast(BinaryIO, file))
    if isinstance(found, Export):
        _keep_fragments(found, today, wanted, step)
        rows: Iterable[Row] = _combined(step)
    else:
        rows = found.rows
    for batch in _batches(rows, ROWS_AT_ONCE):
        with step() as source:
            _keep_rows(source, batch)
    with step() as source:
        if not source.rows_total:
            raise FileProblem(
                "The file has columns but no rows. Export it again with the patients."
            )
        _describe(source, found)
        ImportFragment.objects.filter(source_id=source.id).delete()


def read_table(file: BinaryIO) -> Table:
    """Read a small file of rows, such as corrected ones. Raises `FileProblem`."""
    found = read(file)
    if isinstance(found, Export):
        raise FileProblem("This is a FHIR export. Upload the file of rejected rows, corrected.")
    return found


def sealed_head(source: Import, head: queries.Head) -> bytes:
    return keyring(KeyUse.PROFILE).seal(orjson.dumps(head), IMPORT_TABLE, source.id)


def _forget(source: Import) -> None:
    ImportRows.objects.filter(source_id=source.id).delete()
    ImportFragment.objects.filter(source_id=source.id).delete()
    source.rows_read = source.rows_total = 0


def _keep_rows(source: Import, rows: list[Row]) -> None:
    piece = new_id()
    body = orjson.dumps([[row.number, row.cells, row.problem] for row in rows])
    sealed = keyring(KeyUse.PROFILE).seal(body, ROWS_TABLE, piece)
    bulk.rows(
        _KEEP,
        id=piece,
        organization=source.organization_id,
        source=source.id,
        first=source.rows_total,
        sealed=sealed,
    )
    source.rows_total += len(rows)
    source.rows_read = source.rows_total


_KEEP = """
INSERT INTO contacts_importrows (id, organization_id, source_id, first, sealed, new)
VALUES (%(id)s, %(organization)s, %(source)s, %(first)s, %(sealed)b, '{}')
"""


def _describe(source: Import, found: Table | Export) -> None:
    """Seal the names of the columns and how the file was read, beside its own name."""
    name = queries.head(source).file_name
    head = queries.Head(name, list(found.headers), str(found.kind), found.notes.as_json())
    source.headers = sealed_head(source, head)


def _keep_fragments(export: Export, today: date, wanted: set[str], step: Step) -> None:
    for batch in _batches(export.fragments(today, wanted), FRAGMENTS_AT_ONCE):
        with step() as source:
            if problems := [each for each in batch if isinstance(each, Row)]:
                _keep_rows(source, problems)
            ImportFragment.objects.bulk_create(
                _sealed(source, each) for each in batch if isinstance(each, Fragment)
            )
            source.rows_read += len(batch)


def _sealed(source: Import, fragment: Fragment) -> ImportFragment:
    kept = ImportFragment(
        source_id=source.id, patient=blind_index().wide_token("fhir patient", fragment.patient)
    )
    body = orjson.dumps(asdict(fragment))
    kept.sealed = keyring(KeyUse.PROFILE).seal(body, FRAGMENT_TABLE, kept.id)
    return kept


def _combined(step: Step) -> Iterator[Row]:
    """One row for each patient of an export, from the fragments that were kept."""
    for _, fragments in groupby(_fragments(step), key=lambda fragment: fragment.patient):
        yield combine(fragments)


def _fragments(step: Step) -> Iterator[Fragment]:
    """Everything that was kept, the fragments of one patient together."""
    patient = last = UUID(int=0)
    while True:
        with step() as source:
            batch = queries.fragments_after(source.id, patient, last, FRAGMENTS_AT_ONCE)
        if not batch:
            return
        patient, last = batch[-1][0].patient, batch[-1][0].id
        for _, body in batch:
            yield Fragment(**body)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
