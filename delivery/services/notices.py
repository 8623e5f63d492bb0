"""Sending a one-time code to the address of a message."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from contacts import queries as contacts
from delivery import mime, notices
from delivery.dkim import Signer
from delivery.letters import Letter, Origin
from delivery.models import Message
from delivery.services.senders import signing_key
from delivery.services.sending import send_letter
from delivery.transports.addresses import parse_address
from delivery.transports.outcomes import Accepted
from delivery.transports.tls import Protection
from tenancy.current import acting_for, current_organization_id
from tenancy.models import Organization, new_id


def send_code_mail(organization_id: UUID, message_id: UUID, code: str) -> bool:
    """Send a code to the address of a message's recipient; True if the server took it.

    The mail holds no PHI, so it may go over whatever connection the server offers. Runs outside
    any transaction.
    """
    with acting_for(organization_id):
        written = _code_letter(message_id, code)
    return written is not None and isinstance(send_letter(*written), Accepted)


def _code_letter(message_id: UUID, code: str) -> tuple[Letter, Signer] | None:
    """None for somebody who has no usable address any more."""
    message = Message.objects.select_related("mailing__sender").get(id=message_id)
    sender = message.mailing.sender
    organization = Organization.objects.get(id=current_organization_id())
    person = contacts.opened([message.contact_id]).get(message.contact_id)
    if person is None or person.email is None:
        return None
    words = notices.code_mail(
        Origin(organization, sender.name, sender.address).clinic, person.language, code
    )
    identifier = new_id().hex
    bounces, recipient = parse_address(sender.address), parse_address(person.email)
    content = mime.build(
        identifier=identifier,
        host=bounces.domain,
        date=timezone.now(),
        sender=mime.Mailbox(sender.address, sender.name),
        recipient=mime.Mailbox(str(recipient)),
        subject=words.subject,
        text=words.text,
        html=words.html,
    )
    letter = Letter(identifier, bounces, recipient, person.email, content, Protection.OPPORTUNISTIC)
    return letter, Signer(sender.domain, sender.selector, signing_key(sender))
