"""`manage.py migrate`, as the role that owns the tables, and with the application's grants."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from tenancy.rls import application_role

OWN_APPS = {
    "tenancy",
    "audit",
    "accounts",
    "contacts",
    "consent",
    "delivery",
    "campaigns",
    "portal",
}


class Command(Migrate):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options["database"] == "owner" and not options.get("plan"):
            grant_library_tables()


def grant_library_tables() -> None:
    """Tables of libraries (sessions, sign-in) have no tenant; the application writes them.

    Our own tables are granted in the migrations that make them, with no more than each needs.
    """
    role = application_role()
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"GRANT SELECT ON django_migrations TO {role}")
        for model in apps.get_models(include_auto_created=True):
            if model._meta.app_label not in OWN_APPS and model._meta.managed:
                cursor.execute(
                    f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{model._meta.db_table}" TO {role}'
                )
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
