"""Reads of cached predictions."""

from collections.abc import Iterable
from datetime import datetime

from mlcache.models import MLPrediction


def live_forecasts(
    model_types: Iterable[str], campaign_ids: Iterable[int], *, now: datetime
) -> dict[tuple[str, int], float]:
    """(model type, campaign) → the newest prediction that has not expired, in the unit of mlcache.choices.Forecast."""
    rows = (
        MLPrediction.objects.filter(
            model_type__in=list(model_types), campaign_id__in=list(campaign_ids), expires_at__gt=now
        )
        .order_by("model_type", "campaign_id", "-predicted_at", "-pk")
        .distinct("model_type", "campaign_id")
    )
    return {
        (model_type, campaign_id): value
        for model_type, campaign_id, value in rows.values_list("model_type", "campaign_id", "prediction_value")
    }
