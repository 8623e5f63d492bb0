"""How the chain is computed. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping

START = b"\x00" * 32
"""What stands before the first event of a chain."""


def digest(key: bytes, previous: bytes, sequence: int, event: Mapping[str, object]) -> bytes:
    """The digest that binds this event to everything before it (45 CFR 164.312(b), (c)(1))."""
    canonical = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(
        key, previous + sequence.to_bytes(8, "big") + canonical.encode(), hashlib.sha256
    ).digest()
