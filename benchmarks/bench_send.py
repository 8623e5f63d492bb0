"""`make bench-send`: a hundred thousand personal messages over verified TLS, in three ways.

10 KB of HTML with twelve merge fields and twenty links, to patients who signed an authorization:
claim, permit, unseal, render, DKIM (RSA-2048 and Ed25519), verified TLS over reused connections, a
row, an event and evidence for each. Two worker processes of ours, a sink in a third, PostgreSQL,
all on the same cores. `signed`: by us; `unsigned`: a relay signs; `delayed`: unsigned, and every
answer comes 30 ms late. Beside each stands the ceiling: a loop that only signs (or not) and sends
ready-made bytes over as many connections; and the peers over the same sink, which neither decide,
seal nor record.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from multiprocessing.queues import Queue
from typing import Any
from uuid import UUID

from benchmarks.post_room import Sink, cpu_of, mailing_to_all, organization_with
from benchmarks.room import report

WORKERS = 2
GOALS = {"signed": 1_500, "unsigned": 5_000, "delayed": 2_000}
DELAY_MS = {"delayed": 30}
CONNECTIONS = {"signed": 60, "unsigned": 60, "delayed": 150}
RATIO, MEMORY_MB = 0.6, 150
MODES = tuple(GOALS)
PEERS = {
    "signed": ["send_mass_mail_dkimpy"],
    "unsigned": ["send_messages", "send_mass_mail", "post_office"],
    "delayed": [],
}
PEER_MESSAGES = {"send_mass_mail_dkimpy": 300}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--run", choices=MODES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        return _run(chosen.run, chosen.recipients)
    results = {mode: _apart(mode, chosen.recipients) for mode in chosen.mode or MODES}
    first = next(iter(results))
    report(
        "bench-send",
        results[first]["per_second"],
        "messages/s",
        GOALS[first],
        passed=all(each["pass"] for each in results.values()),
        ceiling=results[first]["ceiling"],
        ratio=results[first]["ratio"],
        peers={name: rate for each in results.values() for name, rate in each["peers"].items()},
        rss_mb=max(each["rss_mb"] for each in results.values()),
        modes=results,
    )
    return 0


def _apart(mode: str, recipients: int) -> dict[str, Any]:
    """One way, in a process of its own: settings are read once in each."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.bench_send"),
            *("--run", mode, "--recipients", str(recipients)),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    print(done.stdout, end="", flush=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _run(mode: str, recipients: int) -> int:
    from benchmarks.sending_peers import ceiling, peer

    sink = Sink(DELAY_MS.get(mode, 0), CONNECTIONS[mode])
    organization = organization_with(recipients * 20 // 19)  # one in twenty has no address
    mailing_to_all(organization, signed=mode == "signed")
    before = sink.cpu()
    seconds, sent, workers = _send(organization)
    sink_cpu = sink.cpu() - before
    rate = sent / seconds
    raw = ceiling(sink.world, mode == "signed", CONNECTIONS[mode], WORKERS)
    os.environ["PEER_DATABASE"] = _owners_database()
    peers = {name: peer(name, sink.world, PEER_MESSAGES.get(name, 1_000)) for name in PEERS[mode]}
    counted = sink.stop()
    memory = max(each["rss_mb"] for each in workers)
    stages = {
        stage: round(sum(each["cpu"][stage] for each in workers) / sent * 1e6)
        for stage in workers[0]["cpu"]
    }
    result = {
        "mode": mode,
        "per_second": round(rate),
        "goal": GOALS[mode],
        "sent": sent,
        "seconds": round(seconds, 1),
        "ceiling": round(raw),
        "ratio": round(rate / raw, 2),
        "peers": peers,
        "cpu_us_per_message": stages | {"sink": round(sink_cpu / sent * 1e6)},
        "rss_mb": memory,
        "arrived_twice": counted["messages"] - counted["different"],
        "pass": rate >= GOALS[mode]
        and rate >= RATIO * raw
        and memory < MEMORY_MB
        and all(rate > each for each in peers.values()),
    }
    print(json.dumps(result), flush=True)
    return 0


def _owners_database() -> str:
    """Where a peer may make its tables."""
    from django.conf import settings

    db = settings.DATABASES["owner"]
    return f"postgres://{db['USER']}:{db['PASSWORD']}@{db['HOST']}:{db['PORT']}/{db['NAME']}"


def _send(organization: UUID) -> tuple[float, int, list[dict[str, Any]]]:
    """Seconds, messages that were accepted, and what each worker used. Workers start before the
    clock does, as Celery's have."""
    from delivery.models import Message
    from delivery.rules import Status
    from tenancy.current import acting_for

    context = multiprocessing.get_context("spawn")
    ready, go, used = context.Queue(), context.Event(), context.Queue()
    workers = [
        context.Process(target=_worker, args=(number, ready, go, used)) for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.get()
    started = time.perf_counter()
    go.set()
    found = [used.get() for _ in workers]
    seconds = time.perf_counter() - started
    with acting_for(organization):
        sent = Message.objects.filter(status=Status.ACCEPTED).count()
    return seconds, sent, found


def _worker(number: int, ready: Queue[int], go: Any, used: Queue[dict[str, Any]]) -> None:
    """What a Celery worker does with the batches that the pump hands it."""
    from benchmarks.room import set_up, work_as_a_worker

    set_up()
    work_as_a_worker()
    from django.db import connection

    from delivery import queries
    from delivery.services import sending

    queries.due_batches(1)
    sending.dispatcher()
    ready.put(number)
    go.wait()
    before = _cpu(connection)
    while due := queries.due_batches(64):
        for each in due[number * 8 :: WORKERS * 8] or due[:1]:
            sending.send_batch(*each)
    after = _cpu(connection)
    sending.dispatcher().close_idle()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    used.put({"rss_mb": peak, "cpu": {name: after[name] - before[name] for name in after}})


def _cpu(connection: Any) -> dict[str, float]:
    """Seconds of processor time by stage: the main thread decides, unseals, renders, records and
    speaks SMTP and TLS; the signers sign; and this worker's PostgreSQL process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        used = {"postgresql": cpu_of(f"/proc/{cursor.fetchone()[0]}/stat")}
    used |= {"prepare_send_record": 0.0, "sign": 0.0}
    for thread in threading.enumerate():
        name = "prepare_send_record" if thread.name == "MainThread" else "sign"
        stat = f"/proc/self/task/{thread.native_id}/stat"
        if os.path.exists(stat):  # noqa: PTH110
            used[name] += cpu_of(stat)
    return used


if __name__ == "__main__":
    sys.exit(main())
