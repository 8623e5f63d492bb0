"""Files of contacts: asked for by one, allowed by another, here for a day, for these two."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from accounts.rules import Role
from audit.models import Event
from contacts import queries, services
from contacts.models import Export, ExportChunk, ExportStatus, FieldDefinition
from contacts.rules.fields import Value
from contacts.services import exporting
from contacts.tasks import forget, write_export
from tenancy.current import acting_for
from tests.contacts.patients import patient, store
from tests.people import Room

REASON = "The yearly letter of Dr Quackenbush"
ASKED = {
    "segment": "",
    "reason": REASON,
    "About the person": ["record_number", "last_name"],
    "Health": ["conditions"],
}


@pytest.fixture
def marketer(room: Room) -> Client:
    with acting_for(room.riverside.id):
        store(patient(n) for n in (1, 2))
        store([patient(3, **{"First Name": "Ann", "Last Name": "=1+1"})])
    return room.client(Role.MARKETER)


def ask(client: Client, room: Room, **more: object) -> UUID:
    answer = client.post(room.url("exports/new/"), ASKED | more)
    found = re.search(r"exports/([0-9a-f-]{36})/", answer["Location"])
    assert found
    return UUID(found[1])


def decide(client: Client, room: Room, export: UUID, allow: str) -> int:
    return client.post(room.url(f"exports/{export}/decide/"), {"allow": allow}).status_code


def status(room: Room, export: UUID) -> str:
    with acting_for(room.riverside.id):
        return str(Export.objects.get(id=export).status)


def download(client: Client, room: Room, export: UUID) -> bytes | None:
    """The file, or None if there is none for this person."""
    answer = client.get(room.url(f"exports/{export}/file/"))
    return b"".join(answer.streaming_content) if answer.streaming else None  # type: ignore[attr-defined]


def written(room: Room, marketer: Client, **more: object) -> UUID:
    """An export that was asked for, allowed and written."""
    export = ask(marketer, room, **more)
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "yes")
    write_export(str(room.riverside.id), str(export))
    return export


def test_a_file_is_asked_for_allowed_written_and_downloaded(room: Room, marketer: Client) -> None:
    export = ask(marketer, room)
    assert "Somebody else has to allow this" in shown(marketer, room, export)
    officer = room.client(Role.PRIVACY_OFFICER)
    page = shown(officer, room, export)
    assert REASON in page
    assert "Medical record number, Last name, Conditions" in page
    assert "Allow this export" in page
    decide(officer, room, export, "yes")
    assert status(room, export) == ExportStatus.WRITING
    write_export(str(room.riverside.id), str(export))
    file = download(marketer, room, export)
    assert file is not None
    rows = list(csv.reader(io.StringIO(file.decode("utf-8-sig"))))
    assert [rows[0], *sorted(rows[1:])] == [
        ["Medical record number", "Last name", "Conditions"],
        ["RH000001", "Quackenbush1", "Asthma"],
        ["RH000002", "Quackenbush2", "Asthma"],
        ["RH000003", "'=1+1", "Asthma"],
    ]
    assert download(officer, room, export) == file
    with acting_for(room.riverside.id):
        assert Event.objects.filter(action="export_downloaded").count() == 2


def shown(client: Client, room: Room, export: UUID) -> str:
    return client.get(room.url(f"exports/{export}/")).content.decode()


def test_nobody_allows_what_they_asked_for(room: Room) -> None:
    owner = room.client(Role.OWNER)
    export = ask(owner, room)
    assert "Allow this export" not in shown(owner, room, export)
    decide(owner, room, export, "yes")
    assert status(room, export) == ExportStatus.REQUESTED


def test_what_is_refused_is_not_written(room: Room, marketer: Client) -> None:
    export = ask(marketer, room)
    officer = room.client(Role.PRIVACY_OFFICER)
    decide(officer, room, export, "no")
    decide(officer, room, export, "yes")
    write_export(str(room.riverside.id), str(export))
    assert status(room, export) == ExportStatus.REFUSED
    assert download(marketer, room, export) is None


def test_an_answer_that_is_neither_yes_nor_no_decides_nothing(room: Room, marketer: Client) -> None:
    export = ask(marketer, room)
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "maybe")
    assert status(room, export) == ExportStatus.REQUESTED


def test_a_third_person_gets_neither_the_file_nor_another_s_reason(
    room: Room, marketer: Client
) -> None:
    export = written(room, marketer)
    assert download(room.client(Role.OWNER), room, export) is None
    with acting_for(room.riverside.id):
        Export.objects.filter(id=export).update(requested_by=room.people[Role.OWNER].id)
    assert REASON not in shown(marketer, room, export)
    assert download(marketer, room, export) is None


def test_after_a_day_the_file_is_gone(room: Room, marketer: Client) -> None:
    export = written(room, marketer)
    with acting_for(room.riverside.id):
        row = Export.objects.get(id=export)
        assert row.expires_at
        assert timedelta(hours=23) < row.expires_at - timezone.now() <= timedelta(hours=24)
        Export.objects.update(expires_at=timezone.now())
    assert download(marketer, room, export) is None
    assert "Deleted after a day" in shown(marketer, room, export)
    forget()
    with acting_for(room.riverside.id):
        assert not ExportChunk.objects.exists()
    assert status(room, export) == ExportStatus.EXPIRED


def test_the_file_and_the_reason_are_sealed(room: Room, marketer: Client) -> None:
    export = written(room, marketer)
    with acting_for(room.riverside.id):
        row, piece = Export.objects.get(id=export), ExportChunk.objects.get()
    assert b"Quackenbush" not in bytes(row.reason) + bytes(piece.sealed)


def test_a_segment_s_people_are_exported(room: Room, marketer: Client) -> None:
    with acting_for(room.riverside.id):
        segment = services.save_segment("COPD", _tree("copd"), room.people[Role.OWNER].id)
        store([patient(7, Conditions="COPD")])
    export = ask(marketer, room, segment=str(segment.id))
    officer = room.client(Role.PRIVACY_OFFICER)
    assert "10 or fewer" in shown(officer, room, export)
    decide(officer, room, export, "yes")
    write_export(str(room.riverside.id), str(export))
    assert b"RH000007" in (file := download(marketer, room, export) or b"")
    assert b"RH000001" not in file


def test_what_was_allowed_is_what_was_asked_for(room: Room, marketer: Client) -> None:
    """Changing or deleting the segment afterwards changes nothing of the file."""
    owner = room.people[Role.OWNER].id
    with acting_for(room.riverside.id):
        segment = services.save_segment("COPD", _tree("copd"), owner)
        store([patient(7, Conditions="COPD")])
    export = ask(marketer, room, segment=str(segment.id))
    with acting_for(room.riverside.id):
        services.save_segment("COPD", _tree("asthma"), owner, segment.id)
    officer = room.client(Role.PRIVACY_OFFICER)
    assert "whose conditions include COPD" in shown(officer, room, export)
    decide(officer, room, export, "yes")
    with acting_for(room.riverside.id):
        services.delete_segment(segment.id)
    write_export(str(room.riverside.id), str(export))
    assert b"RH000007" in (file := download(marketer, room, export) or b"")
    assert b"RH000001" not in file


def _tree(condition: str) -> str:
    asked = (
        f'{{"kind": "field", "field": "conditions", "operator": "is", "values": ["{condition}"]}}'
    )
    return f'{{"where": {{"kind": "all", "of": [{asked}]}}}}'


def test_a_field_that_is_gone_fails_in_words(room: Room, marketer: Client) -> None:
    with acting_for(room.riverside.id):
        segment = services.save_segment("COPD", _tree("copd"), room.people[Role.OWNER].id)
    export = ask(marketer, room, segment=str(segment.id))
    with acting_for(room.riverside.id):
        FieldDefinition.objects.filter(key="conditions").delete()
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "yes")
    write_export(str(room.riverside.id), str(export))
    assert "cannot be written any more" in shown(marketer, room, export)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"About the person": [], "Health": []}, "Choose at least one field"),
        ({"reason": "because"}, "at least 8 characters"),
        ({"segment": "00000000-0000-0000-0000-000000000000"}, "not one of the available choices"),
    ],
)
def test_a_wish_that_lacks_something_says_what(
    room: Room, marketer: Client, asked: dict[str, object], words: str
) -> None:
    answer = marketer.post(room.url("exports/new/"), ASKED | asked)
    assert words in answer.content.decode()
    with acting_for(room.riverside.id):
        assert not Export.objects.exists()


def test_the_list_says_what_an_export_is_and_then_where_each_stands(
    room: Room, marketer: Client
) -> None:
    assert "Nothing was exported yet" in marketer.get(room.url("exports/")).content.decode()
    ask(marketer, room)
    page = marketer.get(room.url("exports/")).content.decode()
    assert "Waits for a second person" in page
    assert "Quackenbush" not in page


def test_pieces_are_read_after_the_page_s_transaction(committed_room: Room) -> None:
    room = committed_room
    with acting_for(room.riverside.id):
        store([patient(1)])
    marketer = room.client(Role.MARKETER)
    export = ask(marketer, room)
    with acting_for(room.riverside.id):
        Export.objects.filter(id=export).update(
            status=ExportStatus.WRITING, decided_by=room.people[Role.OWNER].id
        )
    write_export(str(room.riverside.id), str(export))
    assert b"RH000001" in (download(marketer, room, export) or b"")


def test_the_page_tells_how_far_the_file_is(
    committed_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, seen = committed_room, list[str]()
    with acting_for(room.riverside.id):
        store(patient(n) for n in range(5))
    marketer = room.client(Role.MARKETER)
    export = ask(marketer, room)
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "yes")
    progress = room.url(f"exports/{export}/progress/")
    assert "Finding out who is in it" in marketer.get(progress).content.decode()
    find = queries.exported_profiles

    def looking(ids: bytes) -> list[dict[str, Value]]:
        seen.append(marketer.get(progress).content.decode())
        return find(ids)

    monkeypatch.setattr(exporting, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(queries, "exported_profiles", looking)
    write_export(str(room.riverside.id), str(export))
    assert ["2 of 5 patients" in page for page in seen] == [False, True, False]
    assert "4 of 5 patients" in seen[2]
    assert marketer.get(progress)["HX-Refresh"] == "true"
    rows = list(csv.reader(io.StringIO((download(marketer, room, export) or b"").decode())))
    assert sorted(row[0] for row in rows[1:]) == [f"RH00000{n}" for n in range(5)]


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    room: Room, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ask(marketer, room)
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "yes")
    find = queries.exported_ids

    def slowly(row: Export) -> bytes:
        Export.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        return find(row)

    monkeypatch.setattr(queries, "exported_ids", slowly)
    write_export(str(room.riverside.id), str(export))
    assert status(room, export) == ExportStatus.WRITING
    with acting_for(room.riverside.id):
        assert not ExportChunk.objects.exists()


def test_a_file_whose_worker_died_is_written_by_the_next(room: Room, marketer: Client) -> None:
    export = ask(marketer, room)
    decide(room.client(Role.PRIVACY_OFFICER), room, export, "yes")
    now = timezone.now()
    with acting_for(room.riverside.id):
        Export.objects.filter(id=export).update(lease_until=now + timedelta(minutes=1))
        left = ExportChunk(export_id=export, number=0, sealed=b"half a file")
        left.save(force_insert=True)
    write_export(str(room.riverside.id), str(export))
    assert status(room, export) == ExportStatus.WRITING
    assert (room.riverside.id, export) not in queries.stranded_exports()
    with acting_for(room.riverside.id):
        Export.objects.filter(id=export).update(lease_until=now - timedelta(minutes=1))
    assert (room.riverside.id, export) in queries.stranded_exports()
    write_export(str(room.riverside.id), str(export))
    file = download(marketer, room, export)
    assert file is not None
    assert file.count(b"RH00000") == 3
