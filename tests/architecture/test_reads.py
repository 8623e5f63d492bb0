"""Promise 6: only POST changes state. Every page is looked at, and the tables are compared."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.rules import Role
from tenancy.current import acting_for
from tests.architecture.test_routes import ORGANIZATION_ROUTES, filled
from tests.people import Room
from tests.records import make_records
from tests.tenancy.test_row_level_security import TENANT_TABLES

LOGS = {"audit_event", "audit_pending"}
"""That somebody looked is recorded."""


def fingerprints(room: Room) -> dict[str, str]:
    """One per table of the organization, over every column of every row."""
    found = {}
    with acting_for(room.riverside.id), connection.cursor() as cursor:
        for table in TENANT_TABLES:
            if table not in LOGS:
                cursor.execute(
                    f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                )
                found[table] = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_every_page_changes_nothing(room: Room, method: str) -> None:
    ids = make_records(room.riverside, room.people[Role.OWNER])
    ask = getattr(room.client(Role.OWNER), method)
    before = fingerprints(room)
    assert sum(value is not None for value in before.values()) > 10, "there is something to change"
    for name, (path, _) in ORGANIZATION_ROUTES.items():
        assert ask(filled(path, "riverside", ids)).status_code in (200, 302, 404, 405), name
    assert fingerprints(room) == before
