"""The made-up patients are the same each time, look like a hospital's, and import as planned."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from config.demo.patients import HEADERS, SEED, Row, authorization_plan, generate, write_csv
from contacts.rules.imports import Cleaner, Reject, suggest_mapping
from contacts.rules.reading import Table, read
from contacts.rules.starter import starter_fields

TODAY = date(2026, 11, 21)
FIELDS = starter_fields()


@pytest.fixture(scope="module")
def patients() -> list[Row]:
    return list(generate(today=TODAY))


def share(count: int, patients: list[Row]) -> float:
    return 100 * count / len(patients)


def test_the_same_seed_gives_the_same_people(patients: list[Row]) -> None:
    assert list(generate(50, today=TODAY)) == patients[:50]
    assert list(generate(50, seed=1, today=TODAY)) != patients[:50]
    with_bad = list(generate(50, today=TODAY, bad_rows=25))
    assert len(with_bad) == 75
    assert [row for row in with_bad if row in patients] == patients[:50]


def test_shares_are_as_planned(patients: list[Row]) -> None:
    assert len(patients) == 5_000
    domains = Counter(row["Email"].rpartition("@")[2] for row in patients)
    assert share(domains["riverside-mail.test"], patients) == pytest.approx(62, abs=2)
    assert share(domains["valleymail.test"], patients) == pytest.approx(20, abs=2)
    for domain in ("oldpost.test", "plainmail.test", "slowmail.test"):
        assert share(domains[domain], patients) == pytest.approx(6, abs=1)
    addresses = Counter(row["Email"] for row in patients)
    shared = sum(1 for row in patients if addresses[row["Email"]] > 1)
    assert share(shared, patients) == pytest.approx(4, abs=1)
    gone = [row["Email"] for row in patients if row["Email"].startswith("gone")]
    assert share(len(gone), patients) == pytest.approx(1, abs=0.5)
    assert all(address.endswith("@riverside-mail.test") for address in gone)
    deceased = sum(1 for row in patients if row["Deceased"] == "Y")
    assert share(deceased, patients) == pytest.approx(1.5, abs=0.6)
    assert {row["Language"] for row in patients} == {"English", "Spanish", "Vietnamese"}


def test_authorizations_are_as_planned(patients: list[Row]) -> None:
    plans = Counter(authorization_plan(SEED, row) for row in patients)
    assert share(plans["live"], patients) == pytest.approx(60, abs=2.5)
    assert share(plans["expired"], patients) == pytest.approx(8, abs=1.5)
    assert share(plans["revoked"], patients) == pytest.approx(6, abs=1.5)


def test_the_file_imports_but_for_its_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    write_csv(path, 500, today=TODAY, bad_rows=25)
    with path.open("rb") as file:
        table = read(file)
        assert isinstance(table, Table)
        rows = list(table.rows)
    assert (table.headers, len(rows)) == (HEADERS, 525)
    mapping = suggest_mapping(HEADERS, FIELDS)
    assert set(mapping) == set(HEADERS)
    columns = {at: mapping[header] for at, header in enumerate(HEADERS)}
    cleaner = Cleaner(columns, FIELDS, TODAY)
    results = [cleaner.clean(row.number, row.cells) for row in rows]
    assert sum(isinstance(result, Reject) for result in results) == 25
