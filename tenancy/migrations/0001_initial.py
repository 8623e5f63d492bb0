import django.core.validators
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL

import tenancy.current
import tenancy.models
from tenancy import rls


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Organization",
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
                    "slug",
                    models.SlugField(
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9-]+$")],
                    ),
                ),
                ("name", models.CharField(help_text="As patients know it.", max_length=120)),
                (
                    "legal_name",
                    models.CharField(help_text="As authorizations name it.", max_length=200),
                ),
                (
                    "postal_address",
                    models.CharField(
                        help_text="Stands in every message (15 U.S.C. 7704(a)(5)).", max_length=300
                    ),
                ),
                (
                    "phone",
                    models.CharField(
                        blank=True,
                        help_text="Where a patient can ask if a message is genuine.",
                        max_length=40,
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(help_text="Such as America/Chicago.", max_length=60),
                ),
                (
                    "public_code",
                    models.CharField(
                        default=tenancy.models.new_public_code, max_length=16, unique=True
                    ),
                ),
                (
                    "link_origin",
                    models.CharField(
                        help_text="Where links in mail lead, such as https://mail.example.org.",
                        max_length=200,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^https?://[^/\\s]+$", "Give an origin, without a path."
                            )
                        ],
                    ),
                ),
                (
                    "tracking",
                    models.BooleanField(
                        default=False, help_text="Whether opens and clicks may be recorded at all."
                    ),
                ),
                (
                    "legal_hold",
                    models.BooleanField(default=False, help_text="While set, nothing is erased."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="DataKey",
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
                    "organization_id",
                    models.UUIDField(
                        default=tenancy.current.current_organization_id, editable=False
                    ),
                ),
                (
                    "use",
                    models.CharField(
                        choices=[
                            ("profile", "Profile"),
                            ("index", "Index"),
                            ("message", "Message"),
                            ("authorization", "Authorization"),
                            ("audit", "Audit"),
                            ("link", "Link"),
                            ("sender", "Sender"),
                            ("account", "Account"),
                        ],
                        max_length=16,
                    ),
                ),
                ("version", models.PositiveSmallIntegerField(default=1)),
                ("wrapped", models.BinaryField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "use", "version"),
                        name="tenancy_datakey_one_per_version",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "use__in",
                                [
                                    "profile",
                                    "index",
                                    "message",
                                    "authorization",
                                    "audit",
                                    "link",
                                    "sender",
                                    "account",
                                ],
                            )
                        ),
                        name="tenancy_datakey_known_use",
                    ),
                ],
            },
        ),
        RunSQL(f"GRANT CREATE, USAGE ON SCHEMA public TO {rls.LOOKUP_ROLE}", RunSQL.noop),
        rls.grant("tenancy_organization"),
        rls.tenant_table("tenancy_datakey"),
    ]
