"""What happened to a contact, the newest first."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse

from accounts import queries as accounts
from audit import queries as audit
from audit.models import Event
from contacts.models import Contact, ImportChange, Unmasking
from contacts.queries.definitions import fields_by_key
from contacts.queries.people import unmasking_reason
from contacts.timeline import SHOWN, Entry, entries_about
from tenancy.current import current_organization_id
from tenancy.models import Organization

_ACTS = ("contact_unmasked", "contact_corrected", "contacts_merged")


def timeline(contact_id: UUID) -> list[Entry]:
    """Imports, corrections and looks at values, and what higher apps know: up to SHOWN entries."""
    entries = [*_imports(contact_id), *_acts(contact_id), *entries_about(contact_id)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:SHOWN]


def _imports(contact_id: UUID) -> Iterable[Entry]:
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())

    def page(source: UUID) -> str:
        return reverse("contacts:import_detail", args=[code, source])

    row = Contact.objects.only("created_at", "source").get(id=contact_id)
    if row.source:
        yield Entry(row.created_at, "Added by an import", page(row.source))
    else:
        yield Entry(row.created_at, "Added")
    changes = ImportChange.objects.filter(contact_id=contact_id).order_by("-written_at")
    for source, at in changes.values_list("source_id", "written_at")[:SHOWN]:
        yield Entry(at, "Changed by an import", page(source))


def _acts(contact_id: UUID) -> Iterable[Entry]:
    events = audit.events_about(contact_id, _ACTS, SHOWN)
    names = accounts.names({event.actor_id for event in events if event.actor_id})
    reasons = _reasons(contact_id)
    labels = {key: field.label for key, field in fields_by_key().items()}
    for event in events:
        who = names.get(event.actor_id, "Somebody") if event.actor_id else "The system"
        reason = reasons.get(event.details.get("unmasking", ""), "")
        yield Entry(event.occurred_at, f"{who} {_did(event, labels)}", reason=reason)


def _did(event: Event, labels: dict[str, str]) -> str:
    if event.action == "contact_unmasked":
        return "opened the values"
    if event.action == "contacts_merged":
        return "merged another record into this one"
    changed = [labels[key] for key in event.details["fields"] if key in labels]
    return f"corrected {', '.join(changed) or 'a field'}"


def _reasons(contact_id: UUID) -> dict[str, str]:
    rows = Unmasking.objects.filter(contact_id=contact_id).order_by("-created_at")[:SHOWN]
    return {str(row.id): unmasking_reason(row) for row in rows}
