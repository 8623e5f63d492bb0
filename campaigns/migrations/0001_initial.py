import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenancy.current
import tenancy.models
from tenancy import rls

UNPLANNED = """
BEGIN
    RETURN QUERY SELECT c.organization_id, c.id FROM public.campaigns_campaign c
    LEFT JOIN public.delivery_mailing m ON m.reference = c.id
    WHERE c.status = 'launched' AND c.launched_at < now() - interval '20 seconds'
        AND (m.id IS NULL OR m.status = 'planned');
END
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0001_initial"),
        ("delivery", "0001_initial"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Template",
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
                ("subject", models.CharField(max_length=150)),
                ("preheader", models.CharField(blank=True, max_length=150)),
                ("html", models.TextField()),
                ("created_by", models.UUIDField()),
                (
                    "authors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        default=list,
                        help_text="Everybody who wrote it.",
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
            name="Campaign",
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
                ("purpose", models.CharField(max_length=40)),
                ("remuneration", models.CharField(default="unknown", max_length=10)),
                ("sponsor", models.CharField(blank=True, max_length=120)),
                ("tracking", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("submitted", "Waiting for approval"),
                            ("approved", "Approved"),
                            ("launched", "Launched"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "sealed_content",
                    models.BinaryField(help_text="Compiled at submission.", null=True),
                ),
                (
                    "sealed_tree",
                    models.BinaryField(help_text="The segment as it was submitted.", null=True),
                ),
                ("digest", models.CharField(blank=True, max_length=64)),
                (
                    "submission",
                    models.PositiveIntegerField(default=0, help_text="How often it was submitted."),
                ),
                ("created_by", models.UUIDField()),
                (
                    "authors",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        default=list,
                        help_text="Everybody who wrote it: none may approve it.",
                        size=None,
                    ),
                ),
                ("submitted_by", models.UUIDField(null=True)),
                ("submitted_at", models.DateTimeField(null=True)),
                ("launched_at", models.DateTimeField(null=True)),
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
                (
                    "segment",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="contacts.segment",
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="delivery.sender",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="campaigns.template",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Approval",
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
                ("digest", models.CharField(max_length=64)),
                ("submission", models.PositiveIntegerField()),
                ("approved", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=500)),
                ("decided_by", models.UUIDField()),
                ("decided_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                    "campaign",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="campaigns.campaign",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "campaign", "submission"),
                        name="campaigns_approval_one_decision_per_submission",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="template",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="campaigns_template_one_per_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="campaigns_campaign_one_per_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["draft", "submitted", "approved", "launched"])),
                name="campaigns_campaign_known_status",
            ),
        ),
        rls.tenant_table("campaigns_template"),
        rls.tenant_table("campaigns_campaign"),
        rls.tenant_table("campaigns_approval", "SELECT, INSERT"),
        rls.composite_key("campaigns_campaign", "segment_id", "contacts_segment"),
        rls.composite_key("campaigns_campaign", "template_id", "campaigns_template"),
        rls.composite_key("campaigns_campaign", "sender_id", "delivery_sender"),
        rls.composite_key("campaigns_approval", "campaign_id", "campaigns_campaign"),
        rls.lookup_function(
            "campaigns_unplanned()",
            "TABLE (organization_id uuid, campaign_id uuid)",
            UNPLANNED,
            ["campaigns_campaign", "delivery_mailing"],
        ),
    ]
