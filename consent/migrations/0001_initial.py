import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL

import consent.rules.authorization
import consent.rules.decision
import tenancy.current
import tenancy.models
from tenancy import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0001_initial"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuthorizationForm",
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
                ("draft", models.JSONField(default=dict, help_text="The text being worked on.")),
                ("created_by", models.UUIDField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
            name="FormVersion",
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
                ("text", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("published_by", models.UUIDField()),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "form",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="consent.authorizationform",
                    ),
                ),
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
            name="Authorization",
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
                ("signed_on", models.DateField()),
                (
                    "expires_at",
                    models.DateTimeField(
                        help_text="The end of the day, in the organization's zone."
                    ),
                ),
                ("signer", models.CharField(help_text="self or representative", max_length=16)),
                ("method", models.CharField(help_text="paper or electronic", max_length=16)),
                (
                    "sealed",
                    models.BinaryField(
                        help_text="Who signed, authority, address at signing, evidence."
                    ),
                ),
                ("copy_given_at", models.DateTimeField(null=True)),
                ("recorded_by", models.UUIDField(null=True)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="contacts.contact",
                    ),
                ),
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
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="consent.formversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="PermitEvidence",
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
                ("body", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
            name="Revocation",
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
                ("received_at", models.DateTimeField()),
                (
                    "how",
                    models.CharField(
                        help_text="letter, email, in_person, phone or page", max_length=16
                    ),
                ),
                ("recorded_by", models.UUIDField(null=True)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "authorization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revocations",
                        to="consent.authorization",
                    ),
                ),
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
            name="Suppression",
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
                ("address_token", models.UUIDField()),
                ("sealed_address", models.BinaryField()),
                (
                    "scope",
                    models.CharField(help_text="all, marketing or fundraising", max_length=16),
                ),
                ("reason", models.CharField(max_length=24)),
                (
                    "source",
                    models.CharField(
                        help_text="link, one_click, bounce, staff or import", max_length=24
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
        migrations.AddConstraint(
            model_name="authorizationform",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="consent_authorizationform_one_per_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="formversion",
            constraint=models.UniqueConstraint(
                fields=("organization", "form", "number"), name="consent_formversion_in_order"
            ),
        ),
        migrations.AddIndex(
            model_name="authorization",
            index=models.Index(
                fields=["organization", "contact"], name="consent_authorization_contact"
            ),
        ),
        migrations.AddConstraint(
            model_name="authorization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "signer__in",
                        [
                            consent.rules.authorization.Signer["SELF"],
                            consent.rules.authorization.Signer["REPRESENTATIVE"],
                        ],
                    )
                ),
                name="consent_authorization_known_signer",
            ),
        ),
        migrations.AddConstraint(
            model_name="authorization",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "method__in",
                        [
                            consent.rules.authorization.Method["ELECTRONIC"],
                            consent.rules.authorization.Method["PAPER"],
                        ],
                    )
                ),
                name="consent_authorization_known_method",
            ),
        ),
        migrations.AddConstraint(
            model_name="permitevidence",
            constraint=models.UniqueConstraint(
                fields=("organization", "digest"), name="consent_permitevidence_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="revocation",
            constraint=models.UniqueConstraint(
                fields=("organization", "authorization"), name="consent_revocation_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                fields=("organization", "address_token", "scope", "reason"),
                name="consent_suppression_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scope__in",
                        [
                            consent.rules.decision.SuppressionScope["ALL"],
                            consent.rules.decision.SuppressionScope["MARKETING"],
                            consent.rules.decision.SuppressionScope["FUNDRAISING"],
                        ],
                    )
                ),
                name="consent_suppression_known_scope",
            ),
        ),
        rls.tenant_table("consent_authorizationform"),
        rls.tenant_table("consent_formversion", "SELECT, INSERT"),
        rls.tenant_table("consent_authorization", "SELECT, INSERT"),
        RunSQL(
            f"GRANT UPDATE (copy_given_at) ON consent_authorization TO {rls.application_role()}",
            RunSQL.noop,
        ),
        rls.tenant_table("consent_revocation", "SELECT, INSERT"),
        rls.tenant_table("consent_suppression"),
        rls.tenant_table("consent_permitevidence", "SELECT, INSERT"),
        rls.composite_key("consent_formversion", "form_id", "consent_authorizationform"),
        rls.composite_key("consent_authorization", "contact_id", "contacts_contact"),
        rls.composite_key("consent_authorization", "version_id", "consent_formversion"),
        rls.composite_key("consent_revocation", "authorization_id", "consent_authorization"),
    ]
