"""Row-level security and keys that carry the tenant, for numbers, consents and what comes in."""

from django.db import migrations

from stratum.lib.ddl import APP_ROLE, UNSCOPED_ROLE, row_security, tenant_foreign_key, touch_updated_at

# A body may speak of several workspaces: the application's role may add one, and no tenant's code can read any.
INTAKE_WALL = f"""
    ALTER TABLE whatsapp_webhooks ENABLE ROW LEVEL SECURITY;
    ALTER TABLE whatsapp_webhooks FORCE ROW LEVEL SECURITY;
    CREATE POLICY whatsapp_webhooks_intake ON whatsapp_webhooks FOR INSERT TO {APP_ROLE} WITH CHECK (true);
    CREATE POLICY whatsapp_webhooks_unscoped ON whatsapp_webhooks TO {UNSCOPED_ROLE} USING (true) WITH CHECK (true);
"""
NO_INTAKE_WALL = """
    DROP POLICY whatsapp_webhooks_unscoped ON whatsapp_webhooks;
    DROP POLICY whatsapp_webhooks_intake ON whatsapp_webhooks;
    ALTER TABLE whatsapp_webhooks NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE whatsapp_webhooks DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("whatsapp", "0003_numbers_consents_webhooks"), ("accounts", "0002_walls")]

    operations = [
        row_security("whatsapp_numbers"),
        row_security("whatsapp_consents"),
        row_security("whatsapp_unmatched"),
        touch_updated_at("whatsapp_numbers"),
        tenant_foreign_key("whatsapp_messages", "number_id", "whatsapp_numbers", on_delete="SET NULL"),
        tenant_foreign_key("whatsapp_messages", "created_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("whatsapp_consents", "contact_id", "whatsapp_contacts", on_delete="CASCADE"),
        tenant_foreign_key("whatsapp_consents", "noted_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("whatsapp_unmatched", "number_id", "whatsapp_numbers", on_delete="CASCADE"),
        migrations.RunSQL(INTAKE_WALL, NO_INTAKE_WALL),
    ]
