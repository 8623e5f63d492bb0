"""The statements by which many contacts are found, written and marked at once."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from contacts.models import ImportChange
from tenancy import bulk
from tenancy.current import current_organization_id
from tenancy.keys import blind_indexes
from tenancy.walks import unfinished

INDEX_WALK = "contacts.index"
"""Builds the index of every contact again."""


class Known(NamedTuple):
    """A stored contact; ids and tokens as 16 bytes."""

    id: bytes
    identity: bytes
    address: bytes | None
    profile: bytes
    source: bytes | None
    erased: bool
    state: str
    """Another one after every change of the row: who wrote this version of it, and where."""


def known_by(column: str, tokens: Collection[bytes]) -> list[Known]:
    """Contacts with one of these tokens as their `identity` or `email_token`."""
    if not tokens:
        return []
    return [Known(*row) for row in bulk.rows_about(_KNOWN[column], bulk.uuid_array(set(tokens)))]


def states_by(column: str, tokens: Collection[bytes]) -> set[tuple[bytes, str]]:
    """Id and state of those whom `known_by` would find."""
    if not tokens:
        return set()
    return {
        (who, state)
        for who, state in bulk.rows_about(_STATES[column], bulk.uuid_array(set(tokens)))
    }


# Token by token (OFFSET keeps it so): for thousands at once the planner would rather read the whole
# table, as long as it thinks that the table is small, and an import makes it large.
_LOOK_UP = """
SELECT known.* FROM unnest(%(ids)s::uuid[]) AS wanted(token) CROSS JOIN LATERAL (
    SELECT {columns} FROM contacts_contact c WHERE {column} = wanted.token OFFSET 0
) AS known
"""
_STATE = "c.xmin::text || c.ctid::text"
_ALL = (
    "uuid_send(id), uuid_send(identity), uuid_send(email_token), profile, uuid_send(source),"
    f" erased_at IS NOT NULL, {_STATE}"
)
_KNOWN, _STATES = (
    {
        column: _LOOK_UP.format(columns=wanted, column=column)
        for column in ("identity", "email_token")
    }
    for wanted in (_ALL, f"uuid_send(id), {_STATE}")
)

_COLUMNS = 11
_INT8 = 20  # pg_type.oid
_TOKEN = struct.Struct(">iq")
_SIXTEEN = struct.pack(">i", 16)
_LENGTH = struct.Struct(">i")
_ARRAY = struct.Struct(">iiiiii")
_NULL = struct.pack(">i", -1)
_NO_TOKENS = struct.pack(">iiii", 12, 0, 0, _INT8)
_START = {each: struct.pack(">hi?i", _COLUMNS, 1, each, 16) for each in (True, False)}
_FLAG = {each: struct.pack(">i?", 1, each) for each in (True, False)}
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = struct.pack(">h", -1)


def pack_token(token: int) -> bytes:
    """A token as an element of `pack`'s `tokens`."""
    return _TOKEN.pack(8, token)


class Columns(NamedTuple):
    """What many contacts have in common."""

    mail_domain: str
    language: str
    relationship: str
    deceased: bool
    source: bytes | None


def pack(
    is_new: bool,
    who: bytes,
    profile: bytes,
    identity: bytes,
    tokens: bytes,
    address: bytes | None,
    rest: Columns,
) -> bytes:
    """A row in the binary format of COPY, with the tokens joined as `pack_token` makes them.

    Packed by hand: a driver that looks at every value takes three times as long.
    """
    return b"".join(
        (
            _START[is_new],
            who,
            _LENGTH.pack(len(profile)),
            profile,
            _SIXTEEN,
            identity,
            _array_head(len(tokens)),
            tokens,
            _SIXTEEN + address if address else _NULL,
            _packed(rest),
        )
    )


@lru_cache(maxsize=4096)
def _packed(rest: Columns) -> bytes:
    return b"".join(
        (
            *map(_text, (rest.mail_domain, rest.language, rest.relationship)),
            _FLAG[rest.deceased],
            _SIXTEEN + rest.source if rest.source else _NULL,
        )
    )


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


@lru_cache(maxsize=256)
def _array_head(size: int) -> bytes:
    """What stands before tokens of so many octets in a bigint[]: the length of it all, one
    dimension, no nulls, element type, elements, lower bound."""
    if not size:
        return _NO_TOKENS
    return _ARRAY.pack(20 + size, 1, 0, _INT8, size // _TOKEN.size, 1)


def write(rows: bytes, index_version: int, now: datetime | None) -> None:
    """Insert or update contacts from packed rows, joined. Without a time, nobody's values are
    new."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        with cursor.copy("COPY contacts_incoming FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_HEADER)
            copy.write(rows)
            copy.write(_TRAILER)
        cursor.execute(_UPDATE, [index_version, now])
        cursor.execute(_INSERT, [current_organization_id(), index_version, now, now])
        cursor.execute("DELETE FROM contacts_incoming")


_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS contacts_incoming (
    is_new boolean, id uuid, profile bytea, identity uuid, tokens bigint[], email_token uuid,
    mail_domain varchar, language varchar, relationship varchar, deceased boolean, source uuid
) ON COMMIT DELETE ROWS
"""
_INSERT = """
INSERT INTO contacts_contact (
    id, organization_id, profile, identity, tokens, index_version, email_token, mail_domain,
    language, relationship, deceased, household, source, created_at, updated_at
)
SELECT id, %s, profile, identity, tokens, %s, email_token, mail_domain, language, relationship,
    deceased, false, source, %s, %s
FROM contacts_incoming WHERE is_new
"""
_UPDATE = """
UPDATE contacts_contact c SET profile = i.profile, identity = i.identity, tokens = i.tokens,
    index_version = %s, email_token = i.email_token, mail_domain = i.mail_domain,
    language = i.language, relationship = i.relationship, deceased = i.deceased,
    updated_at = coalesce(%s, c.updated_at)
FROM contacts_incoming i WHERE c.id = i.id AND NOT i.is_new
"""


def keep_for_undo(source: UUID, people: Iterable[tuple[bytes, bytes]], now: datetime) -> None:
    """Keep (id, sealed profile) as contacts were before an import first changed them."""
    changes = [
        ImportChange(source_id=source, contact_id=UUID(bytes=who), before=sealed, written_at=now)
        for who, sealed in people
    ]
    ImportChange.objects.bulk_create(
        changes,
        update_conflicts=True,
        unique_fields=["organization", "source", "contact"],
        update_fields=["written_at"],
        batch_size=1_000,
    )


def mark_households(
    addresses: Collection[bytes], older: Mapping[bytes, Sequence[bytes]] = MappingProxyType({})
) -> None:
    """Mark everybody who shares one of these addresses, and unmark who no longer does.

    While contacts go from one index key to another, nobody is unmarked before
    `mark_all_households`: one of a household may stand under the new key already and the others
    under an `older` one.
    """
    if not addresses:
        return
    if len(blind_indexes()) == 1 or not unfinished(INDEX_WALK):
        bulk.rows_about(_HOUSEHOLDS, bulk.uuid_array(addresses))
        return
    tokens = [(token, each) for each in addresses for token in (each, *older.get(each, ()))]
    bulk.rows(
        _HOUSEHOLDS_UNDER_TWO_KEYS,
        tokens=bulk.uuid_array([token for token, _ in tokens]),
        addresses=bulk.uuid_array([address for _, address in tokens]),
    )


def mark_all_households() -> None:
    """The same for everybody, once no address stands under two keys any more."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL_HOUSEHOLDS)


_ALL_HOUSEHOLDS = """
WITH sharing AS (
    SELECT email_token, count(*) > 1 AS several FROM contacts_contact
    WHERE email_token IS NOT NULL AND erased_at IS NULL GROUP BY email_token
)
UPDATE contacts_contact c SET household = sharing.several FROM sharing
WHERE c.email_token = sharing.email_token AND c.erased_at IS NULL
    AND c.household <> sharing.several
"""
_HOUSEHOLDS = """
WITH sharing AS (
    SELECT email_token, count(*) > 1 AS several FROM contacts_contact
    WHERE email_token = ANY(%(ids)s) AND erased_at IS NULL GROUP BY email_token
)
UPDATE contacts_contact c SET household = sharing.several FROM sharing
WHERE c.email_token = sharing.email_token AND c.erased_at IS NULL
    AND c.household <> sharing.several
"""
_HOUSEHOLDS_UNDER_TWO_KEYS = """
WITH known AS (
    SELECT * FROM unnest(%(tokens)s::uuid[], %(addresses)s::uuid[]) AS known(token, address)
), shared AS (
    SELECT address FROM known JOIN contacts_contact c ON c.email_token = known.token
    WHERE c.erased_at IS NULL GROUP BY address HAVING count(*) > 1
)
UPDATE contacts_contact c SET household = true FROM known JOIN shared USING (address)
WHERE c.email_token = known.token AND c.erased_at IS NULL AND NOT c.household
"""
