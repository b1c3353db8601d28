"""Accounts, campaigns and ad sets as Graph nodes: all fields that have a value; an absent field has none."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from stratum.sandbox.catalogue import Account, AdGroup, Campaign
from stratum.sandbox.currencies import PER_DOLLAR, meta_offset, meta_quantum
from stratum.sandbox.graph import invalid
from stratum.sandbox.market import Market, local_day, midnight
from stratum.sandbox.wire import names

STATUS = {"active": "ACTIVE", "paused": "PAUSED", "removed": "ARCHIVED", "deleted": "DELETED"}
WRITABLE = {written: word for word, written in STATUS.items()}
OBJECTIVE = {
    "sales": "OUTCOME_SALES",
    "leads": "OUTCOME_LEADS",
    "traffic": "OUTCOME_TRAFFIC",
    "awareness": "OUTCOME_AWARENESS",
    "engagement": "OUTCOME_ENGAGEMENT",
}
_GOAL = {"sales": "OFFSITE_CONVERSIONS", "leads": "LEAD_GENERATION", "traffic": "LINK_CLICKS", "awareness": "REACH"}
ACCOUNT_FIELDS = names(
    "id account_id name currency timezone_name timezone_id timezone_offset_hours_utc account_status min_daily_budget "
    "amount_spent balance spend_cap created_time business disable_reason"
)
CAMPAIGN_FIELDS = names(
    "id name status configured_status effective_status objective daily_budget lifetime_budget budget_remaining "
    "start_time stop_time created_time updated_time account_id buying_type bid_strategy special_ad_categories "
    "issues_info is_adset_budget_sharing_enabled spend_cap smart_promotion_type"
)
ADSET_FIELDS = names(
    "id name campaign_id account_id status configured_status effective_status daily_budget lifetime_budget "
    "budget_remaining start_time end_time created_time updated_time optimization_goal billing_event attribution_spec "
    "targeting bid_strategy bid_amount issues_info"
)


def words(text: str) -> list[str]:
    """A list parameter: JSON, or separated by commas."""
    if text.startswith("["):
        try:
            return [str(word) for word in json.loads(text)]
        except ValueError as error:
            raise invalid("param must be an array") from error
    return [word.strip() for word in text.split(",") if word.strip()]


def select(node: dict[str, Any], fields: str, known: frozenset[str], kind: str) -> dict[str, Any]:
    """The asked fields that have a value; `id` always comes. GraphError for a field that the kind does not have."""
    wanted = words(fields)
    for name in wanted:
        if name not in known:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type ({kind})")
    chosen = {name: node[name] for name in wanted if name in node}
    return chosen if "id" in wanted else {**chosen, "id": node["id"]}


def meta_money(minor: int, currency: str) -> str:
    """A budget on the wire: an integer string in Meta's own minor units."""
    return str(minor // meta_quantum(currency))


def minor_from_meta(amount: int, currency: str) -> int:
    return amount * meta_quantum(currency)


def minimum_daily(currency: str) -> int:
    """The least daily budget in Meta's minor units: about one US dollar."""
    return int(PER_DOLLAR[currency] * meta_offset(currency))


def account_node(market: Market, account: Account, now: float) -> dict[str, Any]:
    zone = ZoneInfo(account.zone)
    offset = datetime.fromtimestamp(now, zone).utcoffset()
    assert offset is not None
    hours = offset.total_seconds() / 3600
    today = local_day(account.zone, now)
    spent = sum(facts.spend for _c, _d, facts in market.ledger(account.id, today.replace(day=1), today, now))
    return {
        "id": f"act_{account.id}",
        "account_id": account.id,
        "name": account.name,
        "currency": account.currency,
        "timezone_name": account.zone,
        "timezone_id": 1,
        "timezone_offset_hours_utc": int(hours) if hours == int(hours) else hours,
        "account_status": 101 if account.closed else 1,
        "min_daily_budget": minimum_daily(account.currency),
        "amount_spent": meta_money(spent, account.currency),
        "balance": "0",
        "spend_cap": "0",
        "created_time": "2021-03-04T10:00:00-0800",
        "disable_reason": 0,
    }


def campaign_node(market: Market, campaign: Campaign, now: float) -> dict[str, Any]:
    account = market.account_of(campaign)
    budget = market.catalogue.budgets[campaign.budget_id]
    status = STATUS[market.status(campaign.id, now)]
    node: dict[str, Any] = {
        "id": campaign.id,
        "name": market.name(campaign.id, now),
        "status": status,
        "configured_status": status,
        "effective_status": "WITH_ISSUES" if campaign.has("issues") and status == "ACTIVE" else status,
        "objective": OBJECTIVE[campaign.objective],
        "start_time": stamp(account.zone, midnight(account.zone, campaign.start)),
        "created_time": stamp(account.zone, midnight(account.zone, campaign.created) + 33_242),
        "updated_time": stamp(account.zone, changed(market, campaign, now)),
        "account_id": account.id,
        "buying_type": "AUCTION",
        "special_ad_categories": [],
        "budget_remaining": "0",
    }
    amount = market.amount(budget.id, now)
    if amount is not None and budget.kind != "none":
        node[f"{budget.kind}_budget"] = meta_money(amount, account.currency)
        rest = max(0, int(amount - market.spent(budget.id, now)))
        node["budget_remaining"] = meta_money(rest, account.currency)
        node["bid_strategy"] = "LOWEST_COST_WITHOUT_CAP"
    if campaign.budgets_on_groups:
        node["is_adset_budget_sharing_enabled"] = False
    end = market.end(campaign.id, now)
    if end is not None:
        node["stop_time"] = stamp(account.zone, midnight(account.zone, end) + 86_399)
    if campaign.has("issues"):
        node["issues_info"] = [{
            "level": "CAMPAIGN",
            "error_code": 1815869,
            "error_summary": "Payment problem",
            "error_message": "The payment method of this account was declined.",
            "error_type": "HARD_ERROR",
        }]  # fmt: skip
    return node


def adset_node(market: Market, campaign: Campaign, group: AdGroup, now: float) -> dict[str, Any]:
    account = market.account_of(campaign)
    own = STATUS[market.status(group.id, now)]
    above = STATUS[market.status(campaign.id, now)]
    amount = market.amount(group.budget_id, now) if group.budget_id else None
    number = campaign.ad_groups.index(group)
    return {
        "id": group.id,
        "name": market.name(group.id, now),
        "campaign_id": campaign.id,
        "account_id": account.id,
        "status": own,
        "configured_status": own,
        "effective_status": own if own != "ACTIVE" or above == "ACTIVE" else f"CAMPAIGN_{above}",
        "daily_budget": meta_money(amount, account.currency) if amount else "0",
        "lifetime_budget": "0",
        "budget_remaining": "0",
        "start_time": stamp(account.zone, midnight(account.zone, campaign.start)),
        "created_time": stamp(account.zone, midnight(account.zone, campaign.created) + 33_300),
        "updated_time": stamp(account.zone, changed(market, campaign, now, group)),
        "optimization_goal": _GOAL.get(campaign.objective, "POST_ENGAGEMENT"),
        "billing_event": "IMPRESSIONS",
        "attribution_spec": [
            {"event_type": "CLICK_THROUGH", "window_days": 7},
            {"event_type": "VIEW_THROUGH", "window_days": 1},
        ],
        "targeting": {
            "age_min": (18, 25, 21)[number],
            "age_max": (65, 55, 44)[number],
            **({"genders": [2]} if number == 1 else {}),
            "geo_locations": {"countries": [account.country], "location_types": ["home", "recent"]},
            "publisher_platforms": ["facebook", "instagram"],
            "device_platforms": ["mobile", "desktop"],
        },
    }


def changed(market: Market, campaign: Campaign, now: float, group: AdGroup | None = None) -> float:
    """When the object or its budget was last written, by anybody."""
    objects: Iterable[str] = (group.id, group.budget_id) if group else (campaign.id, campaign.budget_id)
    moments = [moment for one in objects if one and (moment := market.changed_at(one, now)) is not None]
    return max(moments, default=midnight(market.account_of(campaign).zone, campaign.created) + 36_000)


def stamp(zone: str, moment: float) -> str:
    """2026-11-20T16:41:55-0500: Meta's offsets have no colon."""
    return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S%z")
