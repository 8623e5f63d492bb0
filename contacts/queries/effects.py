"""What a change to a field would do to patients, to segments and to running imports."""

from __future__ import annotations

from dataclasses import dataclass, replace

from contacts.models import Import
from contacts.queries.audience import SEGMENT_TABLE, segments_by_name
from contacts.queries.definitions import stored_fields, today, vocabulary
from contacts.queries.files import WORKING
from contacts.queries.opening import WHOLE, Part, matches
from contacts.queries.people import total
from contacts.rules import segments
from contacts.rules.changes import Fit, fit
from contacts.rules.fields import Field
from tenancy.keys import keyring
from tenancy.models import KeyUse
from tenancy.walks import unfinished

LOOKED_AT = 100_000
"""Patients who are opened to tell what a change would do."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the background does for a changed field, and how far it is."""

    words: str
    done: int
    total: int


_WORK = {
    "contacts.index": "Building the search index",
    "contacts.convert": "Changing “{}”",
    "contacts.remove": "Removing “{}”",
}


def field_work() -> list[Work]:
    """Changes to fields that are not done yet, in the order they are worked on."""
    labels = {row.key: row.label for row in stored_fields()}
    return [
        Work(_WORK[walk.kind].format(labels.get(walk.subject, "")), walk.done, walk.total)
        for walk in unfinished()
        if walk.kind in _WORK
    ]


def fitting(after: Field) -> Fit:
    """How many patients' values another description of a field would keep.

    Opens everybody, or about LOOKED_AT of more: a page waits for it.
    """
    patients = total()
    part = Part(0, max(1, 256 * LOOKED_AT // patients)) if patients > LOOKED_AT else WHOLE
    people = matches(segments.Segment(), True, today(), part)
    return fit((profile.get(after.key) for _, _, profile in people), after, patients)


def segments_broken_by(key: str, after: Field | None) -> list[str]:
    """Names of the segments that can be read now, and could not with this field instead of the one
    with its key, or without it (None)."""
    now = vocabulary()
    others = {each: field for each, field in now.fields.items() if each != key}
    then = replace(now, fields=others if after is None else {**others, key: after})
    ring = keyring(KeyUse.PROFILE)
    return [
        row.name
        for row in segments_by_name()
        for text in [ring.open(bytes(row.tree), SEGMENT_TABLE, row.id)]
        if _reads(text, now) and not _reads(text, then)
    ]


def imports_at_work() -> bool:
    """Whether a worker is reading or writing contacts of a file."""
    return bool(Import.objects.filter(status__in=WORKING).exists())


def _reads(text: bytes, vocabulary: segments.Vocabulary) -> bool:
    try:
        segments.parse(text, vocabulary)
    except segments.SegmentProblem:
        return False
    return True
