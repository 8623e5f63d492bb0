"""What is due, how far a mailing is, what a message holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Count, Q

from consent.rules.purposes import Use, use_from_json
from consent.rules.table import is_promotional
from delivery.content import CompiledContent
from delivery.models import Event, Mailing, Message
from delivery.rules import IN_FLIGHT, MailingStatus, Status
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


_ENGAGED_BY = {
    # Who follows a link or reads it in the portal has opened it, whether or not pictures loaded.
    "opened": ["opened", "clicked", "picked_up"],
    "clicked": ["clicked"],
}
_BY_PEOPLE = ["person", "unknown", ""]
"""Verdicts that count: not the gateways and proxies that look into every mail."""


def engaged(
    contact_ids: Collection[UUID], subjects: Collection[str], now: datetime
) -> dict[UUID, set[str]]:
    """What people did with their messages: the subjects that are true of each.

    A subject is `<event>:<scope>:<value>`: the event `received`, `opened` or `clicked`; the scope
    `last` (so many of the person's last messages), `days` (so many until now) or `campaign` (a
    mailing's reference). Opens and clicks are looked for where the mailing counts them. At most
    two queries for each subject, however many contacts.
    """
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    people = [str(contact) for contact in contact_ids]
    with connection.cursor() as cursor:
        for subject in subjects:
            event, scope, value = subject.split(":", 2)
            asked = {
                "people": people,
                "arrived": [Status.ACCEPTED.value, Status.IN_PORTAL.value],
                "nth": int(value) if scope == "last" else None,
                "since": now - timedelta(days=int(value)) if scope == "days" else None,
                "reference": value if scope == "campaign" else None,
            }
            if event == "received":
                cursor.execute(_RECEIVED, asked)
                contacts = {contact for (contact,) in cursor.fetchall()}
            else:
                # In two steps: in one the planner guesses how many messages there are, and reads
                # all the organization's events for each of them where the guess is wrong.
                cursor.execute(_ASKED, asked)
                contact_of = dict(cursor.fetchall())
                noted = {
                    "messages": list(contact_of),
                    "since": asked["since"],
                    "kinds": _ENGAGED_BY[event],
                    "verdicts": _BY_PEOPLE,
                }
                cursor.execute(_NOTED, noted)
                contacts = {contact_of[message] for (message,) in cursor.fetchall()}
            for contact in contacts:
                found[UUID(contact)].add(subject)
    return found


# Ids travel as text: making UUIDs of so many takes longer than finding them.
_RECEIVED = """
    SELECT contact_id::text FROM delivery_message
    WHERE contact_id = ANY(%(people)s::uuid[]) AND status = ANY(%(arrived)s)
        AND (%(since)s::timestamptz IS NULL OR settled_at >= %(since)s)
        AND (%(reference)s::uuid IS NULL OR mailing_id = ANY(ARRAY(
            SELECT id FROM delivery_mailing WHERE reference = %(reference)s)))
"""
_ASKED = """
    SELECT id::text, contact_id::text FROM (
        SELECT id, contact_id, row_number() OVER (
            PARTITION BY contact_id ORDER BY settled_at DESC, id DESC) AS nth
        FROM delivery_message
        WHERE contact_id = ANY(%(people)s::uuid[]) AND status = ANY(%(arrived)s)
            AND mailing_id = ANY(ARRAY(
                SELECT id FROM delivery_mailing WHERE tracking
                    AND (%(reference)s::uuid IS NULL OR reference = %(reference)s)))
    ) arrived WHERE %(nth)s::int IS NULL OR nth <= %(nth)s
"""
_NOTED = """
    SELECT message_id::text FROM delivery_event
    WHERE message_id = ANY(%(messages)s::uuid[])
        AND kind = ANY(%(kinds)s) AND verdict = ANY(%(verdicts)s)
        AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
"""


def promotional_received(contact_ids: Collection[UUID], since: datetime) -> dict[UUID, int]:
    """How many promotional messages each of these people got since a moment, or may be getting
    right now, in one query."""
    got = [Status.ACCEPTED, Status.IN_PORTAL, Status.UNCERTAIN]
    rows = (
        Message.objects.filter(
            Q(status__in=got, settled_at__gte=since) | Q(status=Status.TRANSMITTING),
            contact_id__in=contact_ids,
            mailing__kind="campaign",
        )
        .values_list("contact_id", "mailing_id", "mailing__use")
        .annotate(Count("id"))
    )
    promotional: dict[UUID, bool] = {}
    found: Counter[UUID] = Counter()
    for contact, mailing, use, number in rows:
        if mailing not in promotional:
            promotional[mailing] = is_promotional(use_from_json(use))
        if promotional[mailing]:
            found[contact] += number
    return dict(found)


def messages_of(contact_id: UUID, limit: int) -> list[Message]:
    """The newest messages to a contact, with their mailings."""
    rows = Message.objects.select_related("mailing").filter(contact_id=contact_id)
    return list(rows.order_by("-id")[:limit])


def message(message_id: UUID) -> Message | None:
    """One message with its mailing, without what it says."""
    rows = Message.objects.select_related("mailing").defer("mailing__sealed_content")
    found: Message | None = rows.filter(id=message_id).first()
    return found


def events_of_message(message_id: UUID, limit: int) -> list[Event]:
    """What happened to a message, the newest first."""
    return list(Event.objects.filter(message_id=message_id).order_by("-occurred_at")[:limit])


def events_of_people(message_ids: Collection[UUID], limit: int) -> list[Event]:
    """What happened to messages as far as it may have been people's doing, the newest first."""
    events = Event.objects.filter(message_id__in=message_ids, verdict__in=_BY_PEOPLE)
    return list(events.order_by("-occurred_at")[:limit])


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


def is_on_its_way(reference: UUID) -> bool:
    """Whether any message of what is known by this reference is not settled yet."""
    messages = Message.objects.filter(mailing__reference=reference, status__in=IN_FLIGHT)
    return bool(messages.exists())


def sending_now() -> int:
    """How many mailings are being sent."""
    number: int = Mailing.objects.filter(status=MailingStatus.SENDING).count()
    return number


def mailed(contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Why contacts must stay: the record of what was sent to them would lose its person."""
    messages = Message.objects.filter(contact_id__in=contact_ids)
    return dict.fromkeys(
        messages.values_list("contact_id", flat=True), "messages were sent to this contact"
    )


def blocked_since(since: datetime) -> dict[str, int]:
    """Messages that had no permit, decided since a moment, by reason."""
    rows = Message.objects.filter(
        status__in=[Status.SUPPRESSED, Status.HELD], settled_at__gte=since
    ).values_list("reason")
    return dict(rows.annotate(Count("id")))


def waiting_for_rulings() -> list[tuple[UUID, str, int]]:
    """What is held: the mailing's reference, the rule that holds it, and how many messages."""
    rows = Message.objects.filter(status=Status.HELD).values_list("mailing__reference", "reason")
    return list(rows.annotate(Count("id")))


def uses_of_mailings(references: Collection[str] | None) -> list[Use]:
    """What mailings did with information: of these references, or all of them."""
    mailings = Mailing.objects.filter(kind="campaign")
    if references is not None:
        mailings = mailings.filter(reference__in=references)
    return [use_from_json(use) for use in mailings.values_list("use", flat=True)]
