"""A place for an upload while it arrives: outside memory, and never in clear on a disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_OCTETS = 12
TAG_OCTETS = 16


class SealedSpool:
    """Bytes in an unnamed temporary file, encrypted with a key that is only in this process's
    memory. When it is closed, or the process ends, nobody can read them any more.

    Each piece has its number as nonce: the key is random and used for this spool alone.
    """

    def __init__(self) -> None:
        self.size = 0
        self._lengths: list[int] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._cipher = AESGCM(AESGCM.generate_key(256))

    def write(self, piece: bytes) -> None:
        """Append a piece. Pieces are sealed as they come, so they should not be tiny."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(self._cipher.encrypt(_nonce(len(self._lengths)), piece, None))
        self._lengths.append(len(piece))
        self.size += len(piece)

    def chunks(self) -> Iterator[bytes]:
        """The pieces as they were written, from the beginning."""
        self._file.seek(0)
        for number, length in enumerate(self._lengths):
            sealed = self._file.read(length + TAG_OCTETS)
            yield self._cipher.decrypt(_nonce(number), sealed, None)

    def close(self) -> None:
        self._file.close()


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE_OCTETS, "big")
