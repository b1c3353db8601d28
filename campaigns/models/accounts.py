"""Connections to platforms, their ad accounts, and the runs that bring their data."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.choices import AccountStatus, ConnectionStatus, Platform, SyncStatus, SyncTrigger
from campaigns.models.columns import json_value
from stratum.lib.encryption import EncryptedTextField
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


class Connection(TenantModel, TimestampedModel):
    """A person's grant at a platform: the tokens with which its ad accounts are reached.

    Several accounts share one: a token that is renewed must be renewed for all of them, since some platforms let
    each refresh token work once. Rows stay when they end; their tokens do not.
    """

    platform = models.CharField(max_length=20, choices=Platform)
    status = models.CharField(max_length=20, choices=ConnectionStatus, default=ConnectionStatus.CONNECTING)
    access_token = EncryptedTextField(null=True, blank=True)
    refresh_token = EncryptedTextField(null=True, blank=True)
    # None: the token does not run out by time.
    token_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True, db_default=json_value([]))
    # What the consent page sent back, until a worker has exchanged it: the code, where it was sent, the PKCE verifier.
    code = EncryptedTextField(null=True, blank=True)
    code_verifier = EncryptedTextField(null=True, blank=True)
    redirect_uri = models.CharField(max_length=500, blank=True, default="", db_default="")
    # Ad accounts that the grant reaches, as the platform listed them (queries.connections reads it).
    listed_accounts = models.JSONField(default=list, blank=True, db_default=json_value([]))
    listed_at = models.DateTimeField(null=True, blank=True)
    # Simulated platforms: their accounts are labelled, and never stand beside real ones.
    is_sandbox = models.BooleanField(default=False, db_default=False)
    connected_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    connected_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    # In words a marketer understands; the log has the rest.
    last_error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "connections"
        base_manager_name = "objects"
        default_manager_name = "objects"
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_connections_tenant_id"),
            choice_check("platform", Platform, "ck_connections_platform"),
            choice_check("status", ConnectionStatus, "ck_connections_status"),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} {self.pk}"


class AdAccount(SoftDeleteModel, TimestampedModel):
    """An account on a platform: the currency and zone of its campaigns, and its connection, if there is one."""

    platform = models.CharField(max_length=20, choices=Platform)
    external_id = models.CharField(max_length=255)
    name = models.CharField(_("name"), max_length=255)
    currency = models.CharField(_("currency"), max_length=3)
    timezone = models.CharField(_("time zone"), max_length=50, default="UTC", db_default="UTC")
    status = models.CharField(max_length=20, choices=AccountStatus, default=AccountStatus.IMPORT_ONLY)
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, blank=True, related_name="ad_accounts", db_constraint=False
    )
    # The manager account that access goes through, where a platform asks for it (Google).
    login_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    minimum_daily_budget_cents = models.BigIntegerField(null=True, blank=True)
    is_sandbox = models.BooleanField(default=False, db_default=False)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    # When all days and breakdowns were last read; the syncs in between read what platforms usually restate.
    deep_synced_at = models.DateTimeField(null=True, blank=True)
    # In words a marketer understands; the log has the rest.
    last_error = models.TextField(blank=True, default="", db_default="")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ad_accounts"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("ad account")
        verbose_name_plural = _("ad accounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "platform", "external_id"], name="uq_ad_accounts_external"),
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_ad_accounts_tenant_id"),
            choice_check("platform", Platform, "ck_ad_accounts_platform"),
            choice_check("status", AccountStatus, "ck_ad_accounts_status"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_platform_display()})"


class SyncRun(TenantModel):
    """One synchronisation of one account, with live progress.

    `plan` lists its steps, `done_steps` says how many are in: a run that was cut off goes on from there. Whoever holds
    `lease` writes it; a step's data and its count are one transaction, so no step is counted that is not in.
    """

    ad_account = models.ForeignKey(AdAccount, models.CASCADE, related_name="sync_runs", db_constraint=False)
    status = models.CharField(max_length=10, choices=SyncStatus, default=SyncStatus.RUNNING)
    trigger = models.CharField(max_length=12, choices=SyncTrigger, default=SyncTrigger.SCHEDULE)
    requested_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    phase = models.CharField(max_length=30, blank=True, default="")
    plan = models.JSONField(default=list, db_default=json_value([]))
    lease = models.CharField(max_length=32, blank=True, default="", db_default="")
    # Failed tries of the present step; too many end the run.
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: the platform asked for a pause, or a step failed and is tried again.
    retry_at = models.DateTimeField(null=True)
    done_steps = models.IntegerField(default=0)
    total_steps = models.IntegerField(default=0)
    counts = models.JSONField(default=dict, db_default=json_value({}))
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    heartbeat_at = models.DateTimeField(default=timezone.now, db_default=Now())
    finished_at = models.DateTimeField(null=True)
    # Why the last try failed, in words a marketer understands; the kind is campaigns.clients.base.ErrorKind.
    error = models.TextField(blank=True, default="")
    error_kind = models.CharField(max_length=20, blank=True, default="", db_default="")
    error_code = models.CharField(max_length=100, blank=True, default="", db_default="")
    # What the platform's support asks for.
    request_id = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        db_table = "sync_runs"
        base_manager_name = "objects"
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_sync_runs_tenant_id"),
            models.UniqueConstraint(
                fields=["ad_account"], name="uq_sync_runs_one_running", condition=models.Q(status="running")
            ),
            choice_check("status", SyncStatus, "ck_sync_runs_status"),
            choice_check("trigger", SyncTrigger, "ck_sync_runs_trigger"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at"], name="ix_sync_runs_started"),
            models.Index(fields=["ad_account", "-started_at"], name="ix_sync_runs_account"),
        ]

    def __str__(self) -> str:
        return f"{self.ad_account_id} {self.started_at:%Y-%m-%d %H:%M}"
