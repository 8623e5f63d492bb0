"""Promise 8: the log is append-only, chained and anchored; a change is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.utils import DatabaseError

from audit import queries, services
from audit.models import Event, Pending
from audit.tasks import seal
from tenancy.current import acting_for
from tests.people import Room


def log_something(room: Room, times: int = 5) -> None:
    with acting_for(room.riverside.id), services.acting_person(room.stranger.id):
        for number in range(times):
            services.record("thing_done", object_type="thing", number=number)


def verification(room: Room) -> queries.Verification:
    with acting_for(room.riverside.id):
        return queries.verify()


def as_owner(statement: str) -> None:
    """What somebody with the owner's password, or the disk, could do."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER append_only")
        cursor.execute("ALTER TABLE audit_link DISABLE TRIGGER append_only")
        cursor.execute(statement)
    connections["owner"].close()


def test_sealed_events_verify(committed_room: Room) -> None:
    log_something(committed_room)
    seal()
    found = verification(committed_room)
    assert found.problems == []
    assert found.events >= 5
    assert found.anchors == 1
    log_something(committed_room)
    seal()
    assert verification(committed_room).anchors == 2
    with acting_for(committed_room.riverside.id):
        assert not Pending.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'x'",
        "DELETE FROM audit_event",
        "UPDATE audit_link SET sequence = 99",
        "DELETE FROM audit_link",
        "TRUNCATE audit_event CASCADE",
    ],
)
def test_the_application_cannot_change_the_log(room: Room, statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        acting_for(room.riverside.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_owner_is_refused_by_the_trigger(committed_room: Room) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute("UPDATE audit_event SET action = 'x'")
    connections["owner"].close()


A_THING = "(SELECT min(id::text)::uuid FROM audit_event WHERE action = 'thing_done')"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE audit_event SET details = '{{\"number\": 7}}' WHERE id = {A_THING}",
        f"UPDATE audit_event SET actor_id = NULL WHERE id = {A_THING}",
        f"UPDATE audit_event SET occurred_at = occurred_at + '1 ms'::interval WHERE id = {A_THING}",
        "UPDATE audit_link SET digest = '\\x00' || substr(digest, 2) WHERE sequence = 3",
    ],
)
def test_one_changed_byte_is_found(committed_room: Room, statement: str) -> None:
    log_something(committed_room)
    seal()
    assert verification(committed_room).problems == []
    as_owner(statement)
    assert verification(committed_room).problems
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("audit_verify", stdout=output)
    assert "riverside:" in output.getvalue()


def drop_last(room: Room) -> None:
    last = "SELECT event_id FROM audit_link ORDER BY sequence DESC LIMIT 1"
    as_owner(
        f"CREATE TEMP TABLE gone AS {last};"
        "DELETE FROM audit_link WHERE event_id IN (SELECT event_id FROM gone);"
        "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM gone)"
    )


def drop_one_in_the_middle(room: Room) -> None:
    as_owner("DELETE FROM audit_link WHERE sequence = 2")


def slip_one_in(room: Room) -> None:
    log_something(room, 1)
    as_owner("DELETE FROM audit_pending")


@pytest.mark.parametrize("tampering", [drop_last, drop_one_in_the_middle, slip_one_in])
def test_what_is_missing_or_slipped_in_is_found(
    committed_room: Room, tampering: Callable[[Room], None]
) -> None:
    log_something(committed_room)
    seal()
    tampering(committed_room)
    assert verification(committed_room).problems


def test_a_chain_that_was_made_anew_does_not_hold_its_anchors(committed_room: Room) -> None:
    log_something(committed_room)
    seal()
    path = queries.anchor_path(committed_room.riverside.id)
    line = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps(line | {"digest": "00" * 32}) + "\n")
    assert "anchor" in verification(committed_room).problems[0]


def test_a_refusal_outlives_the_roll_back(room: Room) -> None:
    def act_and_fail() -> None:
        with acting_for(room.riverside.id):
            services.record("never_happened")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act_and_fail()
    services.record_refusal(room.riverside.id, "page_refused", reason="role")
    with acting_for(room.riverside.id):
        actions = set(Event.objects.values_list("action", flat=True))
    assert "page_refused" in actions
    assert "never_happened" not in actions
