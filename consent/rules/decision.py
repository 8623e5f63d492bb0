"""The permit: whether one person may be sent one mailing now, on what ground, or why not.

The only place that decides. It knows facts alone, so the same facts give the same decision when
an auditor asks again years later.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from consent.rules.authorization import Authorization, check_authorization
from consent.rules.findings import Finding
from consent.rules.purposes import Purpose, Requirement, Rule, Use, rule_for
from contacts.rules.fields import Relationship

RULES_VERSION = 1
"""Raised with every change that can alter a decision; part of the evidence."""


class Verdict(StrEnum):
    """SUPPRESS is about the person, HOLD about the mailing: a privacy officer must look at it."""

    PERMIT = "permit"
    SUPPRESS = "suppress"
    HOLD = "hold"


class SuppressionScope(StrEnum):
    ALL = "all"
    MARKETING = "marketing"
    FUNDRAISING = "fundraising"


class SuppressionReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DO_NOT_CONTACT = "do_not_contact"


@dataclass(frozen=True, slots=True)
class Suppression:
    scope: SuppressionScope
    reason: SuppressionReason


@dataclass(frozen=True, slots=True)
class RecipientFacts:
    """What is known of a person at the moment of the decision."""

    relationship: Relationship
    has_address: bool
    deceased: bool = False
    authorizations: tuple[Authorization, ...] = ()
    suppressions: frozenset[Suppression] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a decision came out as it did. `code` is stable and counts in reports."""

    code: str
    citation: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome. `reasons` begins with the one that reports count."""

    verdict: Verdict
    basis: str
    reasons: tuple[Reason, ...]
    use: Use
    authorization_id: UUID | None = None

    @property
    def code(self) -> str:
        """The first reason's code."""
        return self.reasons[0].code

    def evidence(self) -> dict[str, Any]:
        """The decision as plain JSON, without anything that tells people apart.

        Messages with the same ground share it; who, when and which authorization stand with the
        message.
        """
        return {
            "rules_version": RULES_VERSION,
            "verdict": self.verdict.value,
            "basis": self.basis,
            "reasons": [
                {"code": each.code, "citation": each.citation, "message": each.message}
                for each in self.reasons
            ],
            "purpose": self.use.purpose.value,
            "remuneration": self.use.remuneration.value,
            "sponsor": self.use.sponsor,
            "information": sorted(kind.value for kind in self.use.information),
            "authorized": self.authorization_id is not None,
        }

    def evidence_hash(self) -> str:
        """SHA-256 over the evidence in canonical JSON, in hexadecimal."""
        canonical = orjson.dumps(self.evidence(), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(canonical).hexdigest()


def decide(use: Use, recipient: RecipientFacts, now: datetime) -> Decision:
    """Decide about one person. `now` is aware, in the organization's zone.

    Call it at dispatch, not before.
    """
    rule = rule_for(use, recipient.relationship)
    stops = tuple(_stops(rule, use.purpose, recipient))
    if stops:
        return Decision(Verdict.SUPPRESS, rule.code, stops, use)
    ground = Reason(rule.code, rule.citation, rule.sentence)
    match rule.requirement:
        case Requirement.NOTHING:
            return Decision(Verdict.PERMIT, rule.code, (ground,), use)
        case Requirement.PRIVACY_OFFICER:
            return Decision(Verdict.HOLD, rule.code, (ground,), use)
        case Requirement.PROHIBITED:
            return Decision(Verdict.SUPPRESS, rule.code, (ground,), use)
        case Requirement.AUTHORIZATION:
            return _by_authorization(rule, ground, use, recipient.authorizations, now)


def _by_authorization(
    rule: Rule,
    ground: Reason,
    use: Use,
    authorizations: Collection[Authorization],
    now: datetime,
) -> Decision:
    if not authorizations:
        missing = Reason("no_authorization", rule.citation, "No authorization was signed.")
        return Decision(Verdict.SUPPRESS, rule.code, (missing,), use)
    checked = [(check_authorization(each, use, now), each) for each in authorizations]
    findings, best = min(checked, key=_best_first)
    if findings:
        reasons = tuple(Reason(each.code, each.citation, each.message) for each in findings)
        return Decision(Verdict.SUPPRESS, rule.code, reasons, use)
    return Decision(Verdict.PERMIT, rule.code, (ground,), use, best.id)


def _best_first(checked: tuple[list[Finding], Authorization]) -> tuple[int, int, str]:
    """Fewest findings, then latest signature; the id makes the order certain."""
    findings, authorization = checked
    return len(findings), -authorization.signed_on.toordinal(), str(authorization.id)


_SUPPRESSED = {
    SuppressionReason.UNSUBSCRIBED: Reason(
        "unsubscribed", "15 U.S.C. 7704(a)(4)", "The person unsubscribed."
    ),
    SuppressionReason.BOUNCED: Reason("bounced", "", "Mail to the address came back."),
    SuppressionReason.COMPLAINED: Reason(
        "complained", "15 U.S.C. 7704(a)(4)", "The person reported an earlier message as spam."
    ),
    SuppressionReason.DO_NOT_CONTACT: Reason(
        "do_not_contact", "45 CFR 164.522(b)", "The person asked not to be contacted by email."
    ),
}
_FUNDRAISING_OPT_OUT = Reason(
    "fundraising_opt_out", "45 CFR 164.514(f)(2)(iv)", "The person opted out of fundraising."
)


def _stops(rule: Rule, purpose: Purpose, recipient: RecipientFacts) -> list[Reason]:
    """What keeps mail from the person whatever an authorization says."""
    stops: list[Reason] = []
    if recipient.deceased:
        citation = "45 CFR 164.502(f)"
        stops.append(Reason("deceased", citation, "The person has died."))
    if not recipient.has_address:
        stops.append(Reason("no_address", "", "No email address is known."))
    stops.extend(
        _suppression_reason(each)
        for each in sorted(recipient.suppressions, key=lambda each: (each.scope, each.reason))
        if applies(each.scope, rule, purpose)
    )
    return stops


def applies(scope: SuppressionScope, rule: Rule, purpose: Purpose) -> bool:
    """Whether a suppression of this scope keeps mail of a purpose away."""
    if scope is SuppressionScope.MARKETING:
        return rule.promotional
    return scope is SuppressionScope.ALL or purpose is Purpose.FUNDRAISING


def _suppression_reason(suppression: Suppression) -> Reason:
    if suppression.scope is SuppressionScope.FUNDRAISING:
        return _FUNDRAISING_OPT_OUT
    return _SUPPRESSED[suppression.reason]
