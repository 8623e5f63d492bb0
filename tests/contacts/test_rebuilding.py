"""Fields change while people work: segments stay right, and a worker that dies loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import queries, services
from contacts.models import CodeEntry, Contact, FieldDefinition, Import, ImportStatus
from contacts.queries import effects
from contacts.rules import segments
from contacts.rules.changes import Fit, choices_from_lines, consequences, converted, fit
from contacts.rules.fields import Choice, Field, FieldClass, FieldGroup, FieldType, Value
from contacts.services import FieldRefused, Wanted, rebuilding
from contacts.services.saving import one_writer_at_a_time, replace_profiles
from tenancy.current import acting_for
from tenancy.walks import run_walk, unfinished
from tests.contacts.patients import TODAY, patient, store
from tests.people import Room

PEOPLE = 13


class Killed(Exception):
    """A worker died."""


@pytest.fixture
def riverside(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(rebuilding, "ROWS_AT_ONCE", 5)
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(PEOPLE))
        yield room


def wanted(label: str, type_: FieldType = FieldType.TEXT, **more: object) -> Wanted:
    described: dict[str, object] = {
        "label": label,
        "type": type_,
        "group": FieldGroup.BEHAVIOUR,
        "classification": FieldClass.PHI,
        "searchable": False,
    } | more
    return Wanted(**described)  # type: ignore[arg-type]


def field_with(values: list[Value], **described: object) -> FieldDefinition:
    """A new field, and these values of the first people in it."""
    row = services.add_field(wanted("Extra", **described))  # type: ignore[arg-type]
    give(row.key, values)
    return row


def give(key: str, values: list[Value]) -> None:
    people = queries.page().contacts
    one_writer_at_a_time()
    replace_profiles(
        {
            person.id: person.profile | {key: value}
            for person, value in zip(people, values, strict=False)
        }
    )


def values(key: str) -> list[Value]:
    return [person.profile.get(key) for person in queries.page().contacts]


def finish(room: Room) -> None:
    while waiting := unfinished():
        run_walk(room.riverside.id, waiting[0].id)


def walk_and_die(room: Room, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Walk so many steps, and die in the middle of the next."""
    real, taken = rebuilding._over, 0

    def dying(after: UUID | None, change: rebuilding.Change) -> object:
        nonlocal taken
        taken += 1
        step = real(after, change)
        if taken > steps:
            raise Killed
        return step

    [walk] = unfinished()
    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "_over", dying)
        with suppress(Killed):
            run_walk(room.riverside.id, walk.id)
    walk.refresh_from_db()
    assert walk.done == 5 * steps
    walk.lease_until = None
    walk.save()


def count(key: str, operator: str, *texts: str) -> int:
    condition = {"kind": "field", "field": key, "operator": operator, "values": list(texts)}
    tree = json.dumps({"where": {"kind": "all", "of": [condition]}})
    return queries.count(segments.parse(tree, queries.vocabulary()), TODAY)


def test_a_new_name_touches_nothing(riverside: Room) -> None:
    row = field_with(["a"])
    before = dict(Contact.objects.values_list("id", "profile"))
    services.change_field(row.id, wanted("Another name"))
    assert not unfinished()
    assert queries.fields_by_key()[row.key].label == "Another name"
    assert dict(Contact.objects.values_list("id", "profile")) == before


def test_text_becomes_numbers_where_it_can(riverside: Room) -> None:
    row = field_with(["12", "12.5", "many", "1,200"])
    after = Field(row.key, "Extra", FieldType.NUMBER, FieldGroup.BEHAVIOUR, searchable=False)
    everybody = queries.total()
    assert queries.fitting(after) == Fit(4, 3, looked_at=everybody, patients=everybody)
    services.change_field(row.id, wanted("Extra", FieldType.NUMBER))
    finish(riverside)
    assert values(row.key)[:5] == [12, 12.5, None, 1200, None]
    assert count(row.key, "at_least", "12.5") == 2
    row.refresh_from_db()
    assert (row.change, row.indexed) == ("", True)


def test_of_very_many_patients_a_sample_is_opened(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(patient(number) for number in range(100, 500))
    patients = queries.total()
    field_with(["12"] * patients)
    monkeypatch.setattr(effects, "LOOKED_AT", 100)
    after = Field("extra", "Extra", FieldType.NUMBER, FieldGroup.BEHAVIOUR, searchable=False)
    found = queries.fitting(after)
    assert found.sampled
    assert 30 < found.looked_at < 250
    assert found.total <= found.looked_at
    assert found.patients == patients
    [told] = consequences(queries.fields_by_key()["extra"], after, found)
    assert f"Of {patients} patients {found.looked_at} were looked at" in told


def test_a_sample_speaks_for_all() -> None:
    before = Field("extra", "Extra", FieldType.TEXT, FieldGroup.BEHAVIOUR)
    after = replace(before, type=FieldType.NUMBER)
    [told] = consequences(before, after, Fit(90_000, 89_990, 100_000, 1_000_000))
    assert "Of 1,000,000 patients 100,000 were looked at: 90,000 have a value" in told
    assert "About 100 values would be lost" in told
    [told] = consequences(before, after, Fit(90_000, 90_000, 100_000, 1_000_000))
    assert "A few of the others may not" in told


def test_choices_become_text(riverside: Room) -> None:
    choices = choices_from_lines("Red\nDeep blue")
    row = field_with(["Red", "Deep blue"], type_=FieldType.CHOICE, choices=choices)
    services.change_field(row.id, wanted("Extra"))
    finish(riverside)
    assert values(row.key)[:3] == ["Red", "Deep blue", None]


def test_a_worker_that_dies_converts_nothing_twice_and_leaves_nobody_out(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = field_with([str(n) for n in range(PEOPLE)])
    services.change_field(row.id, wanted("Extra", FieldType.NUMBER))
    walk_and_die(riverside, monkeypatch, steps=1)
    assert values(row.key)[:7] == [0, 1, 2, 3, 4, "5", "6"]
    with pytest.raises(FieldRefused, match="being changed already"):
        services.change_field(row.id, wanted("Extra", FieldType.DATE))
    finish(riverside)
    assert values(row.key) == list(range(PEOPLE))


@pytest.mark.parametrize("searchable", [True, False])
def test_segments_count_the_same_before_during_and_after(
    riverside: Room, monkeypatch: pytest.MonkeyPatch, searchable: bool
) -> None:
    row = field_with(["red", "blue"] * 6, searchable=not searchable)
    assert count(row.key, "is", "red") == 6
    services.change_field(row.id, wanted("Extra", searchable=searchable))
    assert count(row.key, "is", "red") == 6
    walk_and_die(riverside, monkeypatch, steps=1)
    assert count(row.key, "is", "red") == 6
    assert count(row.key, "is_not", "red") == PEOPLE - 6
    finish(riverside)
    assert count(row.key, "is", "red") == 6
    assert queries.indexed_fields()[row.key].searchable is searchable


def test_a_removed_field_leaves_every_profile(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = field_with([["s|c|Some code"]] * PEOPLE, type_=FieldType.CODES)
    assert CodeEntry.objects.filter(field=row.key).exists()
    services.remove_field(row.id)
    assert row.key not in queries.fields_by_key()
    walk_and_die(riverside, monkeypatch, steps=2)
    again = services.add_field(wanted("Extra"))
    assert again.key != row.key
    finish(riverside)
    assert values(row.key) == [None] * PEOPLE
    assert not FieldDefinition.objects.filter(key=row.key).exists()
    assert not CodeEntry.objects.filter(field=row.key).exists()


@pytest.mark.parametrize("act", ["remove", "convert"])
def test_whoever_has_no_value_is_not_written_again(riverside: Room, act: str) -> None:
    row = field_with(["12", "many"])
    before = {each.id: bytes(each.profile) for each in Contact.objects.all()}
    if act == "remove":
        services.remove_field(row.id)
    else:
        services.change_field(row.id, wanted("Extra", FieldType.NUMBER))
    finish(riverside)
    after = {each.id: bytes(each.profile) for each in Contact.objects.all()}
    assert sum(before[who] != after[who] for who in before) == 2


def save_segment(key: str) -> None:
    condition = {"kind": "field", "field": key, "operator": "is", "values": ["red"]}
    tree = json.dumps({"where": {"kind": "all", "of": [condition]}})
    services.save_segment("The reds", tree, queries.page().contacts[0].id)


def test_what_a_segment_asks_about_stays_askable(riverside: Room) -> None:
    row = field_with(["red"])
    save_segment(row.key)
    for refused in (
        lambda: services.remove_field(row.id),
        lambda: services.change_field(row.id, wanted("Extra", FieldType.NUMBER)),
        lambda: services.change_field(
            row.id, wanted("Extra", classification=FieldClass.IDENTIFIER)
        ),
    ):
        with pytest.raises(FieldRefused, match="“The reds”"):
            refused()
    services.change_field(row.id, wanted("Colour", searchable=True))


def test_nothing_is_converted_under_a_running_import(riverside: Room) -> None:
    row = field_with(["1"])
    Import.objects.create(status=ImportStatus.RUNNING, created_by=riverside.stranger.id)
    with pytest.raises(FieldRefused, match="An import is running"):
        services.change_field(row.id, wanted("Extra", FieldType.NUMBER))
    with pytest.raises(FieldRefused, match="An import is running"):
        services.remove_field(row.id)


@pytest.mark.parametrize("name", ["Psychotherapy notes", "Therapist: session notes"])
def test_psychotherapy_notes_are_refused_with_the_reason(riverside: Room, name: str) -> None:
    row = field_with([])
    for refused in (
        lambda: services.add_field(wanted(name)),
        lambda: services.change_field(row.id, wanted(name)),
    ):
        with pytest.raises(FieldRefused, match=r"164\.508"):
            refused()


def test_fields_that_the_system_needs_can_only_be_renamed(riverside: Room) -> None:
    row = FieldDefinition.objects.get(key="email")
    before = queries.as_field(row)

    def described(label: str, group: FieldGroup) -> Wanted:
        return Wanted(
            label, before.type, group, before.classification, before.searchable, before.choices
        )

    services.change_field(row.id, described("Mail", before.group))
    with pytest.raises(FieldRefused, match="Only its name"):
        services.change_field(row.id, described("Mail", FieldGroup.BEHAVIOUR))
    with pytest.raises(FieldRefused, match="cannot be removed"):
        services.remove_field(row.id)


def test_an_identifier_is_not_searchable(riverside: Room) -> None:
    with pytest.raises(FieldRefused, match="names one person"):
        services.add_field(
            wanted("Passport", classification=FieldClass.IDENTIFIER, searchable=True)
        )


def test_choices_come_from_lines() -> None:
    known = [Choice("dm", "Diabetes", ("t2dm",))]
    text = "  diabetes \nLow; very | low\n\n;\nlow very low\n"
    assert choices_from_lines(text, known) == (
        Choice("dm", "Diabetes", ("t2dm",)),
        Choice("Low very low", "Low; very | low"),
    )


@given(
    st.lists(st.one_of(st.booleans(), st.integers(-999, 999), st.text(max_size=20))),
    st.sampled_from(FieldType),
)
def test_what_fits_is_what_is_kept(found: list[Value], type_: FieldType) -> None:
    field = Field("extra", "Extra", type_, FieldGroup.BEHAVIOUR)
    kept = [converted(value, field) for value in found]
    known = len(found) - found.count(None)
    expected = Fit(known, sum(value is not None for value in kept), len(found), len(found))
    assert fit(found, field, len(found)) == expected
    for value in kept:
        assert converted(value, field) == value
