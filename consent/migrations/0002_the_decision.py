import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations import RunSQL

import tenancy.current
import tenancy.models
from tenancy import rls

CURRENT = f"organization_id = (SELECT {rls.CURRENT})"


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0001_initial"),
        ("contacts", "0003_index_again"),
        ("tenancy", "0002_walks"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressConfirmation",
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
                ("wording", models.TextField(help_text="What was agreed to.")),
                ("channel", models.CharField(help_text="mail or signature", max_length=16)),
                ("asked_by", models.UUIDField(null=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "send_at",
                    models.DateTimeField(
                        help_text="When its letter is to go; nothing once a server took or refused it.",
                        null=True,
                    ),
                ),
                (
                    "sent_at",
                    models.DateTimeField(
                        help_text="When a mail server took the letter.", null=True
                    ),
                ),
                ("confirmed_at", models.DateTimeField(null=True)),
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
            name="Alert",
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
                ("kind", models.CharField(max_length=32)),
                ("object_type", models.CharField(max_length=32)),
                ("object_id", models.UUIDField()),
                ("raised_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("done_at", models.DateTimeField(null=True)),
                ("done_by", models.UUIDField(null=True)),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="What was done about it.", max_length=300
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
            name="ConsentPolicy",
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
                    "confirm_addresses",
                    models.BooleanField(
                        default=False,
                        help_text="Promotional mail waits until the address is confirmed.",
                    ),
                ),
                (
                    "fundraising_in_notice",
                    models.BooleanField(
                        default=False,
                        help_text="The notice of privacy practices mentions fundraising (164.514(f)(2)(i)).",
                    ),
                ),
                ("reading_grade", models.FloatField(default=8.0)),
                (
                    "renew_before_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="Ask for a renewal so many days before the end; 0 for never.",
                    ),
                ),
                ("changed_by", models.UUIDField(null=True)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
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
            name="Dispute",
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
                ("reason", models.CharField(max_length=24)),
                ("recorded_by", models.UUIDField(null=True)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "authorization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
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
            name="IntegrityCheck",
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
                ("checked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("authorizations", models.PositiveIntegerField()),
                ("altered", models.PositiveIntegerField()),
                (
                    "asked_by",
                    models.UUIDField(help_text="Nobody, if it was the daily one.", null=True),
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
            name="PackChoice",
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
                ("pack", models.CharField(max_length=20)),
                ("version", models.PositiveSmallIntegerField()),
                ("turned_on_by", models.UUIDField()),
                ("turned_on_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("turned_off_by", models.UUIDField(null=True)),
                ("turned_off_at", models.DateTimeField(null=True)),
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
            name="PlainMailWish",
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
                ("warning", models.TextField(help_text="The text that was read.")),
                ("channel", models.CharField(help_text="page, paper or in_person", max_length=16)),
                ("recorded_by", models.UUIDField(null=True)),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(null=True)),
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
            name="Preference",
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
                    "declined_topics",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), default=list, size=None
                    ),
                ),
                (
                    "most_per_month",
                    models.PositiveSmallIntegerField(help_text="Nothing: no limit.", null=True),
                ),
                (
                    "paused_until",
                    models.DateField(help_text="Mail goes again from this day on.", null=True),
                ),
                (
                    "track",
                    models.BooleanField(
                        default=True, help_text="Whether opens and clicks may be counted."
                    ),
                ),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "wrong_dates",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Wrong dates of birth in a row, on whichever page."
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
            name="Restriction",
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
                    "purposes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        help_text="Every purpose it covers.",
                        size=None,
                    ),
                ),
                (
                    "sealed_note",
                    models.BinaryField(help_text="What the person asked, in words.", null=True),
                ),
                ("received_on", models.DateField()),
                ("recorded_by", models.UUIDField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.UUIDField(null=True)),
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
            name="Ruling",
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
                    "reference",
                    models.UUIDField(help_text="What is to be sent, as its maker knows it."),
                ),
                (
                    "digest",
                    models.CharField(help_text="Of exactly what was submitted.", max_length=64),
                ),
                ("rule", models.CharField(max_length=40)),
                ("outcome", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=500)),
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Scan",
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
                ("sealed", models.BinaryField()),
                ("media_type", models.CharField(max_length=40)),
                ("size", models.PositiveIntegerField()),
                ("digest", models.CharField(help_text="SHA-256 of the file.", max_length=64)),
                ("added_by", models.UUIDField()),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "authorization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scans",
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
            name="SigningRequest",
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
                ("channel", models.CharField(help_text="mail or desk", max_length=8)),
                ("asked_by", models.UUIDField(help_text="Nobody, if a rule asked.", null=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                (
                    "send_at",
                    models.DateTimeField(
                        help_text="When its letter is to go; nothing once a server took or refused it.",
                        null=True,
                    ),
                ),
                (
                    "sent_at",
                    models.DateTimeField(
                        help_text="When a mail server took the letter.", null=True
                    ),
                ),
                ("reminded_at", models.DateTimeField(null=True)),
                (
                    "address_token",
                    models.UUIDField(help_text="Of the address its letter went to.", null=True),
                ),
                ("wrong_tries", models.PositiveSmallIntegerField(default=0)),
                (
                    "outcome",
                    models.CharField(
                        blank=True, help_text="signed, declined or failed", max_length=8
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "authorization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
                    "renews",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="consent.authorization",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
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
            name="Topic",
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
                ("name", models.CharField(max_length=60)),
                (
                    "name_es",
                    models.CharField(blank=True, help_text="The name in Spanish.", max_length=60),
                ),
                ("retired_at", models.DateTimeField(null=True)),
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
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.RemoveConstraint(
            model_name="suppression",
            name="consent_suppression_once",
        ),
        migrations.AddField(
            model_name="authorization",
            name="language",
            field=models.CharField(
                blank=True,
                help_text="The language it was signed in; empty for the first.",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="authorizationform",
            name="translations",
            field=models.JSONField(
                default=list, help_text="The same text in other languages, being worked on."
            ),
        ),
        migrations.AddField(
            model_name="formversion",
            name="translations",
            field=models.JSONField(default=list, help_text="The same in other languages."),
        ),
        migrations.AddField(
            model_name="suppression",
            name="lifted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="suppression",
            name="lifted_because",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="suppression",
            name="lifted_by",
            field=models.UUIDField(help_text="Nobody, if the person did it.", null=True),
        ),
        migrations.AddField(
            model_name="suppression",
            name="recorded_by",
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name="formversion",
            name="digest",
            field=models.CharField(help_text="Over the text and its translations.", max_length=64),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="source",
            field=models.CharField(
                help_text="link, one_click, bounce, staff or list", max_length=24
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)),
                fields=("organization", "address_token", "scope", "reason"),
                name="consent_suppression_standing_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        ["unsubscribed", "bounced", "complained", "do_not_contact", "household"],
                    )
                ),
                name="consent_suppression_known_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="addressconfirmation",
            constraint=models.UniqueConstraint(
                fields=("organization", "contact", "address_token"),
                name="consent_addressconfirmation_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("done_at", None)),
                fields=("organization", "kind", "object_id"),
                name="consent_alert_open_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentpolicy",
            constraint=models.UniqueConstraint(
                fields=("organization",), name="consent_consentpolicy_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="consentpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("reading_grade__gte", 4), ("reading_grade__lte", 12)),
                name="consent_consentpolicy_sane_grade",
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.UniqueConstraint(
                fields=("organization", "authorization"), name="consent_dispute_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="packchoice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("turned_off_at", None)),
                fields=("organization", "pack"),
                name="consent_packchoice_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="plainmailwish",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)),
                fields=("organization", "contact", "address_token"),
                name="consent_plainmailwish_standing_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="preference",
            constraint=models.UniqueConstraint(
                fields=("organization", "contact"), name="consent_preference_one_per_contact"
            ),
        ),
        migrations.AddIndex(
            model_name="restriction",
            index=models.Index(fields=["organization", "contact"], name="consent_restriction_of"),
        ),
        migrations.AddIndex(
            model_name="ruling",
            index=models.Index(
                fields=["organization", "reference", "digest"], name="consent_ruling_on"
            ),
        ),
        migrations.AddConstraint(
            model_name="ruling",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["allow", "authorized_only", "refuse"])),
                name="consent_ruling_known_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="scan",
            index=models.Index(fields=["organization", "authorization"], name="consent_scan_of"),
        ),
        migrations.AddIndex(
            model_name="signingrequest",
            index=models.Index(
                fields=["organization", "contact"], name="consent_signingrequest_of"
            ),
        ),
        migrations.AddIndex(
            model_name="signingrequest",
            index=models.Index(
                condition=models.Q(("send_at", None), _negated=True),
                fields=["organization", "send_at"],
                name="consent_signingrequest_due",
            ),
        ),
        migrations.AddIndex(
            model_name="addressconfirmation",
            index=models.Index(
                condition=models.Q(("send_at", None), _negated=True),
                fields=["organization", "send_at"],
                name="consent_confirmation_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="signingrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["mail", "desk"])),
                name="consent_signingrequest_known_channel",
            ),
        ),
        migrations.AddConstraint(
            model_name="signingrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["", "signed", "declined", "failed"])),
                name="consent_signingrequest_known_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="signingrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("outcome", "")),
                fields=("organization", "contact", "version"),
                name="consent_signingrequest_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="topic",
            constraint=models.UniqueConstraint(
                fields=("organization", "name"), name="consent_topic_one_per_name"
            ),
        ),
        rls.grant("consent_authorization", "UPDATE (sealed)"),  # under a newer key
        # The organization is read once for each query, not for each row: permits read thousands.
        RunSQL(
            f"ALTER POLICY tenant ON consent_authorization USING ({CURRENT}) WITH CHECK ({CURRENT})",
            RunSQL.noop,
        ),
        rls.tenant_table("consent_addressconfirmation"),
        rls.tenant_table("consent_alert", "SELECT, INSERT, UPDATE"),
        rls.tenant_table("consent_consentpolicy", "SELECT, INSERT, UPDATE"),
        rls.tenant_table("consent_dispute", "SELECT, INSERT"),
        rls.tenant_table("consent_integritycheck", "SELECT, INSERT"),
        rls.tenant_table("consent_packchoice", "SELECT, INSERT, UPDATE"),
        rls.tenant_table("consent_plainmailwish"),
        rls.tenant_table("consent_preference"),
        rls.tenant_table("consent_restriction"),
        rls.tenant_table("consent_ruling", "SELECT, INSERT"),
        rls.tenant_table("consent_scan", "SELECT, INSERT, UPDATE (sealed)"),
        rls.tenant_table("consent_signingrequest"),
        rls.tenant_table("consent_topic"),
        rls.composite_key("consent_addressconfirmation", "contact_id", "contacts_contact"),
        rls.composite_key("consent_dispute", "authorization_id", "consent_authorization"),
        rls.composite_key("consent_plainmailwish", "contact_id", "contacts_contact"),
        rls.composite_key("consent_preference", "contact_id", "contacts_contact"),
        rls.composite_key("consent_restriction", "contact_id", "contacts_contact"),
        rls.composite_key("consent_scan", "authorization_id", "consent_authorization"),
        rls.composite_key("consent_signingrequest", "contact_id", "contacts_contact"),
        rls.composite_key("consent_signingrequest", "version_id", "consent_formversion"),
        rls.composite_key("consent_signingrequest", "authorization_id", "consent_authorization"),
        rls.composite_key("consent_signingrequest", "renews_id", "consent_authorization"),
    ]
