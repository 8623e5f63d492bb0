"""Writes of consent: forms, signatures, revocations, suppressions, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.utils import timezone

from audit import services as audit
from consent import queries
from consent.models import (
    Authorization,
    AuthorizationForm,
    FormVersion,
    PermitEvidence,
    Revocation,
    Suppression,
)
from consent.rules.authorization import Method, Signer, end_of_day
from consent.rules.decision import Decision, SuppressionReason, SuppressionScope
from consent.rules.findings import Finding
from consent.rules.forms import FormText, check_form, last_day
from contacts import queries as contacts
from encryption.cipher import CannotOpen
from tenancy.keys import keyring
from tenancy.models import KeyUse
from tenancy.walks import Step

SUPPRESSION_TABLE = "consent_suppression"
SUPPRESSIONS_AT_ONCE = 1_000

log = structlog.get_logger()


class NotPublishable(Exception):
    """The form lacks something that the law demands. `findings` say what, with the paragraph."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


class NotRecordable(Exception):
    """This signature or revocation can't be recorded; the message says what is wrong."""


@dataclass(frozen=True)
class Signature:
    """What was signed, by whom and how. `signer_name` and `authority` are sealed."""

    contact_id: UUID
    version_id: UUID
    signed_on: date
    signer_name: str
    signer: Signer = Signer.SELF
    authority: str = ""
    method: Method = Method.PAPER
    copy_given: bool = False


def save_draft(form_id: UUID | None, name: str, text: dict[str, Any], by: UUID) -> UUID:
    """Keep the text being worked on, complete or not."""
    if form_id is None:
        form = AuthorizationForm.objects.create(name=name, draft=text, created_by=by)
    else:
        form = AuthorizationForm.objects.select_for_update().get(id=form_id)
        form.name, form.draft = name, text
        form.save(update_fields=["name", "draft"])
    audit.record("form_saved", object_type="authorization_form", object_id=form.id)
    saved: UUID = form.id
    return saved


def publish(form_id: UUID, text: FormText, by: UUID) -> FormVersion:
    """Publish a version that can be signed and never changes. Raises `NotPublishable`."""
    findings = check_form(text, queries.organization().legal_name)
    if findings:
        raise NotPublishable(findings)
    form = AuthorizationForm.objects.select_for_update().get(id=form_id)
    last = FormVersion.objects.filter(form=form).order_by("-number").first()
    version: FormVersion = FormVersion.objects.create(
        form=form,
        number=last.number + 1 if last else 1,
        text=text.to_json(),
        digest=text.digest(),
        published_by=by,
    )
    audit.record(
        "form_published",
        object_type="form_version",
        object_id=version.id,
        digest=version.digest,
    )
    return version


def record_authorization(signature: Signature, by: UUID | None) -> Authorization:
    """Record one signed authorization. Raises `NotRecordable`."""
    authorization = _record([signature], by)[0]
    audit.record(
        "authorization_recorded",
        object_type="authorization",
        object_id=authorization.id,
        contact=str(signature.contact_id),
    )
    return authorization


def record_authorizations(signatures: Iterable[Signature], by: UUID | None) -> list[Authorization]:
    """Record many, all or none, such as those of an earlier system. Raises `NotRecordable`."""
    rows = _record(signatures, by)
    audit.record("authorizations_recorded", number=len(rows))
    return rows


def _record(signatures: Iterable[Signature], by: UUID | None) -> list[Authorization]:
    zone = ZoneInfo(queries.organization().time_zone)
    today = timezone.now().astimezone(zone).date()
    versions = {version.id: version for version in FormVersion.objects.all()}
    rows = []
    for signature in signatures:
        _check_signature(signature, versions, today)
        rows.append(_authorization(signature, versions[signature.version_id], zone, by))
    Authorization.objects.bulk_create(rows, batch_size=1000)
    return rows


def _check_signature(signature: Signature, versions: dict[UUID, FormVersion], today: date) -> None:
    if signature.version_id not in versions:
        raise NotRecordable("Choose a published form: only a published text can be signed.")
    if signature.signed_on > today:
        raise NotRecordable("The date of the signature is in the future.")
    if not signature.signer_name.strip():
        raise NotRecordable("Say who signed.")
    if signature.signer is Signer.REPRESENTATIVE and not signature.authority.strip():
        raise NotRecordable(
            "A representative signed: say what gives that person the authority, such as"
            " 'parent' or 'health care proxy' (45 CFR 164.508(c)(1)(vi))."
        )


def _authorization(
    signature: Signature, version: FormVersion, zone: ZoneInfo, by: UUID | None
) -> Authorization:
    text = FormText.from_json(version.text)
    if text.expiry is None:  # a published form always has one
        raise NotRecordable("The form has no expiry.")
    row = Authorization(
        contact_id=signature.contact_id,
        version=version,
        signed_on=signature.signed_on,
        expires_at=end_of_day(last_day(text.expiry, signature.signed_on), zone),
        signer=signature.signer.value,
        method=signature.method.value,
        copy_given_at=timezone.now() if signature.copy_given else None,
        recorded_by=by,
    )
    sealed = {
        "decisive": queries.decisive_columns(row),
        "signer_name": signature.signer_name,
        "authority": signature.authority,
    }
    row.sealed = keyring(KeyUse.AUTHORIZATION).seal(
        orjson.dumps(sealed), queries.AUTHORIZATION_TABLE, row.id
    )
    return row


def give_copy(authorization_id: UUID) -> None:
    """Note that the signer has a copy (45 CFR 164.508(c)(4))."""
    Authorization.objects.filter(id=authorization_id, copy_given_at=None).update(
        copy_given_at=timezone.now()
    )
    audit.record("copy_given", object_type="authorization", object_id=authorization_id)


def revoke(authorization_id: UUID, received_at: datetime, how: str, by: UUID | None) -> Revocation:
    """End an authorization, from the moment this is written (45 CFR 164.508(b)(5)).

    A second revocation changes nothing; no role can take one back. Raises `NotRecordable`.
    """
    if received_at > timezone.now():
        raise NotRecordable("A revocation can't have been received in the future.")
    revocation: Revocation
    revocation, is_new = Revocation.objects.get_or_create(
        authorization_id=authorization_id,
        defaults={"received_at": received_at, "how": how, "recorded_by": by},
    )
    if is_new:
        audit.record(
            "authorization_revoked",
            object_type="authorization",
            object_id=authorization_id,
            how=how,
        )
    return revocation


def suppress(
    address: str, scope: SuppressionScope, reason: SuppressionReason, source: str
) -> Suppression:
    """Stop mail to an address. Asked twice, it stands once.

    While the index key rotates it stands under both tokens: contacts may be found by either.
    """
    rows = [
        _suppression(address, token, scope.value, reason.value, source)
        for token in contacts.address_tokens(address)
    ]
    Suppression.objects.bulk_create(rows, ignore_conflicts=True)
    standing: Suppression = Suppression.objects.get(
        address_token=rows[0].address_token, scope=scope.value, reason=reason.value
    )
    if standing.id == rows[0].id:
        audit.record(
            "address_suppressed",
            object_type="suppression",
            object_id=standing.id,
            scope=standing.scope,
            reason=standing.reason,
            source=source,
        )
    return standing


def _suppression(address: str, token: UUID, scope: str, reason: str, source: str) -> Suppression:
    row = Suppression(address_token=token, scope=scope, reason=reason, source=source)
    ring = keyring(KeyUse.AUTHORIZATION)
    row.sealed_address = ring.seal(address.encode(), SUPPRESSION_TABLE, row.id)
    return row


def add_suppression_tokens(_subject: str, after: UUID | None) -> Step:
    """Let suppressions stand under every token of their address, before contacts take a new one."""
    rows = _next_suppressions(after)
    copies = [
        _suppression(address, token, row.scope, row.reason, row.source)
        for row, address in _addresses(rows)
        for token in contacts.address_tokens(address)
        if token != row.address_token
    ]
    Suppression.objects.bulk_create(copies, ignore_conflicts=True)
    return Step(len(rows), rows[-1].id if rows else None)


def drop_suppression_tokens(_subject: str, after: UUID | None) -> Step:
    """Delete suppressions under tokens that no contact has any more, after a rotation."""
    rows = _next_suppressions(after)
    old = [
        row.id
        for row, address in _addresses(rows)
        if row.address_token != contacts.address_token(address)
        and row.address_token not in contacts.addresses_in_use([row.address_token])
    ]
    Suppression.objects.filter(id__in=old).delete()
    return Step(len(rows), rows[-1].id if rows else None)


def _next_suppressions(after: UUID | None) -> list[Suppression]:
    rows = Suppression.objects.order_by("id")
    return list((rows.filter(id__gt=after) if after else rows)[:SUPPRESSIONS_AT_ONCE])


def _addresses(rows: Iterable[Suppression]) -> Iterator[tuple[Suppression, str]]:
    ring = keyring(KeyUse.AUTHORIZATION)
    for row in rows:
        try:
            yield row, ring.open(bytes(row.sealed_address), SUPPRESSION_TABLE, row.id).decode()
        except CannotOpen:
            log.error("suppression_unreadable", suppression_id=str(row.id))


def store_evidence(decisions: Iterable[Decision]) -> dict[str, UUID]:
    """Store the grounds of decisions, once per distinct text; returns their ids by hash."""
    by_hash = {decision.evidence_hash(): decision for decision in decisions}
    known = dict(PermitEvidence.objects.filter(digest__in=by_hash).values_list("digest", "id"))
    missing = [
        PermitEvidence(digest=digest, body=decision.evidence())
        for digest, decision in by_hash.items()
        if digest not in known
    ]
    if missing:
        PermitEvidence.objects.bulk_create(missing, ignore_conflicts=True)
        known = dict(PermitEvidence.objects.filter(digest__in=by_hash).values_list("digest", "id"))
    return known
