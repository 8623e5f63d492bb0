"""From a row of a hospital's export to a contact that may be stored, or the reasons why not."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeAlias

from contacts.rules.email import EmailAddress, EmailProblem
from contacts.rules.fields import (
    Field,
    Value,
    ValueProblem,
    code_key,
    normalize,
    reader,
)
from contacts.rules.starter import (
    BIRTH_DATE,
    DECEASED,
    EMAIL,
    FIRST_NAME,
    LANGUAGE,
    RECORD_NUMBER,
    RELATIONSHIP,
)

OLDEST_AGE = timedelta(days=130 * 365)
REMEMBERED = 20_000
"""Texts of a column whose value a cleaner remembers: most columns have few different ones."""

NOBODY = "the row has neither a medical record number nor an email with a birth date"
SEVERAL = (
    "two patients have this email and birth date; add the medical record number to tell them apart"
)
ANOTHER_NAME = (
    "another patient has this email and birth date, with another first name; add the medical record"
    " number to tell them apart"
)

_SYNONYMS = {
    RECORD_NUMBER: "mrn, medical record no, patient id, patient number, chart number, record no",
    FIRST_NAME: "first, given name, patient first name, fname, forename",
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

Profile: TypeAlias = Mapping[str, Value]


class _Problem(NamedTuple):
    """A reason with the value and one without. Not an exception: that would hold all rows in
    memory."""

    detail: str
    public: str


@dataclass(slots=True)
class CleanContact:
    """A row that may be stored. `identity` says who it is, for finding the same person again."""

    number: int
    identity: str = field(repr=False)
    profile: dict[str, Value] = field(repr=False)
    email: EmailAddress | None = field(repr=False)


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


class Cleaner:
    """Reads the mapped columns of one file's rows.

    `columns` are field keys by position; positions outside it are dropped (45 CFR 164.502(b)).
    """

    def __init__(
        self, columns: Mapping[int, str], fields: Mapping[str, Field], today: date
    ) -> None:
        self._columns = [
            (position, key, _Column(key, _reader(fields[key], today)))
            for position, key in columns.items()
            if key != EMAIL
        ]
        self._keys = [key for _, key, _ in self._columns]
        self._email = next(
            (
                (position, _Column(key, _address_reader(fields[key])))
                for position, key in columns.items()
                if key == EMAIL and key in fields
            ),
            None,
        )

    def clean(self, number: int, cells: Sequence[str]) -> CleanContact | Reject:
        """One row: a contact, or every problem of the row, not just the first."""
        cleans, rejects = self.clean_all([(number, cells)])
        return cleans[0] if cleans else rejects[0]

    def clean_all(
        self, rows: Sequence[tuple[int, Sequence[str]]]
    ) -> tuple[list[CleanContact], list[Reject]]:
        """Contacts and rejects of numbered rows, all as wide as the file.

        Goes column by column: what stands in a column repeats, and looking it up needs no Python
        then.
        """
        if not rows:
            return [], []
        numbers, cells = (
            [number for number, _ in rows],
            list(zip(*(row for _, row in rows), strict=True)),
        )
        problems: defaultdict[int, list[_Problem]] = defaultdict(list)
        columns = [column.read(cells[at], problems) for at, _, column in self._columns]
        values: Iterable[Sequence[Value]] = (
            zip(*columns, strict=True) if columns else [()] * len(rows)
        )
        emails: Sequence[EmailAddress | None] = [None] * len(rows)
        if self._email:
            emails = self._email[1].read(cells[self._email[0]], problems)
        cleans: list[CleanContact] = []
        rejects: list[Reject] = []
        for at, (number, found, email) in enumerate(zip(numbers, values, emails, strict=True)):
            if at in problems:
                details, public = zip(*problems[at], strict=True)
                rejects.append(Reject(number, details, public))
                continue
            given = zip(self._keys, found, strict=True)
            profile: dict[str, Value] = (
                {key: value for key, value in given if value is not None}
                if None in found
                else dict(given)
            )
            if email:
                profile[EMAIL] = str(email)
            if identity := identity_of(profile, email):
                cleans.append(CleanContact(number, identity, profile, email))
            else:
                rejects.append(Reject(number, (NOBODY,), (NOBODY,)))
        return cleans, rejects


class _Column(dict[str, Any]):
    """A column's values by their text, read when they are first asked for."""

    def __init__(self, key: str, read: Callable[[str], Any]) -> None:
        super().__init__()
        self._read = read
        self._remembers = key not in _EACH_ANOTHER
        self._refused = 0

    def read(self, texts: Sequence[str], problems: Mapping[int, list[_Problem]]) -> list[Any]:
        """The values of these texts; what is wrong with them goes to `problems`, by position."""
        refused = self._refused
        values = list(map(self.__getitem__, texts))
        if self._refused > refused:
            for at, value in enumerate(values):
                if isinstance(value, _Problem):
                    problems[at].append(value)
        return values

    def __missing__(self, text: str) -> Any:
        try:
            value = self._read(text)
        except ValueProblem as problem:
            self._refused += 1
            return _Problem(problem.detail, problem.public)
        if self._remembers:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = value
        return value


_EACH_ANOTHER = frozenset({RECORD_NUMBER, EMAIL, "phone", BIRTH_DATE})


def _address_reader(definition: Field) -> Callable[[str], EmailAddress | None]:
    label = definition.label

    def read(text: str) -> EmailAddress | None:
        text = text.strip()
        if not text:
            return None
        try:
            return EmailAddress.parse(text)
        except EmailProblem as problem:
            detail = f"{label} “{text[:80]}”: {problem}"
            raise ValueProblem(EMAIL, f"{label}: {problem}", detail) from None

    return read


def identity_of(profile: Profile, email: EmailAddress | None) -> str:
    """Who a row is: the record number, else email and birth date, else nobody in particular.

    An email alone is not enough: households share them.
    """
    number = profile.get(RECORD_NUMBER)
    if number and (record := normalize(number)):
        return record_identity(record[0])
    born = profile.get(BIRTH_DATE)
    return f"person:{email.match_key}:{born}" if email and born else ""


def record_identity(normal: str) -> str:
    """The identity of whoever has this record number, in canonical form."""
    return f"record:{normal}"


def same_person(one: Profile, other: Profile) -> bool:
    """Whether two people with one address are the same, as far as a file can tell.

    They are if they were born on the same day, only one of them has a record number, and their
    first names do not contradict: twins share an address and a birthday.
    """
    if not one.get(BIRTH_DATE) or one.get(BIRTH_DATE) != other.get(BIRTH_DATE):
        return False
    if one.get(RECORD_NUMBER) and other.get(RECORD_NUMBER):
        return False
    names = [normalize(each.get(FIRST_NAME)) for each in (one, other)]
    return not all(names) or names[0] == names[1]


def _reader(definition: Field, today: date) -> Callable[[str], Value]:
    read = reader(definition)
    if definition.key != BIRTH_DATE:
        return read
    earliest, latest = (today - OLDEST_AGE).isoformat(), today.isoformat()

    def read_birth_date(text: str) -> Value:
        born = read(text)
        if isinstance(born, str) and not earliest <= born <= latest:
            what = "is in the future" if born > latest else "is more than 130 years ago"
            public, detail = f"{definition.label} {what}", f"{definition.label} {born} {what}"
            raise ValueProblem(definition.key, public, detail)
        return born

    return read_birth_date


def corrected(
    profile: Profile, texts: Mapping[str, str], fields: Mapping[str, Field], today: date
) -> tuple[dict[str, Value], dict[str, str]]:
    """A profile with other values by field key, as somebody typed them; and what is wrong with
    them, in sentences that repeat no value. A blank text forgets the value."""
    new, problems = dict(profile), {}
    for key, text in texts.items():
        try:
            value = _reader(fields[key], today)(text)
            if key == EMAIL and value is not None:
                value = str(EmailAddress.parse(str(value)))
        except (ValueProblem, EmailProblem) as problem:
            problems[key] = f"{problem}."
            continue
        new[key] = value
    return {key: value for key, value in new.items() if value is not None}, problems


def merged(kept: Profile, other: Profile) -> dict[str, Value]:
    """One person of two records: the kept one's values, filled up from the other's; lists joined.

    Whoever is deceased in one of them is.
    """
    new = {**other, **kept}
    for key in kept.keys() & other.keys():
        ours, theirs = kept[key], other[key]
        if isinstance(ours, list) and isinstance(theirs, list):
            new[key] = list({code_key(each): each for each in (*theirs, *ours)}.values())
    if kept.get(DECEASED) is True or other.get(DECEASED) is True:
        new[DECEASED] = True
    return new


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
