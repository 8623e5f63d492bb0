"""Signed authorizations, as pages and single decisions need them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.urls import reverse

from consent import models
from consent.queries.policy import organization
from consent.queries.records import (
    AUTHORIZATION_TABLE,
    Signed,
    published_versions,
    signatures,
)
from consent.rules.authorization import Authorization, Method, check_authorization
from consent.rules.findings import Finding
from consent.rules.purposes import Purpose, Remuneration, Use
from contacts.timeline import SHOWN, Entry
from encryption.cipher import CannotOpen
from tenancy.bulk import uuid_array
from tenancy.keys import keyring
from tenancy.models import KeyUse


def authorizations(
    contact_ids: Collection[UUID], at: datetime | None = None
) -> dict[UUID, list[Authorization]]:
    """Every authorization of these people, its seal checked: as known now, or `at` a moment."""
    found = signatures(uuid_array([each.bytes for each in contact_ids]), at)
    return {
        UUID(bytes=who): [each.authorization() for each in signed] for who, signed in found.items()
    }


def opened_signature(row: models.Authorization) -> dict[str, object]:
    """Who signed one authorization, how and by what authority; empty if it was tampered with."""
    ring = keyring(KeyUse.AUTHORIZATION)
    try:
        kept: dict[str, object] = orjson.loads(
            ring.open(bytes(row.sealed), AUTHORIZATION_TABLE, row.id)
        )
    except CannotOpen:
        return {}
    digest = published_versions()[row.version_id.bytes].digest
    return kept if kept["decisive"] == signed_columns(row).decisive(digest) else {}


def signed_columns(row: models.Authorization) -> Signed:
    """The columns of a row on which decisions rest."""
    return Signed(
        str(row.contact_id),
        row.version_id,
        row.language,
        row.signed_on,
        row.expires_at,
        row.signer,
        row.method,
    )


def altered_versions() -> set[UUID]:
    """Published versions that are not what was published any more."""
    return {UUID(bytes=key) for key, version in published_versions().items() if not version.intact}


def is_live(authorization: Authorization, now: datetime) -> bool:
    """Whether the authorization stands at this moment, whatever it is for."""
    return (
        authorization.intact
        and authorization.form_passed
        and not authorization.disputed
        and authorization.revoked_at is None
        and now < authorization.expires_at
    )


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
