from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0004_quicker_imports")]

    operations = [
        migrations.AddField(
            model_name="export",
            name="total",
            field=models.PositiveIntegerField(
                help_text="To write, once they are found.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="export",
            name="rows",
            field=models.PositiveIntegerField(default=0, help_text="Written so far."),
        ),
    ]
