"""Files of contacts: who is in one, and the sealed pieces of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from contacts.models import Export, ExportChunk
from contacts.queries.audience import recipients
from contacts.queries.definitions import today, vocabulary
from contacts.queries.people import opened
from contacts.rules import segments
from contacts.rules.fields import Value
from tenancy.current import acting_for
from tenancy.keys import keyring
from tenancy.models import KeyUse

TABLE = "contacts_export"
TREE = "contacts_export.tree"
CHUNK_TABLE = "contacts_exportchunk"
SHOWN = 50
ID_BYTES = 16


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


def exported_ids(export: Export) -> bytes:
    """Who is in it right now, 16 bytes each: a million take 16 MB. Raises `SegmentProblem`."""
    ids = bytearray()
    for who, _ in recipients(export_tree(export), today()):
        ids += who
    return bytes(ids)


def exported_profiles(ids: bytes) -> list[dict[str, Value]]:
    """The profiles of these, 16 bytes each. Who is no more is left out."""
    who = [UUID(bytes=ids[at : at + ID_BYTES]) for at in range(0, len(ids), ID_BYTES)]
    people = opened(who)
    return [people[each].profile for each in who if each in people]


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
