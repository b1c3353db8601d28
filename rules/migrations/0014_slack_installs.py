"""Stratum as an app in Slack workspaces, and the channels that hang on such an installation."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import stratum.lib.encryption
from stratum.lib.ddl import row_security, tenant_foreign_key, touch_updated_at


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0013_whatsapp_codes"),
        ("tenants", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SlackInstall",
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
                ("team_id", models.CharField(max_length=30)),
                ("team_name", models.CharField(max_length=255, verbose_name="Slack workspace")),
                ("bot_user_id", models.CharField(blank=True, db_default="", default="", max_length=30)),
                ("app_id", models.CharField(blank=True, db_default="", default="", max_length=30)),
                ("scope", models.TextField(blank=True, db_default="", default="")),
                ("access_token", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("refresh_token", stratum.lib.encryption.EncryptedTextField(blank=True, null=True)),
                ("token_expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "token_since",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now
                    ),
                ),
                ("refresh_claimed_at", models.DateTimeField(blank=True, null=True)),
                ("refresh_tries", models.SmallIntegerField(db_default=0, default=0)),
                ("next_refresh_at", models.DateTimeField(blank=True, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("ok", "Works"), ("broken", "Broken")], db_default="ok", default="ok", max_length=10
                    ),
                ),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                (
                    "installed_by",
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
                "verbose_name": "Slack installation",
                "verbose_name_plural": "Slack installations",
                "db_table": "slack_installs",
                "base_manager_name": "including_deleted",
                "default_manager_name": "objects",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("including_deleted", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="slacktarget",
            name="install",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="targets",
                to="rules.slackinstall",
            ),
        ),
        migrations.AddIndex(
            model_name="slackinstall",
            index=models.Index(
                condition=models.Q(("is_deleted", False), ("status", "ok"), ("token_expires_at__isnull", False)),
                fields=["token_expires_at"],
                name="ix_slack_installs_expiring",
            ),
        ),
        migrations.AddConstraint(
            model_name="slackinstall",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_slack_installs_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="slackinstall",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_deleted", False)), fields=("tenant", "team_id"), name="uq_slack_installs_team"
            ),
        ),
        migrations.AddConstraint(
            model_name="slackinstall",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ok", "broken"])), name="ck_slack_installs_status"
            ),
        ),
        row_security("slack_installs"),
        touch_updated_at("slack_installs"),
        tenant_foreign_key("slack_installs", "installed_by_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("slack_targets", "install_id", "slack_installs", on_delete="SET NULL"),
    ]
