"""Files of contacts: who is in one, and the sealed pieces of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from django.db import connection

from contacts.models import Export, ExportChunk
from contacts.queries.audience import matching_profiles
from contacts.queries.definitions import today, vocabulary
from contacts.rules import segments
from contacts.rules.fields import Value
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse

TABLE = "contacts_export"
TREE = "contacts_export.tree"
CHUNK_TABLE = "contacts_exportchunk"
SHOWN = 50


def exports() -> list[Export]:
    """The newest exports."""
    return list(Export.objects.order_by("-id")[:SHOWN])


def export_by_id(export_id: UUID) -> Export | None:
    found: Export | None = Export.objects.filter(id=export_id).first()
    return found


def export_reason(export: Export) -> str:
    """Why somebody asked for it, in their words."""
    return keyring(KeyUse.PROFILE).open(bytes(export.reason), TABLE, export.id).decode()


def export_tree(export: Export) -> segments.Segment:
    """Whose values are in it: the segment as it was when somebody asked. Raises `SegmentProblem`
    if it speaks of a field that is no more."""
    text = keyring(KeyUse.PROFILE).open(bytes(export.tree), TREE, export.id)
    return segments.parse(text, vocabulary())


def exported_people(export: Export, at_once: int) -> Iterator[list[dict[str, Value]]]:
    """The profiles in it. Raises `SegmentProblem`."""
    profiles = matching_profiles(export_tree(export), today())
    while batch := list(islice(profiles, at_once)):
        yield batch


def export_pieces(organization_id: UUID, export_id: UUID) -> Iterator[bytes]:
    """The file, piece by piece, each read in a transaction of its own: outside `acting_for`."""
    number = 0
    while True:
        with acting_for(organization_id):
            piece = ExportChunk.objects.filter(export_id=export_id, number=number).first()
            if piece is None:
                return
            plain = keyring(KeyUse.PROFILE).open(bytes(piece.sealed), CHUNK_TABLE, piece.id)
        yield plain
        number += 1


def stranded_exports() -> list[tuple[UUID, UUID]]:
    """(organization, export) that nobody writes, in every organization. Outside `acting_for`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT organization_id, export_id FROM contacts_stranded_exports()")
        return list(cursor.fetchall())
