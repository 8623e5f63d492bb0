"""Rows that are only ever added: the application has no right to change them, a trigger refuses."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from tenancy.models import TenantModel


class Outcome(models.TextChoices):
    DONE = "done"
    REFUSED = "refused"


class Event(TenantModel):
    """One act or refusal. `details` holds ids, counts and names of states, never a patient's value.

    People and objects are named by id alone: the log outlives them.
    """

    occurred_at = models.DateTimeField(default=timezone.now)
    actor_id = models.UUIDField(null=True, help_text="The user; empty for the system itself.")
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.DONE)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.UUIDField(null=True)
    details = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["organization", "-occurred_at"], name="audit_event_newest"),
            models.Index(fields=["organization", "object_id"], name="audit_event_of_object"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=Outcome.values), name="audit_event_known_outcome"
            )
        ]

    def __str__(self) -> str:
        return self.action


class Link(TenantModel):
    """An event's place in the organization's chain."""

    sequence = models.PositiveBigIntegerField()
    event_id = models.UUIDField()
    digest = models.BinaryField(help_text="HMAC-SHA-256 over the previous digest and the event.")
    sealed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="audit_link_one_per_sequence"
            ),
            models.UniqueConstraint(
                fields=["organization", "event_id"], name="audit_link_one_per_event"
            ),
        ]

    def __str__(self) -> str:
        return str(self.sequence)


class Pending(TenantModel):
    """An event that is not chained yet. A trigger adds it, the sealer takes it away."""

    event_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return str(self.event_id)
