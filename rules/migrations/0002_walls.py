"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("rules", "0001_initial"), ("campaigns", "0002_walls")]

    operations = [
        row_security("rules"),
        row_security("rule_executions"),
        row_security("rule_states"),
        row_security("alerts"),
        touch_updated_at("rules"),
        touch_updated_at("alerts"),
        tenant_foreign_key("rule_executions", "rule_id", "rules", on_delete="CASCADE"),
        tenant_foreign_key("rule_executions", "campaign_id", "campaigns", on_delete="SET NULL"),
        tenant_foreign_key("rule_states", "rule_id", "rules", on_delete="CASCADE"),
        tenant_foreign_key("rule_states", "campaign_id", "campaigns", on_delete="CASCADE"),
        tenant_foreign_key("alerts", "rule_id", "rules", on_delete="SET NULL"),
        tenant_foreign_key("alerts", "campaign_id", "campaigns", on_delete="SET NULL"),
        tenant_foreign_key("alerts", "acknowledged_by_id", "users", on_delete="SET NULL"),
    ]
