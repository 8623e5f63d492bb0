"""Bounces in forms of their own: older Exim, qmail, Exchange and many others, by flufl.bounce.

It looks through each line with dozens of patterns. So it gets the text alone, decoded, in short
lines and not too much of it, and nothing of the message that came back.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message

from flufl.bounce import all_failures

from delivery.bounces.dsn import Report
from delivery.bounces.kinds import status_said_in

MAX_TEXT = 16_000
MAX_LINE = 300


def reports(message: Message) -> Iterator[Report]:
    """A report for each recipient that some known form of bounce names. Changes the message."""
    text = "\n".join(_reduced(message))
    temporary, permanent = all_failures(message)
    status = status_said_in(text)
    for action, addresses in (("failed", permanent), ("delayed", temporary)):
        for address in addresses:
            yield Report(action, status, frozenset({address.decode("ascii", "replace").lower()}))


def _reduced(message: Message) -> Iterator[str]:
    """Leave in a message what bounces are known by; gives its texts."""
    left = MAX_TEXT
    for part in _leaves(message):
        text = ""
        if part.get_content_maintype() == "text" and left > 0:
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                text = content[:left].decode("ascii", "replace")
        left -= len(text)
        text = "\n".join(line[:MAX_LINE] for line in text.splitlines())
        del part["Content-Transfer-Encoding"]
        part.set_payload(text)
        yield text


def _leaves(message: Message) -> Iterator[Message]:
    """The parts without parts of their own; a returned message counts as one."""
    payload = message.get_payload()
    if message.get_content_maintype() == "multipart" and isinstance(payload, list):
        for part in payload:
            if isinstance(part, Message):
                yield from _leaves(part)
    else:
        yield message
