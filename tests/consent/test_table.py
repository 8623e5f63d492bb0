"""The decision table, row by row: each decides about something, and none is looser than above."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.rules.people import ELSEWHERE, prescription_at, state_of
from consent.rules.purposes import (
    Answer,
    Information,
    Purpose,
    Remuneration,
    Use,
    use_from_json,
    use_to_json,
)
from consent.rules.table import RULES, TABLE, OptOut, Prescription, Requirement, rule_for
from contacts.rules.fields import Relationship
from tests.consent.facts import uses

PATIENT, PROSPECT = Relationship.PATIENT, Relationship.PROSPECT
PLAIN = Use(Purpose.TREATMENT_REMINDER, Remuneration.NONE, frozenset({Information.DEMOGRAPHIC}))
PAID = replace(PLAIN, remuneration=Remuneration.PAID, sponsor="Acme")
APPEAL = replace(PLAIN, purpose=Purpose.FUNDRAISING)
CLINICAL = frozenset({Information.CLINICAL})
REFILL = replace(PLAIN, purpose=Purpose.REFILL_REMINDER)

ROWS: dict[str, tuple[Use, Relationship, Prescription]] = {
    code: (use, relationship, prescription)
    for code, use, relationship, prescription in [
        (
            "psychotherapy_notes",
            replace(PLAIN, information=frozenset({Information.PSYCHOTHERAPY_NOTES})),
            PATIENT,
            Prescription.CURRENT,
        ),
        *(
            (code, use, PATIENT, Prescription.CURRENT)
            for code, use in {
                "remuneration_unknown": replace(PLAIN, remuneration=Remuneration.UNKNOWN),
                "sponsor_unknown": replace(PAID, sponsor=" "),
                "disclosure_unknown": replace(PLAIN, gives_away=Answer.UNKNOWN),
                "featured_unknown": replace(PLAIN, features=Answer.UNKNOWN),
                "beneficiary_unknown": replace(APPEAL, for_others=Answer.UNKNOWN),
                "patient_story": replace(PLAIN, features=Answer.YES),
                "sponsored_wellness": replace(PAID, purpose=Purpose.GENERAL_WELLNESS),
                "fundraising_notice": replace(APPEAL, notice_given=Answer.NO),
                "part2_records": replace(PLAIN, information=frozenset({Information.PART2})),
                "sale_of_information": replace(PLAIN, gives_away=Answer.YES),
                "fundraising_for_others": replace(APPEAL, for_others=Answer.YES),
                "fundraising_paid": replace(PAID, purpose=Purpose.FUNDRAISING),
                "fundraising_health": replace(APPEAL, information=CLINICAL),
                "refill_paid": replace(PAID, purpose=Purpose.REFILL_REMINDER),
                "marketing": replace(PLAIN, purpose=Purpose.MARKETING),
                "paid_communication": PAID,
                "fundraising": APPEAL,
                "appointment": replace(PLAIN, purpose=Purpose.APPOINTMENT),
                "treatment": PLAIN,
                "refill": REFILL,
                "care_coordination": replace(PLAIN, purpose=Purpose.CARE_COORDINATION),
                "own_service": replace(PLAIN, purpose=Purpose.PLAN_BENEFIT),
                "general_wellness": replace(PLAIN, purpose=Purpose.GENERAL_WELLNESS),
            }.items()
        ),
        (
            "outside_records_health",
            replace(PLAIN, information=CLINICAL),
            PROSPECT,
            Prescription.CURRENT,
        ),
        ("refill_ended", REFILL, PATIENT, Prescription.ENDED),
        ("outside_records", PLAIN, PROSPECT, Prescription.CURRENT),
    ]
}


@pytest.mark.parametrize("code", RULES)
def test_each_row_decides_about_its_case(code: str) -> None:
    assert rule_for(*ROWS[code]).code == code


def test_rows_stand_in_the_order_of_their_strictness() -> None:
    order = [rule.requirement for rule in TABLE]
    assert order == sorted(order, reverse=True)


def test_codes_are_unique_and_every_row_cites_and_explains() -> None:
    assert len(RULES) == len(TABLE)
    for rule in TABLE:
        assert rule.citation
        assert rule.sentence.endswith(".")
        assert rule.requirement is not Requirement.NOTHING or rule.opt_out in OptOut


@given(uses, st.sampled_from(Relationship), st.sampled_from(Prescription))
def test_every_use_has_a_rule(use: Use, relationship: Relationship, held: Prescription) -> None:
    assert rule_for(use, relationship, held) in TABLE


@given(uses, st.sampled_from(Information))
def test_more_information_is_never_decided_less_strictly(use: Use, kind: Information) -> None:
    more = replace(use, information=use.information | {kind})
    for relationship in Relationship:
        before = rule_for(use, relationship).requirement
        assert rule_for(more, relationship).requirement >= before


@given(uses)
def test_a_use_is_stored_and_read_back(use: Use) -> None:
    assert use_from_json(use_to_json(use)) == use


@pytest.mark.parametrize(
    ("days_ago", "standing"),
    [
        (-1, Prescription.CURRENT),
        (0, Prescription.CURRENT),
        (1, Prescription.LAPSED),
        (90, Prescription.LAPSED),
        (91, Prescription.ENDED),
    ],
)
def test_check_16_ninety_days_are_a_lapse_and_ninety_one_are_not(
    days_ago: int, standing: Prescription
) -> None:
    today = date(2026, 11, 22)
    assert prescription_at((today - timedelta(days=days_ago)).isoformat(), today) is standing
    assert prescription_at(None, today) is prescription_at("soon", today) is Prescription.UNKNOWN


@pytest.mark.parametrize(
    ("state", "postal_code", "expected"),
    [
        ("CA", None, "CA"),
        ("california", "94110", "CA"),
        ("", "98101-1234", "WA"),
        (None, 77001, "TX"),
        ("IL", "62701", ELSEWHERE),
        ("Illinois", "", ELSEWHERE),
        ("", "", ""),
        (None, "n/a", ""),
        ("IL", "94110", ""),
        ("US-CA", "", ""),
        ("State of Washington", "", ""),
        ("Californa", None, ""),
        ("New York", "10001", ELSEWHERE),
    ],
)
def test_where_somebody_lives(state: object, postal_code: object, expected: str) -> None:
    assert state_of(state, postal_code) == expected
