"""Reports on a schedule, frozen as they were sent, and to whom each went."""

import datetime

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import rules.models
import stratum.lib.encryption
from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at

# What was sent stays what it was. The link to the report before may be cleared, when that one is removed by retention:
# the one thing that may delete, and that says so for its transaction.
FROZEN = """
CREATE FUNCTION report_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.previous_id IS NULL AND to_jsonb(NEW) - 'previous_id' = to_jsonb(OLD) - 'previous_id' THEN
            RETURN NEW;
        END IF;
    ELSIF current_setting('stratum.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a report that was made is not changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER reports_frozen BEFORE UPDATE OR DELETE ON reports
    FOR EACH ROW EXECUTE FUNCTION report_refuse_change();
"""
THAWED = """
DROP TRIGGER reports_frozen ON reports;
DROP FUNCTION report_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0011_alert_delivery"),
        ("tenants", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0004_append_only_links"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportSchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                        null=True,
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True, db_default=django.db.models.functions.datetime.Now(), null=True
                    ),
                ),
                ("is_deleted", models.BooleanField(db_default=False, default=False, null=True)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("kind", models.CharField(choices=[("daily", "Daily"), ("weekly", "Weekly")], max_length=10)),
                ("weekday", models.SmallIntegerField(blank=True, null=True)),
                ("send_at", models.TimeField(default=datetime.time(8, 0))),
                ("timezone", models.CharField(db_default="UTC", default="UTC", max_length=50)),
                ("currency", models.CharField(db_default="USD", default="USD", max_length=3)),
                ("locale", models.CharField(db_default="en", default="en", max_length=10)),
                ("user_ids", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ("slack_target_ids", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ("contact_ids", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ("addresses", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("template_name", models.CharField(blank=True, db_default="", default="", max_length=512)),
                (
                    "sections",
                    models.JSONField(
                        db_default=models.Value(
                            ["movers", "automation", "campaigns", "pacing", "fatigue", "alerts", "data"],
                            models.JSONField(),
                        ),
                        default=rules.models.all_sections,
                    ),
                ),
                ("filters", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                ("next_run_at", models.DateTimeField(blank=True, null=True)),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "report schedule",
                "verbose_name_plural": "report schedules",
                "db_table": "report_schedules",
                "base_manager_name": "including_deleted",
                "default_manager_name": "objects",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("including_deleted", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("date_from", models.DateField()),
                ("date_to", models.DateField()),
                ("zone", models.CharField(max_length=50)),
                ("as_of", models.DateTimeField()),
                ("content", models.JSONField()),
                ("restated", models.JSONField(blank=True, null=True)),
                ("content_hash", models.CharField(max_length=64)),
                ("pdf", models.BinaryField(db_default=b"", default=b"")),
                ("csv", models.BinaryField(db_default=b"", default=b"")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "previous",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="rules.report",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="rules.reportschedule",
                    ),
                ),
            ],
            options={
                "verbose_name": "report",
                "verbose_name_plural": "reports",
                "db_table": "reports",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ReportDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail"), ("slack", "Slack"), ("whatsapp", "WhatsApp")], max_length=10
                    ),
                ),
                ("recipient", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(choices=[("queued", "Handed over"), ("skipped", "Left out")], max_length=10),
                ),
                ("ledger_id", models.BigIntegerField(blank=True, null=True)),
                ("reason", models.TextField(blank=True, db_default="", default="")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="rules.report",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery of a report",
                "verbose_name_plural": "deliveries of reports",
                "db_table": "report_deliveries",
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("report", "channel", "recipient"), name="uq_report_deliveries_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["email", "slack", "whatsapp"])),
                        name="ck_report_deliveries_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "skipped"])), name="ck_report_deliveries_state"
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="reportschedule",
            index=models.Index(
                condition=models.Q(("confirmed_at__isnull", False), ("is_active", True), ("is_deleted", False)),
                fields=["next_run_at"],
                name="ix_report_schedules_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportschedule",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_report_schedules_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="reportschedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["daily", "weekly"])), name="ck_report_schedules_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportschedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("weekday", None), ("weekday__range", (0, 6)), _connector="OR"),
                name="ck_report_schedules_weekday",
            ),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["tenant", "-created_at"], name="ix_reports_created"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_reports_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.UniqueConstraint(fields=("schedule", "date_from", "date_to"), name="uq_reports_period"),
        ),
        row_security("report_schedules"),
        row_security("reports"),
        row_security("report_deliveries"),
        touch_updated_at("report_schedules"),
        tenant_foreign_key("report_schedules", "created_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("reports", "schedule_id", "report_schedules"),
        tenant_foreign_key("reports", "previous_id", "reports", on_delete="SET NULL"),
        tenant_foreign_key("report_deliveries", "report_id", "reports", on_delete="CASCADE"),
        migrations.RunSQL(FROZEN, THAWED),
    ]
