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
    indexed = models.BooleanField(
        default=True, help_text="False while the index of a searchable field is being built."
    )
    change = models.CharField(
        max_length=12, blank=True, help_text="What the background is doing to every value."
    )
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
    source = models.UUIDField(null=True, help_text="The import that first brought this person.")
    merged_into = models.UUIDField(null=True, help_text="Who this record was merged into.")
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [
            # What is added waits in a list of 16 MB to be put into the index together.
            GinIndex(
                fields=["tokens"], name="contacts_contact_tokens", gin_pending_list_limit=16_384
            ),
            models.Index(
                fields=["organization", "email_token"], name="contacts_contact_by_address"
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
    """READING, CHECKING, RUNNING and UNDOING are a worker's turn."""

    READING = "reading"
    MATCHING = "matching"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


class Import(TenantModel):
    """One uploaded file on its way into contacts. `rows_read` moves in the same transaction as the
    rows it counts, so a worker that dies loses and repeats nothing."""

    status = models.CharField(
        max_length=10, choices=ImportStatus.choices, default=ImportStatus.READING
    )
    headers = models.BinaryField(
        null=True, help_text="Sealed JSON: the file's name, its headers, how it was read."
    )
    mapping = models.JSONField(default=dict, help_text="Column number to field key.")
    size = models.PositiveBigIntegerField(default=0)
    rows_total = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(
        default=0, help_text="How far the present turn of the worker is."
    )
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    flagged_count = models.PositiveIntegerField(default=0)
    kept_count = models.PositiveIntegerField(
        default=0, help_text="Contacts that undoing had to leave as they are."
    )
    problem = models.CharField(max_length=300, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now)
    turn_started_at = models.DateTimeField(null=True)
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
    """A sealed piece of the uploaded file, one megabyte but for the last."""

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


class ImportFragment(TenantModel):
    """Part of what a FHIR export tells of one patient: the resources of a patient come apart."""

    source = models.ForeignKey(
        Import, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    patient = models.UUIDField(help_text="Blind token of the patient's id in the export.")
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "source", "patient", "id"],
                name="contacts_importfragment_person",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class ImportRows(TenantModel):
    """Some rows of the file's table, sealed: what every kind of file becomes once it is read."""

    source = models.ForeignKey(
        Import, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    first = models.PositiveIntegerField(help_text="How many rows come before these.")
    sealed = models.BinaryField()
    new = ArrayField(
        models.UUIDField(), default=list, help_text="Blind tokens of who would be added."
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source", "first"], name="contacts_importrows_in_order"
            )
        ]

    def __str__(self) -> str:
        return str(self.first)


class ImportReject(TenantModel):
    """A row that was not taken or deserves a look, sealed together with the reasons."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, db_constraint=False)
    row = models.PositiveIntegerField()
    flagged = models.BooleanField(default=False, help_text="Taken all the same.")
    corrected = models.BooleanField(default=False, help_text="Holds better values, to be tried.")
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source", "row"], name="contacts_importreject_one_per_row"
            )
        ]

    def __str__(self) -> str:
        return str(self.row)


class ImportChange(TenantModel):
    """What a contact was before an import changed it, so that the import can be undone."""

    source = models.ForeignKey(
        Import, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    before = models.BinaryField(help_text="The sealed profile as it was.")
    written_at = models.DateTimeField(help_text="The contact's `updated_at` after the import.")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "source", "contact"],
                name="contacts_importchange_first_only",
            )
        ]
        indexes = [
            models.Index(fields=["organization", "contact"], name="contacts_importchange_person")
        ]

    def __str__(self) -> str:
        return str(self.id)


class SavedMapping(TenantModel):
    """Columns matched to fields once, for the next file of the same shape."""

    name = models.CharField(max_length=80)
    columns = models.BinaryField(help_text="Sealed JSON: column name to field key.")
    created_by = models.UUIDField()
    used_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="contacts_savedmapping_one_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


class CodeEntry(TenantModel):
    """A code that some contact of the organization has in a field, with what people read for it."""

    field = models.CharField(max_length=40)
    system = models.CharField(max_length=200)
    code = models.CharField(max_length=100)
    display = models.CharField(max_length=300)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "field", "system", "code"],
                name="contacts_codeentry_one_per_code",
            )
        ]

    def __str__(self) -> str:
        return self.display


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


class ShownCount(TenantModel):
    """A count that somebody saw, so that a near one does not tell of the people between them."""

    tree = models.BinaryField(help_text="The segment's tree, sealed.")
    exact = models.PositiveIntegerField()
    shown = models.PositiveIntegerField()
    reach = models.JSONField(
        default=dict, help_text="By purpose, how many of them were shown as reachable."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "exact", "created_at"], name="contacts_showncount_near"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Unmasking(TenantModel):
    """Somebody may see one contact's values until a time, for a reason (45 CFR 164.502(b))."""

    contact = models.ForeignKey(
        Contact, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    user_id = models.UUIDField()
    reason = models.BinaryField(help_text="Sealed: people write names into reasons.")
    created_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "user_id", "until"], name="contacts_unmasking_of_user"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class ExportStatus(models.TextChoices):
    REQUESTED = "requested"
    REFUSED = "refused"
    WRITING = "writing"
    READY = "ready"
    EXPIRED = "expired"
    FAILED = "failed"


class Export(TenantModel):
    """A file of contacts that one person asked for and another one allowed."""

    status = models.CharField(
        max_length=10, choices=ExportStatus.choices, default=ExportStatus.REQUESTED
    )
    segment = models.UUIDField(null=True, help_text="Whose people; empty for everybody.")
    tree = models.BinaryField(help_text="The segment as it was asked for, sealed.")
    fields = ArrayField(models.CharField(max_length=40), help_text="Keys of the fields in it.")
    reason = models.BinaryField(help_text="Sealed.")
    rows = models.PositiveIntegerField(default=0, help_text="Written so far.")
    total = models.PositiveIntegerField(null=True, help_text="To write, once they are found.")
    requested_by = models.UUIDField()
    decided_by = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=ExportStatus.values),
                name="contacts_export_known_status",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None)
                | ~models.Q(decided_by=models.F("requested_by")),
                name="contacts_export_second_person",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ExportChunk(TenantModel):
    """A sealed piece of the file."""

    export = models.ForeignKey(
        Export, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "export", "number"], name="contacts_exportchunk_in_order"
            )
        ]

    def __str__(self) -> str:
        return str(self.number)
