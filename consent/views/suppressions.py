"""Addresses that are left alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from audit import services as audit
from consent import queries, services
from consent.forms.suppressions import (
    REASONS,
    SCOPES,
    SOURCES,
    AddForm,
    AddressForm,
    ListForm,
)
from consent.forms.uploads import MAX_BYTES, MemoryUpload
from consent.models import Suppression
from consent.rules.lists import FoundAddresses
from contacts.rules.counts import hide_small_cells

SHOWN_LINES = 200


@require_GET
@organization_page(Permission.SEE_CONSENT)
def suppressions(request: MemberRequest) -> HttpResponseBase:
    """How many addresses are left alone, and why."""
    return _page(request, {"find": AddressForm(), "add": AddForm(auto_id="add_%s")})


def _page(request: MemberRequest, context: dict[str, Any]) -> HttpResponseBase:
    cells = queries.suppression_counts()
    shown = hide_small_cells(cells)
    counts = [
        (SCOPES[scope], words, shown.cells[f"{scope.value} {reason.value}"])
        for scope in SCOPES
        for reason, words in REASONS.items()
        if f"{scope.value} {reason.value}" in cells
    ]
    return render(
        request,
        "consent/suppressions.html",
        {"counts": counts, "total": shown.total} | context,
    )


def described(address: str) -> list[tuple[Suppression, str, str, str]]:
    """What stands against an address: the row, its scope, reason and source in words."""
    return [
        (
            row,
            SCOPES[_SCOPES[row.scope]],
            REASONS[_REASONS[row.reason]],
            SOURCES.get(row.source, row.source),
        )
        for row in queries.suppressions_of(address)
    ]


_SCOPES = {each.value: each for each in SCOPES}
_REASONS = {each.value: each for each in REASONS}


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def suppression_find(request: MemberRequest) -> HttpResponseBase:
    """Whether one address is left alone. Looking is logged, without the address."""
    form = AddressForm(request.POST)
    context: dict[str, Any] = {"find": form, "add": AddForm(auto_id="add_%s")}
    if form.is_valid():
        address = form.cleaned_data["address"]
        context |= {"address": address, "found": described(address)}
        audit.record("suppression_looked_up", number=len(context["found"]))
    return _page(request, context)


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def suppression_add(request: MemberRequest) -> HttpResponseBase:
    form = AddForm(request.POST, auto_id="add_%s")
    if not form.is_valid():
        return _page(request, {"find": AddressForm(), "add": form})
    scope, reason = form.scope_and_reason()
    services.suppress(form.cleaned_data["address"], scope, reason, "staff", request.user.id)
    messages.success(request, "The address is left alone from now on.")
    return redirect("consent:suppressions", request.organization.slug)


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def suppression_lift(request: MemberRequest, suppression: UUID) -> HttpResponseBase:
    """Let mail go to an address again, with a reason."""
    row = get_object_or_404(Suppression, id=suppression)
    try:
        services.lift(row.id, request.POST.get("because", "")[:200], request.user.id)
    except services.NotLiftable as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "Lifted. Mail may go to the address again.")
    return redirect("consent:suppressions", request.organization.slug)


@csrf_exempt  # looking for the token reads the file: `_import` looks, once it has a place to go
@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_CONSENT)
def suppression_import(request: MemberRequest) -> HttpResponseBase:
    """Look at a do-not-contact list. Nothing is stored until it is confirmed."""
    request.upload_handlers = [MemoryUpload(request)]
    return _import(request)


@csrf_protect
def _import(request: MemberRequest) -> HttpResponseBase:
    form = ListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        content = form.content()
        try:
            if len(content) > MAX_BYTES:
                raise services.NotAList("The file is larger than 10 MB. Divide it.")
            found = services.read_list(content)
        except services.NotAList as problem:
            form.add_error("file", str(problem))
        else:
            return _review(request, form, found)
    return render(request, "consent/suppression_import.html", {"form": form})


def _review(request: MemberRequest, form: ListForm, found: FoundAddresses) -> HttpResponseBase:
    scope, reason = form.scope_and_reason()
    known = queries.known_among(found.addresses, scope, reason)
    listed = services.Listed(found.addresses, scope, reason)
    context = {
        "new": len(found.addresses) - known,
        "known": known,
        "others": len(found.others),
        "lines": found.others[:SHOWN_LINES],
        "scope": SCOPES[scope],
        "reason": REASONS[reason],
        "sealed": services.sealed_list(listed, request.user.id),
    }
    return render(request, "consent/suppression_review.html", context)


@require_POST
@organization_page(Permission.MANAGE_CONSENT)
def suppression_import_confirm(request: MemberRequest) -> HttpResponseBase:
    """Leave everybody on the list alone."""
    try:
        number = services.take_list(request.POST.get("list", ""), request.user.id)
    except services.NotAList as problem:
        messages.error(request, str(problem))
        return redirect("consent:suppression_import", request.organization.slug)
    messages.success(request, f"{number:,} more addresses are left alone from now on.")
    return redirect("consent:suppressions", request.organization.slug)
