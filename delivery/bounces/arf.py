"""Complaints: somebody pressed "this is spam" (RFC 5965)."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message

_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc", "virus"})
"""Reports about something else: that it is no spam, that a signature does not verify."""
_KNOWN = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})


def complaint(message: Message) -> str:
    """The kind of complaint that a message brings, `other` for one that nobody knows; empty if it
    brings none."""
    for report in feedback(message):
        kind = str(report.get("Feedback-Type", "")).strip().lower()
        if kind not in _NO_COMPLAINT:
            return kind if kind in _KNOWN else "other"
    return ""


def feedback(message: Message) -> Iterator[Message]:
    """The fields of each feedback report in a message."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            payload = part.get_payload()
            if isinstance(payload, list):
                yield from (each for each in payload if isinstance(each, Message))
