"""What every page of an organization shows around its content."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.rules import Permission

MENU = (
    ("Overview", "home", "campaigns:overview", Permission.SEE_DASHBOARD),
    ("Campaigns", "send", "campaigns:campaigns", Permission.SEE_CAMPAIGNS),
    ("Templates", "template", "campaigns:templates", Permission.EDIT_CAMPAIGNS),
    ("Segments", "users-group", "contacts:segments", Permission.SEE_SEGMENTS),
    ("Patients", "address-book", "contacts:contacts", Permission.SEE_CONTACTS),
    ("Imports", "file-import", "contacts:imports", Permission.IMPORT_CONTACTS),
    ("Exports", "file-export", "contacts:exports", Permission.REQUEST_EXPORTS),
    ("Patient fields", "forms", "contacts:fields", Permission.MANAGE_FIELDS),
    ("Authorizations", "signature", "consent:forms", Permission.SEE_CONSENT),
    ("Suppressions", "mail-off", "consent:suppressions", Permission.SEE_CONSENT),
    ("Topics", "tags", "consent:topics", Permission.MANAGE_TOPICS),
    ("State rules", "map-2", "consent:policy", Permission.MANAGE_CONSENT),
    ("Privacy", "shield-lock", "compliance:dashboard", Permission.SEE_COMPLIANCE),
    ("Senders", "at", "delivery:senders", Permission.MANAGE_SENDERS),
    ("Sending", "player-stop", "delivery:sending", Permission.STOP_ALL_SENDING),
    ("Staff", "users", "people:staff", Permission.MANAGE_STAFF),
    ("Audit log", "list-check", "people:audit", Permission.SEE_AUDIT),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The organization in force, the person's role, and the menu their role allows."""
    entrance = getattr(request, "entrance", None)
    if entrance is None:
        return {}
    here = request.resolver_match.view_name if request.resolver_match else ""
    menu = [
        {
            "label": label,
            "icon": icon,
            "url": reverse(name, args=[entrance.organization.slug]),
            "active": here.split(":")[0] == name.split(":")[0] and _same_room(here, name),
        }
        for label, icon, name, permission in MENU
        if entrance.allows(permission)
    ]
    return {
        "entrance": entrance,
        "organization": entrance.organization,
        "menu": menu,
        "may": {permission.value: entrance.allows(permission) for permission in Permission},
    }


def _same_room(here: str, entry: str) -> bool:
    """`contacts:segment` belongs to the menu's `contacts:segments`."""
    stem = entry.split(":")[1].rstrip("s")
    return here.split(":")[1].startswith(stem)
