"""What happened to a message, and why, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from delivery.rules import Status
from delivery.transports.outcomes import SENTENCES

STATUSES = {
    "queued": "Waits for its turn",
    "transmitting": "Being sent right now",
    "accepted": "Delivered to the mail server, encrypted",
    "in_portal": "Waits in the secure portal; a link was sent",
    "suppressed": "Not sent: there was no permission",
    "failed": "Could not be delivered",
    "held": "Waits for the privacy officer",
    "stopped": "Stopped before it was sent",
    "uncertain": "In doubt: it may have arrived",
}

_REASONS = {
    "household": "Others read this mailbox too, so the content stays in the portal.",
    "gave_up": "The mail server did not take it for two days.",
    "too_late": "The campaign's last day was over.",
    "worker_died": "Sending was interrupted after the content had begun.",
    "unreadable": "The patient's record could not be read.",
    "bad_address": "The address can't be used.",
    "bad_content": "The message could not be filled in.",
    "bad_header": "The message could not be written.",
    "bounced_recipient_gone": "It came back: the mailbox does not exist.",
    "bounced_mailbox_full": "It came back: the mailbox is full.",
    "bounced_policy": "It came back: the mail server refuses our mail.",
    "bounced_content": "It came back: the mail server refuses this message.",
    "bounced_tls": "It came back: there was no safe way to the mail server.",
    "bounced_expired": "It came back: the mail server could not be reached for days.",
    "bounced_other": "It came back undelivered.",
}


def outcome(status: str, withdrawn: bool) -> str:
    """What became of a message in the end."""
    if withdrawn and status == Status.IN_PORTAL:
        return "Withdrawn from the secure portal"
    return STATUSES[status]


def reason(code: str) -> str:
    """The sentence for a message's reason; empty for one that the permit explains."""
    return _REASONS.get(code) or SENTENCES.get(code, "")


def route(status: str, way: str, code: str, protection: Mapping[str, Any]) -> list[str]:
    """Why a message took its way, in sentences."""
    found = [_way(status, way, protection)]
    if status != Status.SUPPRESSED and (sentence := reason(code)):
        found.append(sentence)
    return [each for each in found if each]


def _way(status: str, way: str, protection: Mapping[str, Any]) -> str:
    if status in (Status.SUPPRESSED, Status.HELD, Status.STOPPED):
        return ""
    if way == "portal":
        return (
            "It goes by a link to the secure portal. The mail with the link holds nothing about"
            " the patient's health."
        )
    if way == "plain":
        return "It goes without verified encryption, because the patient asked for that."
    if status == Status.ACCEPTED and str(protection.get("level", "")) >= "L2":
        return "It went straight to the inbox, because the mail server proved who it is."
    return "It goes straight to the inbox if the mail server proves who it is, or else by a link."


_LEVELS = {
    "L0": "Not encrypted",
    "L1": "Encrypted, but the server did not prove who it is",
    "L2": "Encrypted, and the server proved its name",
    "L3": "Encrypted, and the server proved to be the right one",
    "L4": "Encrypted, proved, and promised for the rest of the way",
}
_POLICIES = {
    "mta-sts": "The domain publishes its servers (MTA-STS)",
    "dane": "The domain publishes its servers' certificates (DANE)",
    "dnssec": "The domain's server is listed in signed DNS",
}
_STAGES = {
    "lookup": "While looking for the mail server",
    "connect": "While connecting",
    "greeting": "At the greeting",
    "ehlo": "At the greeting",
    "starttls": "When encryption should begin",
    "handshake": "While setting up encryption",
    "login": "When we said who we are",
    "rset": "Before the message",
    "mail": "When the sender was named",
    "rcpt": "When the recipient was named",
    "data": "Before the content",
    "content": "After the content",
}
_FINGERPRINT = 16


def evidence(protection: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The evidence of the last attempt as labels and values, without what is not known."""
    if not protection:
        return []
    kept = {name: str(value) for name, value in protection.items() if value not in ("", None)}
    server = " ".join(each for each in (kept.get("host"), _bracketed(kept.get("ip"))) if each)
    level, policy = kept.get("level", ""), kept.get("policy_source", "")
    lines = [
        ("Asked", _moment(kept.get("at", ""))),
        ("Mail server", f"{server}, our own relay" if protection.get("relay") else server),
        ("Protection", _LEVELS.get(level, level or "No connection came about")),
        ("Encryption", ", ".join(kept[key] for key in ("tls_version", "cipher") if key in kept)),
        ("Certificate", kept.get("certificate_sha256", "")[:_FINGERPRINT]),
        ("Certificate from", kept.get("certificate_issuer", "")),
        ("Also known by", _POLICIES.get(policy, policy)),
        ("How far it came", _STAGES.get(kept.get("stage", ""), kept.get("stage", ""))),
        ("The server's answer", " ".join(kept[key] for key in ("code", "enhanced") if key in kept)),
    ]
    return [(label, value) for label, value in lines if value]


def _bracketed(text: str | None) -> str:
    return f"({text})" if text else ""


def _moment(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return ""


_EVENTS = {
    "deferred": "The mail server asked to wait; it will be tried again",
    "to_portal": "It goes by a link to the portal",
    "to_plain": "It goes without verified encryption, as the patient asked",
    "to_mail": "It will be tried again",
    "delayed": "A mail server tells that it is late",
    "bounced": "It came back",
    "complained": "The patient reported it as spam",
    "opened": "Opened",
    "clicked": "A link was followed",
    "picked_up": "Read in the portal",
    "unsubscribed": "Unsubscribed",
}
_VERDICTS = {"machine": ", by a program rather than a person", "unknown": ", perhaps by a program"}


def event(kind: str, detail: str, verdict: str) -> str:
    """One event in words."""
    words = _EVENTS.get(kind) or STATUSES.get(kind) or kind.replace("_", " ").capitalize()
    sentence = reason(f"bounced_{detail}" if kind == "bounced" else detail)
    if sentence and kind == "bounced":
        return sentence.rstrip(".")
    return words + _VERDICTS.get(verdict, "") + (f". {sentence}" if sentence else "")
