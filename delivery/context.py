"""What every page of an organization shows while everything is stopped."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from delivery import queries


def emergency(request: HttpRequest) -> dict[str, Any]:
    """The stop that stands. It is looked for where a page shows it, inside the organization."""
    if not hasattr(request, "entrance"):
        return {}
    return {"emergency_stop": SimpleLazyObject(queries.standing_stop)}
