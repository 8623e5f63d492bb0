"""Everything that the builder offers is something that the server accepts."""

import json
from typing import Any

import pytest

from contacts.rules import segments
from contacts.rules.fields import Field, FieldGroup, FieldType
from contacts.rules.starter import starter_fields

FIELDS = starter_fields() | {
    "score": Field("score", "Score", FieldType.NUMBER, FieldGroup.CLINICAL),
    "diagnoses": Field("diagnoses", "Diagnoses", FieldType.CODES, FieldGroup.CLINICAL),
}
CAMPAIGN = "0190a3c2-0000-7000-8000-000000000001"
VOCABULARY = segments.Vocabulary(FIELDS, {"marketing": "offers"}, {CAMPAIGN: "Flu shots"})
VALUES: dict[str, list[Any]] = {
    "none": [],
    "text": ["Cardiology"],
    "texts": ["Cardiology", "Neurology"],
    "date": ["2026-01-31"],
    "dates": ["2026-01-01", "2026-01-31"],
    "states": ["CA", "NY", "Ontario"],
    "number": ["12.5"],
    "numbers": ["1", "2"],
    "span": ["6", "months"],
    "boolean": ["true"],
    "age": ["65"],
    "age_between": ["50", "65"],
    "turns": ["65", "30"],
    "code": ["icd|I10"],
    "codes": ["icd|I10", "icd|E11.9"],
    "messages": [3],
    "days": [90],
}


def condition(
    subject: segments.Subject, comparison: segments.Comparison, values: list[Any]
) -> dict[str, Any]:
    """What the builder sends."""
    kind, colon, event = subject.key.partition(":")
    if kind == "consent" and colon:
        return {"kind": kind, "purpose": values[0], "state": comparison.operator}
    if kind == "engagement" and colon:
        state, scope = comparison.operator.split(":")
        return {"kind": kind, "event": event, "state": state, "scope": {scope: values[0]}}
    return {
        "kind": "field",
        "field": subject.key,
        "operator": comparison.operator,
        "values": values,
    }


OFFERED = [
    pytest.param(subject, comparison, id=f"{subject.key} {comparison.operator}")
    for subject in segments.palette(VOCABULARY)
    for comparison in subject.comparisons
]


@pytest.mark.parametrize(("subject", "comparison"), OFFERED)
def test_every_comparison_on_offer_is_valid(
    subject: segments.Subject, comparison: segments.Comparison
) -> None:
    if comparison.editor in ("choice", "choices"):
        values = [(comparison.choices or subject.choices)[0][0]]
    else:
        values = VALUES[comparison.editor]
        field = FIELDS.get(subject.key)
        if field and field.type is FieldType.NUMBER and comparison.editor == "texts":
            values = ["7", "8.5"]
    node = condition(subject, comparison, values)
    segment = segments.parse(json.dumps({"where": {"kind": "all", "of": [node]}}), VOCABULARY)
    assert segments.in_words(segment, VOCABULARY)


def test_every_operator_that_a_segment_may_have_has_a_comparison() -> None:
    subjects = {subject.key: subject for subject in segments.palette(VOCABULARY)}
    for field in FIELDS.values():
        if field.key in subjects:
            shown = [comparison.operator for comparison in subjects[field.key].comparisons]
            assert sorted(shown) == sorted(segments.operators_of(field))


def test_fields_that_name_one_person_are_not_on_offer() -> None:
    offered = {subject.key for subject in segments.palette(VOCABULARY)}
    assert offered.isdisjoint({"record_number", "first_name", "last_name", "email", "phone"})
    assert {"conditions", "birth_date", "last_flu_shot"} <= offered


def test_examples_are_those_whose_fields_exist() -> None:
    assert len(segments.examples(VOCABULARY)) == 6
    few = segments.Vocabulary({"birth_date": FIELDS["birth_date"]}, {})
    assert [example.key for example in segments.examples(few)] == ["turning-65", "quiet"]
    assert segments.examples(segments.Vocabulary({}, {}))[0].key == "quiet"
