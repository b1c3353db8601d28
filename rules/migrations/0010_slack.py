"""Where messages to Slack go, and the messages themselves."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.manager
import django.utils.timezone
from django.db import migrations, models

import stratum.lib.encryption
from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0007_targets_and_returns"),
        ("rules", "0009_alert_care"),
        ("tenants", "0002_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="SlackTarget",
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
                ("kind", models.CharField(choices=[("webhook", "Incoming webhook"), ("bot", "Bot")], max_length=10)),
                ("url", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("token", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                (
                    "channel",
                    models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="channel"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("ok", "Works"), ("broken", "Broken")], db_default="ok", default="ok", max_length=10
                    ),
                ),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                ("failures", models.SmallIntegerField(db_default=0, default=0)),
                ("last_sent_at", models.DateTimeField(blank=True, null=True)),
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
                "verbose_name": "Slack target",
                "verbose_name_plural": "Slack targets",
                "db_table": "slack_targets",
                "base_manager_name": "including_deleted",
                "default_manager_name": "objects",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("including_deleted", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="SlackMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("payload", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waits"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("maybe_sent", "May have arrived"),
                        ],
                        db_default="pending",
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("next_retry_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("http_status", models.SmallIntegerField(blank=True, null=True)),
                ("error_code", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("ts", models.CharField(blank=True, db_default="", default="", max_length=50)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="rules.rule",
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
                    "target",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="rules.slacktarget",
                    ),
                ),
            ],
            options={
                "verbose_name": "Slack message",
                "verbose_name_plural": "Slack messages",
                "db_table": "slack_messages",
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="slacktarget",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_slack_targets_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="slacktarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["webhook", "bot"])), name="ck_slack_targets_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="slacktarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ok", "broken"])), name="ck_slack_targets_status"
            ),
        ),
        migrations.AddIndex(
            model_name="slackmessage",
            index=models.Index(fields=["target", "-id"], name="ix_slack_messages_target"),
        ),
        migrations.AddIndex(
            model_name="slackmessage",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "sending"])),
                fields=["tenant", "id"],
                name="ix_slack_messages_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="slackmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "sending", "sent", "failed", "maybe_sent"])),
                name="ck_slack_messages_state",
            ),
        ),
        row_security("slack_targets"),
        row_security("slack_messages"),
        touch_updated_at("slack_targets"),
        tenant_foreign_key("slack_messages", "target_id", "slack_targets", on_delete="CASCADE"),
        tenant_foreign_key("slack_messages", "rule_id", "rules", on_delete="SET NULL"),
        tenant_foreign_key("slack_messages", "campaign_id", "campaigns", on_delete="SET NULL"),
    ]
