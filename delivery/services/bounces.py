"""What bounces and complaints do. Nothing of the mail is stored: it is read in memory, and what
stays is a kind, beside ids.

Which message it is about, only an address or link tells that this organization's key made. The mail
comes from outside, and whoever has such an address can say about that one message what they like;
about others they can't say anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from audit import services as audit
from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from delivery import bounces, queries, verp
from delivery.bounces import Bounced, Complained, Delayed, Kind, NotUnderstood, ReturnedMail
from delivery.letters import ADDRESS
from delivery.models import Event, Message
from delivery.rules import Status, may_become
from delivery.services import copies, events, mailings, warming
from delivery.tokens import LinkPurpose
from encryption.cipher import CannotOpen
from encryption.public_tokens import UnknownToken
from tenancy.current import acting_for
from tenancy.keys import public_tokens
from tenancy.models import Organization

FULL_IN_A_ROW = 3
"""So many messages in a row that found a mailbox full: nobody empties it any more."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Destination:
    """The message that a mail is about, for certain."""

    organization_id: UUID
    message_id: UUID


def destination(address: str, now: datetime) -> Destination | None:
    """Where an address that mail comes back to leads; None if we did not make it, or too long
    ago."""
    claim = verp.claim_of(address)
    return _checked(claim, now) if claim else None


def take(to: Destination, raw: bytes, now: datetime) -> None:
    """Do what a mail to an address of ours asks for, in one transaction; committed on return. The
    same mail twice does nothing twice. What is not understood does nothing."""
    try:
        mail = bounces.read(raw)
    except NotUnderstood:
        log.warning("returned_mail_not_understood", message_id=str(to.message_id))
        return
    _apply(to, mail, now)


def take_from_mailbox(raw: bytes, now: datetime) -> bool:
    """The same for a mail that lies in a mailbox, where nobody asked whom it was for. False if it
    is not understood, or nothing in it proves which message it is about."""
    try:
        mail = bounces.read(raw)
    except NotUnderstood:
        return False
    to = next(_destinations_in(mail, now), None)
    if to is not None:
        _apply(to, mail, now)
    return to is not None


def _destinations_in(mail: ReturnedMail, now: datetime) -> Iterator[Destination]:
    for clue in mail.clues:
        for claim in verp.claims_in(clue):
            if to := _checked(claim, now):
                yield to
        for code, token in _UNSUBSCRIBE.findall(clue):
            if to := _linked(code, token, now):
                yield to


_UNSUBSCRIBE = re.compile(rf"/([a-z0-9]{{1,16}})/{LinkPurpose.UNSUBSCRIBE}/([A-Za-z0-9_-]{{43}})")
"""Our header of every message, which complaints return: its token is as good as an address."""


def _checked(claim: verp.Claim, now: datetime) -> Destination | None:
    organization = Organization.objects.filter(public_code=claim.code).first()
    if organization is None:
        return None
    with acting_for(organization.id):
        good = claim.holds(public_tokens()) and _is_recent(claim.message_id, now)
    return Destination(organization.id, claim.message_id) if good else None


def _linked(code: str, token: str, now: datetime) -> Destination | None:
    organization = Organization.objects.filter(public_code=code).first()
    if organization is None:
        return None
    with acting_for(organization.id):
        try:
            message_id = public_tokens().read(LinkPurpose.UNSUBSCRIBE.value, token)
        except UnknownToken:
            return None
        good = _is_recent(message_id, now)
    return Destination(organization.id, message_id) if good else None


def _is_recent(message_id: UUID, now: datetime) -> bool:
    """Counted from when it was settled: it may have waited long between planning and sending."""
    oldest = now - verp.GOOD_FOR
    if verp.made_at(message_id) >= oldest:
        return True
    return bool(Message.objects.filter(id=message_id, settled_at__gte=oldest).exists())


def _apply(to: Destination, mail: ReturnedMail, now: datetime) -> None:
    with acting_for(to.organization_id):
        locked = Message.objects.select_for_update(of=("self",)).filter(id=to.message_id)
        message = locked.select_related("mailing__sender").first()
        if message is None:  # a letter without PHI, of which there is no row
            log.info("letter_returned", letter_id=str(to.message_id))
            return
        address = _address(message)
        match mail.finding(address):
            case Bounced(kind=kind):
                if _is_new(message, "bounced", kind):
                    _bounced(message, kind, address, now)
            case Delayed():
                if _is_new(message, "delayed"):
                    events.record(message, "delayed")
            case Complained(kind=kind):
                if _is_new(message, "complained"):
                    _complained(message, kind, address, now)


def _is_new(message: Message, event: str, detail: str = "") -> bool:
    known = Event.objects.filter(message_id=message.id, kind=event)
    return not (known.filter(detail=detail) if detail else known).exists()


def _address(message: Message) -> str:
    """The address that the message went to; empty once the person is erased."""
    try:
        return str(queries.merge_context(message).get(ADDRESS) or "")
    except CannotOpen:
        log.error("message_context_unreadable", message_id=str(message.id))
        return ""


def _bounced(message: Message, kind: Kind, address: str, now: datetime) -> None:
    events.record(message, "bounced", kind.value)
    audit.record("bounce_received", object_type="message", object_id=message.id, kind=kind.value)
    if kind is Kind.TLS and mailings.send_again_by_portal(message, "relay_found_no_protection"):
        return
    _fail(message, f"bounced_{kind.value}", now)
    if kind is Kind.RECIPIENT_GONE or (kind is Kind.MAILBOX_FULL and _stays_full(message, address)):
        _suppress(address, SuppressionReason.BOUNCED, "bounce")


def _fail(message: Message, reason: str, now: datetime) -> None:
    """Settle the message as failed. One that waits for its next attempt has it still before it."""
    status = Status(message.status)
    if status is Status.QUEUED or not may_become(status, Status.FAILED):
        return
    message.status, message.reason = Status.FAILED.value, reason
    message.in_flight_since, message.settled_at = None, now
    message.save(update_fields=["status", "reason", "in_flight_since", "settled_at"])
    copies.note_settled([message])


def _stays_full(message: Message, address: str) -> bool:
    """Whether the last messages that reached the contact's mail server all found this mailbox
    full."""
    asked = (Status.ACCEPTED, Status.IN_PORTAL, Status.FAILED, Status.UNCERTAIN)
    last = list(
        Message.objects.filter(contact_id=message.contact_id, status__in=asked)
        .exclude(first_attempt_at=None)
        .order_by("-first_attempt_at", "-id")[:FULL_IN_A_ROW]
    )
    return len(last) == FULL_IN_A_ROW and all(
        each.reason in _FULL and _address(each) == address for each in last
    )


_FULL = (Kind.MAILBOX_FULL.value, f"bounced_{Kind.MAILBOX_FULL}")


def _complained(message: Message, kind: str, address: str, now: datetime) -> None:
    events.record(message, "complained", kind)
    audit.record("complaint_received", object_type="message", object_id=message.id, kind=kind)
    _suppress(address, SuppressionReason.COMPLAINED, "complaint")
    lane = queries.lane_of_domain(message.mail_domain)
    warming.note_complaint(message.mailing.sender.domain_id, lane, now)


def _suppress(address: str, reason: SuppressionReason, source: str) -> None:
    if address:
        consent.suppress(address, SuppressionScope.ALL, reason, source)
