"""Segments are read strictly, decided exactly, searched for widely and told in plain words."""

import json
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.fields import (
    Field,
    FieldClass,
    FieldGroup,
    FieldType,
    Value,
    index_entries,
)
from contacts.rules.segments import (
    Segment,
    SegmentProblem,
    Vocabulary,
    candidate_clauses,
    facts_used,
    fields_used,
    in_words,
    is_health_information,
    matches,
    parse,
    to_json,
)
from contacts.rules.starter import starter_fields

TODAY = date(2026, 11, 21)
FIELDS = starter_fields() | {
    "score": Field("score", "Score", FieldType.NUMBER, FieldGroup.CLINICAL),
    "program": Field("program", "Program", FieldType.TEXT, FieldGroup.CLINICAL, FieldClass.PART2),
}
VOCABULARY = Vocabulary(FIELDS, {"marketing": "wellness mail"})


def field(key: str, operator: str, *values: object) -> dict[str, Any]:
    return {"kind": "field", "field": key, "operator": operator, "values": list(values)}


def consent(state: str = "has") -> dict[str, Any]:
    return {"kind": "consent", "purpose": "marketing", "state": state}


def group(kind: str, members: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "of": list(members)}


def read(*members: dict[str, Any], kind: str = "all") -> Segment:
    return parse(json.dumps({"where": group(kind, members)}), VOCABULARY)


def token(key: str, normal: str) -> int:
    return crc32(f"{key}={normal}".encode())


def holds(condition: dict[str, Any], profile: dict[str, Value], **facts: bool) -> bool:
    known = {("consent", purpose): value for purpose, value in facts.items()}
    return matches(read(condition), profile, known, TODAY)  # type: ignore[arg-type]


def test_values_come_back_in_stored_form_and_survive_storage() -> None:
    segment = read(
        field("conditions", "one_of", "High Blood Pressure", "ASTHMA"),
        field("birth_date", "before", "1/1/1975"),
        field("birth_date", "age_at_most", "80"),
        field("deceased", "is", False),
        field("score", "at_least", 2.5),
        consent(),
    )
    values = [list(node.values) for node in segment.where.of if node.kind == "field"]
    assert values == [["hypertension", "asthma"], ["1975-01-01"], [80], [False], [2.5]]
    assert parse(to_json(segment), VOCABULARY) == segment
    assert fields_used(segment) == {"conditions", "birth_date", "deceased", "score"}
    assert facts_used(segment) == {("consent", "marketing")}


def test_nothing_means_everybody() -> None:
    for segment in (parse("{}", VOCABULARY), read(), Segment()):
        assert matches(segment, {}, {}, TODAY)
        assert candidate_clauses(segment, FIELDS, token) == []
        assert in_words(segment, VOCABULARY) == "Everybody"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{",
        "[" * 50_000,
        '{"where": 3}',
        '{"where": {"kind": "none", "of": []}}',
        '{"where": {"kind": "all", "of": [], "extra": 1}}',
        '{"where": {"kind": "any", "of": []}}',
        '{"where": {"kind": "all", "of": [{"kind": "all", "of": []}]}}',
        json.dumps({"where": group("all", [field("nowhere", "present")])}),
        json.dumps({"where": group("all", [field("last_name", "is", "Ruiz")])}),
        json.dumps({"where": group("all", [field("conditions", "before", "asthma")])}),
        json.dumps({"where": group("all", [field("conditions", "is", "dragon pox")])}),
        json.dumps({"where": group("all", [field("conditions", "is")])}),
        json.dumps({"where": group("all", [field("conditions", "is", "asthma", "copd")])}),
        json.dumps({"where": group("all", [field("conditions", "one_of")])}),
        json.dumps({"where": group("all", [field("conditions", "present", "asthma")])}),
        json.dumps({"where": group("all", [field("last_visit", "age_at_least", 5)])}),
        json.dumps({"where": group("all", [field("birth_date", "age_at_least", -5)])}),
        json.dumps({"where": group("all", [field("birth_date", "age_at_least", 1.5)])}),
        json.dumps({"where": group("all", [field("birth_date", "before", "02/30/1980")])}),
        json.dumps({"where": group("all", [consent() | {"purpose": "other"}])}),
        json.dumps({"where": group("all", [field("state", "present")] * 101)}),
        json.dumps({"where": group("all", [field("state", "one_of", *map(str, range(201)))])}),
        " " * 100_001,
    ],
)
def test_a_segment_that_does_not_fit_is_refused_in_words(text: str) -> None:
    with pytest.raises(SegmentProblem) as caught:
        parse(text, VOCABULARY)
    assert str(caught.value).endswith(".")
    assert "dragon" not in str(caught.value)


def test_depth_is_bounded_before_anything_walks_the_tree() -> None:
    def nested(depth: int) -> str:
        leaf = json.dumps(field("state", "present"))
        return '{"where": ' + '{"kind": "any", "of": [' * depth + leaf + "]}" * depth + "}"

    assert parse(nested(6), VOCABULARY)
    with pytest.raises(SegmentProblem, match="nested"):
        parse(nested(7), VOCABULARY)
    with pytest.raises(SegmentProblem, match="nested"):
        parse(nested(100), VOCABULARY)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (field("state", "is", "CA"), "ca", True),
        (field("state", "is", "CA"), None, False),
        (field("state", "is_not", "CA"), None, True),
        (field("state", "one_of", "CA", "OR"), "or", True),
        (field("state", "none_of", "CA", "OR"), "OR", False),
        (field("state", "absent"), None, True),
        (field("state", "present"), "CA", True),
        (field("conditions", "is", "Asthma"), ["copd", "asthma"], True),
        (field("conditions", "is_not", "Asthma"), ["copd", "asthma"], False),
        (field("conditions", "one_of", "Asthma", "Cancer"), ["copd"], False),
        (field("conditions", "none_of", "Asthma", "Cancer"), ["copd"], True),
        (field("deceased", "is", False), False, True),
        (field("deceased", "is", False), None, False),
        (field("score", "is", 7), 7.0, True),
        (field("score", "at_least", 9), 10, True),
        (field("score", "at_most", 9), 10, False),
        (field("score", "at_most", 9), "text of an older type", False),
        (field("last_visit", "before", "2026-01-01"), "2025-12-31", True),
        (field("last_visit", "before", "2026-01-01"), "2026-01-01", False),
        (field("last_visit", "at_least", "2026-01-01"), "2026-01-01", True),
        (field("last_visit", "after", "2026-01-01"), None, False),
        (field("birth_date", "age_at_least", 65), "1961-11-21", True),
        (field("birth_date", "age_at_least", 65), "1961-11-22", False),
        (field("birth_date", "age_at_most", 64), "1961-11-22", True),
        (field("birth_date", "age_at_most", 64), None, False),
    ],
)
def test_conditions(condition: dict[str, Any], value: Value, expected: bool) -> None:
    assert holds(condition, {condition["field"]: value}) is expected


def test_consent_conditions_ask_the_facts() -> None:
    assert holds(consent("has"), {}, marketing=True)
    assert not holds(consent("has"), {})
    assert holds(consent("lacks"), {})
    assert not holds(consent("lacks"), {}, marketing=True)


keys = st.sampled_from(
    ["state", "conditions", "department", "deceased", "birth_date", "score", "last_visit"]
)
values: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(["CA", "ca", "OR"]),
    "conditions": st.sampled_from(["asthma", "copd", "cancer"]),
    "department": st.sampled_from(["Cardiology", "CARDIOLOGY", "Straße", "strasse"]),
    "deceased": st.booleans(),
    "birth_date": st.integers(0, 4).map(lambda n: (TODAY - timedelta(9000 * n)).isoformat()),
    "score": st.sampled_from([1, 2, 2.0, 2.5]),
    "last_visit": st.sampled_from(["2026-01-01", "2026-01-02"]),  # not in the index
}
operators = {
    "deceased": ["is", "is_not", "present", "absent"],
    "birth_date": ["is", "before", "after", "at_least", "at_most", "age_at_least", "absent"],
    "last_visit": ["is", "before", "at_least"],
    "score": ["is", "none_of", "one_of", "at_least", "at_most"],
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 5)) == 0:
        return consent(draw(st.sampled_from(["has", "lacks"])))
    key = draw(keys)
    usual = ["is", "is_not", "one_of", "none_of", "present", "absent"]
    operator = draw(st.sampled_from(operators.get(key, usual)))
    if operator in {"present", "absent"}:
        return field(key, operator)
    if operator == "age_at_least":
        return field(key, operator, draw(st.integers(0, 100)))
    most = 3 if operator in {"one_of", "none_of"} else 1
    return field(key, operator, *draw(st.lists(values[key], min_size=1, max_size=most)))


def groups(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    members = st.lists(inner, min_size=1, max_size=7)
    return st.builds(group, st.sampled_from(["all", "any"]), members)


trees = leaves() | groups(leaves() | groups(leaves() | groups(leaves())))
people = st.fixed_dictionaries(
    {}, optional=values | {"conditions": st.lists(values["conditions"], max_size=3)}
)


@given(trees, people, st.booleans())
def test_whoever_matches_is_among_the_candidates(
    tree: dict[str, Any], profile: dict[str, Value], authorized: bool
) -> None:
    segment = read(tree)
    clauses = candidate_clauses(segment, FIELDS, token)
    tokens = {token(*entry) for entry in index_entries(FIELDS.values(), profile)}
    if matches(segment, profile, {("consent", "marketing"): authorized}, TODAY):
        assert all(tokens.intersection(clause) for clause in clauses)
    assert len(clauses) <= 32
    assert parse(to_json(segment), VOCABULARY) == segment
    assert in_words(segment, VOCABULARY).startswith("People ")


def test_clauses_are_in_conjunctive_normal_form() -> None:
    asthma, copd = token("conditions", "asthma"), token("conditions", "copd")
    oregon, california = token("state", "or"), token("state", "ca")
    segment = read(
        field("conditions", "one_of", "asthma", "copd"),
        group("any", [field("state", "is", "CA"), field("state", "is", "OR")]),
        field("birth_date", "age_at_least", 40),
    )
    expected = [sorted([asthma, copd]), sorted([oregon, california])]
    assert candidate_clauses(segment, FIELDS, token) == sorted(expected)


def test_a_field_outside_the_index_counts_as_true() -> None:
    segment = read(field("last_visit", "is", "2026-01-01"), field("state", "is", "CA"))
    assert candidate_clauses(segment, FIELDS, token) == [[token("state", "ca")]]


def test_an_or_with_something_the_index_does_not_know_asks_nothing() -> None:
    segment = read(field("state", "is", "CA"), consent(), kind="any")
    assert candidate_clauses(segment, FIELDS, token) == []


def test_many_combinations_fall_back_to_fewer_clauses() -> None:
    pair = group("all", [field("state", "is", "CA"), field("department", "one_of", "A", "B")])
    other = group("all", [field("state", "is", "OR"), field("department", "one_of", "C", "D")])
    segment = read(*[pair, other] * 4, kind="any")
    clauses = candidate_clauses(segment, FIELDS, token)
    assert clauses == [sorted([token("state", "ca"), token("state", "or")])]


@pytest.mark.parametrize(
    ("members", "kind", "words"),
    [
        (
            [field("conditions", "one_of", "asthma", "copd"), consent()],
            "all",
            (
                "People whose conditions include Asthma or COPD"
                " and who have a live authorization for wellness mail"
            ),
        ),
        (
            [
                field("sex", "is", "female"),
                group("any", [field("birth_date", "age_at_least", 65), consent("lacks")]),
            ],
            "all",
            (
                "People whose sex is Female and (who are at least 65 years old"
                " or who do not have a live authorization for wellness mail)"
            ),
        ),
        (
            [field("last_visit", "before", "2024-05-01"), field("postal_code", "absent")],
            "any",
            "People whose last visit is before May 1, 2024 or whose ZIP code is not known",
        ),
        ([field("department", "is", "{name}")], "all", "People whose department is {name}"),
    ],
)
def test_in_words(members: list[dict[str, Any]], kind: str, words: str) -> None:
    assert in_words(read(*members, kind=kind), VOCABULARY) == words


@pytest.mark.parametrize(
    ("members", "answer", "reason"),
    [
        ([], True, "Being a patient"),
        ([field("state", "is", "CA")], True, "Being a patient"),
        ([field("conditions", "present")], True, "Conditions"),
        ([field("last_visit", "present")], True, "Last visit"),
        ([field("conditions", "present"), field("program", "present")], True, "42 CFR Part 2"),
        ([field("relationship", "one_of", "prospect", "professional")], False, "not patients"),
        ([field("relationship", "one_of", "prospect", "patient")], True, "Being a patient"),
    ],
)
def test_health_information(members: list[dict[str, Any]], answer: bool, reason: str) -> None:
    found = is_health_information(read(*members), VOCABULARY)
    assert found.answer is answer
    assert reason in found.reason


def test_a_problem_and_a_condition_never_show_values() -> None:
    assert "asthma" not in repr(read(field("conditions", "is", "asthma")))
