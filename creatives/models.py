"""Creative assets and what is known of their performance."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from creatives.choices import AssetType
from tenants.models import SoftDeleteModel, TimestampedModel, choice_check


class CreativeAsset(SoftDeleteModel, TimestampedModel):
    """One image, video, carousel, story or HTML5 bundle."""

    id = models.AutoField(primary_key=True)
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    name = models.CharField(_("name"), max_length=500)
    asset_type = models.CharField(_("type"), max_length=20, choices=AssetType)
    file_url = models.CharField(max_length=1000)
    thumbnail_url = models.CharField(max_length=1000, null=True, blank=True)
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    file_format = models.CharField(max_length=50, null=True, blank=True)
    width = models.IntegerField(null=True, blank=True)
    height = models.IntegerField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True, db_default=models.Value([], models.JSONField()))
    folder = models.CharField(max_length=255, null=True, blank=True)
    impressions = models.BigIntegerField(default=0, db_default=0)
    clicks = models.BigIntegerField(default=0, db_default=0)
    ctr = models.FloatField(null=True, blank=True)
    fatigue_score = models.FloatField(default=0.0, db_default=0.0)
    first_used_at = models.DateTimeField(null=True, blank=True)
    times_used = models.IntegerField(default=0, db_default=0)
    ai_description = models.TextField(null=True, blank=True)
    ai_tags = models.JSONField(null=True, blank=True)
    brand_safety_score = models.FloatField(null=True, blank=True)

    class Meta:
        db_table = "creative_assets"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("creative")
        verbose_name_plural = _("creatives")
        constraints = [choice_check("asset_type", AssetType, "ck_creative_assets_type")]
        indexes = [
            models.Index(fields=["tenant", "asset_type"], name="ix_assets_tenant_type"),
            models.Index(fields=["tenant", "fatigue_score"], name="ix_assets_fatigue"),
            GinIndex(fields=["tags"], name="ix_assets_tags", opclasses=["jsonb_path_ops"]),
        ]

    def __str__(self) -> str:
        return self.name
