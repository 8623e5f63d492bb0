"""An import from its first page to its undo: what people are told, and what becomes of rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.rules import Role
from audit.models import Event
from contacts import queries, services
from contacts.models import Contact, Import, ImportChange, ImportChunk, ImportReject, ImportRows
from contacts.rules.fields import Value
from contacts.services.reading import ROWS_AT_ONCE
from tenancy.current import acting_for
from tests.consent.signed import published, signed
from tests.contacts.patients import (
    HEADERS,
    as_csv,
    check_file,
    cleaned,
    confirm,
    import_file,
    newest_import,
    patient,
    read_file,
    store,
    upload,
    work_on,
)
from tests.contacts.reading.files import archive, ndjson, text_row, workbook
from tests.people import Room

SHARED = "family@oldpost.test"


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def text_of(client: Client, address: str) -> str:
    """What a page says, without its tags."""
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    _, _, main = response.content.decode().partition("<main")
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", main).split()))


def page_of(client: Client, room: Room, source: Import) -> str:
    return text_of(client, room.url(f"imports/{source.id}/"))


def counts(source: Import) -> tuple[int, int, int, int]:
    return (
        source.created_count,
        source.updated_count,
        source.unchanged_count,
        source.rejected_count,
    )


def profiles(room: Room) -> dict[str, dict[str, Value]]:
    """Everybody's values by last name."""
    with acting_for(room.riverside.id):
        ids = list(Contact.objects.values_list("id", flat=True))
        return {
            str(each.profile["last_name"]): each.profile for each in queries.opened(ids).values()
        }


def start(client: Client, room: Room, source: Import) -> Import:
    """Import a checked file, and let a worker do it."""
    client.post(room.url(f"imports/{source.id}/confirm/"))
    return work_on(room, source)


def undo(client: Client, room: Room, source: Import) -> Import:
    client.post(room.url(f"imports/{source.id}/undo/"))
    return work_on(room, source)


def correct(client: Client, room: Room, source: Import, **better: str) -> Any:
    """Download the rejected rows, put these values into each, and upload them. Returns what the
    page then says."""
    rejected = client.get(room.url(f"imports/{source.id}/rejected-rows/")).content.decode(
        "utf-8-sig"
    )
    rows = [row | better for row in csv.DictReader(io.StringIO(rejected))]
    return send_corrections(client, room, source, as_csv(rows, rows[0]))


def send_corrections(client: Client, room: Room, source: Import, content: bytes) -> str:
    file = SimpleUploadedFile("corrected.csv", content, "text/csv")
    address = room.url(f"imports/{source.id}/correct/")
    return client.post(address, {"file": file}, follow=True).content.decode()


# What each page says.


def test_the_upload_page_says_which_files_and_what_happens(room: Room, browser: Client) -> None:
    page = text_of(browser, room.url("imports/new/"))
    for words in (".xlsx", ".tsv", ".ndjson", ".zip", "At most", "stored encrypted", "undone"):
        assert words in page
    assert 'accept=".csv,.tsv' in browser.get(room.url("imports/new/")).content.decode()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("reading", "Reading the file. Reading 40 rows read so far"),
        ("checking", "Checking every row. Nothing is stored yet. Checking 40 of 100 rows"),
        ("running", "Importing. Importing 40 of 100 rows"),
        ("undoing", "Putting patients back to what they were. Undoing 40 of about 70 patients"),
    ],
)
def test_progress_says_how_far_it_is_and_renews_itself(
    room: Room, browser: Client, status: str, words: str
) -> None:
    source = check_file(browser, room, as_csv([patient(1)]))
    with acting_for(room.riverside.id):
        Import.objects.update(
            status=status,
            rows_total=100,
            rows_read=40,
            created_count=20,
            updated_count=10,
            turn_started_at=timezone.now() - timedelta(minutes=4),
        )
    page = page_of(browser, room, source)
    assert words in page
    assert "You can leave this page." in page
    assert ("left" in page.split("rows")[-1] or "minutes left" in page) is (status != "reading")
    assert ("Cancel this import" in page) is (status != "undoing")
    fragment = browser.get(room.url(f"imports/{source.id}/progress/"))
    assert 'hx-trigger="every 1s"' in fragment.content.decode()
    assert "HX-Refresh" not in fragment.headers


def test_before_a_worker_comes_the_page_says_so(room: Room, browser: Client) -> None:
    upload(browser, room, as_csv([patient(1)]))
    assert "Waiting for its turn." in page_of(browser, room, newest_import(room))


def test_when_the_work_is_done_the_page_renews_as_a_whole(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv([patient(1)]))
    assert browser.get(room.url(f"imports/{source.id}/progress/")).headers["HX-Refresh"] == "true"


def test_the_matching_page_says_how_the_file_was_read(room: Room, browser: Client) -> None:
    content = as_csv([patient(1, **{"First Name": "José"})]).decode().replace(",", ";")
    source = read_file(browser, room, content.encode("cp1252"))
    page = text_of(browser, room.url(f"imports/{source.id}/mapping/"))
    assert "Text with semicolons between the columns, written in Windows-1252." in page
    assert "dropped and never stored" in page
    assert "Check 1 row" in page


def test_a_guess_from_content_asks_to_be_checked(room: Room, browser: Client) -> None:
    headers = ["MRN", "Kontakt", "Geboren"]
    rows = [
        {"MRN": f"R{n}", "Kontakt": f"p{n}@oldpost.test", "Geboren": f"19{40 + n}-02-03"}
        for n in range(20)
    ]
    source = read_file(browser, room, as_csv(rows, headers))
    address = room.url(f"imports/{source.id}/mapping/")
    assert "2 columns were matched by what is in them" in text_of(browser, address)
    page = browser.get(address).content.decode()
    assert page.count("Please check: guessed") == 2
    assert '<option value="birth_date" selected>' in page


def test_a_checked_file_says_what_importing_will_do(room: Room, browser: Client) -> None:
    import_file(browser, room, as_csv([patient(1), patient(2)]))
    source = check_file(
        browser,
        room,
        as_csv(
            [
                patient(1),
                patient(2, Department="Neurology"),
                patient(3, Email="ana@gmial.com"),
                patient(4, DOB="02/30/1960"),
            ]
        ),
    )
    page = page_of(browser, room, source)
    for words in (
        "All 4 rows were checked. Nothing is stored yet.",
        "New 1 patients who are not here yet",
        "Updated 1 rows with news of a patient",
        "Unchanged 1 rows that say what is known already",
        "Rejected 1 rows that cannot be taken as they are",
        "Import 2 patients",
        "Change the matching",
        "By the medical record number. Where a row has none, by email together with birth date.",
        "A blank cell keeps what is known.",
        "they stay two patients, and both are marked",
        "1 row needs correcting",
        "Birth date “02/30/1960” does not exist",
        "1 email that deserves a look",
        "perhaps gmail.com was meant",
        "These rows are taken as they stand.",
    ):
        assert words in page, words
    assert "Quackenbush4" not in page
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="rejects_viewed")
        assert (event.object_id, event.details) == (source.id, {"rows": 2})
        assert queries.total() == 2, "nothing is stored yet"


def test_a_file_that_brings_nothing_new_cannot_be_imported(room: Room, browser: Client) -> None:
    import_file(browser, room, as_csv([patient(1)]))
    source = check_file(browser, room, as_csv([patient(1)]))
    page = page_of(browser, room, source)
    assert "There is nothing to import" in page
    assert "Import 0" not in page


def test_a_finished_import_says_what_it_did_and_how_long_it_can_be_undone(
    room: Room, browser: Client
) -> None:
    source = import_file(browser, room, as_csv([patient(1), patient(2)]))
    page = page_of(browser, room, source)
    for words in ("All 2 rows were read", "New 2 patients were added", "No row was rejected."):
        assert words in page
    assert "Undo this import possible until" in page
    with acting_for(room.riverside.id):
        Import.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert "It can no longer be undone" in page_of(browser, room, source)
    assert (
        "can no longer be undone"
        in browser.post(room.url(f"imports/{source.id}/undo/"), follow=True).content.decode()
    )


@pytest.mark.parametrize(
    ("status", "badge"),
    [
        ("reading", "Reading"),
        ("matching", "Columns to match"),
        ("checking", "Checking"),
        ("checked", "Ready to import"),
        ("running", "Importing"),
        ("done", "Imported"),
        ("cancelled", "Cancelled"),
        ("undoing", "Undoing"),
        ("undone", "Undone"),
        ("failed", "Stopped"),
    ],
)
def test_the_list_and_the_page_know_every_status(
    room: Room, browser: Client, status: str, badge: str
) -> None:
    source = check_file(browser, room, as_csv([patient(1)]))
    with acting_for(room.riverside.id):
        Import.objects.update(status=status, finished_at=timezone.now())
    assert badge in text_of(browser, room.url("imports/"))
    response = browser.get(room.url(f"imports/{source.id}/"))
    assert response.status_code == (302 if status == "matching" else 200)


def test_the_list_asks_the_database_as_often_for_many_as_for_one(
    room: Room, browser: Client
) -> None:
    asked = []
    for _ in range(2):
        upload(browser, room, as_csv([patient(1)]))
        browser.get(room.url("imports/"))
        with CaptureQueriesContext(connection) as captured:
            browser.get(room.url("imports/"))
        asked.append(len(captured))
        for _ in range(4):
            upload(browser, room, as_csv([patient(1)]))
    assert asked[0] == asked[1]


# Saved matchings.


def test_a_saved_matching_matches_the_next_file_by_itself(room: Room, browser: Client) -> None:
    source = read_file(browser, room, as_csv([patient(1)]))
    address = room.url(f"imports/{source.id}/mapping/")
    browser.post(address, {"column-0": "record_number", "column-7": "insurance", "save_as": "Epic"})
    row = patient(2) | {"Shoe": "44"}
    second = read_file(browser, room, as_csv([row], [*HEADERS, "Shoe"]))
    address = room.url(f"imports/{second.id}/mapping/")
    page = text_of(browser, address)
    assert "Matched as in “Epic”" in page
    assert "1 column is new since then: Shoe." in page
    chosen = re.findall(r'<option value="(\w+)" selected>', browser.get(address).content.decode())
    assert chosen == ["record_number", "insurance"]
    fresh = browser.get(address + "?saved=no").content.decode()
    assert len(re.findall(r'<option value="\w+" selected>', fresh)) == len(HEADERS)
    assert "Epic" in text_of(browser, room.url("imports/matchings/"))


def test_a_matching_does_not_fit_a_file_without_its_columns(room: Room, browser: Client) -> None:
    source = read_file(browser, room, as_csv([patient(1)]))
    address = room.url(f"imports/{source.id}/mapping/")
    browser.post(address, {"column-0": "record_number", "column-7": "insurance", "save_as": "Epic"})
    short = read_file(browser, room, as_csv([{"MRN": "R1"}], ["MRN"]))
    assert "Matched as in" not in text_of(browser, room.url(f"imports/{short.id}/mapping/"))


def test_saving_under_a_name_again_replaces_and_deleting_forgets(
    room: Room, browser: Client
) -> None:
    for field in ("insurance", "department"):
        source = read_file(browser, room, as_csv([patient(1)]))
        browser.post(
            room.url(f"imports/{source.id}/mapping/"),
            {"column-0": "record_number", "column-7": field, "save_as": "Epic"},
        )
    with acting_for(room.riverside.id):
        [saved] = queries.saved_mappings()
        assert b"Department" not in bytes(saved.columns)
        assert queries.suggested(HEADERS, []).keys["Department"] == "department"
    browser.post(room.url(f"imports/matchings/{saved.id}/delete/"))
    with acting_for(room.riverside.id):
        assert queries.saved_mappings() == []
        actions = set(Event.objects.values_list("action", flat=True))
    assert {"mapping_saved", "mapping_deleted"} <= actions


def test_changing_the_matching_checks_again(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv([patient(1), patient(2, DOB="never")]))
    address = room.url(f"imports/{source.id}/mapping/")
    page = browser.get(address).content.decode()
    assert '<option value="birth_date" selected>' in page
    browser.post(address, {"column-0": "record_number"})
    source = work_on(room, source)
    assert (source.status, counts(source)) == ("checked", (2, 0, 0, 0))


# What becomes of the rows.


def hard_file() -> bytes:
    """New and known people, some twice, some far from each other, some wrong."""
    known = [patient(n, Department="Neurology") for n in range(5)]
    new = [patient(n) for n in range(100, 4_200)]
    twice = [patient(n, Department="Surgery") for n in range(100, 110)]
    bad = [patient(n, DOB="never") for n in range(5_000, 5_020)]
    return as_csv([*known, *new, *twice, *bad, patient(9_001, Email="a@gmial.com")])


def test_the_dry_run_s_figures_are_those_of_the_import(room: Room, browser: Client) -> None:
    import_file(browser, room, as_csv(patient(n) for n in range(10)))
    source = check_file(browser, room, hard_file())
    foreseen, flagged = counts(source), source.flagged_count
    assert foreseen == (4_101, 15, 0, 20)
    source = start(browser, room, source)
    assert counts(source) == foreseen
    assert source.flagged_count == flagged == 1


def test_rejected_rows_are_corrected_before_the_import(room: Room, browser: Client) -> None:
    rows = [patient(1), patient(2, DOB="02/30/1960"), patient(3, DOB="soon")]
    source = check_file(browser, room, as_csv(rows))
    assert "2 corrected rows are being tried again" in correct(
        browser, room, source, DOB="02/28/1960"
    )
    source = work_on(room, source)
    assert (source.status, counts(source)) == ("checked", (3, 0, 0, 0))
    page = page_of(browser, room, source)
    assert "2 rows were corrected and are counted" in page
    assert "No row was rejected." in page
    source = start(browser, room, source)
    assert (source.status, counts(source)) == ("done", (3, 0, 0, 0))
    assert profiles(room)["Quackenbush2"]["birth_date"] == "1960-02-28"


def test_rejected_rows_are_corrected_after_the_import(room: Room, browser: Client) -> None:
    rows = [patient(1), patient(2, DOB="02/30/1960"), patient(3, DOB="soon")]
    source = import_file(browser, room, as_csv(rows))
    assert counts(source) == (1, 0, 0, 2)
    correct(browser, room, source, DOB="02/31/1960")
    source = work_on(room, source)
    assert (source.status, counts(source)) == ("done", (1, 0, 0, 2))
    assert "“02/31/1960” does not exist" in page_of(browser, room, source)
    correct(browser, room, source, DOB="02/28/1960")
    source = work_on(room, source)
    assert (source.status, counts(source)) == ("done", (3, 0, 0, 0))
    assert undo(browser, room, source).kept_count == 0
    assert profiles(room) == {}


def test_what_changed_between_import_and_correction_outlives_the_undo(
    room: Room, browser: Client
) -> None:
    import_file(browser, room, as_csv([patient(1)]))
    first = import_file(
        browser, room, as_csv([patient(1, Sex="M"), patient(2), patient(3, DOB="soon")])
    )
    with acting_for(room.riverside.id):
        services.save_many(cleaned([patient(1, Department="Surgery"), patient(2, Sex="U")]))
    correct(browser, room, first, DOB="02/28/1960")
    undo(browser, room, work_on(room, first))
    assert set(profiles(room)) == {"Quackenbush1", "Quackenbush2"}
    assert profiles(room)["Quackenbush1"]["department"] == "Surgery"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (as_csv([patient(1)]), "This is not the file of rejected rows"),
        (b'{"resourceType": "Patient"}\n', "This is a FHIR export"),
        (as_csv([{"Row": "999", **patient(1)}], ["Row", *HEADERS]), "None of the rejected rows"),
    ],
    ids=["another", "fhir", "other rows"],
)
def test_a_file_that_corrects_nothing_is_explained(
    room: Room, browser: Client, content: bytes, words: str
) -> None:
    source = check_file(browser, room, as_csv([patient(1, DOB="soon")]))
    assert words in send_corrections(browser, room, source, content)
    with acting_for(room.riverside.id):
        source.refresh_from_db()
    assert (source.status, source.rejected_count) == ("checked", 1)


def test_corrections_are_refused_in_words_once_it_is_too_late(room: Room, browser: Client) -> None:
    source = import_file(browser, room, as_csv([patient(1), patient(2, DOB="soon")]))
    with acting_for(room.riverside.id):
        Import.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert "Import it like any other file." in page_of(browser, room, source)
    assert "can no longer be corrected here" in correct(browser, room, source, DOB="02/28/1960")


def test_a_household_stays_several_patients_and_is_marked(room: Room, browser: Client) -> None:
    twins = [patient(n, Email=SHARED) for n in (1, 2)]
    source = import_file(browser, room, as_csv([*twins, patient(3)]))
    assert counts(source) == (3, 0, 0, 0)
    with acting_for(room.riverside.id):
        assert Contact.objects.filter(household=True).count() == 2


def test_a_record_number_that_comes_later_joins_the_same_patient(
    room: Room, browser: Client
) -> None:
    without = patient(1, MRN="")
    import_file(browser, room, as_csv([without]))
    source = import_file(browser, room, as_csv([patient(1)]))
    assert counts(source) == (0, 1, 0, 0)
    assert counts(import_file(browser, room, as_csv([without]))) == (0, 0, 1, 0)
    assert profiles(room)["Quackenbush1"]["record_number"] == "RH000001"


def test_twins_are_two_and_a_row_about_either_is_rejected(room: Room, browser: Client) -> None:
    twins = [
        patient(n, Email=SHARED, **{"First Name": name}) for n, name in ((1, "Ana"), (2, "Bea"))
    ]
    import_file(browser, room, as_csv(twins))
    nameless = patient(3, MRN="", Email=SHARED, **{"First Name": ""})
    source = import_file(browser, room, as_csv([nameless]))
    assert counts(source) == (0, 0, 0, 1)
    assert "two patients have this email and birth date" in page_of(browser, room, source).lower()


def test_blank_cells_keep_what_is_known(room: Room, browser: Client) -> None:
    import_file(browser, room, as_csv([patient(1)]))
    import_file(browser, room, as_csv([patient(1, Department="", Sex="M")]))
    assert profiles(room)["Quackenbush1"]["department"] == "Cardiology"
    assert profiles(room)["Quackenbush1"]["sex"] == "male"


def test_two_imports_of_the_same_people_at_once_add_them_once(room: Room, browser: Client) -> None:
    one = check_file(browser, room, as_csv(patient(n) for n in range(5)))
    other = check_file(browser, room, as_csv(patient(n) for n in range(3, 8)))
    assert counts(start(browser, room, one)) == (5, 0, 0, 0)
    assert counts(start(browser, room, other)) == (3, 0, 2, 0)
    assert len(profiles(room)) == 8


# Kinds of files.


def test_a_workbook_from_end_to_end(room: Room, browser: Client) -> None:
    rows = [HEADERS, *(tuple(patient(n).values()) for n in (1, 2))]
    sheet = "".join(text_row(number, *row) for number, row in enumerate(rows, start=1))
    source = read_file(browser, room, workbook(sheet, text_row(1, "x")), "patients.xlsx")
    page = text_of(browser, room.url(f"imports/{source.id}/mapping/"))
    assert "The sheet “First” was read." in page
    assert "Not read: “Second”." in page
    confirm(browser, room, source)
    source = start(browser, room, work_on(room, source))
    assert counts(source) == (2, 0, 0, 0)
    assert profiles(room)["Quackenbush1"]["birth_date"] == "1951-07-23"


def test_windows_1252_keeps_its_letters(room: Room, browser: Client) -> None:
    content = as_csv([patient(1, **{"Last Name": "Núñez"})]).decode().encode("cp1252")
    import_file(browser, room, content)
    assert set(profiles(room)) == {"Núñez"}


MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}


def fhir_person(number: int, language: str = "es") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"type": MR, "value": f"M-{number}"}],
        "name": [{"use": "official", "family": f"Ruiz{number}", "given": ["Ana"]}],
        "birthDate": "1980-02-28",
        "communication": [{"language": {"coding": [{"code": language}]}}],
    }


def fhir_condition(number: int) -> dict[str, Any]:
    coding = {"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}
    return {
        "resourceType": "Condition",
        "subject": {"reference": f"Patient/p{number}"},
        "code": {"coding": [coding]},
    }


def test_a_fhir_archive_from_end_to_end(room: Room, browser: Client) -> None:
    people = ndjson(fhir_person(1), fhir_person(2, "de"))
    others = ndjson(fhir_condition(1), {"resourceType": "CareTeam", "id": "c"})
    source = read_file(
        browser, room, archive({"Condition.ndjson": others, "Patient.ndjson": people})
    )
    page = text_of(browser, room.url(f"imports/{source.id}/mapping/"))
    assert "A FHIR export of 1 Condition and 2 Patient records." in page
    assert "Not used here: 1 CareTeam records." in page
    assert "Condition codes" in page
    confirm(browser, room, source)
    source = start(browser, room, work_on(room, source))
    assert (source.status, counts(source)) == ("done", (2, 0, 0, 0))
    first, second = profiles(room)["Ruiz1"], profiles(room)["Ruiz2"]
    assert first["condition_codes"] == ["snomed|195967001|Asthma"]
    assert (first["language"], second["language"]) == ("es", "other")
    with acting_for(room.riverside.id):
        assert not ImportRows.objects.exists()
        assert not ImportChunk.objects.exists()


# Cancelling and undoing.


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_cancelling_before_the_import_deletes_everything(
    room: Room, browser: Client, turns: int
) -> None:
    upload(browser, room, as_csv([patient(1), patient(2, DOB="soon")]))
    source = newest_import(room)
    if turns >= 1:
        work_on(room, source)
    if turns >= 2:
        confirm(browser, room, source)
        work_on(room, source)
    address = room.url(f"imports/{source.id}/cancel/")
    assert "Nothing of it was stored in patients." in text_of(browser, address)
    browser.post(address)
    work_on(room, source)
    assert (source.status, counts(source)) == ("cancelled", (0, 0, 0, 0))
    page = page_of(browser, room, source)
    assert "Nothing was imported, and the file was deleted." in page
    assert "Undo" not in page
    with acting_for(room.riverside.id):
        for table in (ImportRows, ImportChunk, ImportReject, Contact):
            assert not table.objects.exists()


def test_an_import_stopped_in_the_middle_keeps_what_it_took_until_undone(
    room: Room, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = check_file(browser, room, as_csv(patient(n) for n in range(4_100)))
    browser.post(room.url(f"imports/{source.id}/confirm/"))
    with monkeypatch.context() as patched:
        _cancel_after_the_first_piece(room, patched)
        source = work_on(room, source)
    assert (source.status, source.created_count) == ("cancelled", ROWS_AT_ONCE)
    page = page_of(browser, room, source)
    assert "The rows that were taken before stay, until you undo the import." in page
    assert f"{ROWS_AT_ONCE:,} of 4,100 rows were read" in page
    source = undo(browser, room, source)
    assert source.status == "undone"
    assert profiles(room) == {}


def _cancel_after_the_first_piece(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody cancels between two steps of the worker."""
    turn = services.importing.Turn
    step = turn.step

    @contextmanager
    def step_and_cancel(self: services.importing.Turn) -> Iterator[Import]:
        with step(self) as source:
            yield source
        if source.rows_read == ROWS_AT_ONCE:
            with acting_for(room.riverside.id):
                assert services.cancel_import(source.id)

    monkeypatch.setattr(turn, "step", step_and_cancel)


def test_undoing_puts_everybody_back_and_says_whom_it_kept(room: Room, browser: Client) -> None:
    import_file(browser, room, as_csv(patient(n) for n in range(4)))
    before = profiles(room)
    news = [patient(n, Department="Neurology") for n in range(4)]
    source = import_file(browser, room, as_csv([*news, *(patient(n) for n in range(10, 14))]))
    with acting_for(room.riverside.id):
        services.save_many(cleaned([patient(0, Department="Surgery"), patient(10, Sex="M")]))
        [contact] = store([patient(11)])
        signed(contact, published(room.riverside))
    page = text_of(browser, room.url(f"imports/{source.id}/undo/"))
    for words in (
        "2 patients whom it added are removed.",
        "3 patients whom it updated get the earlier values back.",
        "3 patients stay as they are.",
        "who signed an authorization, or who received a message",
    ):
        assert words in page, words
    source = undo(browser, room, source)
    assert (source.status, source.kept_count) == ("undone", 3)
    after = profiles(room)
    assert {name: after[name] for name in before if name != "Quackenbush0"} == {
        name: values for name, values in before.items() if name != "Quackenbush0"
    }
    assert after["Quackenbush0"]["department"] == "Surgery", "changed since, so it stays"
    assert set(after) - set(before) == {"Quackenbush10", "Quackenbush11"}
    assert "3 patients were kept as they are" in page_of(browser, room, source)
    with acting_for(room.riverside.id):
        assert not ImportChange.objects.exists()
        assert Event.objects.filter(action="import_undo_started").count() == 1


def test_looking_at_the_undo_or_the_cancel_page_changes_nothing(
    room: Room, browser: Client
) -> None:
    source = import_file(browser, room, as_csv([patient(1)]))
    text_of(browser, room.url(f"imports/{source.id}/undo/"))
    assert browser.get(room.url(f"imports/{source.id}/cancel/")).status_code == 302
    assert newest_import(room).status == "done"


def test_an_import_nobody_may_undo_yet_leads_back(room: Room, browser: Client) -> None:
    source = check_file(browser, room, as_csv([patient(1)]))
    assert browser.get(room.url(f"imports/{source.id}/undo/")).status_code == 302
    browser.post(room.url(f"imports/{source.id}/undo/"))
    assert newest_import(room).status == "checked"
