"""Segments: the list, the builder, and the live count."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.conditions import choices_of
from contacts.forms import SegmentForm
from contacts.models import Segment
from contacts.rules import segments as rules
from contacts.rules.counts import Count, hide_few

EVERYBODY = rules.to_json(rules.Segment())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a segment means right now."""

    words: str
    count: Count
    health_information: bool
    reason: str


@require_GET
@organization_page(Permission.SEE_SEGMENTS)
def segments(request: MemberRequest) -> HttpResponseBase:
    found = queries.segments_by_name()
    names = accounts.names({segment.created_by for segment in found})
    rows = [(segment, names.get(segment.created_by, "")) for segment in found]
    return render(request, "contacts/segments.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_SEGMENTS)
def segment_new(request: MemberRequest) -> HttpResponseBase:
    form = SegmentForm(request.POST or None, initial={"tree": EVERYBODY})
    return _save_or_build(request, form, None)


@require_GET
@organization_page(Permission.SEE_SEGMENTS)
def segment(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    """What a segment says and means; for those who may change it, in the builder."""
    found = _segment(segment)
    try:
        tree = queries.segment_tree(found)
    except rules.SegmentProblem as problem:
        return render(request, "contacts/segment.html", {"segment": found, "problem": str(problem)})
    if request.entrance.allows(Permission.EDIT_SEGMENTS):
        form = SegmentForm(initial={"name": found.name, "tree": rules.to_json(tree)})
        return _builder(request, form, found)
    return render(request, "contacts/segment.html", {"segment": found, "answer": _answer(tree)})


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_save(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    return _save_or_build(request, SegmentForm(request.POST), _segment(segment))


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_count(request: MemberRequest) -> HttpResponseBase:
    """The live answer to the tree in the builder. Sent by POST, since it names diagnoses."""
    try:
        tree = rules.parse(request.POST.get("tree", ""), queries.vocabulary())
    except rules.SegmentProblem as problem:
        return render(request, "contacts/segment_answer.html", {"problem": str(problem)})
    return render(request, "contacts/segment_answer.html", {"answer": _answer(tree)})


def _save_or_build(
    request: MemberRequest, form: SegmentForm, segment: Segment | None
) -> HttpResponseBase:
    if request.method == "POST" and form.is_valid():
        name, tree = form.cleaned_data["name"], form.cleaned_data["tree"]
        try:
            saved = services.save_segment(
                name, tree, request.user.id, segment.id if segment else None
            )
        except services.NameTaken as problem:
            form.add_error("name", str(problem))
        except rules.SegmentProblem as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, f"Segment “{saved.name}” was saved.")
            return redirect("contacts:segments", request.organization.slug)
    return _builder(request, form, segment)


def _builder(
    request: MemberRequest, form: SegmentForm, segment: Segment | None
) -> HttpResponseBase:
    fields = queries.fields()
    palette: dict[str, Any] = {
        "subjects": [asdict(subject) for subject in rules.palette(fields)],
        "purposes": choices_of("consent"),
    }
    context = {"form": form, "segment": segment, "palette": palette}
    return render(request, "contacts/segment_builder.html", context)


def _segment(segment_id: UUID) -> Segment:
    found = queries.segment_by_id(segment_id)
    if found is None:
        raise Http404
    return found


def _answer(tree: rules.Segment) -> Answer:
    vocabulary = queries.vocabulary()
    health = rules.is_health_information(tree, vocabulary)
    return Answer(
        words=rules.in_words(tree, vocabulary),
        count=hide_few(queries.count(tree, queries.today())),
        health_information=health.answer,
        reason=health.reason,
    )
