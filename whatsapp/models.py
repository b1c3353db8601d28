"""WhatsApp contacts, templates and the message ledger."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stratum.lib.encryption import EncryptedTextField
from tenants.models import TenantModel, TimestampedModel, choice_check
from whatsapp.choices import Direction, MessageStatus, OptIn, TemplateCategory


def _json(value: object) -> models.Value:
    return models.Value(value, models.JSONField())


def default_notification_types() -> list[str]:
    return ["alerts", "reports"]


def default_quiet_hours() -> dict[str, bool]:
    return {"enabled": False}


class WhatsAppContact(TenantModel, TimestampedModel):
    """A person's WhatsApp number, with the evidence of their opt-in."""

    id = models.AutoField(primary_key=True)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="whatsapp_contacts", db_constraint=False)
    # E.164; personal data, so encrypted, with a keyed hash beside it for look-ups.
    phone_number = EncryptedTextField(_("phone number"))
    phone_hash = models.CharField(max_length=64)
    country_code = models.CharField(max_length=5)
    display_name = EncryptedTextField(null=True, blank=True)
    is_verified = models.BooleanField(null=True, default=False, db_default=False)
    # A keyed hash of the code, never the code.
    verification_code = models.CharField(max_length=64, null=True, blank=True)
    verification_expires_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    opt_in_status = models.CharField(max_length=10, choices=OptIn, default=OptIn.PENDING, db_default="pending")
    opt_in_at = models.DateTimeField(null=True, blank=True)
    opt_out_at = models.DateTimeField(null=True, blank=True)
    opt_in_method = models.CharField(max_length=50, null=True, blank=True)
    wa_id = models.CharField(max_length=50, null=True, blank=True)
    # Business-scoped user id: people who hide their number have this instead of a wa_id.
    wa_user_id = models.CharField(max_length=150, null=True, blank=True)
    profile_name = EncryptedTextField(null=True, blank=True)
    profile_picture_url = models.CharField(max_length=500, null=True, blank=True)
    notification_types = models.JSONField(
        null=True, default=default_notification_types, db_default=_json(["alerts", "reports"])
    )
    quiet_hours = models.JSONField(null=True, default=default_quiet_hours, db_default=_json({"enabled": False}))
    timezone = models.CharField(max_length=50, null=True, default="UTC", db_default="UTC")
    language = models.CharField(max_length=10, null=True, default="en", db_default="en")
    is_active = models.BooleanField(null=True, default=True, db_default=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    message_count = models.IntegerField(null=True, default=0, db_default=0)

    class Meta:
        db_table = "whatsapp_contacts"
        base_manager_name = "objects"
        verbose_name = _("WhatsApp contact")
        verbose_name_plural = _("WhatsApp contacts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_whatsapp_contacts_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "phone_hash"], name="uq_whatsapp_contacts_phone"),
            choice_check("opt_in_status", OptIn, "ck_whatsapp_contacts_opt_in"),
        ]

    def __str__(self) -> str:
        return self.display_name or f"#{self.pk}"


class WhatsAppTemplate(TenantModel, TimestampedModel):
    """A message template and its state at the platform; statuses that are not APPROVED do not send."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=512)
    language = models.CharField(max_length=10)
    category = models.CharField(max_length=20, choices=TemplateCategory)
    # Kept as the platform says it, unknown words included.
    status = models.CharField(max_length=30, default="PENDING", db_default="PENDING")
    components = models.JSONField(default=list, db_default=_json([]))
    variables = models.JSONField(default=dict, db_default=_json({}))
    quality_score = models.CharField(max_length=20, null=True, blank=True)
    rejected_reason = models.TextField(null=True, blank=True)
    external_id = models.CharField(max_length=100, null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "whatsapp_templates"
        base_manager_name = "objects"
        verbose_name = _("WhatsApp template")
        verbose_name_plural = _("WhatsApp templates")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_whatsapp_templates_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "name", "language"], name="uq_whatsapp_templates_name"),
            choice_check("category", TemplateCategory, "ck_whatsapp_templates_category"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class WhatsAppMessage(TenantModel):
    """One message of the delivery ledger."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    contact = models.ForeignKey(WhatsAppContact, models.CASCADE, related_name="messages", db_constraint=False)
    template = models.ForeignKey(
        WhatsAppTemplate, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    direction = models.CharField(max_length=10, choices=Direction, default=Direction.OUTBOUND, db_default="outbound")
    message_type = models.CharField(max_length=20)
    template_name = models.CharField(max_length=512, null=True, blank=True)
    template_variables = models.JSONField(null=True, default=dict, db_default=_json({}))
    content = EncryptedTextField(null=True, blank=True)
    media_url = models.CharField(max_length=500, null=True, blank=True)
    media_type = models.CharField(max_length=50, null=True, blank=True)
    wamid = models.CharField(max_length=128, null=True, blank=True)
    recipient_wa_id = models.CharField(max_length=50, null=True, blank=True)
    status = models.CharField(max_length=10, choices=MessageStatus, default=MessageStatus.PENDING, db_default="pending")
    status_history = models.JSONField(null=True, default=list, db_default=_json([]))
    error_code = models.CharField(max_length=20, null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    retry_count = models.IntegerField(null=True, default=0, db_default=0)
    next_retry_at = models.DateTimeField(null=True, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_messages"
        base_manager_name = "objects"
        verbose_name = _("WhatsApp message")
        verbose_name_plural = _("WhatsApp messages")
        constraints = [
            choice_check("direction", Direction, "ck_whatsapp_messages_direction"),
            choice_check("status", MessageStatus, "ck_whatsapp_messages_status"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="ix_whatsapp_messages_created")]

    def __str__(self) -> str:
        return f"{self.direction} {self.message_type} #{self.pk}"
