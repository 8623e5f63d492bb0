"""What the columns of a file are, judged by their cells, where their names say nothing.

A guess fills in a choice that a person then confirms. So it is made only when nearly every cell
fits, one field alone fits, and one column alone fits it. Dates other than of birth, names and
clinical columns look too much alike to be guessed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from contacts.rules.dates import DateProblem, age_in_years, read_date
from contacts.rules.email import EmailAddress, EmailProblem
from contacts.rules.fields import Field, ValueProblem, clean_value
from contacts.rules.starter import BIRTH_DATE, EMAIL, LANGUAGE, POSTAL_CODE, RECORD_NUMBER

FEWEST_CELLS = 3
SHARE = 0.9
"""Of the cells that are not blank, so many must fit."""
ADULT = 18
OLDEST = 120

_ZIP = re.compile(r"\d{5}(-\d{4})?", re.ASCII)
_PHONE = re.compile(r"(\+?1[ .-]?)?(\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}", re.ASCII)
_RECORD = re.compile(r"[A-Za-z]{0,5}[-_]?\d{4,12}", re.ASCII)
_MAYBE_SECRET = re.compile(r"\d{9,10}", re.ASCII)
"""As long as a social security number, a provider's number (NPI) or a phone number."""
_MIXED_SEXES = frozenset({"male", "female"})
_STATE = re.compile(
    "A[KLRSZ]|C[AOT]|D[CE]|FL|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEINOPST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI"
    "|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]",
    re.ASCII | re.IGNORECASE,
)

Cells = Sequence[str]


def guess_mapping(
    samples: Mapping[str, Cells], fields: Mapping[str, Field], today: date
) -> dict[str, str]:
    """Field keys by column name, for columns whose cells leave little doubt.

    `samples` are some cells of each column, `fields` those that no column is matched to yet.
    """
    fitting: dict[str, list[str]] = {}
    for name, cells in samples.items():
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) < FEWEST_CELLS:
            continue
        keys = [key for key in fields if key in _TESTS and _TESTS[key](filled, fields[key], today)]
        if len(keys) == 1:
            fitting.setdefault(keys[0], []).append(name)
    return {names[0]: key for key, names in fitting.items() if len(names) == 1}


def _mostly(cells: Cells, fits: Callable[[str], object]) -> bool:
    return sum(1 for cell in cells if fits(cell)) >= SHARE * len(cells)


def _emails(cells: Cells, _field: Field, _today: date) -> bool:
    return _mostly(cells, _is_address)


def _is_address(text: str) -> bool:
    try:
        EmailAddress.parse(text)
    except EmailProblem:
        return False
    return True


def _birth_dates(cells: Cells, _field: Field, today: date) -> bool:
    """All in the past, nobody too old, most of them grown up, and of many different years."""
    ages = [_age(cell, today) for cell in cells]
    known = [age for age in ages if age is not None]
    return (
        len(known) >= SHARE * len(cells)
        and min(known) >= 0
        and max(known) <= OLDEST
        and sum(1 for age in known if age >= ADULT) * 2 > len(known)
        and len(set(known)) * 3 > min(len(known), 60)
    )


def _age(text: str, today: date) -> int | None:
    try:
        return age_in_years(read_date(text), today)
    except DateProblem:
        return None


def _zip_codes(cells: Cells, _field: Field, _today: date) -> bool:
    """Five digits that differ from row to row may as well be record numbers."""
    return _mostly(cells, _ZIP.fullmatch) and (
        len(set(cells)) < len(cells) or all("-" in cell for cell in cells)
    )


def _record_numbers(cells: Cells, _field: Field, _today: date) -> bool:
    return (
        _mostly(cells, _RECORD.fullmatch)
        and len(set(cells)) == len(cells)
        and not any(_MAYBE_SECRET.fullmatch(cell) for cell in cells)
        and not all(_age(cell, _today) is not None or _ZIP.fullmatch(cell) for cell in cells)
    )


def _phones(cells: Cells, _field: Field, _today: date) -> bool:
    return _mostly(cells, _PHONE.fullmatch)


def _states(cells: Cells, _field: Field, _today: date) -> bool:
    return _mostly(cells, _STATE.fullmatch)


def _sexes(cells: Cells, field: Field, _today: date) -> bool:
    """Both must occur: a column of F alone may mean false."""
    return _choices(cells, field) >= _MIXED_SEXES


def _languages(cells: Cells, field: Field, _today: date) -> bool:
    return "en" in _choices(cells, field)


def _choices(cells: Cells, field: Field) -> set[object]:
    """The choices that the cells are; none if one of them is not a choice."""
    try:
        return {clean_value(field, cell) for cell in cells}
    except ValueProblem:
        return set()


_TESTS: dict[str, Callable[[Cells, Field, date], bool]] = {
    EMAIL: _emails,
    BIRTH_DATE: _birth_dates,
    POSTAL_CODE: _zip_codes,
    RECORD_NUMBER: _record_numbers,
    LANGUAGE: _languages,
    "phone": _phones,
    "state": _states,
    "sex": _sexes,
}
