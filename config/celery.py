"""The Celery application. Payloads are ids; tasks are sent by name, after the commit."""

import gc
import os

from celery import Celery
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("sealwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def look_for_garbage_less_often(**_: object) -> None:
    """What was made at the start is never garbage, and bulk work makes thousands of objects that
    die by themselves: looking through all of them took a tenth of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
