"""Who sees to an alert, and until when it keeps quiet."""

from django.conf import settings
from django.db import migrations, models

from stratum.lib.ddl import tenant_foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0007_schedule_versions_and_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="assigned_to",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert", name="snoozed_until", field=models.DateTimeField(blank=True, null=True)
        ),
        tenant_foreign_key("alerts", "assigned_to_id", "users", on_delete="SET NULL"),
    ]
