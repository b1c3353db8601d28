"""Where messages to Slack go, and the messages."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rules.choices import SlackKind, SlackState, SlackStatus
from rules.models.rules import Rule
from stratum.lib.encryption import EncryptedTextField
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


class SlackInstall(SoftDeleteModel, TimestampedModel):
    """Stratum as an app in a Slack workspace: the bot's tokens, and whether they still count."""

    team_id = models.CharField(max_length=30)
    team_name = models.CharField(_("Slack workspace"), max_length=255)
    bot_user_id = models.CharField(max_length=30, blank=True, default="", db_default="")
    app_id = models.CharField(max_length=30, blank=True, default="", db_default="")
    scope = models.TextField(blank=True, default="", db_default="")
    # Both emptied when the installation is removed.
    access_token = EncryptedTextField(blank=True, default="")
    # Works once; NULL where tokens do not run out.
    refresh_token = EncryptedTextField(null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    # When the present tokens came. Whoever acts on what became of a token names it by this: a verdict on tokens that
    # were replaced meanwhile is void.
    token_since = models.DateTimeField(default=timezone.now, db_default=Now())
    # Since when a worker has the refresh token in its hands.
    refresh_claimed_at = models.DateTimeField(null=True, blank=True)
    refresh_tries = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: the last try failed.
    next_refresh_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=SlackStatus, default=SlackStatus.OK, db_default="ok")
    last_error = models.TextField(blank=True, default="", db_default="")
    installed_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )

    class Meta:
        db_table = "slack_installs"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("Slack installation")
        verbose_name_plural = _("Slack installations")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_slack_installs_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "team_id"], name="uq_slack_installs_team", condition=models.Q(is_deleted=False)
            ),
            choice_check("status", SlackStatus, "ck_slack_installs_status"),
        ]
        indexes = [
            models.Index(
                fields=["token_expires_at"],
                name="ix_slack_installs_expiring",
                condition=models.Q(is_deleted=False, status="ok", token_expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.team_name


class SlackTarget(SoftDeleteModel, TimestampedModel):
    """Where messages to Slack go: an incoming webhook, which is one channel, or a bot and a channel it may write to."""

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(max_length=10, choices=SlackKind)
    # Where the webhook came with it, and whose bot writes there: with its token, none of its own.
    install = models.ForeignKey(
        SlackInstall, models.SET_NULL, null=True, blank=True, related_name="targets", db_constraint=False
    )
    # Either one is all that is needed to write there: secrets, emptied when the target is removed.
    url = EncryptedTextField(blank=True, default="")
    token = EncryptedTextField(blank=True, default="")
    channel = models.CharField(_("channel"), max_length=100, blank=True, default="", db_default="")
    status = models.CharField(max_length=10, choices=SlackStatus, default=SlackStatus.OK, db_default="ok")
    last_error = models.TextField(blank=True, default="", db_default="")
    # Refusals in a row that are the target's own fault.
    failures = models.SmallIntegerField(default=0, db_default=0)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "slack_targets"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("Slack target")
        verbose_name_plural = _("Slack targets")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_slack_targets_tenant_id"),
            choice_check("kind", SlackKind, "ck_slack_targets_kind"),
            choice_check("status", SlackStatus, "ck_slack_targets_status"),
        ]

    def __str__(self) -> str:
        return self.name


class SlackMessage(TenantModel):
    """One message to Slack: work to do until it is sent or has failed, and afterwards the record of it."""

    target = models.ForeignKey(
        SlackTarget, models.CASCADE, related_name="messages", db_index=False, db_constraint=False
    )
    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False)
    # Of a message about a single campaign.
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=SlackState, default=SlackState.PENDING, db_default="pending")
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: Slack asked for a pause, or the last try failed.
    next_retry_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    http_status = models.SmallIntegerField(null=True, blank=True)
    # Slack's word for what went wrong, and the sentence for people.
    error_code = models.CharField(max_length=100, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    # The message's id in its channel; webhooks do not tell it.
    ts = models.CharField(max_length=50, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "slack_messages"
        base_manager_name = "objects"
        verbose_name = _("Slack message")
        verbose_name_plural = _("Slack messages")
        constraints = [choice_check("state", SlackState, "ck_slack_messages_state")]
        indexes = [
            models.Index(fields=["target", "-id"], name="ix_slack_messages_target"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_slack_messages_open",
                condition=models.Q(state__in=["pending", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} → {self.target_id}: {self.state}"
