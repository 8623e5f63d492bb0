"""What an organization keeps of its contacts, and what its segments may speak of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from contacts.conditions import choices_of
from contacts.models import FieldDefinition
from contacts.queries.codes import displays
from contacts.rules.fields import Choice, Field, FieldClass, FieldGroup, FieldType
from contacts.rules.segments import Vocabulary
from tenancy.current import current_organization_id
from tenancy.models import Organization

CONVERTING, REMOVING = "convert", "remove"
"""What the background may be doing to every value of a field."""


def stored_fields() -> list[FieldDefinition]:
    """Every field as it is stored, those too whose values are just being removed."""
    return list(FieldDefinition.objects.order_by("position"))


def stored_field(field_id: UUID) -> FieldDefinition | None:
    found: FieldDefinition | None = FieldDefinition.objects.filter(id=field_id).first()
    return found


def fields() -> list[Field]:
    """The organization's fields, in the order that people see them."""
    return [as_field(row) for row in stored_fields() if row.change != REMOVING]


def fields_by_key() -> dict[str, Field]:
    return {field.key: field for field in fields()}


def indexed_fields() -> dict[str, Field]:
    """Fields by key, searchable only where the index holds every contact's value by now."""
    return {
        row.key: replace(as_field(row), searchable=row.searchable and row.indexed)
        for row in stored_fields()
        if row.change != REMOVING
    }


def vocabulary() -> Vocabulary:
    """What a segment of this organization may speak of."""
    return Vocabulary(
        fields_by_key(), dict(choices_of("consent")), dict(choices_of("engagement")), displays
    )


def today() -> date:
    """The date where the organization is."""
    organization = Organization.objects.only("time_zone").get(id=current_organization_id())
    return timezone.now().astimezone(ZoneInfo(organization.time_zone)).date()


def as_field(row: FieldDefinition) -> Field:
    """A stored field as the rules know it."""
    return Field(
        key=row.key,
        label=row.label,
        type=FieldType(row.type),
        group=FieldGroup(row.group),
        classification=FieldClass(row.classification),
        searchable=row.searchable,
        choices=tuple(
            Choice(each["value"], each["label"], tuple(each["also"])) for each in row.choices
        ),
    )
