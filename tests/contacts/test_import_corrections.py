"""Rejected rows are corrected where they are shown, cell by cell."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.rules import Role
from audit.models import Event
from contacts import queries
from contacts.models import Import
from contacts.rules.corrections import cells_to_correct
from contacts.rules.fields import Field, FieldGroup, FieldType
from contacts.rules.starter import starter_fields
from tenancy.current import acting_for
from tests.contacts.patients import (
    TODAY,
    as_csv,
    check_file,
    import_file,
    patient,
    work_on,
)
from tests.people import Room


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def detail(client: Client, room: Room, source: Import, after: str = "") -> str:
    return client.get(room.url(f"imports/{source.id}/") + after).content.decode()


def offered(page: str) -> list[str]:
    """Names of the inputs for cells, in the order of the page."""
    return re.findall(r'name="(cell-[^"]+)"', page)


def send(client: Client, room: Room, source: Import, **cells: str) -> HttpResponse:
    """Type into the cells of a page and press its button."""
    address = room.url(f"imports/{source.id}/correct/cells/")
    response: HttpResponse = client.post(address, cells)
    return response


def counts(source: Import) -> tuple[str, int, int]:
    return source.status, source.created_count, source.rejected_count


def profile_of(room: Room, last_name: str) -> dict[str, object]:
    with acting_for(room.riverside.id):
        profiles = [each.profile for each in queries.page().contacts]
    [found] = [each for each in profiles if each["last_name"] == last_name]
    return dict(found)


ROWS = [
    patient(1),
    patient(2, DOB="02/30/1960"),
    patient(3, DOB="soon", Sex="Femal"),
]


def test_only_the_wrong_cells_are_offered_in_clear(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    page = detail(browser, room, source)
    assert offered(page) == ["cell-3-birth_date", "cell-4-birth_date", "cell-4-sex"]
    assert 'value="02/30/1960"' in page
    assert '<option value="=" selected>Femal</option>' in page
    assert "Quackenbush2" not in page
    with acting_for(room.riverside.id):
        assert Event.objects.get(action="rejects_viewed").details == {"rows": 2}


def test_typed_cells_are_tried_again_and_the_other_rows_stay(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    answer = send(
        browser,
        room,
        source,
        **{
            "cell-3-birth_date": "02/28/1960",
            "cell-4-birth_date": "soon",
            "cell-4-sex": "=",
        },
    )
    assert answer.status_code == 302
    assert "1 corrected row is being tried again" in detail(browser, room, source)
    source = work_on(room, source)
    assert counts(source) == ("checked", 2, 1)
    page = detail(browser, room, source)
    assert offered(page) == ["cell-4-birth_date", "cell-4-sex"]
    browser.post(room.url(f"imports/{source.id}/confirm/"))
    assert counts(work_on(room, source)) == ("done", 2, 1)
    profile = profile_of(room, "Quackenbush2")
    assert (profile["birth_date"], profile["conditions"]) == ("1960-02-28", ["asthma"])
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="rejects_corrected")
    assert (event.object_id, event.details) == (source.id, {"rows": 1})


def test_after_the_import_only_corrected_rows_are_taken(room: Room, browser: Client) -> None:
    source = import_file(browser, room, as_csv(ROWS))
    assert counts(source) == ("done", 1, 2)
    send(browser, room, source, **{"cell-4-birth_date": "1960-02-28", "cell-4-sex": ""})
    source = work_on(room, source)
    assert counts(source) == ("done", 2, 1)
    assert "sex" not in profile_of(room, "Quackenbush3")


def test_what_is_still_wrong_is_said_beside_the_cell_and_kept(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    typed = {
        "cell-3-birth_date": "02/28/1960",
        "cell-4-birth_date": "later",
        "cell-4-sex": "female",
    }
    answer = send(browser, room, source, **typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count('aria-invalid="true"') == 1
    assert 'value="02/28/1960"' in page
    assert 'value="later"' in page
    with acting_for(room.riverside.id):
        source.refresh_from_db()
    assert counts(source) == ("checked", 1, 2)


def test_a_row_of_nobody_asks_for_what_would_tell_who_it_is(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv([patient(1, MRN="", Email="")]))
    assert offered(detail(browser, room, source)) == ["cell-2-record_number", "cell-2-email"]
    send(browser, room, source, **{"cell-2-record_number": "RH000009", "cell-2-email": ""})
    assert counts(work_on(room, source)) == ("checked", 1, 0)


def test_a_row_that_did_not_line_up_is_corrected_in_the_file(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv([patient(1)]) + b"RH000002,only\r\n")
    page = detail(browser, room, source)
    assert offered(page) == []
    assert "Correct it in a spreadsheet, below" in page


def test_nothing_typed_changes_nothing(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    send(browser, room, source, **{"cell-3-birth_date": " 02/30/1960 ", "cell-999-email": "x"})
    assert "Nothing was typed" in detail(browser, room, source)
    with acting_for(room.riverside.id):
        source.refresh_from_db()
    assert counts(source) == ("checked", 1, 2)


def test_cells_that_were_not_offered_are_not_taken(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    typed = {"cell-3-birth_date": "02/28/1960", "cell-3-last_name": "Other"}
    send(browser, room, source, **typed)
    browser.post(room.url(f"imports/{work_on(room, source).id}/confirm/"))
    work_on(room, source)
    assert profile_of(room, "Quackenbush2")["last_name"] == "Quackenbush2"


def test_a_newer_import_page_in_another_window_is_no_harm(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    typed = {"cell-3-birth_date": "02/28/1960"}
    send(browser, room, source, **typed)
    answer = send(browser, room, source, **typed)
    assert answer.status_code == 302
    assert "is being worked on right now" in detail(browser, room, source)
    source = work_on(room, source)
    send(browser, room, source, **typed)
    with acting_for(room.riverside.id):
        source.refresh_from_db()
    assert counts(source) == ("checked", 2, 1)


def test_rejected_rows_come_page_by_page(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(patient(n, DOB="soon") for n in range(60)))
    page = detail(browser, room, source)
    assert "60 rows need correcting" in page
    assert len(offered(page)) == 25
    assert f'imports/{source.id}/?after=26#rejected"' in page
    later = detail(browser, room, source, "?after=26")
    assert offered(later)[0] == "cell-27-birth_date"
    last = detail(browser, room, source, "?after=51")
    assert len(offered(last)) == 10
    assert 'rel="next"' not in last
    typed = {"after": "51", "cell-60-birth_date": "02/28/1960"}
    assert send(browser, room, source, **typed).status_code == 302
    assert counts(work_on(room, source)) == ("checked", 1, 59)


@pytest.mark.parametrize("after", ["?after=x", "?after=-1", "?after=99999999999999999999"])
def test_an_address_that_makes_no_sense_shows_the_first_rows(
    room: Room, browser: Client, after: str
) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    assert len(offered(detail(browser, room, source, after))) == 3


def test_cells_are_not_offered_once_it_is_too_late(room: Room, browser: Client) -> None:
    source = import_file(browser, room, as_csv(ROWS))
    with acting_for(room.riverside.id):
        Import.objects.update(finished_at=timezone.now() - timedelta(days=8))
    page = detail(browser, room, source)
    assert offered(page) == []
    assert "02/30/1960” does not exist" in page
    send(browser, room, source, **{"cell-3-birth_date": "02/28/1960"})
    assert "can no longer be corrected here" in detail(browser, room, source)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.AUDITOR])
def test_who_may_not_import_may_not_correct(room: Room, browser: Client, role: Role) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    answer = send(room.client(role), room, source, **{"cell-3-birth_date": "02/28/1960"})
    assert answer.status_code == 403


def test_a_cell_that_was_not_on_the_page_is_not_emptied(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv(ROWS))
    answer = send(browser, room, source, **{"cell-4-birth_date": "02/28/1960"})
    assert answer.status_code == 200
    assert answer.content.decode().count('aria-invalid="true"') == 1


def test_columns_that_are_matched_wrongly_are_not_corrected_cell_by_cell() -> None:
    group = FieldGroup.BEHAVIOUR
    fields = {f"f{n}": Field(f"f{n}", f"F{n}", FieldType.NUMBER, group) for n in range(21)}
    assert len(cells_to_correct(dict.fromkeys(list(fields)[:20], "x"), fields, TODAY)) == 20
    assert cells_to_correct(dict.fromkeys(fields, "x"), fields, TODAY) == []


def test_nothing_is_offered_where_nothing_can_be_known() -> None:
    fields = starter_fields()
    assert cells_to_correct({"record_number": "", "email": ""}, fields, TODAY) == []
    assert cells_to_correct({"shoe_size": "9"}, fields, TODAY) == []
    twin = {"record_number": "", "email": "a@oldpost.test", "birth_date": "1980-01-01"}
    assert cells_to_correct(twin, fields, TODAY) == ["record_number"]
