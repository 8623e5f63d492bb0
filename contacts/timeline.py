"""What higher apps know of a contact's history, for the contact's page.

Contacts must not import those apps, so each registers in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, in words that name no diagnosis, and the page that tells more.

    `reason` is what somebody wrote, for those who may see values.
    """

    at: datetime
    words: str
    url: str = ""
    reason: str = field(default="", repr=False)


Loader: TypeAlias = Callable[[UUID], Sequence[Entry]]
"""From a contact to its newest SHOWN entries. Runs inside `acting_for`; it must use a number of
queries that does not grow with them."""

_loaders: list[Loader] = []


def register_timeline(loader: Loader) -> None:
    """Have this asked for the page of a contact."""
    _loaders.append(loader)


def entries_about(contact_id: UUID) -> list[Entry]:
    """What every app tells, the newest first, up to SHOWN."""
    entries = [entry for loader in _loaders for entry in loader(contact_id)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:SHOWN]
