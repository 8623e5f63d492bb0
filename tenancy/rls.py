"""Migration steps for tenants' tables: grants, forced policies, composite keys, look-up functions.

Every tenant's table gets its policy in the migration that makes the table.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from django.conf import settings
from django.db.migrations import RunSQL

Statement: TypeAlias = Any
LOOKUP_ROLE = "sealwright_lookup"
CURRENT = "NULLIF(current_setting('app.organization', true), '')::uuid"
"""The organization of this transaction. A reused connection holds an empty string, hence NULLIF."""
CURRENT_USER = "NULLIF(current_setting('app.user', true), '')::uuid"


def application_role() -> str:
    """The role that the web and worker processes log in as."""
    role: str = settings.DATABASES["default"]["USER"]
    return '"' + role.replace('"', '""') + '"'


def grant(table: str, rights: str = "SELECT, INSERT, UPDATE, DELETE") -> RunSQL:
    """Let the application use a table that it does not own."""
    return RunSQL(f"GRANT {rights} ON {table} TO {application_role()}", RunSQL.noop)


def tenant_table(
    table: str,
    rights: str = "SELECT, INSERT, UPDATE, DELETE",
    also_visible: str = "",
    partitioned: bool = False,
) -> RunSQL:
    """Force a policy on the table: rows of the current organization, and `also_visible` for reads.

    Adds the key (organization_id, id) that composite foreign keys point to, except to a partitioned
    table, whose keys must hold the partitioning column.
    """
    visible = f"organization_id = {CURRENT}"
    statements: list[Statement] = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING ({visible}) WITH CHECK ({visible})",
        f"GRANT {rights} ON {table} TO {application_role()}",
    ]
    if not partitioned:
        statements.append(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_key UNIQUE (organization_id, id)"
        )
    if also_visible:
        statements.append(f"CREATE POLICY own ON {table} FOR SELECT USING ({also_visible})")
    return RunSQL(statements, RunSQL.noop)


def composite_key(table: str, column: str, target: str, on_delete: str = "NO ACTION") -> RunSQL:
    """A foreign key within one organization: checks bypass row-level security, so it says so."""
    name = f"{table}_{column}_same_organization"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column}) "
        f"REFERENCES {target} (organization_id, id) ON DELETE {on_delete} "
        "DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def lookup_function(
    signature: str, returns: str, body: str, tables: list[str], planned_with: str = ""
) -> RunSQL:
    """A SECURITY DEFINER function owned by a role that nobody logs in as.

    It may read past row-level security, so its body must filter the organization itself, or return
    no more than ids. `planned_with` are settings in force inside it, as "SET name = value ...".
    """
    name = signature.split("(", 1)[0]
    quoted = f"$body${body}$body$"
    attributes = (
        "LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp "
        + planned_with
    )
    return RunSQL(
        [
            *(f"GRANT SELECT ON {table} TO {LOOKUP_ROLE}" for table in tables),
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} {attributes} AS {quoted}",
            f"ALTER FUNCTION {signature} OWNER TO {LOOKUP_ROLE}",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {application_role()}",
        ],
        f"DROP FUNCTION IF EXISTS {name}",
    )
