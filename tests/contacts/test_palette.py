"""Everything that the builder offers is something that the server accepts."""

import json

from contacts.rules import segments
from contacts.rules.starter import starter_fields

FIELDS = starter_fields()
VALUES = {
    "none": [],
    "text": ["Cardiology"],
    "texts": ["Cardiology", "Neurology"],
    "date": ["2026-01-31"],
    "number": ["12.5"],
    "boolean": ["true"],
    "age": ["65"],
}


def test_every_comparison_on_offer_is_valid() -> None:
    vocabulary = segments.Vocabulary(FIELDS, {})
    for subject in segments.palette(FIELDS.values()):
        for comparison in subject.comparisons:
            if comparison.editor in ("choice", "choices"):
                values = [subject.choices[0][0]]
            else:
                values = VALUES[comparison.editor]
                if subject.key == "birth_date" and comparison.editor.startswith("text"):
                    values = ["1980-01-01"]
            condition = {
                "kind": "field",
                "field": subject.key,
                "operator": comparison.operator,
                "values": values,
            }
            segments.parse(json.dumps({"where": {"kind": "all", "of": [condition]}}), vocabulary)


def test_fields_that_name_one_person_are_not_on_offer() -> None:
    offered = {subject.key for subject in segments.palette(FIELDS.values())}
    assert offered.isdisjoint({"record_number", "first_name", "last_name", "email", "phone"})
    assert {"conditions", "birth_date", "last_flu_shot"} <= offered
