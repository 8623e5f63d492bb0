from django.db import migrations, models
from django.db.migrations import RunSQL


class Migration(migrations.Migration):
    dependencies = [
        ("consent", "0002_the_decision"),
        ("contacts", "0003_index_again"),
        ("delivery", "0002_message_of_contact"),
        ("tenancy", "0002_walks"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="message",
            name="delivery_message_known_route",
        ),
        migrations.AddField(
            model_name="mailing",
            name="kind",
            field=models.CharField(
                default="campaign",
                help_text="campaign, or copy: a signed authorization on its way to its signer.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="mailing",
            name="use",
            field=models.JSONField(
                default=dict,
                help_text="What it does with information: `consent.rules.purposes.Use`.",
            ),
        ),
        RunSQL(
            "UPDATE delivery_mailing SET use = jsonb_build_object('purpose', purpose,"
            " 'remuneration', remuneration, 'sponsor', sponsor, 'information', categories)",
            RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name="mailing",
            name="categories",
        ),
        migrations.RemoveField(
            model_name="mailing",
            name="purpose",
        ),
        migrations.RemoveField(
            model_name="mailing",
            name="remuneration",
        ),
        migrations.RemoveField(
            model_name="mailing",
            name="sponsor",
        ),
        migrations.AddConstraint(
            model_name="mailing",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["campaign", "copy"])),
                name="delivery_mailing_known_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("route__in", ["mail", "portal", "plain"])),
                name="delivery_message_known_route",
            ),
        ),
    ]
