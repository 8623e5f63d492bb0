"""A worker that is killed in the middle of an import neither loses nor doubles a row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.rules import Role
from contacts import queries, services
from contacts.models import Contact, Import, ImportReject
from contacts.rules.imports import suggest_mapping
from contacts.tasks import run_import
from tenancy.current import acting_for
from tests.contacts.patients import as_csv, newest_import, patient, upload
from tests.people import Room

ROWS, BAD = 6_000, 60
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


def _queued(room: Room) -> Import:
    """An import of ROWS patients and BAD bad rows, waiting for a worker."""
    rows = [
        patient(n, DOB="never" if n % (ROWS // BAD) == 0 else "07/23/1951") for n in range(ROWS)
    ]
    browser = room.client(Role.MARKETER)
    upload(browser, room, as_csv(rows))
    source = newest_import(room)
    with acting_for(room.riverside.id):
        headers = queries.head(source).headers
        keys = suggest_mapping(headers, queries.fields_by_key())
        # Not through the page, which would hand the task to a worker of the machine.
        source.mapping = {n: keys[header] for n, header in enumerate(headers)}
        source.status = "queued"
        source.save()
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


def test_killed_in_the_middle_and_taken_up_again(committed_room: Room, own_database: str) -> None:
    room, source = committed_room, _queued(committed_room)
    worker = _start_worker(own_database, room.riverside.id, source.id)
    try:
        read = _wait_for_some_rows(room, worker)
        worker.send_signal(signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()
    stopped = newest_import(room)
    assert 0 < read <= stopped.rows_read < ROWS
    run_import(str(room.riverside.id), str(source.id))
    assert newest_import(room).rows_read == stopped.rows_read, "the dead worker's lease still holds"
    assert (room.riverside.id, source.id) not in queries.stranded_imports()
    with acting_for(room.riverside.id):
        Import.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert queries.stranded_imports() == [(room.riverside.id, source.id)]
    run_import(str(room.riverside.id), str(source.id))
    _check_every_row_once(room)
    assert queries.stranded_imports() == []


def _check_every_row_once(room: Room) -> None:
    done = newest_import(room)
    assert (done.status, done.rows_read) == ("done", ROWS)
    assert (done.created_count, done.rejected_count) == (ROWS - BAD, BAD)
    assert (done.updated_count, done.unchanged_count) == (0, 0)
    with acting_for(room.riverside.id):
        assert Contact.objects.count() == ROWS - BAD
        assert ImportReject.objects.count() == BAD


def test_a_worker_that_lost_its_lease_writes_nothing_more(committed_room: Room) -> None:
    room, source = committed_room, _queued(committed_room)
    batches = 0

    def take_over_after_the_first_batch(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        nonlocal batches
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and "rows_read" in sql:
            batches += 1
            if batches == 1:
                stolen = timezone.now() + services.importing.LEASE * 2
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE contacts_import SET lease_until = %s", [stolen])
        return result

    with connection.execute_wrapper(take_over_after_the_first_batch):
        run_import(str(room.riverside.id), str(source.id))
    left = newest_import(room)
    assert (left.status, left.rows_read) == ("running", 500)
    with acting_for(room.riverside.id):
        assert Contact.objects.count() == left.created_count
