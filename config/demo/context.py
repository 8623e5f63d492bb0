"""What the sign-in page shows in the demo, and only there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.rules import Role


def sign_in_buttons(request: HttpRequest) -> dict[str, Any]:
    """A button for each role. Empty outside the demo."""
    if not settings.DEMO:
        return {}
    return {"demo_people": [{"role": role.value, "label": role.label} for role in Role]}
