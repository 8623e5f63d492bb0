"""Rows become contacts or rejects; a reject tells authorized staff everything and logs nothing."""

from datetime import date
from itertools import product

import pytest

from contacts.rules import imports
from contacts.rules.imports import (
    CleanContact,
    Cleaner,
    Reject,
    suggest_mapping,
)
from contacts.rules.reading import Row
from contacts.rules.starter import starter_fields

FIELDS = starter_fields()
TODAY = date(2026, 11, 21)


def clean(**values: str) -> CleanContact | Reject:
    return Cleaner(dict(enumerate(values)), FIELDS, TODAY).clean(7, list(values.values()))


def accept(**values: str) -> CleanContact:
    contact = clean(**values)
    assert isinstance(contact, CleanContact)
    return contact


def reject(**values: str) -> Reject:
    refused = clean(**values)
    assert isinstance(refused, Reject)
    return refused


def test_columns_are_recognized_by_name_and_synonym_once_each() -> None:
    headers = ["MRN", "First Name", "Surname", "E-Mail", "DOB", "Date of Birth", "Shoe size"]
    assert suggest_mapping(headers, FIELDS) == {
        "MRN": "record_number",
        "First Name": "first_name",
        "Surname": "last_name",
        "E-Mail": "email",
        "DOB": "birth_date",
    }


def test_a_full_row() -> None:
    contact = accept(
        record_number=" A-17 ",
        email="Ana.Ruiz@Example.org",
        birth_date="2/28/1980",
        language="Spanish",
        relationship="member",
        deceased="n",
        conditions="Asthma;COPD",
        phone="",
    )
    assert contact.profile == {
        "record_number": "A-17",
        "email": "Ana.Ruiz@example.org",
        "birth_date": "1980-02-28",
        "language": "es",
        "relationship": "member",
        "deceased": False,
        "conditions": ["asthma", "copd"],
    }
    assert contact.identity == "record:a-17"
    assert str(contact.email) == "Ana.Ruiz@example.org"


def test_without_a_record_number_email_and_birth_date_identify() -> None:
    first = accept(email="Ana@Example.org", birth_date="1980-02-28")
    second = accept(email="ana@example.org", birth_date="02/28/1980")
    assert first.identity == second.identity
    assert accept(email="ana@example.org", birth_date="2010-02-28").identity != first.identity


def test_a_record_number_is_enough() -> None:
    contact = accept(record_number="17")
    assert contact.email is None


def test_nobody_in_particular_is_rejected() -> None:
    for values in ({"email": "ana@example.org"}, {"birth_date": "1980-02-28"}, {"state": "CA"}):
        assert "neither a medical record number" in reject(**values).public_reasons[0]


def test_every_problem_of_a_row_is_reported_without_values_in_public() -> None:
    refused = reject(record_number="17", birth_date="31/02/1980", email="ana at example", sex="?")
    assert refused.number == 7
    assert refused.reasons == (
        "Birth date “31/02/1980” does not exist",
        "Sex “?” is not one of the choices of this field",
        "Email “ana at example”: the email must be one address without a name or spaces around it",
    )
    for value in ("31/02/1980", "ana at", "?"):
        assert value not in repr(refused.public_reasons)
        assert value not in repr(refused)


def test_a_birth_date_must_be_a_possible_age() -> None:
    assert reject(record_number="1", birth_date="2026-11-22").public_reasons == (
        "Birth date is in the future",
    )
    assert reject(record_number="1", birth_date="1890-01-01").public_reasons == (
        "Birth date is more than 130 years ago",
    )
    assert accept(record_number="1", birth_date="2026-11-21")


def test_of_many_rows_each_keeps_its_own_values_and_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a column has more different texts than are remembered."""
    monkeypatch.setattr(imports, "REMEMBERED", 2)
    columns = {0: "record_number", 1: "email", 2: "birth_date", 3: "sex", 4: "department"}
    rows = [
        (n, [f"A{n}", email, born, sex, f"Ward {n % 5}"])
        for n, (email, born, sex) in enumerate(
            product(("ana@example.org", "ana at", ""), ("1980-02-28", "02/30/1980", ""), "FM?")
        )
    ]
    cleans, rejects = Cleaner(columns, FIELDS, TODAY).clean_all(rows)
    assert (len(cleans), len(rejects)) == (2 * 2 * 2, 27 - 8)
    found = {each.number: each for each in (*cleans, *rejects)}
    for number, cells in rows:
        alone = Cleaner(columns, FIELDS, TODAY).clean(number, cells)
        assert found[number] == alone
    assert Cleaner(columns, FIELDS, TODAY).clean_all([]) == ([], [])


def test_columns_outside_the_mapping_are_dropped() -> None:
    contact = Cleaner({0: "record_number"}, FIELDS, TODAY).clean(2, ["1", "x"])
    assert isinstance(contact, CleanContact)
    assert contact.profile == {"record_number": "1"}


def test_a_contact_and_a_row_never_show_values_in_their_repr() -> None:
    contact = accept(record_number="SECRET", first_name="SECRET", email="SECRET@example.org")
    assert "SECRET" not in repr(contact).upper().replace("SECRET@", "")
    assert "secret" not in repr(Row(2, ("secret",)))
