"""Whoever muted a rule and chose nothing else has no channels stored: the defaults hold for them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rules", "0014_slack_installs")]

    operations = [
        migrations.AlterField(
            model_name="notificationpreferences",
            name="channels",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
