"""Opens and clicks on their way from the web process to the database: a Redis stream between.

No page waits for Redis: visits gather for some milliseconds, and one entry of the stream holds
many. A worker takes entries out, and each leaves the stream only after its rows are committed; one
whose worker was killed is taken up by the next, and its rows are there once, because a visit brings
its key along.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from multiprocessing.util import Finalize
from operator import itemgetter
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import connection

from delivery.visits import Visitor

log = structlog.get_logger(__name__)

GROUP = "storing"
GATHERING = 0.01
"""Seconds for which visits gather."""
TOGETHER = 100
"""Visits in one entry of the stream, at most."""
KEPT = 200_000
"""Visits that a process keeps while Redis is away; then it drops the oldest."""
LOOK_AGAIN = 1.0
"""Seconds after which a Redis that was away is asked again."""
LONGEST = 80_000
"""Entries of the stream, at most 480 MB: older ones are dropped when nobody stores any."""
STRANDED_AFTER = 60_000
"""Milliseconds after which an entry that a worker took, and did not finish, is another's."""

_ENTRY = struct.Struct("!16s16s16sdBBh")
_KINDS = ("opened", "clicked")
_VISITORS = tuple(Visitor)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody, or something, fetched a pixel or followed a link."""

    id: UUID
    organization_id: UUID
    message_id: UUID
    kind: str
    visitor: Visitor
    at: datetime
    link: int | None = None


Taken = tuple[bytes, list[Visit]]
"""An entry's name in the stream, and what it holds."""


def stream() -> str:
    """The stream's name: each database has its own."""
    return f"visits:{connection.settings_dict['NAME']}"


def append(visit: Visit) -> None:
    """Put a visit on its way; never waits, and never fails."""
    entry = _ENTRY.pack(
        visit.organization_id.bytes,
        visit.message_id.bytes,
        visit.id.bytes,
        visit.at.timestamp(),
        _KINDS.index(visit.kind),
        _VISITORS.index(visit.visitor),
        -1 if visit.link is None else visit.link,
    )
    _outbox(os.getpid()).put(stream(), entry)


def hand_over() -> None:
    """Have everything that was appended in the stream now. Raises `redis.RedisError`."""
    _outbox(os.getpid()).hand_over()


class _Outbox:
    """What one process has appended. A thread hands it over, many visits at a time, and keeps what
    it could not. Only a process that is killed takes along what gathered within `GATHERING`."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._something = threading.Event()
        self._turn = threading.Lock()
        threading.Thread(target=self._keep_handing_over, name="visits", daemon=True).start()
        # Web servers fork their workers, and those never come to `atexit`.
        Finalize(None, self._at_exit, exitpriority=10)

    def put(self, name: str, entry: bytes) -> None:
        if len(self._waiting) >= KEPT:
            with suppress(IndexError):
                self._waiting.popleft()
        self._waiting.append((name, entry))
        if not self._something.is_set():
            self._something.set()

    def hand_over(self) -> None:
        with self._turn:
            while self._waiting:
                self._hand_over_some()

    def _hand_over_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        try:
            for name, entries in groupby(some, itemgetter(0)):
                together = b"".join(entry for _, entry in entries)
                _client(os.getpid()).xadd(name, {b"v": together}, maxlen=LONGEST)
        except BaseException:
            self._waiting.extendleft(reversed(some))  # twice in the stream is stored once
            raise

    def _keep_handing_over(self) -> None:
        while self._something.wait():
            self._something.clear()
            time.sleep(GATHERING)
            try:
                self.hand_over()
            except Exception:  # without this thread, all that comes would be lost
                log.warning("visits_wait", number=len(self._waiting), exc_info=True)
                time.sleep(LOOK_AGAIN)
                self._something.set()

    def _at_exit(self) -> None:
        with suppress(redis.RedisError):
            self.hand_over()


@lru_cache(maxsize=1)
def _outbox(_process: int) -> _Outbox:
    """This process's own."""
    return _Outbox()


def take(most: int) -> list[Taken]:
    """Entries, at most so many, that nobody has taken yet, or that were stranded. They stay in the
    stream."""
    client, consumer = _client(os.getpid()), f"worker-{os.getpid()}"
    try:
        answer = client.xreadgroup(GROUP, consumer, {stream(): ">"}, count=most)
    except redis.ResponseError:
        client.xgroup_create(stream(), GROUP, id="0", mkstream=True)
        answer = client.xreadgroup(GROUP, consumer, {stream(): ">"}, count=most)
    entries = answer[0][1] if answer else []
    if not entries:
        entries = client.xautoclaim(stream(), GROUP, consumer, STRANDED_AFTER, count=most)[1]
    return [(name, _read(fields[b"v"])) for name, fields in entries if fields]


def done(names: Sequence[bytes]) -> None:
    """These are stored."""
    if names:
        with _client(os.getpid()).pipeline(transaction=False) as pipe:
            pipe.xack(stream(), GROUP, *names)
            pipe.xdel(stream(), *names)
            pipe.execute()


def _read(together: bytes) -> list[Visit]:
    return [
        Visit(
            UUID(bytes=identifier),
            UUID(bytes=organization),
            UUID(bytes=message),
            _KINDS[kind],
            _VISITORS[visitor],
            datetime.fromtimestamp(at, UTC),
            None if link < 0 else link,
        )
        for organization, message, identifier, at, kind, visitor, link in _ENTRY.iter_unpack(
            together
        )
    ]


@lru_cache(maxsize=1)
def _client(_process: int) -> Any:
    """This process's own."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
