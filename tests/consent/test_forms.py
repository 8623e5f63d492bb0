"""A form without a required element or statement is never published, and the finding says why."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consent.rules.findings import Kind
from consent.rules.forms import (
    ExpiresAfter,
    ExpiresAtEvent,
    FormText,
    check_form,
    check_translation,
    last_day,
)
from consent.rules.purposes import Information, Purpose
from consent.rules.reading import reading_grade
from consent.rules.starter import spanish_starter, starter_form

NAME = "Riverside Health"
GOOD = starter_form(NAME, "privacy@riverside.test", sponsor="Acme Fitness")


def test_the_starter_form_passes_with_and_without_a_sponsor() -> None:
    assert check_form(GOOD, NAME) == []
    assert check_form(starter_form(NAME, "a street"), NAME) == []
    assert GOOD.covers_remuneration
    assert not starter_form(NAME, "a street").covers_remuneration


def event(text: str, review_on: date | None = date(2027, 1, 1)) -> ExpiresAtEvent:
    return ExpiresAtEvent(text, review_on)


@pytest.mark.parametrize(
    ("number", "citation", "changes"),
    [
        (1, "164.508(c)(1)(i)", {"information": " "}),
        (1, "164.508(c)(1)(i)", {"categories": frozenset()}),
        (1, "164.508(c)(1)(i)", {"information": "We use all your medical records."}),
        (1, "164.508(c)(1)(i)", {"information": "We use any health information."}),
        (1, "164.508(c)(1)(i)", {"information": "We use your entire medical chart."}),
        (1, "164.508(c)(1)(i)", {"information": "Usamos toda su información."}),
        (1, "164.508(b)(3)(ii)", {"categories": frozenset({Information.PSYCHOTHERAPY_NOTES})}),
        (2, "164.508(c)(1)(ii)", {"discloser": ""}),
        (2, "164.508(c)(1)(ii)", {"discloser": "Valley Clinic would use it."}),
        (3, "164.508(c)(1)(iii)", {"recipient": ""}),
        (4, "164.508(c)(1)(iv)", {"purposes": frozenset()}),
        (4, "164.508(c)(1)(iv)", {"purpose_text": ""}),
        (4, "164.508(c)(1)(iv)", {"purpose_text": "At the request of the individual."}),
        (5, "164.508(c)(1)(v)", {"expiry": None}),
        (5, "164.508(c)(1)(v)", {"expiry": ExpiresAfter()}),
        (5, "164.508(c)(1)(v)", {"expiry": ExpiresAfter(months=1, days=-40)}),
        (5, "164.508(c)(1)(v)", {"expiry": event("none")}),
        (5, "164.508(c)(1)(v)", {"expiry": event("Never.")}),
        (5, "164.508(c)(1)(v)", {"expiry": event("no expiration date")}),
        (5, "164.508(c)(1)(v)", {"expiry": event("nunca")}),
        (5, "164.508(c)(1)(v)", {"expiry": event("")}),
        (5, "164.508(c)(1)(v)", {"expiry": event("You leave our wellness program.", None)}),
        (8, "164.508(c)(2)(i)", {"revocation": ""}),
        (8, "164.508(c)(2)(i)", {"revocation": "You can revoke this at any time."}),
        (8, "164.508(c)(2)(i)", {"how_to_revoke": ""}),
        (9, "164.508(c)(2)(ii)", {"no_conditioning": ""}),
        (9, "164.508(c)(2)(ii)", {"no_conditioning": "We treat you the same."}),
        (10, "164.508(c)(2)(iii)", {"redisclosure": ""}),
        (10, "164.508(c)(2)(iii)", {"redisclosure": "We share nothing."}),
        (11, "164.508(a)(3)(ii)", {"remuneration": ""}),
        (11, "164.508(a)(3)(ii)", {"remuneration": "Acme Fitness is our friend."}),
        (11, "164.508(a)(3)(ii)", {"remuneration": "Somebody pays us."}),
        (12, "164.508(c)(3)", {"language": ""}),
        (13, "164.508(b)(3)", {"combined_with": ("Terms of service",)}),
        (14, "164.508(b)(4)", {"required_to_proceed": True}),
    ],
)
def test_each_lack_is_found_and_names_its_paragraph(
    number: int, citation: str, changes: dict[str, Any]
) -> None:
    findings = check_form(replace(GOOD, **changes), NAME)
    assert [finding.number for finding in findings] == [number]
    assert citation in findings[0].citation
    assert findings[0].message.endswith(".")
    assert {finding.field for finding in findings} <= {*changes, "information"}


def test_an_event_with_a_review_is_an_end() -> None:
    for text in ("You are no longer our patient", "No longer in the program", "The study ends"):
        assert check_form(replace(GOOD, expiry=event(text)), NAME) == []


def test_the_legal_name_is_compared_without_case_and_spaces() -> None:
    assert check_form(replace(GOOD, discloser="RIVERSIDE  health uses it."), NAME) == []
    assert check_form(GOOD, "")[0].number == 2


def test_hard_language_is_a_duty_for_english_only() -> None:
    hard = (
        "Notwithstanding applicable confidentiality obligations, the undersigned individual"
        " irrevocably acknowledges organizational utilization of identifiable characteristics,"
        " demographic classifications, and longitudinal utilization documentation. "
    ) * 8
    findings = check_form(replace(GOOD, introduction=hard), NAME)
    assert [(each.number, each.kind) for each in findings] == [(12, Kind.DUTY)]
    assert check_form(replace(GOOD, introduction=hard, language="vi"), NAME) == []


def test_a_spanish_form_is_held_to_spanish_words() -> None:
    spanish = replace(
        GOOD,
        language="es-US",
        revocation="Puede revocar por escrito. No cambia lo que ya hicimos.",
        no_conditioning="Su tratamiento, pago, inscripción y elegibilidad no dependen de firmar.",
        redisclosure="Quien la reciba puede compartirla y la ley ya no la protege.",
        remuneration="Acme Fitness nos paga.",
    )
    assert check_form(spanish, NAME) == []
    assert check_form(replace(spanish, revocation="Puede revocar."), NAME)[0].number == 8


@given(st.sets(st.sampled_from(["recipient", "redisclosure", "how_to_revoke", "purpose_text"])))
def test_findings_add_up_in_order(blank: set[str]) -> None:
    findings = check_form(replace(GOOD, **dict.fromkeys(blank, "")), NAME)  # type: ignore[arg-type]
    assert {finding.field for finding in findings} == blank
    assert [each.number for each in findings] == sorted(each.number for each in findings)


def test_a_form_survives_storage_and_every_change_changes_its_digest() -> None:
    stored = GOOD.to_json()
    assert FormText.from_json(stored) == GOOD
    assert FormText.from_json(stored).digest() == GOOD.digest()
    at_event = replace(GOOD, expiry=event("The program ends."))
    assert FormText.from_json(at_event.to_json()) == at_event
    assert len({GOOD.digest(), at_event.digest(), replace(GOOD, title="x").digest()}) == 3
    with pytest.raises(ValidationError):
        FormText.from_json({"title": "x"})


@pytest.mark.parametrize(
    ("expiry", "expected"),
    [
        (ExpiresAfter(months=12), date(2027, 11, 30)),
        (ExpiresAfter(months=3), date(2027, 2, 28)),
        (ExpiresAfter(months=1, days=2), date(2027, 1, 1)),
        (ExpiresAfter(days=1), date(2026, 12, 1)),
        (event("The program ends."), date(2027, 1, 1)),
    ],
)
def test_the_last_day(expiry: ExpiresAfter | ExpiresAtEvent, expected: date) -> None:
    assert last_day(expiry, date(2026, 11, 30)) == expected


@pytest.mark.parametrize("expiry", [ExpiresAfter(), ExpiresAtEvent("x")])
def test_an_endless_expiry_has_no_last_day(expiry: ExpiresAfter | ExpiresAtEvent) -> None:
    with pytest.raises(ValueError):
        last_day(expiry, date(2026, 11, 30))


def test_reading_grade() -> None:
    assert reading_grade("") == reading_grade("12 34") == 0
    assert reading_grade("The cat sat on the mat. It was a good cat.") < 2
    # Counted by hand: 30 words, 48 syllables, 1 sentence.
    gettysburg = (
        "Four score and seven years ago our fathers brought forth on this continent, a new nation,"
        " conceived in Liberty, and dedicated to the proposition that all men are created equal."
    )
    assert reading_grade(gettysburg) == pytest.approx(14.99, abs=0.5)


@pytest.mark.parametrize("sponsor", ["", "Acme Fitness"])
def test_the_spanish_starter_passes_and_allows_the_same(sponsor: str) -> None:
    original = starter_form("Riverside Health, Inc.", "privacy@riverside.test", sponsor)
    spanish = spanish_starter(original, "Riverside Health, Inc.", "privacy@riverside.test")
    assert check_form(spanish, "Riverside Health, Inc.") == []
    assert check_translation(spanish, original) == []
    wider = replace(spanish, purposes=original.purposes | {Purpose.FUNDRAISING})
    assert [each.code for each in check_translation(wider, original)] == ["translation_differs"]
