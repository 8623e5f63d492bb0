"""Making a mailing, writing down its recipients, and steering it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from audit import services as audit
from consent.rules.purposes import Use, use_to_json
from delivery import queries
from delivery.content import CompiledContent
from delivery.models import Batch, Mailing, Message
from delivery.rules import MAILING_TRANSITIONS, RETURNED, MailingStatus, Status
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, new_id

BATCH_SIZE = 500
FEW = 20
"""Domains with fewer recipients share batches."""
COPIED_AT_ONCE = 50_000
Recipient = tuple[bytes, str]
"""A contact's id in 16 bytes, and the mail domain."""
TABLE = "delivery_mailing"


class WrongStatus(Exception):
    """The mailing is past the point at which this can be done; the message says where it is."""


class EverythingStopped(Exception):
    """An emergency stop stands, so nothing may be sent."""

    def __init__(self) -> None:
        super().__init__(
            "Everything is stopped. Nothing can be sent until somebody who may do so lifts the"
            " stop on the page Sending."
        )


@dataclass(frozen=True)
class Approved:
    """Whose approval a mailing rests on, and of what."""

    digest: str
    by: UUID


def create_mailing(
    reference: UUID,
    sender_id: UUID,
    content: CompiledContent,
    use: Use,
    approved: Approved,
    tracking: bool,
    kind: str = "campaign",
    send_until: datetime | None = None,
) -> Mailing:
    """The mailing of this reference; made on the first call, the same one on every later call."""
    known: Mailing | None = Mailing.objects.filter(reference=reference).first()
    if known is not None:
        return known
    mailing = Mailing(
        reference=reference,
        sender_id=sender_id,
        content_digest=content.digest(),
        kind=kind,
        use=use_to_json(use),
        approved_digest=approved.digest,
        approved_by=approved.by,
        tracking=tracking,
        send_until=send_until,
    )
    body = orjson.dumps(content.to_dict())
    mailing.sealed_content = keyring(KeyUse.MESSAGE).seal(body, TABLE, mailing.id)
    mailing.save(force_insert=True)
    return mailing


def plan(mailing_id: UUID, recipients: Iterable[Recipient]) -> Mailing:
    """Write one row per recipient, in batches of one domain, and open it.

    All in the caller's transaction, under a lock on the mailing: a second call finds the work done.
    While everything is stopped, a campaign's mailing is stopped at once and for good; signed copies
    wait.
    """
    mailing = _locked(mailing_id)
    if mailing.status != MailingStatus.PLANNED:
        return mailing
    with connection.cursor() as cursor:
        cursor.execute(_PLANNED)
        for some in _batched(recipients, COPIED_AT_ONCE):
            with cursor.copy("COPY planned FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(_COPY_BEGINS + b"".join(map(_copy_row, some)) + _COPY_ENDS)
        arguments: dict[str, Any] = {
            "organization": current_organization_id(),
            "mailing": mailing.id,
            "moment": new_id().hex[:12],
            "size": BATCH_SIZE,
            "few": FEW,
        }
        for statement in (_NUMBERED, _MESSAGES, _BATCHES):
            cursor.execute(statement, arguments)
        cursor.execute("SELECT count(*) FROM numbered")
        ((mailing.audience,),) = cursor.fetchall()
        cursor.execute("DROP TABLE planned, numbered")
    if _is_stopped_at_once(mailing):
        return mailing
    _move(mailing, MailingStatus.SENDING, "mailing_opened", audience=mailing.audience)
    if not mailing.audience:
        finish_if_done(mailing.id)
    return mailing


_PLANNED = 'CREATE TEMPORARY TABLE planned (contact uuid, domain text COLLATE "C") ON COMMIT DROP'
# Ids are UUIDv7 (RFC 9562 5.7, 6.2): the moment, then the message's number, then chance. So they
# grow along the batches, and a batch is a range of them. Domains with few recipients share some.
_NUMBERED = """
    CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
    WITH grouped AS (
        SELECT contact, domain, CASE WHEN few THEN '' ELSE domain END AS together
        FROM (SELECT *, count(*) OVER (PARTITION BY domain) < %(few)s AS few FROM planned) counted
    ), ordered AS (
        SELECT *, row_number() OVER (ORDER BY together, contact) AS n,
            (row_number() OVER (PARTITION BY together ORDER BY contact) - 1) / %(size)s AS part
        FROM grouped
    )
    SELECT contact, domain, together, part, n, (
        %(moment)s || '7' || lpad(to_hex(n >> 20), 3, '0') || to_hex(8 + (n >> 18 & 3))
        || lpad(to_hex((n & 262143) << 2), 5, '0') || substr(md5(random()::text), 1, 10)
    )::uuid AS id
    FROM ordered ORDER BY n
"""
# COPY into the table itself is refused under row-level security.
_MESSAGES = """
    INSERT INTO delivery_message (organization_id, mailing_id, mail_domain, status, reason, route,
        attempts, protection, id, contact_id)
    SELECT %(organization)s, %(mailing)s, domain, 'queued', '', 'mail', 0, '{}', id, contact
    FROM numbered
"""
_BATCHES = """
    INSERT INTO delivery_batch (id, organization_id, mailing_id, mail_domain, first_message,
        last_message, due_at, done)
    SELECT gen_random_uuid(), %(organization)s, %(mailing)s, together,
        (array_agg(id ORDER BY n))[1], (array_agg(id ORDER BY n DESC))[1], now(), false
    FROM numbered GROUP BY together, part
"""


# PostgreSQL's own format: a header, then for each row the number of columns, and for each column
# its length and its bytes. psycopg's way of writing a row takes five times as long.
_COPY_BEGINS = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS = b"\xff\xff"
_ROW_BEGINS = b"\x00\x02\x00\x00\x00\x10"


def _copy_row(recipient: Recipient) -> bytes:
    contact, domain = recipient
    name = domain.encode()
    return b"".join((_ROW_BEGINS, contact, len(name).to_bytes(4, "big"), name))


def _batched(items: Iterable[Recipient], size: int) -> Iterator[list[Recipient]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def pause(mailing_id: UUID) -> None:
    """Takes effect at the next window of each worker, within seconds."""
    _move(_locked(mailing_id), MailingStatus.PAUSED, "mailing_paused")


def resume(mailing_id: UUID) -> None:
    """Raises `EverythingStopped` or `WrongStatus`."""
    lock_opening(shared=True)
    if queries.standing_stop() is not None:
        raise EverythingStopped
    _move(_locked(mailing_id), MailingStatus.SENDING, "mailing_resumed")


def _is_stopped_at_once(mailing: Mailing) -> bool:
    """Stop a campaign's mailing that would begin while everything is stopped."""
    lock_opening(shared=True)
    stands = queries.standing_stop() if mailing.kind == "campaign" else None
    if stands is None:
        return False
    mailing.save(update_fields=["audience"])
    stop(mailing.id)
    mailing.refresh_from_db(fields=["status"])
    stands.mailings = [*stands.mailings, str(mailing.id)]
    stands.save(update_fields=["mailings"])
    return True


def lock_opening(shared: bool) -> None:
    """Until the transaction ends: opening mailings (shared) and stopping all of them (alone) don't
    miss each other."""
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(hashtextextended('sending ' || %s, 0))",  # two constants
            [str(current_organization_id())],
        )


def stop(mailing_id: UUID) -> int:
    """Stop for good; returns how many recipients will not be mailed. What is in the air settles."""
    mailing = _locked(mailing_id)
    _move(mailing, MailingStatus.STOPPED, "mailing_stopped")
    now = timezone.now()
    stopped: int = Message.objects.filter(mailing=mailing, status=Status.QUEUED).update(
        status=Status.STOPPED, settled_at=now, next_attempt_at=None
    )
    return stopped


def release(mailing_id: UUID, reason: str) -> int:
    """Put messages that are held for a reason back into the queue; returns how many.

    They are decided about again when their turn comes: a ruling changes the answer, not the way to
    it. A mailing that was stopped or withdrawn stays so.
    """
    mailing = _locked(mailing_id)
    if mailing.status == MailingStatus.STOPPED or mailing.withdrawn_at is not None:
        return 0
    held = Message.objects.filter(mailing=mailing, status=Status.HELD, reason=reason)
    ids = list(held.values_list("id", flat=True).order_by("id"))
    if not ids:
        return 0
    held.update(status=Status.QUEUED, reason="", settled_at=None, next_attempt_at=None)
    _make_due(mailing, ids)
    return len(ids)


def send_again_by_portal(message: Message, reason: str) -> bool:
    """Let a notice lead to a message that a relay gave back undelivered, since it found no safe
    way; False if that is no step for the message as it stands. The caller holds a lock on it.

    What to do about it is decided again when its turn comes, as for every message.
    """
    mailing = _locked(message.mailing_id)
    may_go = (Status(message.status), Status.QUEUED) in RETURNED and message.route == "mail"
    is_over = mailing.status == MailingStatus.STOPPED or mailing.withdrawn_at is not None
    if not may_go or is_over:
        return False
    Message.objects.filter(id=message.id).update(
        status=Status.QUEUED,
        route="portal",
        reason=reason,
        attempts=0,
        first_attempt_at=None,
        settled_at=None,
    )
    _make_due(mailing, [message.id])
    return True


def _make_due(mailing: Mailing, ids: list[UUID]) -> None:
    """Have queued messages of a mailing sent, also if it was finished. `ids` in their order."""
    # Ranges of batches don't overlap, so each id has one; opening one too many does no harm.
    Batch.objects.filter(
        mailing=mailing, first_message__lte=ids[-1], last_message__gte=ids[0]
    ).update(done=False, due_at=timezone.now())
    if mailing.status == MailingStatus.FINISHED:
        mailing.finished_at = None
        _move(mailing, MailingStatus.SENDING, "mailing_reopened", released=len(ids))
    else:
        audit.record(
            "messages_released", object_type="mailing", object_id=mailing.id, released=len(ids)
        )


def finish_if_done(mailing_id: UUID) -> bool:
    """Close the mailing once no batch of it waits."""
    with transaction.atomic():
        mailing = _locked(mailing_id)
        waiting = Batch.objects.filter(mailing=mailing, done=False).exists()
        if waiting or mailing.status != MailingStatus.SENDING:
            return False
        mailing.finished_at = timezone.now()
        _move(mailing, MailingStatus.FINISHED, "mailing_finished")
        return True


def _locked(mailing_id: UUID) -> Mailing:
    mailing: Mailing = Mailing.objects.select_for_update().get(id=mailing_id)
    return mailing


def _move(mailing: Mailing, status: MailingStatus, action: str, **details: object) -> None:
    if (MailingStatus(mailing.status), status) not in MAILING_TRANSITIONS:
        raise WrongStatus(f"The mailing is {mailing.status}, so it can't become {status.value}.")
    mailing.status = status.value
    mailing.save(update_fields=["status", "finished_at", "audience"])
    audit.record(action, object_type="mailing", object_id=mailing.id, **details)
