"""Where things stand, and whom mail comes from."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect, render

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from campaigns import queries
from campaigns.forms import (
    SenderForm,
)
from contacts import queries as contacts
from contacts.rules.counts import hide_small
from delivery import queries as delivery
from delivery.dkim import dns_record
from delivery.services import senders as sender_services


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
