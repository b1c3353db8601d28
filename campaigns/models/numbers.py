"""Daily numbers of campaigns, with the history of every number, and their roll-up.

Money is integer minor units ('cents') of the row's currency. A day is a day of the ad account's zone. Conversions may
be fractional: `conversions` is the rounded count, and `conversions_micros` (conversions × 1,000,000) holds the exact
one where it is not a whole number.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.choices import Platform, RevisionSource
from campaigns.managers import CampaignMetricManager
from campaigns.models.accounts import AdAccount
from campaigns.models.campaigns import Campaign
from stratum.lib.ddl import LongNameIndex
from tenants.models import TenantModel, choice_check


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
