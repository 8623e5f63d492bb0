"""A second process for opening everybody, where the blind index cannot answer.

It takes a second to start, so it gets the smaller part.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import structlog
from django.db import connection

from contacts.helper import Asker, Helper, HelperFailed
from contacts.models import Contact
from contacts.queries.definitions import vocabulary
from contacts.queries.opening import WHOLE, Part, matches
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


def everybody_matching(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    """Id and mail domain of whoever matches, of all contacts, each opened."""
    if Contact.objects.all()[WORTH_IT : WORTH_IT + 1].exists():
        yield from _by_two(tree, today)
    else:
        yield from _found(tree, today, WHOLE)


def find(asker: Asker) -> None:
    """The helper's work: find who matches in the part that it is told."""
    organization, database, text, today, part = asker.recv()
    connection.settings_dict["NAME"] = database
    found = bytearray()
    with acting_for(organization):
        tree = segments.parse(text, vocabulary())
        for who, domain in _found(tree, today, part):
            name = domain.encode()
            found += who + bytes((len(name),)) + name
    asker.send(bytes(found))


def _by_two(tree: segments.Segment, today: date) -> Iterator[tuple[bytes, str]]:
    started = time.monotonic()
    try:
        helper = Helper(find)
    except HelperFailed:
        log.error("helper_failed")
        yield from _found(tree, today, WHOLE)
        return
    with helper:
        database, text = connection.settings_dict["NAME"], segments.to_json(tree)
        helper.ask((current_organization_id(), database, text, today, HELPED))
        yield from _found(tree, today, OURS)
        try:
            theirs = _read(helper.answer(time.monotonic() - started + PATIENCE))
        except HelperFailed:
            log.error("helper_failed")
            theirs = _found(tree, today, HELPED)
    yield from theirs


def _found(tree: segments.Segment, today: date, part: Part) -> Iterator[tuple[bytes, str]]:
    return ((who, domain) for who, domain, _ in matches(tree, True, today, part))


def _read(found: bytes) -> Iterator[tuple[bytes, str]]:
    at = 0
    while at < len(found):
        end = at + _ID + _DOMAIN + found[at + _ID]
        yield found[at : at + _ID], found[at + _ID + _DOMAIN : end].decode()
        at = end
