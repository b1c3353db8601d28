"""Campaigns and ad groups, and lists of them in pages."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stratum.sandbox.catalogue import Account, AdGroup, Campaign
from stratum.sandbox.currencies import units
from stratum.sandbox.market import local_day, midnight
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.tiktok.errors import bad
from stratum.sandbox.platforms.tiktok.logins import grant_of, json_param, own_advertiser

MOST_PAGE = 1_000
OBJECTIVE = {
    "sales": "WEB_CONVERSIONS",
    "traffic": "TRAFFIC",
    "video": "VIDEO_VIEWS",
    "leads": "LEAD_GENERATION",
    "reach": "REACH",
}
_PLACES = {"US": "6252001", "AE": "290557"}


def paged(call: Call, found: list[Any], show: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    numbers = []
    for name, usual in (("page", 1), ("page_size", 10)):
        text = call.request.params.get(name, str(usual))
        if not text.isdigit() or int(text) < 1:
            raise bad(f"{name}: Must be a positive integer.")
        numbers.append(int(text))
    page, size = numbers
    if size > MOST_PAGE:
        raise bad(f"page_size: Must be at most {MOST_PAGE}.")
    rows = [show(row) for row in found[(page - 1) * size : page * size]]
    if call.has_fault("duplicated_page"):
        rows = rows + rows
    info = {"page": page, "page_size": size, "total_number": len(found), "total_page": math.ceil(len(found) / size)}
    return {"list": rows, "page_info": info}


def campaign_list(call: Call) -> dict[str, Any]:
    account = own_advertiser(call, grant_of(call), call.request.params.get("advertiser_id", ""))
    return paged(call, chosen(call, account), lambda one: campaign_object(call, one))


def smart_campaign_list(call: Call) -> dict[str, Any]:
    account = own_advertiser(call, grant_of(call), call.request.params.get("advertiser_id", ""))
    smart = [one for one in chosen(call, account) if one.has("smart")]
    return paged(call, smart, lambda one: campaign_object(call, one))


def chosen(call: Call, account: Account) -> list[Campaign]:
    """Newest id first; deleted ones only when asked for."""
    filtering = json_param(call, "filtering", dict) or {}
    known = {"campaign_ids", "primary_status", "secondary_status", "objective_type", "campaign_name", "buying_types"}
    known |= {"campaign_type", "campaign_system_origins"}
    if set(filtering) - known:
        raise bad(f"filtering.{min(set(filtering) - known)}: Unknown field.")
    everything = filtering.get("primary_status") == "STATUS_ALL" or (
        filtering.get("secondary_status") == "CAMPAIGN_STATUS_ALL"
    )
    found = [
        one
        for one in call.world.campaigns(account.id)
        if (everything or call.market.status(one.id, call.now) not in ("removed", "deleted"))
        and ("campaign_ids" not in filtering or one.id in map(str, filtering["campaign_ids"]))
        and filtering.get("objective_type") in (None, OBJECTIVE[one.objective])
    ]
    return sorted(found, key=lambda one: int(one.id), reverse=True)


def campaign_object(call: Call, campaign: Campaign) -> dict[str, Any]:
    market = call.market
    account = market.account_of(campaign)
    switch, secondary = _statuses(call, campaign)
    amount = market.amount(campaign.budget_id, call.now)
    smart = campaign.has("smart")
    shown = {
        "advertiser_id": account.id,
        "campaign_id": campaign.id,
        "campaign_name": market.name(campaign.id, call.now),
        "campaign_type": "REGULAR_CAMPAIGN",
        "objective_type": OBJECTIVE[campaign.objective],
        "objective": "LANDING_PAGE",
        "app_promotion_type": "UNSET",
        "budget": float(units(amount or 0, account.currency)),
        "budget_mode": _budget_mode(call, campaign),
        "budget_optimize_on": not campaign.budgets_on_groups,
        "operation_status": switch,
        "secondary_status": secondary,
        "is_smart_performance_campaign": smart,
        "is_new_structure": True,
        "roas_bid": 0.0,
        "deep_bid_type": "DEFAULT",
        "special_industries": [],
        "create_time": _utc(midnight(account.zone, campaign.created) + 29_564),
        "modify_time": _utc(_modified(call, campaign)),
    }
    return {**shown, "campaign_automation_type": "UPGRADED_SMART_PLUS"} if smart else shown


def _modified(call: Call, campaign: Campaign) -> float:
    moments = [call.market.changed_at(one, call.now) for one in (campaign.id, campaign.budget_id)]
    known = [moment for moment in moments if moment is not None]
    return max(known, default=midnight(call.market.account_of(campaign).zone, campaign.created) + 40_000)


def _budget_mode(call: Call, campaign: Campaign) -> str:
    kind = call.market.catalogue.budgets[campaign.budget_id].kind
    if kind == "daily" and campaign.has("dynamic"):
        return "BUDGET_MODE_DYNAMIC_DAILY_BUDGET"
    return {"none": "BUDGET_MODE_INFINITE", "daily": "BUDGET_MODE_DAY", "lifetime": "BUDGET_MODE_TOTAL"}[kind]


def _statuses(call: Call, campaign: Campaign) -> tuple[str, str]:
    status = call.market.status(campaign.id, call.now)
    if status in ("removed", "deleted"):
        return "DELETE", "CAMPAIGN_STATUS_DELETE"
    if status == "paused":
        return "DISABLE", "CAMPAIGN_STATUS_DISABLE"
    amount = call.market.amount(campaign.budget_id, call.now)
    if amount and call.market.spent(campaign.budget_id, call.now) >= amount:
        return "ENABLE", "CAMPAIGN_STATUS_BUDGET_EXCEED"
    return "ENABLE", "CAMPAIGN_STATUS_ENABLE"


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def ad_group_list(call: Call) -> dict[str, Any]:
    account = own_advertiser(call, grant_of(call), call.request.params.get("advertiser_id", ""))
    pairs = [(one, group) for one in chosen(call, account) for group in one.ad_groups]
    return paged(call, pairs, lambda pair: ad_group_object(call, *pair))


def ad_group_object(call: Call, campaign: Campaign, group: AdGroup) -> dict[str, Any]:
    market = call.market
    account = market.account_of(campaign)
    status = market.status(group.id, call.now)
    end = market.end(campaign.id, call.now)
    start = midnight(account.zone, campaign.start)
    amount = market.amount(group.budget_id, call.now) if group.budget_id else None
    over = end is not None and end < local_day(account.zone, call.now)
    number = campaign.ad_groups.index(group)
    return {
        "advertiser_id": account.id,
        "campaign_id": campaign.id,
        "adgroup_id": group.id,
        "adgroup_name": market.name(group.id, call.now),
        "operation_status": "ENABLE" if status == "active" else "DISABLE",
        "secondary_status": "ADGROUP_STATUS_TIME_DONE" if over else "ADGROUP_STATUS_DELIVERY_OK",
        "schedule_type": "SCHEDULE_START_END" if end else "SCHEDULE_FROM_NOW",
        "schedule_start_time": _utc(start),
        # Without an end there is one in about ten years.
        "schedule_end_time": _utc(midnight(account.zone, end) + 86_399 if end else start + 3_650 * 86_400),
        "budget": float(units(amount or 0, account.currency)),
        "budget_mode": "BUDGET_MODE_DAY" if amount else "BUDGET_MODE_INFINITE",
        "optimization_goal": "CONVERT" if campaign.objective == "sales" else "CLICK",
        "placements": ["PLACEMENT_TIKTOK"],
        "location_ids": [_PLACES[account.country]],
        "age_groups": ["AGE_18_24", "AGE_25_34", "AGE_35_44"][number:],
        "gender": ("GENDER_UNLIMITED", "GENDER_FEMALE", "GENDER_MALE")[number],
        "languages": ["en"],
        "interest_category_ids": ["15"],
        "bid_price": 0.0,
        "create_time": _utc(start - 3_600),
        "modify_time": _utc(start),
    }
