"""Where segments and fields are used, as higher apps know it.

Contacts must not import those apps, so each registers its answer in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias
from uuid import UUID

Use: TypeAlias = tuple[str, str]
"""What uses a segment, by name, and the address of its page."""

Users: TypeAlias = Callable[[Collection[UUID]], Mapping[UUID, list[Use]]]
"""From segments to what uses each. Runs inside `acting_for`; a segment left out has no use."""

FieldUsers: TypeAlias = Callable[[str], list[Use]]
"""From a field's key to what uses it. Runs inside `acting_for`."""

_users: list[Users] = []
_field_users: list[FieldUsers] = []


def register_usage(users: Users) -> None:
    """Have this asked before a segment is listed or deleted."""
    _users.append(users)


def uses_of(segment_ids: Collection[UUID]) -> dict[UUID, list[Use]]:
    """What uses each segment; every id is in the answer."""
    found: dict[UUID, list[Use]] = {segment: [] for segment in segment_ids}
    for users in _users:
        for segment, uses in users(segment_ids).items():
            found[segment].extend(uses)
    return found


def register_field_usage(users: FieldUsers) -> None:
    """Have this asked before a field is removed."""
    _field_users.append(users)


def uses_of_field(key: str) -> list[Use]:
    """What would miss a field."""
    return [use for users in _field_users for use in users(key)]
