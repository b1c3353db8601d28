"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("creatives", "0001_initial"), ("campaigns", "0002_walls")]

    operations = [
        row_security("creative_assets"),
        touch_updated_at("creative_assets"),
        tenant_foreign_key("creative_assets", "campaign_id", "campaigns", on_delete="SET NULL"),
    ]
