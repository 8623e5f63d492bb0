"""Imports: from the file to the undo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms.imports import (
    CorrectionsForm,
    ImportUpload,
    MappingForm,
    RejectedRowsForm,
    UploadForm,
    largest_upload,
)
from contacts.models import Import, ImportStatus
from contacts.queries.files import UNDO_FOR
from contacts.rules.masking import masked_text
from contacts.rules.reading import FileProblem, Kind
from contacts.rules.reading.wording import how_it_was_read
from contacts.rules.remaining import in_words, time_left

SHOWN_ROWS = 10
CORRECTED_AT_ONCE = 25
"""Rejected rows on a page."""
SHOWN_FLAGGED = 25
STEPS = ("Upload", "Match columns", "Check", "Import")
_STEP = {
    ImportStatus.READING: 1,
    ImportStatus.CHECKING: 3,
    ImportStatus.CHECKED: 3,
    ImportStatus.RUNNING: 4,
    ImportStatus.DONE: 4,
}
_HAS_REJECTS = (
    ImportStatus.CHECKED,
    ImportStatus.DONE,
    ImportStatus.CANCELLED,
    ImportStatus.FAILED,
)


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def imports(request: MemberRequest) -> HttpResponseBase:
    found = queries.imports()
    names = accounts.names({source.created_by for source in found})
    rows = [(source, queries.head(source), names.get(source.created_by, "")) for source in found]
    return render(request, "contacts/imports.html", {"rows": rows})


@csrf_exempt  # looking for the token reads the file: `_upload` looks, once it has a place to go
@require_http_methods(["GET", "POST"])
@organization_page(Permission.IMPORT_CONTACTS)
def imports_new(request: MemberRequest) -> HttpResponseBase:
    """The upload page. Large files are taken from those alone who may import."""
    request.upload_handlers = [ImportUpload(request)]
    return _upload(request)


@csrf_protect
def _upload(request: MemberRequest) -> HttpResponseBase:
    """A file that is too large is refused here; what is in it, a worker judges."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            source = services.start_upload(file.chunks(), file.name, request.user.id)
        except FileProblem as problem:
            form.add_error("file", str(problem))
        else:
            return redirect("contacts:import_detail", request.organization.slug, source.id)
    context = {"form": form, "steps": STEPS, "step": 1, "limit": largest_upload()}
    return render(request, "contacts/import_new.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.IMPORT_CONTACTS)
def import_mapping(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Match columns to fields, with a few masked values of each. Showing them is logged."""
    found = _import(source)
    if found.status not in (ImportStatus.MATCHING, ImportStatus.CHECKED):
        return redirect("contacts:import_detail", request.organization.slug, source)
    head, rows = queries.head(found), queries.preview(source)
    matched = queries.Suggested(queries.mapping(found))
    if not matched.keys:
        matched = queries.suggested(head.headers, rows, request.GET.get("saved") != "no")
    form = MappingForm(
        head.headers, queries.fields(), matched.keys, head.kind == Kind.FHIR, request.POST or None
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.confirm_mapping(source, form.mapping())
        except services.MappingProblem as problem:
            form.add_error(None, str(problem))
        else:
            if name := form.cleaned_data["save_as"]:
                services.save_mapping(name, head.headers, form.mapping(), request.user.id)
            elif matched.saved:
                services.note_use_of_mapping(matched.saved.id)
            return redirect("contacts:import_detail", request.organization.slug, source)
    services.record_preview(source, len(rows[:SHOWN_ROWS]))
    context = {
        "form": form,
        "source": found,
        "file_name": head.file_name,
        "columns": [
            (field, _samples(rows[:SHOWN_ROWS], at), name in matched.guessed)
            for at, (name, field) in enumerate(zip(head.headers, form.columns(), strict=True))
        ],
        "matched": matched,
        "steps": STEPS,
        "step": 2,
        **_how_read(head),
    }
    return render(request, "contacts/import_mapping.html", context)


@require_POST
@organization_page(Permission.IMPORT_CONTACTS)
def import_confirm(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Take the rows of a checked file."""
    services.confirm_import(_import(source).id)
    return redirect("contacts:import_detail", request.organization.slug, source)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.IMPORT_CONTACTS)
def import_cancel(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Stop, wherever the import is. The file is deleted; what was taken stays until undone."""
    found = _import(source)
    if request.method == "POST":
        if not services.cancel_import(source):
            messages.error(request, "There was nothing left to cancel.")
        return redirect("contacts:import_detail", request.organization.slug, source)
    if not queries.can_be_cancelled(found):
        return redirect("contacts:import_detail", request.organization.slug, source)
    context = {"source": found, "file_name": queries.head(found).file_name}
    return render(request, "contacts/import_cancel.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.IMPORT_CONTACTS)
def import_undo(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Put contacts back to what they were before, after showing how many that concerns."""
    found = _import(source)
    if request.method == "POST":
        if not services.undo_import(source, timezone.now()):
            messages.error(request, "This import can no longer be undone.")
        return redirect("contacts:import_detail", request.organization.slug, source)
    if not queries.can_be_undone(found, timezone.now()):
        return redirect("contacts:import_detail", request.organization.slug, source)
    context = {
        "source": found,
        "file_name": queries.head(found).file_name,
        "plan": queries.undo_plan(found),
    }
    return render(request, "contacts/import_undo.html", context)


@require_POST
@organization_page(Permission.IMPORT_CONTACTS)
def import_correct(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Take the file of rejected rows back, corrected."""
    found = _import(source)
    form = CorrectionsForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            table = services.read_table(form.cleaned_data["file"].file)
            taken = services.correct_rows(found.id, table)
        except FileProblem as problem:
            messages.error(request, str(problem))
        else:
            messages.success(request, _corrected(taken)) if taken else messages.error(
                request, "None of the rejected rows is in this file. Nothing was changed."
            )
    else:
        messages.error(request, "Choose the corrected file first. It can be 5 MB large at most.")
    return redirect("contacts:import_detail", request.organization.slug, source)


@require_POST
@organization_page(Permission.IMPORT_CONTACTS)
def import_correct_cells(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Take better cells for rejected rows, as they were typed on the page."""
    found = _import(source)
    page = _rejected_page(found, request.POST.get("after", ""))
    form = _rejected_form(found, page, request.POST)
    if queries.can_be_corrected(found, timezone.now()) and not form.is_valid():
        return _detail(request, found, page, form)
    try:
        taken = services.correct_cells(found.id, form.typed() if form.is_valid() else {})
    except FileProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _corrected(taken)) if taken else messages.error(
            request, "Nothing was typed, so nothing was tried again."
        )
    return redirect("contacts:import_detail", request.organization.slug, source)


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_detail(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Where an import is, and what came of it."""
    found = _import(source)
    if found.status == ImportStatus.MATCHING:
        return redirect("contacts:import_mapping", request.organization.slug, source)
    page = _rejected_page(found, request.GET.get("after", ""))
    return _detail(request, found, page, _rejected_form(found, page))


def _detail(
    request: MemberRequest, found: Import, page: _RejectedPage, form: RejectedRowsForm
) -> HttpResponseBase:
    head = queries.head(found)
    context = {
        "file_name": head.file_name,
        "steps": STEPS if found.status in _STEP else (),
        "step": _STEP.get(ImportStatus(found.status)),
        "can_be_cancelled": queries.can_be_cancelled(found),
        **_progress(found),
    }
    if not queries.is_working(found):
        context |= _how_read(head) | _result(found) | _rejects(found, page, form)
    return render(request, "contacts/import_detail.html", context)


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_progress(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """The part of the page that renews itself; once the work is done, the page does."""
    found = _import(source)
    response = render(request, "contacts/import_progress.html", _progress(found))
    if not queries.is_working(found):
        response["HX-Refresh"] = "true"
    return response


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_rejects(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """The rejected rows as CSV, values included. Every download is logged."""
    found = _import(source)
    if not found.rejected_count or found.status not in _HAS_REJECTS:
        raise Http404
    response = HttpResponse(
        services.rejected_rows_csv(found), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="rejected-rows-{source}.csv"'
    return response


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def saved_mappings(request: MemberRequest) -> HttpResponseBase:
    found = queries.saved_mappings()
    names = accounts.names({saved.created_by for saved in found})
    rows = [(saved, names.get(saved.created_by, "")) for saved in found]
    return render(request, "contacts/import_mappings.html", {"rows": rows})


@require_POST
@organization_page(Permission.IMPORT_CONTACTS)
def saved_mapping_delete(request: MemberRequest, mapping: UUID) -> HttpResponseBase:
    if queries.mapping_by_id(mapping) is None:
        raise Http404
    services.delete_mapping(mapping)
    messages.success(request, "The matching was deleted. Past imports are not touched.")
    return redirect("contacts:saved_mappings", request.organization.slug)


def _import(import_id: UUID) -> Import:
    found = queries.import_by_id(import_id)
    if found is None:
        raise Http404
    return found


def _samples(rows: list[list[str]], column: int) -> list[str]:
    """A column's first cells, masked; none if all are blank."""
    masked = [masked_text(row[column]) for row in rows]
    return masked if any(masked) else []


def _progress(source: Import) -> dict[str, Any]:
    """`total` is 0 while nobody knows: a file's rows are not counted before they are read."""
    total = source.rows_total
    if source.status == ImportStatus.READING:
        total = 0
    elif source.status == ImportStatus.UNDOING:
        total = source.rows_read + source.created_count + source.updated_count - source.kept_count
    left = time_left(source.rows_read, total, source.turn_started_at, timezone.now())
    return {
        "source": source,
        "working": queries.is_working(source),
        "waiting": source.turn_started_at is None,
        "total": total,
        "left": in_words(left) if left is not None else "",
    }


def _result(source: Import) -> dict[str, Any]:
    now = timezone.now()
    return {
        "taken": source.created_count + source.updated_count,
        "can_be_undone": queries.can_be_undone(source, now),
        "undo_until": source.finished_at + UNDO_FOR if source.finished_at else None,
        "can_be_corrected": queries.can_be_corrected(source, now),
        "corrected": queries.corrected_rows(source.id),
        "corrections": CorrectionsForm(),
    }


@dataclass(frozen=True, slots=True)
class _RejectedPage:
    """Some of the rejected rows: those after a number, and after which number the next begin."""

    after: int
    rows: list[queries.Reject]
    later: int | None


def _rejected_page(source: Import, after: str) -> _RejectedPage:
    """The first page, if `after` is no number of a row."""
    start = int(after) if re.fullmatch(r"[0-9]{1,9}", after) else 0
    if source.status not in _HAS_REJECTS:
        return _RejectedPage(start, [], None)
    rows = list(queries.rejects(source.id, limit=CORRECTED_AT_ONCE + 1, after=start))
    shown = rows[:CORRECTED_AT_ONCE]
    return _RejectedPage(start, shown, shown[-1].row if len(rows) > len(shown) else None)


def _rejected_form(source: Import, page: _RejectedPage, data: Any = None) -> RejectedRowsForm:
    return RejectedRowsForm(
        page.rows, queries.mapping(source), queries.fields_by_key(), queries.today(), data
    )


def _rejects(source: Import, page: _RejectedPage, form: RejectedRowsForm) -> dict[str, Any]:
    """Rows that were rejected, or taken with a remark, masked but for what is to be corrected.
    Showing them is logged."""
    if source.status not in _HAS_REJECTS:
        return {}
    flagged = list(queries.rejects(source.id, flagged=True, limit=SHOWN_FLAGGED))
    if count := len(page.rows) + len(flagged):
        services.record_rejects_viewed(source.id, count)
    return {
        "page": page,
        "rejected": [(each, _masked(each), form.cells(each.row)) for each in page.rows],
        "flagged": [(each, _masked(each)) for each in flagged],
    }


def _masked(reject: queries.Reject) -> list[tuple[str, str]]:
    """The cells that are not blank, with the names of their columns."""
    cells = ((name, masked_text(text)) for name, text in reject.values.items())
    return [(name, text) for name, text in cells if text]


def _how_read(head: queries.Head) -> dict[str, Any]:
    return {"how_read": how_it_was_read(head.kind, head.notes)}


def _corrected(rows: int) -> str:
    return f"{rows:,} corrected row{' is' if rows == 1 else 's are'} being tried again."
