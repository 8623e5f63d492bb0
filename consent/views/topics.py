"""Topics that patients may decline by themselves."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries, services
from consent.forms.wishes import TopicForm
from consent.models import Topic


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_TOPICS)
def topics(request: MemberRequest) -> HttpResponseBase:
    """The topics, and room for one more."""
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.create_topic(data["name"], data["name_es"], request.user.id)
        except services.NotWishable as problem:
            form.add_error("name", str(problem))
        else:
            messages.success(request, "Added. Campaigns can have this topic now.")
            return redirect("consent:topics", request.organization.slug)
    context = {"topics": queries.topics(also_retired=True), "form": form}
    return render(request, "consent/topics.html", context)


@require_http_methods(["GET", "POST"])
@organization_page(Permission.MANAGE_TOPICS)
def topic(request: MemberRequest, topic: UUID) -> HttpResponseBase:
    """Another name for a topic."""
    row = get_object_or_404(Topic, id=topic)
    initial = {"name": row.name, "name_es": row.name_es}
    form = TopicForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_topic(row.id, form.cleaned_data["name"], form.cleaned_data["name_es"])
        except services.NotWishable as problem:
            form.add_error("name", str(problem))
        else:
            messages.success(request, "Renamed.")
            return redirect("consent:topics", request.organization.slug)
    return render(request, "consent/topic.html", {"row": row, "form": form})


@require_POST
@organization_page(Permission.MANAGE_TOPICS)
def topic_retire(request: MemberRequest, topic: UUID) -> HttpResponseBase:
    services.retire_topic(get_object_or_404(Topic, id=topic).id)
    messages.success(request, "Retired. No new campaign can have it; who declined it stays known.")
    return redirect("consent:topics", request.organization.slug)
