"""Reads of consent: facts about people, in bulk, and the decisions that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.urls import reverse

from consent import models
from consent.rules.authorization import Authorization, Method, Signer, check_authorization
from consent.rules.decision import (
    Decision,
    RecipientFacts,
    Suppression,
    SuppressionReason,
    SuppressionScope,
    applies,
    decide,
)
from consent.rules.findings import Finding
from consent.rules.forms import FormText, check_form
from consent.rules.purposes import (
    Information,
    Purpose,
    Remuneration,
    Requirement,
    Use,
    information_of,
    rule_for,
)
from contacts.models import Contact
from contacts.rules.fields import Field, Relationship
from contacts.timeline import SHOWN, Entry
from encryption.cipher import CannotOpen
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, Organization

AUTHORIZATION_TABLE = "consent_authorization"
RETENTION_YEARS = 6


def organization() -> Organization:
    """The organization in force."""
    return Organization.objects.get(id=current_organization_id())


def decisions(use: Use, contact_ids: Collection[UUID], now: datetime) -> dict[UUID, Decision]:
    """The permit or refusal of each person for one use, at this moment, in five queries.

    `now` may be in any zone: "today" is the organization's.
    """
    here = now.astimezone(ZoneInfo(organization().time_zone))
    return {contact: decide(use, known, here) for contact, known in facts(contact_ids).items()}


def facts(contact_ids: Collection[UUID]) -> dict[UUID, RecipientFacts]:
    """What a decision needs to know of each person. Somebody erased has no address."""
    people = list(
        Contact.objects.filter(id__in=contact_ids).values_list(
            "id", "email_token", "deceased", "relationship", "erased_at"
        )
    )
    signed = authorizations(contact_ids)
    stopped = _suppressions({token for _, token, *_ in people if token})
    return {
        contact: RecipientFacts(
            relationship=Relationship(relationship),
            has_address=token is not None and erased_at is None,
            deceased=deceased,
            authorizations=tuple(signed.get(contact, ())),
            suppressions=stopped.get(token, frozenset()) if token else frozenset(),
        )
        for contact, token, deceased, relationship, erased_at in people
    }


def authorizations(contact_ids: Collection[UUID]) -> dict[UUID, list[Authorization]]:
    """Every authorization of these people, its seal checked."""
    rows = models.Authorization.objects.filter(contact_id__in=contact_ids).select_related("version")
    revoked = dict(
        models.Revocation.objects.filter(authorization__contact_id__in=contact_ids).values_list(
            "authorization_id", "received_at"
        )
    )
    legal_name = organization().legal_name
    found: defaultdict[UUID, list[Authorization]] = defaultdict(list)
    for row in rows:
        found[row.contact_id].append(_authorization(row, revoked.get(row.id), legal_name))
    return found


def _authorization(
    row: models.Authorization, revoked_at: datetime | None, legal_name: str
) -> Authorization:
    text, form_passed = _form(orjson.dumps(row.version.text), legal_name)
    sealed = opened_signature(row)
    return Authorization(
        id=row.id,
        purposes=text.purposes,
        information=text.categories,
        covers_remuneration=text.covers_remuneration,
        signed_on=row.signed_on,
        expires_at=row.expires_at,
        method=Method(row.method),
        signer=Signer(row.signer),
        authority=str(sealed.get("authority", "")),
        revoked_at=revoked_at,
        copy_given_at=row.copy_given_at,
        form_passed=form_passed,
        intact=bool(sealed) and text.digest() == row.version.digest,
    )


@lru_cache(maxsize=256)
def _form(text: bytes, legal_name: str) -> tuple[FormText, bool]:
    """A version's text and whether it passes every check of a form; versions never change."""
    form = FormText.from_json(orjson.loads(text))
    return form, not check_form(form, legal_name)


def opened_signature(row: models.Authorization) -> dict[str, object]:
    """Who signed, how and by what authority; empty if the record was tampered with.

    The sealed copy repeats every column that decides, so that a column changed in the database
    makes the authorization fail (hence 45 CFR 164.530(j): what counts is what was signed).
    """
    try:
        body = keyring(KeyUse.AUTHORIZATION).open(bytes(row.sealed), AUTHORIZATION_TABLE, row.id)
    except CannotOpen:
        return {}
    sealed: dict[str, object] = orjson.loads(body)
    return sealed if sealed["decisive"] == decisive_columns(row) else {}


def decisive_columns(row: models.Authorization) -> dict[str, str]:
    """The columns on which decisions rest, as they are bound into the sealed copy."""
    return {
        "contact": str(row.contact_id),
        "version": str(row.version_id),
        "form": row.version.digest,
        "signed_on": row.signed_on.isoformat(),
        "expires_at": row.expires_at.astimezone(ZoneInfo("UTC")).isoformat(),
        "signer": row.signer,
        "method": row.method,
    }


def _suppressions(tokens: Collection[UUID]) -> dict[UUID, frozenset[Suppression]]:
    rows = models.Suppression.objects.filter(address_token__in=tokens).values_list(
        "address_token", "scope", "reason"
    )
    found: defaultdict[UUID, set[Suppression]] = defaultdict(set)
    for token, scope, reason in rows:
        found[token].add(Suppression(SuppressionScope(scope), SuppressionReason(reason)))
    return {token: frozenset(each) for token, each in found.items()}


def reachable(
    contact_ids: Collection[UUID], purpose: str, fields: Collection[Field], now: datetime
) -> int:
    """How many people may be mailed for a purpose, unpaid, when they are chosen by these fields.

    By the columns of authorizations, whose seals are checked at dispatch: a forecast for whoever
    builds a segment, not a permit.
    """
    information = {information_of(field) for field in fields} or {Information.DEMOGRAPHIC}
    use = Use(Purpose(purpose), Remuneration.NONE, frozenset(information))
    rows = Contact.objects.filter(id__in=contact_ids, deceased=False, erased_at=None).values_list(
        "id", "relationship", "email_token"
    )
    rules = {each: rule_for(use, each) for each in Relationship}
    people = [(who, rules[Relationship(named)], token) for who, named, token in rows if token]
    stopped = _suppressions({token for *_, token in people})
    willing = [
        (who, rule)
        for who, rule, token in people
        if not any(applies(each.scope, rule, use.purpose) for each in stopped.get(token, ()))
    ]
    asked = [who for who, rule in willing if rule.requirement is Requirement.AUTHORIZATION]
    free = sum(1 for _, rule in willing if rule.requirement is Requirement.NOTHING)
    return free + _signed(asked, use, now)


def _signed(contact_ids: Collection[UUID], use: Use, now: datetime) -> int:
    legal_name = organization().legal_name
    covering = []
    for version in models.FormVersion.objects.all():
        text, passed = _form(orjson.dumps(version.text), legal_name)
        if passed and use.purpose in text.purposes and use.information <= text.categories:
            covering.append(version.id)
    live = models.Authorization.objects.filter(
        contact_id__in=contact_ids,
        version_id__in=covering,
        expires_at__gt=now,
        copy_given_at__isnull=False,
        revocations=None,
    )
    return int(live.values("contact_id").distinct().count())


def authorizations_to_keep(contact_ids: Collection[UUID]) -> dict[UUID, str]:
    """Why contacts must stay: an authorization is kept for six years (45 CFR 164.530(j)(2))."""
    signed = models.Authorization.objects.filter(contact_id__in=contact_ids)
    return dict.fromkeys(
        signed.values_list("contact_id", flat=True), "there is a signed authorization"
    )


def authorizations_in_retention(contact_ids: Collection[UUID], now: datetime) -> dict[UUID, str]:
    """Why contacts may not be erased yet: six years from when an authorization was last in effect
    (45 CFR 164.508(b)(6), 164.530(j)(2))."""
    signed = models.Authorization.objects.filter(contact_id__in=contact_ids)
    last: dict[UUID, datetime] = {}
    for contact, expires_at, revoked_at in signed.values_list(
        "contact_id", "expires_at", "revocations__received_at"
    ):
        ended = min(expires_at, revoked_at) if revoked_at else expires_at
        last[contact] = max(last.get(contact, ended), ended)
    until = {contact: _years_later(ended, RETENTION_YEARS) for contact, ended in last.items()}
    return {
        contact: f"a signed authorization must be kept until {day:%B} {day.day}, {day.year}"
        for contact, day in until.items()
        if day > now
    }


def _years_later(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, month=3, day=1)


def timeline(contact_id: UUID) -> list[Entry]:
    """What a contact signed and revoked, without for what: a form's name may tell a diagnosis."""
    page = reverse("consent:record", args=[organization().slug, contact_id])
    rows = models.Authorization.objects.filter(contact_id=contact_id).order_by("-recorded_at")
    entries = []
    for method, at, revoked_at in rows.values_list(
        "method", "recorded_at", "revocations__received_at"
    )[:SHOWN]:
        how = "on paper" if method == Method.PAPER else "electronically"
        entries.append(Entry(at, f"An authorization signed {how} was recorded", page))
        if revoked_at:
            entries.append(Entry(revoked_at, "An authorization was revoked", page))
    return entries


def live_purposes(
    contact_ids: Collection[UUID], purposes: Collection[str], now: datetime
) -> dict[UUID, set[str]]:
    """The purposes that each person has a live authorization for: facts for segments."""
    wanted = {Purpose(purpose) for purpose in purposes}
    return {
        contact: {
            purpose.value
            for each in signed
            if is_live(each, now) and each.copy_given_at is not None
            for purpose in each.purposes & wanted
        }
        for contact, signed in authorizations(contact_ids).items()
    }


def is_live(authorization: Authorization, now: datetime) -> bool:
    """Whether the authorization stands at this moment, whatever it is for."""
    return (
        authorization.intact
        and authorization.form_passed
        and authorization.revoked_at is None
        and now < authorization.expires_at
    )


def forms() -> list[models.AuthorizationForm]:
    return list(models.AuthorizationForm.objects.order_by("name"))


def versions(form_id: UUID | None = None) -> list[models.FormVersion]:
    """Published versions, newest first."""
    rows = models.FormVersion.objects.select_related("form").order_by("-published_at")
    return list(rows.filter(form_id=form_id) if form_id else rows)


@dataclass(frozen=True, slots=True)
class Standing:
    """One person's authorization as a page shows it. `findings` say why it allows nothing."""

    row: models.Authorization
    authorization: Authorization
    findings: list[Finding]
    last_day: date

    @property
    def allows(self) -> bool:
        return not self.findings

    @property
    def revocable(self) -> bool:
        return self.authorization.revoked_at is None

    @property
    def purposes(self) -> list[str]:
        return sorted(purpose.label for purpose in self.authorization.purposes)


def standings(contact_id: UUID, now: datetime) -> list[Standing]:
    """A person's authorizations, the latest first, and what is wrong with each."""
    rows = models.Authorization.objects.filter(contact_id=contact_id)
    by_id = {row.id: row for row in rows.select_related("version__form").order_by("-signed_on")}
    facts = {each.id: each for each in authorizations([contact_id]).get(contact_id, [])}
    zone = ZoneInfo(organization().time_zone)
    return [
        Standing(
            row=row,
            authorization=facts[key],
            findings=_findings(facts[key], now.astimezone(zone)),
            last_day=(row.expires_at - timedelta(seconds=1)).astimezone(zone).date(),
        )
        for key, row in by_id.items()
    ]


def _findings(authorization: Authorization, now: datetime) -> list[Finding]:
    """What forbids even the use that the authorization itself describes, without payment."""
    purpose = min(authorization.purposes, default=Purpose.MARKETING)
    use = Use(purpose, Remuneration.NONE, authorization.information)
    return check_authorization(authorization, use, now)


def latest_versions() -> dict[UUID, models.FormVersion]:
    """The newest published version of each form, by the form's id."""
    return {version.form_id: version for version in reversed(versions())}
