"""What decides about every message, for everybody to read."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import MemberRequest, organization_page
from accounts.rules import Permission
from consent import queries
from consent.rules.decision import stopping_reasons
from consent.rules.documentation import ANCHORS, CHECKS, REQUIREMENTS, conditions
from consent.rules.packs import PACKS
from consent.rules.table import TABLE


@require_GET
@organization_page(Permission.SEE_CAMPAIGNS)
def rules(request: MemberRequest) -> HttpResponseBase:
    """What decides about every message. Reports and forecasts link to its parts."""
    groups = [
        (
            *REQUIREMENTS[requirement],
            [
                (rule, list(conditions(rule.when)))
                for rule in TABLE
                if rule.requirement is requirement
            ],
        )
        for requirement in sorted(REQUIREMENTS, reverse=True)
    ]
    context = {
        "groups": groups,
        "stops": stopping_reasons(),
        "checks": [
            (number, words, where, ANCHORS.get(number, ())) for number, words, where in CHECKS
        ],
        "packs": PACKS.values(),
        "in_force": {pack.key for pack in queries.packs()},
    }
    return render(request, "consent/rules.html", context)
