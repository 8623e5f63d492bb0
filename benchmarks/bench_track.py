"""`make bench-track`: opens and clicks as they come after a large mailing, through the real views.

granian with two workers, one process that asks over keep-alive connections, the storing worker in
a process of its own, Valkey and PostgreSQL, all on the same cores. Four of five requests fetch a
pixel, one follows a link. In the middle the storing worker is killed (SIGKILL) and another started.
At the end what was answered is compared with what the database holds. The ceiling is the same
server with an application that gives the pixel and does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.post_room import cpu_of, mailing_to_all, organization_with
from benchmarks.room import report, set_up

GOAL = 4_000
WEB_WORKERS, BLOCKING_THREADS = 2, 8
CONNECTIONS = 32
LINKS = 20
CLICKS = 0.2
CEILING_SECONDS = 5.0
PIXEL = b"GIF89a" + bytes(37)
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n"
)


def ready_made(
    _environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> list[bytes]:
    """A WSGI application that knows nothing."""
    start_response("200 OK", [("Content-Type", "image/gif"), ("Content-Length", str(len(PIXEL)))])
    return [PIXEL]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--store", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.store:
        return _store()
    if chosen.load:
        return _load(chosen.load, chosen.port, chosen.seconds)
    organization = organization_with(chosen.messages * 20 // 19)
    mailing_to_all(organization)
    paths = _accepted(organization)
    with _web("benchmarks.bench_track:ready_made") as (_, port):
        ceiling = _asked(_asking(paths, port, CEILING_SECONDS))["per_second"]
    found = _burst(paths, chosen.seconds)
    waiting = _drained()
    stored = _stored(organization)
    answered = found["in_all"]
    same = stored == {"opened": answered["200"], "clicked": answered["302"]} and len(answered) == 2
    report(
        "bench-track",
        found["per_second"],
        "requests/s",
        GOAL,
        passed=found["per_second"] >= GOAL and same,
        ceiling=round(ceiling),
        ratio=round(found["per_second"] / ceiling, 2),
        peers={},
        answered=answered,
        stored=stored,
        all_stored_once=same,
        stored_after_the_burst=waiting,
        **{name: found[name] for name in ("ms_median", "ms_99", "cpu_us_per_request", "workers")},
    )
    return 0 if same else 1


def _burst(paths: Path, seconds: float) -> dict[str, Any]:
    """What the asking process found, and what everybody used."""
    with _web("config.wsgi:application") as (web, port):
        first = _asked(_asking(paths, port, 1))  # these fill caches
        storing = [_storing()]
        before_storing = _cpu_when_ready(storing[0])
        before = _cpu_of_tree(web.pid), _cpu_of_valkey()
        asking = _asking(paths, port, seconds)
        time.sleep(seconds / 2)
        storing_cpu = _killed(storing[0], signal.SIGKILL) - before_storing
        storing.append(_storing())
        found = _asked(asking)
        web_cpu, valkey_cpu = _cpu_of_tree(web.pid) - before[0], _cpu_of_valkey() - before[1]
        before_storing = _cpu_when_ready(storing[1])
        storing_cpu += _killed(storing[1], signal.SIGTERM) - before_storing
    found["in_all"] = dict(Counter(found["answered"]) + Counter(first["answered"]))
    used = {"web": web_cpu, "storing": storing_cpu, "valkey": valkey_cpu, "asking": found["cpu"]}
    number = sum(found["answered"].values())
    found["cpu_us_per_request"] = {name: round(cpu / number * 1e6) for name, cpu in used.items()}
    found["workers"] = {"web": WEB_WORKERS, "storing": 1, "killed": 1}
    return found


def _accepted(organization: UUID) -> Path:
    """Let servers have taken every message five minutes ago; the paths to ask for, mixed."""
    from django.db import connections

    from delivery.models import Message
    from delivery.tokens import MessageLinks
    from tenancy.current import acting_for
    from tenancy.keys import public_tokens
    from tenancy.models import Organization

    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_message SET status = 'accepted',"
            " settled_at = now() - interval '5 minutes'"
        )
        cursor.execute("VACUUM (ANALYZE) delivery_message")
    dice = random.Random(1)
    paths = []
    with acting_for(organization):
        code = Organization.objects.get(id=organization).public_code
        tokens = public_tokens()
        for message in Message.objects.values_list("id", flat=True):
            links = MessageLinks("", code, tokens, message)
            paths += [links.pixel()] * 4 + [links.click(dice.randrange(LINKS))]
    dice.shuffle(paths)
    file = Path(tempfile.mkdtemp(prefix="track-")) / "paths.txt"
    file.write_text("\n".join(paths))
    connections.close_all()
    return file


@contextmanager
def _web(application: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The web server as `make serve` starts it, but with two workers; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    root = Path(__file__).resolve().parent.parent
    web = subprocess.Popen(
        [
            Path(sys.executable).parent / "granian",
            *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"),
            *("--workers", str(WEB_WORKERS), "--blocking-threads", str(BLOCKING_THREADS)),
            *("--log-level", "error", "--working-dir", root, application),
        ],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(root)},
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        time.sleep(2)  # for the second worker
        yield web, port
    finally:
        web.terminate()
        try:
            web.wait(5)
        except subprocess.TimeoutExpired:
            for each in _tree(web.pid):
                os.kill(each, signal.SIGKILL)
            web.wait()


# The process that asks ----------------------------------------------------------------------------


def _asking(paths: Path, port: int, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.bench_track", "--load", str(paths)),
            *("--port", str(port), "--seconds", str(seconds)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def _asked(asking: subprocess.Popen[str]) -> dict[str, Any]:
    told, _ = asking.communicate()
    found: dict[str, Any] = json.loads(told)
    return found


def _load(paths: Path, port: int, seconds: float) -> int:
    import uvloop

    requests = [
        REQUEST.format(path=path, port=port).encode() for path in paths.read_text().split("\n")
    ]
    print(json.dumps(uvloop.run(_ask(requests, port, seconds))))
    return 0


async def _ask(requests: list[bytes], port: int, seconds: float) -> dict[str, Any]:
    """Ask for so long, and wait for every answer."""
    loop = asyncio.get_running_loop()
    start = random.randrange(len(requests))
    mixed = iter(requests[start:] + requests[:start])
    going = Asking(mixed, requests, time.perf_counter() + seconds)
    before, started = _own_cpu(), time.perf_counter()
    sessions = [
        (await loop.create_connection(lambda: Session(going), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(session.done for session in sessions))
    lasted = time.perf_counter() - started
    times = sorted(going.times)
    return {
        "answered": {str(status): number for status, number in going.answered.items()},
        "per_second": sum(going.answered.values()) / lasted,
        "ms_median": round(times[len(times) // 2] * 1e3, 1),
        "ms_99": round(times[len(times) * 99 // 100] * 1e3, 1),
        "cpu": _own_cpu() - before,
    }


class Asking:
    """What all connections share."""

    def __init__(self, mixed: Iterator[bytes], requests: list[bytes], until: float) -> None:
        self.until = until
        self.answered: Counter[int] = Counter()
        self.times: list[float] = []
        self._mixed = mixed
        self._requests = requests

    def next(self) -> bytes:
        """The next request; they begin again when all were asked."""
        try:
            return next(self._mixed)
        except StopIteration:
            self._mixed = iter(self._requests)
            return next(self._mixed)


class Session(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, asking: Asking) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._asking = asking
        self._buffer = b""
        self._asked_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        found = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(found or b"0"):
            return
        self._buffer = b""
        self._asking.answered[int(head[9:12])] += 1
        self._asking.times.append(time.perf_counter() - self._asked_at)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))

    def _next(self) -> None:
        self._asked_at = time.perf_counter()
        if self._asked_at < self._asking.until:
            self._transport.write(self._asking.next())
        else:
            self.done.set_result(None)
            self._transport.close()


# The process that stores --------------------------------------------------------------------------


def _storing() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bench_track", "--store"], stdout=subprocess.PIPE
    )


def _cpu_when_ready(worker: subprocess.Popen[bytes]) -> float:
    """Wait until it stores; the processor time that starting took."""
    assert worker.stdout is not None
    return float(worker.stdout.readline())


def _store() -> int:
    """What the beat has a Celery worker do every second."""
    set_up()
    from delivery.services.tracking import store_visits

    print(_own_cpu(), flush=True)
    while True:
        store_visits()
        time.sleep(1)


def _killed(worker: subprocess.Popen[bytes], how: signal.Signals) -> float:
    """Kill it; the processor time that it used."""
    used = cpu_of(f"/proc/{worker.pid}/stat")
    worker.send_signal(how)
    worker.wait()
    return used


def _drained() -> int:
    """Store what still waits, also what the killed worker had taken: its minute is over."""
    from delivery import tracking
    from delivery.services.tracking import store_visits

    tracking.STRANDED_AFTER = 0
    stored = 0
    while some := store_visits():
        stored += some
    return stored


def _stored(organization: UUID) -> dict[str, int]:
    from django.db.models import Count

    from delivery.models import Event
    from tenancy.current import acting_for

    with acting_for(organization):
        kinds = Event.objects.filter(kind__in=("opened", "clicked")).values_list("kind")
        return dict(kinds.annotate(Count("id")).order_by())


# What it costs ------------------------------------------------------------------------------------


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _tree(pid: int) -> list[int]:
    """A process and those it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _cpu_of_tree(pid: int) -> float:
    return sum(cpu_of(f"/proc/{each}/stat") for each in _tree(pid))


def _cpu_of_valkey() -> float:
    import redis
    from django.conf import settings

    used = redis.Redis.from_url(settings.REDIS_URL).info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


if __name__ == "__main__":
    sys.exit(main())
