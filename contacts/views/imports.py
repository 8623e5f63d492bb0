"""Uploading a file, matching its columns, watching the import, and fetching what was rejected."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms import ImportUpload, MappingForm, UploadForm
from contacts.models import Import, ImportStatus
from contacts.rules.csvfile import FileProblem
from contacts.rules.masking import masked_text

UNFINISHED = (ImportStatus.QUEUED, ImportStatus.RUNNING)


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
    """A file that cannot be read is refused here, in words."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            source = services.start_upload(file.chunks(), file.name, request.user.id)
        except FileProblem as problem:
            form.add_error("file", str(problem))
        else:
            return redirect("contacts:import_mapping", request.organization.slug, source.id)
    return render(request, "contacts/import_new.html", {"form": form})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.IMPORT_CONTACTS)
def import_mapping(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Match columns to fields, with a few masked values of each. Showing them is logged."""
    found = _import(source)
    if found.status != ImportStatus.UPLOADED:
        return redirect("contacts:import_detail", request.organization.slug, source)
    head = queries.head(found)
    form = MappingForm(head.headers, queries.fields_by_key(), request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.confirm_mapping(source, form.mapping())
        except services.MappingProblem as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("contacts:import_detail", request.organization.slug, source)
    rows = queries.preview(source)
    services.record_preview(source, len(rows))
    columns = [
        (field, [masked_text(row.get(str(field.label), "")) for row in rows]) for field in form
    ]
    context = {"form": form, "source": found, "file_name": head.file_name, "columns": columns}
    return render(request, "contacts/import_mapping.html", context)


@require_POST
@organization_page(Permission.IMPORT_CONTACTS)
def import_discard(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """Throw away an uploaded file before it is imported."""
    if services.discard_upload(_import(source).id):
        messages.success(request, "The file was deleted. Nothing of it was imported.")
        return redirect("contacts:imports", request.organization.slug)
    return redirect("contacts:import_detail", request.organization.slug, source)


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_detail(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """How an import goes, and what came of it."""
    found = _import(source)
    if found.status == ImportStatus.UPLOADED:
        return redirect("contacts:import_mapping", request.organization.slug, source)
    context = _progress(found) | {"file_name": queries.head(found).file_name}
    return render(request, "contacts/import_detail.html", context)


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_progress(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """The part of the page that renews itself."""
    return render(request, "contacts/import_progress.html", _progress(_import(source)))


@require_GET
@organization_page(Permission.IMPORT_CONTACTS)
def import_rejects(request: MemberRequest, source: UUID) -> HttpResponseBase:
    """The rejected rows as CSV, values included. Every download is logged."""
    found = _import(source)
    if not found.rejected_count:
        raise Http404
    response = HttpResponse(
        services.rejected_rows_csv(found), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="rejected-rows-{source}.csv"'
    return response


def _import(import_id: UUID) -> Import:
    found = queries.import_by_id(import_id)
    if found is None:
        raise Http404
    return found


def _progress(source: Import) -> dict[str, Any]:
    return {"source": source, "unfinished": source.status in UNFINISHED}
