"""Cached predictions."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantModel


class MLPrediction(TenantModel):
    """One prediction for one campaign, or for the whole workspace when campaign is empty."""

    id = models.AutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.CASCADE, null=True, blank=True, related_name="+", db_constraint=False
    )
    model_type = models.CharField(max_length=50)
    model_version = models.CharField(max_length=50)
    input_hash = models.CharField(max_length=64)
    prediction_value = models.FloatField()
    confidence_lower = models.FloatField(null=True, blank=True)
    confidence_upper = models.FloatField(null=True, blank=True)
    feature_importances = models.JSONField(null=True, blank=True)
    predicted_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "ml_predictions"
        base_manager_name = "objects"
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        indexes = [
            models.Index(fields=["model_type", "input_hash"], name="ix_predictions_cache"),
            models.Index(fields=["expires_at"], name="ix_predictions_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.model_type} {self.model_version}"
