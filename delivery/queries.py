"""Reads of delivery: what is due, how far a mailing is, what a message holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count

from delivery.content import CompiledContent
from delivery.models import Event, Mailing, Message, Sender
from delivery.rules import IN_FLIGHT, MailingStatus
from delivery.tokens import LinkPurpose, MessageLinks
from tenancy.keys import keyring, public_tokens
from tenancy.models import KeyUse, Organization

MAILING_TABLE, MESSAGE_TABLE = "delivery_mailing", "delivery_message"


@dataclass
class Progress:
    """How a mailing's audience divides. `total` is the sum of the parts, at every instant."""

    by_status: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.by_status.total()

    @property
    def in_flight(self) -> int:
        return sum(self.by_status[status] for status in IN_FLIGHT)

    @property
    def settled(self) -> int:
        return self.total - self.in_flight


def due_batches(limit: int) -> list[tuple[UUID, UUID]]:
    """(organization, batch) that wait now, across organizations, going round them fairly."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM delivery_due_batches(%s)", [limit])
        return list(cursor.fetchall())


def progress(mailing_id: UUID) -> Progress:
    """Counts of a mailing by status and reason, from one statement: one instant."""
    found = Progress()
    rows = (
        Message.objects.filter(mailing_id=mailing_id)
        .values_list("status", "reason")
        .annotate(Count("id"))
    )
    for status, reason, number in rows:
        found.by_status[status] += number
        found.reasons.setdefault(status, Counter())[reason] += number
    return found


def event_counts(mailing_id: UUID) -> dict[tuple[str, str], int]:
    """Messages with at least one event, by (kind, verdict)."""
    rows = (
        Event.objects.filter(mailing_id=mailing_id)
        .values_list("kind", "verdict")
        .annotate(Count("message_id", distinct=True))
    )
    return {(kind, verdict): number for kind, verdict, number in rows}


def links(organization: Organization, message_id: UUID) -> MessageLinks:
    """The public addresses of one message."""
    return MessageLinks(
        organization.link_origin, organization.public_code, public_tokens(), message_id
    )


def message_of_token(purpose: LinkPurpose, token: str) -> Message | None:
    """The message that a public address leads to. Raises `UnknownToken` for a forged one."""
    message_id = public_tokens().read(purpose.value, token)
    found: Message | None = Message.objects.select_related("mailing").filter(id=message_id).first()
    return found


def stored_content(mailing: Mailing) -> CompiledContent:
    """The content as it was approved."""
    body = keyring(KeyUse.MESSAGE).open(bytes(mailing.sealed_content), MAILING_TABLE, mailing.id)
    return CompiledContent.from_dict(orjson.loads(body))


def merge_context(message: Message) -> dict[str, object]:
    """What the message was filled with when it was sent; empty before that and after erasure."""
    if not message.sealed_context:
        return {}
    body = keyring(KeyUse.MESSAGE).open(bytes(message.sealed_context), MESSAGE_TABLE, message.id)
    context: dict[str, object] = orjson.loads(body)
    return context


def senders() -> list[Sender]:
    return list(Sender.objects.order_by("name"))


def sending_now() -> int:
    """How many mailings are being sent."""
    number: int = Mailing.objects.filter(status=MailingStatus.SENDING).count()
    return number
