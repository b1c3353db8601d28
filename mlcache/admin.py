"""Staff page of cached predictions."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import TenantModelAdmin, admin_link
from mlcache.models import MLPrediction


@admin.register(MLPrediction)
class MLPredictionAdmin(TenantModelAdmin):
    group, icon, place = "content", "insights", 30
    list_display = ("predicted_at", "model_type", "model_version", "of_campaign", "workspace", "value", "expires_at")
    list_filter = (("predicted_at", RangeDateTimeFilter),)
    list_select_related = ("tenant", "campaign")
    search_fields = ("model_type", "model_version", "input_hash__exact")
    search_related = {"campaign": "name"}
    ordering = ("-pk",)

    @display(description=_("campaign"))
    def of_campaign(self, row: MLPrediction) -> str:
        return admin_link(row.campaign)

    @display(description=_("prediction"), ordering="prediction_value")
    def value(self, row: MLPrediction) -> str:
        if row.confidence_lower is None or row.confidence_upper is None:
            return f"{row.prediction_value:,.2f}"
        return f"{row.prediction_value:,.2f} ({row.confidence_lower:,.2f} – {row.confidence_upper:,.2f})"
