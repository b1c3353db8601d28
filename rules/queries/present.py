"""Figures of now that are kept elsewhere: targets, the fatigue of creatives, forecasts. Read only where a rule asks.

All are whole numbers in their field's unit: money in minor units, ROAS targets in hundredths, the others × 1,000,000.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from campaigns.models import Campaign
from creatives.queries import worst_fatigue
from mlcache.choices import Forecast
from mlcache.queries import live_forecasts
from rules.conditions.fields import FIELDS, MICRO, ValueType

LAST_CHANGE = "days_since_change"
Whole = Sequence[int | None]

_FORECASTS: Mapping[str, Forecast] = MappingProxyType({
    "week_forecast_spend": Forecast.SPEND_7D,
    "week_forecast_revenue": Forecast.REVENUE_7D,
    "week_forecast_conversions": Forecast.CONVERSIONS_7D,
    "week_forecast_roas": Forecast.ROAS_7D,
    "month_forecast_spend": Forecast.SPEND_30D,
    "month_forecast_revenue": Forecast.REVENUE_30D,
    "month_forecast_conversions": Forecast.CONVERSIONS_30D,
    "month_forecast_roas": Forecast.ROAS_30D,
})  # fmt: skip


def present_figures(asked: frozenset[str], campaign_ids: Sequence[int], now: datetime) -> dict[str, Whole]:
    """Field → one number per campaign in the order given, None where there is none. A statement for each kind."""
    found: dict[str, Whole] = {}
    for fields, read in ((_TARGETS, _targets), (frozenset({"fatigue"}), _fatigue), (frozenset(_FORECASTS), _forecasts)):
        mine = asked & fields
        if mine:
            found |= read(mine, campaign_ids, now)
    return found


_TARGETS = frozenset({"target_cpa", "target_roas"})


def _targets(asked: frozenset[str], campaign_ids: Sequence[int], now: datetime) -> dict[str, Whole]:
    rows = Campaign.objects.filter(pk__in=list(campaign_ids)).exclude(target_cpa_cents=None, target_roas=None)
    kept = {pk: (cpa, roas) for pk, cpa, roas in rows.values_list("pk", "target_cpa_cents", "target_roas")}
    pairs = [kept.get(pk, (None, None)) for pk in campaign_ids]
    return {
        "target_cpa": [cpa for cpa, _roas in pairs],
        "target_roas": [None if roas is None else int(roas * 100) for _cpa, roas in pairs],
    }


def _fatigue(asked: frozenset[str], campaign_ids: Sequence[int], now: datetime) -> dict[str, Whole]:
    worst = worst_fatigue(campaign_ids)
    return {"fatigue": [_micro(worst.get(pk)) for pk in campaign_ids]}


def _forecasts(asked: frozenset[str], campaign_ids: Sequence[int], now: datetime) -> dict[str, Whole]:
    live = live_forecasts([_FORECASTS[key] for key in asked], campaign_ids, now=now)
    found: dict[str, Whole] = {}
    for key in asked:
        to_whole: Callable[[float | None], int | None] = _micro
        if FIELDS[key].value_type is ValueType.MONEY:
            to_whole = _rounded
        found[key] = [to_whole(live.get((_FORECASTS[key], pk))) for pk in campaign_ids]
    return found


def _micro(value: float | None) -> int | None:
    return None if value is None else round(value * MICRO)


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
