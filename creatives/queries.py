"""Reads of creatives."""

from collections.abc import Iterable

from django.db.models import Max

from creatives.models import CreativeAsset


def worst_fatigue(campaign_ids: Iterable[int]) -> dict[int, float]:
    """Campaign → the highest fatigue score (0–1) among its creatives that have been seen; absent without one."""
    seen = CreativeAsset.objects.filter(campaign_id__in=list(campaign_ids), impressions__gt=0)
    return dict(seen.values("campaign_id").annotate(worst=Max("fatigue_score")).values_list("campaign_id", "worst"))


def tired_assets(campaign_ids: Iterable[int] | None, *, limit: int) -> list[CreativeAsset]:
    """The creatives with the highest fatigue score above zero, the worst first; campaigns None: all."""
    rows = CreativeAsset.objects.filter(fatigue_score__gt=0)
    if campaign_ids is not None:
        rows = rows.filter(campaign_id__in=list(campaign_ids))
    return list(rows.select_related("campaign").order_by("-fatigue_score", "pk")[:limit])
