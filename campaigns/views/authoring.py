"""Pages for writing: templates, and what is said about a campaign."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from campaigns import queries, services
from campaigns.examples import examples
from campaigns.forms import (
    CampaignForm,
    TemplateForm,
)
from campaigns.models import Campaign, Template
from campaigns.starter import STARTER_HTML
from consent.rules.purposes import Answer, Information, Remuneration
from contacts import queries as contacts
from contacts.rules.segments import SegmentProblem
from delivery.content import ContentError
from delivery.content import render as render_content
from delivery.framing import framed_mail
from delivery.letters import fixed_values

NEW_TEMPLATE = {"html": STARTER_HTML}


@organization_page(Permission.EDIT_CAMPAIGNS)
def templates(request: MemberRequest) -> HttpResponseBase:
    return render(request, "campaigns/templates.html", {"templates": queries.templates()})


@organization_page(Permission.EDIT_CAMPAIGNS)
def template_new(request: MemberRequest) -> HttpResponseBase:
    return _template_page(request, Template(created_by=request.user.id))


@organization_page(Permission.EDIT_CAMPAIGNS)
def template(request: MemberRequest, template: UUID) -> HttpResponseBase:
    return _template_page(request, get_object_or_404(Template, id=template))


def _template_page(request: MemberRequest, row: Template) -> HttpResponseBase:
    is_new = row._state.adding
    form = TemplateForm(
        request.POST or None, instance=row, initial=NEW_TEMPLATE if is_new else None
    )
    if request.method == "POST" and form.is_valid():
        if _name_taken(Template, form.cleaned_data["name"], row.id):
            form.add_error("name", "There is a template of this name. Choose another.")
        else:
            try:
                services.save_template(form.save(commit=False), request.user.id)
            except ContentError as problem:
                form.add_error("html", str(problem))
            else:
                messages.success(request, "Saved. This is how it looks.")
                return redirect("campaigns:template", request.organization.slug, row.id)
    return render(
        request,
        "campaigns/template.html",
        {
            "form": form,
            "row": None if is_new else row,
            "fields": contacts.fields(),
            "examples": examples(contacts.fields()),
        },
    )


def _name_taken(model: type[Template] | type[Campaign], name: str, own: UUID | None) -> bool:
    others = model.objects.filter(name=name)
    return bool((others.exclude(id=own) if own else others).exists())


@organization_page(Permission.SEE_CAMPAIGNS)
def template_preview(request: MemberRequest, template: UUID, person: int) -> HttpResponseBase:
    """The template filled in for a made-up person, for a sandboxed frame."""
    row = get_object_or_404(Template, id=template)
    people = examples(contacts.fields())
    chosen = people[min(person, len(people) - 1)]
    values = chosen.values | fixed_values(request.organization, unsubscribe_url="#")
    return framed_mail(render_content(queries.compiled(row), values).html)


@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_new(request: MemberRequest) -> HttpResponseBase:
    return _campaign_form(request, None)


@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_edit(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    return _campaign_form(request, get_object_or_404(Campaign, id=campaign))


@require_POST
@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_copy(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    row = get_object_or_404(Campaign, id=campaign)
    try:
        copied = services.copy_campaign(row.id, request.user.id)
    except services.NotPossible as problem:
        messages.error(request, str(problem))
        return redirect("campaigns:campaigns", request.organization.slug)
    messages.success(request, "This is the copy. Change what should be different.")
    return redirect("campaigns:campaign_edit", request.organization.slug, copied.id)


def _campaign_form(request: MemberRequest, row: Campaign | None) -> HttpResponseBase:
    if row:
        initial = _answers(row)
    else:
        unknown = Answer.UNKNOWN.value
        initial = dict.fromkeys(("remuneration", "gives_away", "features", "for_others"), unknown)
        initial["tracking"] = request.organization.tracking
    form = CampaignForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        if _name_taken(Campaign, form.cleaned_data["name"], row.id if row else None):
            form.add_error("name", "There is a campaign of this name. Choose another.")
        else:
            saved = _save(request, form, row)
            if saved is not None:
                return redirect("campaigns:campaign", request.organization.slug, saved.id)
    form.is_valid()
    answers = form.cleaned_data if form.is_bound else (_answers(row) if row else {})
    context = {"form": form, "row": row, **_classified(answers)}
    return render(request, "campaigns/campaign_form.html", context)


def _answers(row: Campaign) -> dict[str, Any]:
    return {name: getattr(row, name) for name in CampaignForm.base_fields}


def _save(request: MemberRequest, form: CampaignForm, row: Campaign | None) -> Campaign | None:
    data = form.cleaned_data
    draft = services.Draft(
        name=data["name"],
        segment_id=data["segment"].id,
        template_id=data["template"].id,
        sender_id=data["sender"].id,
        purpose=data["purpose"],
        remuneration=data["remuneration"] or Remuneration.UNKNOWN.value,
        sponsor=data["sponsor"],
        tracking=data["tracking"],
        gives_away=data["gives_away"] or Answer.UNKNOWN.value,
        features=data["features"] or Answer.UNKNOWN.value,
        for_others=data["for_others"] or Answer.UNKNOWN.value,
        payment=data["payment"],
        cost=data["cost"],
        refill_field=data["refill_field"],
        topic_id=data["topic"].id if data["topic"] else None,
        last_day=data["last_day"],
    )
    try:
        return services.save_campaign(draft, request.user.id, row.id if row else None)
    except services.NotPossible as problem:
        form.add_error(None, str(problem))
        return None


@require_POST
@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_classify(request: MemberRequest) -> HttpResponseBase:
    """What the answers given so far ask for. A fragment, asked for while somebody answers."""
    form = CampaignForm(request.POST)
    form.is_valid()  # what is wrong or missing is answered when the form is saved
    return render(request, "campaigns/parts/need.html", _classified(form.cleaned_data))


def _classified(answers: dict[str, Any]) -> dict[str, object]:
    """The rule for the answers of a form, as far as there are any."""
    draft = Campaign(
        **{name: answers.get(name) or "unknown" for name in ("gives_away", "features")},
        purpose=answers.get("purpose", ""),
        remuneration=answers.get("remuneration") or "unknown",
        sponsor=answers.get("sponsor", ""),
        for_others=answers.get("for_others") or "unknown",
        payment=answers.get("payment"),
        cost=answers.get("cost"),
        refill_field=answers.get("refill_field", ""),
    )
    segment, template = answers.get("segment"), answers.get("template")
    if not draft.purpose or segment is None or template is None:
        return {}
    draft.segment, draft.template = segment, template
    try:
        tree = contacts.segment_tree(draft.segment)
        content = queries.content_of(draft, tree)
    except (ContentError, SegmentProblem) as problem:
        return {"problem": str(problem)}
    use = queries.use_of(draft, content, tree)
    used = [each.label for each in queries.fields_used(content, tree)]
    return {"need": queries.need_of(use), "used": used, "health": use.information != {_PLAIN}}


_PLAIN = Information.DEMOGRAPHIC
