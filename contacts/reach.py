"""How many of some people may be mailed, which a higher app knows.

Contacts must not import it, so it registers its answer in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias
from uuid import UUID

from contacts.rules.fields import Field

Reach: TypeAlias = Callable[[Collection[UUID], str, Collection[Field]], int]
"""From contacts, a purpose and the fields that chose them to how many may be mailed right now.

Runs inside `acting_for`, with up to some ten thousand contacts and a constant number of queries.
"""

_reach: list[Reach] = []


def register_reach(reach: Reach) -> None:
    """Answer for how many people may be mailed."""
    _reach[:] = [reach]


def reachable(contact_ids: Collection[UUID], purpose: str, fields: Collection[Field]) -> int | None:
    """How many of these people may be mailed for a purpose; None if nobody can tell."""
    return _reach[0](contact_ids, purpose, fields) if _reach else None
