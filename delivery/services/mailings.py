"""Making a mailing, writing down its recipients, and steering it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, islice
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from audit import services as audit
from consent.rules.purposes import Use, use_to_json
from delivery.content import CompiledContent
from delivery.models import Batch, Mailing, Message
from delivery.rules import MAILING_TRANSITIONS, MailingStatus, Status
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, new_id

BATCH_SIZE = 500
TABLE = "delivery_mailing"


class WrongStatus(Exception):
    """The mailing is past the point at which this can be done; the message says where it is."""


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
    )
    body = orjson.dumps(content.to_dict())
    mailing.sealed_content = keyring(KeyUse.MESSAGE).seal(body, TABLE, mailing.id)
    mailing.save(force_insert=True)
    return mailing


def plan(mailing_id: UUID, recipients: Iterable[tuple[UUID, str]]) -> Mailing:
    """Write one row per recipient (contact, mail domain), in batches of one domain, and open it.

    All in the caller's transaction, under a lock on the mailing: a second call finds the work done.
    """
    mailing = _locked(mailing_id)
    if mailing.status != MailingStatus.PLANNED:
        return mailing
    by_domain = sorted(recipients, key=lambda each: each[1])
    for domain, group in groupby(by_domain, key=lambda each: each[1]):
        contacts = (contact for contact, _ in group)
        while chunk := list(islice(contacts, BATCH_SIZE)):
            _write_batch(mailing, domain, chunk)
    mailing.audience = len(by_domain)
    _move(mailing, MailingStatus.SENDING, "mailing_opened", audience=len(by_domain))
    if not by_domain:
        finish_if_done(mailing.id)
    return mailing


def _write_batch(mailing: Mailing, domain: str, contacts: list[UUID]) -> None:
    """UUIDv7 keys grow, so the batch is a range of keys."""
    ids = sorted(new_id() for _ in contacts)
    with connection.cursor() as cursor:
        # COPY is refused under row-level security; one INSERT over arrays is the next best.
        cursor.execute(
            "INSERT INTO delivery_message (organization_id, mailing_id, mail_domain, status,"
            " reason, route, attempts, protection, id, contact_id)"
            " SELECT %s, %s, %s, 'queued', '', 'mail', 0, '{}', id, contact"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS each (id, contact)",
            [current_organization_id(), mailing.id, domain, ids, contacts],
        )
    Batch.objects.create(
        mailing=mailing, mail_domain=domain, first_message=ids[0], last_message=ids[-1]
    )


def pause(mailing_id: UUID) -> None:
    """Takes effect at the next window of each worker, within seconds."""
    _move(_locked(mailing_id), MailingStatus.PAUSED, "mailing_paused")


def resume(mailing_id: UUID) -> None:
    _move(_locked(mailing_id), MailingStatus.SENDING, "mailing_resumed")


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
    it. A mailing that was stopped stays so.
    """
    mailing = _locked(mailing_id)
    if mailing.status == MailingStatus.STOPPED:
        return 0
    held = Message.objects.filter(mailing=mailing, status=Status.HELD, reason=reason)
    ids = list(held.values_list("id", flat=True).order_by("id"))
    if not ids:
        return 0
    held.update(status=Status.QUEUED, reason="", settled_at=None, next_attempt_at=None)
    now = timezone.now()
    # Ranges of batches don't overlap, so each id has one; opening one too many does no harm.
    Batch.objects.filter(
        mailing=mailing, first_message__lte=ids[-1], last_message__gte=ids[0]
    ).update(done=False, due_at=now)
    if mailing.status == MailingStatus.FINISHED:
        mailing.finished_at = None
        _move(mailing, MailingStatus.SENDING, "mailing_reopened", released=len(ids))
    else:
        audit.record(
            "messages_released", object_type="mailing", object_id=mailing.id, released=len(ids)
        )
    return len(ids)


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
