"""People prepared while somebody else writes are stored as if they had been prepared after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pytest
from django.test import Client

from accounts.rules import Role
from contacts import queries, services
from contacts.models import Contact, FieldDefinition, ImportChange, ImportRows
from contacts.services import incoming, reading, saving
from contacts.services.saving import Batch, Tools, save_prepared
from tenancy.current import acting_for
from tenancy.keys import blind_index
from tests.contacts.patients import as_csv, cleaned, import_file, patient, store
from tests.people import Room


@pytest.fixture
def riverside(room: Room) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        yield room


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 3)


def prepared(*rows: Mapping[str, str], look_up: bool = True) -> Batch:
    """A batch that is ready to be written."""
    batch = Batch(cleaned(rows), Tools.now())
    if look_up:
        batch.look_up()
    batch.merge()
    batch.pack()
    return batch


def outcome(saved: services.Saved) -> tuple[int, int, int]:
    return saved.created, saved.updated, saved.unchanged


def profile_of(number: int) -> dict[str, object]:
    token = blind_index().wide_token("identity", f"record:rh{number:06}")
    contact = Contact.objects.get(identity=token)
    return dict(queries.opened([contact.id])[contact.id].profile)


@pytest.mark.parametrize("look_up", [True, False])
def test_somebody_who_came_meanwhile_is_not_added_twice(riverside: Room, look_up: bool) -> None:
    batch = prepared(patient(1, Department="Neurology"), patient(2), look_up=look_up)
    store([patient(1, Sex="M")])
    assert outcome(save_prepared(batch)) == (1, 1, 0)
    assert queries.total() == 2
    assert profile_of(1)["department"] == "Neurology"


def test_somebody_who_came_with_the_same_address_is_not_added_twice(riverside: Room) -> None:
    batch = prepared(patient(1, MRN="", Department="Neurology"))
    store([patient(1)])
    assert outcome(save_prepared(batch)) == (0, 1, 0)
    assert queries.total() == 1
    assert profile_of(1)["department"] == "Neurology"


def test_a_change_made_meanwhile_is_kept(riverside: Room) -> None:
    store([patient(1), patient(2)])
    batch = prepared(patient(1, Department="Neurology"), patient(2))
    services.save_many(cleaned([patient(1, Phone="5550100"), patient(2, Sex="M")]))
    # The second row says the sex again, as it would after the change.
    assert outcome(save_prepared(batch)) == (0, 2, 0)
    assert profile_of(1)["department"] == "Neurology"
    assert (profile_of(1)["phone"], profile_of(2)["sex"]) == ("5550100", "female")


def test_a_field_made_searchable_meanwhile_is_in_the_index(riverside: Room) -> None:
    batch = prepared(patient(1))
    FieldDefinition.objects.filter(key="first_name").update(searchable=True)
    save_prepared(batch)
    token = blind_index().token("first_name", "wilhelmina")
    assert token in Contact.objects.get().tokens


def test_what_nobody_touched_is_written_as_it_was_prepared(
    riverside: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([patient(1), patient(2), patient(3)])
    batch = prepared(patient(1, Department="Neurology"), patient(4))
    store([patient(2, Department="Surgery")])
    rows = batch.rows
    assert outcome(save_prepared(batch)) == (1, 1, 0)
    assert batch.rows is rows


def imported(room: Room, rows: Iterable[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
    browser: Client = room.client(Role.MARKETER)
    source = import_file(browser, room, as_csv(rows))
    counts = source.created_count, source.updated_count, source.unchanged_count
    return source.status, counts


def test_people_who_come_again_in_the_next_pieces_are_one_with_the_last_value(
    room: Room, small_pieces: None
) -> None:
    """Each piece is prepared before the one ahead of it is written."""
    departments = ("Surgery", "Neurology", "Oncology", "Radiology")
    rows = [patient(n, Department=each) for each in departments for n in range(4)]
    assert imported(room, rows) == ("done", (4, 12, 0))
    with acting_for(room.riverside.id):
        assert {profile_of(n)["department"] for n in range(4)} == {"Radiology"}
        assert not ImportRows.objects.exists()


def test_new_people_then_known_ones_then_new_ones(room: Room, small_pieces: None) -> None:
    import_file(room.client(Role.MARKETER), room, as_csv(patient(n) for n in range(20, 30)))
    known = [patient(n, Department="Surgery") for n in range(20, 30)]
    rows = [*(patient(n) for n in range(10)), *known, *(patient(n) for n in range(40, 50))]
    assert imported(room, rows) == ("done", (20, 10, 0))
    with acting_for(room.riverside.id):
        assert queries.total() == 30
        assert ImportChange.objects.count() == 10


def test_an_import_of_new_people_looks_them_up_once(
    room: Room, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    known_by = incoming.known_by

    def noted(column: str, tokens: object) -> list[incoming.Known]:
        asked.append(column)
        return known_by(column, tokens)  # type: ignore[arg-type]

    monkeypatch.setattr(saving.incoming, "known_by", noted)
    status, counts = imported(room, (patient(n) for n in range(30)))
    assert (status, counts) == ("done", (30, 0, 0))
    checking = 2 * 10
    assert len(asked) <= checking + 2 * 2
