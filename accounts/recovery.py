"""Recovery codes: random enough (50 bits) that a plain hash can't be turned back by guessing."""

from __future__ import annotations

import hashlib
import secrets

COUNT = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_codes() -> list[str]:
    """Ten codes such as `k3v9m-x2p7q`."""
    return [f"{_word()}-{_word()}" for _ in range(COUNT)]


def digest(code: str) -> str:
    """SHA-256 of the code as people type it: spaces, dashes and case don't matter."""
    plain = "".join(code.casefold().split()).replace("-", "")
    return hashlib.sha256(b"recovery:" + plain.encode()).hexdigest()


def _word() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))
