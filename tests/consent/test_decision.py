"""The permit: facts decide, and no fact that should forbid ever allows."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.rules.authorization import Authorization
from consent.rules.decision import (
    RecipientFacts,
    Suppression,
    SuppressionReason,
    SuppressionScope,
    Verdict,
    decide,
)
from consent.rules.purposes import Information, Purpose, Remuneration, Requirement, Use, rule_for
from contacts.rules.fields import Relationship
from tests.consent.facts import (
    DAY,
    LIVE,
    NOW,
    PAID_OFFER,
    PATIENT,
    authorizations,
    recipients,
    suppressions,
    uses,
)

REMINDER = Use(Purpose.TREATMENT_REMINDER, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
APPEAL = replace(REMINDER, purpose=Purpose.FUNDRAISING)


def permitted(use: Use, recipient: RecipientFacts, days: int = 0) -> bool:
    return decide(use, recipient, NOW + days * DAY).verdict is Verdict.PERMIT


def test_a_live_authorization_permits_and_is_named() -> None:
    decision = decide(PAID_OFFER, PATIENT, NOW)
    assert decision.verdict is Verdict.PERMIT
    assert decision.authorization_id == LIVE.id
    assert decision.basis == decision.code == "paid_communication"
    assert "164.508(a)(3)(ii)" in decision.reasons[0].citation


def test_treatment_needs_no_authorization() -> None:
    decision = decide(REMINDER, replace(PATIENT, authorizations=()), NOW)
    assert (decision.verdict, decision.authorization_id) == (Verdict.PERMIT, None)


def suppressed(scope: SuppressionScope, reason: SuppressionReason) -> dict[str, Any]:
    return {"suppressions": frozenset({Suppression(scope, reason)})}


ALL, MARKETING = SuppressionScope.ALL, SuppressionScope.MARKETING


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("deceased", {"deceased": True}),
        ("no_address", {"has_address": False}),
        ("unsubscribed", suppressed(MARKETING, SuppressionReason.UNSUBSCRIBED)),
        ("bounced", suppressed(ALL, SuppressionReason.BOUNCED)),
        ("complained", suppressed(ALL, SuppressionReason.COMPLAINED)),
        ("do_not_contact", suppressed(ALL, SuppressionReason.DO_NOT_CONTACT)),
        ("no_authorization", {"authorizations": ()}),
        ("expired", {"authorizations": (replace(LIVE, expires_at=NOW),)}),
        ("revoked", {"authorizations": (replace(LIVE, revoked_at=NOW),)}),
        (
            "lacks_remuneration_statement",
            {"authorizations": (replace(LIVE, covers_remuneration=False),)},
        ),
        (
            "purpose_not_covered",
            {"authorizations": (replace(LIVE, purposes=frozenset({Purpose.FUNDRAISING})),)},
        ),
        ("not_intact", {"authorizations": (replace(LIVE, intact=False),)}),
    ],
)
def test_each_reason_has_its_code(code: str, changes: dict[str, Any]) -> None:
    decision = decide(PAID_OFFER, replace(PATIENT, **changes), NOW)
    assert (decision.verdict, decision.code) == (Verdict.SUPPRESS, code)
    assert decision.authorization_id is None


def test_unsubscribing_from_marketing_leaves_treatment() -> None:
    person = replace(PATIENT, **suppressed(MARKETING, SuppressionReason.UNSUBSCRIBED))
    assert permitted(REMINDER, person)
    own_service = replace(REMINDER, purpose=Purpose.OWN_HEALTH_SERVICE)
    assert decide(own_service, person, NOW).code == "unsubscribed"


def test_a_fundraising_opt_out_stops_appeals_and_nothing_else() -> None:
    opt_out = suppressed(SuppressionScope.FUNDRAISING, SuppressionReason.UNSUBSCRIBED)
    person = replace(PATIENT, **opt_out)
    assert decide(APPEAL, person, NOW).code == "fundraising_opt_out"
    assert permitted(REMINDER, person)
    assert permitted(PAID_OFFER, person)
    assert permitted(APPEAL, PATIENT)


def test_what_is_unknown_is_held_and_psychotherapy_notes_are_never_used() -> None:
    unknown = replace(PAID_OFFER, remuneration=Remuneration.UNKNOWN)
    assert decide(unknown, PATIENT, NOW).verdict is Verdict.HOLD
    notes = replace(REMINDER, information=frozenset({Information.PSYCHOTHERAPY_NOTES}))
    assert decide(notes, PATIENT, NOW).verdict is Verdict.SUPPRESS


def test_the_best_of_several_authorizations_counts() -> None:
    revoked = replace(LIVE, id=UUID(int=2), revoked_at=NOW)
    newer = replace(LIVE, id=UUID(int=3), signed_on=(NOW - DAY).date())
    person = replace(PATIENT, authorizations=(revoked, LIVE, newer))
    assert decide(PAID_OFFER, person, NOW).authorization_id == newer.id


@given(uses, recipients, st.integers(0, 50))
def test_revoking_never_adds_a_recipient(use: Use, person: RecipientFacts, which: int) -> None:
    if not person.authorizations:
        return
    authorizations = list(person.authorizations)
    index = which % len(authorizations)
    authorizations[index] = replace(authorizations[index], revoked_at=NOW)
    if permitted(use, replace(person, authorizations=tuple(authorizations))):
        assert permitted(use, person)


@given(authorizations)
def test_a_revoked_authorization_alone_never_carries_mail(authorization: Authorization) -> None:
    person = replace(PATIENT, authorizations=(replace(authorization, revoked_at=NOW + DAY),))
    assert not permitted(PAID_OFFER, person)


@given(uses, recipients, st.integers(0, 60))
def test_time_only_expires(use: Use, person: RecipientFacts, days: int) -> None:
    if permitted(use, person, days):
        assert permitted(use, person)


@given(uses, recipients, suppressions)
def test_a_suppression_never_adds_a_recipient(
    use: Use, person: RecipientFacts, suppression: Suppression
) -> None:
    more = replace(person, suppressions=person.suppressions | {suppression})
    if permitted(use, more):
        assert permitted(use, person)


@given(uses, recipients)
def test_remuneration_only_tightens(use: Use, person: RecipientFacts) -> None:
    steps = [Remuneration.NONE, Remuneration.COST_ONLY, Remuneration.PAID]
    allowed = [permitted(replace(use, remuneration=step), person) for step in steps]
    assert allowed == sorted(allowed, reverse=True)
    if permitted(replace(use, remuneration=Remuneration.UNKNOWN), person):
        pytest.fail("unknown remuneration was permitted")


@given(uses, recipients, st.sampled_from(Information))
def test_using_more_information_never_adds_a_recipient(
    use: Use, person: RecipientFacts, kind: Information
) -> None:
    if permitted(replace(use, information=use.information | {kind}), person):
        assert permitted(use, person)


@given(uses, recipients)
def test_the_dead_and_the_addressless_are_never_mailed(use: Use, person: RecipientFacts) -> None:
    assert not permitted(use, replace(person, deceased=True))
    assert not permitted(use, replace(person, has_address=False))


@given(uses, recipients)
def test_a_permit_that_needs_an_authorization_names_one_that_is_live(
    use: Use, person: RecipientFacts
) -> None:
    decision = decide(use, person, NOW)
    if decision.verdict is not Verdict.PERMIT:
        return
    needed = rule_for(use, person.relationship).requirement is Requirement.AUTHORIZATION
    assert (decision.authorization_id is not None) is needed
    if needed:
        (named,) = [each for each in person.authorizations if each.id == decision.authorization_id]
        assert named.signed_on <= NOW.date()
        assert named.expires_at > NOW
        assert named.revoked_at is None
        assert named.intact
        assert use.purpose in named.purposes
        assert use.information <= named.information
        assert named.covers_remuneration or not use.paid


@given(uses, recipients)
def test_the_order_of_authorizations_does_not_matter(use: Use, person: RecipientFacts) -> None:
    backwards = replace(person, authorizations=person.authorizations[::-1])
    assert decide(use, person, NOW) == decide(use, backwards, NOW)


@given(uses, recipients)
def test_evidence_is_plain_json_with_a_stable_hash(use: Use, person: RecipientFacts) -> None:
    decision = decide(use, person, NOW)
    assert json.loads(json.dumps(decision.evidence())) == decision.evidence()
    assert decision.evidence_hash() == decide(use, person, NOW).evidence_hash()
    assert all(reason.code and reason.message.endswith(".") for reason in decision.reasons)


def test_evidence_is_shared_by_people_on_the_same_ground_and_tells_grounds_apart() -> None:
    other = replace(LIVE, id=UUID(int=9), signed_on=(NOW - 3 * DAY).date())
    same = decide(PAID_OFFER, replace(PATIENT, authorizations=(other,)), NOW)
    mine = decide(PAID_OFFER, PATIENT, NOW)
    assert mine.evidence_hash() == same.evidence_hash()
    hashes = {
        mine.evidence_hash(),
        decide(REMINDER, PATIENT, NOW).evidence_hash(),
        decide(PAID_OFFER, replace(PATIENT, deceased=True), NOW).evidence_hash(),
        decide(
            PAID_OFFER, replace(PATIENT, relationship=Relationship.PROSPECT), NOW
        ).evidence_hash(),
    }
    assert len(hashes) == 4
