"""The guard of the append-only tables names the one allowed change without looking at columns a table has not."""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- ON DELETE SET NULL of users is the one change that is not a forgery.
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_logs' THEN
        IF to_jsonb(OLD) - 'user_id' = to_jsonb(NEW) - 'user_id' AND to_jsonb(NEW) -> 'user_id' = 'null' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_audit_actor_in_chain")]

    # The guard before this one differed in its wording only where it worked: going back needs nothing.
    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
