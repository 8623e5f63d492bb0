"""A worker that is killed in the middle of an import neither loses nor doubles a row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.rules import Role
from contacts import queries, services
from contacts.models import Contact, Import, ImportChange, ImportChunk, ImportReject, ImportRows
from contacts.rules.imports import suggest_mapping
from contacts.services.reading import ROWS_AT_ONCE
from contacts.tasks import run_import
from tenancy.current import acting_for
from tests.contacts.patients import as_csv, import_file, newest_import, patient, upload
from tests.people import Room

ROWS, BAD, KNOWN = 12_000, 60, 3_000
WORKER = """
import sys
from uuid import UUID
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from contacts import services
services.run_import(UUID(sys.argv[2]), UUID(sys.argv[3]))
"""


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are not sent: a worker of the machine would work on another database."""
    monkeypatch.setattr("celery.app.base.Celery.send_task", lambda *_args, **_kwargs: None)


def _file() -> bytes:
    return as_csv(
        patient(
            n,
            DOB="never" if n % (ROWS // BAD) == 0 else "07/23/1951",
            Department="Surgery",
        )
        for n in range(ROWS)
    )


def _work(room: Room, source: Import) -> Import:
    run_import(str(room.riverside.id), str(source.id))
    return newest_import(room)


def _uploaded(room: Room, browser: Client) -> Import:
    """Some patients are here already. A file of ROWS rows, BAD of them bad, is there to be read."""
    import_file(browser, room, as_csv(patient(n) for n in range(1, KNOWN)))
    upload(browser, room, _file())
    return newest_import(room)


def _to_check(room: Room, browser: Client) -> Import:
    source = _work(room, _uploaded(room, browser))
    with acting_for(room.riverside.id):
        headers = queries.head(source).headers
        keys = suggest_mapping(headers, queries.fields_by_key())
        services.confirm_mapping(source.id, {n: keys[name] for n, name in enumerate(headers)})
    return newest_import(room)


def _to_import(room: Room, browser: Client) -> Import:
    source = _work(room, _to_check(room, browser))
    with acting_for(room.riverside.id):
        services.confirm_import(source.id)
    return newest_import(room)


def _to_undo(room: Room, browser: Client) -> Import:
    source = _work(room, _to_import(room, browser))
    with acting_for(room.riverside.id):
        assert services.undo_import(source.id, timezone.now())
    return newest_import(room)


def _start_worker(database: str, organization: UUID, source: UUID) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, database, str(organization), str(source)],
        cwd=Path(settings.BASE_DIR),
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_for_some_rows(room: Room, worker: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.poll() is None:
        if read := newest_import(room).rows_read:
            return read
        time.sleep(0.01)
    raise AssertionError("the worker read nothing")


def _good_rows() -> tuple[int, int, int, int]:
    """New, updated, unchanged and rejected rows of the file."""
    known_and_bad = len([n for n in range(1, KNOWN) if n % (ROWS // BAD) == 0])
    updated = KNOWN - 1 - known_and_bad
    return ROWS - BAD - updated, updated, 0, BAD


def _counts(source: Import) -> tuple[int, int, int, int]:
    return (
        source.created_count,
        source.updated_count,
        source.unchanged_count,
        source.rejected_count,
    )


def _every_row_was_read(source: Import) -> None:
    assert (source.status, source.rows_total) == ("matching", ROWS)
    read, after = 0, 0
    while rows := queries.rows_from(source.id, after):
        assert [row.number for row in rows] == list(range(after + 2, after + 2 + len(rows)))
        after += len(rows)
        read += len(rows)
    assert read == ROWS
    assert not ImportChunk.objects.exists()


def _every_row_was_checked(source: Import) -> None:
    assert (source.status, _counts(source)) == ("checked", _good_rows())
    assert ImportReject.objects.count() == BAD
    assert Contact.objects.count() == KNOWN - 1


def _every_row_was_taken(source: Import) -> None:
    assert (source.status, _counts(source)) == ("done", _good_rows())
    created, updated, _, _ = _good_rows()
    assert Contact.objects.count() == KNOWN - 1 + created
    assert ImportChange.objects.filter(source_id=source.id).count() == updated
    assert ImportReject.objects.count() == BAD
    assert not ImportRows.objects.exists()


def _everybody_is_back(source: Import) -> None:
    assert (source.status, source.kept_count) == ("undone", 0)
    people = list(Contact.objects.values_list("id", flat=True))
    assert len(people) == KNOWN - 1
    departments = {each.profile["department"] for each in queries.opened(people).values()}
    assert departments == {"Cardiology"}


@pytest.mark.parametrize(
    ("prepare", "check"),
    [
        (_uploaded, _every_row_was_read),
        (_to_check, _every_row_was_checked),
        (_to_import, _every_row_was_taken),
        (_to_undo, _everybody_is_back),
    ],
    ids=["reading", "checking", "running", "undoing"],
)
def test_killed_in_the_middle_and_taken_up_again(
    committed_room: Room,
    own_database: str,
    prepare: Callable[[Room, Client], Import],
    check: Callable[[Import], None],
) -> None:
    room = committed_room
    source = prepare(room, room.client(Role.MARKETER))
    status = source.status
    worker = _start_worker(own_database, room.riverside.id, source.id)
    try:
        read = _wait_for_some_rows(room, worker)
        worker.send_signal(signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()
    stopped = newest_import(room)
    assert (stopped.status, 0 < read <= stopped.rows_read < ROWS) == (status, True)
    assert _work(room, source).rows_read == stopped.rows_read, "the dead worker's lease still holds"
    assert (room.riverside.id, source.id) not in queries.stranded_imports()
    with acting_for(room.riverside.id):
        Import.objects.filter(id=source.id).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
    assert queries.stranded_imports() == [(room.riverside.id, source.id)]
    done = _work(room, source)
    with acting_for(room.riverside.id):
        check(done)
    assert queries.stranded_imports() == []


def test_a_worker_that_lost_its_lease_writes_nothing_more(committed_room: Room) -> None:
    room = committed_room
    source = _to_import(room, room.client(Role.MARKETER))
    pieces = 0

    def take_over_after_the_first_piece(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        nonlocal pieces
        result = execute(sql, params, many, context)
        if sql.startswith('UPDATE "contacts_import"') and "rows_read" in sql:
            pieces += 1
            if pieces == 2:  # the first only claims the import
                stolen = timezone.now() + services.importing.LEASE * 2
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE contacts_import SET lease_until = %s", [stolen])
        return result

    with connection.execute_wrapper(take_over_after_the_first_piece):
        left = _work(room, source)
    assert (left.status, left.rows_read) == ("running", ROWS_AT_ONCE)
    with acting_for(room.riverside.id):
        assert Contact.objects.count() == KNOWN - 1 + left.created_count


def test_a_worker_whose_import_was_cancelled_stops_in_the_middle_of_the_file(
    committed_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cancels deletes the pieces of the file under the worker's hands."""
    room = committed_room
    source = _uploaded(room, room.client(Role.MARKETER))
    opened, pieces = queries.UploadedBytes._opened, []

    def cancel_before_the_second(file: queries.UploadedBytes, number: int) -> bytes:
        pieces.append(number)
        if number == 1:
            with acting_for(room.riverside.id):
                assert services.cancel_import(source.id)
        return opened(file, number)

    monkeypatch.setattr(queries.UploadedBytes, "_opened", cancel_before_the_second)
    assert _work(room, source).status == "cancelled"
    assert 1 in pieces
    with acting_for(room.riverside.id):
        assert not ImportRows.objects.exists()
        assert not ImportChunk.objects.exists()
