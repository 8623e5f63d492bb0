"""What higher apps say, and do, when a contact is to be deleted, merged away or erased.

Contacts must not import those apps, so each registers in `AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

Veto: TypeAlias = Callable[[Collection[UUID]], Mapping[UUID, str]]
"""From contacts to the reason, in words, why each must stay. Others are left out. Runs inside
`acting_for`, with up to a few thousand contacts and a constant number of queries."""


@dataclass(frozen=True, slots=True)
class Eraser:
    """What an app does when a contact is erased. `goes` and `stays` say in words what becomes of
    what the app holds; either may be blank."""

    erase: Callable[[UUID], None]
    goes: str
    stays: str


Merger: TypeAlias = Callable[[UUID, UUID], None]
"""What an app does before a contact (the second) is merged into another one (the first), while both
can still be opened. Runs in the transaction of the merge."""

_deletion: list[Veto] = []
_merging: list[Veto] = []
_erasure: list[Veto] = []
_erasers: list[Eraser] = []
_mergers: list[Merger] = []


def veto_deletion(veto: Veto) -> None:
    """Ask this before contacts are deleted without a trace, as undoing an import does."""
    _deletion.append(veto)


def veto_merging(veto: Veto) -> None:
    """Ask this before a contact is merged into another one."""
    _merging.append(veto)


def veto_erasure(veto: Veto) -> None:
    """Ask this before a contact is erased."""
    _erasure.append(veto)


def on_erasure(eraser: Eraser) -> None:
    """Have this done when a contact is erased."""
    _erasers.append(eraser)


def on_merging(merger: Merger) -> None:
    """Have this done when a contact is merged into another one."""
    _mergers.append(merger)


def kept_by(contact_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Every reason against deleting each contact. Those without any are left out."""
    return _asked(_deletion, contact_ids)


def unmergeable(contact_id: UUID) -> list[str]:
    """Every reason against merging this contact into another one."""
    return _asked(_merging, [contact_id]).get(contact_id, [])


def unerasable(contact_id: UUID) -> list[str]:
    """Every reason against erasing this contact."""
    return _asked(_erasure, [contact_id]).get(contact_id, [])


def erasers() -> list[Eraser]:
    return list(_erasers)


def mergers() -> list[Merger]:
    return list(_mergers)


def _asked(vetoes: list[Veto], contact_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    reasons: dict[UUID, list[str]] = {}
    for veto in vetoes:
        for contact, words in veto(contact_ids).items():
            reasons.setdefault(contact, []).append(words)
    return reasons
