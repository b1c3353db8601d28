"""Row-level security, keys that carry the tenant, and the updated_at triggers."""

from django.db import migrations

from stratum.lib.ddl import row_security, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [("competitors", "0001_initial"), ("tenants", "0002_walls")]

    operations = [
        row_security("competitor_benchmarks"),
        touch_updated_at("competitor_benchmarks"),
    ]
