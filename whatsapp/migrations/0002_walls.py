"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("whatsapp", "0001_initial"), ("accounts", "0002_walls")]

    operations = [
        row_security("whatsapp_contacts"),
        row_security("whatsapp_templates"),
        row_security("whatsapp_messages"),
        touch_updated_at("whatsapp_contacts"),
        touch_updated_at("whatsapp_templates"),
        tenant_foreign_key("whatsapp_contacts", "user_id", "users", on_delete="CASCADE"),
        tenant_foreign_key("whatsapp_messages", "contact_id", "whatsapp_contacts", on_delete="CASCADE"),
        tenant_foreign_key("whatsapp_messages", "template_id", "whatsapp_templates", on_delete="SET NULL"),
    ]
