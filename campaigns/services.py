"""Writing, submitting, deciding and launching campaigns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from uuid import UUID

import orjson
from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit import services as audit
from campaigns import queries, rules
from campaigns.models import Approval, Campaign, CampaignStatus, Template
from consent import services as consent
from consent.rules.decision import RulingOutcome
from consent.rules.table import is_promotional
from contacts import queries as contacts
from contacts.rules import segments
from contacts.rules.copies import names_of_copies
from delivery import queries as delivery
from delivery.models import Mailing
from delivery.services import mailings
from tenancy.current import current_organization_id
from tenancy.keys import keyring
from tenancy.models import KeyUse


class NotPossible(Exception):
    """This can't be done now; the message says why and what to do instead."""


@dataclass(frozen=True)
class Draft:
    """What an author says of a campaign."""

    name: str
    segment_id: UUID
    template_id: UUID
    sender_id: UUID
    purpose: str
    remuneration: str
    sponsor: str
    tracking: bool
    gives_away: str = "unknown"
    features: str = "unknown"
    for_others: str = "unknown"
    payment: Decimal | None = None
    cost: Decimal | None = None
    refill_field: str = ""
    topic_id: UUID | None = None
    last_day: date | None = None


def save_template(template: Template, by: UUID) -> Template:
    """Store a template that compiles. Raises `ContentError`.

    If that changes what patients would read, campaigns that use it and are not launched go back to
    draft: what was approved is no more.
    """
    queries.compiled(template)
    content = {name: getattr(template, name) for name in ("subject", "preheader", "html")}
    unchanged = Template.objects.filter(id=template.id, **content).exists()
    if not unchanged:
        template.authors = sorted({*template.authors, by})
    template.updated_at = timezone.now()
    template.save()
    audit.record("template_saved", object_type="template", object_id=template.id)
    if not unchanged:
        _void(Campaign.objects.filter(template=template))
    return template


def save_campaign(draft: Draft, by: UUID, campaign_id: UUID | None = None) -> Campaign:
    """Make a campaign, or change one that is not launched; a change voids its approval."""
    if campaign_id is None:
        campaign = Campaign(created_by=by)
    else:
        campaign = _locked(campaign_id)
        if campaign.status == CampaignStatus.LAUNCHED:
            raise NotPossible("This campaign was launched. Copy it to send something else.")
    for name, value in vars(draft).items():
        setattr(campaign, name, value)
    campaign.authors = sorted({*campaign.authors, by})
    campaign.status = CampaignStatus.DRAFT
    campaign.digest = ""
    campaign.updated_at = timezone.now()
    campaign.save()
    audit.record("campaign_saved", object_type="campaign", object_id=campaign.id)
    return campaign


def copy_campaign(campaign_id: UUID, by: UUID) -> Campaign:
    """A draft with the same parts and answers under a new name. Its last day is not copied, and
    neither are approvals and rulings: they were about the other. Whoever wrote that one wrote this
    one too, so they can't approve it. Raises `NotPossible`."""
    campaign = _locked(campaign_id)
    answers = {each.name: getattr(campaign, each.name) for each in fields(Draft)}
    taken = set(Campaign.objects.values_list("name", flat=True))
    name = next(each for each in names_of_copies(campaign.name) if each not in taken)
    try:
        with transaction.atomic():
            copied = save_campaign(Draft(**answers | {"name": name, "last_day": None}), by)
    except IntegrityError:
        raise NotPossible(
            "Somebody else is copying this campaign as well. Look for the copy in the list."
        ) from None
    copied.authors = sorted({*copied.authors, campaign.created_by, *campaign.authors})
    copied.save(update_fields=["authors"])
    return copied


def submit(campaign_id: UUID, by: UUID) -> Campaign:
    """Compile and store exactly what would be sent, and ask for approval.

    Raises `ContentError` or `SegmentProblem` in words for the author.
    """
    campaign = _locked(campaign_id)
    if campaign.status == CampaignStatus.LAUNCHED:
        raise NotPossible("This campaign was launched already.")
    _in_time(campaign)
    open_questions = rules.unanswered(vars(campaign))
    if open_questions:
        raise NotPossible(f"Answer first: {' '.join(open_questions)} Edit the campaign to do so.")
    tree = contacts.segment_tree(campaign.segment)
    content, tree_json = queries.content_of(campaign, tree), queries.tree_json_of(campaign)
    use = queries.use_of(campaign, content, tree)
    missing = rules.missing_from(content.fields, is_promotional(use))
    if missing:
        raise NotPossible(missing)
    ring = keyring(KeyUse.MESSAGE)
    campaign.sealed_content = ring.seal(
        orjson.dumps(content.to_dict()), queries.CONTENT, campaign.id
    )
    campaign.sealed_tree = ring.seal(tree_json.encode(), queries.TREE, campaign.id)
    campaign.digest = queries.digest_of(campaign, content, tree_json)
    campaign.status = CampaignStatus.SUBMITTED
    campaign.submission += 1
    campaign.submitted_by, campaign.submitted_at = by, timezone.now()
    campaign.save()
    audit.record(
        "campaign_submitted",
        object_type="campaign",
        object_id=campaign.id,
        digest=campaign.digest,
    )
    return campaign


def decide(campaign_id: UUID, digest: str, approved: bool, by: UUID, comment: str = "") -> Campaign:
    """A second person's decision about exactly what they saw (`digest`).

    Two people deciding at once: the row lock lets one be first, the other finds it decided.
    """
    campaign = _locked(campaign_id)
    if campaign.status != CampaignStatus.SUBMITTED:
        raise NotPossible("This campaign is not waiting for a decision any more. Look at it again.")
    if campaign.digest != digest:
        raise NotPossible("This campaign changed while you were reading. Look at it again.")
    if not rules.may_decide(by, queries.authors_of(campaign)):
        raise NotPossible("You wrote or submitted this campaign, so somebody else must approve it.")
    Approval.objects.create(
        campaign=campaign,
        digest=digest,
        submission=campaign.submission,
        approved=approved,
        comment=comment,
        decided_by=by,
    )
    campaign.status = CampaignStatus.APPROVED if approved else CampaignStatus.DRAFT
    campaign.sealed_decided = keyring(KeyUse.MESSAGE).seal(
        orjson.dumps(queries.as_read(campaign)), queries.DECIDED, campaign.id
    )
    campaign.save(update_fields=["status", "sealed_decided"])
    audit.record(
        "campaign_approved" if approved else "campaign_returned",
        object_type="campaign",
        object_id=campaign.id,
        digest=digest,
    )
    return campaign


def rule(
    campaign_id: UUID, digest: str, code: str, outcome: RulingOutcome, reason: str, by: UUID
) -> Campaign:
    """A privacy officer's word on exactly this submission, which a rule of the table holds.

    Messages of it that are held already are released, or settled where the word is no. Raises
    `NotPossible`.
    """
    campaign = _locked(campaign_id)
    if not campaign.digest or campaign.digest != digest:
        raise NotPossible("This campaign changed while you were reading. Look at it again.")
    if not rules.may_decide(by, queries.authors_of(campaign)):
        raise NotPossible("You wrote or submitted this campaign, so somebody else must rule on it.")
    try:
        consent.rule_on(campaign.id, digest, code, outcome, reason, by)
    except consent.NotRulable as problem:
        raise NotPossible(str(problem)) from None
    mailing = queries.mailing_of(campaign)
    if mailing is not None:
        mailings.release(mailing.id, code)
    return campaign


def launch(campaign_id: UUID) -> Campaign:
    """Start sending an approved campaign. A second launch finds the first and changes nothing."""
    campaign = _locked(campaign_id)
    if campaign.status == CampaignStatus.LAUNCHED:
        return campaign
    if campaign.status != CampaignStatus.APPROVED or queries.approval_of(campaign) is None:
        raise NotPossible("This campaign is not approved as it stands. Submit it for approval.")
    if queries.current_digest(campaign) != campaign.digest:
        raise NotPossible("This campaign changed after its approval. Submit it again.")
    _in_time(campaign)
    if delivery.standing_stop() is not None:
        raise NotPossible(str(mailings.EverythingStopped()))
    if not delivery.sender_ready(campaign.sender):
        raise NotPossible(rules.SENDER_NOT_READY)
    campaign.status = CampaignStatus.LAUNCHED
    campaign.launched_at = timezone.now()
    campaign.save(update_fields=["status", "launched_at"])
    audit.record("campaign_launched", object_type="campaign", object_id=campaign.id)
    arguments = [str(current_organization_id()), str(campaign.id)]
    transaction.on_commit(lambda: current_app.send_task("campaigns.plan", arguments))
    return campaign


def plan(campaign_id: UUID) -> Mailing:
    """Write down the audience of a launched campaign. May be repeated: it is done once."""
    campaign = _locked(campaign_id)
    approval = queries.approval_of(campaign)
    if campaign.status != CampaignStatus.LAUNCHED or approval is None:
        raise NotPossible("Only a launched campaign with a live approval has an audience.")
    stored = queries.submitted(campaign)
    if queries.digest_of(campaign, stored.content, stored.tree_json) != campaign.digest:
        raise NotPossible("An answer about this campaign changed after its approval.")
    now = queries.now_here()
    tree = segments.parse(stored.tree_json, contacts.vocabulary())
    mailing = mailings.create_mailing(
        campaign.id,
        campaign.sender_id,
        stored.content,
        queries.use_of(campaign, stored.content, tree),
        mailings.Approved(campaign.digest, approval.decided_by),
        campaign.tracking,
        send_until=rules.end_of(campaign.last_day, now) if campaign.last_day else None,
    )
    return mailings.plan(mailing.id, contacts.recipients(tree, now.date()))


def void_approvals_of_segment(segment_id: UUID) -> None:
    """A segment was edited: what was approved with it is no more."""
    _void(Campaign.objects.filter(segment_id=segment_id))


def _void(changed: QuerySet[Campaign]) -> None:
    waiting = [CampaignStatus.SUBMITTED, CampaignStatus.APPROVED]
    for campaign in changed.filter(status__in=waiting).select_for_update():
        campaign.status, campaign.digest = CampaignStatus.DRAFT, ""
        campaign.save(update_fields=["status", "digest"])
        audit.record("approval_voided", object_type="campaign", object_id=campaign.id)


def _in_time(campaign: Campaign) -> None:
    if campaign.last_day is not None and campaign.last_day < contacts.today():
        raise NotPossible("The last day to send it is over. Edit the campaign to change that day.")


def _locked(campaign_id: UUID) -> Campaign:
    campaign: Campaign = (
        Campaign.objects.select_for_update(of=("self",))
        .select_related("segment", "template", "sender")
        .get(id=campaign_id)
    )
    return campaign
