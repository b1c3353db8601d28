"""WhatsApp numbers, contacts, templates, the message ledger, and what comes in."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.columns import json_value
from stratum.lib.encryption import EncryptedTextField, message_id_hash
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check
from whatsapp.choices import (
    ConsentKind,
    ConsentWay,
    Direction,
    MessageStatus,
    NumberStatus,
    OptIn,
    Purpose,
    TemplateCategory,
    UnmatchedKind,
    WebhookState,
)

# Where the hash of a number, and WhatsApp's ids of messages, stood once their contact was removed.
REMOVED = "removed:"


def default_notification_types() -> list[str]:
    return ["alerts", "reports"]


def default_quiet_hours() -> dict[str, bool]:
    return {"enabled": False}


class WhatsAppNumber(SoftDeleteModel, TimestampedModel):
    """A business phone number that the workspace sends from. One number serves one workspace of the installation."""

    name = models.CharField(_("name"), max_length=100)
    # Meta's ids: of the sender, which is not its phone number, and of the WhatsApp Business Account.
    phone_number_id = models.CharField(max_length=50)
    waba_id = models.CharField(max_length=50)
    token = EncryptedTextField(blank=True, default="")
    display_phone_number = models.CharField(max_length=30, blank=True, default="", db_default="")
    verified_name = models.CharField(max_length=255, blank=True, default="", db_default="")
    quality_rating = models.CharField(max_length=20, blank=True, default="", db_default="")
    messaging_limit = models.CharField(max_length=30, blank=True, default="", db_default="")
    is_default = models.BooleanField(default=False, db_default=False)
    is_sandbox = models.BooleanField(default=False, db_default=False)
    status = models.CharField(max_length=10, choices=NumberStatus, default=NumberStatus.OK, db_default="ok")
    error_code = models.CharField(max_length=50, blank=True, default="", db_default="")
    last_error = models.TextField(blank=True, default="", db_default="")
    checked_at = models.DateTimeField(null=True, blank=True)
    # Without a subscription WhatsApp sends no webhooks.
    subscribed_at = models.DateTimeField(null=True, blank=True)
    # The account's templates: when somebody asked for them, when they were last fetched or tried, what came of it.
    templates_asked_at = models.DateTimeField(null=True, blank=True)
    templates_tried_at = models.DateTimeField(null=True, blank=True)
    templates_synced_at = models.DateTimeField(null=True, blank=True)
    templates_result = models.JSONField(default=dict, blank=True, db_default=json_value({}))
    last_inbound_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "whatsapp_numbers"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("WhatsApp number")
        verbose_name_plural = _("WhatsApp numbers")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_whatsapp_numbers_tenant_id"),
            # Webhooks name the number alone: it must lead to one workspace.
            models.UniqueConstraint(
                fields=["phone_number_id"], name="uq_whatsapp_numbers_live", condition=models.Q(is_deleted=False)
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                name="uq_whatsapp_numbers_default",
                condition=models.Q(is_default=True, is_deleted=False),
            ),
            choice_check("status", NumberStatus, "ck_whatsapp_numbers_status"),
        ]
        indexes = [models.Index(fields=["waba_id"], name="ix_whatsapp_numbers_waba")]

    def __str__(self) -> str:
        return self.name


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
    verification_sent_at = models.DateTimeField(null=True, blank=True)
    verification_tries = models.SmallIntegerField(default=0, db_default=0)
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
        null=True, default=default_notification_types, db_default=json_value(["alerts", "reports"])
    )
    quiet_hours = models.JSONField(null=True, default=default_quiet_hours, db_default=json_value({"enabled": False}))
    timezone = models.CharField(max_length=50, null=True, default="UTC", db_default="UTC")
    language = models.CharField(max_length=10, null=True, default="en", db_default="en")
    is_active = models.BooleanField(null=True, default=True, db_default=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    message_count = models.IntegerField(null=True, default=0, db_default=0)
    # WhatsApp's own switch for marketing; alerts and codes go out all the same.
    marketing_stopped_at = models.DateTimeField(null=True, blank=True)
    # The newest message of theirs, by its own time: free text is allowed for 24 hours after it.
    last_inbound_at = models.DateTimeField(null=True, blank=True)
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "whatsapp_contacts"
        base_manager_name = "objects"
        verbose_name = _("WhatsApp contact")
        verbose_name_plural = _("WhatsApp contacts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_whatsapp_contacts_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "phone_hash"], name="uq_whatsapp_contacts_phone"),
            models.UniqueConstraint(fields=["tenant", "wa_user_id"], name="uq_whatsapp_contacts_wa_user"),
            choice_check("opt_in_status", OptIn, "ck_whatsapp_contacts_opt_in"),
        ]
        indexes = [models.Index(fields=["tenant", "wa_id"], name="ix_whatsapp_contacts_wa_id")]

    def __str__(self) -> str:
        return self.display_name or f"#{self.pk}"

    @property
    def is_removed(self) -> bool:
        """Nothing personal is left of it; the ledger keeps its row."""
        return self.phone_hash.startswith(REMOVED)


class WhatsAppTemplate(TenantModel, TimestampedModel):
    """A message template and its state at the platform; statuses that are not APPROVED do not send."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=512)
    language = models.CharField(max_length=10)
    category = models.CharField(max_length=20, choices=TemplateCategory)
    # Kept as the platform says it, unknown words included.
    status = models.CharField(max_length=30, default="PENDING", db_default="PENDING")
    components = models.JSONField(default=list, db_default=json_value([]))
    variables = models.JSONField(default=dict, db_default=json_value({}))
    quality_score = models.CharField(max_length=20, null=True, blank=True)
    rejected_reason = models.TextField(null=True, blank=True)
    external_id = models.CharField(max_length=100, null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    # As of when each is known, by WhatsApp's clock: its events come late and in any order.
    status_at = models.DateTimeField(null=True, blank=True)
    category_at = models.DateTimeField(null=True, blank=True)
    quality_at = models.DateTimeField(null=True, blank=True)

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
    # The number it goes out from, or came in at.
    number = models.ForeignKey(
        WhatsAppNumber, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )
    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    direction = models.CharField(max_length=10, choices=Direction, default=Direction.OUTBOUND, db_default="outbound")
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.ALERT, db_default="alert")
    # Goes out in the contact's quiet hours, too: their person wants to be disturbed for this.
    breaks_quiet = models.BooleanField(default=False, db_default=False)
    # Whoever asks for the same message twice gets the first one.
    dedupe_key = models.CharField(max_length=200, null=True, blank=True)
    message_type = models.CharField(max_length=20)
    template_name = models.CharField(max_length=512, null=True, blank=True)
    template_variables = models.JSONField(null=True, default=dict, db_default=json_value({}))
    content = EncryptedTextField(null=True, blank=True)
    media_url = models.CharField(max_length=500, null=True, blank=True)
    media_type = models.CharField(max_length=50, null=True, blank=True)
    # WhatsApp's id. Its base64 holds the number of the person.
    wamid = models.CharField(max_length=128, null=True, blank=True)
    recipient_wa_id = models.CharField(max_length=50, null=True, blank=True)
    status = models.CharField(max_length=10, choices=MessageStatus, default=MessageStatus.PENDING, db_default="pending")
    status_history = models.JSONField(null=True, default=list, db_default=json_value([]))
    error_code = models.CharField(max_length=50, null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    retry_count = models.IntegerField(null=True, default=0, db_default=0)
    next_retry_at = models.DateTimeField(null=True, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    # Being sent by a worker; names the try, too.
    claimed_at = models.DateTimeField(null=True, blank=True)
    # WhatsApp took it, which says nothing about its arrival.
    accepted_at = models.DateTimeField(null=True, blank=True)
    # No answer came: it may have been taken, so it is never sent again; a status may still tell.
    maybe_sent_at = models.DateTimeField(null=True, blank=True)
    # wamid of the message that this one answers.
    context_wamid = models.CharField(max_length=128, null=True, blank=True)
    # Inbound: the button's payload or the list row's id, and when commands in it were seen to.
    reply_id = models.CharField(max_length=256, null=True, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)
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
            choice_check("purpose", Purpose, "ck_whatsapp_messages_purpose"),
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_whatsapp_messages_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "wamid"], name="uq_whatsapp_messages_wamid"),
            models.UniqueConstraint(fields=["tenant", "dedupe_key"], name="uq_whatsapp_messages_dedupe"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="ix_whatsapp_messages_created"),
            models.Index(fields=["contact", "-id"], name="ix_whatsapp_messages_contact"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_whatsapp_messages_open",
                condition=models.Q(direction="outbound", status="pending", accepted_at=None, maybe_sent_at=None),
            ),
            models.Index(
                fields=["tenant", "id"],
                name="ix_whatsapp_messages_unseen",
                condition=models.Q(direction="inbound", handled_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.message_type} #{self.pk}"

    def forget_wamid(self) -> None:
        """Put a hash in its place, since anybody reads the person's number out of it. A status that comes later finds
        another id here, or one where there was none yet, and is about no message of ours."""
        if not (self.wamid or "").startswith(REMOVED):
            self.wamid = f"{REMOVED}{message_id_hash(self.wamid or str(self.pk))}"


class WhatsAppConsent(TenantModel):
    """One line of evidence about what a contact agreed to, or refused. Lines are only ever added."""

    id = models.BigAutoField(primary_key=True)
    contact = models.ForeignKey(WhatsAppContact, models.CASCADE, related_name="consents", db_constraint=False)
    kind = models.CharField(max_length=20, choices=ConsentKind)
    way = models.CharField(max_length=15, choices=ConsentWay)
    # Their own words, or the sentence that they agreed to.
    text = EncryptedTextField(blank=True, default="")
    at = models.DateTimeField()
    # wamid of their message.
    wamid = models.CharField(max_length=128, blank=True, default="", db_default="")
    noted_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_consents"
        base_manager_name = "objects"
        verbose_name = _("WhatsApp consent")
        verbose_name_plural = _("WhatsApp consents")
        constraints = [
            choice_check("kind", ConsentKind, "ck_whatsapp_consents_kind"),
            choice_check("way", ConsentWay, "ck_whatsapp_consents_way"),
            # A webhook that comes twice leaves one line.
            models.UniqueConstraint(
                fields=["contact", "kind", "wamid"],
                name="uq_whatsapp_consents_event",
                condition=~models.Q(wamid=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.contact_id}"


class WhatsAppUnmatched(TenantModel):
    """What came in for one of the workspace's numbers about nobody and nothing that is known yet.

    Messages and switches are matched when their sender becomes a contact, statuses when the message they are about has
    its wamid.
    """

    id = models.BigAutoField(primary_key=True)
    number = models.ForeignKey(WhatsAppNumber, models.CASCADE, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=10, choices=UnmatchedKind)
    # Of the event: wamid and status, or who and when; the same event is kept once.
    event_key = models.CharField(max_length=200)
    wamid = models.CharField(max_length=128, blank=True, default="", db_default="")
    # Keyed hash of the sender's wa_id or business-scoped id.
    sender_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    user_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    profile_name = EncryptedTextField(blank=True, default="")
    # The event as WhatsApp sent it, as JSON.
    payload = EncryptedTextField()
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_unmatched"
        base_manager_name = "objects"
        verbose_name = _("unmatched WhatsApp event")
        verbose_name_plural = _("unmatched WhatsApp events")
        constraints = [
            choice_check("kind", UnmatchedKind, "ck_whatsapp_unmatched_kind"),
            models.UniqueConstraint(fields=["tenant", "kind", "event_key"], name="uq_whatsapp_unmatched_event"),
        ]
        indexes = [
            models.Index(fields=["tenant", "wamid"], name="ix_whatsapp_unmatched_wamid"),
            models.Index(fields=["tenant", "sender_hash"], name="ix_whatsapp_unmatched_sender"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class WhatsAppWebhook(models.Model):
    """One signed body from WhatsApp, stored before anybody reads it. It may speak of several workspaces, so it belongs
    to none: the application's role may add rows and see none; only unscoped code reads them."""

    id = models.BigAutoField(primary_key=True)
    received_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    # The exact bytes, as Latin-1 text: a body is never serialised again.
    body = EncryptedTextField()
    body_sha256 = models.CharField(max_length=64, unique=True)
    size = models.IntegerField()
    is_sandbox = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=10, choices=WebhookState, default=WebhookState.PENDING, db_default="pending")
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, db_default=json_value({}))
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "whatsapp_webhooks"
        verbose_name = _("WhatsApp webhook")
        verbose_name_plural = _("WhatsApp webhooks")
        constraints = [choice_check("state", WebhookState, "ck_whatsapp_webhooks_state")]
        indexes = [
            models.Index(fields=["id"], name="ix_whatsapp_webhooks_pending", condition=models.Q(state="pending")),
            models.Index(fields=["received_at"], name="ix_whatsapp_webhooks_received"),
        ]

    def __str__(self) -> str:
        return f"webhook #{self.pk}"
