"""A fresh database with one organization, and the line that a benchmark ends with."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import django
import orjson


def set_up() -> None:
    """Let Django find its settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()


def work_as_a_worker() -> None:
    """Whatever Celery's processes do at their start."""
    from config.celery import look_for_garbage_less_often

    look_for_garbage_less_often()


def new_organization() -> UUID:
    """Empty the benchmark's database, migrate it, and make an organization in it."""
    set_up()
    from django.core.management import call_command
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
        cursor.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    call_command("migrate", verbosity=0)
    from accounts.services import create_organization

    organization = create_organization(
        slug="riverside",
        name="Riverside Health",
        legal_name="Riverside Health, Inc.",
        postal_address="1 River Road, Springfield, IL 62701",
        phone="+1 555 0100",
        time_zone="America/Chicago",
        link_origin="http://localhost",
        tracking=True,
    )
    return UUID(str(organization.id))


def vacuum(*tables: str) -> None:
    """What autovacuum has done to tables by the time that somebody works with them."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {', '.join(tables)}")
    connections.close_all()


def report(name: str, value: float, unit: str, goal: float, *, passed: bool, **more: Any) -> None:
    """Print the result as one JSON line."""
    line = {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "goal": goal,
        "pass": passed,
        **more,
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(orjson.dumps(line).decode(), flush=True)


def machine() -> str:
    """Processor, cores and Python, for comparing results."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.processor()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
