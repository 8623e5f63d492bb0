"""Delivery status notifications (RFC 3464; RFC 6533 for addresses beyond ASCII)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser

from delivery.bounces.kinds import status_in, status_said_in

MAX_FIELD = 2_000


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one recipient. `action` is one of RFC 3464 2.3.3; `addresses` are those that
    the report calls the recipient by, in lower case."""

    action: str
    status: str
    addresses: frozenset[str] = field(default=frozenset(), repr=False)


def reports(message: Message) -> Iterator[Report]:
    """A report for each recipient of each delivery status in a message."""
    for part in message.walk():
        for block in _blocks(part):
            action = re.match(r"[a-z]+", _field(block, "Action").lower())
            if action:
                # OpenSMTPD says "error".
                said = {"error": "failed", "failure": "failed"}.get(action[0], action[0])
                yield Report(said, _status(block), frozenset(_addresses(block)))


def _blocks(part: Message) -> list[Message]:
    """The blocks of fields: first one of the message, then one of each recipient."""
    match part.get_content_type():
        case "message/delivery-status":
            payload = part.get_payload()
            return [each for each in payload if isinstance(each, Message)]
        case "message/global-delivery-status":  # the library takes it for a message
            inner = part.get_payload()
            if not isinstance(inner, list):
                return []
            texts = [str(each.get_payload()) for each in inner if isinstance(each, Message)]
            text = "\n\n".join(texts)
            return [HeaderParser().parsestr(block) for block in re.split(r"\r?\n\r?\n", text)]
        case _:
            return []


def _status(block: Message) -> str:
    """The status; where it only says "something" (x.0.0), what the server's words say."""
    status = status_in(_field(block, "Status"))
    said = status_said_in(_field(block, "Diagnostic-Code"))
    if said and (not status or status.endswith(".0.0")):
        return said
    return status


def _addresses(block: Message) -> Iterator[str]:
    for name in ("Original-Recipient", "Final-Recipient"):
        _, semicolon, address = _field(block, name).partition(";")
        if semicolon:
            yield address.strip().strip("<>").lower()


def _field(block: Message, name: str) -> str:
    return str(block.get(name, ""))[:MAX_FIELD]
