"""Authorization forms, signed authorizations, revocations, suppressions, and permit evidence."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.rules.authorization import Method, Signer
from consent.rules.decision import SuppressionScope
from contacts.models import Contact
from tenancy.models import TenantModel


class AuthorizationForm(TenantModel):
    """A form and its versions. Only published versions can be signed."""

    name = models.CharField(max_length=120)
    draft = models.JSONField(default=dict, help_text="The text being worked on.")
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="consent_authorizationform_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class FormVersion(TenantModel):
    """A published text, never changed again: the application may only add versions."""

    form = models.ForeignKey(AuthorizationForm, on_delete=models.PROTECT, db_constraint=False)
    number = models.PositiveIntegerField()
    text = models.JSONField()
    digest = models.CharField(max_length=64)
    published_by = models.UUIDField()
    published_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "form", "number"], name="consent_formversion_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class Authorization(TenantModel):
    """A signed authorization (45 CFR 164.508). Never changed; ended by a `Revocation` or by time.

    It keeps its own sealed copy of who signed and how, under a key that outlives the contact's.
    """

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, db_constraint=False)
    version = models.ForeignKey(FormVersion, on_delete=models.PROTECT, db_constraint=False)
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
            models.Index(fields=["organization", "contact"], name="consent_authorization_contact")
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


class Suppression(TenantModel):
    """An address that must not be mailed. Kept by address, so that a new contact with the same one
    is covered; the sealed copy allows re-indexing."""

    address_token = models.UUIDField()
    sealed_address = models.BinaryField()
    scope = models.CharField(max_length=16, help_text="all, marketing or fundraising")
    reason = models.CharField(max_length=24)
    source = models.CharField(max_length=24, help_text="link, one_click, bounce, staff or import")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "address_token", "scope", "reason"],
                name="consent_suppression_once",
            ),
            models.CheckConstraint(
                condition=models.Q(scope__in=list(SuppressionScope)),
                name="consent_suppression_known_scope",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


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
