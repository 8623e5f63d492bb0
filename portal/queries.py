"""Reads of the portal: where a link leads, and what a message says."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from consent import queries as consent
from delivery import queries as delivery
from delivery.content import Rendered, render
from delivery.letters import PICKUP_FACT, fixed_values
from delivery.models import Message
from portal.models import Pickup
from portal.rules import Door
from tenancy.models import Organization

LANGUAGES = ("en", "es")


def organization_of(code: str) -> Organization | None:
    """Whose links carry this code."""
    return Organization.objects.filter(public_code=code).first()


def language_of(message: Message) -> str:
    """The recipient's language, if the portal speaks it; else English."""
    language = message.contact.language[:2]
    return language if language in LANGUAGES else LANGUAGES[0]


def destination(message: Message, number: int) -> str | None:
    """Where a link of the message leads. Only what was approved with the content is a target."""
    links = delivery.stored_content(message.mailing).links
    return links[number] if number < len(links) else None


def known_fact(message: Message) -> str:
    """What the patient is asked for, as it was when the message was sent; empty if not known."""
    return str(delivery.merge_context(message).get(PICKUP_FACT) or "")


def read(message: Message, organization: Organization) -> Rendered:
    """The message as the patient reads it: its links lead straight to their destinations."""
    unsubscribe = delivery.links(organization, message.id).unsubscribe()
    values = delivery.merge_context(message) | fixed_values(organization, unsubscribe)
    return render(delivery.stored_content(message.mailing), values)


def door(message_id: UUID) -> Door:
    """How far the patient has got with a message."""
    row = Pickup.objects.filter(message_id=message_id).first()
    return door_of(row) if row else Door()


def door_of(row: Pickup) -> Door:
    return Door(row.code_sent_at, row.codes_sent, row.wrong_tries, row.locked_until)


def live_authorizations(contact_id: UUID) -> list[UUID]:
    """The authorizations that a person could take back now."""
    now = timezone.now()
    signed = consent.authorizations([contact_id]).get(contact_id, [])
    return [each.id for each in signed if consent.is_live(each, now)]
