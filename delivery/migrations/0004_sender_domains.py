import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL

import tenancy.current
import tenancy.models
from tenancy import rls

# A key that was published for a single sender is not carried over: a domain has keys of its own,
# of both kinds, and its page says what to publish before anything is sent.
DOMAINS_OF_SENDERS = """
INSERT INTO delivery_senderdomain (id, organization_id, name, bounce_domain, findings, created_at)
SELECT gen_random_uuid(), organization_id, name, 'bounces.' || name, '{}', now()
FROM (SELECT DISTINCT organization_id, split_part(address, '@', 2) AS name FROM delivery_sender) each
"""
THEIR_DOMAIN = """
UPDATE delivery_sender s SET domain_id = d.id FROM delivery_senderdomain d
WHERE d.organization_id = s.organization_id AND d.name = split_part(s.address, '@', 2)
"""


def _id():
    return (
        "id",
        models.UUIDField(
            default=tenancy.models.new_id, editable=False, primary_key=True, serialize=False
        ),
    )


def _organization():
    return (
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
    )


def _domain(**more):
    return models.ForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.PROTECT,
        to="delivery.senderdomain",
        **more,
    )


TENANT = {"abstract": False, "base_manager_name": "objects"}


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0003_expiring"),
        ("contacts", "0004_quicker_imports"),
        ("delivery", "0003_what_a_mailing_does"),
        ("tenancy", "0002_walks"),
    ]

    operations = [
        migrations.CreateModel(
            name="SenderDomain",
            fields=[
                _id(),
                ("name", models.CharField(max_length=253)),
                (
                    "bounce_domain",
                    models.CharField(
                        help_text="Where mail comes back to: its SPF is what DMARC aligns with.",
                        max_length=253,
                    ),
                ),
                ("checked_at", models.DateTimeField(null=True)),
                (
                    "findings",
                    models.JSONField(
                        default=dict, help_text="By record: ok, missing, wrong or unknown."
                    ),
                ),
                (
                    "aligned_at",
                    models.DateTimeField(
                        help_text="Since when all that must stand stands.", null=True
                    ),
                ),
                (
                    "warm_up_from",
                    models.DateField(
                        help_text="First day of a warm-up plan: few messages a day at first,"
                        " then more.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                _organization(),
            ],
            options={
                **TENANT,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "name"), name="delivery_senderdomain_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DkimKey",
            fields=[
                _id(),
                ("algorithm", models.CharField(max_length=7)),
                ("selector", models.CharField(help_text="RFC 6376 3.1.", max_length=40)),
                ("record", models.TextField(help_text="The TXT record to publish.")),
                ("sealed_key", models.BinaryField(help_text="The private key.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("active_at", models.DateTimeField(null=True)),
                ("retired_at", models.DateTimeField(null=True)),
                _organization(),
                ("domain", _domain()),
            ],
            options={
                **TENANT,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "domain", "selector"),
                        name="delivery_dkimkey_one_selector",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("algorithm__in", ["rsa", "ed25519"])),
                        name="delivery_dkimkey_known_algorithm",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryPolicy",
            fields=[
                _id(),
                (
                    "minimum_level",
                    models.CharField(
                        default="L2",
                        help_text="L2: TLS verified for the server's name. L3: also that it is the"
                        " domain's server.",
                        max_length=2,
                    ),
                ),
                ("give_up_after_hours", models.PositiveSmallIntegerField(default=48)),
                _organization(),
            ],
            options={
                **TENANT,
                "constraints": [
                    models.UniqueConstraint(fields=("organization",), name="delivery_policy_once"),
                    models.CheckConstraint(
                        condition=models.Q(("minimum_level__in", ["L2", "L3"])),
                        name="delivery_policy_known_level",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("give_up_after_hours__range", (1, 120))),
                        name="delivery_policy_hours",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EmergencyStop",
            fields=[
                _id(),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_by", models.UUIDField()),
                ("reason", models.CharField(max_length=200)),
                (
                    "mailings",
                    models.JSONField(default=list, help_text="The mailings that it stopped."),
                ),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_by", models.UUIDField(null=True)),
                _organization(),
            ],
            options={
                **TENANT,
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)),
                        fields=("organization",),
                        name="delivery_emergencystop_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SentOfDay",
            fields=[
                _id(),
                ("lane", models.CharField(max_length=40)),
                ("day", models.DateField()),
                ("sent", models.PositiveIntegerField(default=0)),
                ("deferred", models.PositiveIntegerField(default=0)),
                ("complained", models.PositiveIntegerField(default=0)),
                _organization(),
                ("domain", _domain(db_index=False)),
            ],
            options={
                **TENANT,
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "domain", "lane", "day"),
                        name="delivery_sentofday_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LaneHold",
            fields=[
                ("lane", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
                ("reason", models.CharField(max_length=40)),
                ("set_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField("domainposture", "lane", models.CharField(blank=True, max_length=40)),
        migrations.AddField("domainposture", "level", models.CharField(blank=True, max_length=2)),
        migrations.AddField(
            "domainposture",
            "protected_since",
            models.DateTimeField(
                help_text="Since when every connection was protected; null once one was not.",
                null=True,
            ),
        ),
        migrations.AddField(
            "mailing",
            "send_until",
            models.DateTimeField(
                help_text="A campaign's own deadline: what is not sent by then is not sent.",
                null=True,
            ),
        ),
        migrations.AddField(
            "mailing",
            "withdrawn_at",
            models.DateTimeField(
                help_text="From then on the portal shows none of its messages any more.", null=True
            ),
        ),
        rls.tenant_table("delivery_senderdomain"),
        rls.tenant_table("delivery_dkimkey"),
        rls.tenant_table("delivery_deliverypolicy"),
        rls.tenant_table("delivery_emergencystop"),
        rls.tenant_table("delivery_sentofday"),
        rls.grant("delivery_lanehold"),
        rls.composite_key("delivery_dkimkey", "domain_id", "delivery_senderdomain"),
        rls.composite_key("delivery_sentofday", "domain_id", "delivery_senderdomain"),
        migrations.AddField("sender", "domain", _domain(null=True)),
        RunSQL(DOMAINS_OF_SENDERS, RunSQL.noop),
        RunSQL(THEIR_DOMAIN, RunSQL.noop),
        RunSQL("SET CONSTRAINTS ALL IMMEDIATE", RunSQL.noop),
        migrations.AlterField("sender", "domain", _domain()),
        rls.composite_key("delivery_sender", "domain_id", "delivery_senderdomain"),
        migrations.RemoveField("sender", "sealed_key"),
        migrations.RemoveField("sender", "selector"),
    ]
