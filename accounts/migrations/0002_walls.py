"""Row-level security, tenant keys, the append-only audit trail and its hash chain."""

from django.db import migrations

from stratum.lib.ddl import foreign_key, row_security, touch_updated_at

APPEND_ONLY = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- ON DELETE SET NULL of users is the one change that is not a forgery.
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_logs' AND OLD.user_id IS NOT NULL AND NEW.user_id IS NULL THEN
        IF to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_links_append_only BEFORE UPDATE OR DELETE ON audit_links
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
"""

# The digest leaves out everything that may name a person (user, address, agent): anonymising must not break it.
CHAIN = """
CREATE FUNCTION audit_digest(previous bytea, entry audit_logs) RETURNS bytea LANGUAGE sql STABLE
SET timezone = 'UTC' AS $$
    SELECT sha256(previous || convert_to(jsonb_build_object(
        'id', entry.id, 'tenant_id', entry.tenant_id, 'action', entry.action,
        'resource_type', entry.resource_type, 'resource_id', entry.resource_id,
        'old_value', entry.old_value, 'new_value', entry.new_value, 'changed_fields', entry.changed_fields,
        'request_id', entry.request_id, 'actor_kind', entry.actor_kind, 'actor_label', entry.actor_label,
        'created_at', entry.created_at
    )::text, 'UTF8'))
$$;

-- Runs at commit: the lock on the chain is the last one a transaction takes, so writers cannot deadlock over it.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    last_sequence bigint;
    last_digest bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('stratum.audit_chain'), NEW.tenant_id);
    SELECT sequence, digest INTO last_sequence, last_digest
        FROM audit_links WHERE tenant_id = NEW.tenant_id ORDER BY sequence DESC LIMIT 1;
    INSERT INTO audit_links (tenant_id, sequence, audit_id, digest)
        VALUES (NEW.tenant_id, coalesce(last_sequence, 0) + 1, NEW.id, audit_digest(coalesce(last_digest, ''), NEW));
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_logs_chain AFTER INSERT ON audit_logs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_chain();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("tenants", "0002_walls")]

    operations = [
        row_security("users"),
        row_security("audit_logs"),
        row_security("audit_links"),
        touch_updated_at("users"),
        # Not a tenant key: staff of another workspace may act here.
        foreign_key("audit_logs", "user_id", "users", on_delete="SET NULL"),
        foreign_key("audit_links", "audit_id", "audit_logs"),
        migrations.RunSQL(
            APPEND_ONLY,
            """
            DROP TRIGGER audit_links_append_only ON audit_links;
            DROP TRIGGER audit_logs_append_only ON audit_logs;
            DROP FUNCTION audit_refuse_change();
            """,
        ),
        migrations.RunSQL(
            CHAIN,
            """
            DROP TRIGGER audit_logs_chain ON audit_logs;
            DROP FUNCTION audit_chain();
            DROP FUNCTION audit_digest(bytea, audit_logs);
            """,
        ),
    ]
