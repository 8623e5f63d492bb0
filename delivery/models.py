"""Mailings, their messages, and what happened to each."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.models import Authorization, PermitEvidence
from contacts.models import Contact
from delivery.rules import MailingStatus, Status
from tenancy.models import TenantModel


class Sender(TenantModel):
    """Who messages come from. The name and address must not disclose a specialty."""

    name = models.CharField(max_length=80)
    address = models.EmailField()
    selector = models.CharField(max_length=40, help_text="DKIM selector (RFC 6376 3.1).")
    sealed_key = models.BinaryField(help_text="DKIM RSA-2048 private key.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "address"], name="delivery_sender_one_per_address"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Mailing(TenantModel):
    """Compiled content on its way to many people. Made by a campaign, never changed after.

    `reference` is whatever the maker knows it by; delivery doesn't look behind it.
    """

    reference = models.UUIDField()
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, db_constraint=False)
    sealed_content = models.BinaryField()
    content_digest = models.CharField(max_length=64)
    kind = models.CharField(
        max_length=8,
        default="campaign",
        help_text="campaign, or copy: a signed authorization on its way to its signer.",
    )
    use = models.JSONField(
        default=dict, help_text="What it does with information: `consent.rules.purposes.Use`."
    )
    approved_digest = models.CharField(max_length=64)
    approved_by = models.UUIDField()
    tracking = models.BooleanField(default=False)
    status = models.CharField(
        max_length=10, choices=MailingStatus.choices(), default=MailingStatus.PLANNED
    )
    audience = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "reference"], name="delivery_mailing_one_per_reference"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=list(MailingStatus)),
                name="delivery_mailing_known_status",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["campaign", "copy"]),
                name="delivery_mailing_known_kind",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Batch(TenantModel):
    """A range of messages to one mail domain: the unit of work that a worker claims.

    Ranges are claimed, not single rows: a queue read from its head walks over all that is done.
    """

    mailing = models.ForeignKey(
        Mailing, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    mail_domain = models.CharField(max_length=255)
    first_message = models.UUIDField()
    last_message = models.UUIDField()
    due_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    done = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "due_at"],
                condition=models.Q(done=False),
                name="delivery_batch_waiting",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Message(TenantModel):
    """One mailing to one person: exactly one row, whatever happens.

    `route` says by which way it goes (`mail`, `portal`, or `plain` at the person's own wish);
    `sealed_context` is what its content was filled with, from the moment it is sent.
    """

    mailing = models.ForeignKey(
        Mailing, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    mail_domain = models.CharField(max_length=255)
    status = models.CharField(max_length=12, default=Status.QUEUED)
    reason = models.CharField(max_length=40, blank=True)
    route = models.CharField(max_length=6, default="mail")
    attempts = models.PositiveSmallIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    in_flight_since = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    sealed_context = models.BinaryField(null=True)
    decided_at = models.DateTimeField(null=True, help_text="When the permit was computed.")
    authorization = models.ForeignKey(
        Authorization,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        null=True,
        help_text="The signed authorization that the permit rests on, if it needs one.",
    )
    evidence = models.ForeignKey(
        PermitEvidence, on_delete=models.PROTECT, db_constraint=False, db_index=False, null=True
    )
    protection = models.JSONField(
        default=dict, help_text="Server, TLS version and cipher, reply codes of the last attempt."
    )

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "mailing", "status"], name="delivery_message_by_status"
            ),
            models.Index(fields=["organization", "contact"], name="delivery_message_of_contact"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "mailing", "contact"], name="delivery_message_once"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=list(Status)), name="delivery_message_known_status"
            ),
            models.CheckConstraint(
                condition=models.Q(route__in=["mail", "portal", "plain"]),
                name="delivery_message_known_route",
            ),
            # Whoever holds a message to be in the air must say since when.
            models.CheckConstraint(
                condition=~models.Q(status=Status.TRANSMITTING)
                | models.Q(in_flight_since__isnull=False),
                name="delivery_message_in_flight_since",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Event(TenantModel):
    """What happened to a message. Append-only, in monthly partitions, keyed with its time."""

    pk = models.CompositePrimaryKey("id", "occurred_at")
    id = models.UUIDField()
    occurred_at = models.DateTimeField(default=timezone.now)
    mailing_id = models.UUIDField()
    message_id = models.UUIDField()
    kind = models.CharField(max_length=16)
    link = models.PositiveSmallIntegerField(null=True)
    verdict = models.CharField(max_length=8, blank=True)
    detail = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.kind


class DomainPosture(models.Model):
    """What was last seen of a mail domain. Global: servers are the same for everybody. It plans and
    explains; it never authorizes a send."""

    domain = models.CharField(max_length=255, primary_key=True)
    verdict = models.CharField(max_length=24)
    detail = models.CharField(max_length=80, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.domain
