"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key


class Migration(migrations.Migration):
    dependencies = [("mlcache", "0001_initial"), ("campaigns", "0002_walls")]

    operations = [
        row_security("ml_predictions"),
        tenant_foreign_key("ml_predictions", "campaign_id", "campaigns", on_delete="CASCADE"),
    ]
