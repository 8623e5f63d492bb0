"""How far a patient has got with one message in the portal."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from delivery.models import Message
from tenancy.models import TenantModel


class Pickup(TenantModel):
    """One message's door: the code in force, wrong tries, and when it was first opened.

    Codes are stored as hashes. Tries count for the code and the known fact together.
    """

    message = models.ForeignKey(Message, on_delete=models.PROTECT, db_constraint=False)
    code_hash = models.CharField(max_length=64, blank=True)
    code_expires_at = models.DateTimeField(null=True)
    code_sent_at = models.DateTimeField(null=True)
    codes_sent = models.PositiveSmallIntegerField(default=0)
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "message"], name="portal_pickup_one_per_message"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)
