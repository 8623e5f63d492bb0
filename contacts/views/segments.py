"""Segments: the list, the builder, and the live answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from contacts import queries, services
from contacts.conditions import choices_of
from contacts.forms.people import SegmentForm
from contacts.models import Segment
from contacts.rules import segments as rules
from contacts.rules.counts import NOT_TODAY, Count

EVERYBODY = rules.to_json(rules.Segment())
SENTENCE_CONDITIONS = 3
"""A segment with more conditions than this is told in lines."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a segment means right now. Short ones have no `lines`."""

    words: str
    lines: Sequence[rules.Line]
    count: Count
    health_information: bool
    reason: str

    @property
    def not_today(self) -> bool:
        return self.count == NOT_TODAY


@require_GET
@organization_page(Permission.SEE_SEGMENTS)
def segments(request: MemberRequest) -> HttpResponseBase:
    found = queries.listed_segments()
    names = accounts.names({each.segment.created_by for each in found})
    rows = [(each, names.get(each.segment.created_by, "")) for each in found]
    return render(request, "contacts/segments.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_SEGMENTS)
def segment_new(request: MemberRequest) -> HttpResponseBase:
    """An empty builder, or one with the example that `start` names."""
    initial = {"tree": EVERYBODY}
    for example in rules.examples(queries.vocabulary()):
        if example.key == request.GET.get("start"):
            initial = {"name": example.name, "tree": rules.to_json(example.segment)}
    form = SegmentForm(request.POST or None, initial=initial)
    return _save_or_build(request, form, None)


@require_GET
@organization_page(Permission.SEE_SEGMENTS)
def segment(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    """What a segment says and means; for those who may change it, in the builder."""
    found = _segment(segment)
    context = {"segment": found, "uses": queries.uses_of_segment(segment)}
    try:
        tree = queries.segment_tree(found)
    except rules.SegmentProblem as problem:
        return render(request, "contacts/segment.html", {**context, "problem": str(problem)})
    if request.entrance.allows(Permission.EDIT_SEGMENTS):
        form = SegmentForm(initial={"name": found.name, "tree": rules.to_json(tree)})
        return _builder(request, form, found)
    return render(request, "contacts/segment.html", {**context, "answer": _answer(tree)})


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_save(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    return _save_or_build(request, SegmentForm(request.POST), _segment(segment))


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_copy(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    """The same under another name, open in the builder."""
    try:
        copied = services.copy_segment(_segment(segment).id, request.user.id)
    except rules.SegmentProblem as problem:
        messages.error(request, f"The segment could not be copied. {problem}")
        return redirect("contacts:segments", request.organization.slug)
    messages.success(request, f"This is “{copied.name}”. Give it a name of its own.")
    return redirect("contacts:segment", request.organization.slug, copied.id)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.EDIT_SEGMENTS)
def segment_delete(request: MemberRequest, segment: UUID) -> HttpResponseBase:
    """Asks first; refused while a campaign uses the segment."""
    found = _segment(segment)
    if request.method == "POST":
        try:
            services.delete_segment(segment)
        except services.InUse as problem:
            messages.error(request, str(problem))
        else:
            messages.success(request, f"Segment “{found.name}” was deleted.")
        return redirect("contacts:segments", request.organization.slug)
    context = {"segment": found, "uses": queries.uses_of_segment(segment)}
    return render(request, "contacts/segment_delete.html", context)


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_count(request: MemberRequest) -> HttpResponseBase:
    """The live answer to the tree in the builder. Sent by POST, since it names diagnoses."""
    try:
        tree = rules.parse(request.POST.get("tree", ""), queries.vocabulary())
    except rules.SegmentProblem as problem:
        return render(request, "contacts/segment_answer.html", {"problem": str(problem)})
    context = {"answer": _answer(tree), "purposes": choices_of("consent")}
    return render(request, "contacts/segment_answer.html", context)


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_reach(request: MemberRequest) -> HttpResponseBase:
    """How many of the people in the builder's tree may be mailed for a purpose."""
    purpose = request.POST.get("purpose", "")
    words = ""
    if purpose in dict(choices_of("consent")):
        # The answer above says why a tree cannot be read.
        with suppress(rules.SegmentProblem):
            tree = rules.parse(request.POST.get("tree", ""), queries.vocabulary())
            words = services.shown_reach(tree, purpose, queries.today(), timezone.now()) or ""
    return render(request, "contacts/segment_reach.html", {"reach": words})


@require_POST
@organization_page(Permission.EDIT_SEGMENTS)
def segment_codes(request: MemberRequest) -> HttpResponseBase:
    """Codes of a field that fit what is typed, as JSON. By POST: the words can tell a diagnosis."""
    found = queries.search_codes(request.POST.get("field", ""), request.POST.get("text", "")[:100])
    return JsonResponse({"codes": [{"value": key, "label": display} for key, display in found]})


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
    vocabulary, tree = queries.vocabulary(), str(form["tree"].value() or EVERYBODY)
    context: dict[str, Any] = {
        "form": form,
        "tree": tree,
        "segment": segment,
        "uses": queries.uses_of_segment(segment.id) if segment else [],
        "purposes": choices_of("consent"),
        "examples": rules.examples(vocabulary) if tree == EVERYBODY and not segment else [],
        "palette": {
            "subjects": [asdict(subject) for subject in rules.palette(vocabulary)],
            "displays": _displays(tree, vocabulary),
        },
    }
    return render(request, "contacts/segment_builder.html", context)


def _displays(tree: str, vocabulary: rules.Vocabulary) -> dict[str, str]:
    """What people read for the codes of a tree, which may not be a segment yet."""
    try:
        codes = rules.codes_used(rules.parse(tree, vocabulary), vocabulary)
    except rules.SegmentProblem:
        return {}
    return dict(vocabulary.displays(codes)) if codes else {}


def _segment(segment_id: UUID) -> Segment:
    found = queries.segment_by_id(segment_id)
    if found is None:
        raise Http404
    return found


def _answer(tree: rules.Segment) -> Answer:
    vocabulary = queries.vocabulary()
    health = rules.is_health_information(tree, vocabulary)
    long = sum(1 for _ in rules.conditions(tree)) > SENTENCE_CONDITIONS
    return Answer(
        words=rules.in_words(tree, vocabulary),
        lines=rules.outline(tree, vocabulary) if long else [],
        count=services.shown_count(tree, queries.today(), timezone.now()),
        health_information=health.answer,
        reason=health.reason,
    )
