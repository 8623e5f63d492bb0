from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("consent", "0002_the_decision"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="authorization",
            index=models.Index(
                fields=["organization", "expires_at"], name="consent_authorization_expiring"
            ),
        ),
    ]
