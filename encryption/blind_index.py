"""Equality search over sealed values: HMAC-SHA-256 per field, cut short.

What it leaks, and to whom, is written down in docs/security/encryption.md: somebody who holds the
database but no key can see which rows share a value of a field, not what the value is.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID


class BlindIndex:
    """Tokens under one organization's index key. Field names keep equal values apart."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._fields: dict[str, hmac.HMAC] = {}

    def _digest(self, field: str, normalized: str) -> bytes:
        base = self._fields.get(field)
        if base is None:
            field_key = hmac.new(self._key, b"field:" + field.encode(), hashlib.sha256).digest()
            base = self._fields[field] = hmac.new(field_key, digestmod=hashlib.sha256)
        mac = base.copy()  # the key schedule is the larger half of a short HMAC
        mac.update(normalized.encode())
        return mac.digest()

    def token(self, field: str, normalized: str) -> int:
        """A signed 64-bit token, PostgreSQL's bigint. Collisions are weeded out by opening."""
        return int.from_bytes(self._digest(field, normalized)[:8], "big", signed=True)

    def wide_token(self, field: str, normalized: str) -> UUID:
        """128 bits, where a collision would merge two people: identities and addresses."""
        return UUID(bytes=self._digest(field, normalized)[:16])
