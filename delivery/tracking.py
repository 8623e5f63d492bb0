"""Opens and clicks on their way from the web process to the database: a Redis stream between.

The reader's page costs one append and no transaction. A worker takes visits out in bulk, and an
entry leaves the stream only after its row is committed; one whose worker was killed is taken up by
the next, and its row is there once, because the visit brings its key along.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection

from delivery.visits import Visitor

GROUP = "storing"
LONGEST = 5_000_000
"""Entries, some 500 MB: older ones are dropped when nobody stores any for hours."""
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


Taken = tuple[bytes, Visit]
"""An entry's name in the stream, and what it holds."""


def stream() -> str:
    """The stream's name: each database has its own."""
    return f"visits:{connection.settings_dict['NAME']}"


def append(visit: Visit) -> None:
    """Hand a visit over. Raises `redis.RedisError`.

    A connection that broke meanwhile is opened again, and then the visit may be in the stream
    twice: it is stored once.
    """
    entry = _ENTRY.pack(
        visit.organization_id.bytes,
        visit.message_id.bytes,
        visit.id.bytes,
        visit.at.timestamp(),
        _KINDS.index(visit.kind),
        _VISITORS.index(visit.visitor),
        -1 if visit.link is None else visit.link,
    )
    command = _command(stream()) + entry + b"\r\n"
    try:
        _said(command)
    except redis.ConnectionError:
        _said(command)


@lru_cache(maxsize=16)
def _command(stream: str) -> bytes:
    """XADD in the server's own form, up to the entry: packing it takes longer than all the rest."""
    words = ("XADD", stream, "MAXLEN", "~", str(LONGEST), "*", "v")
    packed = b"".join(b"$%d\r\n%b\r\n" % (len(each), each) for each in map(str.encode, words))
    return b"*%d\r\n%b$%d\r\n" % (len(words) + 1, packed, _ENTRY.size)


def _said(command: bytes) -> None:
    """Send a command over this thread's own connection, and wait for the answer."""
    client = _client(os.getpid())
    if getattr(_thread, "client", None) is not client:
        _thread.client, _thread.connection = client, client.connection_pool.make_connection()
    _thread.connection.send_packed_command([command], check_health=False)
    _thread.connection.read_response()


_thread = threading.local()


def take(most: int) -> list[Taken]:
    """Visits that nobody has taken yet, or that were stranded; they stay in the stream."""
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


def _read(entry: bytes) -> Visit:
    organization, message, identifier, at, kind, visitor, link = _ENTRY.unpack(entry)
    return Visit(
        UUID(bytes=identifier),
        UUID(bytes=organization),
        UUID(bytes=message),
        _KINDS[kind],
        _VISITORS[visitor],
        datetime.fromtimestamp(at, UTC),
        None if link < 0 else link,
    )


@lru_cache(maxsize=1)
def _client(_process: int) -> Any:
    """This process's own."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
