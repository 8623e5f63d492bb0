"""Whom mail comes from, and what the DNS has to say about it."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from delivery import queries
from delivery.forms import PolicyForm, SenderForm
from delivery.models import SenderDomain
from delivery.services import domains as domain_services
from delivery.services import senders as sender_services


@organization_page(Permission.MANAGE_SENDERS)
def senders(request: MemberRequest) -> HttpResponseBase:
    """Names and addresses that mail comes from, by domain, and whether they can be used."""
    form = SenderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sender = sender_services.create_sender(
            form.cleaned_data["name"], form.cleaned_data["address"]
        )
        domain = sender.domain
        if domain.aligned_at is None:
            messages.success(request, "Added. Now publish the records below.")
            return redirect("delivery:sender_domain", request.organization.slug, domain.id)
        messages.success(request, "Added. Its domain is set up already, so you can use it.")
        return redirect("delivery:senders", request.organization.slug)
    return _senders(request, form, _policy_form())


def _senders(request: MemberRequest, form: SenderForm, policy: PolicyForm) -> HttpResponseBase:
    context = {"form": form, "policy": policy, "domains": queries.senders_with_domains()}
    return render(request, "delivery/senders.html", context)


def _policy_form() -> PolicyForm:
    policy = queries.delivery_policy()
    return PolicyForm(
        initial={
            "minimum_level": policy.minimum_level,
            "give_up_after_hours": policy.give_up_after_hours,
        }
    )


@require_POST
@organization_page(Permission.MANAGE_SENDERS)
def delivery_policy(request: MemberRequest) -> HttpResponseBase:
    """What connections must prove before content goes over them, and how long we try."""
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _senders(request, SenderForm(), form)
    sender_services.save_policy(**form.cleaned_data)
    messages.success(request, "Saved. It holds from the next message on.")
    return redirect("delivery:senders", request.organization.slug)


@require_POST
@organization_page(Permission.MANAGE_SENDERS)
def sender_domain_warm_up(request: MemberRequest, domain: UUID) -> HttpResponseBase:
    """Start slowly, or end that."""
    row = get_object_or_404(SenderDomain, id=domain)
    starts = request.POST.get("what") == "start"
    zone = ZoneInfo(request.organization.time_zone)
    sender_services.start_slowly(row, timezone.now().astimezone(zone).date() if starts else None)
    return redirect("delivery:sender_domain", request.organization.slug, row.id)


@require_GET
@organization_page(Permission.MANAGE_SENDERS)
def sender_domain(request: MemberRequest, domain: UUID) -> HttpResponseBase:
    """One domain: each record to publish, and what the DNS said about it."""
    return render(request, "delivery/sender_domain.html", _page(domain))


@require_GET
@organization_page(Permission.MANAGE_SENDERS)
def sender_domain_records(request: MemberRequest, domain: UUID) -> HttpResponseBase:
    """The records alone. A fragment, asked for while a check goes on."""
    return render(request, "delivery/parts/records.html", _page(domain))


def _page(domain: UUID) -> dict[str, object]:
    row = get_object_or_404(SenderDomain, id=domain)
    return {
        "page": queries.domain_page(row, timezone.now()),
        "checking": domain_services.is_being_checked(row.id),
    }


@require_POST
@organization_page(Permission.MANAGE_SENDERS)
def sender_domain_check(request: MemberRequest, domain: UUID) -> HttpResponseBase:
    """Ask the DNS now."""
    row = get_object_or_404(SenderDomain, id=domain)
    domain_services.ask_to_check(row.id)
    return redirect("delivery:sender_domain", request.organization.slug, row.id)


@require_POST
@organization_page(Permission.MANAGE_SENDERS)
def sender_domain_keys(request: MemberRequest, domain: UUID) -> HttpResponseBase:
    """Make new keys, to be published before they are used."""
    row = get_object_or_404(SenderDomain, id=domain)
    try:
        domain_services.make_new_keys(row.id)
    except domain_services.KeysWait as problem:
        messages.error(request, str(problem))
    else:
        messages.success(
            request,
            "New keys are ready. Publish their two records, then check. Until then the old ones"
            " sign.",
        )
    return redirect("delivery:sender_domain", request.organization.slug, row.id)
