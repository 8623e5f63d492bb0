"""A signed authorization, and whether it allows a use at a moment (45 CFR 164.508)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from consent.rules.findings import Finding, Kind
from consent.rules.part2 import Part2
from consent.rules.purposes import Answer, Information, Purpose, Use


class Signer(StrEnum):
    SELF = "self"
    REPRESENTATIVE = "representative"


class Method(StrEnum):
    """How the signature was made."""

    ELECTRONIC = "electronic"
    PAPER = "paper"


@dataclass(slots=True)  # not frozen: making a frozen one takes five times as long
class Authorization:
    """What a decision needs to know of one signed authorization. Moments are aware.

    `form_passed` holds what `check_form` found, `intact` whether the stored record still has the
    seal of its signing, `disputed` whether a material fact is known to be false (somebody else
    signed, the address is not the person's).
    """

    id: UUID
    purposes: frozenset[Purpose]
    information: frozenset[Information]
    covers_remuneration: bool
    signed_on: date
    expires_at: datetime
    method: Method
    covers_sale: bool = False
    part2: Part2 = Part2.NONE
    type_points: int = 0
    signer: Signer = Signer.SELF
    form_passed: bool = True
    authority: str = field(default="", repr=False)
    revoked_at: datetime | None = None
    copy_given_at: datetime | None = None
    intact: bool = True
    disputed: bool = False


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The moment in UTC at which a day ends in the organization's zone."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return midnight.astimezone(UTC)


def check_authorization(authorization: Authorization, use: Use, now: datetime) -> list[Finding]:
    """What forbids this use under this authorization now; empty means that it is allowed.

    Covers the checks that depend on the signature, the use and the moment, and takes the form's
    own from `form_passed`. `now` is aware, in the organization's zone: its date decides whether the
    signature is in the future. Once it is not, time alone can only add findings.
    """
    return [finding for check in _CHECKS for finding in check(authorization, use, now)]


def _check_form(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if not authorization.form_passed:
        message = "The form that was signed lacks a required element or statement."
        yield Finding(15, "form_defective", "45 CFR 164.508(b)(2)(ii)", "form", message)


def _check_information(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if not use.information <= authorization.information:
        message = "The message uses kinds of information that the authorization does not describe."
        citation = "45 CFR 164.508(a)(1), (c)(1)(i)"
        yield Finding(1, "information_not_covered", citation, "information", message)


def _check_purpose(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if use.purpose not in authorization.purposes:
        message = "The authorization does not name the purpose of the message."
        citation = "45 CFR 164.508(a)(1), (c)(1)(iv)"
        yield Finding(4, "purpose_not_covered", citation, "purposes", message)


def _check_signature(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if authorization.signed_on > now.date():
        message = "The date of the signature is in the future."
        citation = "45 CFR 164.508(c)(1)(vi)"
        yield Finding(6, "signed_in_future", citation, "signed_on", message)


def _check_authority(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    represented = authorization.signer is Signer.REPRESENTATIVE
    if represented and not authorization.authority.strip():
        message = "A representative signed; describe what allows that person to sign."
        citation = "45 CFR 164.508(c)(1)(vi); 164.502(g)"
        yield Finding(7, "no_authority", citation, "authority", message)


def _check_remuneration(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if use.paid and not authorization.covers_remuneration:
        message = "Somebody pays for the message, and the authorization does not say so."
        citation, field_name = "45 CFR 164.508(a)(3)(ii)", "remuneration"
        yield Finding(11, "lacks_remuneration_statement", citation, field_name, message)


def _check_sale(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if use.gives_away is not Answer.NO and not authorization.covers_sale:
        message = "Information is given away for something of value, and the form does not say so."
        citation = "45 CFR 164.508(a)(4)(ii)"
        yield Finding(11, "lacks_sale_statement", citation, "sale", message)


def _check_part2(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if Information.PART2 in use.information and authorization.part2 is not Part2.SPECIFIC:
        message = (
            "Substance use disorder records need a consent of their own that names this purpose."
        )
        yield Finding(1, "no_part2_consent", "42 CFR 2.31(a)", "part2", message)


def _check_live(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    # A revocation stands from the moment it is on record, whatever moment it carries.
    if authorization.revoked_at is not None:
        message = "The authorization was revoked."
        yield Finding(15, "revoked", "45 CFR 164.508(b)(2)(iii)", "revoked_at", message)
    if now >= authorization.expires_at:
        message = "The authorization has expired."
        yield Finding(15, "expired", "45 CFR 164.508(b)(2)(i)", "expires_at", message)


def _check_true(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if authorization.disputed:
        message = "A fact that the authorization rests on is known to be false."
        yield Finding(15, "disputed", "45 CFR 164.508(b)(2)(v)", "disputed", message)
    if not authorization.intact:
        message = "The stored authorization was altered after it was signed."
        citation = "45 CFR 164.508(b)(2)(v); 164.312(c)(1)"
        yield Finding(15, "not_intact", citation, "intact", message)


def _check_copy(authorization: Authorization, use: Use, now: datetime) -> Iterator[Finding]:
    if authorization.copy_given_at is None:
        message = "The signer has not been given a copy of the signed authorization."
        citation, field_name = "45 CFR 164.508(c)(4)", "copy_given_at"
        yield Finding(16, "copy_not_given", citation, field_name, message, Kind.DUTY)


# Most telling first: the first finding is the reason that a report counts.
_CHECKS: tuple[Callable[[Authorization, Use, datetime], Iterator[Finding]], ...] = (
    _check_true,
    _check_live,
    _check_form,
    _check_signature,
    _check_authority,
    _check_part2,
    _check_purpose,
    _check_information,
    _check_remuneration,
    _check_sale,
    _check_copy,
)
