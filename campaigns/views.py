"""Pages for writing, approving, launching and reporting."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from campaigns import queries, rules, services
from campaigns.examples import examples
from campaigns.forms import PURPOSES, CampaignForm, DecisionForm, SenderForm, TemplateForm
from campaigns.models import Campaign, Template
from campaigns.starter import STARTER_HTML
from consent.rules.purposes import Remuneration
from contacts import queries as contacts
from contacts.rules.counts import SMALL, hide_few, hide_small
from contacts.rules.segments import SegmentProblem
from delivery import queries as delivery
from delivery.content import ContentError
from delivery.content import render as render_content
from delivery.dkim import dns_record
from delivery.framing import framed_mail
from delivery.letters import fixed_values
from delivery.rules import Status
from delivery.services import mailings
from delivery.services import senders as sender_services

NEW_TEMPLATE = {"html": STARTER_HTML}


@organization_page(Permission.SEE_DASHBOARD)
def overview(request: MemberRequest) -> HttpResponseBase:
    """Where things stand, and on the first day what to do first."""
    return render(
        request,
        "campaigns/overview.html",
        {
            "beginning": queries.beginning(),
            "patients": hide_small(contacts.total()),
            "waiting": queries.waiting_for_approval(),
            "sending": delivery.sending_now(),
            "recent": queries.campaigns()[:6],
        },
    )


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


@organization_page(Permission.SEE_CAMPAIGNS)
def campaigns(request: MemberRequest) -> HttpResponseBase:
    return render(request, "campaigns/campaigns.html", {"campaigns": queries.campaigns()[:100]})


@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_new(request: MemberRequest) -> HttpResponseBase:
    return _campaign_form(request, None)


@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_edit(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    return _campaign_form(request, get_object_or_404(Campaign, id=campaign))


def _campaign_form(request: MemberRequest, row: Campaign | None) -> HttpResponseBase:
    initial = (
        {
            name: getattr(row, name)
            for name in (
                "name",
                "segment",
                "template",
                "sender",
                "purpose",
                "remuneration",
                "sponsor",
                "tracking",
            )
        }
        if row
        else {"tracking": request.organization.tracking, "remuneration": Remuneration.UNKNOWN.value}
    )
    form = CampaignForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        if _name_taken(Campaign, form.cleaned_data["name"], row.id if row else None):
            form.add_error("name", "There is a campaign of this name. Choose another.")
        else:
            saved = _save(request, form, row)
            if saved is not None:
                return redirect("campaigns:campaign", request.organization.slug, saved.id)
    return render(request, "campaigns/campaign_form.html", {"form": form, "row": row})


def _save(request: MemberRequest, form: CampaignForm, row: Campaign | None) -> Campaign | None:
    data = form.cleaned_data
    draft = services.Draft(
        name=data["name"],
        segment_id=data["segment"].id,
        template_id=data["template"].id,
        sender_id=data["sender"].id,
        purpose=data["purpose"],
        remuneration=data["remuneration"],
        sponsor=data["sponsor"],
        tracking=data["tracking"],
    )
    try:
        return services.save_campaign(draft, request.user.id, row.id if row else None)
    except services.NotPossible as problem:
        form.add_error(None, str(problem))
        return None


@organization_page(Permission.SEE_CAMPAIGNS)
def campaign(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """Everything about one campaign, and the one thing to do next."""
    row = get_object_or_404(queries.campaigns().select_related("sender"), id=campaign)
    mailing = queries.mailing_of(row)
    people = accounts.names(
        {person for person in (row.created_by, row.submitted_by) if person}
        | {decision.decided_by for decision in queries.decisions_on(row)}
    )
    return render(
        request,
        "campaigns/campaign.html",
        {
            "campaign": row,
            "mailing": mailing,
            "progress": delivery.progress(mailing.id) if mailing else None,
            "purpose": PURPOSES[row.purpose],
            "segment_words": _segment_words(row),
            "decisions": [
                (each, people.get(each.decided_by, "")) for each in queries.decisions_on(row)
            ],
            "author": people.get(row.created_by, ""),
            "own": request.user.id in queries.authors_of(row),
            "decision_form": DecisionForm(initial={"digest": row.digest}),
            "examples": examples(contacts.fields()),
        },
    )


def _shown(found: queries.Forecast) -> dict[str, object]:
    """A forecast as far as it may be shown: of a tiny audience, nothing but that it is tiny."""
    lines = rules.forecast_lines(found.permitted, found.reasons) if found.matched > SMALL else []
    return {
        "matched": rules.about(found.matched, lines),
        "lines": lines,
        "permitted": hide_few(found.permitted),
        "basis": found.basis,
    }


def _segment_words(row: Campaign) -> str:
    try:
        return contacts.description(contacts.segment_tree(row.segment))
    except SegmentProblem as problem:
        return str(problem)


@organization_page(Permission.SEE_CAMPAIGNS)
def campaign_forecast(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """How many would be mailed now, and why not the others. A fragment."""
    row = get_object_or_404(queries.campaigns(), id=campaign)
    try:
        found = queries.forecast(row)
    except (ContentError, SegmentProblem) as problem:
        return render(request, "campaigns/parts/forecast.html", {"problem": str(problem)})
    return render(
        request,
        "campaigns/parts/forecast.html",
        _shown(found),
    )


@organization_page(Permission.SEE_CAMPAIGNS)
def campaign_progress(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """How far the sending is. A fragment, asked for every second while it runs."""
    row = get_object_or_404(Campaign, id=campaign)
    mailing = queries.mailing_of(row)
    return render(
        request,
        "campaigns/parts/progress.html",
        {
            "campaign": row,
            "mailing": mailing,
            "progress": delivery.progress(mailing.id) if mailing else None,
        },
    )


@require_POST
@organization_page(Permission.EDIT_CAMPAIGNS)
def campaign_submit(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    row = get_object_or_404(Campaign, id=campaign)
    try:
        services.submit(row.id, request.user.id)
    except (services.NotPossible, ContentError, SegmentProblem) as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "Submitted. Somebody else can approve it now.")
    return _to_campaign(request, row)


@require_POST
@organization_page(Permission.APPROVE_CAMPAIGNS)
def campaign_decide(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    row = get_object_or_404(Campaign, id=campaign)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return _to_campaign(request, row)
    approved = form.cleaned_data["decision"] == "approve"
    try:
        services.decide(
            row.id,
            form.cleaned_data["digest"],
            approved,
            request.user.id,
            form.cleaned_data["comment"],
        )
    except services.NotPossible as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "Approved." if approved else "Returned to its author.")
    return _to_campaign(request, row)


@organization_page(Permission.LAUNCH_CAMPAIGNS)
def campaign_launch(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """GET asks with the real number, POST launches."""
    row = get_object_or_404(queries.campaigns().select_related("sender"), id=campaign)
    if request.method == "POST":
        try:
            services.launch(row.id)
        except (services.NotPossible, ContentError, SegmentProblem) as problem:
            messages.error(request, str(problem))
        return _to_campaign(request, row)
    try:
        found = queries.forecast(row)
    except (ContentError, SegmentProblem) as problem:
        messages.error(request, str(problem))
        return _to_campaign(request, row)
    return render(
        request,
        "campaigns/launch.html",
        {"campaign": row, **_shown(found)},
    )


@require_POST
@organization_page(Permission.STOP_CAMPAIGNS)
def campaign_steer(request: MemberRequest, campaign: UUID, act: str) -> HttpResponseBase:
    """Pause, resume or stop the sending."""
    row = get_object_or_404(Campaign, id=campaign)
    mailing = queries.mailing_of(row)
    if mailing is None:
        messages.error(request, "This campaign is not being sent yet.")
        return _to_campaign(request, row)
    try:
        if act == "stop":
            number = mailings.stop(mailing.id)
            words = f"Stopped. {hide_small(number).text} messages will not be sent."
            messages.success(request, words)
        elif act == "pause":
            mailings.pause(mailing.id)
            messages.success(request, "Paused. Nothing more is sent until somebody resumes it.")
        else:
            mailings.resume(mailing.id)
            messages.success(request, "Sending again.")
    except mailings.WrongStatus as problem:
        messages.error(request, str(problem))
    return _to_campaign(request, row)


@organization_page(Permission.SEE_REPORTS)
def campaign_report(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """The funnel from audience to click, small cells hidden."""
    row = get_object_or_404(queries.campaigns(), id=campaign)
    mailing = queries.mailing_of(row)
    if mailing is None:
        return _to_campaign(request, row)
    return render(
        request,
        "campaigns/report.html",
        {
            "campaign": row,
            "report": (found := queries.report(mailing)),
            "why": [
                ("portal", "Why some got a link to the portal", found.reasons(Status.IN_PORTAL)),
                ("suppressed", "Why some were not mailed", found.reasons(Status.SUPPRESSED)),
                ("failed", "Why some failed", found.reasons(Status.FAILED)),
                ("held", "Why some are held", found.reasons(Status.HELD)),
                ("uncertain", "Why some are uncertain", found.reasons(Status.UNCERTAIN)),
            ],
            "audience": hide_small(mailing.audience),
        },
    )


@organization_page(Permission.MANAGE_SENDERS)
def senders(request: MemberRequest) -> HttpResponseBase:
    """Names and addresses mail comes from, with the DNS record of each."""
    form = SenderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sender_services.create_sender(form.cleaned_data["name"], form.cleaned_data["address"])
        messages.success(request, "Added. Publish its DNS record before you send.")
        return redirect("campaigns:senders", request.organization.slug)
    rows = [
        (sender, dns_record(sender_services.signing_key(sender))) for sender in delivery.senders()
    ]
    return render(request, "campaigns/senders.html", {"form": form, "senders": rows})


def _to_campaign(request: HttpRequest, row: Campaign) -> HttpResponseBase:
    slug = cast(MemberRequest, request).organization.slug
    return redirect("campaigns:campaign", slug, row.id)
