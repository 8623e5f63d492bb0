"""The fields that an organization keeps of its contacts."""

from __future__ import annotations

from dataclasses import asdict

from contacts.models import FieldDefinition
from contacts.rules.starter import starter_fields
from tenancy.models import Organization


def add_starter_fields(_organization: Organization) -> None:
    """Lay down the fields that a clinic needs on its first day."""
    FieldDefinition.objects.bulk_create(
        FieldDefinition(
            key=field.key,
            label=field.label,
            type=field.type.value,
            group=field.group.value,
            classification=field.classification.value,
            searchable=field.searchable,
            choices=[asdict(choice) for choice in field.choices],
            position=position,
        )
        for position, field in enumerate(starter_fields().values())
    )
