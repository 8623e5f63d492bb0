"""The permit: facts decide, and no fact that should forbid ever allows."""

import json
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.queries.permits import Asked, Deciding, Profile, Standing
from consent.queries.records import Kind, Signature
from consent.rules.authorization import Authorization
from consent.rules.decision import (
    RecipientFacts,
    Regime,
    RulingOutcome,
    Suppression,
    SuppressionReason,
    SuppressionScope,
    Verdict,
    decide,
    evidence_hash,
)
from consent.rules.packs import CALIFORNIA, PACKS, TEXAS, WASHINGTON, Pack
from consent.rules.part2 import Part2
from consent.rules.people import ELSEWHERE
from consent.rules.purposes import Answer, Information, Purpose, Remuneration, Use
from consent.rules.table import TABLE, Prescription, Requirement, rule_for
from contacts.rules.fields import Relationship
from tests.consent.facts import (
    DAY,
    LIVE,
    NOW,
    PAID_OFFER,
    PATIENT,
    authorizations,
    packs,
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
    rule = rule_for(use, person.relationship, person.prescription)
    needed = rule.requirement in (Requirement.AUTHORIZATION, Requirement.PART2_CONSENT)
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
    evidence = decision.grounds.evidence
    assert json.loads(json.dumps(evidence)) == evidence
    assert evidence_hash(evidence) == decision.grounds.evidence_hash
    assert decide(use, person, NOW).grounds.evidence_hash == decision.grounds.evidence_hash
    again = RecipientFacts.from_json(evidence["facts"], person.authorizations)
    assert decide(use, again, NOW) == decision
    assert all(reason.code and reason.message.endswith(".") for reason in decision.reasons)


def test_evidence_is_shared_by_people_on_the_same_ground_and_tells_grounds_apart() -> None:
    other = replace(LIVE, id=UUID(int=9), signed_on=(NOW - 3 * DAY).date())
    same = decide(PAID_OFFER, replace(PATIENT, authorizations=(other,)), NOW)
    mine = decide(PAID_OFFER, PATIENT, NOW)
    assert mine.grounds.evidence_hash == same.grounds.evidence_hash
    hashes = {
        mine.grounds.evidence_hash,
        decide(REMINDER, PATIENT, NOW).grounds.evidence_hash,
        decide(PAID_OFFER, replace(PATIENT, deceased=True), NOW).grounds.evidence_hash,
        decide(
            PAID_OFFER, replace(PATIENT, relationship=Relationship.PROSPECT), NOW
        ).grounds.evidence_hash,
    }
    assert len(hashes) == 4


def ruled(code: str, outcome: RulingOutcome) -> Regime:
    return Regime(rulings={code: outcome})


SPONSORED = replace(PAID_OFFER, purpose=Purpose.GENERAL_WELLNESS)


def test_a_held_mailing_goes_as_the_privacy_officer_rules() -> None:
    assert decide(SPONSORED, PATIENT, NOW).verdict is Verdict.HOLD
    stranger = replace(PATIENT, authorizations=())
    allow = ruled("sponsored_wellness", RulingOutcome.ALLOW)
    assert decide(SPONSORED, stranger, NOW, allow).verdict is Verdict.PERMIT
    only = ruled("sponsored_wellness", RulingOutcome.AUTHORIZED_ONLY)
    assert decide(SPONSORED, stranger, NOW, only).code == "no_authorization"
    wellness = replace(LIVE, purposes=frozenset({Purpose.GENERAL_WELLNESS}))
    assert decide(SPONSORED, replace(PATIENT, authorizations=(wellness,)), NOW, only).verdict
    refuse = ruled("sponsored_wellness", RulingOutcome.REFUSE)
    refused = decide(SPONSORED, PATIENT, NOW, refuse)
    assert (refused.verdict, refused.code) == (Verdict.SUPPRESS, "refused_by_privacy_officer")


def test_an_open_question_is_answered_and_not_ruled_away() -> None:
    unknown = replace(PAID_OFFER, remuneration=Remuneration.UNKNOWN)
    regime = ruled("remuneration_unknown", RulingOutcome.ALLOW)
    assert decide(unknown, PATIENT, NOW, regime).verdict is Verdict.HOLD


@given(uses, recipients, st.sampled_from(RulingOutcome))
def test_no_ruling_replaces_an_authorization(
    use: Use, person: RecipientFacts, outcome: RulingOutcome
) -> None:
    needing = [rule.code for rule in TABLE if not rule.can_be_ruled]
    regime = Regime(rulings=dict.fromkeys(needing, outcome))
    assert decide(use, person, NOW, regime).verdict is decide(use, person, NOW).verdict


@given(uses, recipients, packs, packs)
def test_a_pack_never_loosens(
    use: Use, person: RecipientFacts, some: tuple[Pack, ...], more: tuple[Pack, ...]
) -> None:
    with_more = decide(use, person, NOW, Regime((*some, *more)))
    if with_more.verdict is Verdict.PERMIT:
        assert decide(use, person, NOW, Regime(some)).verdict is Verdict.PERMIT


@given(uses, recipients, packs)
def test_not_knowing_where_somebody_lives_never_adds_a_recipient(
    use: Use, person: RecipientFacts, some: tuple[Pack, ...]
) -> None:
    unknown = decide(use, replace(person, state=""), NOW, Regime(some))
    if unknown.verdict is Verdict.PERMIT:
        assert decide(use, person, NOW, Regime(some)).verdict is Verdict.PERMIT


@given(uses, recipients, st.sampled_from(["paused", "declined", "often_enough", "unconfirmed"]))
def test_a_wish_never_adds_a_recipient(use: Use, person: RecipientFacts, wish: str) -> None:
    if permitted(use, replace(person, **{wish: True})):
        assert permitted(use, replace(person, **{wish: False}))


@given(uses, recipients, st.sampled_from(Purpose))
def test_a_restriction_never_adds_a_recipient(
    use: Use, person: RecipientFacts, purpose: Purpose
) -> None:
    more = replace(person, restricted=person.restricted | {purpose})
    if permitted(use, more):
        assert permitted(use, person)
    assert not permitted(replace(use, purpose=purpose), more)


@given(uses, recipients)
def test_every_fact_about_a_message_only_tightens(use: Use, person: RecipientFacts) -> None:
    open_questions = {"gives_away": Answer.YES, "features": Answer.YES, "for_others": Answer.YES}
    for name, answer in open_questions.items():
        if permitted(replace(use, **{name: answer}), person):
            assert permitted(replace(use, **{name: Answer.NO}), person)
        if permitted(replace(use, **{name: Answer.UNKNOWN}), person):
            assert permitted(replace(use, **{name: answer}), person)


CALIFORNIAN = replace(PATIENT, state="CA")


def in_state(use: Use, person: RecipientFacts, pack: Pack) -> str:
    return decide(use, person, NOW, Regime((pack,))).code


def test_california_asks_for_large_type_one_year_and_counts_gifts() -> None:
    assert in_state(PAID_OFFER, CALIFORNIAN, CALIFORNIA) == "type_too_small"
    large = replace(LIVE, type_points=14)
    person = replace(CALIFORNIAN, authorizations=(large,))
    assert in_state(PAID_OFFER, person, CALIFORNIA) == "paid_communication"
    gift = replace(REMINDER, remuneration=Remuneration.IN_KIND, sponsor="Acme Fitness")
    assert permitted(gift, person)
    assert in_state(gift, replace(person, authorizations=()), CALIFORNIA) == "no_authorization"
    old = replace(large, signed_on=(NOW - 400 * DAY).date())
    stale = replace(person, authorizations=(old,))
    assert in_state(PAID_OFFER, stale, CALIFORNIA) == "expired_by_state"
    assert permitted(PAID_OFFER, stale)


def test_washington_ends_after_a_year_and_protects_people_who_are_not_patients() -> None:
    lead = RecipientFacts(Relationship.PROSPECT, has_address=True, state="WA")
    assert permitted(APPEAL, lead)
    assert in_state(APPEAL, lead, WASHINGTON) == "no_authorization"
    assert in_state(APPEAL, replace(lead, state=ELSEWHERE), WASHINGTON) == "outside_records"


def test_texas_asks_for_permission_for_any_marketing() -> None:
    own = replace(REMINDER, purpose=Purpose.OWN_HEALTH_SERVICE)
    texan = replace(PATIENT, authorizations=(), state="TX")
    assert permitted(own, texan)
    decision = decide(own, texan, NOW, Regime((TEXAS,)))
    assert (decision.code, decision.basis) == ("no_authorization", "tx-181")
    assert "181.152" in decision.reasons[0].citation
    assert decision.grounds.packs == ("tx-181@1",)


def test_every_pack_has_a_test_of_its_own() -> None:
    assert set(PACKS.values()) == {CALIFORNIA, WASHINGTON, TEXAS}


def test_substance_use_records_need_a_consent_of_their_own() -> None:
    use = replace(PAID_OFFER, information=frozenset({Information.PART2}))
    everything = frozenset(Information)
    hipaa = replace(LIVE, information=everything)
    operations = replace(hipaa, part2=Part2.OPERATIONS)
    specific = replace(hipaa, part2=Part2.SPECIFIC)
    for signed in (hipaa, operations):
        decision = decide(use, replace(PATIENT, authorizations=(signed,)), NOW)
        assert (decision.verdict, decision.code) == (Verdict.SUPPRESS, "no_part2_consent")
        assert "42 CFR 2.31" in decision.reasons[0].citation
    assert permitted(use, replace(PATIENT, authorizations=(specific,)))


def test_a_prescription_that_ended_long_ago_makes_a_reminder_marketing() -> None:
    refill = replace(REMINDER, purpose=Purpose.REFILL_REMINDER)
    person = replace(PATIENT, authorizations=())
    for standing in (Prescription.CURRENT, Prescription.LAPSED):
        assert permitted(refill, replace(person, prescription=standing))
    for standing in (Prescription.ENDED, Prescription.UNKNOWN):
        decision = decide(refill, replace(person, prescription=standing), NOW)
        assert decision.code == "prescription_ended"


def test_mail_that_tells_something_keeps_out_of_a_shared_mailbox() -> None:
    shared = replace(PATIENT, household=True)
    assert decide(PAID_OFFER, shared, NOW).portal_only
    assert not decide(REMINDER, shared, NOW).portal_only
    assert not decide(PAID_OFFER, PATIENT, NOW).portal_only


@given(uses, st.lists(recipients, max_size=6), packs)
def test_deciding_for_many_is_deciding_for_each(
    use: Use, people: list[RecipientFacts], some: tuple[Pack, ...]
) -> None:
    deciding = Deciding(use, NOW, Regime(some))
    for person in people * 2:
        signed = [_signature(each) for each in person.authorizations]
        standing = _standing(person)
        assert standing.facts(signed) == person
        assert deciding.decide(standing, signed) == decide(use, person, NOW, Regime(some))


def _standing(person: RecipientFacts) -> Standing:
    """A person's facts as they are read in bulk."""
    asked = Asked(*(getattr(person, name) for name in Asked._fields))
    return Standing(
        person.relationship.value,
        person.has_address,
        person.deceased,
        person.household,
        person.suppressions,
        asked,
        Profile(person.state, person.prescription),
    )


def _signature(signed: Authorization) -> Signature:
    """An authorization as it is read in bulk: its days stand apart from the rest of its text."""
    terms = {name: getattr(signed, name) for name in TERMS}
    days = terms["signed_on"], terms["expires_at"]
    alike = tuple(each for name, each in terms.items() if name not in ("signed_on", "expires_at"))
    return Signature(
        Kind(tuple(terms.values()), alike, *days),
        signed.id,
        signed.authority,
        signed.revoked_at,
        signed.copy_given_at,
        signed.intact,
        signed.disputed,
    )


TERMS = [each.name for each in fields(Authorization)][1:12]
