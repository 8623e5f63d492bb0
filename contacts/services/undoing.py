"""Putting contacts back to what they were before an import."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import orjson
from django.db.models import F
from django.utils import timezone

from contacts.models import Contact, Import, ImportChange
from contacts.queries.definitions import fields_by_key
from contacts.queries.people import TABLE
from contacts.queries.undoing import added_by, needed_contacts
from contacts.rules.changes import as_now
from contacts.rules.fields import Value
from contacts.services import incoming
from contacts.services.saving import IdentityTaken, one_writer_at_a_time, replace_profiles
from encryption.cipher import CannotOpen
from tenancy.keys import keyring
from tenancy.models import KeyUse

AT_ONCE = 2_000


def step(source: Import) -> bool:
    """Undo some of it; False when nothing is left. The caller saves the import."""
    one_writer_at_a_time()
    return _restore(source) or _remove(source)


def forget(before: datetime) -> None:
    """Forget what contacts were before imports that finished so long ago."""
    ImportChange.objects.filter(source__finished_at__lt=before).delete()


def settle(source: Import) -> None:
    """Before a finished import takes more rows: what happened to its contacts since stays, even
    if all of it is undone later."""
    changes = ImportChange.objects.filter(source_id=source.id)
    changes.exclude(contact__updated_at=F("written_at")).delete()
    changed_since = added_by(source).filter(updated_at__gt=source.finished_at)
    changed_since.update(source=None)


def _restore(source: Import) -> bool:
    """Give contacts that the import changed their earlier values, unless they changed again."""
    changes = list(ImportChange.objects.filter(source_id=source.id).order_by("id")[:AT_ONCE])
    if not changes:
        return False
    ring, profiles, fields = keyring(KeyUse.PROFILE), {}, fields_by_key()
    untouched = set(
        ImportChange.objects.filter(
            id__in=[change.id for change in changes],
            contact__updated_at=F("written_at"),
            contact__erased_at=None,
        ).values_list("id", flat=True)
    )
    for change in changes:
        if change.id in untouched:
            try:
                before = orjson.loads(ring.open(bytes(change.before), TABLE, change.contact_id))
            except CannotOpen:
                continue
            profiles[change.contact_id] = as_now(before, fields)
    restored = _replaced(profiles)
    source.rows_read += len(changes)
    source.updated_count -= restored
    source.kept_count += len(changes) - restored
    ImportChange.objects.filter(id__in=[change.id for change in changes]).delete()
    return True


def _replaced(profiles: dict[UUID, dict[str, Value]]) -> int:
    """Give contacts these values; returns how many took them. Somebody whose earlier record number
    belongs to another contact by now stays as they are."""
    try:
        replace_profiles(profiles)
    except IdentityTaken:
        if len(profiles) == 1:
            return 0
        return sum(_replaced({who: profile}) for who, profile in profiles.items())
    return len(profiles)


def _remove(source: Import) -> bool:
    """Delete contacts that the import added, unless something depends on them by now."""
    added = added_by(source).order_by("id")
    people = list(added.values_list("id", "updated_at", "erased_at")[:AT_ONCE])
    if not people:
        return False
    until = source.finished_at or timezone.now()
    kept = {who for who, updated_at, erased_at in people if updated_at > until or erased_at}
    kept |= needed_contacts([who for who, *_ in people])
    _delete([who for who, *_ in people if who not in kept])
    Contact.objects.filter(id__in=kept).update(source=None)
    source.rows_read += len(people)
    source.created_count -= len(people) - len(kept)
    source.kept_count += len(kept)
    return True


def _delete(ids: Collection[UUID]) -> None:
    going = Contact.objects.filter(id__in=ids)
    addresses = {token.bytes for token in going.values_list("email_token", flat=True) if token}
    going.delete()
    incoming.mark_households(addresses)
