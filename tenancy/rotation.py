"""Rotating data keys: a newer key, then every value of its use sealed again in the background.

Each app registers where its sealed values stand. What keys of other kinds need (tokens of the blind
index) it registers as walks of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import connection

from encryption.cipher import CannotOpen
from tenancy.keys import KEPT_SECONDS, add_key, keyring
from tenancy.models import DataKey, KeyUse, Walk
from tenancy.walks import Step, Walker, register_walk, start_walk, unfinished

log = structlog.get_logger()
ROTATED = (
    KeyUse.PROFILE,
    KeyUse.INDEX,
    KeyUse.MESSAGE,
    KeyUse.AUTHORIZATION,
    KeyUse.SENDER,
)
"""Not the audit key, under which a chain of years is checked, nor that of links: a link in a mail
from last year still works. The platform's key belongs to no organization."""


class StillNeeded(RuntimeError):
    """An older key still opens something."""


_walks: dict[KeyUse, list[tuple[str, int]]] = {}
_columns: list[Sealed] = []
_counts: dict[KeyUse, list[Callable[[int], int]]] = {}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values. `label` and `row` are what they are bound to: the name of a table
    and the column with a row's id (`encryption.cipher.Place`)."""

    table: str
    column: str
    use: KeyUse
    label: str
    row: str = "id"
    at_once: int = 500
    """Rows of a step: few where a value is a megabyte."""


def register_sealed(*columns: Sealed) -> None:
    """Have these columns sealed again when their key rotates."""
    for each in columns:
        _columns.append(each)
        kind = f"seal.{each.table}.{each.column}"
        register_walk(kind, Walker(_counter(each), _sealer(each)))
        register_rotation(each.use, kind)


def register_rotation(use: KeyUse, kind: str, rank: int = 10) -> None:
    """Run this kind of walk when a key of that use rotates; those of lower rank come first."""
    _walks.setdefault(use, []).append((kind, rank))


def register_remaining(use: KeyUse, count: Callable[[int], int]) -> None:
    """Count what still depends on older keys than this version, beside sealed columns."""
    _counts.setdefault(use, []).append(count)


def rotate(use: KeyUse) -> list[Walk]:
    """Make a newer key and begin to seal everything under it. Runs inside `acting_for`.

    The key seals nothing before every process knows it, so the walks begin a little later.
    """
    key = add_key(use)
    # A worker may have looked at its keys just before this one became active.
    begin = key.active_from + timedelta(seconds=2 * KEPT_SECONDS)
    return [start_walk(kind, rank=rank, not_before=begin) for kind, rank in _walks[use]]


def remaining(use: KeyUse) -> int:
    """How many values are still sealed under older keys of this use."""
    columns = [each for each in _columns if each.use is use]
    return sum(_count_old(each) for each in columns) + sum(
        count(keyring(use).current.version) for count in _counts.get(use, ())
    )


def retire(use: KeyUse) -> int:
    """Destroy the older keys of a use; returns how many. Runs inside `acting_for`.

    Raises `StillNeeded` while anything is sealed under one. What backups hold under them can't be
    opened afterwards.
    """
    kinds = {kind for kind, _ in _walks[use]}
    if any(walk.kind in kinds for walk in unfinished()):
        raise StillNeeded("the work of the last rotation is not finished")
    if left := remaining(use):
        raise StillNeeded(f"{left:,} values still depend on an older key")
    older = DataKey.objects.filter(use=use.value, version__lt=keyring(use).current.version)
    deleted, _ = older.delete()
    return deleted


def _counter(column: Sealed) -> Callable[[str], int]:
    return lambda _subject: _count_old(column)


def _count_old(column: Sealed) -> int:
    """How many values are not under the newest key, which seals nothing yet when a walk towards it
    is planned."""
    newest = DataKey.objects.filter(use=column.use.value).latest("version")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {column.table} WHERE {_is_old(column)}",  # noqa: S608 -- ours
            [newest.id.bytes],
        )
        return int(cursor.fetchone()[0])


def _sealer(column: Sealed) -> Callable[[str, UUID | None], Step]:
    """Seal the next values under the current key. What cannot be opened stays as it is."""
    find = (
        f"SELECT id, {column.row}, {column.column} FROM {column.table}"  # noqa: S608 -- ours
        f" WHERE id > %s AND {_is_old(column)} ORDER BY id LIMIT {column.at_once} FOR UPDATE"
    )
    write = (
        f"UPDATE {column.table} t SET {column.column} = n.sealed"  # noqa: S608 -- ours
        " FROM unnest(%s::uuid[], %s::bytea[]) AS n(id, sealed) WHERE t.id = n.id"
    )

    def step(_subject: str, after: UUID | None) -> Step:
        ring = keyring(column.use)
        with connection.cursor() as cursor:
            cursor.execute(find, [after or UUID(int=0), ring.current.id.bytes])
            rows = cursor.fetchall()
            sealed = []
            for each, row, value in rows:
                try:
                    plain = ring.open(bytes(value), column.label, row)
                except CannotOpen:
                    log.error("value_unreadable", table=column.table, row_id=str(each))
                    continue
                sealed.append((each, ring.seal(plain, column.label, row)))
            cursor.execute(write, [[each for each, _ in sealed], [value for _, value in sealed]])
        return Step(len(sealed), rows[-1][0] if rows else None)

    return step


def _is_old(column: Sealed) -> str:
    """A sealed value names its key in octets 2 to 17."""
    return f"{column.column} IS NOT NULL AND substring({column.column} FROM 2 FOR 16) <> %s"
