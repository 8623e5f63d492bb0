"""Mailings, their messages, and what happened to each."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.models import Authorization, PermitEvidence
from contacts.models import Contact
from delivery.rules import MailingStatus, Status
from delivery.transports.outcomes import Level
from tenancy.models import TenantModel


class SenderDomain(TenantModel):
    """A domain that messages come from, and what its DNS was last seen to say.

    Nothing is sent from it before `aligned_at` is set: SPF, DKIM and DMARC as receivers ask for.
    """

    name = models.CharField(max_length=253)
    bounce_domain = models.CharField(
        max_length=253, help_text="Where mail comes back to: its SPF is what DMARC aligns with."
    )
    checked_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=dict, help_text="By record: ok, missing, wrong or unknown.")
    aligned_at = models.DateTimeField(null=True, help_text="Since when all that must stand stands.")
    warm_up_from = models.DateField(
        null=True, help_text="First day of a warm-up plan: few messages a day at first, then more."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="delivery_senderdomain_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class DkimKey(TenantModel):
    """One key that a domain signs with (RFC 6376; Ed25519 by RFC 8463), made and sealed by us.

    It signs from `active_at`, once its record was seen in the DNS, until `retired_at`.
    """

    domain = models.ForeignKey(SenderDomain, on_delete=models.PROTECT, db_constraint=False)
    algorithm = models.CharField(max_length=7)
    selector = models.CharField(max_length=40, help_text="RFC 6376 3.1.")
    record = models.TextField(help_text="The TXT record to publish.")
    sealed_key = models.BinaryField(help_text="The private key.")
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "domain", "selector"], name="delivery_dkimkey_one_selector"
            ),
            models.CheckConstraint(
                condition=models.Q(algorithm__in=["rsa", "ed25519"]),
                name="delivery_dkimkey_known_algorithm",
            ),
        ]

    def __str__(self) -> str:
        return self.selector


class Sender(TenantModel):
    """Who messages come from. The name and address must not disclose a specialty."""

    name = models.CharField(max_length=80)
    address = models.EmailField()
    domain = models.ForeignKey(SenderDomain, on_delete=models.PROTECT, db_constraint=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "address"], name="delivery_sender_one_per_address"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


class DeliveryPolicy(TenantModel):
    """What an organization asks of delivery; without a row, what stands here by default."""

    minimum_level = models.CharField(
        max_length=2,
        default="L2",
        help_text="L2: TLS verified for the server's name. L3: also that it is the domain's"
        " server.",
    )
    give_up_after_hours = models.PositiveSmallIntegerField(default=48)

    @property
    def level(self) -> Level:
        return "L3" if self.minimum_level == "L3" else "L2"

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization"], name="delivery_policy_once"),
            models.CheckConstraint(
                condition=models.Q(minimum_level__in=["L2", "L3"]),
                name="delivery_policy_known_level",
            ),
            models.CheckConstraint(
                condition=models.Q(give_up_after_hours__range=(1, 120)),
                name="delivery_policy_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.minimum_level


class EmergencyStop(TenantModel):
    """Everything of an organization stopped at once; while one stands, nothing is sent."""

    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.UUIDField()
    reason = models.CharField(max_length=200)
    mailings = models.JSONField(default=list, help_text="The mailings that it stopped.")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=models.Q(lifted_at=None),
                name="delivery_emergencystop_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return str(self.started_at)


class SentOfDay(TenantModel):
    """What a domain sent to one provider on one day: warm-up plans count by it."""

    domain = models.ForeignKey(
        SenderDomain, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    lane = models.CharField(max_length=40)
    day = models.DateField()
    sent = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    complained = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "domain", "lane", "day"], name="delivery_sentofday_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.lane} {self.day}"


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
    send_until = models.DateTimeField(
        null=True, help_text="A campaign's own deadline: what is not sent by then is not sent."
    )
    withdrawn_at = models.DateTimeField(
        null=True, help_text="From then on the portal shows none of its messages any more."
    )

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
    """A range of messages: the unit of work that a worker claims. All go to one mail domain, or to
    several that have few recipients each; then its own is empty.

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
        # No index names the status: it changes twice for every message that is sent.
        indexes = [
            models.Index(fields=["organization", "mailing"], name="delivery_message_of_mailing")
        ]
        constraints = [
            # In this order it also finds a contact's messages.
            models.UniqueConstraint(
                fields=["organization", "contact", "mailing"], name="delivery_message_once"
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
    level = models.CharField(max_length=2, blank=True)
    lane = models.CharField(max_length=40, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)
    protected_since = models.DateTimeField(
        null=True, help_text="Since when every connection was protected; null once one was not."
    )

    def __str__(self) -> str:
        return self.domain


class LaneHold(models.Model):
    """A provider that asked us to wait, or refused us as a whole. Global: it sees one sender."""

    lane = models.CharField(max_length=40, primary_key=True)
    until = models.DateTimeField()
    reason = models.CharField(max_length=40)
    set_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.lane
