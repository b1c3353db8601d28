"""The chain also covers who acted, through what and why; look-ups of a request and of people who may export."""

import django.db.models.fields.json
import django.db.models.lookups
from django.db import migrations, models

# The digest leaves out what names a person (address, agent); the actor is a number, kept in the link because the
# entry's own is set to NULL when the person is purged.
DIGEST = """
CREATE FUNCTION audit_digest(previous bytea, entry audit_logs, actor_id int) RETURNS bytea LANGUAGE sql STABLE
SET timezone = 'UTC' AS $$
    SELECT sha256(previous || convert_to(jsonb_build_object(
        'id', entry.id, 'tenant_id', entry.tenant_id, 'actor_id', actor_id, 'action', entry.action,
        'resource_type', entry.resource_type, 'resource_id', entry.resource_id,
        'old_value', entry.old_value, 'new_value', entry.new_value, 'changed_fields', entry.changed_fields,
        'request_id', entry.request_id, 'endpoint', entry.endpoint, 'http_method', entry.http_method,
        'actor_kind', entry.actor_kind, 'actor_label', entry.actor_label, 'reason', entry.reason,
        'created_at', entry.created_at
    )::text, 'UTF8'))
$$;
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    last_sequence bigint;
    last_digest bytea;
BEGIN
    -- Runs at commit: the lock on the chain is the last one a transaction takes, so writers cannot deadlock over it.
    PERFORM pg_advisory_xact_lock(hashtext('stratum.audit_chain'), NEW.tenant_id);
    SELECT sequence, digest INTO last_sequence, last_digest
        FROM audit_links WHERE tenant_id = NEW.tenant_id ORDER BY sequence DESC LIMIT 1;
    INSERT INTO audit_links (tenant_id, sequence, audit_id, actor_id, digest)
        VALUES (NEW.tenant_id, coalesce(last_sequence, 0) + 1, NEW.id, NEW.user_id,
                audit_digest(coalesce(last_digest, ''), NEW, NEW.user_id));
    RETURN NULL;
END $$;
-- The trigger works as the owner, whom FORCE ROW LEVEL SECURITY holds too unless it is a superuser.
CREATE POLICY audit_links_chain ON audit_links TO CURRENT_USER USING (true) WITH CHECK (true);
"""
DIGEST_BEFORE = """
DROP POLICY audit_links_chain ON audit_links;
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
DROP FUNCTION audit_digest(bytea, audit_logs, int);
"""


def rechain(digest: str) -> str:
    """Compute every link again with the digest that now counts: links of before would read as broken."""
    return f"""
    ALTER TABLE audit_links DISABLE TRIGGER audit_links_append_only;
    DO $$
    DECLARE
        link record;
        last_tenant int;
        last_digest bytea;
    BEGIN
        FOR link IN
            SELECT l.id, l.tenant_id, a AS entry FROM audit_links l JOIN audit_logs a ON a.id = l.audit_id
            ORDER BY l.tenant_id, l.sequence
        LOOP
            IF last_tenant IS DISTINCT FROM link.tenant_id THEN
                last_digest := '';
            END IF;
            last_tenant := link.tenant_id;
            last_digest := {digest};
            UPDATE audit_links SET digest = last_digest WHERE id = link.id;
        END LOOP;
    END $$;
    ALTER TABLE audit_links ENABLE TRIGGER audit_links_append_only;
    """


FILL_ACTORS = """
ALTER TABLE audit_links DISABLE TRIGGER audit_links_append_only;
UPDATE audit_links l SET actor_id = a.user_id FROM audit_logs a WHERE a.id = l.audit_id;
ALTER TABLE audit_links ENABLE TRIGGER audit_links_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_walls")]

    operations = [
        migrations.AddField("auditlink", "actor_id", models.IntegerField(null=True)),
        migrations.RunSQL(FILL_ACTORS, migrations.RunSQL.noop),
        migrations.RunSQL(DIGEST, DIGEST_BEFORE),
        migrations.RunSQL(
            rechain("audit_digest(last_digest, link.entry, (link.entry).user_id)"),
            rechain("audit_digest(last_digest, link.entry)"),
        ),
        migrations.RunSQL(
            "DROP FUNCTION audit_digest(bytea, audit_logs);",
            """
            CREATE FUNCTION audit_digest(previous bytea, entry audit_logs) RETURNS bytea LANGUAGE sql STABLE
            SET timezone = 'UTC' AS $$
                SELECT sha256(previous || convert_to(jsonb_build_object(
                    'id', entry.id, 'tenant_id', entry.tenant_id, 'action', entry.action,
                    'resource_type', entry.resource_type, 'resource_id', entry.resource_id,
                    'old_value', entry.old_value, 'new_value', entry.new_value,
                    'changed_fields', entry.changed_fields, 'request_id', entry.request_id,
                    'actor_kind', entry.actor_kind, 'actor_label', entry.actor_label, 'created_at', entry.created_at
                )::text, 'UTF8'))
            $$;
            """,
        ),
        migrations.RemoveIndex("user", "ix_users_can_export"),
        migrations.AddIndex(
            "user",
            models.Index(
                fields=["tenant"],
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        django.db.models.fields.json.KeyTextTransform("can_export", "permissions"), "true"
                    )
                ),
                name="ix_users_can_export",
            ),
        ),
        migrations.AddIndex(
            "auditlog",
            models.Index(
                fields=["tenant", "request_id"],
                condition=models.Q(request_id__isnull=False),
                name="ix_audit_request",
            ),
        ),
    ]
