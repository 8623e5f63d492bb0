"""What became of one message, said by its consequence, with evidence.

Reply *texts* are not kept: servers like to repeat the recipient's address in them. The reply code
and the enhanced status code (RFC 3463) say what is needed.
"""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Literal

Level = Literal["", "L0", "L1", "L2", "L3", "L4"]
"""How well the way was protected. Levels compare as text: a later one is the better one.

Empty: no connection came about. L0: in clear. L1: encrypted, nobody knows with whom. L2: the
certificate was verified for the mail host's name. L3: and it is authenticated that the host is the
domain's, by MTA-STS in force, DANE or a signed MX record. L4: and the server promised by REQUIRETLS
(RFC 8689) to hand the message on in no other way.
"""

PolicySource = Literal["", "mta-sts", "dane", "dnssec"]


class Stage(StrEnum):
    """How far a session had come when something happened."""

    LOOKUP = "lookup"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    LOGIN = "login"
    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen on the connection, kept for the audit and for "why a link?".

    ``policy_source`` says what authenticated the mail host beyond its certificate, or what barred
    it, and ``policy_id`` which policy: MTA-STS's id, or the kind of the TLSA record that fitted,
    such as "3 1 1". ``relay``: the host is the operator's own relay, not the recipient's server.
    """

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stage: Stage
    host: str = ""
    ip: str = ""
    level: Level = ""
    tls_version: str = ""
    cipher: str = ""
    certificate_sha256: str = ""
    certificate_issuer: str = ""
    policy_source: PolicySource = ""
    policy_id: str = ""
    relay: bool = False
    code: int | None = None
    enhanced: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        values: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        return values | {"at": self.at.isoformat(), "stage": self.stage.value}


_FIELDS = tuple(each.name for each in fields(Evidence))


class Verdict(Enum):
    """What a failure says about the host it happened on."""

    NOT_TLS = "does not do acceptable TLS"
    TLS_TEMPORARY = "may do acceptable TLS later"
    TEMPORARY = "cannot be used at the moment"


class HostError(Exception):
    """A host cannot be used; not one byte of content was sent to it."""

    def __init__(self, verdict: Verdict, kind: str, evidence: Evidence) -> None:
        super().__init__(kind)
        self.verdict = verdict
        self.kind = kind
        self.evidence = evidence


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
    """The recipient's mail server took responsibility for the message.

    With ``evidence.relay`` it was the operator's own relay, which now answers for the rest.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable(_Outcome):
    """A mail server of the domain was asked, without a message, and can be sent to as demanded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientRefused(_Explained):
    """The server refuses for good: this message will not be delivered to this address.

    ``kind``: recipient_gone, mailbox_full, policy, content, address_unreachable or expired.
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
ProbeOutcome = Reachable | Deferred | Unprotected | TlsTemporary | DomainDead

SENTENCES = {
    # RecipientRefused
    "recipient_gone": "The mail server says that this mailbox does not exist.",
    "mailbox_full": "The mailbox is full or switched off.",
    "policy": "The mail server refuses our mail because of its own rules.",
    "content": "The mail server refuses the size or the form of this message.",
    "address_unreachable": "The mail server cannot take letters like those in this address.",
    "expired": "The mail server gave up after trying for a long time.",
    # Deferred
    "greylisted": "The mail server asks us to try again in a few minutes.",
    "throttled": "The mail server asks us to send more slowly.",
    "busy": "The mail server cannot take the message at the moment.",
    "connection_failed": "The mail server could not be reached.",
    "connection_lost": "The connection broke off before the message was sent.",
    "not_smtp": "The mail server gave an answer that is not part of the mail protocol.",
    "greeting_refused": "The mail server does not talk to us at the moment.",
    "lookup_failed": "The domain's mail servers could not be looked up.",
    "dane_lookup_failed": "The rules for the mail server's certificate could not be looked up.",
    "login_refused": "The mail relay does not let us in.",
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
    "dane_mismatch": "The mail server's certificate is not the one that its domain announces.",
    "below_required_level": "The domain does not prove that this is its mail server.",
    "relay_found_no_protection": "The mail relay found no safe way to the mail server.",
    "requires_more_protection": "The mail server demands more protection than this message has.",
    # TlsTemporary
    "starttls_deferred": "The mail server cannot start encryption at the moment.",
    "handshake_failed": "Encryption with the mail server could not be set up.",
    "host_not_in_policy": "The mail server is not one that the domain's policy names.",
    # Uncertain
    "lost_after_content": "The connection broke off before the mail server confirmed the message.",
    # DomainDead
    "no_such_domain": "The domain of this address does not exist.",
    "takes_no_mail": "The domain of this address does not take mail.",
    "no_address": "The domain's mail servers have no usable internet address.",
}


def classify(evidence: Evidence) -> Outcome:
    """The outcome that a refusal (4xx or 5xx) means: a reply, or a status in a bounce.

    A bounce may have an enhanced status without a reply code.
    """
    status = evidence.enhanced or ""
    detail, code = status[2:], evidence.code or 100 * int(status[:1] or 4)
    if detail in _PROTECTION_STATUS and code >= 500:
        return Unprotected(kind="requires_more_protection", evidence=evidence)
    if detail in _RELAY_STATUS and evidence.relay:
        return Unprotected(kind="relay_found_no_protection", evidence=evidence)
    if code >= 500:
        return RecipientRefused(kind=_refusal(evidence.stage, code, detail), evidence=evidence)
    return Deferred(kind=_deferral(code, detail), evidence=evidence)


# Enhanced codes without their class: "1.1" is 5.1.1 (and 4.1.1). RFC 3463, 7504, 7505, 8689.
_PROTECTION_STATUS = frozenset({"7.10", "7.30"})
# What Postfix says, for good or for now, when a host lacks the TLS that it was told to demand.
_RELAY_STATUS = frozenset({"7.4", "7.5"})
_GONE = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "4.4"})
_FULL = frozenset({"2.1", "2.2"})
_CONTENT = frozenset({"2.3", "3.4"})
_EXPIRED = "4.7"
_UNREACHABLE = "6.7"


def _refusal(stage: Stage, code: int, detail: str) -> str:
    if detail in _GONE and stage is not Stage.MAIL:  # after MAIL it speaks of the sender
        return "recipient_gone"
    if detail in _FULL:
        return "mailbox_full"
    if detail == _UNREACHABLE:
        return "address_unreachable"
    if detail in _CONTENT or detail.startswith("6."):
        return "content"
    if detail == _EXPIRED:
        return "expired"
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
    if detail == _EXPIRED:
        return "expired"
    if detail == "7.1" or (code in (450, 451) and not detail):
        return "greylisted"
    return "busy"
