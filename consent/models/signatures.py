"""Signed authorizations, how they come about, and what ends them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.models.forms import FormVersion
from consent.rules.authorization import Method, Signer
from contacts.models import Contact
from tenancy.models import TenantModel


class Authorization(TenantModel):
    """A signed authorization (45 CFR 164.508). Never changed; ended by a `Revocation` or by time.

    It keeps its own sealed copy of who signed and how, under a key that outlives the contact's.
    """

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, db_constraint=False)
    version = models.ForeignKey(FormVersion, on_delete=models.PROTECT, db_constraint=False)
    language = models.CharField(
        max_length=12, blank=True, help_text="The language it was signed in; empty for the first."
    )
    signed_on = models.DateField()
    expires_at = models.DateTimeField(help_text="The end of the day, in the organization's zone.")
    signer = models.CharField(max_length=16, help_text="self or representative")
    method = models.CharField(max_length=16, help_text="paper or electronic")
    sealed = models.BinaryField(help_text="Who signed, authority, address at signing, evidence.")
    copy_given_at = models.DateTimeField(null=True)
    recorded_by = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["organization", "contact"], name="consent_authorization_contact"),
            models.Index(
                fields=["organization", "expires_at"], name="consent_authorization_expiring"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(signer__in=list(Signer)),
                name="consent_authorization_known_signer",
            ),
            models.CheckConstraint(
                condition=models.Q(method__in=list(Method)),
                name="consent_authorization_known_method",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Revocation(TenantModel):
    """Ends an authorization on receipt (45 CFR 164.508(b)(5)). Nobody can take it back."""

    authorization = models.ForeignKey(
        Authorization, on_delete=models.PROTECT, db_constraint=False, related_name="revocations"
    )
    received_at = models.DateTimeField()
    how = models.CharField(max_length=16, help_text="letter, email, in_person, phone or page")
    recorded_by = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "authorization"], name="consent_revocation_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.authorization_id)


class Dispute(TenantModel):
    """A fact that an authorization rests on is known to be false (45 CFR 164.508(b)(2)(v)), such as
    that somebody else signed. It carries no mail from then on."""

    authorization = models.ForeignKey(
        Authorization,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="disputes",
    )
    reason = models.CharField(max_length=24)
    recorded_by = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "authorization"], name="consent_dispute_once"
            )
        ]

    def __str__(self) -> str:
        return self.reason


class Scan(TenantModel):
    """The signed paper, sealed."""

    authorization = models.ForeignKey(
        Authorization,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="scans",
    )
    sealed = models.BinaryField()
    media_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    added_by = models.UUIDField()
    added_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["organization", "authorization"], name="consent_scan_of")]

    def __str__(self) -> str:
        return str(self.id)


class SigningRequest(TenantModel):
    """A published form put before one person: a link in a mail, or a code on a screen at the desk.

    It ends by a signature, a "no, thanks", or by time. Nothing else depends on how it ends
    (45 CFR 164.508(b)(4)).
    """

    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        FormVersion, on_delete=models.PROTECT, db_constraint=False, db_index=False
    )
    channel = models.CharField(max_length=8, help_text="mail or desk")
    renews = models.ForeignKey(
        Authorization, on_delete=models.PROTECT, db_constraint=False, db_index=False, null=True
    )
    asked_by = models.UUIDField(null=True, help_text="Nobody, if a rule asked.")
    asked_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    send_at = models.DateTimeField(
        null=True, help_text="When its letter is to go; nothing once a server took or refused it."
    )
    sent_at = models.DateTimeField(null=True, help_text="When a mail server took the letter.")
    reminded_at = models.DateTimeField(null=True)
    address_token = models.UUIDField(null=True, help_text="Of the address its letter went to.")
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=8, blank=True, help_text="signed, declined or failed")
    ended_at = models.DateTimeField(null=True)
    authorization = models.ForeignKey(
        Authorization,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )

    by_mail = False
    """Whether this copy of the row was found by the link in its letter (not stored)."""

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["organization", "contact"], name="consent_signingrequest_of"),
            models.Index(
                fields=["organization", "send_at"],
                condition=~models.Q(send_at=None),
                name="consent_signingrequest_due",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channel__in=["mail", "desk"]),
                name="consent_signingrequest_known_channel",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", "signed", "declined", "failed"]),
                name="consent_signingrequest_known_outcome",
            ),
            models.UniqueConstraint(
                fields=["organization", "contact", "version"],
                condition=models.Q(outcome=""),
                name="consent_signingrequest_one_open",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
