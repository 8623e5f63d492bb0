"""Contacts, the fields an organization keeps of them, imports, and segments."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone

from tenancy.models import TenantModel


class FieldDefinition(TenantModel):
    """One field of a patient's profile, as this organization defines it."""

    key = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    type = models.CharField(max_length=12)
    group = models.CharField(max_length=12)
    classification = models.CharField(max_length=12)
    searchable = models.BooleanField(default=False)
    choices = models.JSONField(default=list)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"], name="contacts_fielddefinition_one_per_key"
            )
        ]

    def __str__(self) -> str:
        return self.label


class Relationship(models.TextChoices):
    PATIENT = "patient"
    MEMBER = "member"
    PROSPECT = "prospect"
    PROFESSIONAL = "professional"


class Contact(TenantModel):
    """A person. Every personal value is inside `profile`, sealed; what stands beside it is for
    finding and routing, and tells nothing without the index key."""

    profile = models.BinaryField(help_text="Sealed JSON of every field.")
    identity = models.UUIDField(
        help_text="Blind token of the record number, or of email and birth date."
    )
    tokens = ArrayField(models.BigIntegerField(), default=list)
    index_version = models.PositiveSmallIntegerField(default=1)
    email_token = models.UUIDField(null=True, help_text="Blind token of the address.")
    mail_domain = models.CharField(max_length=255, blank=True)
    language = models.CharField(max_length=12, default="en")
    relationship = models.CharField(
        max_length=12, choices=Relationship.choices, default=Relationship.PATIENT
    )
    deceased = models.BooleanField(default=False)
    household = models.BooleanField(
        default=False, help_text="The address is shared with another contact."
    )
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [
            GinIndex(fields=["tokens"], name="contacts_contact_tokens"),
            models.Index(
                fields=["organization", "email_token"], name="contacts_contact_by_address"
            ),
            models.Index(
                fields=["organization", "mail_domain", "id"], name="contacts_contact_by_domain"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "identity"], name="contacts_contact_one_per_identity"
            ),
            models.CheckConstraint(
                condition=models.Q(relationship__in=Relationship.values),
                name="contacts_contact_known_relationship",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Import(TenantModel):
    """One uploaded file on its way into contacts. `rows_read` moves in the same transaction as the
    rows it counts, so a worker that dies loses and repeats nothing."""

    status = models.CharField(
        max_length=10, choices=ImportStatus.choices, default=ImportStatus.UPLOADED
    )
    headers = models.BinaryField(null=True, help_text="Sealed JSON: the file's name and headers.")
    mapping = models.JSONField(default=dict, help_text="Column number to field key.")
    size = models.PositiveBigIntegerField(default=0)
    rows_total = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=ImportStatus.values),
                name="contacts_import_known_status",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class ImportChunk(TenantModel):
    """A sealed piece of the uploaded file, about one megabyte."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, db_constraint=False)
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source", "number"], name="contacts_importchunk_in_order"
            )
        ]

    def __str__(self) -> str:
        return str(self.number)


class ImportReject(TenantModel):
    """A row that was not taken, sealed together with the reasons."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, db_constraint=False)
    row = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source", "row"], name="contacts_importreject_one_per_row"
            )
        ]

    def __str__(self) -> str:
        return str(self.row)


class Segment(TenantModel):
    """A question about contacts. The tree is sealed: it names diagnoses."""

    name = models.CharField(max_length=120)
    tree = models.BinaryField()
    health_information = models.BooleanField(
        default=False, help_text="Whether it chooses people by clinical fields."
    )
    created_by = models.UUIDField()
    authors = ArrayField(models.UUIDField(), default=list, help_text="Everybody who changed it.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="contacts_segment_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
