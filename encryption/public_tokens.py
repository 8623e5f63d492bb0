"""Opaque tokens for links in mail: AES-SIV (RFC 5297) over a row's id.

Deterministic, so that a retried message has the same bytes; 128 bits of authentication, so that
nobody can make one; nothing is stored, so that a stolen database holds no working link. The purpose
is authenticated: a token for an open pixel does not unsubscribe.
"""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class UnknownToken(Exception):
    """Not a token of ours, or one for another purpose."""


class PublicTokens:
    """Makes and reads the tokens of one organization under a 256-bit key."""

    def __init__(self, key: bytes) -> None:
        self._siv = AESSIV(key)

    def make(self, purpose: str, row: UUID) -> str:
        """43 characters, safe in a URL."""
        sealed = self._siv.encrypt(row.bytes, [purpose.encode()])
        return _spelled(sealed)

    def read(self, purpose: str, token: str) -> UUID:
        """The row's id, or `UnknownToken`."""
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            row = UUID(bytes=self._siv.decrypt(sealed, [purpose.encode()]))
        except (InvalidTag, ValueError, binascii.Error):
            raise UnknownToken("not a token of this organization and purpose") from None
        if _spelled(sealed) != token:  # base64 has several spellings of the last letter
            raise UnknownToken("not spelled as it was made")
        return row


def _spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
