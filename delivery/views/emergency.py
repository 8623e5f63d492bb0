"""What is being sent, and stopping all of it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from audit import services as audit
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.rules.masking import masked_name
from delivery import queries, why
from delivery.forms import StopForm
from delivery.models import EmergencyStop
from delivery.rules import Status
from delivery.services import emergency
from delivery.usage import names_of

_COUNTED = (Status.ACCEPTED, Status.IN_PORTAL, Status.UNCERTAIN, Status.TRANSMITTING)


@require_GET
@organization_page(Permission.STOP_ALL_SENDING)
def sending(request: MemberRequest) -> HttpResponseBase:
    """What is being sent now, what rests, and the way to stop everything."""
    opened = queries.open_mailings()
    names = names_of([each.mailing.reference for each in opened])
    context = {
        "mailings": [(each, *_named(names, each.mailing.reference)) for each in opened],
        "lanes": queries.lanes_at_rest(timezone.now()),
        "past": queries.past_stops(),
    }
    return render(request, "delivery/sending.html", context)


@organization_page(Permission.STOP_ALL_SENDING)
def sending_stop(request: MemberRequest) -> HttpResponseBase:
    """GET asks with the real numbers, POST stops."""
    form = StopForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        stop = emergency.stop_everything(
            form.cleaned_data["reason"],
            request.user.id,
            form.cleaned_data["also_earlier"],
            timezone.now(),
        )
        return redirect("delivery:sending_stopped", request.organization.slug, stop.id)
    context = {"form": form, "extent": queries.extent(timezone.now())}
    return render(request, "delivery/sending_stop.html", context)


@require_GET
@organization_page(Permission.STOP_ALL_SENDING)
def sending_stopped(request: MemberRequest, stop: UUID) -> HttpResponseBase:
    """One stop: what it stopped, and who was reached before. Seeing the list is logged."""
    row = get_object_or_404(EmergencyStop, id=stop)
    people = request.entrance.allows(Permission.SEE_CONTACTS)
    context = {
        "stop": row,
        "by": accounts.names({row.started_by}).get(row.started_by, ""),
        "counts": _counts(row),
        **(_reached(request, row) if people else {}),
    }
    return render(request, "delivery/sending_stopped.html", context)


def _reached(request: MemberRequest, row: EmergencyStop) -> dict[str, object]:
    after = _uuid(request.GET.get("after", ""))
    found, more = queries.reached(row, after)
    people = contacts.opened([each.contact_id for each in found])
    contact_services.record_listing(people)
    return {
        "reached": [
            (
                each,
                masked_name(people[each.contact_id].profile)
                if each.contact_id in people
                else "Erased",
                why.outcome(each.status, withdrawn=True),
            )
            for each in found
        ],
        "next": found[-1].message_id if more else None,
        "is_first": after is None,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _counts(row: EmergencyStop) -> list[tuple[str, str, Counter[str]]]:
    """Name, page and counts of each mailing that a stop stopped."""
    found = queries.reached_counts(row)
    names = names_of([reference for reference, _ in found])
    return [(*_named(names, reference), counts) for reference, counts in found]


def _named(names: Mapping[UUID, tuple[str, str]], reference: UUID) -> tuple[str, str]:
    return names.get(reference, ("Mailing", ""))


@organization_page(Permission.STOP_ALL_SENDING)
def sending_lift(request: MemberRequest, stop: UUID) -> HttpResponseBase:
    """GET asks, POST lifts."""
    row = get_object_or_404(EmergencyStop, id=stop)
    if request.method == "POST":
        emergency.lift(row.id, request.user.id, timezone.now())
        messages.success(request, "Lifted. Campaigns can be launched again.")
        return redirect("delivery:sending", request.organization.slug)
    return render(request, "delivery/sending_lift.html", {"stop": row})


@require_POST
@organization_page(Permission.STOP_ALL_SENDING)
def sending_counts(request: MemberRequest, stop: UUID) -> HttpResponseBase:
    """How many were reached, by campaign, as CSV."""
    row = get_object_or_404(EmergencyStop, id=stop)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="stopped-campaigns.csv"'
    writer = csv.writer(response)
    shown: Collection[str] = [*_COUNTED, Status.STOPPED]
    writer.writerow(("campaign", *(why.outcome(status, withdrawn=True) for status in shown)))
    for name, _, counts in _counts(row):
        writer.writerow((_plain(name), *(counts[status] for status in shown)))
    audit.record("stop_counts_exported", object_type="emergency_stop", object_id=row.id)
    return response


def _plain(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
