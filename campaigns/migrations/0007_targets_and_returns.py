"""What people want of a campaign, and changes that are taken back by themselves."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0006_connection_walls"),
        ("tenants", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="target_cpa_cents",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="campaign",
            name="target_roas",
            field=models.DecimalField(blank=True, decimal_places=2, max_digits=8, null=True),
        ),
        migrations.AddField(
            model_name="campaignchange",
            name="revert_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="campaignchange",
            name="revert_note",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddIndex(
            model_name="campaignchange",
            index=models.Index(
                condition=models.Q(("revert_at__isnull", False)),
                fields=["revert_at"],
                name="ix_campaign_changes_revert",
            ),
        ),
    ]
