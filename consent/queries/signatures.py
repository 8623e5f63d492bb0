"""Signed authorizations as they stand, their seals checked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.urls import reverse

from consent import models
from consent.queries.policy import organization
from consent.rules.authorization import Authorization, Method, Signer, check_authorization
from consent.rules.findings import Finding
from consent.rules.forms import FormText, check_form, form_digest
from consent.rules.purposes import Purpose, Remuneration, Use
from contacts.timeline import SHOWN, Entry
from encryption.cipher import CannotOpen
from tenancy.bulk import UuidArray, rows_about, uuid_array
from tenancy.keys import keyring
from tenancy.models import KeyUse

AUTHORIZATION_TABLE = "consent_authorization"
Open = Callable[[bytes, bytes], bytes]
"""Opens a sealed authorization: the row's id and the sealed value, as bytes."""


@dataclass(frozen=True, eq=False)  # the same object for the same text
class Version:
    """A published version. `passed` says whether it passes every check of a form, `intact` whether
    it is still what was published."""

    text: FormText
    digest: str
    passed: bool
    intact: bool


class Signed(NamedTuple):
    """The columns on which decisions rest, repeated in the sealed copy: what counts is what was
    signed, so that a column changed in the database makes the authorization fail."""

    contact: str
    version: UUID
    language: str
    signed_on: date
    expires_at: datetime
    signer: str
    method: str

    def decisive(self, digest: str) -> dict[str, str]:
        """As the sealed copy holds them, with the digest of the form."""
        columns = {
            "contact": self.contact,
            "version": str(self.version),
            "form": digest,
            "signed_on": self.signed_on.isoformat(),
            "expires_at": self.expires_at.astimezone(UTC).isoformat(),
            "signer": self.signer,
            "method": self.method,
        }
        return columns | ({"language": self.language} if self.language else {})


def authorizations(
    contact_ids: Collection[UUID], at: datetime | None = None
) -> dict[UUID, list[Authorization]]:
    """Every authorization of these people, its seal checked: as known now, or `at` a moment."""
    found = authorizations_by_bytes(uuid_array([each.bytes for each in contact_ids]), at)
    return {UUID(bytes=who): list(signed) for who, signed in found.items()}


def authorizations_by_bytes(
    people: UuidArray, at: datetime | None = None
) -> dict[bytes, tuple[Authorization, ...]]:
    """The same for ids as bytes, which take less time to pass and to look up."""
    versions, opened = _versions(), keyring(KeyUse.AUTHORIZATION).opener(AUTHORIZATION_TABLE)
    signed = rows_about(_SIGNED, people, at=at)
    keys = [key.bytes for key, *_ in signed]
    of_these = uuid_array(keys)
    revoked = dict(rows_about(_REVOKED, of_these, at=at))
    disputed = dict(rows_about(_DISPUTED, of_these, at=at))
    kinds: dict[tuple[Any, ...], _Kind] = {}
    found: dict[bytes, tuple[Authorization, ...]] = {}
    for row, (key, sealed, copied, who, contact, *columns) in zip(keys, signed, strict=True):
        terms = tuple(columns)
        if (kind := kinds.get(terms)) is None:
            kind = kinds[terms] = _kind(versions[terms[0]], *terms)
        intact, authority = kind.check(contact, row, sealed, opened)
        signature = Authorization(
            key, *kind.terms, authority, revoked.get(row), copied, intact, row in disputed
        )
        found[who] = (*found.get(who, ()), signature)
    return found


class _Kind:
    """What authorizations of one version, signed on one day in one way, have in common."""

    def __init__(
        self,
        version: Version,
        version_id: str,
        language: str,
        signed_on: date,
        expires_at: datetime,
        signer: str,
        method: str,
    ) -> None:
        self._version = version
        ends = expires_at.astimezone(UTC)
        self._signed = Signed("", UUID(version_id), language, signed_on, ends, signer, method)
        text = version.text
        self.terms = (
            text.purposes,
            text.categories,
            text.covers_remuneration,
            signed_on,
            ends,
            Method(method),
            text.covers_sale,
            text.part2,
            text.type_points,
            Signer(signer),
            self._version.passed,
        )
        columns = self._signed.decisive(self._version.digest)
        del columns["contact"]
        self._rest = orjson.dumps(columns)[1:] + b","

    def check(self, contact: str, row: bytes, sealed: bytes, opened: Open) -> tuple[bool, str]:
        """Whether the record is what was signed, and what authority a representative stated.

        The sealed copy begins with the columns; who signed for themselves is not read any further.
        """
        try:
            plain = opened(row, sealed)
        except CannotOpen:
            return False, ""
        begins = b'{"decisive":{"contact":"' + contact.encode() + b'",' + self._rest
        if self._signed.signer == Signer.SELF and plain.startswith(begins):
            return self._version.intact, ""
        kept: dict[str, object] = orjson.loads(plain)
        same = kept["decisive"] == self._signed._replace(contact=contact).decisive(
            self._version.digest
        )
        return same and self._version.intact, str(kept.get("authority", "")) if same else ""


_kind = lru_cache(maxsize=8192)(_Kind)

# Read as tuples: model instances take longer than opening the seal and deciding. Three look-ups by
# key, because a join can go wrong where the planner's guesses do.
_SIGNED = """
    SELECT id, sealed,
        CASE WHEN copy_given_at <= COALESCE(%(at)s, copy_given_at) THEN copy_given_at END,
        uuid_send(contact_id), contact_id::text,
        version_id::text, language, signed_on, expires_at, signer, method
    FROM consent_authorization
    WHERE contact_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
"""
_REVOKED = """
    SELECT uuid_send(authorization_id), received_at FROM consent_revocation
    WHERE authorization_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
"""
_DISPUTED = """
    SELECT uuid_send(authorization_id), reason FROM consent_dispute
    WHERE authorization_id = ANY(%(ids)s) AND recorded_at <= COALESCE(%(at)s, recorded_at)
"""


def opened_signature(row: models.Authorization) -> dict[str, object]:
    """Who signed one authorization, how and by what authority; empty if it was tampered with."""
    ring = keyring(KeyUse.AUTHORIZATION)
    try:
        kept: dict[str, object] = orjson.loads(
            ring.open(bytes(row.sealed), AUTHORIZATION_TABLE, row.id)
        )
    except CannotOpen:
        return {}
    digest = _versions()[str(row.version_id)].digest
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


def _versions() -> dict[str, Version]:
    published = models.FormVersion.objects.values_list("id", "text", "translations", "digest")
    return {
        str(key): _version(orjson.dumps(text), orjson.dumps(translations), digest)
        for key, text, translations, digest in published
    }


def altered_versions() -> set[UUID]:
    """Published versions that are not what was published any more."""
    return {UUID(key) for key, version in _versions().items() if not version.intact}


@lru_cache(maxsize=256)
def _version(text: bytes, translations: bytes, digest: str) -> Version:
    """Checked once: versions never change, so an equal text has an equal answer.

    Neither the reading grade nor the organization's name is asked for again: a form that was
    published stays what it was when the organization becomes stricter, or takes another name.
    """
    stored, others = orjson.loads(text), orjson.loads(translations)
    form = FormText.from_json(stored)
    findings = check_form(form, legal_name="", max_grade=float("inf"))
    passed = all(each.code == "discloser_not_named" for each in findings)
    return Version(form, digest, passed, form_digest(stored, others) == digest)


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
