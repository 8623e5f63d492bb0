import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenancy.current
import tenancy.models
from tenancy import rls

CANDIDATES = """
DECLARE
    clause jsonb;
    condition text := '';
BEGIN
    FOR clause IN SELECT value FROM jsonb_array_elements(clauses) LOOP
        condition := condition || format(
            ' AND tokens && %L::bigint[]',
            ARRAY(SELECT token::bigint FROM jsonb_array_elements_text(clause) AS token));
    END LOOP;
    RETURN QUERY EXECUTE
        'SELECT id FROM public.contacts_contact WHERE erased_at IS NULL AND organization_id = '
        'NULLIF(current_setting(''app.organization'', true), '''')::uuid' || condition;
END
"""

STRANDED = """
BEGIN
    RETURN QUERY SELECT i.organization_id, i.id FROM public.contacts_import i
    WHERE i.status IN ('queued', 'running') AND (i.lease_until IS NULL OR i.lease_until < now());
END
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploaded", "Uploaded"),
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="uploaded",
                        max_length=10,
                    ),
                ),
                (
                    "headers",
                    models.BinaryField(
                        help_text="Sealed JSON: the file's name and headers.", null=True
                    ),
                ),
                (
                    "mapping",
                    models.JSONField(default=dict, help_text="Column number to field key."),
                ),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("rows_total", models.PositiveIntegerField(default=0)),
                ("rows_read", models.PositiveIntegerField(default=0)),
                ("created_count", models.PositiveIntegerField(default=0)),
                ("updated_count", models.PositiveIntegerField(default=0)),
                ("unchanged_count", models.PositiveIntegerField(default=0)),
                ("rejected_count", models.PositiveIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("lease_until", models.DateTimeField(null=True)),
                ("created_by", models.UUIDField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ImportChunk",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="contacts.import",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ImportReject",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("row", models.PositiveIntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="contacts.import",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("tree", models.BinaryField()),
                (
                    "health_information",
                    models.BooleanField(
                        default=False, help_text="Whether it chooses people by clinical fields."
                    ),
                ),
                ("created_by", models.UUIDField()),
                (
                    "authors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        default=list,
                        help_text="Everybody who changed it.",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("profile", models.BinaryField(help_text="Sealed JSON of every field.")),
                (
                    "identity",
                    models.UUIDField(
                        help_text="Blind token of the record number, or of email and birth date."
                    ),
                ),
                (
                    "tokens",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("index_version", models.PositiveSmallIntegerField(default=1)),
                (
                    "email_token",
                    models.UUIDField(help_text="Blind token of the address.", null=True),
                ),
                ("mail_domain", models.CharField(blank=True, max_length=255)),
                ("language", models.CharField(default="en", max_length=12)),
                (
                    "relationship",
                    models.CharField(
                        choices=[
                            ("patient", "Patient"),
                            ("member", "Member"),
                            ("prospect", "Prospect"),
                            ("professional", "Professional"),
                        ],
                        default="patient",
                        max_length=12,
                    ),
                ),
                ("deceased", models.BooleanField(default=False)),
                (
                    "household",
                    models.BooleanField(
                        default=False, help_text="The address is shared with another contact."
                    ),
                ),
                ("erased_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["tokens"], name="contacts_contact_tokens"
                    ),
                    models.Index(
                        fields=["organization", "email_token"], name="contacts_contact_by_address"
                    ),
                    models.Index(
                        fields=["organization", "mail_domain", "id"],
                        name="contacts_contact_by_domain",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "identity"),
                        name="contacts_contact_one_per_identity",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("relationship__in", ["patient", "member", "prospect", "professional"])
                        ),
                        name="contacts_contact_known_relationship",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FieldDefinition",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=tenancy.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("key", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=80)),
                ("type", models.CharField(max_length=12)),
                ("group", models.CharField(max_length=12)),
                ("classification", models.CharField(max_length=12)),
                ("searchable", models.BooleanField(default=False)),
                ("choices", models.JSONField(default=list)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=tenancy.current.current_organization_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "key"), name="contacts_fielddefinition_one_per_key"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["uploaded", "queued", "running", "done", "failed"])
                ),
                name="contacts_import_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="importchunk",
            constraint=models.UniqueConstraint(
                fields=("organization", "source", "number"), name="contacts_importchunk_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="importreject",
            constraint=models.UniqueConstraint(
                fields=("organization", "source", "row"), name="contacts_importreject_one_per_row"
            ),
        ),
        migrations.AddConstraint(
            model_name="segment",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="contacts_segment_one_per_name"
            ),
        ),
        *(
            rls.tenant_table(f"contacts_{name}")
            for name in (
                "fielddefinition",
                "contact",
                "import",
                "importchunk",
                "importreject",
                "segment",
            )
        ),
        rls.composite_key("contacts_importchunk", "source_id", "contacts_import", "CASCADE"),
        rls.composite_key("contacts_importreject", "source_id", "contacts_import", "CASCADE"),
        # The blind index: an array operator is not leakproof, so that under a row-level policy it
        # could not use its index. The function filters the organization itself.
        rls.lookup_function(
            "contacts_candidates(clauses jsonb)", "SETOF uuid", CANDIDATES, ["contacts_contact"]
        ),
        rls.lookup_function(
            "contacts_stranded_imports()",
            "TABLE (organization_id uuid, import_id uuid)",
            STRANDED,
            ["contacts_import"],
        ),
    ]
