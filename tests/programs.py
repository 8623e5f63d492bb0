"""Programs of the system that some tests need: Chromium, unbound, Dovecot, SpamAssassin."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_unless_required(reason: str) -> NoReturn:
    """Skip with a plain reason. Where REQUIRE_PROGRAMS is set, as in `.ci/run`, fail instead."""
    if os.environ.get("REQUIRE_PROGRAMS"):
        pytest.fail(f"REQUIRE_PROGRAMS is set. {reason}")
    pytest.skip(reason)
