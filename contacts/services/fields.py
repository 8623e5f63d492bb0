"""The fields that an organization keeps of its contacts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from django.db.models import Max

from audit import services as audit
from contacts.models import FieldDefinition
from contacts.queries import definitions
from contacts.queries.effects import imports_at_work, segments_broken_by
from contacts.rules.changes import needs_reading
from contacts.rules.fields import (
    Choice,
    Field,
    FieldClass,
    FieldGroup,
    FieldType,
    PsychotherapyNotes,
)
from contacts.rules.starter import FIXED, starter_fields
from contacts.services import rebuilding
from contacts.usage import uses_of_field
from tenancy.models import Organization
from tenancy.walks import start_walk

MAX_FIELDS = 100
MAX_CHOICES = 300


class FieldRefused(ValueError):
    """The field cannot be so. Says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A field as somebody describes it."""

    label: str
    type: FieldType
    group: FieldGroup
    classification: FieldClass
    searchable: bool
    choices: Sequence[Choice] = ()


def add_starter_fields(_organization: Organization) -> None:
    """Lay down the fields that a clinic needs on its first day."""
    FieldDefinition.objects.bulk_create(
        _row(field, position) for position, field in enumerate(starter_fields().values())
    )


def add_field(wanted: Wanted) -> FieldDefinition:
    """Define a field.

    Raises `FieldRefused`, for psychotherapy notes too (45 CFR 164.508(a)(2)).
    """
    known = definitions.fields_by_key()
    if len(known) >= MAX_FIELDS:
        raise FieldRefused(f"There are {MAX_FIELDS} fields already. Remove one first.")
    _check_label(wanted.label, known.values())
    taken = {each.key for each in definitions.stored_fields()}
    field = _field(_free_key(wanted.label, taken), wanted)
    _check_identifier(field)
    last = FieldDefinition.objects.aggregate(last=Max("position"))["last"]
    row = _row(field, (last or 0) + 1)
    row.save(force_insert=True)
    audit.record("field_added", object_type="field", object_id=row.id)
    return row


def change_field(field_id: UUID, wanted: Wanted) -> None:
    """Describe a field anew. What that asks of stored values happens in the background.

    A new name, group or list of choices changes no value. A new type reads every value again, and
    one that does not fit is dropped: `queries.fitting` tells how many beforehand. Raises
    `FieldRefused`.
    """
    row = FieldDefinition.objects.get(id=field_id)
    before, after = definitions.as_field(row), check_change(field_id, wanted)
    convert = needs_reading(before, after)
    # Walks first: a worker that finishes one locks its row and then the fields.
    if convert:
        start_walk(rebuilding.CONVERT, row.key, rank=rebuilding.INDEX_RANK)
    elif before.searchable != after.searchable:
        rebuilding.index_again()
    indexed = row.indexed and not convert and (before.searchable or not after.searchable)
    described = _row(after, row.position)
    FieldDefinition.objects.filter(id=row.id).update(
        **{name: getattr(described, name) for name in _DESCRIPTION},
        indexed=indexed,
        change=definitions.CONVERTING if convert else row.change,
    )
    audit.record("field_changed", object_type="field", object_id=row.id, type=after.type.value)


def check_change(field_id: UUID, wanted: Wanted) -> Field:
    """The field as `change_field` would make it. Raises `FieldRefused`, and changes nothing."""
    row = FieldDefinition.objects.get(id=field_id)
    before, after = definitions.as_field(row), _field(row.key, wanted)
    _check_label(after.label, (each for each in definitions.fields() if each.key != row.key))
    if replace(before, label=after.label) == after:
        return after
    if row.key in FIXED:
        raise FieldRefused(f"The system needs {before.label} as it is. Only its name can change.")
    _check_idle(row)
    _check_identifier(after)
    _check_segments(row.key, after)
    if needs_reading(before, after):
        _check_nothing_is_imported()
    return after


def remove_field(field_id: UUID) -> None:
    """Remove a field and, in the background, its value from every contact.

    Raises `FieldRefused` for those that the system itself needs, that a segment asks about, or that
    something else uses.
    """
    row = check_removal(field_id)
    start_walk(rebuilding.REMOVE, row.key, rank=rebuilding.INDEX_RANK)
    FieldDefinition.objects.filter(id=row.id).update(
        change=definitions.REMOVING, indexed=False, searchable=False
    )
    audit.record("field_removed", object_type="field", object_id=row.id)


def check_removal(field_id: UUID) -> FieldDefinition:
    """The field that `remove_field` would remove. Raises `FieldRefused`, and changes nothing."""
    row = FieldDefinition.objects.get(id=field_id)
    if row.key in FIXED:
        raise FieldRefused(f"{row.label} cannot be removed: the system needs it.")
    _check_idle(row)
    _check_segments(row.key, None)
    _check_uses(row.key)
    _check_nothing_is_imported()
    return row


_DESCRIPTION = ("label", "type", "group", "classification", "searchable", "choices")


def _check_identifier(field: Field) -> None:
    if field.classification is FieldClass.IDENTIFIER and field.searchable:
        raise FieldRefused(
            "An identifier names one person, and segments never use it. Take it out of the search"
            " index."
        )


def _check_idle(row: FieldDefinition) -> None:
    if row.change:
        raise FieldRefused("The field is being changed already. Wait until that is done.")


def _check_segments(key: str, after: Field | None) -> None:
    """Raise `FieldRefused` if a segment could not be read any more."""
    if broken := segments_broken_by(key, after):
        names = ", ".join(f"“{name}”" for name in broken)
        raise FieldRefused(
            f"Segments ask about it in a way that would no longer work: {names}."
            " Change or delete them first."
        )


def _check_uses(key: str) -> None:
    if uses := uses_of_field(key):
        names = ", ".join(f"“{name}”" for name, _ in uses)
        raise FieldRefused(
            f"Templates show it or campaigns need it: {names}. Take it out of them first, or wait"
            " until they are sent."
        )


def _check_nothing_is_imported() -> None:
    """A worker reads a whole file by the fields as they are when it begins."""
    if imports_at_work():
        raise FieldRefused("An import is running. Try again when it is done.")


def _check_label(label: str, others: Iterable[Field]) -> None:
    taken = {field.label.casefold() for field in others}
    if label.casefold() in taken:
        raise FieldRefused("Another field has this name. Choose a different one.")


def _field(key: str, wanted: Wanted) -> Field:
    if len(wanted.choices) > MAX_CHOICES:
        raise FieldRefused(f"A field can have {MAX_CHOICES} choices at most. Make it a text field.")
    try:
        return Field(
            key,
            wanted.label,
            wanted.type,
            wanted.group,
            wanted.classification,
            wanted.searchable,
            tuple(wanted.choices),
        )
    except PsychotherapyNotes as notes:
        raise FieldRefused(str(notes)) from None


def _free_key(label: str, known: Collection[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")[:36] or "field"
    wanted = plain if plain[0].isalpha() else f"field_{plain}"[:36]
    key, number = wanted, 1
    while key in known:
        number += 1
        key = f"{wanted}_{number}"
    return key


def _row(field: Field, position: int) -> FieldDefinition:
    return FieldDefinition(
        key=field.key,
        label=field.label,
        type=field.type.value,
        group=field.group.value,
        classification=field.classification.value,
        searchable=field.searchable,
        choices=[asdict(choice) for choice in field.choices],
        position=position,
    )
