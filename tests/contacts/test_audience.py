"""A segment's audience by way of the blind index is the one that a plain scan finds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import conditions, queries, services
from contacts.models import Contact, Segment
from contacts.queries import opening
from contacts.rules import segments
from contacts.services import replace_profiles
from tenancy.current import acting_for
from tests.contacts.patients import TODAY, patient, store, store_demo_patients
from tests.people import Room

PATIENTS = 300


@pytest.fixture
def consent() -> Iterator[None]:
    """A kind of condition whose fact holds for every other contact, by id."""
    before = dict(conditions._kinds)
    conditions.register_facts("consent", _half, [("offers", "Offers"), ("news", "News")])
    yield
    conditions._kinds.clear()
    conditions._kinds.update(before)


def _half(ids: Collection[UUID], subjects: Collection[str]) -> Mapping[UUID, Collection[str]]:
    return {contact: subjects for contact in ids if contact.int % 2}


@pytest.fixture
def riverside(room: Room, consent: None) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        store_demo_patients(PATIENTS)
        _give_measurements()
        yield room


def _give_measurements() -> None:
    """Numbers and codes, which the demo's patients do not have."""
    random, profiles = Random(3), {}
    for person in queries.opened(list(Contact.objects.values_list("id", flat=True))).values():
        profile = dict(person.profile)
        if random.random() < 0.7:
            profile["hba1c"] = round(random.uniform(4, 12), 1)
        profile["state"] = random.choice(["CA", "California", "nevada", "NV", "Ontario"])
        profile["condition_codes"] = random.sample(CODES, random.randrange(3))
        profiles[person.id] = profile
    replace_profiles(profiles)


CODES = ["snomed|44054006|Diabetes", "icd10|E11.9|Type 2 diabetes", "snomed|38341003|Hypertension"]


def _field(field: str, operator: str, *values: object) -> dict[str, object]:
    return {"kind": "field", "field": field, "operator": operator, "values": list(values)}


CONDITIONS = st.sampled_from(
    [
        _field("sex", "is", "female"),
        _field("sex", "is_not", "male"),
        _field("conditions", "one_of", "asthma", "copd"),
        _field("conditions", "none_of", "hypertension"),
        _field("conditions", "is", "diabetes"),
        _field("language", "one_of", "es", "vi"),
        _field("last_flu_shot", "absent"),
        _field("last_flu_shot", "before", "2025-11-01"),
        _field("department", "is", "Cardiology"),
        _field("state", "one_of", "California", "OR"),
        _field("state", "none_of", "NV", "Ontario"),
        _field("state", "starts_with", "calif"),
        _field("birth_date", "age_at_least", 65),
        _field("birth_date", "age_at_most", 30),
        _field("birth_date", "age_between", 40, 41),
        _field("birth_date", "turns", 65, 200),
        _field("birth_date", "birthday_in_next", 2, "months"),
        _field("last_visit", "in_last", 6, "months"),
        _field("last_visit", "not_in_last", 40, "weeks"),
        _field("last_visit", "more_than_ago", 1, "years"),
        _field("last_visit", "between", "2026-01-10", "2026-06-20"),
        _field("last_visit", "is", "2026-03-02"),
        _field("postal_code", "starts_with", "627"),
        _field("postal_code", "starts_with", "6270", "55"),
        _field("hba1c", "above", 8),
        _field("hba1c", "between", 6.5, 9.9),
        _field("hba1c", "is", 7.2),
        _field("hba1c", "at_most", 5.7),
        _field("condition_codes", "is", "snomed|44054006"),
        _field("condition_codes", "none_of", "icd10|E11.9", "snomed|44054006"),
        _field("deceased", "is", "true"),
        {"kind": "consent", "purpose": "offers", "state": "has"},
        {"kind": "consent", "purpose": "news", "state": "lacks"},
    ]
)
GROUPS = st.recursive(
    CONDITIONS,
    lambda member: st.builds(
        lambda kind, of: {"kind": kind, "of": of},
        st.sampled_from(["all", "any", "none"]),
        st.lists(member, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def test_the_audience_is_that_of_a_plain_scan(riverside: Room) -> None:
    people = queries.opened(list(Contact.objects.values_list("id", flat=True)))
    vocabulary = queries.vocabulary()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(GROUPS)
    def check(node: dict[str, object]) -> None:
        where = {"kind": "all", "of": [node]}
        tree = segments.parse(json.dumps({"where": where}), vocabulary)
        wanted = segments.facts_used(tree)
        expected = {
            (person.id, person.mail_domain)
            for person in people.values()
            if segments.matches(
                tree, person.profile, dict.fromkeys(wanted, bool(person.id.int % 2)), TODAY
            )
        }
        found = list(queries.matching(tree, TODAY))
        assert set(found) == expected
        assert len(found) == len(expected) == queries.count(tree, TODAY)

    check()


def test_everybody_is_everybody_in_chunks(riverside: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "CHUNK", 7)
    assert queries.count(segments.Segment(), TODAY) == PATIENTS


def test_candidates_are_narrowed_by_the_index(riverside: Room) -> None:
    tree = _tree(_field("conditions", "is", "asthma"))
    found = queries.bounds(tree, TODAY)
    assert found.exact
    assert 0 < queries.count_by_index(found.certain) < PATIENTS // 2


def test_only_the_ends_of_a_range_are_opened(riverside: Room) -> None:
    tree = _tree(_field("birth_date", "age_between", 40, 60))
    found = queries.bounds(tree, TODAY)
    opened = queries.count_by_index(found.between)
    certain = queries.count_by_index(found.certain)
    assert opened < certain
    assert certain <= queries.count(tree, TODAY) <= certain + opened


def test_a_saved_segment_comes_back_as_it_was_and_is_sealed(riverside: Room) -> None:
    tree = _tree(_field("conditions", "one_of", "asthma", "copd"))
    saved = services.save_segment("Lungs", segments.to_json(tree), riverside.stranger.id)
    stored = Segment.objects.get(id=saved.id)
    assert queries.segment_tree(stored) == tree
    assert b"asthma" not in bytes(stored.tree)
    assert stored.health_information


def test_a_changed_segment_tells_who_registered(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[UUID] = []
    monkeypatch.setattr(services.segments, "_on_change", [told.append])
    text = segments.to_json(_tree(_field("sex", "is", "female")))
    saved = services.save_segment("Women", text, riverside.stranger.id)
    services.save_segment("All women", text, riverside.stranger.id, saved.id)
    assert told == []
    services.save_segment("All", segments.to_json(segments.Segment()), saved.created_by, saved.id)
    assert told == [saved.id]


def test_the_same_name_twice_is_refused(riverside: Room) -> None:
    everybody = segments.to_json(segments.Segment())
    services.save_segment("All", everybody, riverside.stranger.id)
    with pytest.raises(services.NameTaken):
        services.save_segment("All", everybody, riverside.stranger.id)


def test_a_kind_that_nobody_registered_is_an_error() -> None:
    before = conditions._kinds.pop("consent", None)
    try:
        assert conditions.choices_of("consent") == ()
        with pytest.raises(conditions.UnknownCondition):
            conditions.facts_about([], [("consent", "offers")])
    finally:
        if before:
            conditions._kinds["consent"] = before


def test_the_erased_are_in_no_segment(riverside: Room) -> None:
    [contact] = store([patient(1)])
    Contact.objects.filter(id=contact).update(erased_at="2026-01-01T00:00Z")
    assert queries.count(segments.Segment(), TODAY) == PATIENTS


def _tree(*conditions: dict[str, object]) -> segments.Segment:
    where = {"kind": "all", "of": list(conditions)}
    return segments.parse(json.dumps({"where": where}), queries.vocabulary())
