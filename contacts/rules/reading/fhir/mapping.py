"""What is read from which FHIR R4 resource: one table, from which the documentation is made too.

Whatever is not in it is dropped while reading (minimum necessary, 45 CFR 164.502(b)). Race and
ethnicity, notes and documents are not in it on purpose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from contacts.rules.reading.fhir import person
from contacts.rules.reading.fhir.values import (
    CPT,
    CVX,
    ICD10,
    LOINC,
    RXNORM,
    SNOMED,
    Codes,
    Json,
    codings,
    day,
    has_code,
    number,
    object_of,
    objects,
    one_code,
    text,
    written_code,
)

Found: TypeAlias = str | Codes


class Merge(StrEnum):
    """How what several records say of one patient becomes one value."""

    ONE = "one"
    CODES = "codes"
    LATEST = "latest"
    LATEST_VALUE = "latest value"
    EARLIEST = "earliest"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: the FHIR path it comes from, and by which rule, in words.

    `find` gets a resource and the day of the import. For LATEST_VALUE it gives "day value".
    """

    key: str
    path: str
    rule: str
    find: Callable[[Json, date], Found]
    merge: Merge = Merge.LATEST


@dataclass(frozen=True, slots=True)
class Resource:
    """A type of resource: where it names its patient, which are kept, and what is read."""

    type: str
    patient: str
    kept: str
    keep: Callable[[Json, date], bool]
    columns: tuple[Column, ...]


def _status(*allowed: str) -> Callable[[Json, date], bool]:
    return lambda resource, _: text(resource.get("status")) in allowed


def _is_true_condition(condition: Json, _: date) -> bool:
    clinical, verified = condition.get("clinicalStatus"), condition.get("verificationStatus")
    if verified and not has_code(verified, "confirmed"):
        return False
    if clinical:
        return has_code(clinical, "active", "recurrence", "relapse")
    return not any(name.startswith("abatement") for name in condition)


def _is_true_allergy(allergy: Json, _: date) -> bool:
    clinical, verified = allergy.get("clinicalStatus"), allergy.get("verificationStatus")
    return not (verified and has_code(verified, "refuted", "entered-in-error")) and (
        not clinical or has_code(clinical, "active")
    )


def _is_taken(request: Json, _: date) -> bool:
    return (
        text(request.get("status")) == "active"
        and text(request.get("intent")) not in {"proposal", "plan", "option"}
        and request.get("doNotPerform") is not True
    )


def _medication(request: Json, _: date) -> Codes:
    if concept := request.get("medicationCodeableConcept"):
        return one_code(concept, RXNORM)
    reference = object_of(request.get("medicationReference"))
    if (target := text(reference.get("reference"))).startswith("#"):
        for contained in objects(request.get("contained")):
            if text(contained.get("id")) == target[1:]:
                return one_code(contained.get("code"), RXNORM)
    return written_code(text(reference.get("display")))


def _visited(encounter: Json, today: date) -> str:
    if text(encounter.get("status")) in {"planned", "cancelled"}:
        return ""
    period = object_of(encounter.get("period"))
    days = (day(period.get("end")), day(period.get("start")))
    return max((found for found in days if found and found <= today.isoformat()), default="")


def _planned(encounter: Json, today: date) -> str:
    if text(encounter.get("status")) != "planned":
        return ""
    return _from_today(object_of(encounter.get("period")).get("start"), today)


def _from_today(moment: object, today: date) -> str:
    found = day(moment)
    return found if found >= today.isoformat() else ""


# CVX codes of vaccines against seasonal influenza (CDC, IIS code sets, vaccine group FLU).
FLU_CVX = frozenset(
    str(code)
    for code in (
        *(15, 16, 88, 111, 135, 140, 141, 144, 149, 150, 151, 153, 155, 158, 161, 166, 168, 171),
        *(185, 186, 194, 197, 200, 201, 202, 205, 231, 320, 333),
    )
)


def _flu_shot(immunization: Json, today: date) -> str:
    given = {code for system, code, _ in codings(immunization.get("vaccineCode")) if system == CVX}
    if not given & FLU_CVX:
        return ""
    found = day(immunization.get("occurrenceDateTime"))
    return found if found <= today.isoformat() else ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number that is kept from Observations: its LOINC codes, and the units it must be in."""

    key: str
    codes: tuple[str, ...]
    units: tuple[str, ...]

    def find(self, observation: Json, today: date) -> str:
        """ "day value", or empty where the observation is another or has no usable number."""
        moment = observation.get("effectiveDateTime") or object_of(
            observation.get("effectivePeriod")
        ).get("start")
        measured = day(moment)
        if not measured or measured > today.isoformat():
            return ""
        for one in (observation, *objects(observation.get("component"))):
            if self._is_meant(one) and (value := number(one.get("valueQuantity"), *self.units)):
                return f"{measured} {value}"
        return ""

    def find_day(self, observation: Json, today: date) -> str:
        return self.find(observation, today).partition(" ")[0]

    def _is_meant(self, observation: Json) -> bool:
        known = codings(observation.get("code"))
        return any(system == LOINC and code in self.codes for system, code, _ in known)


MEASUREMENTS = (
    Measurement("hba1c", ("4548-4", "17856-6", "4549-2"), ("%", "percent")),
    Measurement("ldl", ("13457-7", "18262-6", "2089-1"), ("mg/dl",)),
    Measurement("bmi", ("39156-5",), ("kg/m2", "kg/m^2")),
    Measurement("systolic_pressure", ("8480-6",), ("mm[hg]", "mmhg", "mm hg")),
)


def _measured() -> tuple[Column, ...]:
    columns = []
    for one in MEASUREMENTS:
        path = f"value[x] where code is LOINC {' or '.join(one.codes)}"
        rule = f"the latest number, if its unit is {one.units[0]}; not a bound such as <7"
        columns += [
            Column(one.key, path, rule, one.find, Merge.LATEST_VALUE),
            Column(f"{one.key}_date", "effective[x]", "the day of that number", one.find_day),
        ]
    return tuple(columns)


_ONE = Merge.ONE
_CODES = Merge.CODES

RESOURCES = (
    Resource(
        "Patient",
        "id",
        "all, also those marked as not active",
        lambda resource, today: True,
        (
            Column(
                "record_number",
                "identifier.value",
                "the identifier of type MR, usual before official; without any, the usual or only"
                " one that is no social security, licence, passport or insurance number",
                person.record_number,
                _ONE,
            ),
            Column(
                "record_system",
                "identifier.system",
                "of the same identifier",
                person.record_system,
                _ONE,
            ),
            Column(
                "fhir_id",
                "id",
                "the server's own number of the patient",
                lambda patient, _: text(patient.get("id")),
                _ONE,
            ),
            Column(
                "first_name",
                "name.given",
                "the first given name: usual, else official, else one without a use; never old,"
                " maiden, nickname, anonymous or ended ones",
                person.first_name,
                _ONE,
            ),
            Column(
                "last_name",
                "name.family",
                "official, else usual, else one without a use; never old, maiden or ended ones",
                person.last_name,
                _ONE,
            ),
            Column(
                "email",
                "telecom.value where system is email",
                "by rank, then home, mobile, none, work; never old or ended ones",
                person.email,
                _ONE,
            ),
            Column(
                "phone",
                "telecom.value where system is phone or sms",
                "by rank, then mobile, home, none, work; never old or ended ones",
                person.phone,
                _ONE,
            ),
            Column(
                "birth_date",
                "birthDate",
                "a date without a day is left empty",
                person.birth_date,
                _ONE,
            ),
            Column(
                "sex",
                "gender",
                "the administrative gender",
                lambda patient, _: text(patient.get("gender")),
                _ONE,
            ),
            Column(
                "language",
                "communication.language",
                "the preferred one, or the only one, as ISO 639-1",
                person.language,
                _ONE,
            ),
            Column(
                "postal_code",
                "address.postalCode",
                "of the home address, else one without a use; never old or ended ones",
                person.postal_code,
                _ONE,
            ),
            Column("state", "address.state", "of the same address", person.state, _ONE),
            Column("deceased", "deceased[x]", "yes if true or a time", person.deceased, _ONE),
            Column(
                "primary_provider",
                "generalPractitioner.display",
                "the first",
                lambda patient, _: text(
                    object_of(patient.get("generalPractitioner")).get("display")
                ),
                _ONE,
            ),
        ),
    ),
    Resource(
        "Condition",
        "subject",
        "confirmed or without verification; active, recurring, relapsed, or without a status and"
        " an end",
        _is_true_condition,
        (
            Column(
                "condition_codes",
                "code",
                "SNOMED CT, else ICD-10, else the first coding, else the text",
                lambda condition, _: one_code(condition.get("code"), SNOMED, ICD10),
                _CODES,
            ),
        ),
    ),
    Resource(
        "AllergyIntolerance",
        "patient",
        "active or without a status; not refuted",
        _is_true_allergy,
        (
            Column(
                "allergy_codes",
                "code",
                "RxNorm, else SNOMED CT, else the first coding, else the text",
                lambda allergy, _: one_code(allergy.get("code"), RXNORM, SNOMED),
                _CODES,
            ),
        ),
    ),
    Resource(
        "MedicationRequest",
        "subject",
        "active orders; not proposals, plans, or what must not be taken",
        _is_taken,
        (
            Column(
                "medication_codes",
                "medication[x]",
                "RxNorm, else the first coding, else the text",
                _medication,
                _CODES,
            ),
        ),
    ),
    Resource(
        "Immunization",
        "patient",
        "completed",
        _status("completed"),
        (
            Column(
                "immunization_codes",
                "vaccineCode",
                "CVX, else the first coding",
                lambda given, _: one_code(given.get("vaccineCode"), CVX),
                _CODES,
            ),
            Column(
                "last_flu_shot",
                "occurrenceDateTime",
                "the latest with a CVX code of the influenza group",
                _flu_shot,
            ),
        ),
    ),
    Resource(
        "Procedure",
        "subject",
        "completed",
        _status("completed"),
        (
            Column(
                "procedure_codes",
                "code",
                "SNOMED CT, else CPT, else the first coding, else the text",
                lambda done, _: one_code(done.get("code"), SNOMED, CPT),
                _CODES,
            ),
        ),
    ),
    Resource(
        "Encounter",
        "subject",
        "planned, arrived, in progress or finished",
        _status("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "completed"),
        (
            Column("last_visit", "period", "the latest end or start up to today", _visited),
            Column(
                "next_appointment",
                "period.start",
                "planned: the next from today on",
                _planned,
                Merge.EARLIEST,
            ),
        ),
    ),
    Resource(
        "Appointment",
        "participant.actor",
        "booked",
        _status("booked"),
        (
            Column(
                "next_appointment",
                "start",
                "the next from today on",
                lambda booked, today: _from_today(booked.get("start"), today),
                Merge.EARLIEST,
            ),
        ),
    ),
    Resource(
        "Coverage",
        "beneficiary",
        "active",
        _status("active"),
        (
            Column(
                "insurance",
                "payor.display",
                "the first payor",
                lambda coverage, _: text(object_of(coverage.get("payor")).get("display")),
                _ONE,
            ),
        ),
    ),
    Resource(
        "Observation",
        "subject",
        "final, amended or corrected, and one of the measurements below",
        lambda resource, today: (
            _status("final", "amended", "corrected")(resource, today)
            and any(one.find(resource, today) for one in MEASUREMENTS)
        ),
        _measured(),
    ),
)

BY_TYPE: Mapping[str, Resource] = {resource.type: resource for resource in RESOURCES}
MERGES: Mapping[str, Merge] = {
    column.key: column.merge for resource in RESOURCES for column in resource.columns
}
"""How to merge each column, in the order of the table."""
HEADERS = tuple(MERGES)
