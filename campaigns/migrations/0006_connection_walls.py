"""Row-level security and keys that carry the tenant, for connections and the ledger of changes."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_connections_and_changes")]

    operations = [
        row_security("connections"),
        row_security("campaign_changes"),
        touch_updated_at("connections"),
        tenant_foreign_key("connections", "connected_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("ad_accounts", "connection_id", "connections", on_delete="SET NULL"),
        tenant_foreign_key("sync_runs", "requested_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("campaign_changes", "campaign_id", "campaigns", on_delete="CASCADE"),
        tenant_foreign_key("campaign_changes", "user_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("campaign_changes", "undoes_id", "campaign_changes", on_delete="SET NULL"),
    ]
