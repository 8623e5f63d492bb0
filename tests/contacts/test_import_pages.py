"""A file goes through browser and worker into contacts; bad files and rows are explained."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.rules import Role
from audit.models import Event
from config.demo import patients as demo
from contacts import queries
from contacts.models import Contact, Import, ImportChunk, ImportReject, ImportRows
from contacts.services import SealedSpool
from contacts.tasks import run_import
from tenancy.current import acting_for
from tests.contacts.patients import (
    HEADERS,
    TODAY,
    as_csv,
    confirm,
    import_file,
    newest_import,
    patient,
    read_file,
    upload,
    work_on,
)
from tests.people import Room


@pytest.fixture
def browser(room: Room) -> Client:
    return room.client(Role.MARKETER)


def _counts(source: Import) -> tuple[int, int, int, int]:
    return (
        source.created_count,
        source.updated_count,
        source.unchanged_count,
        source.rejected_count,
    )


def test_a_hundred_bad_rows_among_five_thousand(room: Room, browser: Client) -> None:
    rows = list(demo.generate(5_000, today=TODAY, bad_rows=100))
    source = import_file(browser, room, as_csv(rows, demo.HEADERS))
    assert (source.status, source.rows_total, source.rows_read) == ("done", 5_100, 5_100)
    assert _counts(source) == (5_000, 0, 0, 100)
    with acting_for(room.riverside.id):
        assert Contact.objects.count() == 5_000
        assert not ImportChunk.objects.exists()
    page = browser.get(room.url(f"imports/{source.id}/"))
    assert "All 5,100 rows were read" in page.content.decode()
    assert "hx-trigger" not in page.content.decode()


def test_the_rejected_rows_come_back_with_number_and_reason(room: Room, browser: Client) -> None:
    rows = [
        patient(1),
        patient(2, DOB="02/30/1960", **{"First Name": "=HYPERLINK(1)"}),
        patient(3, Email="two@oldpost.test, three@oldpost.test"),
    ]
    source = import_file(browser, room, as_csv(rows))
    response = browser.get(room.url(f"imports/{source.id}/rejected-rows/"))
    assert response.headers["Content-Disposition"].startswith("attachment")
    text = response.content.decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["Row"], second["Row"]) == ("3", "4")
    assert "02/30/1960" in first["Reason"]
    assert first["First Name"] == "'=HYPERLINK(1)"
    assert second["MRN"] == "RH000003"
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="rejects_downloaded")
    assert (event.object_id, event.details) == (source.id, {"rows": 2})


def test_rejected_rows_are_sealed_and_only_mapped_columns_are_kept(
    room: Room, browser: Client
) -> None:
    row = patient(1, DOB="someday") | {"Diary": "xylophone"}
    source = import_file(browser, room, as_csv([row], [*HEADERS, "Diary"]))
    with acting_for(room.riverside.id):
        [reject] = queries.rejects(source.id)
        assert b"Quackenbush" not in bytes(ImportReject.objects.get().sealed)
    assert "Quackenbush1" in reject.values.values()
    assert "xylophone" not in reject.values.values()


def test_the_same_file_twice_changes_nothing(room: Room, browser: Client) -> None:
    content = as_csv(patient(n) for n in range(1, 21))
    assert _counts(import_file(browser, room, content)) == (20, 0, 0, 0)
    assert _counts(import_file(browser, room, content)) == (0, 0, 20, 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n\n", "empty"),
        (as_csv([]), "no rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "not a text file"),
        (b"PK\x03\x04 a workbook", "damaged"),
        (b'MRN,Email\nRH1,"open\nRH2,x\n', "quotes do not match"),
        (b"MRN,Session Notes\nRH1,text\n", "Psychotherapy notes"),
        (("a," * 250 + "b\n").encode(), "columns"),
        (b"%PDF-1.7", "a PDF"),
    ],
    ids=["blank", "headers", "png", "xlsx", "quote", "notes", "wide", "pdf"],
)
def test_an_unreadable_file_is_explained_and_not_kept(
    room: Room, browser: Client, content: bytes, words: str
) -> None:
    source = read_file(browser, room, content)
    assert source.status == "failed"
    page = browser.get(room.url(f"imports/{source.id}/")).content.decode()
    assert words in page
    assert "Nothing was imported, and the file was deleted." in page
    with acting_for(room.riverside.id):
        assert not ImportChunk.objects.exists()
        assert not ImportRows.objects.exists()


def test_an_empty_file_is_refused_on_the_page(room: Room, browser: Client) -> None:
    response = upload(browser, room, b"")
    assert "The file is empty" in response.content.decode()  # type: ignore[attr-defined]
    with acting_for(room.riverside.id):
        assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused(
    room: Room, browser: Client, settings: Settings
) -> None:
    settings.MAX_IMPORT_BYTES = 1_000_000
    response = upload(browser, room, as_csv(patient(n) for n in range(12_000)))
    assert "larger than 1 MB" in response.content.decode()  # type: ignore[attr-defined]


def test_a_byte_order_mark_and_a_hundred_columns_are_welcome(room: Room, browser: Client) -> None:
    extra = [f"Extra {n}" for n in range(92)]
    row = patient(1) | dict.fromkeys(extra, "x")
    content = b"\xef\xbb\xbf" + as_csv([row], [*HEADERS, *extra])
    source = read_file(browser, room, content)
    page = browser.get(room.url(f"imports/{source.id}/mapping/")).content.decode()
    assert page.count('name="column-') == 100
    assert _counts(import_file(browser, room, content)) == (1, 0, 0, 0)


def test_a_file_larger_than_a_piece_arrives_whole(room: Room, browser: Client) -> None:
    rows = [patient(n, Department="D" * 500) for n in range(4_000)]
    upload(browser, room, as_csv(rows))
    source = newest_import(room)
    with acting_for(room.riverside.id):
        assert ImportChunk.objects.count() == 3
        arrived = queries.UploadedBytes(room.riverside.id, source.id, source.size)
        assert BufferedReader(arrived).read() == as_csv(rows)
        assert b"Quackenbush" not in b"".join(bytes(c.sealed) for c in ImportChunk.objects.all())


def test_the_mapping_page_shows_no_full_value(room: Room, browser: Client) -> None:
    source = read_file(browser, room, as_csv(patient(n) for n in range(1, 9)))
    page = browser.get(room.url(f"imports/{source.id}/mapping/")).content.decode()
    for value in patient(1).values():
        assert len(value) < 3 or value not in page
    assert "w•••@oldpost.test" in page
    assert '<option value="record_number" selected>' in page


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"column-1": "first_name"}, "tell who a row is about"),
        ({"column-3": "email"}, "tell who a row is about"),
        ({"column-0": "record_number", "column-1": "record_number"}, "Two columns are matched"),
        ({"column-0": "shoe_size"}, "not one of the available choices"),
    ],
)
def test_a_mapping_that_cannot_work_is_explained(
    room: Room, browser: Client, mapping: dict[str, str], words: str
) -> None:
    source = read_file(browser, room, as_csv([patient(1)]))
    response = browser.post(room.url(f"imports/{source.id}/mapping/"), mapping)
    assert words in response.content.decode()
    assert newest_import(room).status == "matching"


def test_confirming_twice_starts_one_import(
    room: Room, browser: Client, django_capture_on_commit_callbacks: object
) -> None:
    source = read_file(browser, room, as_csv([patient(1)]))
    with django_capture_on_commit_callbacks() as queued:  # type: ignore[operator]
        confirm(browser, room, source)
        confirm(browser, room, source)
    assert len(queued) == 1
    work_on(room, source)
    with django_capture_on_commit_callbacks() as queued:  # type: ignore[operator]
        for _ in range(2):
            browser.post(room.url(f"imports/{source.id}/confirm/"))
    assert len(queued) == 1
    with acting_for(room.riverside.id):
        assert Event.objects.filter(action="import_started").count() == 1
    for _ in range(2):
        run_import(str(room.riverside.id), str(source.id))
    assert _counts(newest_import(room)) == (1, 0, 0, 0)


def test_the_file_name_and_headers_are_sealed(room: Room, browser: Client) -> None:
    upload(browser, room, as_csv([patient(1)]), name="oncology-patients.csv")
    confirm(browser, room, newest_import(room))
    with acting_for(room.riverside.id), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(i)::text, headers FROM contacts_import i")
        text, head = cursor.fetchone()
    assert "oncology" not in text
    assert b"oncology" not in bytes(head)
    assert "First Name" not in text


def test_a_finished_import_is_logged_with_its_counts(room: Room, browser: Client) -> None:
    source = import_file(browser, room, as_csv([patient(1), patient(2, DOB="never")]))
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="import_finished")
    assert event.object_id == source.id
    assert event.details == {
        "status": "done",
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
        "kept": 0,
    }


def test_looking_at_the_first_rows_is_logged(room: Room, browser: Client) -> None:
    source = read_file(browser, room, as_csv(patient(n) for n in range(1, 9)))
    browser.get(room.url(f"imports/{source.id}/mapping/"))
    with acting_for(room.riverside.id):
        event = Event.objects.get(action="import_previewed")
    assert (event.object_id, event.details) == (source.id, {"rows": 8})


def test_an_upload_waits_encrypted_and_in_no_named_file(
    room: Room, browser: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = as_csv(patient(n, Department="D" * 900) for n in range(7_000))
    assert len(content) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    on_disk = b""

    def look(spool: SealedSpool) -> Iterator[bytes]:
        nonlocal on_disk
        descriptor = spool._file.fileno()
        on_disk += os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        assert not list(tmp_path.iterdir())
        yield from chunks(spool)

    chunks = SealedSpool.chunks
    monkeypatch.setattr(SealedSpool, "chunks", look)
    upload(browser, room, content)
    source = newest_import(room)
    assert source.size == len(content)
    assert len(on_disk) > len(content), "the whole file waited there"
    assert b"Quackenbush" not in on_disk
    assert b"DDDDDDDD" not in on_disk
    with acting_for(room.riverside.id):
        arrived = queries.UploadedBytes(room.riverside.id, source.id, source.size)
        assert BufferedReader(arrived).read() == content


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_put_into_a_spool_comes_out(pieces: list[bytes]) -> None:
    spool = SealedSpool()
    for piece in pieces:
        spool.write(piece)
    assert list(spool.chunks()) == list(spool.chunks()) == pieces
    assert spool.size == sum(map(len, pieces))
    spool.close()


def test_a_large_file_is_taken_on_the_import_page_alone(room: Room, browser: Client) -> None:
    large = b"x" * (settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1)
    anybody = {"login": "x", "password": "x", "file": SimpleUploadedFile("x", large)}
    response = Client().post("/accounts/login/", anybody)
    assert not response.wsgi_request.FILES


def test_an_upload_needs_its_form_s_token(room: Room) -> None:
    browser = room.client(Role.MARKETER)
    browser.handler.enforce_csrf_checks = True
    assert upload(browser, room, as_csv([patient(1)])).status_code == 403  # type: ignore[attr-defined]
    page = browser.get(room.url("imports/new/")).content.decode()
    token, *_ = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    file = SimpleUploadedFile("export.csv", as_csv([patient(1)]), "text/csv")
    form = {"file": file, "csrfmiddlewaretoken": token}
    assert browser.post(room.url("imports/new/"), form).status_code == 302
