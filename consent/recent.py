"""How much promotional mail people have got lately. Delivery knows, and registers it here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

Received = Callable[[Collection[UUID], datetime], Mapping[UUID, int]]

_received: list[Received] = []


def register_received(received: Received) -> None:
    """Add a way to count the promotional messages that people got since a moment."""
    _received.append(received)


def received(contact_ids: Collection[UUID], since: datetime) -> dict[UUID, int]:
    """How many each of these people got; who got none may be left out."""
    found: dict[UUID, int] = {}
    for each in _received:
        for who, number in each(contact_ids, since).items():
            found[who] = found.get(who, 0) + number
    return found
