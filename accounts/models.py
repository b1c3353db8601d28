"""People, the trail of what they, the rules and the jobs changed, and the e-mail that is sent to them."""

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Now
from django.db.models.lookups import Exact
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import ActorKind, AuditAction, EmailKind, EmailState, Role, SuppressionWay
from accounts.managers import UserManager
from accounts.roles import role_can
from stratum.lib.encryption import EncryptedBytesField, EncryptedTextField, email_hash
from tenants.managers import WithDeletedManager
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


class User(AbstractBaseUser, SoftDeleteModel, TimestampedModel):
    """A person in one workspace. The same address may have a row in several workspaces."""

    id = models.AutoField(primary_key=True)
    email = EncryptedTextField(_("e-mail address"))
    email_hash = models.CharField(max_length=64, editable=False)
    password = models.CharField(_("password"), max_length=255, db_column="password_hash")
    last_login = models.DateTimeField(_("last login"), null=True, blank=True, db_column="last_login_at")
    full_name = EncryptedTextField(_("full name"), null=True, blank=True)
    phone = EncryptedTextField(_("phone"), null=True, blank=True)
    avatar_url = models.CharField(max_length=500, null=True, blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.ANALYST, db_default=Role.ANALYST)
    permissions = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    is_verified = models.BooleanField(_("address verified"), default=False, db_default=False)
    is_staff = models.BooleanField(_("Stratum staff"), default=False, db_default=False)
    is_superuser = models.BooleanField(_("staff may change rows"), default=False, db_default=False)
    locale = models.CharField(_("language"), max_length=10, default="en", db_default="en")
    timezone = models.CharField(_("time zone"), max_length=50, default="UTC", db_default="UTC")
    preferences = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    consent_marketing = models.BooleanField(null=True, default=False, db_default=False)
    consent_analytics = models.BooleanField(null=True, default=True, db_default=True)
    gdpr_anonymized_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = UserManager()
    including_deleted = WithDeletedManager()

    USERNAME_FIELD = "email_hash"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    class Meta:
        db_table = "users"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "email_hash"], name="uq_users_tenant_email_hash"),
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_users_tenant_id"),
            choice_check("role", Role, "ck_users_role"),
        ]
        indexes = [
            models.Index(fields=["email_hash"], name="ix_users_email_hash"),
            models.Index(fields=["tenant", "is_active", "is_deleted"], name="ix_users_tenant_active"),
            # users whose permissions->>'can_export' = 'true'. Partial, so that row-level security cannot keep it from
            # being used: ->> is not leakproof, and only a leakproof condition may become an index condition there.
            models.Index(
                fields=["tenant"],
                condition=models.Q(Exact(KT("permissions__can_export"), "true")),
                name="ix_users_can_export",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    def clean(self):
        # AbstractBaseUser would normalise the user name, which here is a hash.
        self.email_hash = email_hash(self.email)

    def save(self, *args, **kwargs):
        self.email_hash = email_hash(self.email) if self.gdpr_anonymized_at is None else self.email_hash
        super().save(*args, **kwargs)

    @property
    def display_name(self) -> str:
        return self.full_name or self.email

    def get_full_name(self) -> str:
        """What Django's and the admin theme's templates call a person."""
        return self.display_name

    @property
    def initials(self) -> str:
        words = self.display_name.replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"

    def can(self, capability: str) -> bool:
        """Whether this person holds a capability of accounts.roles in their workspace."""
        return self.is_active and role_can(self.role, capability, self.permissions)

    # What Django admin asks. Staff see everything; only superusers among them may change rows.
    def has_perm(self, perm: str, obj: object = None) -> bool:
        if not (self.is_active and self.is_staff):
            return False
        return self.is_superuser or perm.rpartition(".")[2].startswith("view_")

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff


class AuditLog(TenantModel):
    """One change, login, export or anonymisation. The database refuses UPDATE and DELETE on this table."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    # Not a tenant key: staff of another workspace may act here.
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    action = models.CharField(max_length=20, choices=AuditAction)
    resource_type = models.CharField(max_length=100)
    resource_id = models.CharField(max_length=100, null=True, blank=True)
    old_value = models.JSONField(null=True, blank=True)
    new_value = models.JSONField(null=True, blank=True)
    changed_fields = models.JSONField(null=True, blank=True)
    ip_address = models.CharField(max_length=45, null=True, blank=True)
    user_agent = models.CharField(max_length=500, null=True, blank=True)
    request_id = models.CharField(max_length=100, null=True, blank=True)
    endpoint = models.CharField(max_length=255, null=True, blank=True)
    http_method = models.CharField(max_length=10, null=True, blank=True)
    created_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now(), editable=False)
    actor_kind = models.CharField(max_length=10, choices=ActorKind, default=ActorKind.SYSTEM, db_default="system")
    # Name of the rule or job, never a person's.
    actor_label = models.CharField(max_length=255, blank=True, default="", db_default="")
    reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "audit_logs"
        base_manager_name = "objects"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        constraints = [
            choice_check("action", AuditAction, "ck_audit_logs_action"),
            choice_check("actor_kind", ActorKind, "ck_audit_logs_actor_kind"),
        ]
        indexes = [
            models.Index(fields=["tenant", "created_at"], name="ix_audit_tenant_date"),
            models.Index(fields=["user", "created_at"], name="ix_audit_user_date"),
            models.Index(fields=["resource_type", "resource_id"], name="ix_audit_resource"),
            models.Index(fields=["tenant", "action", "created_at"], name="ix_audit_action"),
            models.Index(
                fields=["tenant", "request_id"],
                condition=models.Q(request_id__isnull=False),
                name="ix_audit_request",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_type} {self.resource_id or ''}".strip()


class AuditLink(TenantModel):
    """Hash chain over a workspace's audit entries, written by a deferred trigger as the last act of each commit.

    `digest` = SHA-256 over the previous digest, `actor_id` and the entry without personal data, so that anonymising
    a person does not break it. `actor_id` repeats the entry's user id, which a purge of the person sets to NULL
    there. `manage.py verify_audit` recomputes the chain.
    """

    id = models.BigAutoField(primary_key=True)
    sequence = models.BigIntegerField()
    audit = models.OneToOneField(AuditLog, models.DO_NOTHING, related_name="+", db_constraint=False)
    digest = models.BinaryField(max_length=32)
    actor_id = models.IntegerField(null=True)

    class Meta:
        db_table = "audit_links"
        base_manager_name = "objects"
        constraints = [models.UniqueConstraint(fields=["tenant", "sequence"], name="uq_audit_links_sequence")]

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.sequence}"


class EmailMessage(TenantModel):
    """One e-mail: work to do until it is sent or has failed, and afterwards the record of it."""

    # Empty for an address outside of the workspace, which a report goes to.
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    address = EncryptedTextField(_("e-mail address"))
    address_hash = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=EmailKind)
    subject = EncryptedTextField(_("subject"))
    # The place of the unsubscribe link is kept open (accounts.emails.UNSUBSCRIBE_PLACE) until the message is sent.
    text = EncryptedTextField(_("text"))
    html = EncryptedTextField(blank=True, default="", db_default="")
    state = models.CharField(max_length=10, choices=EmailState, default=EmailState.PENDING, db_default="pending")
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: the last try failed.
    next_retry_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    # The mail server's code ('550 5.1.1') or one of ours ('local.…'), and the sentence for people.
    error_code = models.CharField(max_length=100, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    # The Message-ID header, the same for every try: mail programs show what arrived twice once.
    message_id = models.CharField(max_length=255)
    # Whoever queues the same again with the same key gets this row back.
    dedupe_key = models.CharField(max_length=200, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "email_messages"
        base_manager_name = "objects"
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_email_messages_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "dedupe_key"],
                condition=models.Q(dedupe_key__isnull=False),
                name="uq_email_messages_dedupe",
            ),
            choice_check("kind", EmailKind, "ck_email_messages_kind"),
            choice_check("state", EmailState, "ck_email_messages_state"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="ix_email_messages_user"),
            models.Index(fields=["tenant", "address_hash", "-id"], name="ix_email_messages_address"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_email_messages_open",
                condition=models.Q(state__in=["pending", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind}: {self.state}"


class EmailAttachment(TenantModel):
    """A file that goes with a message."""

    email = models.ForeignKey(
        EmailMessage, models.CASCADE, related_name="attachments", db_index=False, db_constraint=False
    )
    name = EncryptedTextField(_("name"))
    content_type = models.CharField(max_length=100)
    content = EncryptedBytesField()
    size_bytes = models.IntegerField()

    class Meta:
        db_table = "email_attachments"
        base_manager_name = "objects"
        verbose_name = _("e-mail attachment")
        verbose_name_plural = _("e-mail attachments")
        indexes = [models.Index(fields=["email"], name="ix_email_attachments_email")]

    def __str__(self) -> str:
        return f"#{self.pk} {self.content_type}, {self.size_bytes} bytes"


class EmailSuppression(TenantModel):
    """An address that is not to be written to, with or without a person behind it: when, how and after which message.

    An empty `kind` means everything; what people unsubscribed from themselves leaves notices through.
    """

    address_hash = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=EmailKind, blank=True, default="", db_default="")
    way = models.CharField(max_length=10, choices=SuppressionWay)
    email = models.ForeignKey(
        EmailMessage, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "email_suppressions"
        base_manager_name = "objects"
        verbose_name = _("unsubscribed address")
        verbose_name_plural = _("unsubscribed addresses")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "address_hash", "kind"], name="uq_email_suppressions"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["", *EmailKind.values]), name="ck_email_suppressions_kind"
            ),
            choice_check("way", SuppressionWay, "ck_email_suppressions_way"),
        ]
        indexes = [
            models.Index(fields=["email"], name="ix_email_suppressions_email", condition=models.Q(email__isnull=False))
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind or 'all'}: {self.way}"
