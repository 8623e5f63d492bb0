"""A profile that was changed in the database is left out and reported; everybody else stays."""

from __future__ import annotations

import json
import logging
from uuid import UUID

import pytest
from django.db import connections

from accounts.rules import Role
from contacts import queries, services
from contacts.models import Contact
from contacts.rules.segments import Segment
from tenancy.current import acting_for
from tests.contacts.patients import TODAY, cleaned, patient, store
from tests.people import Room


@pytest.fixture
def people(committed_room: Room) -> list[UUID]:
    """Three patients; the second one's profile was changed by somebody with the owner's rights."""
    with acting_for(committed_room.riverside.id):
        ids = store(patient(n) for n in range(1, 4))
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_contact SET profile = set_byte(profile, 40, get_byte(profile, 40) # 1)"
            " WHERE id = %s",
            [ids[1]],
        )
        assert cursor.rowcount == 1
    connections["owner"].close()
    return ids


def unreadable(caplog: pytest.LogCaptureFixture) -> list[object]:
    """Events of that name, each whole."""
    found = [each.msg for each in caplog.records if "profile_unreadable" in str(each.msg)]
    return [json.loads(each) if isinstance(each, str) else each for each in found]


def test_everybody_else_is_still_found(
    committed_room: Room, people: list[UUID], caplog: pytest.LogCaptureFixture
) -> None:
    first, broken, third = people
    caplog.set_level(logging.ERROR)
    with acting_for(committed_room.riverside.id):
        assert list(queries.opened(people)) == [first, third]
        assert {each for each, _ in queries.matching(Segment(), TODAY)} == {first, third}
        # Nobody is opened to count everybody.
        assert queries.count(Segment(), TODAY) == 3
        assert [each.id for each in queries.page().contacts] == [first, third]
        assert queries.find("Quackenbush2", by_name=True) == []
    events = unreadable(caplog)
    assert len(events) == 4
    for event in events:
        assert isinstance(event, dict)
        assert set(event) <= {"event", "level", "timestamp", "contact_id"}
        assert (event["event"], event["contact_id"]) == ("profile_unreadable", str(broken))


def test_the_pages_of_people_still_open(committed_room: Room, people: list[UUID]) -> None:
    first, broken, _ = people
    browser = committed_room.client(Role.OWNER)
    listed = browser.get(committed_room.url("contacts/"))
    assert (listed.status_code, str(first) in listed.content.decode()) == (200, True)
    assert browser.get(committed_room.url(f"contacts/{broken}/")).status_code == 404
    assert browser.get(committed_room.url("segments/")).status_code == 200


def test_an_import_goes_on_and_does_not_overwrite_it(
    committed_room: Room, people: list[UUID]
) -> None:
    with acting_for(committed_room.riverside.id):
        before = bytes(Contact.objects.get(id=people[1]).profile)
        saved = services.save_many(cleaned(patient(n, Department="Oncology") for n in range(1, 4)))
        assert (saved.updated, saved.unchanged) == (2, 1)
        assert bytes(Contact.objects.get(id=people[1]).profile) == before
