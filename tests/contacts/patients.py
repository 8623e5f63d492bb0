"""Made-up patients for tests of contacts: files, uploads, stored people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.demo.patients import generate
from contacts import queries, services
from contacts.models import Import
from contacts.rules.imports import CleanContact, Cleaner, suggest_mapping
from contacts.tasks import run_import
from tenancy.current import acting_for
from tests.people import Room

TODAY = date(2026, 11, 21)
HEADERS = ("MRN", "First Name", "Last Name", "Email", "DOB", "Sex", "Conditions", "Department")


def patient(number: int, **values: str) -> dict[str, str]:
    """A row of a hospital's export; distinct for each number."""
    row = {
        "MRN": f"RH{number:06}",
        "First Name": "Wilhelmina",
        "Last Name": f"Quackenbush{number}",
        "Email": f"wilhelmina.quackenbush{number}@oldpost.test",
        "DOB": "07/23/1951",
        "Sex": "F",
        "Conditions": "Asthma",
        "Department": "Cardiology",
    }
    return row | values


def as_csv(rows: Iterable[Mapping[str, str]], headers: Iterable[str] = HEADERS) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(headers))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def upload(client: Client, room: Room, content: bytes, name: str = "export.csv") -> object:
    """Send a file to the upload page; returns the response."""
    file = SimpleUploadedFile(name, content, "text/csv")
    return client.post(room.url("imports/new/"), {"file": file})


def newest_import(room: Room) -> Import:
    with acting_for(room.riverside.id):
        return queries.imports()[0]


def work_on(room: Room, source: Import) -> Import:
    """Let a worker do what is due."""
    run_import(str(room.riverside.id), str(source.id))
    with acting_for(room.riverside.id):
        source.refresh_from_db()
    return source


def confirm(client: Client, room: Room, source: Import) -> object:
    """Confirm the mapping that the page suggests; returns the response."""
    with acting_for(room.riverside.id):
        headers = queries.head(source).headers
        mapping = suggest_mapping(headers, queries.fields_by_key())
    data = {f"column-{n}": mapping.get(header, "") for n, header in enumerate(headers)}
    return client.post(room.url(f"imports/{source.id}/mapping/"), data)


def read_file(client: Client, room: Room, content: bytes, name: str = "export.csv") -> Import:
    """Upload a file and let a worker read it."""
    upload(client, room, content, name)
    return work_on(room, newest_import(room))


def check_file(client: Client, room: Room, content: bytes) -> Import:
    """Upload, map and check a file as a person and a worker do it."""
    source = read_file(client, room, content)
    confirm(client, room, source)
    return work_on(room, source)


def import_file(client: Client, room: Room, content: bytes) -> Import:
    """The same, and import it."""
    source = check_file(client, room, content)
    client.post(room.url(f"imports/{source.id}/confirm/"))
    return work_on(room, source)


def cleaned(rows: Iterable[Mapping[str, str]]) -> list[CleanContact]:
    """Rows as the import reads them; every one must be good."""
    fields, found = queries.fields_by_key(), []
    for number, row in enumerate(rows, start=2):
        mapping = suggest_mapping(row, fields)
        columns = {at: mapping[header] for at, header in enumerate(row) if header in mapping}
        clean = Cleaner(columns, fields, TODAY).clean(number, list(row.values()))
        assert isinstance(clean, CleanContact), clean
        found.append(clean)
    return found


def store(rows: Iterable[Mapping[str, str]]) -> list[UUID]:
    """Store patients, inside `acting_for`; returns their ids in the order of the rows."""
    return [services.save_contact(clean) for clean in cleaned(rows)]


def store_demo_patients(count: int) -> None:
    """Plausible patients of many ages and conditions, inside `acting_for`."""
    services.save_many(cleaned(generate(count, today=TODAY)))
