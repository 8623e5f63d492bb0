"""Promise 4: the database keeps organizations apart, whatever the application asks."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, connections

from tenancy.current import NoOrganization, acting_for
from tenancy.models import DataKey, TenantModel
from tests.people import Room

TENANT_TABLES = [
    *sorted(m._meta.db_table for m in apps.get_models() if issubclass(m, TenantModel)),
    "tenancy_datakey",
]


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_the_application_owns_nothing_and_cannot_bypass(room: Room) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenant_table_forces_a_policy(room: Room, table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        assert cursor.fetchone() == (True, True)
        cursor.execute("SELECT count(*) FROM pg_policies WHERE tablename = %s", [table])
        assert cursor.fetchone()[0] >= 1


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_without_an_organization_there_are_no_rows(room: Room, table: str) -> None:
    assert count(table) == 0


def test_each_organization_sees_its_own_rows(room: Room) -> None:
    with acting_for(room.riverside.id):
        riverside = count("accounts_membership")
    with acting_for(room.lakeside.id):
        lakeside = count("accounts_membership")
    assert (riverside, lakeside) == (6, 1)


def test_leaving_an_inner_organization_restores_the_outer(room: Room) -> None:
    with acting_for(room.riverside.id):
        with acting_for(room.lakeside.id):
            assert count("accounts_membership") == 1
        assert count("accounts_membership") == 6
        with pytest.raises(ZeroDivisionError), acting_for(room.lakeside.id):
            raise ZeroDivisionError
        assert count("accounts_membership") == 6
    assert count("accounts_membership") == 0


def test_forgetting_the_organization_is_an_error_not_an_empty_page(room: Room) -> None:
    with pytest.raises(NoOrganization):
        DataKey.objects.count()
    with acting_for(room.riverside.id):
        lazy = DataKey.objects.all()
    with pytest.raises(NoOrganization):
        list(lazy)


def test_a_row_for_another_organization_is_refused(room: Room) -> None:
    from django.db.utils import ProgrammingError

    with pytest.raises(ProgrammingError, match="row-level security"), acting_for(room.riverside.id):
        DataKey.objects.create(
            organization_id=room.lakeside.id, use="profile", version=9, wrapped=b"x"
        )


def test_partitions_cannot_be_read_directly(room: Room) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'delivery_event'::regclass"
        )
        partitions = [row[0] for row in cursor.fetchall()]
        assert len(partitions) >= 4
        for partition in partitions:
            cursor.execute(
                "SELECT has_table_privilege(current_user, %s, 'SELECT, INSERT, UPDATE')",
                [partition],
            )
            assert cursor.fetchone() == (False,)


def test_the_owner_sees_rows_so_that_dumps_and_data_migrations_do(committed_room: Room) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_membership")
        assert cursor.fetchone() == (7,)
    connections["owner"].close()
