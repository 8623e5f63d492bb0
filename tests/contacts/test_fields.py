"""Values are read in the forms that record systems export, and told apart plainly otherwise."""

import traceback
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.dates import age_in_years
from contacts.rules.fields import (
    Choice,
    Field,
    FieldGroup,
    FieldType,
    PsychotherapyNotes,
    Value,
    ValueProblem,
    clean_value,
    normalize,
    refuse_psychotherapy_notes,
)
from contacts.rules.indexing import index_entries
from contacts.rules.starter import starter_fields

FIELDS = starter_fields()
BIRTH_DATE = FIELDS["birth_date"]
SCORE = Field("score", "Score", FieldType.NUMBER, FieldGroup.CLINICAL)


@pytest.mark.parametrize(
    "text",
    [
        "1980-02-28",
        "1980-2-28",
        "1980-02-28T00:00:00Z",
        "1980-02-28 00:00:00.000",
        "19800228",
        "02/28/1980",
        "2/28/1980 12:00 AM",
        "2-28-1980",
        "28-FEB-1980",
        "Feb 28, 1980",
        "February 28 1980",
    ],
)
def test_dates_in_the_usual_forms_become_iso(text: str) -> None:
    assert clean_value(BIRTH_DATE, text) == "1980-02-28"


@pytest.mark.parametrize("text", ["31/02/1980", "1980-02-30", "02/29/2023", "01/01/0202"])
def test_a_date_that_does_not_exist_is_named_only_in_the_detail(text: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        clean_value(BIRTH_DATE, text)
    assert caught.value.detail == f"Birth date “{text}” does not exist"
    assert caught.value.public == str(caught.value) == "Birth date does not exist"


@pytest.mark.parametrize(
    "text", ["2/28/80", "yesterday", "28.02.1980", "1980-02", "１９８０-02-28"]
)
def test_a_text_that_may_be_no_date_is_refused_with_the_form_to_use(text: str) -> None:
    with pytest.raises(ValueProblem, match="write it like 1980-02-28"):
        clean_value(BIRTH_DATE, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-1,234.50", -1234.5), ("7.0", 7), ("+3", 3), ("", None), ("  ", None)],
)
def test_numbers(text: str, value: float | None) -> None:
    assert clean_value(SCORE, text) == value


@pytest.mark.parametrize("text", ["nan", "inf", "1e5", "1,23", "twelve", "9" * 20, "٣"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueProblem):
        clean_value(SCORE, text)


def test_choices_are_found_by_code_label_or_synonym_in_any_case() -> None:
    assert clean_value(FIELDS["sex"], "f") == "female"
    assert clean_value(FIELDS["language"], "  tiếng  VIỆT ") == "vi"
    assert clean_value(FIELDS["conditions"], "HTN; Asthma | high blood pressure;") == [
        "hypertension",
        "asthma",
    ]
    with pytest.raises(ValueProblem, match="not one of the choices"):
        clean_value(FIELDS["conditions"], "Asthma; Dragon pox")


def test_a_choice_field_without_choices_takes_any_text() -> None:
    assert clean_value(FIELDS["wellness_interest"], "Yoga; Tai chi") == ["Yoga", "Tai chi"]


@pytest.mark.parametrize(("text", "value"), [("Y", True), ("no", False), ("deceased", True)])
def test_booleans(text: str, value: bool) -> None:
    assert clean_value(FIELDS["deceased"], text) is value


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "x" * 501, "\ud800"])
def test_text_that_cannot_be_shown_or_stored_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        clean_value(FIELDS["department"], text)


@given(st.sampled_from(list(FIELDS.values())), st.text(max_size=30))
def test_reading_is_stable_or_refused_without_the_value_in_the_traceback(
    field: Field, text: str
) -> None:
    logged = ""
    try:
        value = clean_value(field, f"{text}QZX")
    except ValueProblem as problem:
        logged = "".join(traceback.format_exception_only(problem))
    else:
        again = "; ".join(value) if isinstance(value, list) else str(value)
        assert clean_value(field, again) == value
    assert "QZX" not in logged


@given(st.text())
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    once = normalize(text)
    assert [again for normal in once for again in normalize(normal)] == once


def test_normal_forms_meet() -> None:
    assert normalize("  Straße ") == normalize("STRASSE") == ["strasse"]
    assert normalize("Ａsthma") == ["asthma"]
    assert normalize(7) == normalize(7.0) == ["7"]
    assert normalize(["A", "b"]) == ["a", "b"]
    assert normalize(True) == ["true"]
    assert normalize(None) == normalize("  ") == []


def test_only_searchable_fields_are_indexed() -> None:
    profile: dict[str, Value] = {
        "first_name": "Ana",
        "conditions": ["asthma", "copd"],
        "state": "CA",
    }
    entries = list(index_entries(FIELDS.values(), profile))
    assert entries == [("state", "ca"), ("conditions", "asthma"), ("conditions", "copd")]


@pytest.mark.parametrize(
    "name",
    [
        "Psychotherapy notes",
        "psychotherapyNotes",
        "PSYCH_NOTE",
        "notes (psychotherapy)",
        "Therapy Notes",
        "counseling-session notes",
    ],
)
def test_psychotherapy_notes_cannot_be_defined(name: str) -> None:
    with pytest.raises(PsychotherapyNotes):
        refuse_psychotherapy_notes(name)
    with pytest.raises(PsychotherapyNotes):
        Field("x", name, FieldType.TEXT, FieldGroup.CLINICAL)
    with pytest.raises(PsychotherapyNotes):
        replace(SCORE, key=name)


@pytest.mark.parametrize("name", ["Notes", "Psychiatry department", "Physical therapy notes"])
def test_other_notes_can(name: str) -> None:
    refuse_psychotherapy_notes(name)


def test_labels() -> None:
    assert FIELDS["conditions"].label_of("copd") == "COPD"
    assert FIELDS["deceased"].label_of(False) == "no"
    assert replace(SCORE, choices=(Choice("a", "A"),)).label_of("gone") == "gone"


def test_a_birthday_on_leap_day_comes_in_march() -> None:
    born = date(2004, 2, 29)
    assert age_in_years(born, date(2026, 2, 28)) == 21
    assert age_in_years(born, date(2026, 3, 1)) == 22
