"""What an organization keeps of its contacts, and what its segments may speak of."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.utils import timezone

from contacts.conditions import choices_of
from contacts.models import FieldDefinition
from contacts.rules.fields import Choice, Field, FieldClass, FieldGroup, FieldType
from contacts.rules.segments import Vocabulary
from tenancy.current import current_organization_id
from tenancy.models import Organization


def fields() -> list[Field]:
    """The organization's fields, in the order that people see them."""
    return [
        Field(
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
        for row in FieldDefinition.objects.order_by("position")
    ]


def fields_by_key() -> dict[str, Field]:
    return {field.key: field for field in fields()}


def vocabulary() -> Vocabulary:
    """What a segment of this organization may speak of."""
    return Vocabulary(fields_by_key(), dict(choices_of("consent")))


def today() -> date:
    """The date where the organization is."""
    organization = Organization.objects.only("time_zone").get(id=current_organization_id())
    return timezone.now().astimezone(ZoneInfo(organization.time_zone)).date()
