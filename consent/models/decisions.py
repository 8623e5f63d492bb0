"""What permits rest on, and what needs somebody's attention."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.rules.decision import RulingOutcome
from tenancy.models import TenantModel


class PermitEvidence(TenantModel):
    """Why messages were allowed or not. Stored once per distinct text; messages point at it."""

    digest = models.CharField(max_length=64)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "digest"], name="consent_permitevidence_once"
            )
        ]

    def __str__(self) -> str:
        return self.digest


class Ruling(TenantModel):
    """A privacy officer's word on one submission that a rule of the table holds. Only ever added:
    the latest counts, and a changed campaign needs a new one."""

    reference = models.UUIDField(help_text="What is to be sent, as its maker knows it.")
    digest = models.CharField(max_length=64, help_text="Of exactly what was submitted.")
    rule = models.CharField(max_length=40)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=500)
    decided_by = models.UUIDField()
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["organization", "reference", "digest"], name="consent_ruling_on")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=list(RulingOutcome)),
                name="consent_ruling_known_outcome",
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.outcome}"


class Alert(TenantModel):
    """Something that a person must see to: a copy that could not be delivered, a record that was
    altered. Holds ids alone."""

    kind = models.CharField(max_length=32)
    object_type = models.CharField(max_length=32)
    object_id = models.UUIDField()
    raised_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)
    done_by = models.UUIDField(null=True)
    note = models.CharField(max_length=300, blank=True, help_text="What was done about it.")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "object_id"],
                condition=models.Q(done_at=None),
                name="consent_alert_open_once",
            )
        ]

    def __str__(self) -> str:
        return self.kind


class IntegrityCheck(TenantModel):
    """One look at every stored authorization: how many there were, how many were altered."""

    checked_at = models.DateTimeField(default=timezone.now)
    authorizations = models.PositiveIntegerField()
    altered = models.PositiveIntegerField()
    asked_by = models.UUIDField(null=True, help_text="Nobody, if it was the daily one.")

    def __str__(self) -> str:
        return str(self.checked_at)
