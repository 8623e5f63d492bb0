"""Putting published forms before people, and what comes of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from audit import services as audit
from consent import posting, queries
from consent.models import Authorization, SigningRequest
from consent.queries import RequestStanding
from consent.rules.decision import SuppressionScope
from consent.rules.renewal import Step
from consent.services.birth_dates import is_birth_date
from consent.services.letters import hand_out
from consent.services.signatures import Signature, record_authorization
from consent.services.wishes import confirm_by_signature
from contacts import queries as contacts

GOOD_FOR = {"mail": timedelta(days=30), "desk": timedelta(days=1)}
TRIES = 5
"""Wrong dates of birth after which a request ends."""


class NotAskable(Exception):
    """This person can't be asked; the message says why, in words."""


class NotSignable(Exception):
    """The request is over, or the person is not there any more."""


def ask(
    contact_id: UUID,
    version_id: UUID,
    channel: str,
    by: UUID | None,
    renews: Authorization | None = None,
) -> SigningRequest:
    """Put a form before somebody: by "mail", or at the "desk", where a screen shows a code.

    A person has one open request for a version: asked again, it is the same one. Raises
    `NotAskable`.
    """
    _check_person(contact_id, channel)
    now = timezone.now()
    _end_what_ran_out(contact_id, version_id, now)
    row: SigningRequest
    row, is_new = SigningRequest.objects.get_or_create(
        contact_id=contact_id,
        version_id=version_id,
        outcome="",
        defaults={"channel": channel, "asked_by": by, "expires_at": now + GOOD_FOR[channel]},
    )
    if is_new:
        audit.record(
            "signature_asked_for",
            object_type="signing_request",
            object_id=row.id,
            contact=str(contact_id),
            channel=channel,
        )
    if channel == "mail" and (is_new or row.channel == "desk"):
        _send_letter(row, now)
    if renews is not None and row.renews_id is None:
        row.renews, row.expires_at = renews, max(row.expires_at, renews.expires_at)
        row.save(update_fields=["renews", "expires_at"])
    return row


def _check_person(contact_id: UUID, channel: str) -> None:
    person = contacts.opened([contact_id]).get(contact_id)
    if person is None:
        raise NotAskable("There is no such patient any more.")
    if person.deceased:
        raise NotAskable("The patient has died.")
    if channel == "desk":
        return
    if person.email is None:
        raise NotAskable("No email address is known. Have it signed at the desk or on paper.")
    if SuppressionScope.ALL in queries.wishes_of(contact_id).stopped:
        raise NotAskable("No email may go to this address. Have it signed at the desk or on paper.")
    if not posting.can_post():
        raise NotAskable(posting.NO_SENDER)


def _end_what_ran_out(contact_id: UUID, version_id: UUID, now: datetime) -> None:
    SigningRequest.objects.filter(
        contact_id=contact_id, version_id=version_id, outcome="", expires_at__lte=now
    ).update(outcome="failed", ended_at=now, send_at=None)


def _send_letter(row: SigningRequest, now: datetime) -> None:
    row.channel, row.send_at = "mail", now
    row.expires_at = max(row.expires_at, now + GOOD_FOR["mail"])
    row.save(update_fields=["channel", "send_at", "expires_at"])
    hand_out()


def sign(request_id: UUID, signature: Signature, by_mail: bool = False) -> Authorization:
    """Record what was signed on the request's page; signed twice, it is signed once.

    `by_mail`: by the link in the letter. Whoever has that has the mailbox that the letter went to,
    which confirms that address. Raises `NotSignable`, and `NotRecordable` for a signature that
    lacks something.
    """
    row = _locked(request_id)
    now = timezone.now()
    if row.authorization is not None:
        return row.authorization
    if queries.standing_of(row, now) is RequestStanding.ENDED:
        raise NotSignable("the request is over")
    authorization = record_authorization(signature, None)
    row.outcome, row.ended_at, row.send_at = "signed", now, None
    row.authorization = authorization
    row.save(update_fields=["outcome", "ended_at", "send_at", "authorization"])
    if by_mail and row.address_token is not None:
        confirm_by_signature(row.contact_id, row.address_token, now)
    return authorization


def decline(request_id: UUID) -> None:
    """No, thanks. Nothing else depends on it (45 CFR 164.508(b)(4))."""
    row = _locked(request_id)
    now = timezone.now()
    if queries.standing_of(row, now) is not RequestStanding.OPEN:
        return
    row.outcome, row.ended_at, row.send_at = "declined", now, None
    row.save(update_fields=["outcome", "ended_at", "send_at"])
    audit.record("signature_declined", object_type="signing_request", object_id=row.id)


def recognizes(request_id: UUID, born: date) -> bool:
    """Whether this is the patient's date of birth: what ties the signature to the person (UETA 9).

    Each wrong one counts, and the fifth ends a request that is not signed yet; for the limit that
    all pages share see `is_birth_date`. The row stays locked until the commit, so that tries at the
    same time count one by one. Raises `NotSignable`.
    """
    row = _locked(request_id)
    if queries.standing_of(row, timezone.now()) is RequestStanding.ENDED:
        raise NotSignable("the request is over")
    if is_birth_date(row.contact_id, born):
        return True
    row.wrong_tries = min(row.wrong_tries + 1, TRIES)
    if row.wrong_tries >= TRIES and row.authorization_id is None:
        row.outcome, row.ended_at, row.send_at = "failed", timezone.now(), None
    row.save(update_fields=["wrong_tries", "outcome", "ended_at", "send_at"])
    audit.record(
        "signer_not_recognized",
        object_type="signing_request",
        object_id=row.id,
        ended=row.outcome == "failed",
    )
    return False


def renew(authorization_id: UUID, now: datetime) -> Step:
    """Ask for a new signature before one ends, or remind of it, if it is time; returns what was
    done. Whoever wants no promotional mail is not asked for more of it either."""
    authorization = Authorization.objects.select_related("version").get(id=authorization_id)
    step = queries.renewal_due(authorization, now)
    if queries.wants_no_offers(authorization.contact_id):
        return Step.NOTHING
    match step:
        case Step.ASK:
            return step if _ask_to_renew(authorization) else Step.NOTHING
        case Step.REMIND:
            row = SigningRequest.objects.select_for_update().get(renews=authorization, outcome="")
            row.reminded_at, row.send_at = now, now
            row.save(update_fields=["reminded_at", "send_at"])
            audit.record("signature_reminded_of", object_type="signing_request", object_id=row.id)
            hand_out()
    return step


def _ask_to_renew(authorization: Authorization) -> bool:
    newest = queries.latest_versions()[authorization.version.form_id]
    try:
        ask(authorization.contact_id, newest.id, "mail", None, renews=authorization)
    except NotAskable:
        return False
    return True


def _locked(request_id: UUID) -> SigningRequest:
    rows = SigningRequest.objects.select_related("contact")
    row: SigningRequest = rows.select_for_update(of=("self",)).get(id=request_id)
    return row
