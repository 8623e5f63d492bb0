"""Files of contacts: asked for by one person, allowed by another, here for a day."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms.people import ExportForm
from contacts.models import Export, ExportStatus
from contacts.rules.counts import hide_few
from contacts.rules.fields import FieldClass
from contacts.rules.segments import SegmentProblem


@require_GET
@organization_page(Permission.REQUEST_EXPORTS)
def exports(request: MemberRequest) -> HttpResponseBase:
    found = queries.exports()
    names = accounts.names({each.requested_by for each in found})
    segments = {each.id: each.name for each in queries.segments_by_name()}
    rows = [
        (each, _status(each), _whose(each, segments), names.get(each.requested_by, ""))
        for each in found
    ]
    return render(request, "contacts/exports.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.REQUEST_EXPORTS)
def export_new(request: MemberRequest) -> HttpResponseBase:
    """Ask for a file."""
    segments = [(str(each.id), each.name) for each in queries.segments_by_name()]
    form = ExportForm(segments, queries.fields(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        segment = form.cleaned_data["segment"]
        try:
            row = services.request_export(
                UUID(segment) if segment else None,
                form.keys(),
                form.cleaned_data["reason"],
                request.user.id,
            )
        except services.Refused as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("contacts:export", request.organization.slug, row.id)
    return render(request, "contacts/export_new.html", {"form": form})


@require_GET
@organization_page(Permission.REQUEST_EXPORTS)
def export(request: MemberRequest, export: UUID) -> HttpResponseBase:
    """What is in the file, why, and where it is on its way."""
    row = _export(export)
    mine = request.user.id in (row.requested_by, row.decided_by)
    may_allow = request.entrance.allows(Permission.ALLOW_EXPORTS)
    segments = {each.id: each.name for each in queries.segments_by_name()}
    fields = queries.fields_by_key()
    chosen = [fields[key] for key in row.fields if key in fields]
    who = {row.requested_by} | ({row.decided_by} if row.decided_by else set())
    names = accounts.names(who)
    status = _status(row)
    context: dict[str, Any] = {
        "export": row,
        "status": status,
        "whose": _whose(row, segments),
        "fields": chosen,
        "part2": any(field.classification is FieldClass.PART2 for field in chosen),
        "requested_by": names.get(row.requested_by, ""),
        "decided_by": names.get(row.decided_by, "") if row.decided_by else "",
        "reason": queries.export_reason(row) if mine or may_allow else "",
        "may_decide": may_allow and not mine and status == ExportStatus.REQUESTED,
        "waits_for_another": mine and status == ExportStatus.REQUESTED,
        "may_download": mine and status == ExportStatus.READY,
    }
    if context["may_decide"]:
        context |= _people(row)
    return render(request, "contacts/export.html", context)


@require_GET
@organization_page(Permission.REQUEST_EXPORTS)
def export_progress(request: MemberRequest, export: UUID) -> HttpResponseBase:
    """How far the file is. A fragment; at the end the browser loads the whole page again."""
    row = _export(export)
    if row.status != ExportStatus.WRITING:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "contacts/export_progress.html", {"export": row})


@require_POST
@organization_page(Permission.ALLOW_EXPORTS)
def export_decide(request: MemberRequest, export: UUID) -> HttpResponseBase:
    """The second person's answer: `allow` is yes or no."""
    row, answer = _export(export), request.POST.get("allow")
    if answer in ("yes", "no"):
        try:
            services.decide_export(row.id, answer == "yes", request.user.id)
        except services.Refused as problem:
            messages.error(request, str(problem))
    return redirect("contacts:export", request.organization.slug, export)


@require_GET
@organization_page(Permission.REQUEST_EXPORTS)
def export_file(request: MemberRequest, export: UUID) -> HttpResponseBase:
    """The file, for the two people who asked and allowed. Each download is logged."""
    row = _export(export)
    try:
        pieces = services.download(row.id, request.user.id, timezone.now())
    except services.Refused as problem:
        messages.error(request, str(problem))
        return redirect("contacts:export", request.organization.slug, export)
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="patients-{export}.csv"'
    return response


def _export(export_id: UUID) -> Export:
    row = queries.export_by_id(export_id)
    if row is None:
        raise Http404
    return row


def _status(row: Export) -> str:
    """Where it stands; a file whose time is over is expired before it is deleted."""
    if row.status == ExportStatus.READY and row.expires_at and row.expires_at <= timezone.now():
        return ExportStatus.EXPIRED
    return str(row.status)


def _whose(row: Export, segments: dict[UUID, str]) -> str:
    if row.segment is None:
        return "All patients"
    return segments.get(row.segment, "A segment that was deleted")


def _people(row: Export) -> dict[str, str]:
    """Whom the file is about, in words, and how many they are now."""
    try:
        tree = queries.export_tree(row)
    except SegmentProblem as problem:
        return {"words": f"Nobody: {problem}", "count": "nobody"}
    count = hide_few(queries.count(tree, queries.today())).text
    return {"words": queries.description(tree), "count": count}
