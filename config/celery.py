"""The Celery application. Payloads are ids; tasks are sent by name, after the commit."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("sealwright")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
