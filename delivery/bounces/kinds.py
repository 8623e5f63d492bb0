"""Why a message came back."""

from __future__ import annotations

import re
from enum import StrEnum

from delivery.transports.outcomes import Evidence, RecipientRefused, Stage, Unprotected, classify


class Kind(StrEnum):
    RECIPIENT_GONE = "recipient_gone"
    """The mailbox or its domain does not exist."""
    MAILBOX_FULL = "mailbox_full"
    """Full or switched off: it may pass."""
    POLICY = "policy"
    """The server does not want mail of ours; it says nothing about the address."""
    CONTENT = "content"
    """Too large, or of a form that the server does not take."""
    TLS = "tls"
    """A server on the way could not protect it, and so did not deliver it."""
    EXPIRED = "expired"
    """A server tried for days and gave up."""
    OTHER = "other"


_STATUS = re.compile(r"(?<![\d.])([245])\.([0-7])\.(\d{1,3})(?![\d.])")
# In words of servers, only behind a reply code or a number sign: there are other numbers with dots.
_SAID = re.compile(r"(?:(?<!\d)[45]\d\d[ -]#?|#)([45])\.([0-7])\.(\d{1,3})(?![\d]|\.\d)", re.ASCII)


def status_in(field: str) -> str:
    """The enhanced status (RFC 3463) of a Status field; empty if it has none."""
    found = _STATUS.search(field)
    return ".".join(found.groups()) if found else ""


def status_said_in(text: str) -> str:
    """The first enhanced status that a server's words quote; empty if they quote none."""
    found = _SAID.search(text)
    return ".".join(found.groups()) if found else ""


def kind_of(status: str) -> Kind:
    """What an enhanced status means for a message that was given up.

    A status of class 4 means that it might have worked later, and that nobody tries any more. So it
    condemns no address: 4.1.1 is not 5.1.1.
    """
    if not status:
        return Kind.OTHER
    outcome = classify(Evidence(stage=Stage.RCPT, enhanced=f"5{status[1:]}", relay=True))
    if isinstance(outcome, Unprotected):
        return Kind.TLS
    kind = outcome.kind if isinstance(outcome, RecipientRefused) else ""
    if status.startswith("4") and kind != "mailbox_full":
        return Kind.EXPIRED
    if kind == "policy":
        return Kind.POLICY if status[2] == "7" else Kind.OTHER
    return Kind(kind) if kind in _SAME else Kind.OTHER


_SAME = frozenset(Kind) - {Kind.POLICY}
