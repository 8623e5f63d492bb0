"""Tasks are sent by name: each name exists, and each queue has a worker."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from config.celery import app
from config.embedded.run import QUEUES

ROOT = Path(settings.BASE_DIR)
SOURCES = [
    path
    for name in ("portal", "campaigns", "delivery", "consent", "contacts", "accounts", "audit")
    for path in (ROOT / name).rglob("*.py")
]
SENT = {
    name for path in SOURCES for name in re.findall(r'send_task\(\s*"([^"]+)"', path.read_text())
}


def test_every_task_that_is_sent_or_scheduled_exists() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert SENT
    assert (SENT | scheduled | set(settings.CELERY_TASK_ROUTES)) <= set(app.tasks)


def test_every_queue_has_a_worker() -> None:
    served = {queue for queues, _ in QUEUES.values() for queue in queues.split(",")}
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert routed | {settings.CELERY_TASK_DEFAULT_QUEUE} == served
