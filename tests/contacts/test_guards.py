"""Who gets into the pages of contacts, cell by cell, and what strangers get."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.rules import Permission, Role, allows
from contacts import queries, services
from contacts.urls import urlpatterns
from tenancy.current import acting_for
from tests.contacts.patients import as_csv, confirm, newest_import, patient, store, upload
from tests.people import Room

EVERYBODY = '{"where": {"kind": "all", "of": []}}'


@pytest.fixture
def addresses(room: Room) -> dict[str, str]:
    """Every page of contacts, with ids of Riverside's rows."""
    browser = room.client(Role.OWNER)
    upload(browser, room, as_csv([patient(1)]))
    source = newest_import(room)
    confirm(browser, room, source)
    with acting_for(room.riverside.id):
        contact, other = store([patient(1), patient(2)])
        owner = room.people[Role.OWNER].id
        segment = services.save_segment("All", EVERYBODY, owner)
        services.save_mapping("Weekly", ["MRN"], {0: "record_number"}, owner)
        [saved] = queries.saved_mappings()
        export = services.request_export(None, ["email"], "For the yearly letter", owner)
        field = queries.stored_fields()[0]
    ids = {
        "contact": contact,
        "other": other,
        "export": export.id,
        "field": field.id,
        "source": source.id,
        "segment": segment.id,
        "mapping": saved.id,
    }
    return {
        str(page.name): reverse(
            f"contacts:{page.name}",
            kwargs={"organization": "riverside"}
            | {name: ids[name] for name in page.pattern.converters},
        )
        for page in urlpatterns
    }


def _ask(client: Client, address: str) -> int:
    """What a look at a page answers; of a page that only takes a form, what a form answers."""
    status = client.get(address).status_code
    return client.post(address).status_code if status == 405 else status


@pytest.mark.parametrize("role", list(Role))
def test_a_role_without_the_permission_gets_403(
    room: Room, addresses: dict[str, str], role: Role
) -> None:
    client = room.client(role)
    for page in urlpatterns:
        permission: Permission = page.callback.permission
        status = _ask(client, addresses[str(page.name)])
        assert (status == 403) is not allows(role, permission), (page.name, status)


def test_strangers_and_wrong_ids_get_the_same_404(room: Room, addresses: dict[str, str]) -> None:
    stranger = room.client(room.stranger)
    for name, address in addresses.items():
        assert _ask(stranger, address) == 404
        elsewhere = address.replace("/o/riverside/", "/o/lakeside/")
        if any(character.isdigit() for character in elsewhere):
            assert _ask(stranger, elsewhere) == 404, name


def test_nobody_gets_in_without_signing_in(client: Client, addresses: dict[str, str]) -> None:
    for name, address in addresses.items():
        assert _ask(client, address) == 302, name
