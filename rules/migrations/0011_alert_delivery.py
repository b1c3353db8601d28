"""Who is told of alerts, by which channel and when; and what was told already."""

import datetime

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0007_targets_and_returns"),
        ("rules", "0010_slack"),
        ("tenants", "0002_walls"),
        ("whatsapp", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=10
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail"), ("slack", "Slack"), ("whatsapp", "WhatsApp")], max_length=10
                    ),
                ),
                ("step", models.SmallIntegerField(db_default=0, default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waits"),
                            ("held", "Held back"),
                            ("digest", "In the next digest"),
                            ("queued", "Handed over"),
                            ("skipped", "Not told"),
                        ],
                        db_default="pending",
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("message_id", models.BigIntegerField(blank=True, null=True)),
                ("digest_on", models.DateField(blank=True, null=True)),
                ("handed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery of an alert",
                "verbose_name_plural": "deliveries of alerts",
                "db_table": "alert_deliveries",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Escalation",
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
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")], max_length=10
                    ),
                ),
                ("is_on", models.BooleanField(db_default=False, default=False)),
                ("steps", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
            ],
            options={
                "verbose_name": "escalation",
                "verbose_name_plural": "escalations",
                "db_table": "escalations",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="NotificationPreferences",
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
                ("channels", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("quiet", models.BooleanField(db_default=False, default=False)),
                ("quiet_from", models.TimeField(db_default=datetime.time(22, 0), default=datetime.time(22, 0))),
                ("quiet_to", models.TimeField(db_default=datetime.time(7, 0), default=datetime.time(7, 0))),
                ("critical_breaks", models.BooleanField(db_default=True, default=True)),
                ("digest_at", models.TimeField(blank=True, null=True)),
                ("digest_channels", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                ("muted_rules", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
            ],
            options={
                "verbose_name": "notification preferences",
                "verbose_name_plural": "notification preferences",
                "db_table": "notification_preferences",
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="alert",
            name="escalation_step",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        # Alerts of before count as told: nobody gets a heap of old ones. New ones are not told yet.
        migrations.AddField(
            model_name="alert",
            name="told_severity",
            field=models.CharField(blank=True, db_default="critical", default="", max_length=10),
        ),
        migrations.AlterField(
            model_name="alert",
            name="told_severity",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.AddField(
            model_name="alert",
            name="waiting_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_alerts_tenant_id"),
        ),
        migrations.AddField(
            model_name="alertdelivery",
            name="alert",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="rules.alert",
            ),
        ),
        migrations.AddField(
            model_name="alertdelivery",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="alertdelivery",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="notificationpreferences",
            name="slack_target",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="rules.slacktarget",
            ),
        ),
        migrations.AddField(
            model_name="notificationpreferences",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="notificationpreferences",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notificationpreferences",
            name="whatsapp_contact",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="whatsapp.whatsappcontact",
            ),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "held", "digest"])),
                fields=["tenant", "due_at"],
                name="ix_alert_deliveries_due",
            ),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(fields=["user", "-id"], name="ix_alert_deliveries_user"),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.UniqueConstraint(
                fields=("alert", "user", "channel", "step", "severity"), name="uq_alert_deliveries_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])),
                name="ck_alert_deliveries_severity",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("channel__in", ["email", "slack", "whatsapp"])), name="ck_alert_deliveries_channel"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "held", "digest", "queued", "skipped"])),
                name="ck_alert_deliveries_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="escalation",
            constraint=models.UniqueConstraint(fields=("tenant", "severity"), name="uq_escalations_severity"),
        ),
        migrations.AddConstraint(
            model_name="escalation",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])), name="ck_escalations_severity"
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationpreferences",
            constraint=models.UniqueConstraint(fields=("user",), name="uq_notification_preferences_user"),
        ),
        row_security("notification_preferences"),
        row_security("alert_deliveries"),
        row_security("escalations"),
        touch_updated_at("notification_preferences"),
        touch_updated_at("escalations"),
        tenant_foreign_key("notification_preferences", "user_id", "users", on_delete="CASCADE"),
        tenant_foreign_key("notification_preferences", "slack_target_id", "slack_targets", on_delete="SET NULL"),
        tenant_foreign_key(
            "notification_preferences", "whatsapp_contact_id", "whatsapp_contacts", on_delete="SET NULL"
        ),
        tenant_foreign_key("alert_deliveries", "alert_id", "alerts", on_delete="CASCADE"),
        tenant_foreign_key("alert_deliveries", "user_id", "users", on_delete="CASCADE"),
    ]
