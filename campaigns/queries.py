"""Reads of campaigns: lists, forecasts and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from campaigns import rules
from campaigns.models import Approval, Campaign, CampaignStatus, Template
from consent import queries as consent
from consent.rules.decision import Verdict
from consent.rules.purposes import Information, Purpose, Remuneration, Use, information_of
from contacts import queries as contacts
from contacts.models import Segment
from contacts.rules import segments
from contacts.timeline import SHOWN, Entry
from delivery import queries as delivery
from delivery.content import CompiledContent, compile_content
from delivery.models import Mailing
from delivery.rules import IN_FLIGHT, Status
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse, Organization

CONTENT, TREE = "campaigns_campaign.content", "campaigns_campaign.tree"
"""The places of a campaign's two sealed values: one does not open as the other."""
CHUNK = 2000


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


def templates() -> QuerySet[Template]:
    found: QuerySet[Template] = Template.objects.order_by("name")
    return found


def merge_fields() -> list[str]:
    """Keys that a template may use."""
    return [each.key for each in contacts.fields()]


def compiled(template: Template) -> CompiledContent:
    """Raises `ContentError` in words for the author."""
    return compile_content(template.subject, template.preheader, template.html, merge_fields())


def use_of(campaign: Campaign, content: CompiledContent, tree: segments.Segment) -> Use:
    """What the campaign does with information: the fields that choose people or fill the text."""
    known = {each.key: each for each in contacts.fields()}
    used = set(content.fields) | set(segments.fields_used(tree))
    information = {information_of(known[key]) for key in used if key in known}
    return Use(
        purpose=Purpose(campaign.purpose),
        remuneration=Remuneration(campaign.remuneration),
        information=frozenset(information or {Information.DEMOGRAPHIC}),
        sponsor=campaign.sponsor,
    )


def digest_of(campaign: Campaign, content: CompiledContent, tree_json: str) -> str:
    """What an approval of the campaign, as it is now, is bound to."""
    return rules.approval_digest(
        {
            "content": content.digest(),
            "segment": orjson.loads(tree_json),
            "purpose": campaign.purpose,
            "remuneration": campaign.remuneration,
            "sponsor": campaign.sponsor,
            "sender": [str(campaign.sender_id), campaign.sender.name, campaign.sender.address],
            "tracking": campaign.tracking,
        }
    )


def tree_json_of(campaign: Campaign) -> str:
    """The segment as it is now, in canonical form."""
    return segments.to_json(contacts.segment_tree(campaign.segment))


def current_digest(campaign: Campaign) -> str:
    """What the campaign comes to with its template, segment and sender as they are now.

    Differs from the approved digest as soon as anybody edited any of them.
    """
    return digest_of(campaign, compiled(campaign.template), tree_json_of(campaign))


@dataclass(frozen=True)
class Submitted:
    """A campaign's content and segment as they were submitted."""

    content: CompiledContent
    tree_json: str


def submitted(campaign: Campaign) -> Submitted:
    """Opens what the submission stored; launch never compiles again."""
    ring = keyring(KeyUse.MESSAGE)
    content = ring.open(bytes(campaign.sealed_content or b""), CONTENT, campaign.id)
    tree = ring.open(bytes(campaign.sealed_tree or b""), TREE, campaign.id)
    return Submitted(CompiledContent.from_dict(orjson.loads(content)), tree.decode())


def authors_of(campaign: Campaign) -> set[UUID]:
    """Everybody who wrote, changed or submitted it, its template or its segment."""
    people: set[UUID] = set()
    for row in (campaign, campaign.template, campaign.segment):
        people |= {row.created_by, *row.authors}
    return people | ({campaign.submitted_by} if campaign.submitted_by else set())


def approval_of(campaign: Campaign) -> Approval | None:
    """The approval of exactly what was submitted."""
    found: Approval | None = Approval.objects.filter(
        campaign=campaign, submission=campaign.submission, digest=campaign.digest, approved=True
    ).first()
    return found


def decisions_on(campaign: Campaign) -> list[Approval]:
    return list(Approval.objects.filter(campaign=campaign).order_by("-decided_at"))


@dataclass
class Forecast:
    """What would happen if the campaign were sent now."""

    matched: int = 0
    permitted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    basis: str = ""


def forecast(campaign: Campaign) -> Forecast:
    """Count the audience and compute every permit, without keeping anybody.

    Raises `ContentError` or `SegmentProblem` if the campaign can't be compiled as it stands.
    """
    tree = contacts.segment_tree(campaign.segment)
    use = use_of(campaign, compiled(campaign.template), tree)
    now, found = now_here(), Forecast()
    audience = [contact for contact, _ in contacts.matching(tree, now.date())]
    found.matched = len(audience)
    for start in range(0, len(audience), CHUNK):
        for decision in consent.decisions(use, audience[start : start + CHUNK], now).values():
            if decision.verdict is Verdict.PERMIT:
                found.permitted += 1
                found.basis = decision.reasons[0].message
            else:
                found.reasons[decision.code] += 1
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
class Report:
    """A mailing's funnel. What is shown adds up, and gives no small group away."""

    mailing: Mailing
    progress: delivery.Progress
    funnel: rules.Funnel
    engagement: list[rules.Line]

    @property
    def adds_up(self) -> bool:
        return self.progress.total == self.mailing.audience

    def reasons(self, status: Status) -> rules.Section | None:
        return self.funnel.reasons.get(status.value)


def report(mailing: Mailing) -> Report:
    """Counts by outcome and reason, small cells hidden."""
    found = delivery.progress(mailing.id)
    cells: Counter[tuple[str, str]] = Counter()
    for status, reasons in found.reasons.items():
        for reason, number in reasons.items():
            in_flight = status in IN_FLIGHT
            cells[("in_flight", "") if in_flight else (status, reason)] += number
    reached = found.by_status[Status.ACCEPTED] + found.by_status[Status.IN_PORTAL]
    return Report(mailing, found, rules.funnel(cells), _engagement(mailing.id, reached))


_ENGAGEMENT = {
    "picked_up": "Read in the portal",
    "opened": "Opened by a person",
    "opened_machine": "Opened by a machine or unknown",
    "clicked": "Clicked by a person",
    "clicked_machine": "Clicked by a machine or unknown",
    "unsubscribed": "Unsubscribed",
}


def _engagement(mailing_id: UUID, reached: int) -> list[rules.Line]:
    cells: Counter[str] = Counter()
    for (kind, verdict), number in delivery.event_counts(mailing_id).items():
        if kind in ("opened", "clicked"):
            cells[kind if verdict == "person" else f"{kind}_machine"] += number
        elif kind in _ENGAGEMENT:
            cells[kind] += number
    return [
        rules.Line(code, words, rules.part_of(cells[code], reached))
        for code, words in _ENGAGEMENT.items()
        if cells[code]
    ]


_DONE_BY_PEOPLE = {
    "opened": "Opened a message",
    "clicked": "Followed a link in a message",
    "picked_up": "Read a message in the portal",
    "unsubscribed": "Unsubscribed",
}


def timeline(contact_id: UUID) -> list[Entry]:
    """A contact's messages and what the person did with them. Names no campaign: its name may tell
    a diagnosis. The campaign's page is one click away."""
    code = Organization.objects.values_list("slug", flat=True).get(id=current_organization_id())
    entries, pages = [], {}
    for message in delivery.messages_of(contact_id, SHOWN):
        page = reverse("campaigns:campaign", args=[code, message.mailing.reference])
        pages[message.id] = page
        status = "in_flight" if message.status in IN_FLIGHT else message.status
        at = message.settled_at or message.first_attempt_at or message.mailing.created_at
        entries.append(Entry(at, f"Message: {rules.outcome_in_words(status)}", page))
    for event in delivery.events_of_people(pages, SHOWN):
        if words := _DONE_BY_PEOPLE.get(event.kind):
            doubt = ", or a mail program did" if event.verdict == "unknown" else ""
            entries.append(Entry(event.occurred_at, words + doubt, pages[event.message_id]))
    return entries


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
