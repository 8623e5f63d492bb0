"""How the columns of a file are probably meant: as saved, by their names, by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from contacts.models import SavedMapping
from contacts.queries.definitions import fields_by_key, today
from contacts.rules.guessing import guess_mapping
from contacts.rules.imports import suggest_mapping
from tenancy.keys import keyring
from tenancy.models import KeyUse

TABLE = "contacts_savedmapping"


@dataclass(frozen=True, slots=True)
class Suggested:
    """Field keys by column name; which of them are guesses to be checked; whose matching it is."""

    keys: dict[str, str] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    saved: SavedMapping | None = None
    added: tuple[str, ...] = ()
    """Columns that the file had not yet when the matching was saved."""


def suggested(
    headers: Sequence[str], rows: Sequence[Sequence[str]], saved_too: bool = True
) -> Suggested:
    """Field keys for the columns of a file with these first rows."""
    keys, guessed = _by_name_and_content(headers, rows)
    saved, columns = _fitting(headers) if saved_too else (None, {})
    if saved is None:
        return Suggested(keys, guessed)
    added = tuple(header for header in headers if header not in columns)
    known = fields_by_key()
    merged = {header: key for header, key in columns.items() if key in known}
    for header in added:
        if header in keys and keys[header] not in merged.values():
            merged[header] = keys[header]
    return Suggested(merged, guessed & set(added) & set(merged), saved, added)


def saved_mappings() -> list[SavedMapping]:
    """By name."""
    return list(SavedMapping.objects.order_by("name"))


def mapping_by_id(mapping_id: UUID) -> SavedMapping | None:
    found: SavedMapping | None = SavedMapping.objects.filter(id=mapping_id).first()
    return found


def _by_name_and_content(
    headers: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[dict[str, str], frozenset[str]]:
    fields = fields_by_key()
    named = suggest_mapping(headers, fields)
    samples = {
        header: [row[at] for row in rows]
        for at, header in enumerate(headers)
        if header not in named
    }
    free = {key: each for key, each in fields.items() if key not in named.values()}
    guessed = guess_mapping(samples, free, today())
    return named | guessed, frozenset(guessed)


def _fitting(headers: Sequence[str]) -> tuple[SavedMapping | None, dict[str, str]]:
    """The saved matching that fits most columns, the last used first, and its columns. It fits if
    the file has all columns that it matches."""
    ring = keyring(KeyUse.PROFILE)
    best: SavedMapping | None = None
    columns: dict[str, str] = {}
    most = 0
    for saved in SavedMapping.objects.order_by("-used_at"):
        found = orjson.loads(ring.open(bytes(saved.columns), TABLE, saved.id))
        wanted = {header for header, key in found.items() if key}
        if wanted <= set(headers) and len(wanted) > most:
            best, columns, most = saved, found, len(wanted)
    return best, columns
