"""What a message is for, who pays for it, what information it uses, and which rule decides.

The table follows 45 CFR 164.501 (marketing), 164.508 (authorizations) and 164.514(f)
(fundraising). A rule may be stricter than the regulation, never looser.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from contacts.rules.fields import Field, FieldClass, FieldGroup, Relationship


class Purpose(StrEnum):
    APPOINTMENT = "appointment"
    TREATMENT_REMINDER = "treatment_reminder"
    REFILL_REMINDER = "refill_reminder"
    CARE_COORDINATION = "care_coordination"
    OWN_HEALTH_SERVICE = "own_health_service"
    PLAN_BENEFIT = "plan_benefit"
    GENERAL_WELLNESS = "general_wellness"
    THIRD_PARTY_PRODUCT = "third_party_product"
    MARKETING = "marketing"
    FUNDRAISING = "fundraising"

    @property
    def label(self) -> str:
        """The purpose in words that fit after "a message about" and on a form."""
        return _LABELS[self]


_LABELS: Mapping[Purpose, str] = {
    Purpose.APPOINTMENT: "appointments, bills and results",
    Purpose.TREATMENT_REMINDER: "reminders about your treatment",
    Purpose.REFILL_REMINDER: "reminders about a medicine you take",
    Purpose.CARE_COORDINATION: "coordination of your care",
    Purpose.OWN_HEALTH_SERVICE: "our own health services",
    Purpose.PLAN_BENEFIT: "benefits of your health plan",
    Purpose.GENERAL_WELLNESS: "general health and wellness",
    Purpose.THIRD_PARTY_PRODUCT: "products and services of other companies",
    Purpose.MARKETING: "wellness programs and other offers",
    Purpose.FUNDRAISING: "our fundraising",
}


class Remuneration(StrEnum):
    """Payment from, or on behalf of, whoever's product or service the message describes.

    Any amount counts; gifts in kind do not (45 CFR 164.501, "financial remuneration"). COST_ONLY
    is payment no higher than the cost of sending and helps refill reminders alone.
    """

    NONE = "none"
    COST_ONLY = "cost_only"
    PAID = "paid"
    UNKNOWN = "unknown"


class Information(StrEnum):
    """Kinds of information about a person, as a form names them and a message uses them."""

    DEMOGRAPHIC = "demographic"
    CLINICAL = "clinical"
    JOURNEY = "journey"
    FINANCIAL = "financial"
    PART2 = "part2"
    PSYCHOTHERAPY_NOTES = "psychotherapy_notes"

    @property
    def label(self) -> str:
        """The kind in words for a form."""
        return _INFORMATION_LABELS[self]


_INFORMATION_LABELS: Mapping[Information, str] = {
    Information.DEMOGRAPHIC: "name, contact details, age, sex and language",
    Information.CLINICAL: "health conditions and care",
    Information.JOURNEY: "visits, departments and providers",
    Information.FINANCIAL: "insurance and payment",
    Information.PART2: "substance use disorder treatment",
    Information.PSYCHOTHERAPY_NOTES: "psychotherapy notes",
}

_INFORMATION_OF_GROUP: Mapping[FieldGroup, Information] = {
    FieldGroup.DEMOGRAPHIC: Information.DEMOGRAPHIC,
    FieldGroup.CLINICAL: Information.CLINICAL,
    FieldGroup.JOURNEY: Information.JOURNEY,
    FieldGroup.FINANCIAL: Information.FINANCIAL,
}


def information_of(field: Field) -> Information:
    """The kind of information that using a contact field in a segment or a message uses."""
    if field.classification is FieldClass.PART2:
        return Information.PART2
    return _INFORMATION_OF_GROUP[field.group]


class Requirement(StrEnum):
    """What a rule asks for before a message may go."""

    NOTHING = "nothing"
    AUTHORIZATION = "authorization"
    PRIVACY_OFFICER = "privacy_officer"
    PROHIBITED = "prohibited"


@dataclass(frozen=True, slots=True)
class Use:
    """What a mailing does with information, the same for all of its recipients.

    `sponsor` names who pays. `information` holds the kinds that segment and content use.
    """

    purpose: Purpose
    remuneration: Remuneration
    information: frozenset[Information]
    sponsor: str = ""

    @property
    def paid(self) -> bool:
        """Whether an authorization must mention remuneration (45 CFR 164.508(a)(3)(ii))."""
        if self.purpose is Purpose.REFILL_REMINDER:
            return self.remuneration is Remuneration.PAID
        return self.remuneration in {Remuneration.COST_ONLY, Remuneration.PAID}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the decision table. `promotional` mail stops at a marketing unsubscribe."""

    code: str
    requirement: Requirement
    citation: str
    sentence: str
    promotional: bool = True


PSYCHOTHERAPY_NOTES = Rule(
    "psychotherapy_notes",
    Requirement.PROHIBITED,
    "45 CFR 164.508(a)(2)",
    "Psychotherapy notes are never used for mail.",
)
PART2_RECORDS = Rule(
    "part2_records",
    Requirement.PRIVACY_OFFICER,
    "42 CFR 2.31",
    "Substance use disorder records need a written consent that names this very purpose.",
)
UNKNOWN_REMUNERATION = Rule(
    "remuneration_unknown",
    Requirement.PRIVACY_OFFICER,
    "45 CFR 164.508(a)(3)",
    "Say whether anybody pays for this message before it is sent.",
)
UNNAMED_SPONSOR = Rule(
    "sponsor_unknown",
    Requirement.PRIVACY_OFFICER,
    "45 CFR 164.508(a)(3)(ii)",
    "The message is paid for; name who pays before it is sent.",
)
OUTSIDE_RECORDS = Rule(
    "outside_records",
    Requirement.NOTHING,
    "45 CFR 160.103; 15 U.S.C. 7704(a)(3)",
    "The person is not a patient or member; the rules of commercial mail apply.",
)
OUTSIDE_RECORDS_WITH_HEALTH = Rule(
    "outside_records_health",
    Requirement.PRIVACY_OFFICER,
    "RCW 19.373.030",
    "Health data of people who are not patients can fall under state law; have it reviewed.",
)
FUNDRAISING = Rule(
    "fundraising",
    Requirement.NOTHING,
    "45 CFR 164.514(f)(1)",
    "Fundraising for the organization itself may use demographic and visit information.",
)
FUNDRAISING_WITH_HEALTH = Rule(
    "fundraising_health",
    Requirement.AUTHORIZATION,
    "45 CFR 164.514(f)(1); 164.508(a)(1)",
    "Fundraising with any other information needs a signed authorization.",
)
FUNDRAISING_FOR_OTHERS = Rule(
    "fundraising_for_others",
    Requirement.AUTHORIZATION,
    "45 CFR 164.514(f)(1); 164.508(a)(3)",
    "Fundraising that somebody else pays for needs a signed authorization.",
)
APPOINTMENT = Rule(
    "appointment",
    Requirement.NOTHING,
    "45 CFR 164.506(c)",
    "Appointments, bills and results are part of treatment, payment and operations.",
    promotional=False,
)
TREATMENT = Rule(
    "treatment",
    Requirement.NOTHING,
    "45 CFR 164.501 (marketing, (2)(ii)(A))",
    "A message about the patient's treatment that nobody pays for is not marketing.",
    promotional=False,
)
REFILL = Rule(
    "refill",
    Requirement.NOTHING,
    "45 CFR 164.501 (marketing, (2)(i))",
    "A reminder about a current prescription is not marketing if payment covers no more than cost.",
    promotional=False,
)
COORDINATION = Rule(
    "care_coordination",
    Requirement.NOTHING,
    "45 CFR 164.501 (marketing, (2)(ii)(C))",
    "Coordinating the patient's care is not marketing if nobody pays for the message.",
    promotional=False,
)
OWN_SERVICE = Rule(
    "own_service",
    Requirement.NOTHING,
    "45 CFR 164.501 (marketing, (2)(ii)(B))",
    "The organization's own health services and plan benefits are not marketing if nobody pays.",
)
WELLNESS = Rule(
    "general_wellness",
    Requirement.NOTHING,
    "45 CFR 164.501 (marketing, (1))",
    "General health information that promotes no product or service is not marketing.",
)
SPONSORED_WELLNESS = Rule(
    "sponsored_wellness",
    Requirement.PRIVACY_OFFICER,
    "45 CFR 164.508(a)(3)(ii)",
    "Somebody pays for general health information: that can be marketing. Have it reviewed, or"
    " choose the purpose that names what is promoted.",
)
PAID = Rule(
    "paid_communication",
    Requirement.AUTHORIZATION,
    "45 CFR 164.508(a)(3)(ii)",
    "Somebody pays for the message: it is marketing and needs an authorization that says so.",
)
OTHER_PRODUCT = Rule(
    "marketing",
    Requirement.AUTHORIZATION,
    "45 CFR 164.508(a)(3)(i)",
    "A message that promotes other products or services needs a signed authorization.",
)

_UNPAID: Mapping[Purpose, Rule] = {
    Purpose.TREATMENT_REMINDER: TREATMENT,
    Purpose.REFILL_REMINDER: REFILL,
    Purpose.CARE_COORDINATION: COORDINATION,
    Purpose.OWN_HEALTH_SERVICE: OWN_SERVICE,
    Purpose.PLAN_BENEFIT: OWN_SERVICE,
    Purpose.GENERAL_WELLNESS: WELLNESS,
    Purpose.THIRD_PARTY_PRODUCT: OTHER_PRODUCT,
    Purpose.MARKETING: OTHER_PRODUCT,
}
_PAID: Mapping[Purpose, Rule] = {Purpose.GENERAL_WELLNESS: SPONSORED_WELLNESS}

_OUTSIDERS = frozenset({Relationship.PROSPECT, Relationship.PROFESSIONAL})
_FUNDRAISING_INFORMATION = frozenset({Information.DEMOGRAPHIC, Information.JOURNEY})


def rule_for(use: Use, relationship: Relationship) -> Rule:
    """The rule that decides about a use for people of a relationship; the first that fits."""
    if Information.PSYCHOTHERAPY_NOTES in use.information:
        return PSYCHOTHERAPY_NOTES
    if Information.PART2 in use.information:
        return PART2_RECORDS
    if use.remuneration is Remuneration.UNKNOWN:
        return UNKNOWN_REMUNERATION
    if use.paid and not use.sponsor.strip():
        return UNNAMED_SPONSOR
    if relationship in _OUTSIDERS:
        return _outsider_rule(use.information)
    if use.purpose is Purpose.FUNDRAISING:
        return _fundraising_rule(use)
    if use.purpose is Purpose.APPOINTMENT and not use.paid:
        return APPOINTMENT
    return _PAID.get(use.purpose, PAID) if use.paid else _UNPAID[use.purpose]


def is_promotional(use: Use) -> bool:
    """Whether 15 U.S.C. 7704 asks for a postal address and a way to stop in the message itself."""
    return rule_for(use, Relationship.PATIENT).promotional


def _outsider_rule(information: Collection[Information]) -> Rule:
    if set(information) <= {Information.DEMOGRAPHIC}:
        return OUTSIDE_RECORDS
    return OUTSIDE_RECORDS_WITH_HEALTH


def _fundraising_rule(use: Use) -> Rule:
    if use.paid:
        return FUNDRAISING_FOR_OTHERS
    return FUNDRAISING if use.information <= _FUNDRAISING_INFORMATION else FUNDRAISING_WITH_HEALTH
