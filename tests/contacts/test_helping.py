"""Two processes open everybody, and find whom one finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contacts import helper, queries, services
from contacts.queries import helping
from contacts.rules import segments
from tenancy.current import acting_for
from tests.contacts.patients import TODAY, cleaned, patient, store_demo_patients
from tests.people import Room

PATIENTS = 400


@pytest.fixture
def riverside(committed_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Patients whom another process can see, and enough of them to ask it."""
    with acting_for(committed_room.riverside.id):
        store_demo_patients(PATIENTS)
    with acting_for(committed_room.lakeside.id):
        services.save_many(cleaned(patient(n) for n in range(40)))
    monkeypatch.setattr(helping, "WORTH_IT", 10)
    return committed_room


def tree(*conditions: dict[str, object]) -> segments.Segment:
    text = json.dumps({"where": {"kind": "all", "of": conditions}})
    return segments.parse(text, queries.vocabulary())


BIRTHDAYS = {
    "kind": "field",
    "field": "birth_date",
    "operator": "birthday_in_next",
    "values": [3, "months"],
}


def test_two_processes_find_whom_one_finds(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(riverside.riverside.id):
        asked = tree(BIRTHDAYS)
        by_two = sorted(queries.recipients(asked, TODAY))
        assert queries.count(asked, TODAY) == len(by_two)
        monkeypatch.setattr(helping, "WORTH_IT", PATIENTS)
        assert by_two == sorted(queries.recipients(asked, TODAY))
    assert 20 < len(by_two) < PATIENTS - 20
    helped = [who for who, _ in by_two if who[15] < helping.HELPED.end]
    assert 0 < len(helped) < len(by_two), "each process has a part of them"


_BAD_HELPERS = (
    "raise SystemExit(3)",
    "import os; os.write({pipe}, b'x' * 20)",
    "import os, time; os.write({pipe}, bytes((0, 0, 0, 32, 1))); time.sleep(60)",
    "import time; time.sleep(60)",
)


def test_a_helper_that_fails_is_no_smaller_audience(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(riverside.riverside.id):
        expected = sorted(queries.recipients(tree(BIRTHDAYS), TODAY))
        monkeypatch.setattr(helping, "PATIENCE", 0.0)
        for program in _BAD_HELPERS:
            monkeypatch.setattr(helper, "_PROGRAM", program)
            assert sorted(queries.recipients(tree(BIRTHDAYS), TODAY)) == expected


def test_without_a_second_process_this_one_finds_everybody(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_for(riverside.riverside.id):
        expected = sorted(queries.recipients(tree(BIRTHDAYS), TODAY))
        monkeypatch.setattr(helper.sys, "executable", "/nowhere/python")
        assert sorted(queries.recipients(tree(BIRTHDAYS), TODAY)) == expected


def test_whoever_stops_listening_leaves_no_process_behind(riverside: Room) -> None:
    before = children()
    with acting_for(riverside.riverside.id):
        people = queries.recipients(tree(BIRTHDAYS), TODAY)
        next(iter(people))
        assert len(children() - before) == 1
        people.close()  # type: ignore[attr-defined]
    assert not children() - before


def children() -> set[str]:
    """Processes that this one has started and not seen the end of."""
    found = Path("/proc/self/task").glob("*/children")
    return {process for each in found for process in each.read_text().split()}
