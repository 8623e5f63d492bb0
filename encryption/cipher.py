"""AES-256-GCM sealing of single values (NIST SP 800-38D), each bound to the row it belongs to.

A sealed value is `version (1) | key id (16) | nonce (12) | ciphertext and tag`. Its associated data
names the organization, use, table and row, so that a value moved to another row does not open.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
_HEADER = 1 + 16


class CannotOpen(Exception):
    """The value was changed, moved to another row, or sealed under a key that is not here."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. Opening it anywhere else fails."""

    organization: UUID
    use: str
    table: str
    row: UUID

    def associated_data(self) -> bytes:
        """Unambiguous: the two texts are length-prefixed, the rest has fixed sizes."""
        use, table = self.use.encode(), self.table.encode()
        return b"".join(
            (
                bytes((VERSION,)),
                self.organization.bytes,
                self.row.bytes,
                len(use).to_bytes(2, "big"),
                use,
                len(table).to_bytes(2, "big"),
                table,
            )
        )


def seal(key_id: UUID, key: bytes, plaintext: bytes, place: Place) -> bytes:
    """Seal under a 256-bit key. Nonces are random: rotate a key long before 2**32 values."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plaintext, place.associated_data())
    return bytes((VERSION,)) + key_id.bytes + nonce + sealed


def key_id_of(sealed: bytes) -> UUID:
    """Which key opens this value. Raises `CannotOpen` for what was never a sealed value."""
    if len(sealed) < _HEADER + NONCE_BYTES + 16 or sealed[0] != VERSION:
        raise CannotOpen("not a sealed value")
    return UUID(bytes=bytes(sealed[1:_HEADER]))


def open_sealed(key: bytes, sealed: bytes, place: Place) -> bytes:
    """The plaintext, or `CannotOpen`."""
    nonce, body = sealed[_HEADER : _HEADER + NONCE_BYTES], sealed[_HEADER + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, place.associated_data())
    except InvalidTag:
        raise CannotOpen("the value was changed or moved") from None
