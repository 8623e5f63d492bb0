import django.db.models.deletion
from django.db import migrations, models

from tenancy import rls


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0001_initial"),
        ("consent", "0002_the_decision"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="cost",
            field=models.DecimalField(
                decimal_places=2,
                help_text="What sending costs, in dollars.",
                max_digits=12,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="features",
            field=models.CharField(default="unknown", max_length=8),
        ),
        migrations.AddField(
            model_name="campaign",
            name="for_others",
            field=models.CharField(default="unknown", max_length=8),
        ),
        migrations.AddField(
            model_name="campaign",
            name="gives_away",
            field=models.CharField(default="unknown", max_length=8),
        ),
        migrations.AddField(
            model_name="campaign",
            name="payment",
            field=models.DecimalField(
                decimal_places=2,
                help_text="What somebody pays, in dollars.",
                max_digits=12,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="refill_field",
            field=models.CharField(
                blank=True,
                help_text="The field that holds when a prescription ended.",
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="sealed_decided",
            field=models.BinaryField(
                help_text="What was decided on last, for whoever decides next to compare.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="topic",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="consent.topic",
            ),
        ),
        rls.composite_key("campaigns_campaign", "topic_id", "consent_topic"),
    ]
