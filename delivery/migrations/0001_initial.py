import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL, SeparateDatabaseAndState

import delivery.rules
import tenancy.current
import tenancy.models
from tenancy import rls

EVENTS = """
CREATE TABLE delivery_event (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    mailing_id uuid NOT NULL,
    message_id uuid NOT NULL,
    kind varchar(16) NOT NULL,
    link smallint,
    verdict varchar(8) NOT NULL,
    detail varchar(60) NOT NULL,
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at)
"""

MAKE_PARTITIONS = """
CREATE FUNCTION delivery_make_partitions() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', now())::date;
BEGIN
    FOR i IN 0..3 LOOP
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS public.delivery_event_%s PARTITION OF public.delivery_event '
            'FOR VALUES FROM (%L) TO (%L)',
            to_char(first, 'YYYY_MM'), first, (first + interval '1 month')::date);
        first := (first + interval '1 month')::date;
    END LOOP;
END $$
"""

DUE = """
BEGIN
    RETURN QUERY
    SELECT due.organization_id, due.id FROM (
        SELECT b.organization_id, b.id,
            row_number() OVER (PARTITION BY b.organization_id ORDER BY b.due_at, b.id) AS turn
        FROM public.delivery_batch b
        JOIN public.delivery_mailing m ON m.id = b.mailing_id
        WHERE NOT b.done AND (
            -- A lease that ran out is looked into whatever became of its mailing since.
            b.lease_until < now()
            OR (b.lease_until IS NULL AND b.due_at <= now() AND m.status = 'sending')
        )
    ) due ORDER BY due.turn LIMIT batches;
END
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("consent", "0001_initial"),
        ("contacts", "0001_initial"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="DomainPosture",
            fields=[
                ("domain", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("verdict", models.CharField(max_length=24)),
                ("detail", models.CharField(blank=True, max_length=80)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        SeparateDatabaseAndState(
            database_operations=[RunSQL(EVENTS, "DROP TABLE delivery_event")],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "id",
                                "occurred_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("id", models.UUIDField()),
                        ("occurred_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("mailing_id", models.UUIDField()),
                        ("message_id", models.UUIDField()),
                        ("kind", models.CharField(max_length=16)),
                        ("link", models.PositiveSmallIntegerField(null=True)),
                        ("verdict", models.CharField(blank=True, max_length=8)),
                        ("detail", models.CharField(blank=True, max_length=60)),
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
            ],
        ),
        migrations.CreateModel(
            name="Sender",
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
                ("name", models.CharField(max_length=80)),
                ("address", models.EmailField(max_length=254)),
                (
                    "selector",
                    models.CharField(help_text="DKIM selector (RFC 6376 3.1).", max_length=40),
                ),
                ("sealed_key", models.BinaryField(help_text="DKIM RSA-2048 private key.")),
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
            name="Mailing",
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
                ("reference", models.UUIDField()),
                ("sealed_content", models.BinaryField()),
                ("content_digest", models.CharField(max_length=64)),
                ("purpose", models.CharField(max_length=40)),
                ("remuneration", models.CharField(max_length=10)),
                ("sponsor", models.CharField(blank=True, max_length=120)),
                (
                    "categories",
                    models.JSONField(default=list, help_text="Field groups that chose or fill it."),
                ),
                ("approved_digest", models.CharField(max_length=64)),
                ("approved_by", models.UUIDField()),
                ("tracking", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("planned", "planned"),
                            ("sending", "sending"),
                            ("paused", "paused"),
                            ("stopped", "stopped"),
                            ("finished", "finished"),
                        ],
                        default=delivery.rules.MailingStatus["PLANNED"],
                        max_length=10,
                    ),
                ),
                ("audience", models.PositiveIntegerField(default=0)),
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
                (
                    "sender",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="delivery.sender",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Batch",
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
                ("mail_domain", models.CharField(max_length=255)),
                ("first_message", models.UUIDField()),
                ("last_message", models.UUIDField()),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField(null=True)),
                ("done", models.BooleanField(default=False)),
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
                    "mailing",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="delivery.mailing",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("done", False)),
                        fields=["organization", "due_at"],
                        name="delivery_batch_waiting",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
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
                ("mail_domain", models.CharField(max_length=255)),
                (
                    "status",
                    models.CharField(default=delivery.rules.Status["QUEUED"], max_length=12),
                ),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("route", models.CharField(default="mail", max_length=6)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("first_attempt_at", models.DateTimeField(null=True)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("in_flight_since", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("sealed_context", models.BinaryField(null=True)),
                (
                    "decided_at",
                    models.DateTimeField(help_text="When the permit was computed.", null=True),
                ),
                (
                    "protection",
                    models.JSONField(
                        default=dict,
                        help_text="Server, TLS version and cipher, reply codes of the last attempt.",
                    ),
                ),
                (
                    "authorization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The signed authorization that the permit rests on, if it needs one.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="consent.authorization",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="contacts.contact",
                    ),
                ),
                (
                    "evidence",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="consent.permitevidence",
                    ),
                ),
                (
                    "mailing",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="delivery.mailing",
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
                "indexes": [
                    models.Index(
                        fields=["organization", "mailing", "status"],
                        name="delivery_message_by_status",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "mailing", "contact"), name="delivery_message_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    delivery.rules.Status["QUEUED"],
                                    delivery.rules.Status["TRANSMITTING"],
                                    delivery.rules.Status["ACCEPTED"],
                                    delivery.rules.Status["IN_PORTAL"],
                                    delivery.rules.Status["SUPPRESSED"],
                                    delivery.rules.Status["FAILED"],
                                    delivery.rules.Status["HELD"],
                                    delivery.rules.Status["STOPPED"],
                                    delivery.rules.Status["UNCERTAIN"],
                                ],
                            )
                        ),
                        name="delivery_message_known_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("route__in", ["mail", "portal"])),
                        name="delivery_message_known_route",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("status", delivery.rules.Status["TRANSMITTING"]), _negated=True
                            ),
                            ("in_flight_since__isnull", False),
                            _connector="OR",
                        ),
                        name="delivery_message_in_flight_since",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="sender",
            constraint=models.UniqueConstraint(
                fields=("organization", "address"), name="delivery_sender_one_per_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="mailing",
            constraint=models.UniqueConstraint(
                fields=("organization", "reference"), name="delivery_mailing_one_per_reference"
            ),
        ),
        migrations.AddConstraint(
            model_name="mailing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            delivery.rules.MailingStatus["PLANNED"],
                            delivery.rules.MailingStatus["SENDING"],
                            delivery.rules.MailingStatus["PAUSED"],
                            delivery.rules.MailingStatus["STOPPED"],
                            delivery.rules.MailingStatus["FINISHED"],
                        ],
                    )
                ),
                name="delivery_mailing_known_status",
            ),
        ),
        rls.grant("delivery_domainposture"),
        rls.tenant_table("delivery_sender"),
        rls.tenant_table("delivery_mailing"),
        rls.tenant_table("delivery_batch"),
        rls.tenant_table("delivery_message"),
        rls.composite_key("delivery_mailing", "sender_id", "delivery_sender"),
        rls.composite_key("delivery_batch", "mailing_id", "delivery_mailing"),
        rls.composite_key("delivery_message", "mailing_id", "delivery_mailing"),
        rls.composite_key("delivery_message", "contact_id", "contacts_contact"),
        rls.composite_key("delivery_message", "evidence_id", "consent_permitevidence"),
        rls.composite_key("delivery_message", "authorization_id", "consent_authorization"),
        # Partitions get no grants: read directly, a partition ignores its parent's policy.
        rls.tenant_table("delivery_event", "SELECT, INSERT", partitioned=True),
        RunSQL(
            "CREATE INDEX delivery_event_of_mailing ON delivery_event "
            "(organization_id, mailing_id, kind)",
            RunSQL.noop,
        ),
        RunSQL(
            "CREATE INDEX delivery_event_of_message ON delivery_event (organization_id, message_id)",
            RunSQL.noop,
        ),
        RunSQL(MAKE_PARTITIONS, "DROP FUNCTION delivery_make_partitions"),
        RunSQL(
            [
                "REVOKE ALL ON FUNCTION delivery_make_partitions() FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION delivery_make_partitions() TO {rls.application_role()}",
                "SELECT delivery_make_partitions()",
            ],
            RunSQL.noop,
        ),
        # Goes round the organizations: the first batch of each before the second of any.
        rls.lookup_function(
            "delivery_due_batches(batches integer)",
            "TABLE (organization_id uuid, batch_id uuid)",
            DUE,
            ["delivery_batch", "delivery_mailing"],
        ),
    ]
