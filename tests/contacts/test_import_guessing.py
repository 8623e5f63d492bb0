"""Columns without a telling name are matched by what is in them, but only where there is no
doubt."""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.guessing import guess_mapping
from contacts.rules.starter import starter_fields

FIELDS = starter_fields()
TODAY = date(2026, 11, 21)
BIRTHDAYS = ["1951-07-23", "02/28/1980", "1999-01-05", "19440612", "2015-03-03"]


def guessed(**columns: Sequence[str]) -> dict[str, str]:
    return guess_mapping(columns, FIELDS, TODAY)


@pytest.mark.parametrize(
    ("key", "cells"),
    [
        ("email", ["a@x.org", "b@y.org", "", "c@z.org"]),
        ("birth_date", BIRTHDAYS),
        ("postal_code", ["92501", "92501", "92507"]),
        ("postal_code", ["92501-1234", "92507-3333", "92503-0001"]),
        ("state", ["CA", "NV", "ca", "CA"]),
        ("phone", ["(951) 555-0100", "951-555-0101", "+1 951 555 0102"]),
        ("sex", ["F", "M", "F", "U"]),
        ("language", ["English", "Spanish", "en", "vie"]),
        ("record_number", ["RH000017", "RH000018", "RH000044"]),
        ("record_number", ["1000017", "1000018", "1000044"]),
    ],
)
def test_what_leaves_no_doubt_is_guessed(key: str, cells: list[str]) -> None:
    assert guessed(Field_7=cells) == {"Field_7": key}


@pytest.mark.parametrize(
    "cells",
    [
        ["2026-10-01", "2026-11-12", "2025-12-24", "2026-01-01"],  # visits
        ["1951-07-23", "1951-07-23", "2027-01-01"],  # one in the future
        ["2020-01-01", "2019-03-04", "2018-05-06"],  # children, or visits
        ["F", "F", "F"],  # false, perhaps
        ["92501", "92507", "92509"],  # ZIP codes or record numbers
        ["123456789", "987654321", "555443333"],  # social security numbers, perhaps
        ["123-45-6789", "987-65-4321", "555-44-3333"],
        ["Ann", "Bob", "Cy"],
        ["a@x.org", "b@y.org"],  # too few
        ["", "", ""],
        [],
    ],
)
def test_what_leaves_doubt_is_not_guessed(cells: list[str]) -> None:
    assert guessed(Field_7=cells) == {}


def test_two_columns_that_fit_one_field_are_left_to_the_person() -> None:
    emails = ["a@x.org", "b@y.org", "c@z.org"]
    assert guessed(A=emails, B=emails, C=BIRTHDAYS) == {"C": "birth_date"}


def test_a_field_that_is_matched_already_is_not_guessed() -> None:
    others = {key: each for key, each in FIELDS.items() if key != "email"}
    assert guess_mapping({"A": ["a@x.org", "b@y.org", "c@z.org"]}, others, TODAY) == {}


@given(
    st.dictionaries(
        st.text(string.ascii_letters, min_size=1),
        st.lists(st.text(max_size=12) | st.sampled_from(["F", "92501", "CA", "1951-07-23"])),
        max_size=6,
    )
)
def test_any_cells_give_each_field_once(columns: dict[str, list[str]]) -> None:
    found = guess_mapping(columns, FIELDS, TODAY)
    assert set(found) <= set(columns)
    assert len(set(found.values())) == len(found)
