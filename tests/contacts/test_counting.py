"""A count tells nothing about the few people between two segments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Thread

import pytest
from django.db import connection
from django.utils import timezone

from contacts import queries, services
from contacts.models import ShownCount
from contacts.rules import segments
from contacts.services import counting
from tenancy.current import acting_for
from tests.contacts.patients import TODAY, patient, store
from tests.people import Room

NOW = timezone.now()


@pytest.fixture
def riverside(room: Room) -> Iterator[Room]:
    """Thirty people with asthma, of whom one lives alone in a department."""
    with acting_for(room.riverside.id):
        store(patient(n, Department="Oncology" if n == 7 else "Cardiology") for n in range(30))
        yield room


def shown(*conditions: dict[str, object], now: datetime = NOW) -> str:
    text = json.dumps({"where": {"kind": "all", "of": list(conditions)}})
    tree = segments.parse(text, queries.vocabulary())
    return services.shown_count(tree, TODAY, now).text


def reach(*conditions: dict[str, object]) -> str | None:
    text = json.dumps({"where": {"kind": "all", "of": list(conditions)}})
    tree = segments.parse(text, queries.vocabulary())
    return services.shown_reach(tree, "appointment", TODAY, NOW)


ASTHMA = {"kind": "field", "field": "conditions", "operator": "is", "values": ["asthma"]}
NOT_ONCOLOGY = {
    "kind": "field",
    "field": "department",
    "operator": "is_not",
    "values": ["Oncology"],
}


def test_leaving_one_person_out_does_not_show(riverside: Room) -> None:
    assert shown(ASTHMA) == "30"
    assert shown(ASTHMA, NOT_ONCOLOGY) == "30"


def test_nor_does_letting_one_in(riverside: Room) -> None:
    assert shown(ASTHMA, NOT_ONCOLOGY) == "29"
    assert shown(ASTHMA) == "29"


def test_one_person_more_does_not_show_in_the_same_segment(riverside: Room) -> None:
    assert shown(ASTHMA) == "30"
    store([patient(40)])
    assert shown(ASTHMA) == "30"
    store(patient(n) for n in range(41, 60))
    assert shown(ASTHMA) == "50"


def test_other_people_in_like_number_are_counted_as_they_are(riverside: Room) -> None:
    store(patient(n, Conditions="Migraine") for n in range(100, 132))
    migraine = {**ASTHMA, "values": ["migraine"]}
    assert shown(ASTHMA) == "30"
    assert shown(migraine) == "32"


def test_few_are_hidden_and_a_day_later_a_count_is_fresh(riverside: Room) -> None:
    few = {**NOT_ONCOLOGY, "operator": "is"}
    assert shown(ASTHMA, few) == "10 or fewer"
    assert shown(ASTHMA) == "30"
    assert shown(ASTHMA, NOT_ONCOLOGY, now=NOW + timedelta(days=2)) == "29"
    services.forget_shown_counts(NOW + timedelta(days=2))
    assert not ShownCount.objects.exists()


def test_eleven_people_and_ten_of_them_are_told_as_eleven(riverside: Room) -> None:
    """Eleven people, and ten of them: the step from a number to "10 or fewer" would tell."""
    store(
        patient(n, Conditions="Migraine", Department="ENT" if n > 70 else "Oncology")
        for n in range(70, 81)
    )
    migraine = {**ASTHMA, "values": ["migraine"]}
    assert shown(migraine) == "11"
    assert shown(migraine, NOT_ONCOLOGY) == "11"
    assert shown({**migraine, "values": ["copd"]}) == "10 or fewer"


def test_a_remembered_tree_is_sealed(riverside: Room) -> None:
    shown(ASTHMA)
    assert b"asthma" not in bytes(ShownCount.objects.get().tree)


def test_reach_does_not_tell_of_one_person_either(riverside: Room) -> None:
    store(patient(n, Email="") for n in range(50, 70))
    assert reach(ASTHMA) == "30 of them"
    assert reach(ASTHMA, NOT_ONCOLOGY) == "30 of them"


def test_reach_is_told_of_who_stands_for_them(riverside: Room) -> None:
    """Else the part would tell what the whole does not: whether the one who is left out may be
    mailed."""

    store(patient(n, Email="") for n in range(50, 70))
    assert shown(ASTHMA) == "50"
    assert reach(ASTHMA, NOT_ONCOLOGY) == "30 of them"


def test_two_questions_at_once_wait_for_each_other(
    committed_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither would know of the other, and both be told the exact number."""
    with acting_for(committed_room.riverside.id):
        store(patient(n, Department="Oncology" if n == 7 else "Cardiology") for n in range(30))
    answers: dict[str, str] = {}

    def ask(name: str, *conditions: dict[str, object]) -> None:
        try:
            with acting_for(committed_room.riverside.id):
                answers[name] = shown(*conditions)
        finally:
            connection.close()

    remember = counting._remember

    def slowly(tree: segments.Segment, exact: int) -> ShownCount:
        if not second.ident:
            second.start()
            second.join(0.5)
        return remember(tree, exact)

    second = Thread(target=ask, args=("without", ASTHMA, NOT_ONCOLOGY))
    monkeypatch.setattr(counting, "_remember", slowly)
    ask("all", ASTHMA)
    second.join()
    assert answers == {"all": "30", "without": "30"}


def test_many_other_questions_do_not_wash_the_memory_out(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a rounded number shown: it would tell of the one person at whom it changes."""
    monkeypatch.setattr("contacts.services.counting.COMPARED", 5)
    store(patient(n, Conditions="Migraine", Department=f"Ward {n % 4}") for n in range(100, 220))
    assert shown(ASTHMA) == "30"
    for ward in range(4):
        assert shown({**NOT_ONCOLOGY, "operator": "is", "values": [f"Ward {ward}"]}) == "30"
    assert shown(ASTHMA, NOT_ONCOLOGY) == "30"
    store(patient(n, Conditions="COPD") for n in range(300, 330))
    assert shown({**ASTHMA, "values": ["copd"]}) == "Not shown today"
