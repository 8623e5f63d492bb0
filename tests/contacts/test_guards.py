"""Who gets into the pages of contacts, cell by cell, and what strangers get."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.rules import Permission, Role, allows
from contacts import services
from contacts.urls import urlpatterns
from tenancy.current import acting_for
from tests.contacts.patients import as_csv, confirm, newest_import, patient, store, upload
from tests.people import Room

POSTED = {"import_discard", "segment_count", "segment_save"}
EVERYBODY = '{"where": {"kind": "all", "of": []}}'


@pytest.fixture
def addresses(room: Room) -> dict[str, str]:
    """Every page of contacts, with ids of Riverside's rows."""
    browser = room.client(Role.OWNER)
    upload(browser, room, as_csv([patient(1)]))
    source = newest_import(room)
    confirm(browser, room, source)
    with acting_for(room.riverside.id):
        [contact] = store([patient(1)])
        segment = services.save_segment("All", EVERYBODY, room.people[Role.OWNER].id)
    ids = {"contact": contact, "source": source.id, "segment": segment.id}
    return {
        str(page.name): reverse(
            f"contacts:{page.name}",
            kwargs={"organization": "riverside"}
            | {name: ids[name] for name in page.pattern.converters},
        )
        for page in urlpatterns
    }


def _ask(client: object, name: str, address: str) -> int:
    ask = client.post if name in POSTED else client.get  # type: ignore[attr-defined]
    return int(ask(address).status_code)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_without_the_permission_gets_403(
    room: Room, addresses: dict[str, str], role: Role
) -> None:
    client = room.client(role)
    for page in urlpatterns:
        permission: Permission = page.callback.permission
        status = _ask(client, str(page.name), addresses[str(page.name)])
        assert (status == 403) is not allows(role, permission), (page.name, status)


def test_strangers_and_wrong_ids_get_the_same_404(room: Room, addresses: dict[str, str]) -> None:
    stranger = room.client(room.stranger)
    for name, address in addresses.items():
        assert _ask(stranger, name, address) == 404
        elsewhere = address.replace("/o/riverside/", "/o/lakeside/")
        if any(character.isdigit() for character in elsewhere):
            assert _ask(stranger, name, elsewhere) == 404, name


def test_nobody_gets_in_without_signing_in(client: object, addresses: dict[str, str]) -> None:
    for name, address in addresses.items():
        assert _ask(client, name, address) == 302, name
