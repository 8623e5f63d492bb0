"""Matchings of columns to fields, kept for the next file of the same shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from django.utils import timezone

from audit import services as audit
from contacts.models import SavedMapping
from contacts.queries.mappings import TABLE
from tenancy.keys import keyring
from tenancy.models import KeyUse


def save_mapping(
    name: str, headers: Sequence[str], mapping: Mapping[int, str], user_id: UUID
) -> None:
    """Keep a matching of these columns, by position, under a name. An older one of that name is
    replaced. Columns that are left out are kept as such, so that new ones can be told from them."""
    saved = SavedMapping.objects.filter(name=name).first() or SavedMapping(name=name)
    columns = {header: mapping.get(at, "") for at, header in enumerate(headers)}
    saved.columns = keyring(KeyUse.PROFILE).seal(orjson.dumps(columns), TABLE, saved.id)
    saved.created_by, saved.used_at = user_id, timezone.now()
    saved.save()
    audit.record("mapping_saved", object_type="mapping", object_id=saved.id, columns=len(columns))


def note_use_of_mapping(mapping_id: UUID) -> None:
    """Of several matchings that fit a file, the one used last is offered."""
    SavedMapping.objects.filter(id=mapping_id).update(used_at=timezone.now())


def delete_mapping(mapping_id: UUID) -> None:
    """Forget a matching. Imports that used it are not touched."""
    SavedMapping.objects.filter(id=mapping_id).delete()
    audit.record("mapping_deleted", object_type="mapping", object_id=mapping_id)
