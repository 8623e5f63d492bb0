"""Envelope senders that find the message when it comes back (VERP), and that nobody can make up.

    b+<organization's public code>.<id and tag in base32>@<bounce domain>

The id is the message's, which its Message-ID tells as well. The tag is 96 bits of SHA-256 over the
message's AES-SIV token for this purpose alone (`encryption.public_tokens`), so it takes the
organization's link key to make one. Lower case only, since servers fold it, and never longer than
the 64 octets of a local part (RFC 5321 4.5.3.1.1). The same message always has the same one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from delivery.transports.addresses import Address
from encryption.public_tokens import PublicTokens

PURPOSE = "bounce"
GOOD_FOR = timedelta(days=30)
"""A mail server gives up within days; what comes back later is replayed."""

_TAG_OCTETS = 12
_LOCAL = re.compile(r"b\+([a-z0-9]{1,16})\.([a-z2-7]{45})(?![a-z2-7])", re.IGNORECASE)


def return_path(code: str, tokens: PublicTokens, message_id: UUID, domain: str) -> Address:
    """The envelope sender of a message. `domain` in A-labels."""
    packed = message_id.bytes + _tag(tokens, message_id)
    return Address(f"b+{code}.{_base32(packed)}", domain)


@dataclass(frozen=True, slots=True)
class Claim:
    """What an address says of itself: true only if `holds`."""

    code: str
    message_id: UUID
    tag: bytes = field(repr=False)

    def holds(self, tokens: PublicTokens) -> bool:
        """Whether the organization of these tokens made it."""
        return hmac.compare_digest(self.tag, _tag(tokens, self.message_id))


def claims_in(text: str) -> Iterator[Claim]:
    """Every address of this form in a text, such as a header."""
    for found in _LOCAL.finditer(text):
        code, spelled = found[1].lower(), found[2].lower()
        packed = base64.b32decode(spelled.upper() + "===")
        if _base32(packed) == spelled:  # base32 has two spellings of the last letter
            yield Claim(code, UUID(bytes=packed[:16]), packed[16:])


def claim_of(address: str) -> Claim | None:
    """What a recipient's address claims; None for any other address."""
    local = address.rpartition("@")[0]
    return next(claims_in(local), None) if _LOCAL.fullmatch(local) else None


def made_at(message_id: UUID) -> datetime:
    """When an id was made: a UUIDv7 (RFC 9562 5.7) begins with the milliseconds."""
    return datetime.fromtimestamp((message_id.int >> 80) / 1000, UTC)


def _tag(tokens: PublicTokens, message_id: UUID) -> bytes:
    token = tokens.make(PURPOSE, message_id)
    return hashlib.sha256(token.encode()).digest()[:_TAG_OCTETS]


def _base32(packed: bytes) -> str:
    return base64.b32encode(packed).decode().rstrip("=").lower()
