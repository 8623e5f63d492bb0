"""A campaign's own pages: approving, ruling, launching, steering, reporting."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts import queries as accounts
from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from campaigns import queries, rules, services
from campaigns.examples import examples
from campaigns.forms import (
    PURPOSES,
    DecisionForm,
    RulingForm,
)
from campaigns.models import Campaign
from consent.rules.decision import RulingOutcome
from contacts import queries as contacts
from contacts import services as contact_services
from contacts.rules.counts import SMALL, hide_few, hide_small
from contacts.rules.segments import SegmentProblem, parse
from delivery import queries as delivery
from delivery.content import ContentError
from delivery.rules import Status
from delivery.services import mailings, probes


@organization_page(Permission.SEE_CAMPAIGNS)
def campaigns(request: MemberRequest) -> HttpResponseBase:
    return render(request, "campaigns/campaigns.html", {"campaigns": queries.campaigns()[:100]})


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
            "sender_ready": delivery.sender_ready(row.sender),
            **_submission(row),
        },
    )


def _submission(row: Campaign) -> dict[str, object]:
    """What whoever decides about a submission needs besides: what changed since the last decision,
    and what waits for a ruling."""
    if not row.digest:
        return {}
    stored = queries.submitted(row)
    tree = parse(stored.tree_json, contacts.vocabulary())
    use = queries.use_of(row, stored.content, tree)
    return {
        "need": queries.need_of(use),
        "used": [each.label for each in queries.fields_used(stored.content, tree)],
        "holding": [
            (rule, RulingForm(initial={"digest": row.digest, "rule": rule.code}))
            for rule in queries.holding_rules(row, use)
        ],
        "rulings": queries.rulings_on(row),
        "changes": queries.changes_since_decision(row),
    }


def _shown(found: queries.Forecast) -> dict[str, object]:
    """A forecast as far as it may be shown: of a tiny audience, nothing but that it is tiny."""
    falls = rules.waterfall(found.permitted, found.reasons, found.held, found.ways)
    expected = {domain: (each.way, each.why) for domain, each in found.expected.items()}
    domains, more = rules.by_domain(found.domains, expected)
    return {
        "matched": rules.about(found.matched),
        "waterfall": falls if found.matched > SMALL else None,
        "permitted": hide_few(found.permitted),
        "basis": found.basis,
        "domains": domains if found.matched > SMALL else [],
        "more_domains": more,
    }


def _segment_words(row: Campaign) -> str:
    try:
        return contacts.description(contacts.segment_tree(row.segment))
    except SegmentProblem as problem:
        return str(problem)


@organization_page(Permission.SEE_CAMPAIGNS)
def campaign_forecast(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """How many would be mailed now, and why not the others. A fragment.

    Anybody may write two campaigns to segments that differ by one person: so it is told of the
    segment whose count was told in place of this one's.
    """
    row = get_object_or_404(queries.campaigns(), id=campaign)
    try:
        found = _forecast_as_told(row)
    except (ContentError, SegmentProblem) as problem:
        return render(request, "campaigns/parts/forecast.html", {"problem": str(problem)})
    if found is None:
        return render(request, "campaigns/parts/forecast.html", {"problem": _NOT_TODAY})
    asking = probes.unanswered(row.id)
    context = {"campaign": row, "asking": asking, **_shown(found)}
    if not asking:
        context["worth_asking"] = len(probes.worth_asking(_unknown(found)))
    return render(request, "campaigns/parts/forecast.html", context)


_NOT_TODAY = (
    "So many segments of about this size were counted today that one more number could tell"
    " something about one person. Who is mailed does not depend on it."
)


def _forecast_as_told(row: Campaign) -> queries.Forecast | None:
    """What may be told of a forecast; None if nothing. Forecasts before it asks which segment
    stands in, for nobody else is told a new count after that."""
    tree, now = contacts.segment_tree(row.segment), queries.now_here()
    found = queries.forecast(row)
    told = contact_services.stand_in(tree, now.date(), now)
    if told is None:
        return None
    return found if told.tree == tree else queries.forecast(row, told.tree)


def _unknown(found: queries.Forecast) -> dict[str, int]:
    """How many people have mail at domains whose servers nobody asked lately."""
    return {
        domain: number
        for domain, number in found.domains.items()
        if found.expected[domain].way == "unknown"
    }


@organization_page(Permission.SEE_CAMPAIGNS)
def campaign_asking(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """POST has the mail servers of a campaign's people asked; GET tells how many have not answered.
    A fragment. Once all have, it has the forecast loaded anew."""
    row = get_object_or_404(queries.campaigns(), id=campaign)
    if request.method == "POST":
        try:
            found = queries.forecast(row)
        except (ContentError, SegmentProblem):
            return HttpResponse(status=204)
        domains = probes.worth_asking(_unknown(found))
        probes.ask(row.id, domains, delivery.delivery_policy().level)
    asking = probes.unanswered(row.id)
    response = render(request, "campaigns/parts/asking.html", {"campaign": row, "asking": asking})
    if not asking:
        response.headers["HX-Trigger"] = "servers-answered"
    return response


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


@require_POST
@organization_page(Permission.RULE_ON_HOLDS)
def campaign_rule(request: MemberRequest, campaign: UUID) -> HttpResponseBase:
    """A privacy officer's word on mail that the decision table holds."""
    row = get_object_or_404(Campaign, id=campaign)
    form = RulingForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return _to_campaign(request, row)
    data = form.cleaned_data
    outcome = RulingOutcome(data["outcome"])
    try:
        services.rule(
            row.id, data["digest"], data["rule"], outcome, data["reason"], request.user.id
        )
    except services.NotPossible as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "Your ruling is recorded, with its reason.")
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
    except (mailings.WrongStatus, mailings.EverythingStopped) as problem:
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


def _to_campaign(request: HttpRequest, row: Campaign) -> HttpResponseBase:
    slug = cast(MemberRequest, request).organization.slug
    return redirect("campaigns:campaign", slug, row.id)
