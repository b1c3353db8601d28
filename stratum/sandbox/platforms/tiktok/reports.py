"""Reports: string numbers in units of the currency, days of the account's zone, thirty of them at most."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.currencies import decimals, units
from stratum.sandbox.market import MICRO, Facts, apportioned, days, summed
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.tiktok.errors import BusinessError, bad
from stratum.sandbox.platforms.tiktok.logins import grant_of, json_param, own_advertiser
from stratum.sandbox.platforms.tiktok.objects import paged
from stratum.sandbox.wire import names

MOST_DAYS = 30
METRICS = names(
    "spend cash_spend voucher_spend impressions clicks ctr cpc cpm reach frequency conversion cost_per_conversion "
    "conversion_rate real_time_conversion complete_payment total_complete_payment_rate complete_payment_roas "
    "total_purchase_value total_onsite_shopping_value video_play_actions video_watched_2s video_watched_6s "
    "video_views_p25 video_views_p50 video_views_p75 video_views_p100 shares comments likes follows profile_visits"
)
AUDIENCE_METRICS = names("spend impressions clicks conversion ctr cpc cpm cost_per_conversion conversion_rate")
_AGES = {"AGE_18_24": 0.31, "AGE_25_34": 0.34, "AGE_35_44": 0.19, "AGE_45_54": 0.09, "AGE_55_100": 0.06, "NONE": 0.01}
_GENDERS = {"FEMALE": 0.58, "MALE": 0.40, "NONE": 0.02}


def report_rows(call: Call) -> dict[str, Any]:
    params = call.request.params
    account = own_advertiser(call, grant_of(call), params.get("advertiser_id", ""))
    kind = params.get("report_type", "BASIC")
    if kind not in ("BASIC", "AUDIENCE"):
        raise bad("report_type: Must be one of BASIC, AUDIENCE.")
    dimensions = [str(one) for one in json_param(call, "dimensions", list) or []]
    metrics = [str(one) for one in json_param(call, "metrics", list) or ["spend", "impressions"]]
    allowed = METRICS if kind == "BASIC" else AUDIENCE_METRICS
    unknown = [one for one in metrics if one not in allowed]
    if unknown:
        raise bad(f"Invalid metric fields: {unknown}. Please refer to the documentation.")
    level = params.get("data_level", "AUCTION_CAMPAIGN")
    object_dimension = _object_dimension(level, dimensions, kind)
    first, last = _period(params, dimensions)
    subjects = _subjects(call, account, level)
    found = []
    for ids, of_day in subjects:
        for span in [(day, day) for day in days(first, last)] if "stat_time_day" in dimensions else [(first, last)]:
            facts = of_day(span[0]) if span[0] == span[1] else summed(of_day(day) for day in days(*span))
            if not facts.any:
                continue
            fixed = {object_dimension: ids[object_dimension]} if object_dimension else {}
            if "stat_time_day" in dimensions:
                fixed["stat_time_day"] = f"{span[0].isoformat()} 00:00:00"
            found += _cells(account, dimensions, metrics, fixed, facts, ids["objective"])
    return paged(call, found)


def _object_dimension(level: str, dimensions: list[str], kind: str) -> str:
    by_level = {
        "AUCTION_ADVERTISER": "advertiser_id",
        "AUCTION_CAMPAIGN": "campaign_id",
        "AUCTION_ADGROUP": "adgroup_id",
    }
    if level not in by_level:
        raise bad("data_level: Must be one of AUCTION_ADVERTISER, AUCTION_CAMPAIGN, AUCTION_ADGROUP.")
    allowed = {by_level[level], "stat_time_day"}
    if kind == "AUDIENCE":
        allowed |= {"gender", "age", "country_code"}
    wrong = [one for one in dimensions if one not in allowed]
    if wrong or not dimensions:
        raise bad(f"dimensions: {wrong} can not be used with data_level {level} and report_type {kind}.")
    return by_level[level] if by_level[level] in dimensions else ""


def _period(params: Mapping[str, str], dimensions: list[str]) -> tuple[date, date]:
    try:
        first, last = date.fromisoformat(params["start_date"]), date.fromisoformat(params["end_date"])
    except (KeyError, ValueError) as error:
        raise bad("start_date, end_date: Must be dates, YYYY-MM-DD.") from error
    if first > last:
        raise bad("start_date: Must not be after end_date.")
    span = (last - first).days + 1
    if "stat_time_day" in dimensions and span > MOST_DAYS:
        raise bad("max time span is 30 days when use stat_time_day")
    if span > 365:
        raise bad("max time span is 365 days")
    return first, last


_Subject = tuple[dict[str, str], Callable[[date], Facts]]


def _subjects(call: Call, account: Account, level: str) -> list[_Subject]:
    """Whose rows there are. Deleted campaigns are left out unless the filter asks for all."""
    campaigns = [one for one in call.world.campaigns(account.id) if _in_report(call, one)]
    market, now = call.market, call.now
    if level == "AUCTION_ADVERTISER":
        ids = {"advertiser_id": account.id, "objective": "sales"}
        return [(ids, lambda day: summed(market.facts(one, day, now) for one in campaigns))]
    found: list[_Subject] = []
    for one in sorted(campaigns, key=lambda campaign: int(campaign.id), reverse=True):
        ids = {"campaign_id": one.id, "objective": one.objective}
        if level == "AUCTION_CAMPAIGN":
            found.append((ids, lambda day, campaign=one: market.facts(campaign, day, now)))
            continue
        for group in one.ad_groups:
            ids = {"adgroup_id": group.id, "objective": one.objective}
            found.append((ids, lambda day, campaign=one, part=group: market.group_facts(campaign, part, day, now)))
    return found


def _in_report(call: Call, campaign: Campaign) -> bool:
    deleted = call.market.status(campaign.id, call.now) in ("removed", "deleted")
    shown = not deleted
    for one in json_param(call, "filtering", list) or []:
        field = one.get("field_name")
        try:
            values = json.loads(one.get("filter_value", "[]"))
        except ValueError as error:
            raise bad("filtering.filter_value: Not a valid JSON.") from error
        values = [str(value) for value in values] if isinstance(values, list) else [str(values)]
        if field == "campaign_status":
            shown = "STATUS_ALL" in values or (shown and "STATUS_DELETE" not in values)
        elif field == "campaign_ids":
            if len(values) > 100:
                raise BusinessError(40011, "Too many campaign_ids: at most 100.")
            if campaign.id not in values:
                return False
        else:
            raise bad(f"filtering.field_name: {field} is not supported.")
    return shown


def _cells(
    account: Account,
    dimensions: list[str],
    metrics: list[str],
    fixed: dict[str, str],
    facts: Facts,
    objective: str,
) -> list[dict[str, Any]]:
    cells: list[tuple[float, dict[str, str]]] = [(1.0, {})]
    for name, shares in (("gender", _GENDERS), ("age", _AGES), ("country_code", {account.country: 1.0})):
        if name in dimensions:
            cells = [(weight * part, {**keys, name: key}) for weight, keys in cells for key, part in shares.items()]
    parts = (
        [facts]
        if len(cells) == 1
        else apportioned(facts, [weight for weight, _keys in cells], fractional=False, quantum=1)
    )
    rows = []
    for part, (_weight, keys) in zip(parts, cells, strict=True):
        if part.any:
            known = _metrics(part, account.currency, objective)
            rows.append({"dimensions": {**fixed, **keys}, "metrics": {name: known[name] for name in metrics}})
    return rows


def _metrics(facts: Facts, currency: str, objective: str) -> dict[str, str]:
    """Every value is a string; what there is none of is '-'."""
    conversions = None if facts.conversions_micros is None else facts.conversions_micros // MICRO
    purchases = conversions if objective != "leads" or conversions is None else 0
    revenue = facts.revenue
    views = facts.video_views or 0
    complete = facts.video_completions or 0
    money = _money(facts.spend, currency)
    known: dict[str, str | int | None] = {
        "spend": money,
        "cash_spend": money,
        "voucher_spend": _money(0, currency),
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "ctr": _ratio(facts.clicks * 100, facts.impressions),
        "cpc": _ratio(units(facts.spend, currency), facts.clicks),
        "cpm": _ratio(units(facts.spend, currency) * 1000, facts.impressions),
        "reach": facts.impressions * 4 // 5,
        "frequency": "1.25" if facts.impressions else None,
        "conversion": conversions,
        "real_time_conversion": conversions,
        "cost_per_conversion": _ratio(units(facts.spend, currency), conversions or 0),
        "conversion_rate": _ratio((conversions or 0) * 100, facts.clicks),
        "complete_payment": purchases,
        # The value of the purchases, whatever the name says.
        "total_complete_payment_rate": None if revenue is None else _money(revenue, currency),
        "complete_payment_roas": _ratio(revenue or 0, facts.spend),
        "total_purchase_value": _money(0, currency),
        "total_onsite_shopping_value": _money(0, currency),
        "video_play_actions": views,
        "video_watched_2s": views * 3 // 5,
        "video_watched_6s": views // 4,
        "video_views_p25": views // 2,
        "video_views_p50": views // 3,
        "video_views_p75": views // 5,
        "video_views_p100": complete,
        "shares": facts.shares,
        "comments": facts.comments,
        "likes": facts.clicks // 5,
        "follows": facts.clicks // 60,
        "profile_visits": facts.clicks // 20,
    }
    return {name: "-" if value is None else str(value) for name, value in known.items()}


def _money(amount: int, currency: str) -> str:
    return f"{units(amount, currency):.{decimals(currency)}f}"


def _ratio(top: Decimal | int, bottom: int) -> str | None:
    return f"{Decimal(top) / bottom:.2f}" if bottom else "0.00"
