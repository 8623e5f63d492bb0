"""What mailings are called. Delivery knows no campaign; whoever makes mailings registers here, in
`AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias
from uuid import UUID

Namer: TypeAlias = Callable[[Collection[UUID]], Mapping[UUID, tuple[str, str]]]
"""From mailings' references to the name and the page of each. Runs inside `acting_for`."""

_namers: list[Namer] = []


def register_names(namer: Namer) -> None:
    """Have this asked what mailings are called."""
    _namers.append(namer)


def names_of(references: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Name and page of each mailing that somebody knows, by its reference."""
    found: dict[UUID, tuple[str, str]] = {}
    for namer in _namers:
        found |= namer(references)
    return found
