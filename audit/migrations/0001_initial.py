import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL

import tenancy.current
import tenancy.models
from tenancy import rls

REFUSE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$
"""

WAIT = """
CREATE FUNCTION audit_wait_for_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_pending (id, organization_id, event_id)
    VALUES (gen_random_uuid(), NEW.organization_id, NEW.id);
    RETURN NEW;
END $$
"""


def append_only(table):
    return RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()",
        RunSQL.noop,
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Pending",
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
                ("event_id", models.UUIDField()),
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
            name="Event",
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
                ("occurred_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "actor_id",
                    models.UUIDField(help_text="The user; empty for the system itself.", null=True),
                ),
                ("action", models.CharField(max_length=60)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("done", "Done"), ("refused", "Refused")],
                        default="done",
                        max_length=8,
                    ),
                ),
                ("object_type", models.CharField(blank=True, max_length=40)),
                ("object_id", models.UUIDField(null=True)),
                ("details", models.JSONField(default=dict)),
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
                    models.Index(
                        fields=["organization", "-occurred_at"], name="audit_event_newest"
                    ),
                    models.Index(
                        fields=["organization", "object_id"], name="audit_event_of_object"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["done", "refused"])),
                        name="audit_event_known_outcome",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Link",
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
                ("sequence", models.PositiveBigIntegerField()),
                ("event_id", models.UUIDField()),
                (
                    "digest",
                    models.BinaryField(
                        help_text="HMAC-SHA-256 over the previous digest and the event."
                    ),
                ),
                ("sealed_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "sequence"), name="audit_link_one_per_sequence"
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "event_id"), name="audit_link_one_per_event"
                    ),
                ],
            },
        ),
        rls.tenant_table("audit_event", "SELECT, INSERT"),
        rls.tenant_table("audit_link", "SELECT, INSERT"),
        rls.tenant_table("audit_pending", "SELECT, INSERT, DELETE"),
        rls.composite_key("audit_link", "event_id", "audit_event"),
        rls.composite_key("audit_pending", "event_id", "audit_event"),
        RunSQL(REFUSE, "DROP FUNCTION audit_refuse_change"),
        append_only("audit_event"),
        append_only("audit_link"),
        RunSQL(WAIT, "DROP FUNCTION audit_wait_for_seal"),
        RunSQL(
            "CREATE TRIGGER wait_for_seal AFTER INSERT ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_wait_for_seal()",
            RunSQL.noop,
        ),
        rls.lookup_function(
            "audit_organizations_with_pending()",
            "SETOF uuid",
            "BEGIN RETURN QUERY SELECT DISTINCT organization_id FROM public.audit_pending; END",
            ["audit_pending"],
        ),
    ]
