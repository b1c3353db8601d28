"""Competitors and what was observed of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantModel, TimestampedModel


class CompetitorBenchmark(TenantModel, TimestampedModel):
    """One competitor's domain with the newest observations."""

    id = models.AutoField(primary_key=True)
    domain = models.CharField(_("domain"), max_length=255)
    name = models.CharField(_("name"), max_length=255, null=True, blank=True)
    is_primary = models.BooleanField(null=True, default=False, db_default=False)
    meta_title = models.CharField(max_length=500, null=True, blank=True)
    meta_description = models.TextField(null=True, blank=True)
    meta_keywords = models.JSONField(null=True, blank=True)
    social_links = models.JSONField(null=True, blank=True)
    estimated_traffic = models.BigIntegerField(null=True, blank=True)
    traffic_trend = models.CharField(max_length=20, null=True, blank=True)
    top_keywords = models.JSONField(null=True, blank=True)
    paid_keywords_count = models.IntegerField(null=True, blank=True)
    organic_keywords_count = models.IntegerField(null=True, blank=True)
    share_of_voice = models.FloatField(null=True, blank=True)
    category_rank = models.IntegerField(null=True, blank=True)
    estimated_ad_spend_cents = models.BigIntegerField(null=True, blank=True)
    detected_ad_platforms = models.JSONField(null=True, blank=True)
    ad_creatives_count = models.IntegerField(null=True, blank=True)
    metrics_history = models.JSONField(null=True, blank=True)
    data_source = models.CharField(max_length=50, default="scraper", db_default="scraper")
    last_fetched_at = models.DateTimeField(null=True, blank=True)
    fetch_error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "competitor_benchmarks"
        base_manager_name = "objects"
        verbose_name = _("competitor")
        verbose_name_plural = _("competitors")
        constraints = [models.UniqueConstraint(fields=["tenant", "domain"], name="uq_competitors_domain")]
        indexes = [
            models.Index(fields=["tenant", "is_primary"], name="ix_competitors_tenant_primary"),
            models.Index(fields=["tenant", "share_of_voice"], name="ix_competitors_sov"),
        ]

    def __str__(self) -> str:
        return self.domain
