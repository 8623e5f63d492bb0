"""A real database for every test, as the role the application runs as.

The owner migrates one template database per worker process. Tests that roll back share a copy of
it; tests that commit (`own_database`) get a copy of their own, because the application's role may
not truncate.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from tests.people import Room, make_room

pytest_plugins = ["tests.mail.world", "tests.post"]


# Machines are slow when they are busy; a property is no slower for it.
hypothesis.settings.register_profile("sealwright", deadline=None)
hypothesis.settings.load_profile("sealwright")


def pytest_configure() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Databases are made below."""


def _admin() -> psycopg.Connection:
    owner = connections["owner"].settings_dict
    return psycopg.connect(
        host=owner["HOST"],
        port=owner["PORT"],
        user=owner["USER"],
        password=owner["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    )


def _create(name: str, template: str = "template1") -> None:
    with _admin() as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def _drop(name: str) -> None:
    """Without FORCE, which the owner may not use against the server's own vacuum workers."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    with _admin() as admin:
        for _ in range(50):
            try:
                admin.execute(statement)
            except psycopg.errors.ObjectInUse:
                time.sleep(0.1)
            else:
                return


def _use(name: str) -> None:
    for connection in (connections["default"], connections["owner"]):
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """Yields the name of the template."""
    run = f"sealwright_test_{os.getpid()}"
    template, shared = f"{run}_template", f"{run}_shared"
    _create(template)
    try:
        with django_db_blocker.unblock():  # type: ignore[attr-defined]
            _use(template)
            call_command("migrate", verbosity=0)
            _use(shared)
            _create(shared, template)
            yield template
            _use(shared)
    finally:
        _drop(shared)
        _drop(template)


@pytest.fixture
def own_database(django_db_setup: str, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own, in which commits are real. Yields its name."""
    shared = settings.DATABASES["default"]["NAME"]
    name = f"sealwright_test_{os.getpid()}_{secrets.token_hex(4)}"
    _create(name, django_db_setup)
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        _use(name)
        try:
            yield name
        finally:
            connections.close_all()
            _use(shared)
            _drop(name)


@pytest.fixture(autouse=True)
def quiet_files(tmp_path: Path) -> Iterator[None]:
    """Whatever the application writes to disk goes to the test's own folder."""
    before = settings.AUDIT_ANCHOR_FOLDER
    settings.AUDIT_ANCHOR_FOLDER = tmp_path / "anchors"
    yield
    settings.AUDIT_ANCHOR_FOLDER = before
    shutil.rmtree(tmp_path / "anchors", ignore_errors=True)


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    """Databases come and go; a kept key must not outlive its own."""
    from tenancy.keys import forget_keys

    forget_keys()
    yield
    forget_keys()


@pytest.fixture
def room(db: None) -> Room:
    """Two organizations with staff of every role, and a stranger who belongs to the other one."""
    return make_room()


@pytest.fixture
def committed_room(own_database: str) -> Room:
    """The same, committed."""
    return make_room()
