"""The decision table, asked by purpose and payment."""

import pytest
from hypothesis import given

from consent.rules.purposes import (
    Information,
    Purpose,
    Remuneration,
    Use,
    information_of,
)
from consent.rules.table import Requirement, rule_for
from contacts.rules.fields import Field, FieldClass, FieldGroup, FieldType, Relationship
from tests.consent.facts import uses

NOTHING, AUTHORIZATION = Requirement.NOTHING, Requirement.AUTHORIZATION
OFFICER, CONSENT = Requirement.PRIVACY_OFFICER, Requirement.PART2_CONSENT
NONE, COST, PAID = Remuneration.NONE, Remuneration.COST_ONLY, Remuneration.PAID
CLINICAL, VISITS = Information.CLINICAL, Information.JOURNEY


@pytest.mark.parametrize(
    ("purpose", "remuneration", "information", "requirement", "citation"),
    [
        (Purpose.APPOINTMENT, NONE, CLINICAL, NOTHING, "164.506(c)"),
        (Purpose.APPOINTMENT, PAID, CLINICAL, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.TREATMENT_REMINDER, NONE, CLINICAL, NOTHING, "(2)(ii)(A)"),
        (Purpose.TREATMENT_REMINDER, COST, CLINICAL, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.REFILL_REMINDER, NONE, CLINICAL, NOTHING, "(2)(i)"),
        (Purpose.REFILL_REMINDER, COST, CLINICAL, NOTHING, "(2)(i)"),
        (Purpose.REFILL_REMINDER, PAID, CLINICAL, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.CARE_COORDINATION, NONE, CLINICAL, NOTHING, "(2)(ii)(C)"),
        (Purpose.CARE_COORDINATION, PAID, CLINICAL, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.OWN_HEALTH_SERVICE, NONE, CLINICAL, NOTHING, "(2)(ii)(B)"),
        (Purpose.OWN_HEALTH_SERVICE, PAID, CLINICAL, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.PLAN_BENEFIT, NONE, CLINICAL, NOTHING, "(2)(ii)(B)"),
        (Purpose.THIRD_PARTY_PRODUCT, NONE, VISITS, AUTHORIZATION, "164.508(a)(3)(i)"),
        (Purpose.THIRD_PARTY_PRODUCT, PAID, VISITS, AUTHORIZATION, "164.508(a)(3)(ii)"),
        (Purpose.MARKETING, NONE, VISITS, AUTHORIZATION, "164.508(a)(3)(i)"),
        (Purpose.GENERAL_WELLNESS, NONE, CLINICAL, NOTHING, "(1)"),
        (Purpose.GENERAL_WELLNESS, PAID, CLINICAL, OFFICER, "164.508(a)(3)(ii)"),
        (Purpose.FUNDRAISING, NONE, VISITS, NOTHING, "164.514(f)(1)"),
        (Purpose.FUNDRAISING, NONE, CLINICAL, AUTHORIZATION, "164.514(f)(1)"),
        (Purpose.FUNDRAISING, PAID, VISITS, AUTHORIZATION, "164.514(f)(1)"),
        (Purpose.TREATMENT_REMINDER, Remuneration.UNKNOWN, CLINICAL, OFFICER, "(a)(3)"),
        (Purpose.TREATMENT_REMINDER, NONE, Information.PART2, CONSENT, "42 CFR 2.31"),
        (
            Purpose.TREATMENT_REMINDER,
            NONE,
            Information.PSYCHOTHERAPY_NOTES,
            Requirement.PROHIBITED,
            "164.508(a)(2)",
        ),
    ],
)
def test_the_table(
    purpose: Purpose,
    remuneration: Remuneration,
    information: Information,
    requirement: Requirement,
    citation: str,
) -> None:
    use = Use(purpose, remuneration, frozenset({information}), sponsor="Acme")
    rule = rule_for(use, Relationship.PATIENT)
    assert rule.requirement is requirement
    assert citation in rule.citation


def test_paid_mail_names_its_sponsor() -> None:
    use = Use(Purpose.MARKETING, PAID, frozenset())
    assert rule_for(use, Relationship.PATIENT).code == "sponsor_unknown"


def test_people_outside_the_records_fall_under_other_law() -> None:
    use = Use(Purpose.MARKETING, NONE, frozenset({Information.DEMOGRAPHIC}))
    assert rule_for(use, Relationship.PROSPECT).requirement is NOTHING
    assert rule_for(use, Relationship.MEMBER).requirement is AUTHORIZATION
    with_health = Use(Purpose.MARKETING, NONE, frozenset({CLINICAL}))
    assert rule_for(with_health, Relationship.PROFESSIONAL).requirement is OFFICER


@given(uses)
def test_every_use_has_a_rule_that_cites_and_explains(use: Use) -> None:
    for relationship in Relationship:
        rule = rule_for(use, relationship)
        assert rule.citation
        assert rule.sentence.endswith(".")


def test_information_of_a_field() -> None:
    program = Field("p", "Program", FieldType.TEXT, FieldGroup.CLINICAL, FieldClass.PART2)
    assert information_of(program) is Information.PART2
    visit = Field("v", "Visit", FieldType.DATE, FieldGroup.JOURNEY)
    assert information_of(visit) is VISITS


def test_everything_has_a_label() -> None:
    assert all(purpose.label for purpose in Purpose)
    assert all(information.label for information in Information)
