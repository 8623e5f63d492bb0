"""Templates, campaigns and their approvals."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from consent.models import Topic
from contacts.models import Segment
from delivery.models import Sender
from tenancy.models import TenantModel


class Template(TenantModel):
    """What is written, in HTML with merge fields. Names no patient."""

    name = models.CharField(max_length=120)
    subject = models.CharField(max_length=150)
    preheader = models.CharField(max_length=150, blank=True)
    html = models.TextField()
    created_by = models.UUIDField()
    authors = ArrayField(models.UUIDField(), default=list, help_text="Everybody who wrote it.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="campaigns_template_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class CampaignStatus(models.TextChoices):
    DRAFT = "draft"
    SUBMITTED = "submitted", "Waiting for approval"
    APPROVED = "approved"
    LAUNCHED = "launched"


class Campaign(TenantModel):
    """A template to a segment, for a purpose.

    Submitting compiles and stores the content; approval is bound to `digest`, which covers all that
    decides who gets what. Any edit puts the campaign back to draft.
    """

    name = models.CharField(max_length=120)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, db_constraint=False)
    template = models.ForeignKey(Template, on_delete=models.PROTECT, db_constraint=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, db_constraint=False)
    purpose = models.CharField(max_length=40)
    remuneration = models.CharField(max_length=10, default="unknown")
    sponsor = models.CharField(max_length=120, blank=True)
    payment = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, help_text="What somebody pays, in dollars."
    )
    cost = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, help_text="What sending costs, in dollars."
    )
    refill_field = models.CharField(
        max_length=40, blank=True, help_text="The field that holds when a prescription ended."
    )
    gives_away = models.CharField(max_length=8, default="unknown")
    features = models.CharField(max_length=8, default="unknown")
    for_others = models.CharField(max_length=8, default="unknown")
    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, db_constraint=False, null=True)
    tracking = models.BooleanField(default=False)
    last_day = models.DateField(
        null=True, help_text="What was not sent by its end, where the organization is, is not sent."
    )
    status = models.CharField(
        max_length=10, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT
    )
    sealed_content = models.BinaryField(null=True, help_text="Compiled at submission.")
    sealed_tree = models.BinaryField(null=True, help_text="The segment as it was submitted.")
    sealed_decided = models.BinaryField(
        null=True, help_text="What was decided on last, for whoever decides next to compare."
    )
    digest = models.CharField(max_length=64, blank=True)
    submission = models.PositiveIntegerField(default=0, help_text="How often it was submitted.")
    created_by = models.UUIDField()
    authors = ArrayField(
        models.UUIDField(), default=list, help_text="Everybody who wrote it: none may approve it."
    )
    submitted_by = models.UUIDField(null=True)
    submitted_at = models.DateTimeField(null=True)
    launched_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="campaigns_campaign_one_per_name"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=CampaignStatus.values),
                name="campaigns_campaign_known_status",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Approval(TenantModel):
    """A second person's yes or no to exactly this digest. Only ever added."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, db_constraint=False)
    digest = models.CharField(max_length=64)
    submission = models.PositiveIntegerField()
    approved = models.BooleanField()
    comment = models.CharField(max_length=500, blank=True)
    decided_by = models.UUIDField()
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "campaign", "submission"],
                name="campaigns_approval_one_decision_per_submission",
            )
        ]

    def __str__(self) -> str:
        return "approved" if self.approved else "returned"
