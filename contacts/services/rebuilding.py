"""Going over every contact in the background: a changed field, a rotated index key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import orjson
import structlog

from contacts.models import CodeEntry, Contact, FieldDefinition
from contacts.queries import definitions
from contacts.queries.people import TABLE
from contacts.rules.changes import converted
from contacts.rules.fields import FieldType, Value
from contacts.services import incoming
from contacts.services.saving import one_writer_at_a_time, rebuild
from encryption.cipher import CannotOpen
from tenancy.keys import keyring
from tenancy.models import KeyUse
from tenancy.walks import Step, Walker, register_walk, start_walk

INDEX, CONVERT, REMOVE = incoming.INDEX_WALK, "contacts.convert", "contacts.remove"
INDEX_RANK = 20
ROWS_AT_ONCE = 1_000

Change: TypeAlias = Callable[[dict[str, Value]], bool]
"""Changes a profile; False if it has nothing to do with it, and the row stays as it is."""

log = structlog.get_logger()


def register() -> None:
    """Offer the walks over contacts."""
    register_walk(INDEX, Walker(_everybody, _index, _indexed))
    register_walk(CONVERT, Walker(_everybody, _convert, _converted))
    register_walk(REMOVE, Walker(_everybody, _remove, _removed))


def index_again() -> None:
    """Build the index of every contact again, after a field became searchable or ceased to be."""
    start_walk(INDEX, rank=INDEX_RANK)


def _everybody(_subject: str) -> int:
    return int(Contact.objects.filter(erased_at=None).count())


def _index(_subject: str, after: UUID | None) -> Step:
    return _over(after, lambda profile: True)


def _indexed(_subject: str) -> None:
    incoming.mark_all_households()
    FieldDefinition.objects.filter(searchable=True, change="").update(indexed=True)


def _convert(key: str, after: UUID | None) -> Step:
    definition = definitions.fields_by_key()[key]

    def change(profile: dict[str, Value]) -> bool:
        if key not in profile:
            return False
        value = converted(profile.pop(key), definition)
        if value is not None:
            profile[key] = value
        return True

    return _over(after, change)


def _converted(key: str) -> None:
    FieldDefinition.objects.filter(key=key).update(change="", indexed=True)
    if definitions.fields_by_key()[key].type is not FieldType.CODES:
        CodeEntry.objects.filter(field=key).delete()


def _remove(key: str, after: UUID | None) -> Step:
    def change(profile: dict[str, Value]) -> bool:
        return profile.pop(key, None) is not None

    return _over(after, change)


def _removed(key: str) -> None:
    FieldDefinition.objects.filter(key=key).delete()
    CodeEntry.objects.filter(field=key).delete()


def _over(after: UUID | None, change: Change) -> Step:
    """Apply a change to the next contacts, and seal and index them again."""
    one_writer_at_a_time()
    people = Contact.objects.filter(erased_at=None)
    rows = list((people.filter(id__gt=after) if after else people).order_by("id")[:ROWS_AT_ONCE])
    open_row, profiles = keyring(KeyUse.PROFILE).opener(TABLE), {}
    for row in rows:
        try:
            profile = orjson.loads(open_row(row.id.bytes, bytes(row.profile)))
        except CannotOpen:
            log.error("profile_unreadable", contact_id=str(row.id))
            continue
        if change(profile):
            profiles[row.id] = profile
    if profiles:
        rebuild(profiles)
    return Step(len(rows), rows[-1].id if rows else None)
