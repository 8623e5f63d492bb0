"""From a row of a hospital's export to a contact that may be stored, or the reasons why not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from contacts.rules.csvfile import Row
from contacts.rules.email import EmailAddress, EmailProblem
from contacts.rules.fields import (
    Field,
    Relationship,
    Value,
    ValueProblem,
    clean_value,
    normalize,
)
from contacts.rules.starter import (
    BIRTH_DATE,
    DECEASED,
    EMAIL,
    LANGUAGE,
    RECORD_NUMBER,
    RELATIONSHIP,
)

OLDEST_AGE = timedelta(days=130 * 365)

_SYNONYMS = {
    RECORD_NUMBER: "mrn, medical record no, patient id, patient number, chart number, record no",
    "first_name": "first, given name, patient first name, fname, forename",
    "last_name": "last, surname, family name, patient last name, lname",
    EMAIL: "e-mail, email address, e-mail address, mail, patient email",
    "phone": "telephone, phone number, mobile, cell, cell phone, home phone",
    BIRTH_DATE: "dob, date of birth, birthdate, birthday, patient dob",
    "sex": "gender, sex at birth, administrative sex",
    LANGUAGE: "preferred language, primary language, lang",
    "postal_code": "zip, zipcode, zip code, postcode",
    "state": "st, province, state of residence",
    RELATIONSHIP: "relation, contact type",
    DECEASED: "is deceased, deceased flag, deceased indicator, dead",
    "conditions": "condition, diagnosis, diagnoses, problem list, problems, dx",
    "last_visit": "last visit date, date of last visit, last encounter, last seen",
    "next_appointment": "next visit, appointment date, appointment",
    "department": "dept, clinic, service, department of service",
    "primary_provider": "provider, pcp, physician, doctor, primary care provider",
    "insurance": "payer, payor, plan, insurer, insurance plan",
    "wellness_interest": "interests, wellness interests, interest",
    "last_flu_shot": "flu shot, last flu vaccine, influenza vaccine date",
}


@dataclass(frozen=True, slots=True)
class CleanContact:
    """A row that may be stored. `identity` says who it is, for finding the same person again."""

    number: int
    identity: str = field(repr=False)
    profile: dict[str, Value] = field(repr=False)
    email: EmailAddress | None = field(repr=False)
    language: str
    relationship: Relationship
    deceased: bool

    @property
    def mail_domain(self) -> str:
        """The domain that mail goes to, empty without an email."""
        return self.email.domain if self.email else ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that may not be stored.

    `reasons` repeat values, for the reject file of authorized staff; `public_reasons` never do.
    """

    number: int
    reasons: tuple[str, ...] = field(repr=False)
    public_reasons: tuple[str, ...]


def suggest_mapping(headers: Iterable[str], fields: Mapping[str, Field]) -> dict[str, str]:
    """Field keys by header, by name or common synonym; unknown headers are left out."""
    keys_by_name: dict[str, str] = {}
    for key, definition in fields.items():
        for name in (key, definition.label, *_SYNONYMS.get(key, "").split(",")):
            keys_by_name.setdefault(_letters(name), key)
    mapping: dict[str, str] = {}
    for header in headers:
        key = keys_by_name.get(_letters(header), "")
        if key and key not in mapping.values():
            mapping[header] = key
    return mapping


def clean_row(
    row: Row, mapping: Mapping[str, str], fields: Mapping[str, Field], today: date
) -> CleanContact | Reject:
    """Read a row's mapped columns; columns outside the mapping are dropped (45 CFR 164.502(b)).

    Every problem of the row is reported, not just the first.
    """
    if row.problem:
        return Reject(row.number, (row.problem,), (row.problem,))
    profile: dict[str, Value] = {}
    problems: list[ValueProblem] = []
    for header, key in mapping.items():
        try:
            profile[key] = _clean(fields[key], row.values.get(header, ""), today)
        except ValueProblem as problem:
            problems.append(problem)
    profile = {key: value for key, value in profile.items() if value is not None}
    identity = _identity(profile)
    if not identity and not problems:
        what = "the row has neither a medical record number nor an email with a birth date"
        problems.append(ValueProblem(RECORD_NUMBER, what, what))
    if problems:
        return _reject(row.number, problems)
    return _contact(row.number, identity, profile)


def _contact(number: int, identity: str, profile: dict[str, Value]) -> CleanContact:
    email = profile.get(EMAIL)
    relationship = profile.get(RELATIONSHIP)
    return CleanContact(
        number=number,
        identity=identity,
        profile=profile,
        email=EmailAddress.parse(email) if isinstance(email, str) else None,
        language=str(profile.get(LANGUAGE, "")),
        # Unknown counts as a patient: the relationship with the strictest rules.
        relationship=Relationship(str(relationship)) if relationship else Relationship.PATIENT,
        deceased=profile.get(DECEASED) is True,
    )


def _reject(number: int, problems: list[ValueProblem]) -> Reject:
    return Reject(
        number,
        tuple(problem.detail for problem in problems),
        tuple(problem.public for problem in problems),
    )


def _clean(definition: Field, text: str, today: date) -> Value:
    value = clean_value(definition, text)
    if definition.key == EMAIL and isinstance(value, str):
        return _clean_email(definition, value)
    if definition.key == BIRTH_DATE and isinstance(value, str):
        _check_birth_date(definition, date.fromisoformat(value), today)
    return value


def _clean_email(definition: Field, text: str) -> str:
    try:
        return str(EmailAddress.parse(text))
    except EmailProblem as problem:
        public = f"{definition.label}: {problem}"
        detail = f"{definition.label} “{text}”: {problem}"
        raise ValueProblem(definition.key, public, detail) from None


def _check_birth_date(definition: Field, born: date, today: date) -> None:
    if born > today:
        what = "is in the future"
    elif today - born > OLDEST_AGE:
        what = "is more than 130 years ago"
    else:
        return
    public = f"{definition.label} {what}"
    raise ValueProblem(definition.key, public, f"{definition.label} {born.isoformat()} {what}")


def _identity(profile: Mapping[str, Value]) -> str:
    """Who a row is: the record number, else email and birth date, else nobody in particular.

    An email alone is not enough: households share them.
    """
    if record := normalize(profile.get(RECORD_NUMBER)):
        return f"record:{record[0]}"
    email, born = profile.get(EMAIL), profile.get(BIRTH_DATE)
    if isinstance(email, str) and born:
        return f"person:{EmailAddress.parse(email).match_key}:{born}"
    return ""


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
