"""The permit: whether one person may be sent one mailing now, on what ground, or why not.

The only place that decides. It knows facts alone, so the same facts give the same decision when
an auditor asks again years later.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from consent.rules.authorization import Authorization, check_authorization
from consent.rules.findings import Finding
from consent.rules.packs import Pack
from consent.rules.purposes import Information, Purpose, Use, use_to_json
from consent.rules.table import (
    Prescription,
    Requirement,
    Rule,
    When,
    rule_for,
    rules_that_hold,
)
from contacts.rules.fields import Relationship

RULES_VERSION = 2
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
    HOUSEHOLD = "household"


class RulingOutcome(StrEnum):
    """What a privacy officer says of mail that the table holds."""

    ALLOW = "allow"
    """It does not stand in the way; the rest of the table decides."""
    AUTHORIZED_ONLY = "authorized_only"
    """It may go to people whose authorization covers it."""
    REFUSE = "refuse"
    """It may go to nobody."""


@dataclass(frozen=True, slots=True)
class Suppression:
    scope: SuppressionScope
    reason: SuppressionReason


@dataclass(slots=True)  # not frozen, as `Authorization`
class RecipientFacts:
    """What is known of a person at the moment of the decision.

    `state` is two letters, empty if it is not known. `restricted` holds the purposes that the
    person asked to be left out of (45 CFR 164.522(a)). `paused`, `declined` (the mailing's topic),
    `often_enough` (as much mail as the person wants) and `unconfirmed` (the address, where the
    organization wants it confirmed) stop what is promotional. `household` says that others read
    this mailbox, `plain_mail` that the person, warned, prefers mail that may travel unencrypted
    (78 FR 5634).
    """

    relationship: Relationship
    has_address: bool
    deceased: bool = False
    authorizations: tuple[Authorization, ...] = ()
    suppressions: frozenset[Suppression] = frozenset()
    state: str = ""
    prescription: Prescription = Prescription.UNKNOWN
    restricted: frozenset[Purpose] = frozenset()
    paused: bool = False
    declined: bool = False
    often_enough: bool = False
    unconfirmed: bool = False
    household: bool = False
    plain_mail: bool = False

    def to_json(self) -> dict[str, Any]:
        """Everything but the authorizations, as plain JSON that `from_json` reads back."""
        found: dict[str, Any] = {
            name: getattr(self, name) for name in _FLAGS if getattr(self, name)
        }
        found["relationship"] = self.relationship.value
        if self.state:
            found["state"] = self.state
        if self.prescription is not Prescription.UNKNOWN:
            found["prescription"] = self.prescription.value
        if self.restricted:
            found["restricted"] = sorted(self.restricted)
        if self.suppressions:
            found["suppressions"] = sorted([each.scope, each.reason] for each in self.suppressions)
        return found

    @staticmethod
    def from_json(
        data: Mapping[str, Any], authorizations: Sequence[Authorization]
    ) -> "RecipientFacts":
        return RecipientFacts(
            relationship=Relationship(data["relationship"]),
            authorizations=tuple(authorizations),
            state=data.get("state", ""),
            prescription=Prescription(data.get("prescription", Prescription.UNKNOWN)),
            restricted=frozenset(Purpose(each) for each in data.get("restricted", ())),
            suppressions=frozenset(
                Suppression(SuppressionScope(scope), SuppressionReason(reason))
                for scope, reason in data.get("suppressions", ())
            ),
            **{name: bool(data.get(name)) for name in _FLAGS},
        )


_FLAGS = (
    "has_address",
    "deceased",
    "paused",
    "declined",
    "often_enough",
    "unconfirmed",
    "household",
    "plain_mail",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a decision came out as it did. `code` is stable and counts in reports."""

    code: str
    citation: str
    message: str


@dataclass(frozen=True)
class Grounds:
    """What a decision rests on, without anything that tells people on the same ground apart.

    `reasons` begins with the one that reports count. `facts` is what was known of the person, as
    `RecipientFacts.to_json` gives it, `rules` names the packs and rulings in force.
    """

    verdict: Verdict
    basis: str
    reasons: tuple[Reason, ...]
    use: Use
    authorized: bool
    facts: Mapping[str, Any] = field(repr=False)
    packs: tuple[str, ...] = ()
    rulings: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """The grounds as plain JSON. Messages with the same grounds share it; who, when and which
        authorization stand with the message."""
        return {
            "rules_version": RULES_VERSION,
            "verdict": self.verdict.value,
            "basis": self.basis,
            "reasons": [
                {"code": each.code, "citation": each.citation, "message": each.message}
                for each in self.reasons
            ],
            "use": use_to_json(self.use),
            "facts": dict(self.facts),
            "packs": list(self.packs),
            "rulings": dict(self.rulings),
            "authorized": self.authorized,
        }

    @cached_property
    def evidence_hash(self) -> str:
        """SHA-256 over the evidence in canonical JSON, in hexadecimal."""
        return evidence_hash(self.evidence)


def evidence_hash(evidence: Mapping[str, Any]) -> str:
    """The hash under which evidence is stored."""
    canonical = orjson.dumps(dict(evidence), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


@dataclass(slots=True)  # not frozen, as `Authorization`
class Decision:
    """The outcome for one person."""

    grounds: Grounds
    authorization_id: UUID | None = None

    @property
    def verdict(self) -> Verdict:
        return self.grounds.verdict

    @property
    def basis(self) -> str:
        """The rule that decided."""
        return self.grounds.basis

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.grounds.reasons

    @property
    def code(self) -> str:
        """The first reason's code."""
        return self.grounds.reasons[0].code

    @property
    def portal_only(self) -> bool:
        """Whether others read the mailbox and the message tells more than who is written to."""
        used = self.grounds.use.information
        return bool(self.grounds.facts.get("household")) and not used <= _NEUTRAL

    @property
    def plain_mail(self) -> bool:
        """Whether the message may go unencrypted where nothing better is to be had."""
        return bool(self.grounds.facts.get("plain_mail"))


_NEUTRAL = {Information.DEMOGRAPHIC}


@dataclass(frozen=True, slots=True)
class Regime:
    """What holds for a whole mailing besides the table: state packs, and rulings by rule's code."""

    packs: tuple[Pack, ...] = ()
    rulings: Mapping[str, RulingOutcome] = field(default_factory=dict)


def decide(
    use: Use, recipient: RecipientFacts, now: datetime, regime: Regime | None = None
) -> Decision:
    """Decide about one person. `now` is aware, in the organization's zone.

    Call it at dispatch, not before.
    """
    regime = regime or Regime()
    packs = tuple(pack for pack in regime.packs if pack.holds_for(recipient.state))
    strict = _tightened(use, packs)
    rule = _rule(use, strict, recipient, packs, regime.rulings)
    outcome = _outcome(rule, strict, recipient, packs, now)
    grounds = Grounds(
        verdict=outcome.verdict,
        basis=rule.code,
        reasons=outcome.reasons,
        use=use,
        authorized=outcome.authorization_id is not None,
        facts=recipient.to_json(),
        packs=tuple(pack.name for pack in packs),
        rulings={code: each.value for code, each in regime.rulings.items()},
    )
    return Decision(grounds, outcome.authorization_id)


@dataclass(frozen=True, slots=True)
class _Outcome:
    verdict: Verdict
    reasons: tuple[Reason, ...]
    authorization_id: UUID | None = None


def _tightened(use: Use, packs: Sequence[Pack]) -> Use:
    for pack in packs:
        use = pack.tightened(use)
    return use


def _rule(
    use: Use,
    strict: Use,
    recipient: RecipientFacts,
    packs: Sequence[Pack],
    rulings: Mapping[str, RulingOutcome],
) -> Rule:
    """The strictest of what the table says, of the use as it is and as states see it, and of what
    states add. The table's own answer comes first where they are equally strict."""
    person = (recipient.relationship, recipient.prescription)
    ruled = {
        rule.code: rulings[rule.code]
        for each in (use, strict)
        for rule in rules_that_hold(each, *person)
        if rule.code in rulings
    }
    if RulingOutcome.REFUSE in ruled.values():
        return _REFUSED
    base, seen = rule_for(use, *person, ruled), rule_for(strict, *person, ruled)
    found = [base, seen, *(pack.rule(rule) for pack in packs for rule in (base, seen))]
    if RulingOutcome.AUTHORIZED_ONLY in ruled.values():
        found.append(replace(base, requirement=Requirement.AUTHORIZATION))
    return max(found, key=lambda rule: rule.requirement)


_REFUSED = Rule(
    "refused_by_privacy_officer",
    Requirement.PROHIBITED,
    "",
    "The privacy officer decided that this message is not sent.",
    When(),
)


def _outcome(
    rule: Rule, use: Use, recipient: RecipientFacts, packs: Sequence[Pack], now: datetime
) -> _Outcome:
    stops = tuple(_stops(rule, use.purpose, recipient))
    if stops:
        return _Outcome(Verdict.SUPPRESS, stops)
    ground = Reason(rule.code, rule.citation, rule.sentence)
    match rule.requirement:
        case Requirement.NOTHING:
            return _Outcome(Verdict.PERMIT, (ground,))
        case Requirement.PRIVACY_OFFICER:
            return _Outcome(Verdict.HOLD, (ground,))
        case Requirement.PROHIBITED:
            return _Outcome(Verdict.SUPPRESS, (ground,))
        case Requirement.AUTHORIZATION | Requirement.PART2_CONSENT:
            return _by_authorization(rule, ground, use, recipient.authorizations, packs, now)


def _by_authorization(
    rule: Rule,
    ground: Reason,
    use: Use,
    authorizations: Collection[Authorization],
    packs: Sequence[Pack],
    now: datetime,
) -> _Outcome:
    if not authorizations:
        message = f"{rule.sentence} None was signed."
        return _Outcome(Verdict.SUPPRESS, (Reason(rule.without, rule.citation, message),))
    checked = [(_findings(each, use, packs, now), each) for each in authorizations]
    findings, best = min(checked, key=_best_first)
    if findings:
        reasons = tuple(Reason(each.code, each.citation, each.message) for each in findings)
        return _Outcome(Verdict.SUPPRESS, reasons)
    return _Outcome(Verdict.PERMIT, (ground,), best.id)


def _findings(
    authorization: Authorization, use: Use, packs: Sequence[Pack], now: datetime
) -> list[Finding]:
    by_state = [found for pack in packs for found in pack.findings(authorization, now)]
    return check_authorization(authorization, use, now) + by_state


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
    SuppressionReason.HOUSEHOLD: Reason(
        "household", "45 CFR 164.530(c)", "Others read the mailbox, and it is left alone."
    ),
}
_DECEASED = Reason("deceased", "45 CFR 164.502(f)", "The person has died.")
_NO_ADDRESS = Reason("no_address", "", "No email address is known.")
_RESTRICTED = Reason(
    "restricted", "45 CFR 164.522(a)", "The person asked not to get messages of this kind."
)
_FUNDRAISING_OPT_OUT = Reason(
    "fundraising_opt_out", "45 CFR 164.514(f)(2)(iv)", "The person opted out of fundraising."
)
_WISHES = {
    "paused": Reason("paused", "", "The person paused messages like this."),
    "declined": Reason("topic_declined", "", "The person does not want this topic."),
    "often_enough": Reason("often_enough", "", "The person has got as many as they want by now."),
    "unconfirmed": Reason("unconfirmed", "", "The address is not confirmed by its owner."),
}


def stopping_reasons() -> list[Reason]:
    """What keeps mail from a person whatever was signed, for the page that explains it."""
    suppressed = [*_SUPPRESSED.values(), _FUNDRAISING_OPT_OUT, _RESTRICTED, *_WISHES.values()]
    return [_DECEASED, _NO_ADDRESS, *suppressed]


def _stops(rule: Rule, purpose: Purpose, recipient: RecipientFacts) -> Iterator[Reason]:
    """What keeps mail from a person, whatever was signed; the reason to count comes first."""
    if recipient.deceased:
        yield _DECEASED
    if not recipient.has_address:
        yield _NO_ADDRESS
    for each in sorted(recipient.suppressions, key=lambda each: (each.scope, each.reason)):
        if applies(each.scope, rule, purpose):
            yield _suppression_reason(each)
    if purpose in recipient.restricted:
        yield _RESTRICTED
    if rule.promotional:
        for name, reason in _WISHES.items():
            if getattr(recipient, name):
                yield reason


def applies(scope: SuppressionScope, rule: Rule, purpose: Purpose) -> bool:
    """Whether a suppression of this scope keeps mail of a purpose away."""
    if scope is SuppressionScope.MARKETING:
        return rule.promotional
    return scope is SuppressionScope.ALL or purpose is Purpose.FUNDRAISING


def _suppression_reason(suppression: Suppression) -> Reason:
    if suppression.scope is SuppressionScope.FUNDRAISING:
        return _FUNDRAISING_OPT_OUT
    return _SUPPRESSED[suppression.reason]
