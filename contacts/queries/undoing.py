"""What undoing an import would do, and whom it must leave alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet

from contacts.models import Contact, Import, ImportChange
from contacts.vetoes import kept_by
from tenancy.models import first_id

COUNTED_ONE_BY_ONE = 20_000
AT_ONCE = 2_000
CLOCKS_DIFFER = timedelta(hours=1)
"""By so much at most, those of two machines of one installation."""


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """Counts of patients. `exact` is false where there are too many to ask about each one."""

    removed: int
    restored: int
    kept: int
    exact: bool


def undo_plan(source: Import) -> UndoPlan:
    """What undoing an import would do now."""
    changes = ImportChange.objects.filter(source_id=source.id)
    restored = changes.filter(contact__updated_at=F("written_at"), contact__erased_at=None).count()
    kept = changes.count() - restored
    added = added_by(source)
    touched = Q(updated_at__gt=source.finished_at) | Q(erased_at__isnull=False)
    later = added.filter(touched).count()
    rest = list(added.exclude(touched).values_list("id", flat=True)[: COUNTED_ONE_BY_ONE + 1])
    if len(rest) > COUNTED_ONE_BY_ONE:
        return UndoPlan(added.count() - later, restored, kept + later, exact=False)
    needed = sum(
        len(needed_contacts(rest[at : at + AT_ONCE])) for at in range(0, len(rest), AT_ONCE)
    )
    return UndoPlan(len(rest) - needed, restored, kept + later + needed, exact=True)


def added_by(source: Import) -> QuerySet[Contact]:
    """Contacts that an import brought. They are younger than it, so no others are looked through:
    an index for this would cost every import."""
    oldest = first_id(source.created_at - CLOCKS_DIFFER)
    found: QuerySet[Contact] = Contact.objects.filter(id__gte=oldest, source=source.id)
    return found


def needed_contacts(ids: Collection[UUID]) -> set[UUID]:
    """Which contacts stay because something depends on them: a signature, a message, an import."""
    changed_by_others = ImportChange.objects.filter(contact_id__in=ids)
    return set(kept_by(ids)) | set(changed_by_others.values_list("contact_id", flat=True))
