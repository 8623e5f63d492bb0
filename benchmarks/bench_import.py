"""`make bench-import`: a million rows as a hospital exports them, from CSV to sealed and indexed.

The rows go the way that every import goes: uploaded, read, checked (the dry run), taken, by one
worker and its helper. The result counts reading and taking, for the dry run is a second look that a
person asks for; its own rate stands beside it. The ceiling writes rows that are sealed and packed
already. The peer is what Django applications do: a Fernet column for each field and `bulk_create`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF
from threading import Event
from typing import NamedTuple
from uuid import UUID

from benchmarks import people
from benchmarks.room import new_organization, report, set_up

GOAL = 30_000
RSS_GOAL_MB = 150
PEER_ROWS = 10_000
CEILING_ROWS = 40_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", nargs=2, metavar=("ORGANIZATION", "IMPORT"))
    options = parser.parse_args()
    if options.work:
        return work(*map(UUID, options.work))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patients.csv"
        writer = multiprocessing.Process(target=people.write_csv, args=(path, options.rows))
        writer.start()
        writer.join()
        measure(path, options.rows)
    return 0


def work(organization: UUID, source: UUID) -> int:
    """One turn of the import, as a worker does it. Prints its seconds, the peak memory in MB of the
    worker or its helper, whichever is more, and the seconds of processor time that Python and
    PostgreSQL took."""
    set_up()
    from contacts.services import run_import

    started, processor = time.perf_counter(), processor_time()
    with ThreadPoolExecutor(1) as thread:
        done = Event()
        helpers = thread.submit(helpers_memory, done)
        run_import(organization, source)
        seconds, processor = time.perf_counter() - started, processor_time() - processor
        done.set()
    print(seconds, max(peak_memory("self"), helpers.result()), processor, servers_time())
    return 0


def processor_time() -> float:
    """Seconds of processor time that this process and its helpers took."""
    own, children = (resource.getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_memory(process: str) -> float:
    """Megabytes. Not `getrusage`: that counts what the parent had when it started this process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def helpers_memory(done: Event) -> float:
    """The peak of this process's children, looked at until `done`."""
    peak = 0.0
    while not done.wait(0.2):
        for process in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
            with suppress(OSError, IndexError):  # it has just ended
                peak = max(peak, peak_memory(process))
    return peak


def servers_time() -> float:
    """Seconds of processor time that PostgreSQL took for this process so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [process] = cursor.fetchone()
    _, _, after_the_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")
    user, system = after_the_name.split()[11:13]  # proc(5): utime and stime, in clock ticks
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Turn(NamedTuple):
    """What one turn took: seconds, megabytes, and seconds of processor time."""

    seconds: float
    memory: float
    python: float
    postgresql: float


def measure(path: Path, rows: int) -> None:
    organization = new_organization()
    from contacts import queries, services
    from contacts.rules.imports import suggest_mapping
    from tenancy.current import acting_for
    from tenancy.models import new_id

    started = time.perf_counter()
    with acting_for(organization):
        source = services.start_upload(_pieces(path), path.name, new_id()).id
    seconds = {"upload": time.perf_counter() - started}
    turns = {"read": turn(organization, source)}
    with acting_for(organization):
        found = queries.import_by_id(source)
        assert found
        assert not found.problem, found.problem
        headers = queries.head(found).headers
        mapping = suggest_mapping(headers, queries.fields_by_key())
        services.confirm_mapping(source, {headers.index(h): key for h, key in mapping.items()})
    turns["check"] = turn(organization, source)
    with acting_for(organization):
        services.confirm_import(source)
    turns["take"] = turn(organization, source)
    seconds |= {name: each.seconds for name, each in turns.items()}
    with acting_for(organization):
        found = queries.import_by_id(source)
        total = queries.total()
    assert found
    assert found.created_count == total == rows - rows // 500, "rows were lost"
    rate = rows / (seconds["read"] + seconds["take"])
    peer, ceiling = fernet_columns(), ready_rows(organization)
    report(
        "bench-import",
        rate,
        "rows/s",
        GOAL,
        passed=rate >= GOAL
        and max(each.memory for each in turns.values()) <= RSS_GOAL_MB
        and rate >= 10 * peer,
        rows=rows,
        fields=len(people.HEADERS),
        seconds={name: round(each, 1) for name, each in seconds.items()},
        rows_per_second={name: round(rows / each) for name, each in seconds.items()},
        rejected=found.rejected_count,
        ceiling=round(ceiling),
        ratio=round(rate / ceiling, 2),
        peers={"bulk_create with a Fernet column per field": round(peer)},
        times_the_peer=round(rate / peer, 1),
        processor_us_per_row={
            name: {
                "python": round(each.python / rows * 1e6, 1),
                "postgresql": round(each.postgresql / rows * 1e6, 1),
            }
            for name, each in turns.items()
        },
        rss_mb={name: round(each.memory) for name, each in turns.items()},
        rss_goal_mb=RSS_GOAL_MB,
    )


def turn(organization: UUID, source: UUID) -> Turn:
    """A fresh worker does what is due."""
    command = [sys.executable, "-m", "benchmarks.bench_import"]
    done = subprocess.run(
        [*command, "--work", str(organization), str(source)],
        check=True,
        capture_output=True,
        text=True,
    )
    return Turn(*map(float, done.stdout.split()))


def ready_rows(organization: UUID) -> float:
    """Rows a second that PostgreSQL takes, through the same table and indexes, when they are
    sealed and packed already."""
    from django.utils import timezone

    from contacts import queries
    from contacts.rules.imports import Cleaner, suggest_mapping
    from contacts.services import incoming, saving
    from contacts.services.matching import Tools
    from contacts.services.reading import ROWS_AT_ONCE
    from tenancy.current import acting_for

    with acting_for(organization):
        fields = queries.fields_by_key()
        mapping = suggest_mapping(people.HEADERS, fields)
        columns = {people.HEADERS.index(header): key for header, key in mapping.items()}
        cleaner = Cleaner(columns, fields, queries.today())
        rows = people.rows(CEILING_ROWS, seed=2)
        cleans, _ = cleaner.clean_all(
            [(number, (f"C{row[0]}", *row[1:])) for number, row in enumerate(rows)]
        )
        pieces = [
            saving.prepare(cleans[first : first + ROWS_AT_ONCE], Tools.now(), look_up=False)
            for first in range(0, len(cleans), ROWS_AT_ONCE)
        ]
    started = time.perf_counter()
    for piece in pieces:
        with acting_for(organization):
            incoming.write(piece.rows, 1, timezone.now())
    return len(cleans) / (time.perf_counter() - started)


def fernet_columns() -> float:
    """Rows a second by `bulk_create` of a model with a Fernet column for each field."""
    from benchmarks.peer import make_table

    model, seal = make_table(len(people.HEADERS))
    rows = list(people.rows(PEER_ROWS, seed=3))
    started = time.perf_counter()
    model.objects.bulk_create(
        (model(**{f"field_{at}": seal(cell) for at, cell in enumerate(row)}) for row in rows),
        batch_size=1_000,
    )
    return PEER_ROWS / (time.perf_counter() - started)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 16):
            yield piece


if __name__ == "__main__":
    sys.exit(main())
