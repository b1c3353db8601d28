"""The application's two roles, the updated_at trigger, and row-level security on the workspace tables."""

from django.db import migrations

from stratum.lib.ddl import APP_ROLE, UNSCOPED_ROLE, row_security, touch_updated_at

# Roles belong to the cluster: another database of it may have made them already, and dropping one here would
# break that database, so reversing leaves them.
CREATE_ROLES = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{UNSCOPED_ROLE}') THEN
        CREATE ROLE {UNSCOPED_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    -- May become the other role by name (SET ROLE), never by inheritance: its policies stay out of daily work.
    GRANT {UNSCOPED_ROLE} TO {APP_ROLE} WITH INHERIT FALSE, SET TRUE;
    GRANT {APP_ROLE}, {UNSCOPED_ROLE} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- two databases of one cluster migrated at the same moment
END $$;
"""

TOUCH = """
CREATE FUNCTION stratum_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_ROLES, migrations.RunSQL.noop),
        migrations.RunSQL(TOUCH, "DROP FUNCTION stratum_touch();"),
        row_security("tenants", column="id"),
        row_security("job_runs"),
        touch_updated_at("tenants"),
    ]
