"""E-mail: messages, their files, and addresses that are not to be written to."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import stratum.lib.encryption
from stratum.lib.ddl import row_security, tenant_foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_append_only_links"),
        ("tenants", "0002_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="EmailMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", stratum.lib.encryption.EncryptedTextField(verbose_name="e-mail address")),
                ("address_hash", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("alert", "Alerts"),
                            ("digest", "Summaries"),
                            ("report", "Reports"),
                            ("notice", "Notices"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject", stratum.lib.encryption.EncryptedTextField(verbose_name="subject")),
                ("text", stratum.lib.encryption.EncryptedTextField(verbose_name="text")),
                ("html", stratum.lib.encryption.EncryptedTextField(blank=True, db_default="", default="")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waits"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("maybe_sent", "May have arrived"),
                            ("failed", "Failed"),
                            ("suppressed", "Not sent on purpose"),
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
                ("error_code", models.CharField(blank=True, db_default="", default="", max_length=100)),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("message_id", models.CharField(max_length=255)),
                ("dedupe_key", models.CharField(blank=True, max_length=200, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
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
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "e-mail",
                "verbose_name_plural": "e-mails",
                "db_table": "email_messages",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="EmailAttachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", stratum.lib.encryption.EncryptedTextField(verbose_name="name")),
                ("content_type", models.CharField(max_length=100)),
                ("content", stratum.lib.encryption.EncryptedBytesField()),
                ("size_bytes", models.IntegerField()),
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
                    "email",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="accounts.emailmessage",
                    ),
                ),
            ],
            options={
                "verbose_name": "e-mail attachment",
                "verbose_name_plural": "e-mail attachments",
                "db_table": "email_attachments",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="EmailSuppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address_hash", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("alert", "Alerts"),
                            ("digest", "Summaries"),
                            ("report", "Reports"),
                            ("notice", "Notices"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("link", "Link in a message"),
                            ("header", "Button of the mail program"),
                            ("bounce", "There is no such mailbox"),
                            ("staff", "Stratum staff"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "email",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="accounts.emailmessage",
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
                "verbose_name": "unsubscribed address",
                "verbose_name_plural": "unsubscribed addresses",
                "db_table": "email_suppressions",
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(fields=["user", "-id"], name="ix_email_messages_user"),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(fields=["tenant", "address_hash", "-id"], name="ix_email_messages_address"),
        ),
        migrations.AddIndex(
            model_name="emailmessage",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "sending"])),
                fields=["tenant", "id"],
                name="ix_email_messages_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="emailmessage",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_email_messages_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="emailmessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("dedupe_key__isnull", False)),
                fields=("tenant", "dedupe_key"),
                name="uq_email_messages_dedupe",
            ),
        ),
        migrations.AddConstraint(
            model_name="emailmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["alert", "digest", "report", "notice"])), name="ck_email_messages_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="emailmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "sending", "sent", "maybe_sent", "failed", "suppressed"])),
                name="ck_email_messages_state",
            ),
        ),
        migrations.AddIndex(
            model_name="emailattachment",
            index=models.Index(fields=["email"], name="ix_email_attachments_email"),
        ),
        migrations.AddIndex(
            model_name="emailsuppression",
            index=models.Index(
                condition=models.Q(("email__isnull", False)), fields=["email"], name="ix_email_suppressions_email"
            ),
        ),
        migrations.AddConstraint(
            model_name="emailsuppression",
            constraint=models.UniqueConstraint(fields=("tenant", "address_hash", "kind"), name="uq_email_suppressions"),
        ),
        migrations.AddConstraint(
            model_name="emailsuppression",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["", "alert", "digest", "report", "notice"])),
                name="ck_email_suppressions_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="emailsuppression",
            constraint=models.CheckConstraint(
                condition=models.Q(("way__in", ["link", "header", "bounce", "staff"])), name="ck_email_suppressions_way"
            ),
        ),
        row_security("email_messages"),
        row_security("email_attachments"),
        row_security("email_suppressions"),
        tenant_foreign_key("email_messages", "user_id", "users", on_delete="SET NULL"),
        tenant_foreign_key("email_attachments", "email_id", "email_messages", on_delete="CASCADE"),
        tenant_foreign_key("email_suppressions", "email_id", "email_messages", on_delete="SET NULL"),
    ]
