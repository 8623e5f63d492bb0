"""AES-256-GCM sealing of single values (NIST SP 800-38D), each bound to the row it belongs to.

A sealed value is `version (1) | key id (16) | nonce (12) | ciphertext and tag`. Its associated data
names the organization, use, table and row, so that a value moved to another row does not open.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
NONCES_AT_ONCE = 1_000
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
        before, after = self.around_row()
        return before + self.row.bytes + after

    def around_row(self) -> tuple[bytes, bytes]:
        """What stands before and after the row's id. Unambiguous: the two texts are
        length-prefixed, the rest has fixed sizes."""
        use, table = self.use.encode(), self.table.encode()
        texts = (len(use).to_bytes(2, "big"), use, len(table).to_bytes(2, "big"), table)
        return bytes((VERSION,)) + self.organization.bytes, b"".join(texts)


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


def sealer(key_id: UUID, key: bytes, place: Place) -> Callable[[bytes, bytes], bytes]:
    """`seal` for many rows of one table: takes the plaintext and the row's id as bytes."""
    encrypt, header, nonces = AESGCM(key).encrypt, bytes((VERSION,)) + key_id.bytes, _nonces()
    before, after = place.around_row()

    def seal_row(plaintext: bytes, row: bytes) -> bytes:
        nonce = next(nonces)
        return header + nonce + encrypt(nonce, plaintext, before + row + after)

    return seal_row


def _nonces() -> Iterator[bytes]:
    """Random nonces, drawn by the thousand: asking the system for each costs more than sealing.

    Each sealer draws its own. A process that forks makes a new sealer before it seals.
    """
    while True:
        drawn = os.urandom(NONCE_BYTES * NONCES_AT_ONCE)
        for at in range(0, len(drawn), NONCE_BYTES):
            yield drawn[at : at + NONCE_BYTES]


def opener(keys: Mapping[UUID, bytes], place: Place) -> Callable[[bytes, bytes], bytes]:
    """`open_sealed` for many rows of one table: takes the row's id as bytes, and the value."""
    by_header = {
        bytes((VERSION,)) + key_id.bytes: AESGCM(key).decrypt for key_id, key in keys.items()
    }
    before, after = place.around_row()

    def open_row(row: bytes, sealed: bytes) -> bytes:
        decrypt = by_header.get(sealed[:_HEADER])
        if decrypt is None:
            raise CannotOpen("not a sealed value, or its key is not here")
        try:
            nonce = sealed[_HEADER : _HEADER + NONCE_BYTES]
            return decrypt(nonce, sealed[_HEADER + NONCE_BYTES :], before + row + after)
        except (InvalidTag, ValueError):
            raise CannotOpen("the value was changed or moved") from None

    return open_row
