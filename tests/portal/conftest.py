"""The broker, played by tests."""

from __future__ import annotations

import pytest
from celery import current_app


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What the application hands to the broker, kept here: tests play the worker."""
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    return sent
