"""Do-not-contact lists: what was found in one is kept, sealed, between looking and confirming."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from uuid import UUID

import orjson

from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.lists import FoundAddresses, addresses_in
from consent.services.suppressions import suppress_many
from contacts import services as contacts
from contacts.rules.reading import FileProblem
from encryption.cipher import CannotOpen
from tenancy.keys import keyring
from tenancy.models import KeyUse, new_id

LIST_TABLE = "consent_list"
MAX_ADDRESSES = 100_000
WORKBOOK = b"PK\x03\x04"


class NotAList(Exception):
    """This can't be taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that somebody looked at and may confirm."""

    addresses: list[str] = field(repr=False)
    scope: SuppressionScope
    reason: SuppressionReason


def read_list(content: bytes) -> FoundAddresses:
    """The addresses in a text, a CSV or an Excel file. Raises `NotAList`."""
    try:
        found = addresses_in(_lines(content))
    except FileProblem as problem:
        raise NotAList(str(problem)) from None
    if not found.addresses:
        raise NotAList("There is no email address in it. Put one in each line.")
    if len(found.addresses) > MAX_ADDRESSES:
        raise NotAList("These are more than 100,000 addresses. Divide the list and add each part.")
    return found


def _lines(content: bytes) -> Iterable[str]:
    if content.startswith(WORKBOOK):
        table = contacts.read_table(BytesIO(content))
        return ["\t".join(row.cells) for row in table.rows]
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return content.decode(encoding).splitlines()
        except UnicodeDecodeError:
            break
    return content.decode("latin-1").splitlines()


def sealed_list(listed: Listed, by: UUID) -> str:
    """The list for the page that asks for a confirmation: only they can confirm it."""
    body = orjson.dumps([str(by), listed.addresses, listed.scope, listed.reason])
    key = new_id()
    sealed = keyring(KeyUse.AUTHORIZATION).seal(zlib.compress(body), LIST_TABLE, key)
    return urlsafe_b64encode(key.bytes + sealed).decode()


def take_list(sealed: str, by: UUID) -> int:
    """Stop mail to everybody on a list that was looked at; returns how many are new. Raises
    `NotAList`."""
    try:
        raw = urlsafe_b64decode(sealed)
        ring = keyring(KeyUse.AUTHORIZATION)
        body = ring.open(raw[16:], LIST_TABLE, UUID(bytes=raw[:16]))
    except (ValueError, CannotOpen):
        raise NotAList("The list did not arrive whole. Upload it again.") from None
    whose, addresses, scope, reason = orjson.loads(zlib.decompress(body))
    if whose != str(by):
        raise NotAList("Somebody else looked at this list. Upload it again.")
    return suppress_many(addresses, SuppressionScope(scope), SuppressionReason(reason), "list", by)
