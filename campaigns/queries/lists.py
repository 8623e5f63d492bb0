"""Campaigns and templates, and how far an organization has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, CampaignStatus, Template
from contacts import queries as contacts
from contacts.models import Segment
from delivery import queries as delivery
from delivery.models import Mailing
from tenancy.current import current_organization_id
from tenancy.models import Organization


def now_here() -> datetime:
    """The present moment in the organization's time zone: days begin and end there."""
    organization = Organization.objects.get(id=current_organization_id())
    return timezone.now().astimezone(ZoneInfo(organization.time_zone))


def campaigns() -> QuerySet[Campaign]:
    found: QuerySet[Campaign] = Campaign.objects.select_related("segment", "template").order_by(
        "-created_at"
    )
    return found


def sent_campaigns() -> list[tuple[str, str]]:
    """Id and name of what was launched, the newest first: what a segment may ask about."""
    rows = Campaign.objects.filter(status=CampaignStatus.LAUNCHED).order_by("-launched_at")
    return [(str(key), name) for key, name in rows.values_list("id", "name")]


def campaigns_by_segment(segment_ids: Collection[UUID]) -> dict[UUID, list[tuple[str, str]]]:
    """Where segments are used: the name and the page of each campaign."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    found: dict[UUID, list[tuple[str, str]]] = {}
    rows = Campaign.objects.filter(segment_id__in=segment_ids).order_by("-created_at")
    for key, name, segment in rows.values_list("id", "name", "segment_id"):
        found.setdefault(segment, []).append(
            (name, reverse("campaigns:campaign", args=[code, key]))
        )
    return found


def names(campaign_ids: Collection[UUID]) -> dict[UUID, str]:
    """The campaigns' names, by id."""
    return dict(Campaign.objects.filter(id__in=campaign_ids).values_list("id", "name"))


def pages(campaign_ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """The campaigns' names and pages, by id."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    return {
        key: (name, reverse("campaigns:campaign", args=[code, key]))
        for key, name in names(campaign_ids).items()
    }


def templates() -> QuerySet[Template]:
    found: QuerySet[Template] = Template.objects.order_by("name")
    return found


def unplanned() -> list[tuple[UUID, UUID]]:
    """(organization, campaign) launched a while ago and not planned yet, across organizations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM campaigns_unplanned()")
        return list(cursor.fetchall())


def mailing_of(campaign: Campaign) -> Mailing | None:
    found: Mailing | None = Mailing.objects.filter(reference=campaign.id).first()
    return found


@dataclass(frozen=True)
class Beginning:
    """How far an organization has come on its first day."""

    patients: bool
    segment: bool
    template: bool
    sender: bool
    campaign: bool

    @property
    def complete(self) -> bool:
        return all((self.patients, self.segment, self.template, self.sender, self.campaign))


def beginning() -> Beginning:
    return Beginning(
        patients=contacts.any_contacts(),
        segment=Segment.objects.exists(),
        template=Template.objects.exists(),
        sender=bool(delivery.senders()),
        campaign=Campaign.objects.exists(),
    )


def waiting_for_approval() -> int:
    number: int = Campaign.objects.filter(status=CampaignStatus.SUBMITTED).count()
    return number
