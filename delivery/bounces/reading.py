"""Reading a mail that came back, in memory and in bounded time. Whatever it holds is PHI.

Nothing is believed because of what is read here: which message it is about, only an address or a
link that we made can tell (`clues`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from delivery.bounces import arf, dsn, unusual
from delivery.bounces.dsn import Report
from delivery.bounces.kinds import Kind, kind_of

MAX_READ = 200_000
"""Octets. What a bounce says comes first, what it returns last."""
MAX_PARTS = 100
MAX_CLUE = 20_000


class NotUnderstood(Exception):
    """It is no bounce and no complaint of a form that we know."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """It was not delivered, and nobody tries any more."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Delayed:
    """Not delivered yet; a server still tries."""


@dataclass(frozen=True, slots=True)
class Complained:
    """The recipient called it spam. `kind` is the type of feedback (RFC 5965 7.3)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """A robot's answer, or a report that nothing went wrong."""


Finding = Bounced | Delayed | Complained | Nothing


@dataclass(frozen=True, slots=True)
class ReturnedMail:
    """What a mail that came back says. `clues` are the texts in which an address or a link that we
    made may stand, the most trustworthy first."""

    reports: tuple[Report, ...] = ()
    complaint: str = ""
    clues: tuple[str, ...] = field(default=(), repr=False)

    def finding(self, address: str) -> Finding:
        """What it says about the message that went to this address; "" if that is not known.

        Reports about others, to whom it was forwarded, count only if none names the address. Among
        several, one that says that it arrived is enough.
        """
        if self.complaint:
            return Complained(self.complaint)
        named = [each for each in self.reports if address and address.lower() in each.addresses]
        chosen = named or self.reports
        actions = {each.action for each in chosen}
        if actions == {"failed"}:
            return Bounced(kind_of(chosen[0].status))
        if "delayed" in actions and actions <= {"failed", "delayed"}:
            return Delayed()
        return Nothing()


def read(raw: bytes) -> ReturnedMail:
    """Read a mail. Raises `NotUnderstood`, and nothing else."""
    if len(_PARTS.findall(raw[:MAX_READ])) > MAX_PARTS:
        raise NotUnderstood("too many parts")
    try:
        return _read(BytesParser(policy=compat32).parsebytes(raw[:MAX_READ]))
    except NotUnderstood:
        raise
    except Exception:  # noqa: BLE001 - two libraries read what anybody may have written
        raise NotUnderstood("not readable") from None


_PARTS = re.compile(rb"^content-type:", re.IGNORECASE | re.MULTILINE)


def _read(message: Message) -> ReturnedMail:
    clues = tuple(_clues(message))
    complaint = arf.complaint(message)
    if complaint or any(arf.feedback(message)):
        return ReturnedMail(complaint=complaint, clues=clues)
    found = tuple(dsn.reports(message))
    answer = _is_answer_of_robot(message)
    if not found and not answer:
        found = tuple(unusual.reports(message))
    if found or answer:
        return ReturnedMail(found, clues=clues)
    raise NotUnderstood("neither a bounce nor a complaint")


def _is_answer_of_robot(message: Message) -> bool:
    """A note about a holiday, or a receipt. Exim calls its bounces answers as well, and says whom
    they are about (RFC 3834 3.1.7)."""
    if "X-Failed-Recipients" in message:
        return False
    submitted = str(message.get("Auto-Submitted", "")).strip().lower()
    precedence = str(message.get("Precedence", "")).strip().lower()
    return (
        submitted.startswith("auto-replied")
        or precedence == "auto_reply"
        or any(name in message for name in ("X-Autoreply", "X-Autorespond"))
        or str(message.get_param("report-type", "")).lower() == "disposition-notification"
    )


_DELIVERED_TO = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "To",
    "Received",
)
_RETURNED = ("Return-Path", "X-Original-Return-Path", "List-Unsubscribe")


def _clues(message: Message) -> Iterator[str]:
    """Where it was delivered to; then what complaints and returned headers say of the sender."""
    yield from _values(message, _DELIVERED_TO)
    for report in arf.feedback(message):
        yield from _values(report, ("Original-Mail-From",))
    for part in message.walk():
        if part is message:
            continue
        yield from _values(part, _RETURNED)
        if part.get_content_type() == "text/rfc822-headers":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield content[:MAX_CLUE].decode("ascii", "replace")


def _values(part: Message, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        for value in part.get_all(name, [])[:10]:
            yield str(value)[:MAX_CLUE]
