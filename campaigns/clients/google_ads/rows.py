"""Rows of Google's answers as our records.

REST writes 64-bit integers as strings, doubles as numbers, enums as names, and keys in lowerCamel; what is unset is
absent. Money is in micros of the customer's currency, except conversion values, which are doubles in major units.
Source: Google Ads API v26, REST "JSON mappings", fields of Campaign, CampaignBudget and Metrics.
"""

from collections.abc import Hashable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import structlog

from campaigns.choices import BudgetLock, CampaignStatus
from campaigns.clients.answers import storable, whole
from campaigns.clients.base import Account, AccountInfo, BreakdownRow, CampaignInfo, DayMetrics
from campaigns.clients.money import MICROS, count_micros, from_major, from_scaled

log = structlog.get_logger(__name__)

CAMPAIGNS = (
    "SELECT campaign.id, campaign.name, campaign.status, campaign.serving_status, campaign.primary_status, "
    "campaign.primary_status_reasons, campaign.advertising_channel_type, campaign.advertising_channel_sub_type, "
    "campaign.start_date_time, campaign.end_date_time, campaign.campaign_budget, campaign.bidding_strategy_type, "
    "campaign_budget.id, campaign_budget.amount_micros, campaign_budget.total_amount_micros, campaign_budget.period, "
    "campaign_budget.explicitly_shared, campaign_budget.reference_count, customer.currency_code, customer.time_zone "
    "FROM campaign"
)
CUSTOMER = (
    "SELECT customer.id, customer.descriptive_name, customer.currency_code, customer.time_zone, customer.manager, "
    "customer.test_account, customer.status FROM customer LIMIT 1"
)
CLIENTS = (
    "SELECT customer_client.id, customer_client.descriptive_name, customer_client.level, customer_client.manager, "
    "customer_client.currency_code, customer_client.time_zone, customer_client.status FROM customer_client"
)
CRITERIA = (
    "SELECT campaign.id, campaign_criterion.criterion_id, campaign_criterion.type, campaign_criterion.negative, "
    "campaign_criterion.location.geo_target_constant, campaign_criterion.age_range.type, "
    "campaign_criterion.gender.type FROM campaign_criterion"
)
PLACES = (
    "SELECT geo_target_constant.id, geo_target_constant.name, geo_target_constant.country_code, "
    "geo_target_constant.target_type FROM geo_target_constant"
)
DAYS = (
    "SELECT campaign.id, segments.date, metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
    "metrics.conversions_value, metrics.video_trueview_views, metrics.video_quartile_p100_rate FROM campaign"
)
_SHARES = "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions"
# Rows are per ad group (or per country and kind of presence): finer than what is kept.
BREAKDOWNS = {
    "age": f"SELECT campaign.id, ad_group_criterion.age_range.type, {_SHARES} FROM age_range_view",
    "gender": f"SELECT campaign.id, ad_group_criterion.gender.type, {_SHARES} FROM gender_view",
    "location": (
        "SELECT campaign.id, geographic_view.country_criterion_id, geographic_view.location_type, "
        f"{_SHARES} FROM geographic_view"
    ),
}

# Campaigns without an end are given one far away.
_NO_END_FROM = 2037
_GENDERS = {"MALE": "male", "FEMALE": "female"}
# What keeps a campaign from serving, in Google's words; that it is short of budget is no fault.
_FAULTY = frozenset({"NOT_ELIGIBLE", "MISCONFIGURED"})


def digits(customer_id: str) -> str:
    """A customer id as addresses and headers want it: '123-456-7890' without its dashes."""
    return customer_id.replace("-", "").strip()


def account_info(record: dict[str, Any], *, login_id: str) -> AccountInfo:
    """A `customer` or `customerClient`."""
    return AccountInfo(
        external_id=str(record["id"]),
        name=str(record.get("descriptiveName") or record["id"]),
        currency=str(record["currencyCode"]),
        timezone=str(record["timeZone"]),
        enabled=record.get("status", "ENABLED") == "ENABLED",
        login_id=login_id,
        raw=storable(record),
    )


def campaign_info(row: dict[str, Any], account: Account, targeting: dict[str, Any]) -> CampaignInfo:
    campaign, budget = row["campaign"], row.get("campaignBudget") or {}
    status = _status(campaign)
    daily, lifetime = _amounts(budget, account.currency)
    return CampaignInfo(
        external_id=str(campaign["id"]),
        name=str(campaign.get("name") or campaign["id"]),
        status=status,
        # There is no objective: the channel is what comes closest.
        objective=campaign.get("advertisingChannelType"),
        daily_budget=daily,
        lifetime_budget=lifetime,
        start_date=_day(campaign.get("startDateTime")),
        end_date=_day(campaign.get("endDateTime")),
        budget_object=str(campaign.get("campaignBudget") or budget.get("resourceName") or ""),
        budget_read_only=_lock(status, budget, daily),
        warning=_warning(campaign),
        targeting=targeting,
        raw=storable({**campaign, "campaignBudgetDetails": budget}),
    )


def own_status(row: dict[str, Any]) -> str:
    """The status that writes set, whatever the campaign's fortune is."""
    return str(row["campaign"].get("status"))


def daily_micros(row: dict[str, Any]) -> int | None:
    return whole((row.get("campaignBudget") or {}).get("amountMicros"))


def _status(campaign: dict[str, Any]) -> str:
    said, reasons = campaign.get("status"), campaign.get("primaryStatusReasons") or []
    if said == "REMOVED":
        return CampaignStatus.ARCHIVED.value
    if "CAMPAIGN_DRAFT" in reasons:
        return CampaignStatus.DRAFT.value
    if said in ("ENABLED", "PAUSED"):
        if "ENDED" in (campaign.get("servingStatus"), campaign.get("primaryStatus")):
            return CampaignStatus.COMPLETED.value
        return CampaignStatus.ACTIVE.value if said == "ENABLED" else CampaignStatus.PAUSED.value
    log.warning("google.unknown_status", status=said, primary_status=campaign.get("primaryStatus"))
    return ""


def _amounts(budget: dict[str, Any], currency: str) -> tuple[int | None, int | None]:
    """Daily and lifetime budget in minor units; which of them it is, the period says."""
    if budget.get("period") == "CUSTOM_PERIOD":
        total = budget.get("totalAmountMicros")
        return None, None if total is None else from_scaled(total, MICROS, currency)
    amount = budget.get("amountMicros")
    return None if amount is None else from_scaled(amount, MICROS, currency), None


def _lock(status: str, budget: dict[str, Any], daily: int | None) -> str:
    """Why the daily budget cannot be set for this campaign alone, empty when it can."""
    if status == CampaignStatus.ARCHIVED:
        return BudgetLock.FINAL.value
    if budget.get("explicitlyShared") is True or (whole(budget.get("referenceCount")) or 0) > 1:
        return BudgetLock.SHARED.value
    if budget.get("period") == "CUSTOM_PERIOD":
        return BudgetLock.LIFETIME.value
    return "" if daily is not None else BudgetLock.UNKNOWN.value


def _warning(campaign: dict[str, Any]) -> str:
    if campaign.get("primaryStatus") not in _FAULTY:
        return ""
    reasons = campaign.get("primaryStatusReasons") or [campaign["primaryStatus"]]
    return ", ".join(str(reason).replace("_", " ").lower() for reason in reasons)


def _day(text: str | None) -> date | None:
    """'2026-09-01 00:00:00', in the customer's zone, as a day; None for no end."""
    if not text:
        return None
    day = date.fromisoformat(text[:10])
    return None if day.year >= _NO_END_FROM else day


def day_metrics(row: dict[str, Any], account: Account) -> tuple[Hashable, DayMetrics]:
    """A campaign-day, with the key that no other row shares."""
    metrics = row["metrics"]
    campaign, day = str(row["campaign"]["id"]), date.fromisoformat(row["segments"]["date"])
    impressions = whole(metrics.get("impressions"))
    return (campaign, day), DayMetrics(
        campaign_external_id=campaign,
        date=day,
        impressions=impressions,
        clicks=whole(metrics.get("clicks")),
        spend=_money(metrics.get("costMicros"), account.currency),
        conversions_micros=_count(metrics.get("conversions")),
        revenue=_value(metrics.get("conversionsValue"), account.currency),
        video_views=whole(metrics.get("videoTrueviewViews")),
        video_completions=_completions(metrics.get("videoQuartileP100Rate"), impressions),
        # Google counts shares and comments of Shorts alone, and no saves: they stay unknown.
    )


def share(row: dict[str, Any], dimension: str, value: str, account: Account) -> BreakdownRow:
    metrics = row.get("metrics") or {}
    return BreakdownRow(
        campaign_external_id=str(row["campaign"]["id"]),
        dimension=dimension,
        value=value,
        impressions=whole(metrics.get("impressions")),
        clicks=whole(metrics.get("clicks")),
        spend=_money(metrics.get("costMicros"), account.currency),
        conversions_micros=_count(metrics.get("conversions")),
    )


def row_key(row: dict[str, Any]) -> Hashable:
    """What tells a row of a view from all others: a page that is served twice must not count twice."""
    view = row.get("ageRangeView") or row.get("genderView") or row.get("geographicView") or {}
    criterion = row.get("adGroupCriterion") or {}
    return (
        row["campaign"]["id"],
        view.get("resourceName") or criterion.get("resourceName"),
        view.get("countryCriterionId"),
        view.get("locationType"),
        (row.get("segments") or {}).get("date"),
    )


def age_value(row: dict[str, Any]) -> str:
    return age_band(str(row["adGroupCriterion"]["ageRange"]["type"]))


def gender_value(row: dict[str, Any]) -> str:
    return _GENDERS.get(row["adGroupCriterion"]["gender"]["type"], "unknown")


def country_of(row: dict[str, Any]) -> str:
    """The id of the row's country among the geo target constants."""
    return str(row["geographicView"]["countryCriterionId"])


def age_band(name: str) -> str:
    """'AGE_RANGE_25_34' as '25-34', 'AGE_RANGE_65_UP' as '65+'."""
    low, _, high = name.removeprefix("AGE_RANGE_").partition("_")
    if not low.isdigit():
        return "unknown"
    return f"{low}+" if high == "UP" else f"{low}-{high}"


def targeting(criteria: list[dict[str, Any]], places: dict[str, str]) -> dict[str, Any]:
    """What a campaign's own criteria say; ages and genders mostly sit on its ad groups and are then left out."""
    found: dict[str, Any] = {}
    wanted = [criterion for criterion in criteria if not criterion.get("negative")]
    locations = {places[id_] for criterion in wanted if (id_ := place_id(criterion)) in places}
    genders = {_GENDERS.get(criterion["gender"]["type"]) for criterion in wanted if "gender" in criterion} - {None}
    bands = [age_band(criterion["ageRange"]["type"]) for criterion in wanted if "ageRange" in criterion]
    known = [band for band in bands if band != "unknown"]
    if locations:
        found["locations"] = sorted(locations)
    if len(genders) == 1:
        found["genders"] = list(genders)
    if known:
        found["age_min"] = min(int(band.rstrip("+").partition("-")[0]) for band in known)
        if not any(band.endswith("+") for band in known):
            found["age_max"] = max(int(band.partition("-")[2]) for band in known)
    return found


def place_id(criterion: dict[str, Any]) -> str | None:
    """'2840' of a location criterion's 'geoTargetConstants/2840'."""
    constant = (criterion.get("location") or {}).get("geoTargetConstant")
    return constant.rpartition("/")[2] if constant else None


def place_name(constant: dict[str, Any]) -> str:
    """A country by its ISO code, a smaller place by its name."""
    if constant.get("targetType") == "Country" and constant.get("countryCode"):
        return str(constant["countryCode"])
    return str(constant.get("name") or constant["id"])


def _money(micros: Any, currency: str) -> int | None:
    return None if micros is None else from_scaled(micros, MICROS, currency)


def _count(value: Any) -> int | None:
    return None if value is None else count_micros(value)


def _value(value: Any, currency: str) -> int | None:
    return None if value is None else from_major(value, currency)


def _completions(rate: Any, impressions: int | None) -> int | None:
    """Google has a rate of impressions watched to the end, and no count."""
    if rate is None or impressions is None:
        return None
    return int((Decimal(rate) * impressions).quantize(Decimal(1), ROUND_HALF_EVEN))
