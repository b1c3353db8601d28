"""Meta's insights: which questions are asked, and what a row of the answer means.

All numbers are strings. `spend` and the values of `action_values` are decimals in major units of the account's
currency, unlike budgets. Action types nest (page_engagement holds post_engagement holds link_click …) and one purchase
appears under half a dozen of them: they are looked up by their exact name and never added up. Source: Marketing API,
"Ads Action Stats".
"""

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from typing import Any

from campaigns.clients.answers import whole
from campaigns.clients.base import Account, BreakdownRow, DayMetrics
from campaigns.clients.money import count_micros, from_major

BREAKDOWN_FIELDS = "campaign_id,objective,impressions,clicks,spend,actions"
DAILY_FIELDS = f"{BREAKDOWN_FIELDS},action_values,video_p100_watched_actions,attribution_setting"

# The first of these that a row has is its count of conversions; the same type gives the revenue.
PURCHASES = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")
LEADS = ("lead", "onsite_conversion.lead_grouped")
_LEAD_OBJECTIVES = frozenset({"OUTCOME_LEADS", "LEAD_GENERATION"})

# Country does not go with age or gender.
BREAKDOWNS: dict[str, tuple[str, ...]] = {"age,gender": ("age", "gender"), "country": ("location",)}
_WIRE_NAMES = {"age": "age", "gender": "gender", "location": "country"}


def daily_params() -> dict[str, str]:
    return {
        "level": "campaign",
        "time_increment": "1",
        "fields": DAILY_FIELDS,
        # `value` then counts within the window that each ad set is set to, as the platform's own screens do.
        "use_unified_attribution_setting": "true",
    }


def breakdown_params(breakdowns: str) -> dict[str, str]:
    return {
        "level": "campaign",
        "fields": BREAKDOWN_FIELDS,
        "breakdowns": breakdowns,
        # Without windows, rows of demographic breakdowns lack what happened off Meta.
        "action_attribution_windows": '["1d_click","7d_click","1d_view"]',
        "use_unified_attribution_setting": "true",
    }


def day_reader(account: Account) -> Callable[[dict[str, Any]], tuple[Hashable, DayMetrics]]:
    """Turns a row of a daily report into a campaign-day, with the key that no other row shares."""
    currency = account.currency

    def read(row: dict[str, Any]) -> tuple[Hashable, DayMetrics]:
        campaign, day = str(row["campaign_id"]), date.fromisoformat(row["date_start"])
        if row["date_stop"] != row["date_start"]:
            raise ValueError(f"a row of several days: {row['date_start']} to {row['date_stop']}")
        actions = _by_type(row.get("actions"))
        kind, count = _conversions(actions, row.get("objective"), account)
        revenue = _by_type(row.get("action_values")).get(kind, "0")
        metrics = DayMetrics(
            campaign_external_id=campaign,
            date=day,
            impressions=whole(row.get("impressions")),
            clicks=whole(row.get("clicks")),
            spend=_money(row.get("spend"), currency),
            # Asked for and absent: none happened. Conversions taken back must be able to fall to nothing.
            conversions_micros=count_micros(count),
            revenue=from_major(revenue, currency),
            video_views=whole(actions.get("video_view")),
            video_completions=whole(_by_type(row.get("video_p100_watched_actions")).get("video_view")),
            shares=whole(actions.get("post")),
            comments=whole(actions.get("comment")),
            saves=whole(actions.get("onsite_conversion.post_save")),
            attribution=row.get("attribution_setting"),
        )
        return (campaign, day), metrics

    return read


def breakdown_reader(
    account: Account, breakdowns: str
) -> Callable[[dict[str, Any]], tuple[Hashable, list[BreakdownRow]]]:
    """Turns a row of a breakdown into one share for each of its dimensions."""
    dimensions = BREAKDOWNS[breakdowns]

    def read(row: dict[str, Any]) -> tuple[Hashable, list[BreakdownRow]]:
        campaign = str(row["campaign_id"])
        values = tuple(_value(row[_WIRE_NAMES[dimension]]) for dimension in dimensions)
        _kind, count = _conversions(_by_type(row.get("actions")), row.get("objective"), account)
        shares = [
            BreakdownRow(
                campaign_external_id=campaign,
                dimension=dimension,
                value=value,
                impressions=whole(row.get("impressions")),
                clicks=whole(row.get("clicks")),
                spend=_money(row.get("spend"), account.currency),
                conversions_micros=count_micros(count),
            )
            for dimension, value in zip(dimensions, values, strict=True)
        ]
        return (campaign, *values), shares

    return read


def _conversions(actions: dict[str, str], objective: str | None, account: Account) -> tuple[str, str]:
    """The type that counts as this row's conversion and how many there were; ('', '0') when none of them happened."""
    wanted: Iterable[str] = account.conversion_actions or (LEADS if objective in _LEAD_OBJECTIVES else PURCHASES)
    for kind in wanted:
        if kind in actions:
            return kind, actions[kind]
    return "", "0"


def _by_type(entries: list[dict[str, str]] | None) -> dict[str, str]:
    """action_type → value of a list of action stats. An entry may lack `value` when it only has windows."""
    return {entry["action_type"]: entry["value"] for entry in entries or () if "value" in entry}


def _money(text: str | None, currency: str) -> int | None:
    return None if text is None else from_major(text, currency)


def _value(text: str) -> str:
    return "unknown" if text.lower() == "unknown" else text
