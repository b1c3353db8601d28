"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("tenants", "0002_walls"), ("accounts", "0002_walls")]

    operations = [
        # Restatements rewrite most days of a month: room on each page keeps nearly all of them HOT updates.
        migrations.RunSQL(
            "ALTER TABLE campaign_metrics SET (fillfactor = 70)", "ALTER TABLE campaign_metrics RESET (fillfactor)"
        ),
        row_security("ad_accounts"),
        row_security("campaigns"),
        row_security("campaign_metrics"),
        row_security("metric_revisions"),
        row_security("daily_totals"),
        row_security("import_batches"),
        row_security("sync_runs"),
        touch_updated_at("ad_accounts"),
        touch_updated_at("campaigns"),
        touch_updated_at("import_batches"),
        tenant_foreign_key("campaigns", "ad_account_id", "ad_accounts"),
        tenant_foreign_key("campaign_metrics", "campaign_id", "campaigns", on_delete="CASCADE"),
        tenant_foreign_key("campaign_metrics", "import_batch_id", "import_batches", on_delete="SET NULL"),
        tenant_foreign_key("metric_revisions", "campaign_id", "campaigns", on_delete="CASCADE"),
        tenant_foreign_key("metric_revisions", "import_batch_id", "import_batches", on_delete="SET NULL"),
        tenant_foreign_key("metric_revisions", "sync_run_id", "sync_runs", on_delete="SET NULL"),
        tenant_foreign_key("daily_totals", "ad_account_id", "ad_accounts", on_delete="CASCADE"),
        tenant_foreign_key("import_batches", "ad_account_id", "ad_accounts"),
        tenant_foreign_key("import_batches", "uploaded_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("sync_runs", "ad_account_id", "ad_accounts", on_delete="CASCADE"),
    ]
