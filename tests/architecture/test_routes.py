"""Each route has a guard; a stranger's record and a missing one give the same 404."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.rules import GRANTS, Permission, Role
from tests.people import Room
from tests.records import RECORDS, make_records

PUBLIC = {
    # Signing in and out, and the person's own pages, which ask for themselves.
    "home",
    "second_factor",
    "second_factor_setup",
}


def routes(
    resolver: URLResolver | None = None, prefix: str = "", namespace: str = ""
) -> Iterator[tuple[str, str, URLPattern]]:
    """(path, name, pattern) of every route."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from routes(entry, path, inner)
        else:
            yield path, f"{namespace}{entry.name}", entry


ORGANIZATION_ROUTES = {
    name: (path, pattern)
    for path, name, pattern in routes()
    if path.startswith("o/<slug:organization>/")
}


def test_every_route_is_guarded_or_meant_to_be_public() -> None:
    for path, name, pattern in routes():
        if path.startswith("accounts/"):
            continue  # allauth's own
        if path.startswith("<public_code:code>/") or name in PUBLIC:
            continue
        assert isinstance(getattr(pattern.callback, "permission", None), Permission), path


def filled(path: str, slug: str, ids: dict[str, object]) -> str:
    """A route's path with ids in place of its parameters."""
    for parameter, value in {"organization": slug, **ids}.items():
        for kind in ("slug", "uuid", "str", "int"):
            path = path.replace(f"<{kind}:{parameter}>", str(value))
    assert "<" not in path, f"give tests/records.py an id for {path}"
    return "/" + path


def test_each_parameter_has_a_record_to_try(room: Room) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    for path, _ in ORGANIZATION_ROUTES.values():
        filled(path, "riverside", ids)


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_organization_looks_like_one_that_is_not_there(room: Room, method: str) -> None:
    theirs = make_records(room.riverside, room.people[Role.OWNER])
    ask = getattr(room.client(room.stranger), method)
    for name, (path, _) in ORGANIZATION_ROUTES.items():
        answer = ask(filled(path, "riverside", theirs))
        missing = ask(filled(path, "no-such-organization", theirs))
        assert answer.status_code in (404, 405), name
        assert (answer.status_code, answer.content) == (missing.status_code, missing.content), name


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_s_record_looks_like_one_that_is_not_there(room: Room, method: str) -> None:
    theirs = make_records(room.lakeside, room.stranger)
    unknown = {key: uuid4() if key in RECORDS else value for key, value in theirs.items()}
    ask = getattr(room.client(Role.OWNER), method)
    for name, (path, _) in ORGANIZATION_ROUTES.items():
        if not any(f":{parameter}>" in path for parameter in RECORDS):
            continue
        answer = ask(filled(path, "riverside", theirs))
        missing = ask(filled(path, "riverside", unknown))
        assert answer.status_code in (404, 405), name
        assert (answer.status_code, answer.content) == (missing.status_code, missing.content), name


def test_nobody_who_is_signed_out_gets_a_page(room: Room) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    for name, (path, _) in ORGANIZATION_ROUTES.items():
        answer = Client().get(filled(path, "riverside", ids))
        assert answer.status_code in (302, 405), name


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_what_the_table_grants_and_nothing_else(room: Room, role: Role) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    client = room.client(role)
    for name, (path, pattern) in ORGANIZATION_ROUTES.items():
        answer = client.get(filled(path, "riverside", ids))
        if answer.status_code == 405:
            answer = client.post(filled(path, "riverside", ids))
        allowed = pattern.callback.permission in GRANTS[role]
        assert (answer.status_code == 403) is not allowed, name
