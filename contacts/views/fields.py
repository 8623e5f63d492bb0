"""The fields that an organization keeps of its contacts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.forms.fields import CLASSES, GROUPS, TYPES, FieldForm, FieldLabelForm
from contacts.models import FieldDefinition
from contacts.rules.changes import consequences, needs_reading
from contacts.rules.fields import Field, FieldClass
from contacts.rules.starter import FIXED
from contacts.services import Wanted


@require_GET
@organization_page(Permission.MANAGE_FIELDS)
def fields(request: MemberRequest) -> HttpResponseBase:
    """Every field by group, and the work that changes to them still need."""
    rows = queries.stored_fields()
    groups = [
        (words, [_listed(row) for row in rows if row.group == group.value])
        for group, words in GROUPS.items()
    ]
    context = {"groups": [each for each in groups if each[1]], "work": queries.field_work()}
    return render(request, "contacts/fields.html", context)


@require_GET
@organization_page(Permission.MANAGE_FIELDS)
def field_progress(request: MemberRequest) -> HttpResponseBase:
    """The part of the page that renews itself; once all is done, the page does."""
    work = queries.field_work()
    response = render(request, "contacts/field_progress.html", {"work": work})
    if not work:
        response["HX-Refresh"] = "true"
    return response


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_FIELDS)
def field_new(request: MemberRequest) -> HttpResponseBase:
    form = FieldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = services.add_field(form.wanted())
        except services.FieldRefused as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, f"“{added.label}” was added.")
            return redirect("contacts:fields", request.organization.slug)
    return render(request, "contacts/field.html", {"form": form})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_FIELDS)
def field(request: MemberRequest, field: UUID) -> HttpResponseBase:
    """Describe a field anew. What would touch stored values is told first, and then confirmed."""
    row = _field(field)
    before = queries.as_field(row)
    form = _form(row, before, request.POST or None)
    told: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            wanted = _wanted(form, before)
            after = services.check_change(field, wanted)
            if "confirm" not in request.POST:
                told = _told(before, after)
            if not told:
                services.change_field(field, wanted)
                messages.success(request, f"“{after.label}” was saved.")
                return redirect("contacts:fields", request.organization.slug)
        except services.FieldRefused as problem:
            form.add_error(None, str(problem))
    context = {"form": form, "field": row, "told": told, "fixed": row.key in FIXED}
    return render(request, "contacts/field.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_FIELDS)
def field_remove(request: MemberRequest, field: UUID) -> HttpResponseBase:
    """Asks first, and tells how many patients have a value."""
    row, problem = _field(field), ""
    try:
        if request.method == "POST":
            services.remove_field(field)
            messages.success(request, f"“{row.label}” is being removed from every patient.")
            return redirect("contacts:fields", request.organization.slug)
        services.check_removal(field)
    except services.FieldRefused as refused:
        problem = str(refused)
    found = None if problem else queries.fitting(queries.as_field(row))
    context = {
        "field": row,
        "problem": problem,
        "total": found.among_all(found.total) if found else 0,
        "sampled": found is not None and found.sampled,
    }
    return render(request, "contacts/field_remove.html", context)


def _listed(row: FieldDefinition) -> dict[str, Any]:
    known = queries.as_field(row)
    return {
        "row": row,
        "type": TYPES[known.type],
        "class": CLASSES[FieldClass(row.classification)].split(":")[0].split(" (")[0],
        "fixed": row.key in FIXED,
    }


def _form(row: FieldDefinition, before: Field, data: Any) -> FieldLabelForm:
    if row.key in FIXED:
        return FieldLabelForm(data, initial={"label": before.label})
    initial = {
        "label": before.label,
        "type": before.type.value,
        "choices": "\n".join(choice.label for choice in before.choices),
        "group": before.group.value,
        "classification": before.classification.value,
        "searchable": before.searchable,
    }
    return FieldForm(data, initial=initial)


def _wanted(form: FieldLabelForm, before: Field) -> Wanted:
    if isinstance(form, FieldForm):
        return form.wanted(before.choices)
    return Wanted(
        form.cleaned_data["label"],
        before.type,
        before.group,
        before.classification,
        before.searchable,
        before.choices,
    )


def _told(before: Field, after: Field) -> list[str]:
    found = queries.fitting(after) if needs_reading(before, after) else None
    return consequences(before, after, found)


def _field(field_id: UUID) -> FieldDefinition:
    row = queries.stored_field(field_id)
    if row is None:
        raise Http404
    return row
