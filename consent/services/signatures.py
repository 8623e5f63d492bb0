"""Recording signatures, and what ends them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.utils import timezone

from audit import services as audit
from consent import queries
from consent.models import Authorization, Dispute, FormVersion, Revocation
from consent.rules.authorization import Method, Signer, end_of_day
from consent.rules.forms import FormText, last_day
from tenancy.keys import keyring
from tenancy.models import KeyUse

DISPUTES = ("not_the_signer", "wrong_address", "no_authority", "other")
"""What may turn out to be false (45 CFR 164.508(b)(2)(v))."""


class NotRecordable(Exception):
    """This signature or revocation can't be recorded; the message says what is wrong."""


@dataclass(frozen=True)
class Signature:
    """What was signed, by whom and how. `signer_name`, `authority` and `evidence` are sealed.

    `language` is empty for the language that the form was first written in.
    """

    contact_id: UUID
    version_id: UUID
    signed_on: date
    signer_name: str
    signer: Signer = Signer.SELF
    authority: str = ""
    method: Method = Method.PAPER
    copy_given: bool = False
    language: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)


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
    if signature.language not in _languages(versions[signature.version_id]):
        raise NotRecordable("The form was not published in this language.")
    if signature.signed_on > today:
        raise NotRecordable("The date of the signature is in the future.")
    if not signature.signer_name.strip():
        raise NotRecordable("Say who signed.")
    if signature.signer is Signer.REPRESENTATIVE and not signature.authority.strip():
        raise NotRecordable(
            "A representative signed: say what gives that person the authority, such as"
            " 'parent' or 'health care proxy' (45 CFR 164.508(c)(1)(vi))."
        )


def _languages(version: FormVersion) -> set[str]:
    return {"", *(each["language"] for each in (version.text, *version.translations))}


def _authorization(
    signature: Signature, version: FormVersion, zone: ZoneInfo, by: UUID | None
) -> Authorization:
    text = FormText.from_json(version.text)
    if text.expiry is None:  # a published form always has one
        raise NotRecordable("The form has no expiry.")
    if last_day(text.expiry, signature.signed_on) < signature.signed_on:
        raise NotRecordable("The form had ended before it was signed. Publish one that ends later.")
    row = Authorization(
        contact_id=signature.contact_id,
        version=version,
        signed_on=signature.signed_on,
        expires_at=end_of_day(last_day(text.expiry, signature.signed_on), zone),
        language=signature.language,
        signer=signature.signer.value,
        method=signature.method.value,
        copy_given_at=timezone.now() if signature.copy_given else None,
        recorded_by=by,
    )
    sealed = {
        "decisive": queries.signed_columns(row).decisive(version.digest),
        "signer_name": signature.signer_name,
        "authority": signature.authority,
        "evidence": dict(signature.evidence),
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


def dispute(authorization_id: UUID, reason: str, by: UUID | None) -> Dispute:
    """Note that a fact behind an authorization is false: it carries no mail from now on.

    Raises `NotRecordable` for a reason that is not one of `DISPUTES`.
    """
    if reason not in DISPUTES:
        raise NotRecordable("Choose what turned out to be wrong.")
    found: Dispute
    found, is_new = Dispute.objects.get_or_create(
        authorization_id=authorization_id, defaults={"reason": reason, "recorded_by": by}
    )
    if is_new:
        audit.record(
            "authorization_disputed",
            object_type="authorization",
            object_id=authorization_id,
            reason=reason,
        )
    return found
