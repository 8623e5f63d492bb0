"""Addresses in mail: `/<organization's code>/<purpose>/<token>`, opaque and first-party.

Nothing in them tells who, what or why (45 CFR 164.514(b)(2)); the token opens one purpose alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from encryption.public_tokens import PublicTokens


class LinkPurpose(StrEnum):
    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    PICKUP = "message"


@dataclass(frozen=True, slots=True)
class MessageLinks:
    """The addresses of one message. The same message always has the same ones."""

    origin: str
    public_code: str
    tokens: PublicTokens
    message_id: UUID

    def address(self, purpose: LinkPurpose) -> str:
        token = self.tokens.make(purpose.value, self.message_id)
        return f"{self.origin}/{self.public_code}/{purpose.value}/{token}"

    def pixel(self) -> str:
        return self.address(LinkPurpose.OPEN)

    def click(self, number: int) -> str:
        """`number` counts the content's links from 0; the destination is stored, not passed."""
        return f"{self.click_prefix()}{number}"

    def click_prefix(self) -> str:
        """What the addresses of all of a message's links begin with; their number follows."""
        return f"{self.address(LinkPurpose.CLICK)}/"

    def unsubscribe(self) -> str:
        return self.address(LinkPurpose.UNSUBSCRIBE)

    def preferences(self) -> str:
        return self.address(LinkPurpose.PREFERENCES)

    def pickup(self) -> str:
        return self.address(LinkPurpose.PICKUP)
