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
)
from contacts.rules.indexing import index_entries
from contacts.rules.segments import (
    Question,
    Segment,
    SegmentProblem,
    Vocabulary,
    bounds,
    facts_used,
    fields_used,
    in_words,
    is_health_information,
    matches,
    outline,
    parse,
    to_json,
)
from contacts.rules.segments.index import Both, Either, HasOneOf, Not
from contacts.rules.starter import starter_fields

TODAY = date(2026, 11, 21)
FIELDS = starter_fields() | {
    "score": Field("score", "Score", FieldType.NUMBER, FieldGroup.CLINICAL),
    "hba1c": Field("hba1c", "HbA1c", FieldType.NUMBER, FieldGroup.CLINICAL),
    "diagnoses": Field("diagnoses", "Diagnoses", FieldType.CODES, FieldGroup.CLINICAL),
    "program": Field("program", "Program", FieldType.TEXT, FieldGroup.CLINICAL, FieldClass.PART2),
}
CAMPAIGN = "0190a3c2-0000-7000-8000-000000000001"
ICD, T2D = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10-cm|E11.9"
VOCABULARY = Vocabulary(
    FIELDS,
    {"marketing": "wellness mail"},
    {CAMPAIGN: "Flu shots"},
    lambda keys: {T2D: "Type 2 diabetes"} if T2D in keys else {},
)


def field(key: str, operator: str, *values: object) -> dict[str, Any]:
    return {"kind": "field", "field": key, "operator": operator, "values": list(values)}


def consent(state: str = "has") -> dict[str, Any]:
    return {"kind": "consent", "purpose": "marketing", "state": state}


def engagement(event: str, state: str, **scope: object) -> dict[str, Any]:
    return {"kind": "engagement", "event": event, "state": state, "scope": scope}


def group(kind: str, members: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "of": list(members)}


def read(*members: dict[str, Any], kind: str = "all") -> Segment:
    return parse(json.dumps({"where": group(kind, members)}), VOCABULARY)


def token(key: str, normal: str) -> int:
    return crc32(f"{key}={normal}".encode())


def tokens(key: str, normal: str) -> list[int]:
    return [token(key, normal)]


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
        assert bounds(segment, FIELDS, tokens, TODAY).certain is True
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
        json.dumps({"where": group("all", [field("score", "between", 1)])}),
        json.dumps({"where": group("all", [field("last_visit", "in_last", 6)])}),
        json.dumps({"where": group("all", [field("last_visit", "in_last", 6, "dragons")])}),
        json.dumps({"where": group("all", [field("last_visit", "in_last", 0, "days")])}),
        json.dumps({"where": group("all", [field("last_visit", "in_last", 101, "years")])}),
        json.dumps({"where": group("all", [field("last_visit", "in_last", True, "years")])}),
        json.dumps({"where": group("all", [field("last_visit", "turns", 65, 30)])}),
        json.dumps({"where": group("all", [field("birth_date", "turns", 65, -1)])}),
        json.dumps({"where": group("all", [field("postal_code", "starts_with", "9")])}),
        json.dumps({"where": group("all", [engagement("opened", "did")])}),
        json.dumps({"where": group("all", [engagement("opened", "did", last=21)])}),
        json.dumps({"where": group("all", [engagement("opened", "did", last=3, days=3)])}),
        json.dumps({"where": group("all", [engagement("opened", "did", campaign="other")])}),
        json.dumps({"where": group("all", [engagement("received", "did", last=3)])}),
        json.dumps({"where": group("all", [engagement("read", "did", last=3)])}),
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
        (field("last_visit", "in_last", 6, "months"), "2026-05-21", True),
        (field("last_visit", "in_last", 6, "months"), "2026-05-20", False),
        (field("last_visit", "in_last", 6, "months"), "2026-11-21", True),
        (field("last_visit", "in_last", 6, "months"), "2026-11-22", False),
        (field("last_visit", "more_than_ago", 6, "months"), "2026-05-20", True),
        (field("last_visit", "more_than_ago", 6, "months"), "2026-05-21", False),
        (field("last_visit", "more_than_ago", 6, "months"), None, False),
        (field("last_visit", "not_in_last", 6, "months"), None, True),
        (field("last_visit", "not_in_last", 6, "months"), "2026-05-21", False),
        (field("next_appointment", "in_next", "2", "weeks"), "2026-12-05", True),
        (field("next_appointment", "in_next", "2", "weeks"), "2026-12-06", False),
        (field("last_visit", "between", "2026-02-01", "2026-01-01"), "2026-01-01", True),
        (field("last_visit", "between", "2026-01-01", "2026-02-01"), "2026-02-02", False),
        (field("birth_date", "turns", 65, 30), "1961-12-21", True),
        (field("birth_date", "turns", 65, 30), "1961-12-22", False),
        (field("birth_date", "turns", 65, 30), "1961-11-21", True),
        (field("birth_date", "turns", 65, 30), "1961-11-20", False),
        (field("birth_date", "birthday_in_next", 2, "weeks"), "1999-12-05", True),
        (field("birth_date", "birthday_in_next", 2, "weeks"), "1999-12-06", False),
        (field("birth_date", "age_between", 60, 50), "1976-11-21", True),
        (field("birth_date", "age_between", 50, 60), "1976-11-22", False),
        (field("score", "above", 8), 8.1, True),
        (field("score", "above", 8), 8, False),
        (field("score", "below", 8), 7.9, True),
        (field("score", "between", 5, 8), 8.0, True),
        (field("score", "between", 5, 8), 8.01, False),
        (field("score", "at_least", 1), True, False),
        (field("postal_code", "starts_with", "941", "942"), "94203", True),
        (field("postal_code", "starts_with", "941", "942"), "94303", False),
        (field("state", "one_of", "CA", "NY"), "california", True),
        (field("state", "is", "New york"), "NY", True),
        (field("state", "none_of", "CA"), "California", False),
        (field("state", "one_of", "Ontario"), "ontario", True),
        (field("state", "starts_with", "ca"), "Cantabria", True),
        (field("diagnoses", "is", T2D), [f"{T2D}|Diabetes", f"{ICD}|I10|Hypertension"], True),
        (field("diagnoses", "one_of", T2D), [f"{ICD}|E11.99|Else"], False),
        (field("diagnoses", "none_of", T2D), [f"{T2D}|Diabetes"], False),
        (field("diagnoses", "none_of", T2D), None, True),
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


def test_engagement_conditions_ask_the_facts() -> None:
    lately = engagement("opened", "did", last=3)
    segment = read(lately, group("none", [engagement("clicked", "did", campaign=CAMPAIGN)]))
    opened, clicked = (
        ("engagement", "opened:last:3"),
        ("engagement", f"clicked:campaign:{CAMPAIGN}"),
    )
    assert facts_used(segment) == {opened, clicked}
    assert matches(segment, {}, {opened: True}, TODAY)
    assert not matches(segment, {}, {opened: True, clicked: True}, TODAY)
    assert not matches(segment, {}, {}, TODAY)
    assert matches(read(engagement("received", "did_not", days=30)), {}, {}, TODAY)


def test_nobody_who_meets_a_member_is_in_a_group_of_none() -> None:
    members = [field("state", "is", "CA"), field("score", "above", 8)]
    segment = read(*members, kind="none")
    assert matches(segment, {"state": "OR", "score": 8}, {}, TODAY)
    assert matches(segment, {}, {}, TODAY)
    assert not matches(segment, {"state": "OR", "score": 9}, {}, TODAY)
    assert not matches(segment, {"state": "CA"}, {}, TODAY)


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
    "score": ["is", "none_of", "one_of", "at_least", "at_most", "above", "below"],
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 5)) == 0:
        return consent(draw(st.sampled_from(["has", "lacks"])))
    if draw(st.integers(0, 8)) == 0:
        event, state = (
            draw(st.sampled_from(["opened", "clicked"])),
            draw(st.sampled_from(["did", "did_not"])),
        )
        return engagement(event, state, last=draw(st.integers(1, 3)))
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
    return st.builds(group, st.sampled_from(["all", "any", "none"]), members)


trees = leaves() | groups(leaves() | groups(leaves() | groups(leaves())))
people = st.fixed_dictionaries(
    {}, optional=values | {"conditions": st.lists(values["conditions"], max_size=3)}
)


def answered(question: Question, held: set[int]) -> bool:
    """What the database answers about somebody with these tokens."""
    match question:
        case bool():
            return question
        case HasOneOf():
            return not held.isdisjoint(question.tokens)
        case Both():
            return all(answered(each, held) for each in question.of)
        case Either():
            return any(answered(each, held) for each in question.of)
        case Not():
            return not answered(question.of, held)


@given(trees, people, st.booleans())
def test_the_index_never_contradicts_the_exact_answer(
    tree: dict[str, Any], profile: dict[str, Value], authorized: bool
) -> None:
    segment = read(tree)
    asked = bounds(segment, FIELDS, tokens, TODAY)
    held = {token(*entry) for entry in index_entries(FIELDS.values(), profile)}
    is_in = matches(segment, profile, {("consent", "marketing"): authorized}, TODAY)
    assert is_in or not answered(asked.certain, held)
    assert not is_in or answered(asked.possible, held)
    undecided = answered(asked.possible, held) and not answered(asked.certain, held)
    assert answered(asked.between, held) is undecided
    assert parse(to_json(segment), VOCABULARY) == segment
    assert in_words(segment, VOCABULARY).startswith(("People ", "Everybody except those "))


@pytest.mark.parametrize(
    ("members", "kind", "words"),
    [
        (
            [field("conditions", "one_of", "asthma", "copd"), consent()],
            "all",
            (
                "People whose conditions include Asthma or COPD,"
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
                "People whose sex is Female, and (who are at least 65 years old,"
                " or who do not have a live authorization for wellness mail)"
            ),
        ),
        (
            [field("last_visit", "before", "2024-05-01"), field("postal_code", "absent")],
            "any",
            "People whose last visit is before May 1, 2024, or whose ZIP code is not known",
        ),
        ([field("department", "is", "{name}")], "all", "People whose department is {name}"),
        (
            [
                field("diagnoses", "is", T2D),
                field("birth_date", "age_at_least", 50),
                field("hba1c", "above", 8),
                field("last_visit", "not_in_last", 6, "months"),
                consent(),
                engagement("opened", "did_not", last=3),
            ],
            "all",
            (
                "People whose diagnoses include Type 2 diabetes, and who are at least 50 years old,"
                " and whose HbA1c is more than 8, and whose last visit was not in the last 6 months"
                " or is not known, and who have a live authorization for wellness mail, and who did"
                " not open any of the last 3 messages"
            ),
        ),
        (
            [
                field("birth_date", "turns", 65, 30),
                group("none", [field("postal_code", "starts_with", "941"), consent()]),
            ],
            "all",
            (
                "People who turn 65 within 30 days, but not those (whose ZIP code starts with 941,"
                " or who have a live authorization for wellness mail)"
            ),
        ),
        (
            [
                field("state", "one_of", "CA", "nevada", "Ontario"),
                field("state", "starts_with", "ne"),
            ],
            "all",
            "People whose state is California, Nevada or Ontario, and whose state starts with ne",
        ),
        (
            [engagement("clicked", "did", campaign=CAMPAIGN), field("score", "between", 1, 2)],
            "none",
            (
                "Everybody except those who clicked a link in the campaign “Flu shots”,"
                " or whose score is between 1 and 2"
            ),
        ),
        (
            [
                group("none", [field("last_visit", "in_last", 1, "years")]),
                engagement("received", "did_not", days=1),
                field("birth_date", "birthday_in_next", 2, "weeks"),
                engagement("opened", "did_not", last=1),
                field("diagnoses", "none_of", f"{ICD}|I10"),
            ],
            "any",
            (
                "People who are not among those whose last visit was in the last year, or who"
                " received no message in the last day, or who have a birthday in the next 2"
                " weeks, or who did not open the last message, or whose diagnoses do not include"
                " I10"
            ),
        ),
    ],
)
def test_in_words(members: list[dict[str, Any]], kind: str, words: str) -> None:
    assert in_words(read(*members, kind=kind), VOCABULARY) == words


def test_a_long_segment_is_told_in_lines() -> None:
    segment = read(
        field("last_visit", "more_than_ago", 6, "months"),
        group("any", [field("birth_date", "age_at_least", 65), consent("lacks")]),
    )
    assert [(line.depth, line.text) for line in outline(segment, VOCABULARY)] == [
        (0, "All of these:"),
        (1, "Last visit was more than 6 months ago"),
        (1, "At least one of these:"),
        (2, "Are at least 65 years old"),
        (2, "Do not have a live authorization for wellness mail"),
    ]
    assert [line.text for line in outline(Segment(), VOCABULARY)] == ["Everybody"]


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
        (
            [
                field("relationship", "is", "prospect"),
                engagement("opened", "did", campaign=CAMPAIGN),
            ],
            True,
            "what the campaign was about",
        ),
        ([group("none", [field("relationship", "is", "prospect")])], True, "Being a patient"),
    ],
)
def test_health_information(members: list[dict[str, Any]], answer: bool, reason: str) -> None:
    found = is_health_information(read(*members), VOCABULARY)
    assert found.answer is answer
    assert reason in found.reason


def test_a_problem_and_a_condition_never_show_values() -> None:
    assert "asthma" not in repr(read(field("conditions", "is", "asthma")))
