"""Sending mails without PHI outside any mailing: one-time codes, and the letters of consent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from consent import queries as consent_queries
from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.services import DueLetter
from contacts import queries as contacts
from contacts.queries import OpenedContact
from delivery import mime, notices, queries
from delivery.dkim import Signer
from delivery.letters import Letter, Origin
from delivery.models import Message, Sender
from delivery.services.senders import signer_of
from delivery.services.sending import send_letter
from delivery.services.sending import send_letters as send_all
from delivery.transports.addresses import AddressError, parse_address
from delivery.transports.outcomes import Accepted, DomainDead, Outcome, RecipientRefused, Uncertain
from delivery.transports.tls import Protection
from tenancy.current import acting_for, current_organization_id
from tenancy.keys import public_tokens
from tenancy.models import Organization, new_id

LETTERS_AT_ONCE = 20


def send_code_mail(organization_id: UUID, message_id: UUID, code: str) -> bool:
    """Send a code to the address of a message's recipient; True if the server took it.

    The mail holds no PHI, so it may go over whatever connection the server offers. Runs outside
    any transaction.
    """
    with acting_for(organization_id):
        written = _code_letter(message_id, code)
    return written is not None and isinstance(send_letter(*written), Accepted)


def send_letters(organization_id: UUID) -> int:
    """Send the requests to sign and the questions about addresses that are due; returns how many
    went out. While everything is stopped, or no sender's domain is ready, they wait. Runs outside
    any transaction."""
    sent = 0
    while True:
        with acting_for(organization_id):
            if queries.standing_stop() is not None:
                return sent
            sender, now = queries.ready_sender(), timezone.now()
            if sender is None:
                return sent
            claimed = consent.claim_letters(LETTERS_AT_ONCE, now)
            if not claimed:
                return sent
            written, signer = _written(claimed, sender, now), signer_of(sender.domain)
        outcomes = send_all([letter for _, letter in written], signer)
        with acting_for(organization_id):
            for (due, letter), outcome in zip(written, outcomes, strict=True):
                _record(due, letter, outcome, timezone.now())
        sent += len(written)


def _written(
    claimed: Sequence[DueLetter], sender: Sender, now: datetime
) -> list[tuple[DueLetter, Letter]]:
    """The letters. Who can't be written to any more is noted."""
    people = contacts.opened([due.contact for due in claimed])
    written = []
    for due in claimed:
        if due.by_rule and consent_queries.wants_no_offers(due.contact):
            consent.letter_dropped(due, now)
        elif letter := _asking_letter(due, people.get(due.contact), sender):
            written.append((due, letter))
        else:
            consent.letter_refused(due, now)
    return written


def _asking_letter(due: DueLetter, person: OpenedContact | None, sender: Sender) -> Letter | None:
    """None for somebody who can't or must not be written to any more."""
    if person is None or person.email is None or person.deceased:
        return None
    if SuppressionScope.ALL in consent_queries.wishes_of(person.id).stopped:
        return None
    clinic = _origin(sender).clinic
    if due.kind == "sign":
        words = notices.sign_letter(clinic, person.language, due.link, due.is_reminder)
    else:
        words = notices.confirm_letter(clinic, person.language, due.link)
    return _letter(sender, person.email, words)


def _record(due: DueLetter, letter: Letter, outcome: Outcome, now: datetime) -> None:
    match outcome:
        case Accepted() | Uncertain():  # it may have been taken: nobody gets it twice
            consent.letter_taken(due, letter.address, now)
        case RecipientRefused(kind=kind):
            consent.letter_refused(due, now)
            if kind == "recipient_gone" and outcome.enhanced is not None:
                consent.suppress(
                    letter.address, SuppressionScope.ALL, SuppressionReason.BOUNCED, "bounce"
                )
        case DomainDead():
            consent.letter_refused(due, now)
        case _:
            consent.letter_deferred(due, now)


def _code_letter(message_id: UUID, code: str) -> tuple[Letter, Signer] | None:
    """None for somebody who has no usable address any more."""
    message = Message.objects.select_related("mailing__sender").get(id=message_id)
    sender = message.mailing.sender
    person = contacts.opened([message.contact_id]).get(message.contact_id)
    if person is None or person.email is None:
        return None
    words = notices.code_mail(_origin(sender).clinic, person.language, code)
    letter = _letter(sender, person.email, words)
    return (letter, signer_of(sender.domain)) if letter else None


def _letter(sender: Sender, address: str, words: notices.Letter) -> Letter | None:
    """None for an address that no server takes."""
    identifier, origin = new_id(), _origin(sender)
    try:
        recipient = parse_address(address)
    except AddressError:
        return None
    content = mime.build(
        identifier=identifier.hex,
        host=origin.domain,
        date=timezone.now(),
        sender=mime.Mailbox(sender.address, sender.name),
        recipient=recipient,
        subject=words.subject,
        text=words.text,
        html=words.html,
    )
    returns_to = origin.return_path(public_tokens(), identifier)
    return Letter(identifier.hex, returns_to, recipient, address, content, Protection.OPPORTUNISTIC)


def _origin(sender: Sender) -> Origin:
    organization = Organization.objects.get(id=current_organization_id())
    return Origin(organization, sender.name, sender.address, sender.domain.bounce_domain)
