"""What became of one message, said by its consequence, with evidence.

Reply *texts* are not kept: servers like to repeat the recipient's address in them. The reply code
and the enhanced status code (RFC 3463) say what is needed.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal


class Stage(StrEnum):
    """How far a session had come when something happened."""

    LOOKUP = "lookup"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen on the connection, kept for the audit and for "why a link?".

    ``level``: L2 = TLS with a certificate verified for the mail host's name, L1 = encrypted but
    not verified, L0 = not encrypted, empty = no connection came about.
    """

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stage: Stage
    host: str = ""
    ip: str = ""
    level: Literal["", "L0", "L1", "L2"] = ""
    tls_version: str = ""
    cipher: str = ""
    certificate_sha256: str = ""
    code: int | None = None
    enhanced: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self) | {"at": self.at.isoformat(), "stage": self.stage.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    evidence: Evidence

    @property
    def code(self) -> int | None:
        """The SMTP reply code that decided, if one did."""
        return self.evidence.code

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, if the server gave one."""
        return self.evidence.enhanced


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explained(_Outcome):
    kind: str

    @property
    def sentence(self) -> str:
        """The reason in plain words, for people."""
        return SENTENCES[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(_Outcome):
    """The recipient's mail server took responsibility for the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRefused(_Explained):
    """The server refuses for good: this message will not be delivered to this address.

    ``kind``: recipient_gone, mailbox_full, policy or content.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred(_Explained):
    """Not now: try again later. No content can have been accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprotected(_Explained):
    """No mail server of the domain offers acceptable TLS: use the portal. No content was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTemporary(_Explained):
    """TLS failed in a way that may pass: try again for a while, then use the portal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain(_Explained):
    """The connection was lost after content was sent: it may have been accepted. Do not resend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDead(_Explained):
    """The domain does not exist or takes no mail (RFC 7505, RFC 5321 5.1)."""


Outcome = (
    Accepted | RecipientRefused | Deferred | Unprotected | TlsTemporary | Uncertain | DomainDead
)

SENTENCES = {
    # RecipientRefused
    "recipient_gone": "The mail server says that this mailbox does not exist.",
    "mailbox_full": "The mailbox is full or switched off.",
    "policy": "The mail server refuses our mail because of its own rules.",
    "content": "The mail server refuses the size or the form of this message.",
    # Deferred
    "greylisted": "The mail server asks us to try again in a few minutes.",
    "throttled": "The mail server asks us to send more slowly.",
    "busy": "The mail server cannot take the message at the moment.",
    "connection_failed": "The mail server could not be reached.",
    "connection_lost": "The connection broke off before the message was sent.",
    "not_smtp": "The mail server gave an answer that is not part of the mail protocol.",
    "greeting_refused": "The mail server does not talk to us at the moment.",
    "lookup_failed": "The domain's mail servers could not be looked up.",
    # Unprotected
    "no_starttls": "The mail server does not offer encryption.",
    "starttls_refused": "The mail server offers encryption but refuses to start it.",
    "injected_bytes": "Somebody wrote into the connection before encryption began.",
    "certificate_expired": "The mail server's certificate has expired.",
    "certificate_not_yet_valid": "The mail server's certificate is not valid yet.",
    "certificate_name": "The mail server's certificate belongs to another name.",
    "certificate_untrusted": "The mail server's certificate is not from a trusted authority.",
    "tls_too_old": "The mail server only offers TLS older than version 1.2.",
    "cipher_unacceptable": "The mail server does not offer a cipher that is strong enough.",
    "requires_more_protection": "The mail server demands more protection than this message has.",
    # TlsTemporary
    "starttls_deferred": "The mail server cannot start encryption at the moment.",
    "handshake_failed": "Encryption with the mail server could not be set up.",
    # Uncertain
    "lost_after_content": "The connection broke off before the mail server confirmed the message.",
    # DomainDead
    "no_such_domain": "The domain of this address does not exist.",
    "takes_no_mail": "The domain of this address does not take mail.",
    "no_address": "The domain's mail servers have no usable internet address.",
}


def classify(evidence: Evidence) -> Outcome:
    """The outcome that a refusing reply (4xx or 5xx) to one recipient's transaction means."""
    code, status = evidence.code or 0, evidence.enhanced or ""
    if status[2:] in _PROTECTION_STATUS and code >= 500:
        return Unprotected(kind="requires_more_protection", evidence=evidence)
    if code >= 500:
        return RecipientRefused(kind=_refusal(evidence.stage, code, status), evidence=evidence)
    return Deferred(kind=_deferral(code, status[2:]), evidence=evidence)


# Enhanced codes without their class: "1.1" is 5.1.1 (and 4.1.1). RFC 3463, 7504, 7505, 8689.
_PROTECTION_STATUS = frozenset({"7.10", "7.30"})
_GONE = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "4.4"})
_FULL = frozenset({"2.1", "2.2"})
_CONTENT = frozenset({"2.3", "3.4"})


def _refusal(stage: Stage, code: int, status: str) -> str:
    detail = status[2:]
    if detail in _GONE and stage is not Stage.MAIL:  # after MAIL it speaks of the sender
        return "recipient_gone"
    if detail in _FULL:
        return "mailbox_full"
    if detail in _CONTENT or detail.startswith("6."):
        return "content"
    if detail:
        return "policy"
    return _refusal_by_code(stage, code)


def _refusal_by_code(stage: Stage, code: int) -> str:
    """For servers without enhanced codes: what RFC 5321 4.2.3 lets the bare code mean."""
    if stage is Stage.RCPT:
        return {550: "recipient_gone", 551: "recipient_gone", 553: "recipient_gone"}.get(
            code, "mailbox_full" if code == 552 else "policy"
        )
    return "content" if code == 552 else "policy"


def _deferral(code: int, detail: str) -> str:
    if detail in _FULL:
        return "mailbox_full"
    if detail in ("7.0", "7.28") or code == 421:
        return "throttled"
    if detail == "7.1" or (code in (450, 451) and not detail):
        return "greylisted"
    return "busy"
