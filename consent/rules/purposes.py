"""What a message is for, who pays for it, and what information it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from contacts.rules.fields import Field, FieldClass, FieldGroup


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

    Any amount counts; gifts in kind do not (45 CFR 164.501, "financial remuneration"), but some
    states count them. COST_ONLY is payment no higher than the cost of sending and helps refill
    reminders alone.
    """

    NONE = "none"
    IN_KIND = "in_kind"
    COST_ONLY = "cost_only"
    PAID = "paid"
    UNKNOWN = "unknown"


class Answer(StrEnum):
    """An answer to a question about a campaign. UNKNOWN is never taken for the convenient one."""

    YES = "yes"
    NO = "no"
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


@dataclass(frozen=True, slots=True)
class Use:
    """What a mailing does with information, the same for all of its recipients.

    `sponsor` names who pays or gives. `information` holds the kinds that segment and content use.
    `gives_away` says whether somebody else gets the information for anything of value, `features`
    whether a patient's story or picture is in it, `for_others` whether it raises funds for somebody
    else, `notice_given` whether the notice of privacy practices mentions fundraising. `topic` is
    what readers may decline by itself.
    """

    purpose: Purpose
    remuneration: Remuneration
    information: frozenset[Information]
    sponsor: str = ""
    gives_away: Answer = Answer.NO
    features: Answer = Answer.NO
    for_others: Answer = Answer.NO
    notice_given: Answer = Answer.YES
    topic: UUID | None = None
    prescription_field: str = ""

    @property
    def paid(self) -> bool:
        """Whether an authorization must mention remuneration (45 CFR 164.508(a)(3)(ii))."""
        if self.purpose is Purpose.REFILL_REMINDER:
            return self.remuneration is Remuneration.PAID
        return self.remuneration in {Remuneration.COST_ONLY, Remuneration.PAID}

    @property
    def needs_sponsor(self) -> bool:
        """Whether somebody gives something for the message, so that a name is due."""
        return self.remuneration in _GIVING


_GIVING = {Remuneration.IN_KIND, Remuneration.COST_ONLY, Remuneration.PAID}


def use_to_json(use: Use) -> dict[str, Any]:
    """Plain JSON that `use_from_json` reads back; the same use always gives the same."""
    dumped: dict[str, Any] = _USE.dump_python(use, mode="json")
    return dumped | {"information": sorted(dumped["information"])}


def use_from_json(data: Mapping[str, Any]) -> Use:
    """Raises pydantic.ValidationError when the data has another shape."""
    return _USE.validate_python(data)


_USE = TypeAdapter(Use)
