"""Requests to sign: where their links lead, the form they show, and how they stand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from consent import models
from consent.queries.policy import organization, policy
from consent.queries.signatures import authorizations, is_live, opened_signature
from consent.rules import links
from consent.rules.authorization import Signer
from consent.rules.forms import FormText
from consent.rules.renewal import Asked, Step, renewal_step
from contacts import queries as contacts
from contacts.rules.starter import BIRTH_DATE
from encryption.public_tokens import UnknownToken
from tenancy.keys import public_tokens
from tenancy.models import Organization

WRONG_DATES = 10
"""Wrong dates of birth in a row, for one person on all pages together, that lock them all."""


class RequestStanding(StrEnum):
    """How far a request has come."""

    OPEN = "open"
    SIGNED = "signed"
    DECLINED = "declined"
    """The person may still change their mind."""
    ENDED = "ended"


def sign_address(request: models.SigningRequest, mailed: bool = False) -> str:
    """The page on which a request is signed, for the screen at the desk or, `mailed`, a letter."""
    return address_of(links.SIGN, request.id, links.SIGN_MAILED if mailed else links.SIGN)


def address_of(page: str, row: UUID, purpose: str = "") -> str:
    """A public address: opaque, and good for one purpose alone, the page's if none is given."""
    where: Organization = organization()
    token = public_tokens().make(purpose or page, row)
    return f"{where.link_origin}/{where.public_code}/{page}/{token}"


def request_of_token(token: str) -> models.SigningRequest | None:
    """The request that a public address leads to, and in `by_mail` whether that stood in a letter.
    Raises `UnknownToken` for a forged one."""
    by_mail, row = _read(token)
    found: models.SigningRequest | None = (
        models.SigningRequest.objects.select_related("contact", "version", "authorization")
        .filter(id=row)
        .first()
    )
    if found is not None:
        found.by_mail = by_mail
    return found


def _read(token: str) -> tuple[bool, UUID]:
    try:
        return True, public_tokens().read(links.SIGN_MAILED, token)
    except UnknownToken:
        return False, public_tokens().read(links.SIGN, token)


def requests_of(contact_id: UUID) -> list[models.SigningRequest]:
    """What a person was asked to sign, the latest first."""
    rows = models.SigningRequest.objects.select_related("version__form")
    return list(rows.filter(contact_id=contact_id).order_by("-asked_at"))


def standing_of(request: models.SigningRequest, now: datetime) -> RequestStanding:
    """How a request stands. Nobody signs for somebody who has died or was erased."""
    if request.outcome == RequestStanding.SIGNED:
        return RequestStanding.SIGNED
    gone = request.contact.deceased or request.contact.erased_at is not None
    if request.outcome == "failed" or now >= request.expires_at or gone:
        return RequestStanding.ENDED
    return RequestStanding.DECLINED if request.outcome else RequestStanding.OPEN


def letters_wait(now: datetime) -> bool:
    """Whether a letter that consent wants sent is due."""
    waiting = (models.SigningRequest, models.AddressConfirmation)
    return any(model.objects.filter(send_at__lte=now).exists() for model in waiting)


def languages_of(version: models.FormVersion) -> list[str]:
    """The languages a version can be read and signed in, its first one first."""
    return [each["language"] for each in (version.text, *version.translations)]


def form_in(version: models.FormVersion, *wanted: str) -> FormText:
    """The text in the first wanted language that there is, else in the form's own."""
    texts = (version.text, *version.translations)
    for language in wanted:
        for text in texts:
            if text["language"].partition("-")[0] == language.partition("-")[0]:
                return FormText.from_json(text)
    return FormText.from_json(version.text)


@dataclass(frozen=True, slots=True)
class SignedForm:
    """What was signed and by whom, in the language it was signed in. `digest` is the version's."""

    contact_id: UUID
    form: FormText
    digest: str
    published_by: UUID
    signed_on: date
    signer: Signer
    signer_name: str = field(repr=False)
    authority: str = field(repr=False)


def signed_form(authorization_id: UUID) -> SignedForm:
    """What one authorization says."""
    row = models.Authorization.objects.select_related("version").get(id=authorization_id)
    kept = opened_signature(row)
    return SignedForm(
        contact_id=row.contact_id,
        form=form_in(row.version, row.language),
        digest=row.version.digest,
        published_by=row.version.published_by,
        signed_on=row.signed_on,
        signer=Signer(row.signer),
        signer_name=str(kept.get("signer_name", "")),
        authority=str(kept.get("authority", "")),
    )


def birth_date_of(contact_id: UUID) -> str:
    """A person's date of birth as an ISO date; empty if it is not on record."""
    person = contacts.opened([contact_id]).get(contact_id)
    return str(person.profile.get(BIRTH_DATE) or "") if person else ""


def is_birth_date_locked(contact_id: UUID) -> bool:
    """Whether so many wrong dates were entered that none is taken until staff allow it again."""
    rows = models.Preference.objects.filter(contact_id=contact_id, wrong_dates__gte=WRONG_DATES)
    return bool(rows.exists())


def ending_soon(now: datetime) -> list[UUID]:
    """Authorizations whose end is near enough to ask for new ones."""
    until = now + timedelta(days=policy().renew_before_days)
    rows = models.Authorization.objects.filter(expires_at__gt=now, expires_at__lte=until)
    return list(rows.filter(revocations=None).values_list("id", flat=True))


def renewal_due(authorization: models.Authorization, now: datetime) -> Step:
    """Whether its person is to be asked to sign again, or reminded of it, right now."""
    if not _stands_alone(authorization, now):
        return Step.NOTHING
    before, end = policy().renew_before_days, authorization.expires_at
    row = _asked_for(authorization, end - timedelta(days=before))
    asked = None
    if row is not None:
        is_open = standing_of(row, now) is RequestStanding.OPEN
        mine = row.renews_id == authorization.id
        asked = Asked(row.asked_at, is_open and mine, row.reminded_at)
    return renewal_step(end, asked, before, now)


def _asked_for(
    authorization: models.Authorization, since: datetime
) -> models.SigningRequest | None:
    """The request to renew it, or one for the same form since it was time to ask: of two that end
    together, one is enough."""
    rows = models.SigningRequest.objects.select_related("contact").filter(
        contact=authorization.contact_id
    )
    mine = rows.filter(renews=authorization)
    alike = rows.filter(version__form=authorization.version.form_id, asked_at__gte=since)
    return mine.first() or alike.order_by("-asked_at").first()


def _stands_alone(authorization: models.Authorization, now: datetime) -> bool:
    """Whether it is live, and nothing of the same form that is live ends later."""
    of_form = dict(
        models.Authorization.objects.filter(
            contact=authorization.contact_id, version__form=authorization.version.form_id
        ).values_list("id", "expires_at")
    )
    live = _live_among(authorization.contact_id, of_form, now)
    newer = any(of_form[each] > authorization.expires_at for each in live)
    return authorization.id in live and not newer


def _live_among(contact_id: UUID, ids: Collection[UUID], now: datetime) -> set[UUID]:
    signed = authorizations([contact_id]).get(contact_id, [])
    return {each.id for each in signed if each.id in ids and is_live(each, now)}
