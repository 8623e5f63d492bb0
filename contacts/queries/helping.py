"""A second process for opening everybody: where the blind index cannot answer, one core would take
twice as long.

The helper is a program of its own, not a fork: whoever asks may have threads, and a connection to
the database that two processes must not share. What it is asked goes through a pipe, for segments
name diagnoses. It takes a second to start, so it gets the smaller part.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import IO
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
PATIENCE = 60.0
"""Seconds that the helper, who has the smaller part, may take more than twice our own time. What it
has not found by then, or when it fails, is found here."""

log = structlog.get_logger()

_ID, _DOMAIN = 16, 1  # octets: an id, the length of a domain
_PROGRAM = """
import django
django.setup()
from contacts.queries.helping import help_out
help_out()
"""


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
    started = time.monotonic()
    with _helper() as helper, ThreadPoolExecutor(1, "helper") as listening:
        try:
            answer = listening.submit(helper.communicate, _question(tree, today))
            yield from ((who, domain) for who, domain, _ in matches(tree, True, today, OURS))
            patience = time.monotonic() - started + PATIENCE
            found = _found_by(helper, answer, patience)
        finally:
            helper.kill()  # whoever asked may have stopped listening
    if found is not None:
        yield from _read(found)
        return
    log.error("helper_failed")
    yield from ((who, domain) for who, domain, _ in matches(tree, True, today, HELPED))


def _helper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=settings.BASE_DIR,
    )


def _question(tree: segments.Segment, today: date) -> bytes:
    return orjson.dumps(
        {
            "organization": current_organization_id(),
            "database": connection.settings_dict["NAME"],
            "tree": segments.to_json(tree),
            "today": today,
        }
    )


def _found_by(
    helper: subprocess.Popen[bytes], answer: Future[tuple[bytes, bytes]], seconds: float
) -> bytes | None:
    """What the helper wrote; None if it did not come to its end."""
    try:
        found, _ = answer.result(seconds)
    except (TimeoutError, OSError, ValueError):
        return None
    return found if helper.returncode == 0 else None


def _read(found: bytes) -> Iterator[tuple[bytes, str]]:
    at = 0
    while at < len(found):
        end = at + _ID + _DOMAIN + found[at + _ID]
        yield found[at : at + _ID], found[at + _ID + _DOMAIN : end].decode()
        at = end
