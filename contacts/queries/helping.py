"""A second process for opening everybody: where the blind index cannot answer, one core would take
twice as long.

The helper is a program of its own, not a fork: whoever asks may have threads, and a connection to
the database that two processes must not share. What it is asked goes through a pipe, for segments
name diagnoses. It takes a second to start, so it gets the smaller part.
"""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import IO, Any, cast
from uuid import UUID

import orjson
import structlog
from django.conf import settings
from django.db import connection

from contacts.models import Contact
from contacts.queries.definitions import vocabulary
from contacts.queries.opening import Part, matches
from contacts.rules import segments
from tenancy.current import acting_for, current_organization_id

WORTH_IT = 600_000
"""Contacts from which on the helper is asked. With fewer its start takes longer than it saves."""
HELPED, OURS = Part(0, 96), Part(96, 256)
ASKED_EACH = 1_000
"""Matches of our own between two looks at what the helper has found."""

log = structlog.get_logger()

_ID, _DOMAIN = 16, 1  # octets: an id, the length of a domain
_PROGRAM = """
import django
django.setup()
from contacts.queries.helping import help_out
help_out()
"""


class HelperFailed(RuntimeError):
    """The other process ended before it had decided about everybody. Ask again."""


def everybody_matching(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    """Id and mail domain of whoever matches, of all contacts, each opened."""
    if Contact.objects.all()[WORTH_IT : WORTH_IT + 1].exists():
        yield from _by_two(tree, today)
    else:
        yield from ((who, domain) for who, domain, _ in matches(tree, True, today))


def help_out() -> None:
    """The helper's work: read what is asked from the input, write who matches to the output."""
    try:
        _answer(orjson.loads(sys.stdin.buffer.read()), sys.stdout.buffer)
    except Exception:
        log.exception("helper_failed")  # a traceback would show the text of the exception, too
        sys.exit(1)


def _answer(asked: dict[str, str], out: IO[bytes]) -> None:
    connection.settings_dict["NAME"] = asked["database"]
    with acting_for(UUID(asked["organization"])):
        tree = segments.parse(asked["tree"], vocabulary())
        for who, domain, _ in matches(tree, True, date.fromisoformat(asked["today"]), HELPED):
            name = domain.encode()
            out.write(who + bytes((len(name),)) + name)
    out.flush()


def _by_two(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    with _helper(tree, today) as helper:
        found = _Found(helper)
        for number, (who, domain, _) in enumerate(matches(tree, True, today, OURS)):
            yield who, domain
            if number % ASKED_EACH == 0:
                yield from found.so_far()
        yield from found.the_rest()


@contextmanager
def _helper(tree: segments.Segment, today: date) -> Iterator[subprocess.Popen[bytes]]:
    asked: dict[str, Any] = {
        "organization": current_organization_id(),
        "database": connection.settings_dict["NAME"],
        "tree": segments.to_json(tree),
        "today": today,
    }
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        bufsize=0,
    ) as helper:
        try:
            with cast(IO[bytes], helper.stdin) as question:
                question.write(orjson.dumps(asked))
            yield helper
        finally:
            helper.kill()  # whoever asked may have stopped listening


class _Found:
    """What a helper writes, read as it comes: a pipe that is full would stop it."""

    def __init__(self, helper: subprocess.Popen[bytes]) -> None:
        self._helper, self._out, self._rest = helper, cast(IO[bytes], helper.stdout), b""

    def so_far(self) -> Iterator[tuple[bytes, str]]:
        """What is there by now, without waiting."""
        while select.select([self._out], [], [], 0)[0] and (octets := self._out.read(1 << 16)):
            yield from self._read(octets)

    def the_rest(self) -> Iterator[tuple[bytes, str]]:
        """All that is left. Raises `HelperFailed`."""
        while octets := self._out.read(1 << 16):
            yield from self._read(octets)
        if self._helper.wait() or self._rest:
            raise HelperFailed("the process that helps to open profiles failed")

    def _read(self, octets: bytes) -> Iterator[tuple[bytes, str]]:
        octets, at = self._rest + octets, 0
        while at + _ID < len(octets):
            end = at + _ID + _DOMAIN + octets[at + _ID]
            if end > len(octets):
                break
            yield octets[at : at + _ID], octets[at + _ID + _DOMAIN : end].decode()
            at = end
        self._rest = octets[at:]
