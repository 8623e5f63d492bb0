"""What of patients templates and campaigns need."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.urls import reverse

from campaigns.models import Campaign, CampaignStatus, Template
from campaigns.queries.lists import templates
from campaigns.queries.submissions import merge_fields, submitted
from delivery.content import ContentError, compile_content
from delivery.models import Mailing
from delivery.rules import OPEN
from tenancy.current import current_organization_id
from tenancy.models import Organization


def uses_of_field(key: str) -> list[tuple[str, str]]:
    """Name and page of what would miss a field of patients: templates that show it, and campaigns
    that are not over and show it or decide by it."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    fields, over = merge_fields(), Mailing.objects.exclude(status__in=OPEN)
    campaigns = Campaign.objects.exclude(id__in=over.values("reference")).order_by("name")
    return [
        *(
            (each.name, reverse("campaigns:template", args=[code, each.id]))
            for each in templates()
            if _shows(each, key, fields)
        ),
        *(
            (each.name, reverse("campaigns:campaign", args=[code, each.id]))
            for each in campaigns
            if _needs(each, key)
        ),
    ]


def _shows(template: Template, key: str, fields: Sequence[str]) -> bool:
    try:
        content = compile_content(template.subject, template.preheader, template.html, fields)
    except ContentError:  # somebody is still writing it
        return re.search(rf"\b{re.escape(key)}\b", template.html) is not None
    return key in content.fields


def _needs(campaign: Campaign, key: str) -> bool:
    if campaign.refill_field == key:
        return True
    if campaign.status == CampaignStatus.DRAFT:
        return False  # what it shows, its template does
    return key in submitted(campaign).content.fields
