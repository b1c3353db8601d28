"""Numbers to send from, evidence of consent, what comes in, and how far a message got."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import stratum.lib.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_walls"),
        ("whatsapp", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WhatsAppConsent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("verified", "Number verified"),
                            ("opt_in", "Opted in"),
                            ("opt_out", "Opted out"),
                            ("marketing_stop", "Marketing stopped in WhatsApp"),
                            ("marketing_resume", "Marketing resumed in WhatsApp"),
                            ("number_changed", "Number changed"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("keyword", "Message with a keyword"),
                            ("code", "Code sent to the number"),
                            ("page", "Ticked on a page"),
                            ("in_writing", "In writing, noted by a colleague"),
                            ("whatsapp", "WhatsApp’s own switch"),
                        ],
                        max_length=15,
                    ),
                ),
                ("text", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("at", models.DateTimeField()),
                ("wamid", models.CharField(blank=True, db_default="", default="", max_length=128)),
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
                "verbose_name": "WhatsApp consent",
                "verbose_name_plural": "WhatsApp consents",
                "db_table": "whatsapp_consents",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="WhatsAppNumber",
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
                ("phone_number_id", models.CharField(max_length=50)),
                ("waba_id", models.CharField(max_length=50)),
                ("token", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("display_phone_number", models.CharField(blank=True, db_default="", default="", max_length=30)),
                ("verified_name", models.CharField(blank=True, db_default="", default="", max_length=255)),
                ("quality_rating", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("messaging_limit", models.CharField(blank=True, db_default="", default="", max_length=30)),
                ("is_default", models.BooleanField(db_default=False, default=False)),
                ("is_sandbox", models.BooleanField(db_default=False, default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[("ok", "Works"), ("stopped", "Stopped")], db_default="ok", default="ok", max_length=10
                    ),
                ),
                ("error_code", models.CharField(blank=True, db_default="", default="", max_length=50)),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("subscribed_at", models.DateTimeField(blank=True, null=True)),
                ("templates_synced_at", models.DateTimeField(blank=True, null=True)),
                ("last_inbound_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "WhatsApp number",
                "verbose_name_plural": "WhatsApp numbers",
                "db_table": "whatsapp_numbers",
                "base_manager_name": "including_deleted",
                "default_manager_name": "objects",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("including_deleted", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="WhatsAppUnmatched",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("inbound", "Message of somebody unknown"),
                            ("status", "Status of a message that is unknown"),
                            ("preference", "Switch of somebody unknown"),
                        ],
                        max_length=10,
                    ),
                ),
                ("event_key", models.CharField(max_length=200)),
                ("wamid", models.CharField(blank=True, db_default="", default="", max_length=128)),
                ("sender_hash", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("user_hash", models.CharField(blank=True, db_default="", default="", max_length=64)),
                ("profile_name", stratum.lib.encryption.EncryptedTextField(blank=True, default="")),
                ("payload", stratum.lib.encryption.EncryptedTextField()),
                ("at", models.DateTimeField()),
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
                "verbose_name": "unmatched WhatsApp event",
                "verbose_name_plural": "unmatched WhatsApp events",
                "db_table": "whatsapp_unmatched",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="WhatsAppWebhook",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                ("body", stratum.lib.encryption.EncryptedTextField()),
                ("body_sha256", models.CharField(max_length=64, unique=True)),
                ("size", models.IntegerField()),
                ("is_sandbox", models.BooleanField(db_default=False, default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Waits"), ("processed", "Processed"), ("failed", "Failed")],
                        db_default="pending",
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.SmallIntegerField(db_default=0, default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
                ("counts", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ("error", models.TextField(blank=True, db_default="", default="")),
            ],
            options={
                "verbose_name": "WhatsApp webhook",
                "verbose_name_plural": "WhatsApp webhooks",
                "db_table": "whatsapp_webhooks",
            },
        ),
        migrations.AddField(
            model_name="whatsappcontact",
            name="last_inbound_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappcontact",
            name="last_read_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappcontact",
            name="marketing_stopped_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappcontact",
            name="verification_sent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappcontact",
            name="verification_tries",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="whatsappmessage",
            name="error_code",
            field=models.CharField(blank=True, max_length=50, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="accepted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="context_wamid",
            field=models.CharField(blank=True, max_length=128, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="dedupe_key",
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="handled_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="maybe_sent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("alert", "Alert"),
                    ("report", "Report"),
                    ("reply", "Reply of a person"),
                    ("answer", "Automatic answer"),
                    ("code", "Verification code"),
                ],
                db_default="alert",
                default="alert",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="whatsappmessage",
            name="reply_id",
            field=models.CharField(blank=True, max_length=256, null=True),
        ),
        migrations.AddIndex(
            model_name="whatsappcontact",
            index=models.Index(fields=["tenant", "wa_id"], name="ix_whatsapp_contacts_wa_id"),
        ),
        migrations.AddConstraint(
            model_name="whatsappcontact",
            constraint=models.UniqueConstraint(fields=("tenant", "wa_user_id"), name="uq_whatsapp_contacts_wa_user"),
        ),
        migrations.AddField(
            model_name="whatsappconsent",
            name="contact",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="consents",
                to="whatsapp.whatsappcontact",
            ),
        ),
        migrations.AddField(
            model_name="whatsappconsent",
            name="noted_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="whatsappconsent",
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
            model_name="whatsappnumber",
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
            model_name="whatsappmessage",
            name="number",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="whatsapp.whatsappnumber",
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappmessage",
            index=models.Index(fields=["contact", "-id"], name="ix_whatsapp_messages_contact"),
        ),
        migrations.AddIndex(
            model_name="whatsappmessage",
            index=models.Index(
                condition=models.Q(
                    ("accepted_at", None), ("direction", "outbound"), ("maybe_sent_at", None), ("status", "pending")
                ),
                fields=["tenant", "id"],
                name="ix_whatsapp_messages_open",
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappmessage",
            index=models.Index(
                condition=models.Q(("direction", "inbound"), ("handled_at", None)),
                fields=["tenant", "id"],
                name="ix_whatsapp_messages_unseen",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["alert", "report", "reply", "answer", "code"])),
                name="ck_whatsapp_messages_purpose",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappmessage",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_whatsapp_messages_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="whatsappmessage",
            constraint=models.UniqueConstraint(fields=("tenant", "wamid"), name="uq_whatsapp_messages_wamid"),
        ),
        migrations.AddConstraint(
            model_name="whatsappmessage",
            constraint=models.UniqueConstraint(fields=("tenant", "dedupe_key"), name="uq_whatsapp_messages_dedupe"),
        ),
        migrations.AddField(
            model_name="whatsappunmatched",
            name="number",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="whatsapp.whatsappnumber",
            ),
        ),
        migrations.AddField(
            model_name="whatsappunmatched",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappwebhook",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["id"], name="ix_whatsapp_webhooks_pending"
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappwebhook",
            index=models.Index(fields=["received_at"], name="ix_whatsapp_webhooks_received"),
        ),
        migrations.AddConstraint(
            model_name="whatsappwebhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "processed", "failed"])), name="ck_whatsapp_webhooks_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappconsent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["verified", "opt_in", "opt_out", "marketing_stop", "marketing_resume", "number_changed"],
                    )
                ),
                name="ck_whatsapp_consents_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappconsent",
            constraint=models.CheckConstraint(
                condition=models.Q(("way__in", ["keyword", "code", "page", "in_writing", "whatsapp"])),
                name="ck_whatsapp_consents_way",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappconsent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("wamid", ""), _negated=True),
                fields=("contact", "kind", "wamid"),
                name="uq_whatsapp_consents_event",
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappnumber",
            index=models.Index(fields=["waba_id"], name="ix_whatsapp_numbers_waba"),
        ),
        migrations.AddConstraint(
            model_name="whatsappnumber",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="uq_whatsapp_numbers_tenant_id"),
        ),
        migrations.AddConstraint(
            model_name="whatsappnumber",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_deleted", False)), fields=("phone_number_id",), name="uq_whatsapp_numbers_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappnumber",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True), ("is_deleted", False)),
                fields=("tenant",),
                name="uq_whatsapp_numbers_default",
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappnumber",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["ok", "stopped"])), name="ck_whatsapp_numbers_status"
            ),
        ),
        migrations.AddIndex(
            model_name="whatsappunmatched",
            index=models.Index(fields=["tenant", "wamid"], name="ix_whatsapp_unmatched_wamid"),
        ),
        migrations.AddIndex(
            model_name="whatsappunmatched",
            index=models.Index(fields=["tenant", "sender_hash"], name="ix_whatsapp_unmatched_sender"),
        ),
        migrations.AddConstraint(
            model_name="whatsappunmatched",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["inbound", "status", "preference"])), name="ck_whatsapp_unmatched_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="whatsappunmatched",
            constraint=models.UniqueConstraint(
                fields=("tenant", "kind", "event_key"), name="uq_whatsapp_unmatched_event"
            ),
        ),
    ]
