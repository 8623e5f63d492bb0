"""Writes of the portal: who wants no more mail, and the door to a message."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from audit import services as audit
from consent import queries as consent_queries
from consent import services as consent
from consent.rules import shown, words
from consent.rules.authorization import Method, Signer
from consent.rules.decision import SuppressionReason, SuppressionScope
from consent.rules.forms import FormText
from consent.rules.purposes import Purpose
from consent.rules.table import rule_for
from consent.services import Signature
from contacts import queries as contacts
from contacts.rules.fields import Relationship
from delivery.models import Message
from delivery.services import copies, events, notices
from delivery.services.sending import use_of
from portal import queries, rules
from portal.models import Pickup
from tenancy.current import acting_for, current_organization_id

if TYPE_CHECKING:
    from consent.models import SigningRequest

log = structlog.get_logger(__name__)


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
    """Stop mail to the recipient, at once (15 U.S.C. 7704(a)(4) allows ten days): at the address
    that the message went to and at the one they have now.

    Nothing is left to stop for somebody erased.
    """
    then, now = queries.address_then(message), queries.address_now(message.contact_id)
    addresses = {each.casefold(): each for each in (then, now) if each}
    for address in addresses.values():
        consent.suppress(address, scope, SuppressionReason.UNSUBSCRIBED, source)
    if not addresses:
        return
    if events.first_of_kind(message.id, "unsubscribed"):
        events.record(message, "unsubscribed", source)


def revoke_authorizations(message: Message) -> bool:
    """End every authorization of the recipient, on receipt (45 CFR 164.508(b)(5)), in force right
    now or not; False if there is none."""
    signed = queries.signed_pages(message.contact_id)
    for each in signed:
        consent.revoke(each.id, timezone.now(), "page", None)
    return bool(signed)


def revoke_authorization(contact_id: UUID, authorization_id: UUID) -> bool:
    """End one authorization of a person, on receipt; False if it is not theirs."""
    if authorization_id not in {each.id for each in queries.signed_pages(contact_id)}:
        return False
    consent.revoke(authorization_id, timezone.now(), "page", None)
    return True


@dataclass(frozen=True)
class SignedOnPage:
    """What somebody filled in to sign, and the text they saw."""

    signer: Signer
    name: str = field(repr=False)
    authority: str = field(repr=False)
    form: FormText
    page_language: str


def sign(request: SigningRequest, on_page: SignedOnPage) -> None:
    """Record a signature, and put its copy on its way. Signed twice, it is signed once.

    The signer must have been recognized in the same transaction. Raises `NotSignable`.
    """
    form, version = on_page.form, request.version
    first = version.text["language"]
    signature = Signature(
        contact_id=request.contact_id,
        version_id=version.id,
        signed_on=contacts.today(),
        signer_name=on_page.name,
        signer=on_page.signer,
        authority=on_page.authority,
        method=Method.ELECTRONIC,
        language="" if form.language == first else form.language,
        evidence={
            "name_typed": on_page.name,
            "act": words.ACT[on_page.page_language],
            "statement": words.STATEMENT[on_page.page_language],
            "text_digest": shown.text_digest(form),
            "layout": shown.LAYOUT,
            "form_digest": version.digest,
            "channel": request.channel,
            "request": str(request.id),
            "signed_at": timezone.now().astimezone(UTC).isoformat(),
            "page_language": on_page.page_language,
        },
    )
    is_new = request.authorization_id is None
    authorization = consent.sign(request.id, signature, request.by_mail)
    if is_new:
        copies.send_copy(authorization.id)


def change_preferences(message: Message, wanted: dict[str, Any]) -> bool:
    """Take over what a person chose on the page: `wanted` is a valid `PreferencesForm`'s data.

    False, and nothing is changed, if it would allow more mail by a link to an earlier address.
    """
    contact = message.contact_id
    now = consent_queries.wishes_of(contact)
    known = {each.id for each in consent_queries.topics()}
    chosen = {UUID(each) for each in wanted["topics"]}
    until = now.paused_until
    if wanted["pause"] is not None:
        months = wanted["pause"]
        until = rules.months_later(contacts.today(), months) if months else None
    declined = (now.declined_topics - known) | (known - chosen)
    often = wanted["often"]
    allows_more = (
        bool(now.declined_topics - declined)
        or (often or math.inf) > (now.most_per_month or math.inf)
        or (until or date.min) < (now.paused_until or date.min)
        or (wanted["track"] and not now.track)
        or any(wanted[each.value] and each in now.stopped for each in _CHOSEN)
    )
    if allows_more and not queries.is_address_same(message):
        return False
    consent.change_preferences(contact, consent.Wanted(declined, often, until, wanted["track"]))
    for scope in _CHOSEN:
        is_wanted, is_stopped = wanted[scope.value], scope in now.stopped
        if is_wanted and is_stopped:
            consent.allow_mail(contact, scope)
        elif not is_wanted and not is_stopped:
            unsubscribe(message, scope, "link")
    return True


_CHOSEN = (SuppressionScope.MARKETING, SuppressionScope.FUNDRAISING)


def allow_mail(message: Message) -> bool:
    """Take back that all mail was stopped; False by a link to an earlier address."""
    if not queries.is_address_same(message):
        return False
    consent.allow_mail(message.contact_id, SuppressionScope.ALL)
    return True


def wish_plain_mail(message: Message, born: date, warning: str) -> bool:
    """Take a warned person's wish for mail that may travel unencrypted; False if the date of birth
    is wrong. Wrong dates lock the page, as they do the message's door, and all pages in the end.
    Raises `NotWishable` without an address."""
    row = _locked_row(message.id)
    if queries.door_of(row).is_locked(timezone.now()):
        return False
    if not consent.is_birth_date(message.contact_id, born):
        _count_wrong_try(row, timezone.now())
        return False
    consent.wish_plain_mail(message.contact_id, warning, "page", None)
    return True


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
