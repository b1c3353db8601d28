"""Questions that people are asked by WhatsApp, and what their messages made Stratum do."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

from stratum.lib.ddl import row_security, tenant_foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("rules", "0012_reports"),
        ("tenants", "0002_walls"),
        ("whatsapp", "0004_walls_of_numbers"),
    ]

    operations = [
        migrations.CreateModel(
            name="WhatsAppCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("choice", "Which campaign"),
                            ("pause", "Pausing a campaign"),
                            ("approval", "Approving a rule"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject_id", models.BigIntegerField(blank=True, null=True)),
                ("code_hash", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("payload", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("payload_hash", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("asked_since", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="whatsapp.whatsappcontact",
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
                "verbose_name": "question by WhatsApp",
                "verbose_name_plural": "questions by WhatsApp",
                "db_table": "whatsapp_codes",
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["contact", "kind", "-id"], name="ix_whatsapp_codes_contact")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["choice", "pause", "approval"])), name="ck_whatsapp_codes_kind"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WhatsAppCommand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("help", "Help"),
                            ("status", "Status"),
                            ("pause", "Pause a campaign"),
                            ("approve", "Approve"),
                            ("reject", "Reject"),
                            ("ack", "Acknowledge an alert"),
                            ("undo", "Take back"),
                            ("yes", "Yes"),
                            ("no", "No"),
                            ("choose", "Choose from a list"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("done", "Done"),
                            ("answered", "Answered"),
                            ("asked", "Asked back"),
                            ("refused", "Refused"),
                            ("late", "Came too late"),
                            ("wrong_code", "Wrong code"),
                            ("stranger", "Not verified"),
                            ("failed", "Failed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("made", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
                ("change_id", models.BigIntegerField(blank=True, null=True)),
                ("told_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="whatsapp.whatsappcontact",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="whatsapp.whatsappmessage",
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
                "verbose_name": "command by WhatsApp",
                "verbose_name_plural": "commands by WhatsApp",
                "db_table": "whatsapp_commands",
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["contact", "-id"], name="ix_whatsapp_commands_contact"),
                    models.Index(
                        condition=models.Q(("change_id__isnull", False), ("told_at", None)),
                        fields=["tenant", "id"],
                        name="ix_whatsapp_commands_untold",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("message",), name="uq_whatsapp_commands_message"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "verb__in",
                                ["help", "status", "pause", "approve", "reject", "ack", "undo", "yes", "no", "choose"],
                            )
                        ),
                        name="ck_whatsapp_commands_verb",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                ["done", "answered", "asked", "refused", "late", "wrong_code", "stranger", "failed"],
                            )
                        ),
                        name="ck_whatsapp_commands_outcome",
                    ),
                ],
            },
        ),
        row_security("whatsapp_codes"),
        row_security("whatsapp_commands"),
        tenant_foreign_key("whatsapp_codes", "contact_id", "whatsapp_contacts", on_delete="CASCADE"),
        tenant_foreign_key("whatsapp_commands", "contact_id", "whatsapp_contacts", on_delete="CASCADE"),
        tenant_foreign_key("whatsapp_commands", "message_id", "whatsapp_messages", on_delete="CASCADE"),
    ]
