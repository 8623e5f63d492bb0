"""People prepared while somebody else writes are stored as if they had been prepared after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from django.test import Client

from accounts.rules import Role
from contacts import helper, queries, services
from contacts.models import Contact, FieldDefinition, ImportChange, ImportRows
from contacts.rules.reading import Row
from contacts.services import preparing, reading, saving
from contacts.services.matching import Tools
from contacts.services.preparing import Piece, Preparer, write
from tenancy.current import acting_for
from tenancy.keys import blind_index
from tests.contacts.patients import as_csv, cleaned, import_file, patient, store
from tests.people import Room


@pytest.fixture
def riverside(room: Room) -> Iterator[Room]:
    with acting_for(room.riverside.id):
        yield room


def prepared(*rows: Mapping[str, str], look_up: bool = True) -> Piece:
    """Rows that are ready to be written."""
    people = saving.prepare(cleaned(rows), Tools.now(), look_up=look_up)
    return Piece(len(rows), people.saved, people, [], [], {})


def written(piece: Piece, *rows: Mapping[str, str]) -> services.Saved:
    """What becomes of the piece, which is these rows."""
    return write(piece, lambda: prepared(*rows)).saved


def outcome(saved: services.Saved) -> tuple[int, int, int]:
    return saved.created, saved.updated, saved.unchanged


def profile_of(number: int) -> dict[str, object]:
    token = blind_index().wide_token("identity", f"record:rh{number:06}")
    contact = Contact.objects.get(identity=token)
    return dict(queries.opened([contact.id])[contact.id].profile)


@pytest.mark.parametrize("look_up", [True, False])
def test_somebody_who_came_meanwhile_is_not_added_twice(riverside: Room, look_up: bool) -> None:
    rows = patient(1, Department="Neurology"), patient(2)
    piece = prepared(*rows, look_up=look_up)
    store([patient(1, Sex="M")])
    assert outcome(written(piece, *rows)) == (1, 1, 0)
    assert queries.total() == 2
    assert profile_of(1)["department"] == "Neurology"


def test_somebody_who_came_with_the_same_address_is_not_added_twice(riverside: Room) -> None:
    row = patient(1, MRN="", Department="Neurology")
    piece = prepared(row)
    store([patient(1)])
    assert outcome(written(piece, row)) == (0, 1, 0)
    assert queries.total() == 1
    assert profile_of(1)["department"] == "Neurology"


def test_a_change_made_meanwhile_is_kept(riverside: Room) -> None:
    store([patient(1), patient(2)])
    rows = patient(1, Department="Neurology"), patient(2)
    piece = prepared(*rows)
    services.save_many(cleaned([patient(1, Phone="5550100"), patient(2, Sex="M")]))
    # The second row says the sex again, as it would after the change.
    assert outcome(written(piece, *rows)) == (0, 2, 0)
    assert profile_of(1)["department"] == "Neurology"
    assert (profile_of(1)["phone"], profile_of(2)["sex"]) == ("5550100", "female")


def test_a_field_made_searchable_meanwhile_is_in_the_index(riverside: Room) -> None:
    piece = prepared(patient(1))
    FieldDefinition.objects.filter(key="first_name").update(searchable=True)
    written(piece, patient(1))
    token = blind_index().token("first_name", "wilhelmina")
    assert token in Contact.objects.get().tokens


def test_what_nobody_touched_is_written_as_it_was_prepared(riverside: Room) -> None:
    store([patient(1), patient(2), patient(3)])
    piece = prepared(patient(1, Department="Neurology"), patient(4))
    store([patient(2, Department="Surgery")])
    assert write(piece, lambda: pytest.fail("it was prepared again")) is piece
    assert outcome(piece.saved) == (1, 1, 0)


@pytest.fixture
def helped(committed_room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Imports of small pieces that a second process prepares."""
    monkeypatch.setattr(reading, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(preparing, "WORTH_IT", 1)
    return committed_room


@pytest.fixture
def prepared_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each piece has that this process prepares."""
    sizes: list[int] = []
    prepare = Preparer.prepared

    def noted(self: Preparer, rows: Sequence[Row], *, look_up: bool = True) -> Piece:
        sizes.append(len(rows))
        return prepare(self, rows, look_up=look_up)

    monkeypatch.setattr(Preparer, "prepared", noted)
    return sizes


def imported(room: Room, rows: Iterable[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
    browser: Client = room.client(Role.MARKETER)
    source = import_file(browser, room, as_csv(rows))
    counts = source.created_count, source.updated_count, source.unchanged_count
    return source.status, counts


def test_a_second_process_prepares_what_this_one_writes(
    helped: Room, prepared_here: list[int]
) -> None:
    odd = [patient(40, DOB="never"), patient(41, Email="nadine@gmial.com")]
    browser = helped.client(Role.MARKETER)
    source = import_file(browser, helped, as_csv([*(patient(n) for n in range(10)), *odd]))
    assert (source.status, source.created_count, source.rows_read) == ("done", 11, 12)
    assert (source.rejected_count, source.flagged_count) == (1, 1)
    assert prepared_here == []
    page = browser.get(helped.url(f"imports/{source.id}/")).content.decode()
    assert "is not a date" in page


def test_people_who_come_again_in_the_next_pieces_are_one_with_the_last_value(
    helped: Room, prepared_here: list[int]
) -> None:
    """Each piece is prepared before the one ahead of it is written."""
    departments = ("Surgery", "Neurology", "Oncology", "Radiology")
    rows = [patient(n, Department=each) for each in departments for n in range(4)]
    assert imported(helped, rows) == ("done", (4, 12, 0))
    assert prepared_here, "what changed meanwhile was prepared again"
    with acting_for(helped.riverside.id):
        assert {profile_of(n)["department"] for n in range(4)} == {"Radiology"}
        assert not ImportRows.objects.exists()


def test_new_people_then_known_ones_then_new_ones(helped: Room) -> None:
    import_file(helped.client(Role.MARKETER), helped, as_csv(patient(n) for n in range(20, 30)))
    known = [patient(n, Department="Surgery") for n in range(20, 30)]
    rows = [*(patient(n) for n in range(10)), *known, *(patient(n) for n in range(40, 50))]
    assert imported(helped, rows) == ("done", (20, 10, 0))
    with acting_for(helped.riverside.id):
        assert queries.total() == 30
        assert ImportChange.objects.count() == 10


_BAD_HELPERS = (
    "raise SystemExit(3)",
    "import os; os.write({pipe}, b'x' * 20)",
    "import os, time; os.write({pipe}, bytes((0, 0, 0, 32, 1))); time.sleep(60)",
    "import time; time.sleep(60)",
)


@pytest.mark.parametrize("program", _BAD_HELPERS)
def test_a_helper_that_fails_loses_nobody(
    helped: Room, prepared_here: list[int], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(helper, "_PROGRAM", program)
    monkeypatch.setattr(preparing, "PATIENCE", 1.0)
    assert imported(helped, (patient(n) for n in range(10))) == ("done", (10, 0, 0))
    assert prepared_here == [3, 3, 3, 1] * 2, "to be checked, and to be taken"


def test_an_import_goes_on_where_no_process_can_be_started(
    helped: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper.sys, "executable", "/nowhere/python")
    assert imported(helped, (patient(n) for n in range(10))) == ("done", (10, 0, 0))
