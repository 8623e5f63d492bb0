"""The privacy officer's pages."""

from __future__ import annotations

import csv
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from audit import services as audit
from compliance import queries
from consent import queries as consent
from consent import services


@require_GET
@organization_page(Permission.SEE_COMPLIANCE)
def dashboard(request: MemberRequest) -> HttpResponseBase:
    """Who may be written to, what was not sent and why, and what waits for somebody."""
    found = queries.dashboard(timezone.now(), _days(request))
    context = {"found": found, "periods": queries.PERIODS}
    return render(request, "compliance/dashboard.html", context)


@require_POST
@organization_page(Permission.SEE_COMPLIANCE)
def export(request: MemberRequest) -> HttpResponseBase:
    """The dashboard's figures as CSV, hidden where the page hides them."""
    days = _days(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="privacy-{days}-days.csv"'
    writer = csv.writer(response)
    writer.writerow(("section", "line", "number"))
    writer.writerows(queries.dashboard(timezone.now(), days).rows())
    audit.record("dashboard_exported", days=days)
    return response


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def check(request: MemberRequest) -> HttpResponseBase:
    """Look at every stored authorization now."""
    found = services.check_integrity(request.user.id)
    if found.altered:
        messages.error(
            request,
            "Some signed authorizations were altered in the database. They carry no mail. Keep the"
            " database as it is and call whoever answers for its security.",
        )
    else:
        messages.success(request, "Every signed authorization is as it was signed.")
    return redirect("compliance:dashboard", request.organization.slug)


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def close_alert(request: MemberRequest, alert: UUID) -> HttpResponseBase:
    """Note what was done about something."""
    if consent.alert(alert) is None:
        raise Http404
    note = request.POST.get("note", "").strip()
    if not note:
        messages.error(request, "Say what was done about it. It stays with the alert.")
    else:
        services.close_alert(alert, note[:300], request.user.id)
        messages.success(request, "Noted.")
    return redirect("compliance:dashboard", request.organization.slug)


def _days(request: MemberRequest) -> int:
    asked = (request.POST if request.method == "POST" else request.GET).get("days", "")
    return next((days for days in queries.PERIODS if str(days) == asked), queries.PERIODS[0])
