"""What of patients templates and campaigns need."""

from __future__ import annotations

from django.urls import reverse

from campaigns.models import Campaign, CampaignStatus, Template
from campaigns.queries.lists import mailing_of, templates
from campaigns.queries.submissions import compiled, submitted
from delivery.content import ContentError
from delivery.rules import OPEN
from tenancy.current import current_organization_id
from tenancy.models import Organization


def uses_of_field(key: str) -> list[tuple[str, str]]:
    """Name and page of what would miss a field of patients: templates that show it, and campaigns
    that are not over and show it or decide by it."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    return [
        *(
            (each.name, reverse("campaigns:template", args=[code, each.id]))
            for each in templates()
            if _shows(each, key)
        ),
        *(
            (each.name, reverse("campaigns:campaign", args=[code, each.id]))
            for each in Campaign.objects.order_by("name")
            if _is_open(each) and _needs(each, key)
        ),
    ]


def _shows(template: Template, key: str) -> bool:
    try:
        return key in compiled(template).fields
    except ContentError:  # so it cannot be sent as it stands
        return False


def _is_open(campaign: Campaign) -> bool:
    mailing = mailing_of(campaign)
    return mailing is None or mailing.status in OPEN


def _needs(campaign: Campaign, key: str) -> bool:
    if campaign.refill_field == key:
        return True
    if campaign.status == CampaignStatus.DRAFT:
        return False  # what it shows, its template does
    return key in submitted(campaign).content.fields
