"""Authorization forms, and what an organization has decided about consent."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from consent.rules.forms import MAX_READING_GRADE
from tenancy.models import TenantModel


class AuthorizationForm(TenantModel):
    """A form and its versions. Only published versions can be signed."""

    name = models.CharField(max_length=120)
    draft = models.JSONField(default=dict, help_text="The text being worked on.")
    translations = models.JSONField(
        default=list, help_text="The same text in other languages, being worked on."
    )
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
    translations = models.JSONField(default=list, help_text="The same in other languages.")
    digest = models.CharField(max_length=64, help_text="Over the text and its translations.")
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


class ConsentPolicy(TenantModel):
    """What an organization has decided for all of its mail. One row, made when first changed."""

    confirm_addresses = models.BooleanField(
        default=False, help_text="Promotional mail waits until the address is confirmed."
    )
    fundraising_in_notice = models.BooleanField(
        default=False,
        help_text="The notice of privacy practices mentions fundraising (164.514(f)(2)(i)).",
    )
    reading_grade = models.FloatField(default=MAX_READING_GRADE)
    renew_before_days = models.PositiveSmallIntegerField(
        default=30, help_text="Ask for a renewal so many days before the end; 0 for never."
    )
    changed_by = models.UUIDField(null=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization"], name="consent_consentpolicy_one"),
            models.CheckConstraint(
                condition=models.Q(reading_grade__gte=4, reading_grade__lte=12),
                name="consent_consentpolicy_sane_grade",
            ),
        ]

    def __str__(self) -> str:
        return str(self.organization_id)


class PackChoice(TenantModel):
    """From when to when a state's stricter rules are in force. Ended, never deleted."""

    pack = models.CharField(max_length=20)
    version = models.PositiveSmallIntegerField()
    turned_on_by = models.UUIDField()
    turned_on_at = models.DateTimeField(default=timezone.now)
    turned_off_by = models.UUIDField(null=True)
    turned_off_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "pack"],
                condition=models.Q(turned_off_at=None),
                name="consent_packchoice_once",
            )
        ]

    def __str__(self) -> str:
        return self.pack
