"""Writes of the portal: what was opened, who wants no more mail, and the door to a message."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import structlog
from celery import current_app
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from audit import services as audit
from consent import services as consent
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.purposes import Purpose, rule_for
from contacts import queries as contacts
from contacts.rules.fields import Relationship
from delivery.models import Message
from delivery.services import events, notices
from delivery.services.sending import use_of
from portal import queries, rules
from portal.models import Pickup
from portal.rules import Visit
from tenancy.current import acting_for, current_organization_id

log = structlog.get_logger(__name__)


def record_visit(message: Message, kind: str, visit: Visit, link: int | None = None) -> None:
    """Note that a pixel was fetched or a link followed, if mailing and organization want it.

    A picture or a link must work even when writing doesn't.
    """
    if not (message.mailing.tracking and message.organization.tracking):
        return
    verdict, reason = rules.judge(visit)
    try:
        with transaction.atomic():
            events.record(message, kind, reason, verdict=verdict.value, link=link)
    except DatabaseError:
        log.warning("visit_not_recorded", message=str(message.id), kind=kind)


def narrow_scope(message: Message) -> SuppressionScope:
    """The least that stops mail like this message.

    Mail about care has no narrower scope than all: whoever wants none of it gets none
    (45 CFR 164.522(b)).
    """
    use = use_of(message.mailing)
    if use.purpose is Purpose.FUNDRAISING:
        return SuppressionScope.FUNDRAISING
    promotional = rule_for(use, Relationship(message.contact.relationship)).promotional
    return SuppressionScope.MARKETING if promotional else SuppressionScope.ALL


def unsubscribe(message: Message, scope: SuppressionScope, source: str) -> None:
    """Stop mail to the recipient, at once (15 U.S.C. 7704(a)(4) allows ten days).

    Nothing is left to stop for somebody erased.
    """
    person = contacts.opened([message.contact_id]).get(message.contact_id)
    if person is None or person.email is None:
        return
    consent.suppress(person.email, scope, SuppressionReason.UNSUBSCRIBED, source)
    if events.first_of_kind(message.id, "unsubscribed"):
        events.record(message, "unsubscribed", source)


def revoke_authorizations(message: Message) -> None:
    """End every authorization of the recipient, on receipt (45 CFR 164.508(b)(5))."""
    now = timezone.now()
    for authorization in queries.live_authorizations(message.contact_id):
        consent.revoke(authorization, now, "page", None)


def ask_for_code(message: Message) -> bool:
    """Have a code sent; False if too many were asked for."""
    now = timezone.now()
    row = _locked_row(message.id)
    door = queries.door_of(row)
    if not door.may_ask(now):
        audit.record_refusal(
            current_organization_id(), "code_refused", message=str(message.id), reason="too_many"
        )
        return False
    row.codes_sent, row.code_sent_at = door.after_asking(now)
    row.save(update_fields=["codes_sent", "code_sent_at"])
    ids = [str(current_organization_id()), str(message.id)]
    transaction.on_commit(lambda: current_app.send_task("portal.send_code", ids))
    return True


def send_code(organization_id: UUID, message_id: UUID) -> bool:
    """Make a code, keep its hash, and mail it. Runs outside any transaction.

    The code is made here, in the worker, so that it exists nowhere but in the mail: neither in
    the queue nor in the database. A task that runs twice sends two codes, of which the later holds.
    """
    code = rules.new_code()
    with acting_for(organization_id):
        row = _locked_row(message_id)
        row.code_hash = _hashed(row, code)
        row.code_expires_at = timezone.now() + rules.CODE_GOOD_FOR
        row.save(update_fields=["code_hash", "code_expires_at"])
    return notices.send_code_mail(organization_id, message_id, code)


def try_to_open(message: Message, code: str, fact: date) -> bool:
    """Whether code and fact are both right. Each wrong try counts, whichever was wrong."""
    now = timezone.now()
    row = _locked_row(message.id)
    door = queries.door_of(row)
    if door.is_locked(now):
        return False
    if not _both_right(row, message, code, fact, now):
        _count_wrong_try(row, now)
        return False
    row.code_hash, row.code_expires_at, row.code_sent_at = "", None, None
    row.codes_sent = row.wrong_tries = 0
    if row.opened_at is None:
        row.opened_at = now
        events.record(message, "picked_up")
    row.save()
    audit.record("message_opened", object_type="message", object_id=message.id)
    return True


def _both_right(row: Pickup, message: Message, code: str, fact: date, now: datetime) -> bool:
    """Both are compared, always, so that the time taken tells nothing."""
    known = queries.known_fact(message)
    right_code = constant_time_compare(_hashed(row, code), row.code_hash)
    right_fact = constant_time_compare(fact.isoformat(), known[:10])
    in_time = row.code_expires_at is not None and now < row.code_expires_at
    return bool(known) and in_time and right_code and right_fact


def _count_wrong_try(row: Pickup, now: datetime) -> None:
    row.wrong_tries, row.locked_until = queries.door_of(row).after_wrong_try(now)
    if row.locked_until:
        row.code_hash, row.code_expires_at = "", None
    row.save()
    audit.record_refusal(
        current_organization_id(),
        "pickup_refused",
        message=str(row.message_id),
        locked=row.locked_until is not None,
    )


def _locked_row(message_id: UUID) -> Pickup:
    """The message's row, made on first use, locked so that tries are counted one by one."""
    Pickup.objects.bulk_create([Pickup(message_id=message_id)], ignore_conflicts=True)
    row: Pickup = Pickup.objects.select_for_update().get(message_id=message_id)
    return row


def _hashed(row: Pickup, code: str) -> str:
    """Keyed: a bare hash of six digits is undone in a second."""
    return salted_hmac("portal.code", f"{row.id}:{code}", algorithm="sha256").hexdigest()
