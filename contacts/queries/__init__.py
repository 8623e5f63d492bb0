"""Reads of contacts: their fields, people, audiences, segments and imports."""

from contacts.queries.audience import (
    count,
    description,
    field_index_token,
    matching,
    segment_by_id,
    segment_tree,
    segments_by_name,
)
from contacts.queries.definitions import fields, fields_by_key, today, vocabulary
from contacts.queries.files import (
    Head,
    chunks,
    head,
    import_by_id,
    imports,
    mapping,
    preview,
    rejects,
    stranded_imports,
)
from contacts.queries.people import (
    OpenedContact,
    Page,
    address_token,
    any_contacts,
    find,
    opened,
    page,
    total,
)

__all__ = [
    "Head",
    "OpenedContact",
    "Page",
    "address_token",
    "any_contacts",
    "chunks",
    "count",
    "description",
    "field_index_token",
    "fields",
    "fields_by_key",
    "find",
    "head",
    "import_by_id",
    "imports",
    "mapping",
    "matching",
    "opened",
    "page",
    "preview",
    "rejects",
    "segment_by_id",
    "segment_tree",
    "segments_by_name",
    "stranded_imports",
    "today",
    "total",
    "vocabulary",
]
