"""Data keys per organization and use, wrapped by a master key that never touches the database."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from encryption import cipher

FINGERPRINT_BYTES = 8


class MasterKeyProblem(Exception):
    """The master key is missing, malformed, or not the one that wrapped this data key."""


class MasterKey(Protocol):
    """Wraps data keys. `context` is authenticated: a key moved to another use doesn't unwrap."""

    def wrap(self, material: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...


class LocalMasterKey:
    """A 256-bit master key held by this process, out of a file or the environment."""

    def __init__(self, material: bytes) -> None:
        if len(material) != cipher.KEY_BYTES:
            raise MasterKeyProblem("the master key must be 32 bytes, written in base64")
        self._aead = AESGCM(material)
        self._fingerprint = hashlib.sha256(b"master" + material).digest()[:FINGERPRINT_BYTES]

    @classmethod
    def from_base64(cls, text: str) -> LocalMasterKey:
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except binascii.Error:
            raise MasterKeyProblem("the master key is not base64") from None

    @classmethod
    def from_file(cls, path: str) -> LocalMasterKey:
        try:
            return cls.from_base64(Path(path).read_text())
        except OSError as error:
            raise MasterKeyProblem(f"the master key file can't be read: {error.strerror}") from None

    def wrap(self, material: bytes, context: bytes) -> bytes:
        nonce = secrets.token_bytes(cipher.NONCE_BYTES)
        return self._fingerprint + nonce + self._aead.encrypt(nonce, material, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        if wrapped[:FINGERPRINT_BYTES] != self._fingerprint:
            raise MasterKeyProblem("this data key was wrapped by another master key")
        body = wrapped[FINGERPRINT_BYTES:]
        nonce, sealed = body[: cipher.NONCE_BYTES], body[cipher.NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, sealed, context)
        except InvalidTag:
            raise MasterKeyProblem("the wrapped data key was changed or moved") from None


@dataclass(frozen=True, slots=True)
class Key:
    """An unwrapped data key."""

    id: UUID
    version: int
    material: bytes

    def __repr__(self) -> str:
        return f"Key({self.id}, version {self.version})"


class Keyring:
    """The keys of one organization and use. Seals with the newest, opens with any."""

    def __init__(
        self, organization: UUID, use: str, keys: Mapping[UUID, Key], not_yet: Collection[UUID] = ()
    ) -> None:
        """`not_yet` are keys that open, but must not seal before every process knows them."""
        active = [key for key in keys.values() if key.id not in not_yet]
        if not active:
            raise MasterKeyProblem(f"organization {organization} has no key for {use}")
        self.organization = organization
        self.use = use
        self.keys = keys
        self.current = max(active, key=lambda key: key.version)

    def seal(self, plaintext: bytes, table: str, row: UUID) -> bytes:
        place = cipher.Place(self.organization, self.use, table, row)
        return cipher.seal(self.current.id, self.current.material, plaintext, place)

    def open(self, sealed: bytes, table: str, row: UUID) -> bytes:
        """Raises `cipher.CannotOpen` for a changed or moved value or a destroyed key."""
        key = self.keys.get(cipher.key_id_of(sealed))
        if key is None:
            raise cipher.CannotOpen("its key is not here")
        place = cipher.Place(self.organization, self.use, table, row)
        return cipher.open_sealed(key.material, bytes(sealed), place)

    def opener(self, table: str) -> Callable[[bytes, bytes], bytes]:
        """`open` for many rows of one table, three times as fast: takes the row's id as bytes."""
        return cipher.opener(
            {key.id: key.material for key in self.keys.values()},
            cipher.Place(self.organization, self.use, table, UUID(int=0)),
        )

    def sealer(self, table: str) -> Callable[[bytes, bytes], bytes]:
        """`seal` for many rows of one table: takes the plaintext and the row's id as bytes."""
        place = cipher.Place(self.organization, self.use, table, UUID(int=0))
        return cipher.sealer(self.current.id, self.current.material, place)


def new_material() -> bytes:
    """A fresh 256-bit key."""
    return secrets.token_bytes(cipher.KEY_BYTES)
