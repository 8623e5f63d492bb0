"""What people asked for, and addresses that must be left alone."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from consent.rules.decision import SuppressionReason, SuppressionScope
from contacts.models import Contact
from tenancy.models import TenantModel


class Suppression(TenantModel):
    """An address that must not be mailed. Kept by address, so that a new contact with the same one
    is covered; the sealed copy allows re-indexing. Lifted, never deleted by hand."""

    address_token = models.UUIDField()
    sealed_address = models.BinaryField()
    scope = models.CharField(max_length=16, help_text="all, marketing or fundraising")
    reason = models.CharField(max_length=24)
    source = models.CharField(max_length=24, help_text="link, one_click, bounce, staff or list")
    recorded_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.UUIDField(null=True, help_text="Nobody, if the person did it.")
    lifted_because = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "address_token", "scope", "reason"],
                condition=models.Q(lifted_at=None),
                name="consent_suppression_standing_once",
            ),
            models.CheckConstraint(
                condition=models.Q(scope__in=list(SuppressionScope)),
                name="consent_suppression_known_scope",
            ),
            models.CheckConstraint(
                condition=models.Q(reason__in=list(SuppressionReason)),
                name="consent_suppression_known_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class Topic(TenantModel):
    """What people may decline by itself, such as "Heart health". Named for patients to read."""

    name = models.CharField(max_length=60)
    name_es = models.CharField(max_length=60, blank=True, help_text="The name in Spanish.")
    retired_at = models.DateTimeField(null=True)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="consent_topic_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Preference(TenantModel):
    """How much promotional mail a person wants, and about what."""

    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    declined_topics = ArrayField(models.UUIDField(), default=list)
    most_per_month = models.PositiveSmallIntegerField(null=True, help_text="Nothing: no limit.")
    paused_until = models.DateField(null=True, help_text="Mail goes again from this day on.")
    track = models.BooleanField(default=True, help_text="Whether opens and clicks may be counted.")
    changed_at = models.DateTimeField(default=timezone.now)
    wrong_dates = models.PositiveSmallIntegerField(
        default=0, help_text="Wrong dates of birth in a row, on whichever page."
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "contact"], name="consent_preference_one_per_contact"
            )
        ]

    def __str__(self) -> str:
        return str(self.contact_id)


class Restriction(TenantModel):
    """A request to be left out of uses (45 CFR 164.522(a)): a standing refusal with its scope."""

    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    purposes = ArrayField(models.CharField(max_length=40), help_text="Every purpose it covers.")
    sealed_note = models.BinaryField(null=True, help_text="What the person asked, in words.")
    received_on = models.DateField()
    recorded_by = models.UUIDField()
    recorded_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["organization", "contact"], name="consent_restriction_of")]

    def __str__(self) -> str:
        return str(self.contact_id)


class PlainMailWish(TenantModel):
    """A warned person's wish for mail that may travel unencrypted (78 FR 5634).

    For one address, with the warning as it was read. Withdrawn at any time."""

    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    address_token = models.UUIDField()
    warning = models.TextField(help_text="The text that was read.")
    channel = models.CharField(max_length=16, help_text="page, paper or in_person")
    recorded_by = models.UUIDField(null=True)
    given_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "contact", "address_token"],
                condition=models.Q(withdrawn_at=None),
                name="consent_plainmailwish_standing_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.contact_id)


class AddressConfirmation(TenantModel):
    """Whether the owner of an address said that it is theirs: the wording, the time, the place."""

    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    address_token = models.UUIDField()
    sealed_address = models.BinaryField()
    wording = models.TextField(help_text="What was agreed to.")
    channel = models.CharField(max_length=16, help_text="mail or signature")
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)
    send_at = models.DateTimeField(
        null=True, help_text="When its letter is to go; nothing once a server took or refused it."
    )
    sent_at = models.DateTimeField(null=True, help_text="When a mail server took the letter.")
    confirmed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "send_at"],
                condition=~models.Q(send_at=None),
                name="consent_confirmation_due",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "contact", "address_token"],
                name="consent_addressconfirmation_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.contact_id)
