"""The decision table: which rule decides about which use of information, for which people.

It follows 45 CFR 164.501 (marketing), 164.508 (authorizations), 164.514(f) (fundraising) and 42 CFR
Part 2. A row may be stricter than the regulation, never looser. Rows stand in the order of their
strictness and the first that fits decides, so that one more fact about a message can only tighten.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from consent.rules.purposes import Answer, Information, Purpose, Remuneration, Use
from contacts.rules.fields import Relationship


class Requirement(IntEnum):
    """What a rule asks for before a message may go. Higher is stricter."""

    NOTHING = 0
    AUTHORIZATION = 1
    PART2_CONSENT = 2
    PRIVACY_OFFICER = 3
    PROHIBITED = 4


class Prescription(StrEnum):
    """How a person stands to the medicine that a refill reminder is about."""

    CURRENT = "current"
    LAPSED = "lapsed"
    """Ended no more than 90 days ago: HHS still counts it as current (FAQ 1516)."""
    ENDED = "ended"
    UNKNOWN = "unknown"


class OptOut(StrEnum):
    """The way to stop that each message must offer."""

    REQUIRED = "required"
    OFFERED = "offered"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which uses a row is about. What is left out may be anything.

    `uses` asks for at least one of these kinds of information, `uses_more_than` for one outside.
    """

    purposes: frozenset[Purpose] | None = None
    relationships: frozenset[Relationship] | None = None
    uses: frozenset[Information] | None = None
    uses_more_than: frozenset[Information] | None = None
    remuneration: frozenset[Remuneration] | None = None
    paid: bool | None = None
    sponsor_missing: bool | None = None
    gives_away: Answer | None = None
    features: Answer | None = None
    for_others: Answer | None = None
    notice_given: frozenset[Answer] | None = None
    prescription: frozenset[Prescription] | None = None

    def fits(self, use: Use, relationship: Relationship, prescription: Prescription) -> bool:
        """Whether the row is about this use for such people."""
        return all(self._conditions(use, relationship, prescription))

    def _conditions(
        self, use: Use, relationship: Relationship, prescription: Prescription
    ) -> Iterator[bool]:
        yield self.purposes is None or use.purpose in self.purposes
        yield self.relationships is None or relationship in self.relationships
        yield self.uses is None or bool(self.uses & use.information)
        yield self.uses_more_than is None or not use.information <= self.uses_more_than
        yield self.remuneration is None or use.remuneration in self.remuneration
        yield self.paid is None or use.paid is self.paid
        yield self.sponsor_missing is None or _sponsor_missing(use) is self.sponsor_missing
        yield self.gives_away is None or use.gives_away is self.gives_away
        yield self.features is None or use.features is self.features
        yield self.for_others is None or use.for_others is self.for_others
        yield self.notice_given is None or use.notice_given in self.notice_given
        yield self.prescription is None or prescription in self.prescription


def _sponsor_missing(use: Use) -> bool:
    return use.needs_sponsor and not use.sponsor.strip()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `code` is stable and counts in reports.

    `without` is the code of the reason when the authorization that it asks for is missing.
    `answerable` rows hold a message until a question is answered; no ruling replaces the answer.
    """

    code: str
    requirement: Requirement
    citation: str
    sentence: str
    when: When
    opt_out: OptOut = OptOut.REQUIRED
    without: str = "no_authorization"
    answerable: bool = False

    @property
    def can_be_ruled(self) -> bool:
        """Whether a privacy officer may let such mail go, having looked at it."""
        return self.requirement is Requirement.PRIVACY_OFFICER and not self.answerable

    @property
    def promotional(self) -> bool:
        """Whether a marketing unsubscribe stops such mail, and each message must offer one."""
        return self.opt_out is not OptOut.NONE


_PATIENTS = frozenset({Relationship.PATIENT, Relationship.MEMBER})
_OUTSIDERS = frozenset({Relationship.PROSPECT, Relationship.PROFESSIONAL})
_FUNDRAISING_INFORMATION = frozenset({Information.DEMOGRAPHIC, Information.JOURNEY})
_OFFERS = frozenset({Purpose.THIRD_PARTY_PRODUCT, Purpose.MARKETING})
_OWN = frozenset({Purpose.OWN_HEALTH_SERVICE, Purpose.PLAN_BENEFIT})
_FUNDRAISING, _REFILL = frozenset({Purpose.FUNDRAISING}), frozenset({Purpose.REFILL_REMINDER})
_WELLNESS = frozenset({Purpose.GENERAL_WELLNESS})

_PROHIBITED = (
    Rule(
        "psychotherapy_notes",
        Requirement.PROHIBITED,
        "45 CFR 164.508(a)(2)",
        "Psychotherapy notes are never used for mail.",
        When(uses=frozenset({Information.PSYCHOTHERAPY_NOTES})),
    ),
)

_HELD = (
    Rule(
        "remuneration_unknown",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.508(a)(3)",
        "Say whether anybody pays for this message before it is sent.",
        When(remuneration=frozenset({Remuneration.UNKNOWN})),
        answerable=True,
    ),
    Rule(
        "sponsor_unknown",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.508(a)(3)(ii)",
        "Somebody gives something for the message; name who it is before it is sent.",
        When(sponsor_missing=True),
        answerable=True,
    ),
    Rule(
        "disclosure_unknown",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.502(a)(5)(ii)",
        "Say whether anybody else gets the list or what readers do, for anything of value.",
        When(gives_away=Answer.UNKNOWN),
        answerable=True,
    ),
    Rule(
        "featured_unknown",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.508(a)(1)",
        "Say whether the message shows or quotes a patient.",
        When(features=Answer.UNKNOWN),
        answerable=True,
    ),
    Rule(
        "beneficiary_unknown",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.514(f)(1)",
        "Say whose benefit the appeal is for.",
        When(purposes=_FUNDRAISING, for_others=Answer.UNKNOWN),
        answerable=True,
    ),
    Rule(
        "patient_story",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.508(a)(1)",
        "The message shows or quotes a patient: that patient's own signed authorization must be"
        " at hand.",
        When(features=Answer.YES),
    ),
    Rule(
        "outside_records_health",
        Requirement.PRIVACY_OFFICER,
        "RCW 19.373.030",
        "Health data of people who are not patients can fall under state law; have it reviewed.",
        When(
            relationships=_OUTSIDERS,
            uses_more_than=frozenset({Information.DEMOGRAPHIC}),
        ),
    ),
    Rule(
        "sponsored_wellness",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.508(a)(3)(ii)",
        "Somebody pays for general health information: that can be marketing. Have it reviewed, or"
        " choose the purpose that names what is promoted.",
        When(purposes=_WELLNESS, relationships=_PATIENTS, paid=True),
    ),
    Rule(
        "fundraising_notice",
        Requirement.PRIVACY_OFFICER,
        "45 CFR 164.514(f)(2)(i)",
        "Patients may be asked for gifts only if the notice of privacy practices says so.",
        When(
            purposes=_FUNDRAISING,
            relationships=_PATIENTS,
            notice_given=frozenset({Answer.NO, Answer.UNKNOWN}),
        ),
    ),
)

_PART2 = (
    Rule(
        "part2_records",
        Requirement.PART2_CONSENT,
        "42 CFR 2.31(a); 2.33",
        "Substance use disorder records need a written consent that names this very purpose. An"
        " authorization for marketing, or a consent for treatment, payment and operations, is not"
        " enough.",
        When(uses=frozenset({Information.PART2})),
        without="no_part2_consent",
    ),
)

_AUTHORIZED = (
    Rule(
        "sale_of_information",
        Requirement.AUTHORIZATION,
        "45 CFR 164.508(a)(4); 164.502(a)(5)(ii)",
        "Somebody else gets information for something of value: that is a sale and needs an"
        " authorization that says so.",
        When(gives_away=Answer.YES),
    ),
    Rule(
        "fundraising_for_others",
        Requirement.AUTHORIZATION,
        "45 CFR 164.514(f)(1); 164.508(a)(3)",
        "Fundraising for somebody else needs a signed authorization.",
        When(purposes=_FUNDRAISING, relationships=_PATIENTS, for_others=Answer.YES),
    ),
    Rule(
        "fundraising_paid",
        Requirement.AUTHORIZATION,
        "45 CFR 164.514(f)(1); 164.508(a)(3)(ii)",
        "Fundraising that somebody else pays for needs a signed authorization.",
        When(purposes=_FUNDRAISING, relationships=_PATIENTS, paid=True),
    ),
    Rule(
        "fundraising_health",
        Requirement.AUTHORIZATION,
        "45 CFR 164.514(f)(1); 164.508(a)(1)",
        "Fundraising with anything beyond demographic and visit information needs a signed"
        " authorization.",
        When(
            purposes=_FUNDRAISING,
            relationships=_PATIENTS,
            uses_more_than=_FUNDRAISING_INFORMATION,
        ),
    ),
    Rule(
        "refill_ended",
        Requirement.AUTHORIZATION,
        "45 CFR 164.501 (marketing, (2)(i)); HHS FAQ 1516",
        "The prescription ended more than 90 days ago, or it is not known when: a reminder is"
        " marketing.",
        When(
            purposes=_REFILL,
            relationships=_PATIENTS,
            prescription=frozenset({Prescription.ENDED, Prescription.UNKNOWN}),
        ),
        without="prescription_ended",
    ),
    Rule(
        "refill_paid",
        Requirement.AUTHORIZATION,
        "45 CFR 164.501 (marketing, (2)(i)); 164.508(a)(3)(ii)",
        "The payment for a refill reminder is above the cost of sending it: it is marketing and"
        " needs an authorization that mentions payment.",
        When(purposes=_REFILL, relationships=_PATIENTS, paid=True),
    ),
    Rule(
        "marketing",
        Requirement.AUTHORIZATION,
        "45 CFR 164.508(a)(3)(i)",
        "A message that promotes other products or services needs a signed authorization.",
        When(purposes=_OFFERS, relationships=_PATIENTS, paid=False),
    ),
    Rule(
        "paid_communication",
        Requirement.AUTHORIZATION,
        "45 CFR 164.508(a)(3)(ii)",
        "Somebody pays for the message: it is marketing and needs an authorization that says so.",
        When(
            purposes=frozenset(Purpose) - _WELLNESS - _FUNDRAISING - _REFILL,
            relationships=_PATIENTS,
            paid=True,
        ),
    ),
)

_FREE = (
    Rule(
        "outside_records",
        Requirement.NOTHING,
        "45 CFR 160.103; 15 U.S.C. 7704(a)(3)",
        "The person is not a patient or member; the rules of commercial mail apply.",
        When(relationships=_OUTSIDERS),
    ),
    Rule(
        "fundraising",
        Requirement.NOTHING,
        "45 CFR 164.514(f)(1)",
        "Fundraising for the organization itself may use demographic and visit information.",
        When(purposes=_FUNDRAISING),
    ),
    Rule(
        "appointment",
        Requirement.NOTHING,
        "45 CFR 164.506(c)",
        "Appointments, bills and results are part of treatment, payment and operations.",
        When(purposes=frozenset({Purpose.APPOINTMENT})),
        OptOut.NONE,
    ),
    Rule(
        "treatment",
        Requirement.NOTHING,
        "45 CFR 164.501 (marketing, (2)(ii)(A))",
        "A message about the patient's treatment that nobody pays for is not marketing.",
        When(purposes=frozenset({Purpose.TREATMENT_REMINDER})),
        OptOut.NONE,
    ),
    Rule(
        "refill",
        Requirement.NOTHING,
        "45 CFR 164.501 (marketing, (2)(i))",
        "A reminder about a current prescription, or one that lapsed no more than 90 days ago, is"
        " not marketing if payment covers no more than cost.",
        When(purposes=_REFILL),
        OptOut.NONE,
    ),
    Rule(
        "care_coordination",
        Requirement.NOTHING,
        "45 CFR 164.501 (marketing, (2)(ii)(C))",
        "Coordinating the patient's care is not marketing if nobody pays for the message.",
        When(purposes=frozenset({Purpose.CARE_COORDINATION})),
        OptOut.NONE,
    ),
    Rule(
        "own_service",
        Requirement.NOTHING,
        "45 CFR 164.501 (marketing, (2)(ii)(B))",
        "The organization's own health services and plan benefits are not marketing if nobody"
        " pays.",
        When(purposes=_OWN),
    ),
    Rule(
        "general_wellness",
        Requirement.NOTHING,
        "45 CFR 164.501 (marketing, (1))",
        "General health information that promotes no product or service is not marketing.",
        When(purposes=_WELLNESS),
        OptOut.OFFERED,
    ),
)

TABLE: tuple[Rule, ...] = _PROHIBITED + _HELD + _PART2 + _AUTHORIZED + _FREE

RULES = {rule.code: rule for rule in TABLE}


def rule_for(
    use: Use,
    relationship: Relationship,
    prescription: Prescription = Prescription.CURRENT,
    allowed: Collection[str] = (),
) -> Rule:
    """The rule that decides about a use for such people: the first that fits.

    `allowed` holds the codes of rules that a privacy officer looked at and found not to stand in
    the way; the table goes on below them.
    """
    for rule in TABLE:
        passed = rule.can_be_ruled and rule.code in allowed
        if not passed and rule.when.fits(use, relationship, prescription):
            return rule
    raise AssertionError("the table has a row for every purpose")


def rules_that_hold(use: Use, relationship: Relationship, prescription: Prescription) -> list[Rule]:
    """The rules that keep such mail waiting until a privacy officer has ruled."""
    return [
        rule
        for rule in TABLE
        if rule.can_be_ruled and rule.when.fits(use, relationship, prescription)
    ]


def is_promotional(use: Use) -> bool:
    """Whether 15 U.S.C. 7704 asks for a postal address and a way to stop in the message itself.

    It does if it may for anybody: somebody whose prescription ended, or who lives where a gift
    counts as payment.
    """
    paid = replace(use, remuneration=Remuneration.PAID)
    uses = [use, paid] if use.remuneration is Remuneration.IN_KIND else [use]
    return any(
        rule_for(each, Relationship.PATIENT, held).promotional
        for each in uses
        for held in Prescription
    )
