"""What becomes of stored values when their field is described anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contacts.rules.fields import Choice, Field, Value, ValueProblem, clean_value, written


@dataclass(frozen=True, slots=True)
class Fit:
    """How many patients have a value, and how many of these values another type keeps, among those
    who were looked at."""

    total: int
    kept: int
    looked_at: int
    patients: int
    """All there are. More than were looked at if these are a sample."""

    @property
    def lost(self) -> int:
        return self.total - self.kept

    @property
    def sampled(self) -> bool:
        return self.looked_at < self.patients

    def among_all(self, count: int) -> int:
        """What a count of those looked at says about all patients."""
        return round(count * self.patients / self.looked_at) if self.sampled else count


def converted(value: Value, definition: Field) -> Value:
    """A stored value as another type of field reads it; None if it does not fit."""
    try:
        return clean_value(definition, written(value))
    except ValueProblem:
        return None


def as_now(profile: Mapping[str, Value], fields: Mapping[str, Field]) -> dict[str, Value]:
    """An earlier profile as the fields are now: without removed ones, values of changed types read
    again, and without those that do not fit."""
    found = {key: converted(value, fields[key]) for key, value in profile.items() if key in fields}
    return {key: value for key, value in found.items() if value is not None}


def fit(values: Iterable[Value], definition: Field, patients: int) -> Fit:
    """How many of these values `converted` keeps: one for each patient who is looked at, None for
    those without."""
    looked_at = total = kept = 0
    for value in values:
        looked_at += 1
        if value is not None:
            total += 1
            kept += converted(value, definition) is not None
    return Fit(total, kept, looked_at, max(patients, looked_at))


def needs_reading(before: Field, after: Field) -> bool:
    """Whether every stored value has to be read again."""
    return before.type is not after.type


def consequences(before: Field, after: Field, found: Fit | None) -> list[str]:
    """What the change will do, a sentence each; none if it does nothing to stored values.

    `found` is asked for where `needs_reading`.
    """
    told = []
    if found is not None and needs_reading(before, after):
        told.append(_fitting(found))
    if after.searchable and not before.searchable:
        told.append(
            "Segments find patients by this field faster. The index behind it shows which patients"
            " have the same value, though not the value, to somebody who steals the database."
            " It is built in the background; until then segments are only slower."
        )
    if before.searchable and not after.searchable:
        told.append(
            "The field is taken out of the search index. Segments that ask about it stay right,"
            " but have to open every patient, which is slower."
        )
    return told


def _fitting(found: Fit) -> str:
    if found.sampled:
        return _fitting_in_sample(found)
    if not found.total:
        return "No patient has a value in this field yet, so none is lost."
    fits = f"{found.kept:,} of {found.total:,} values fit"
    if not found.lost:
        return f"{fits}. None is lost."
    return f"{fits}; {found.lost:,} would be lost and cannot be brought back."


def _fitting_in_sample(found: Fit) -> str:
    fits = (
        f"Of {found.patients:,} patients {found.looked_at:,} were looked at: {found.total:,} have a"
        f" value, and {found.kept:,} of these fit"
    )
    if not found.lost:
        return f"{fits}. A few of the others may not, and would be lost."
    lost = found.among_all(found.lost)
    return f"{fits}. About {lost:,} values would be lost and cannot be brought back."


def choices_from_lines(text: str, known: Iterable[Choice] = ()) -> tuple[Choice, ...]:
    """Choices out of lines of labels. A known label or value keeps its choice; of a new one the
    value is the label, without the signs that separate values."""
    by_name = {name.casefold(): each for each in known for name in (each.value, each.label)}
    found: dict[str, Choice] = {}
    for line in text.splitlines():
        label = " ".join(line.split())
        value = " ".join(re.sub(r"[;|]", " ", label).split())
        if value:
            choice = by_name.get(label.casefold()) or Choice(value, label)
            found.setdefault(choice.value.casefold(), choice)
    return tuple(found.values())
