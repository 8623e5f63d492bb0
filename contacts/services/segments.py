"""Saving segments."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import services as audit
from contacts import queries
from contacts.models import Segment
from contacts.queries.audience import SEGMENT_TABLE
from contacts.rules import segments
from contacts.rules.copies import names_of_copies
from tenancy.keys import keyring
from tenancy.models import KeyUse

_on_change: list[Callable[[UUID], None]] = []


class InUse(ValueError):
    """Something needs the segment. Says what."""


class NameTaken(ValueError):
    """Another segment has this name."""


def on_segment_changed(react: Callable[[UUID], None]) -> None:
    """Register what a higher app does when a segment comes to mean other people.

    Called with the segment's id, in the transaction that changes it.
    """
    _on_change.append(react)


def save_segment(
    name: str, tree_json: str, user_id: UUID, segment_id: UUID | None = None
) -> Segment:
    """Store a new segment, or change the one with this id.

    Raises `SegmentProblem` or `NameTaken`, in words for whoever builds it.
    """
    vocabulary = queries.vocabulary()
    tree = segments.parse(tree_json, vocabulary)
    segment, earlier = _existing_or_new(segment_id, user_id)
    text = segments.to_json(tree)
    segment.name = name
    segment.tree = keyring(KeyUse.PROFILE).seal(text.encode(), SEGMENT_TABLE, segment.id)
    segment.health_information = segments.is_health_information(tree, vocabulary).answer
    if earlier != text:
        segment.authors = sorted({*segment.authors, user_id})
    segment.updated_at = timezone.now()
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise NameTaken("Another segment has this name. Choose a different one.") from None
    audit.record("segment_saved", object_type="segment", object_id=segment.id)
    if segment_id is not None and earlier != text:
        for react in _on_change:
            react(segment.id)
    return segment


def copy_segment(segment_id: UUID, user_id: UUID) -> Segment:
    """Store the same under another name, "Copy of ...". Raises `Segment.DoesNotExist`."""
    original: Segment = Segment.objects.get(id=segment_id)
    text = keyring(KeyUse.PROFILE).open(bytes(original.tree), SEGMENT_TABLE, original.id)
    taken = set(Segment.objects.values_list("name", flat=True))
    name = next(each for each in names_of_copies(original.name) if each not in taken)
    return save_segment(name, text.decode(), user_id)


def delete_segment(segment_id: UUID) -> None:
    """Remove a segment for good.

    Raises `InUse` in words while something uses it, and `Segment.DoesNotExist`.
    """
    segment: Segment = Segment.objects.select_for_update().get(id=segment_id)
    if uses := queries.uses_of_segment(segment_id):
        names = ", ".join(f"“{name}”" for name, _ in uses)
        raise InUse(f"The segment is used in {names}, so it cannot be deleted.")
    segment.delete()
    audit.record("segment_deleted", object_type="segment", object_id=segment_id)


def _existing_or_new(segment_id: UUID | None, user_id: UUID) -> tuple[Segment, str]:
    """The segment to write, under a lock, and the tree that it has so far."""
    if segment_id is None:
        return Segment(created_by=user_id), ""
    segment: Segment = Segment.objects.select_for_update().get(id=segment_id)
    sealed = bytes(segment.tree)
    return segment, keyring(KeyUse.PROFILE).open(sealed, SEGMENT_TABLE, segment.id).decode()
