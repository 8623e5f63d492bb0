"""Where things stand."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from campaigns import queries
from contacts import queries as contacts
from contacts.rules.counts import hide_small
from delivery import queries as delivery


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
