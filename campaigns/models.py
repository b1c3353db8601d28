"""Ad accounts, campaigns and their daily numbers, with the history of every number.

Money is integer minor units ('cents') of the row's currency. A day is a day of the ad account's zone. Ratios are
generated columns over the sums, so they cannot disagree with them; a zero denominator is NULL. Conversions may be
fractional: `conversions` is the rounded count, and `conversions_micros` (conversions × 1,000,000) holds the exact
one where it is not a whole number.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.choices import (
    AccountStatus,
    CampaignStatus,
    ImportStatus,
    Platform,
    RevisionSource,
    SyncStatus,
)
from campaigns.managers import CampaignManager, CampaignMetricManager, CampaignWithDeletedManager
from stratum.lib.ddl import LongNameIndex
from stratum.lib.encryption import EncryptedTextField
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check

MICRO = 1_000_000


def _json(value: object) -> Value:
    return Value(value, models.JSONField())


_NO_IDS = Value([], ArrayField(models.IntegerField()))


def _whole(numerator: str, denominator, *, scale: int = 1):
    """numerator × scale ÷ denominator, rounded to a whole minor unit; NULL for a zero denominator.

    In numeric: spend in the minor units of a small currency times a million does not fit a bigint.
    """
    return Func(
        F(numerator),
        denominator,
        template="round((%(expressions)s)::numeric, 0))::bigint",
        arg_joiner=f")::numeric * {scale} / nullif((",
        output_field=models.BigIntegerField(),
    )


def _ratio(numerator: str, denominator: str):
    """numerator ÷ denominator as a float; NULL for a zero denominator."""
    return Func(
        F(numerator),
        F(denominator),
        template="(%(expressions)s)::float8, 0)",
        arg_joiner=")::float8 / nullif((",
        output_field=models.FloatField(),
    )


def _stored(expression, field):
    return models.GeneratedField(expression=expression, output_field=field, db_persist=True)


class AdAccount(SoftDeleteModel, TimestampedModel):
    """An account on a platform: the currency and zone of its campaigns, and its connection, if there is one."""

    platform = models.CharField(max_length=20, choices=Platform)
    external_id = models.CharField(max_length=255)
    name = models.CharField(_("name"), max_length=255)
    currency = models.CharField(_("currency"), max_length=3)
    timezone = models.CharField(_("time zone"), max_length=50, default="UTC", db_default="UTC")
    status = models.CharField(max_length=20, choices=AccountStatus, default=AccountStatus.IMPORT_ONLY)
    access_token = EncryptedTextField(null=True, blank=True)
    refresh_token = EncryptedTextField(null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True, db_default=_json([]))
    last_synced_at = models.DateTimeField(null=True, blank=True)
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


class Campaign(SoftDeleteModel, TimestampedModel):
    """One campaign on one platform, normalised, with its lifetime sums."""

    id = models.AutoField(primary_key=True)
    platform = models.CharField(_("platform"), max_length=20, choices=Platform)
    external_id = models.CharField(max_length=255)
    account_id = models.CharField(max_length=255)
    ad_account = models.ForeignKey(
        AdAccount, models.PROTECT, null=True, blank=True, related_name="campaigns", db_constraint=False
    )
    name = models.CharField(_("name"), max_length=500)
    status = models.CharField(
        _("status"), max_length=20, choices=CampaignStatus, default=CampaignStatus.DRAFT, db_default="draft"
    )
    objective = models.CharField(_("objective"), max_length=100, null=True, blank=True)
    daily_budget_cents = models.BigIntegerField(null=True, blank=True)
    lifetime_budget_cents = models.BigIntegerField(null=True, blank=True)
    total_spend_cents = models.BigIntegerField(default=0, db_default=0)
    currency = models.CharField(max_length=3, default="USD", db_default="USD")
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    conversions = models.BigIntegerField(default=0, db_default=0)
    conversions_micros = models.BigIntegerField(null=True, blank=True)
    revenue_cents = models.BigIntegerField(default=0, db_default=0)
    ctr = _stored(_ratio("clicks", "impressions"), models.FloatField(null=True))
    cpc_cents = _stored(_whole("total_spend_cents", F("clicks")), models.BigIntegerField(null=True))
    cpm_cents = _stored(_whole("total_spend_cents", F("impressions"), scale=1000), models.BigIntegerField(null=True))
    cpa_cents = _stored(
        _whole("total_spend_cents", Coalesce("conversions_micros", F("conversions") * MICRO), scale=MICRO),
        models.BigIntegerField(null=True),
    )
    roas = _stored(_ratio("revenue_cents", "total_spend_cents"), models.FloatField(null=True))
    targeting_age_min = models.IntegerField(null=True, blank=True)
    targeting_age_max = models.IntegerField(null=True, blank=True)
    targeting_genders = models.JSONField(null=True, blank=True)
    targeting_locations = models.JSONField(null=True, blank=True)
    targeting_interests = models.JSONField(null=True, blank=True)
    demographics_age = models.JSONField(null=True, blank=True)
    demographics_gender = models.JSONField(null=True, blank=True)
    demographics_location = models.JSONField(null=True, blank=True)
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    labels = models.JSONField(_("labels"), default=list, blank=True, db_default=_json([]))
    raw_data = models.JSONField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.TextField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = CampaignManager()
    including_deleted = CampaignWithDeletedManager()

    class Meta:
        db_table = "campaigns"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "platform", "external_id"], name="uq_campaigns_external"),
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_campaigns_tenant_id"),
            choice_check("platform", Platform, "ck_campaigns_platform"),
            choice_check("status", CampaignStatus, "ck_campaigns_status"),
        ]
        indexes = [
            models.Index(fields=["tenant", "status"], name="ix_campaigns_tenant_status"),
            models.Index(fields=["tenant", "platform"], name="ix_campaigns_platform"),
            models.Index(fields=["tenant", "start_date", "end_date"], name="ix_campaigns_date_range"),
            models.Index(fields=["tenant", "roas"], name="ix_campaigns_roas"),
            GinIndex(fields=["labels"], name="ix_campaigns_labels", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignMetric(TenantModel):
    """The newest known numbers of one campaign on one day."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="metrics", db_index=False, db_constraint=False)
    date = models.DateField()
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    conversions = models.BigIntegerField(default=0, db_default=0)
    conversions_micros = models.BigIntegerField(null=True, blank=True)
    spend_cents = models.BigIntegerField(default=0, db_default=0)
    revenue_cents = models.BigIntegerField(default=0, db_default=0)
    video_views = models.BigIntegerField(null=True, blank=True)
    video_completions = models.BigIntegerField(null=True, blank=True)
    shares = models.BigIntegerField(null=True, blank=True)
    comments = models.BigIntegerField(null=True, blank=True)
    saves = models.BigIntegerField(null=True, blank=True)
    demographics = models.JSONField(null=True, blank=True)
    # When this day was first heard of, and when its present values were: with metric_revisions, any moment's view.
    first_known_at = models.DateTimeField(default=timezone.now, db_default=Now())
    known_at = models.DateTimeField(default=timezone.now, db_default=Now())
    # The import that brought the day, so that undoing it can take the day back.
    import_batch = models.ForeignKey(
        "campaigns.ImportBatch", models.SET_NULL, null=True, related_name="+", db_constraint=False
    )

    objects = CampaignMetricManager()

    class Meta:
        db_table = "campaign_metrics"
        base_manager_name = "objects"
        default_manager_name = "objects"
        verbose_name = _("campaign day")
        verbose_name_plural = _("campaign days")
        constraints = [models.UniqueConstraint(fields=["campaign", "date"], name="uq_campaign_metrics_day")]
        indexes = [
            models.Index(fields=["tenant", "date"], name="ix_campaign_metrics_date"),
            LongNameIndex(fields=["campaign", "date"], name="ix_campaign_metrics_campaign_date"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.date}"


class MetricRevision(TenantModel):
    """One change of one campaign-day: what was known before `known_at`, and from then on.

    Old values NULL: the day was not known before. New values NULL: an import was undone. First arrivals of a day
    are not repeated here; campaign_metrics.first_known_at dates them.
    """

    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    date = models.DateField()
    known_at = models.DateTimeField()
    source = models.CharField(max_length=10, choices=RevisionSource)
    import_batch = models.ForeignKey(
        "campaigns.ImportBatch", models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    sync_run = models.ForeignKey("campaigns.SyncRun", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    old_impressions = models.BigIntegerField(null=True)
    old_clicks = models.BigIntegerField(null=True)
    old_conversions_micros = models.BigIntegerField(null=True)
    old_spend_cents = models.BigIntegerField(null=True)
    old_revenue_cents = models.BigIntegerField(null=True)
    new_impressions = models.BigIntegerField(null=True)
    new_clicks = models.BigIntegerField(null=True)
    new_conversions_micros = models.BigIntegerField(null=True)
    new_spend_cents = models.BigIntegerField(null=True)
    new_revenue_cents = models.BigIntegerField(null=True)
    # Video and engagement counters that changed, name to value; NULL where none did, which is nearly always.
    old_extras = models.JSONField(null=True)
    new_extras = models.JSONField(null=True)

    class Meta:
        db_table = "metric_revisions"
        base_manager_name = "objects"
        verbose_name = _("restatement")
        verbose_name_plural = _("restatements")
        constraints = [choice_check("source", RevisionSource, "ck_metric_revisions_source")]
        indexes = [
            models.Index(fields=["campaign", "date", "known_at"], name="ix_metric_revisions_day"),
            models.Index(fields=["tenant", "known_at"], name="ix_metric_revisions_known_at"),
            # Days that were taken back: looked up for every day that arrives, and there are next to none.
            models.Index(
                fields=["campaign", "date"],
                name="ix_metric_revisions_removed",
                condition=models.Q(new_impressions__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.date} @ {self.known_at:%Y-%m-%d %H:%M}"


class DailyTotal(TenantModel):
    """Roll-up of campaign_metrics per account, platform, currency and day: what dashboards sum instead of facts."""

    ad_account = models.ForeignKey(
        AdAccount, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    platform = models.CharField(max_length=20, choices=Platform)
    currency = models.CharField(max_length=3)
    date = models.DateField()
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    conversions_micros = models.BigIntegerField(default=0, db_default=0)
    spend_cents = models.BigIntegerField(default=0, db_default=0)
    revenue_cents = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "daily_totals"
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "date", "ad_account", "platform", "currency"],
                name="uq_daily_totals_key",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.platform} {self.currency}"


class ImportBatch(TenantModel, TimestampedModel):
    """One uploaded report: what was in it, what became of it, and enough to take it back."""

    ad_account = models.ForeignKey(
        AdAccount, models.PROTECT, null=True, blank=True, related_name="imports", db_constraint=False
    )
    platform = models.CharField(max_length=20, choices=Platform, null=True, blank=True)
    status = models.CharField(max_length=12, choices=ImportStatus, default=ImportStatus.UPLOADED)
    filename = models.CharField(max_length=255)
    file = models.FileField(max_length=500)
    size_bytes = models.BigIntegerField(default=0)
    file_sha256 = models.CharField(max_length=64)
    # Over the normalised rows: the same report as CSV and XLSX has one.
    content_hash = models.CharField(max_length=64, blank=True, default="")
    uploaded_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # When the whole file had been read once: from then on control sum and warnings are those of the whole.
    checked_at = models.DateTimeField(null=True)
    # What the user chose on the preview page: accounts, currency, zone, warnings accepted.
    answers = models.JSONField(default=dict, db_default=_json({}))
    # How often a worker took it up; one that keeps dying on a file must not be sent it for ever.
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Preview (mapping, language, sample), control sum and warnings as shown to the user.
    preview = models.JSONField(default=dict, db_default=_json({}))
    control = models.JSONField(default=dict, db_default=_json({}))
    warnings = models.JSONField(default=list, db_default=_json([]))
    counts = models.JSONField(default=dict, db_default=_json({}))
    date_from = models.DateField(null=True)
    date_to = models.DateField(null=True)
    # Every campaign the report has days of, and those that it brought: what an undo of this or another import asks.
    campaign_ids = ArrayField(models.IntegerField(), default=list, db_default=_NO_IDS)
    created_campaign_ids = ArrayField(models.IntegerField(), default=list, db_default=_NO_IDS)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error = models.TextField(blank=True, default="")
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "import_batches"
        base_manager_name = "objects"
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_import_batches_tenant_id"),
            # The same bytes are not imported twice into one workspace, however many requests arrive at once.
            models.UniqueConstraint(
                fields=["tenant", "file_sha256"],
                name="uq_import_batches_file",
                condition=models.Q(status__in=["queued", "done"]),
            ),
            choice_check("status", ImportStatus, "ck_import_batches_status"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="ix_import_batches_created")]

    def __str__(self) -> str:
        return self.filename


class SyncRun(TenantModel):
    """One synchronisation of one account, with live progress."""

    ad_account = models.ForeignKey(AdAccount, models.CASCADE, related_name="sync_runs", db_constraint=False)
    status = models.CharField(max_length=10, choices=SyncStatus, default=SyncStatus.RUNNING)
    phase = models.CharField(max_length=30, blank=True, default="")
    done_steps = models.IntegerField(default=0)
    total_steps = models.IntegerField(default=0)
    counts = models.JSONField(default=dict, db_default=_json({}))
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    heartbeat_at = models.DateTimeField(default=timezone.now, db_default=Now())
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

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
        ]
        indexes = [models.Index(fields=["tenant", "-started_at"], name="ix_sync_runs_started")]

    def __str__(self) -> str:
        return f"{self.ad_account_id} {self.started_at:%Y-%m-%d %H:%M}"


class ExchangeRate(models.Model):
    """How many units of a currency one euro bought on a day (the ECB's convention). The same for every tenant."""

    date = models.DateField()
    currency = models.CharField(max_length=3)
    per_euro = models.DecimalField(max_digits=18, decimal_places=8)
    source = models.CharField(max_length=20, default="ecb")

    class Meta:
        db_table = "exchange_rates"
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.UniqueConstraint(fields=["currency", "date"], name="uq_exchange_rates_day"),
            models.CheckConstraint(condition=models.Q(per_euro__gt=0), name="ck_exchange_rates_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.date} EUR/{self.currency}"
