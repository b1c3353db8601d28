"""Meta's reports: rows of strings, nested actions, breakdowns, and the asynchronous way to the same rows."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from stratum.sandbox.catalogue import CHANNELS, Account, AdGroup, Campaign
from stratum.sandbox.currencies import decimals, meta_offset, units
from stratum.sandbox.graph import GraphError, invalid
from stratum.sandbox.market import MICRO, Facts, Market, apportioned, days, local_day, summed
from stratum.sandbox.platforms.meta.nodes import OBJECTIVE, STATUS, words
from stratum.sandbox.wire import names

FIELDS = names(
    "account_id account_name account_currency campaign_id campaign_name adset_id adset_name objective impressions "
    "clicks inline_link_clicks reach frequency spend ctr cpc cpm cpp actions action_values video_play_actions "
    "video_thruplay_watched_actions video_p25_watched_actions video_p50_watched_actions video_p75_watched_actions "
    "video_p100_watched_actions purchase_roas attribution_setting date_start date_stop buying_type "
    "inline_post_engagement unique_clicks outbound_clicks cost_per_action_type"
)
DEFAULT_FIELDS = "account_id,campaign_id,impressions,spend"
MOST_HISTORY_DAYS = 37 * 31
PURCHASES = (
    "omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase", "web_in_store_purchase",
    "onsite_web_purchase", "onsite_web_app_purchase",
)  # fmt: skip
_LEADS = ("lead", "onsite_conversion.lead_grouped")
_AGES = {"18-24": 0.18, "25-34": 0.29, "35-44": 0.23, "45-54": 0.16, "55-64": 0.09, "65+": 0.05}
_GENDERS = {"female": 0.53, "male": 0.45, "unknown": 0.02}
_COUNTRIES = {"US": ("US", "CA"), "JP": ("JP",), "HU": ("HU", "AT"), "DE": ("DE", "AT", "CH")}
_WINDOWS = ("1d_click", "7d_click", "1d_view")


@dataclass(frozen=True, slots=True)
class Query:
    """A report request, understood. `windows` are the attribution windows to show beside the value."""

    account: Account
    campaigns: tuple[Campaign, ...]
    level: str
    fields: tuple[str, ...]
    first: date
    last: date
    step: int | None
    breakdowns: tuple[str, ...]
    windows: tuple[str, ...]


def understand(
    market: Market, account: Account, campaigns: list[Campaign], params: Mapping[str, str], now: float
) -> Query:
    """GraphError when the platform would refuse the request."""
    level = params.get("level", "account" if len(campaigns) != 1 else "campaign")
    if level not in ("account", "campaign", "adset"):
        raise invalid("level must be one of the following values: account, campaign, adset")
    fields = tuple(words(params.get("fields", DEFAULT_FIELDS)))
    for name in fields:
        if name not in FIELDS:
            raise invalid(
                f"{name} is not valid for fields param. please check "
                "https://developers.facebook.com/docs/marketing-api/reference/ads-insights/ for all valid values"
            )
    today = local_day(account.zone, now)
    first, last = _range(params, today)
    if first > last:
        raise invalid("time_range: since must be before until", error_subcode=1487534)
    if (today - first).days > MOST_HISTORY_DAYS:
        raise GraphError(
            400, 3018, "(#3018) The start date of the time range cannot be beyond 37 months from the current date"
        )
    breakdowns = tuple(words(params.get("breakdowns", "")))
    if set(breakdowns) not in ({*()}, {"age"}, {"gender"}, {"age", "gender"}, {"country"}):
        raise GraphError(
            400, 2, "Invalid combination of breakdowns", error_subcode=1504041, error_user_title="Invalid breakdowns"
        )
    windows = tuple(name for name in words(params.get("action_attribution_windows", "")) if name in _WINDOWS)
    chosen = tuple(one for one in campaigns if _passes(market, one, params.get("filtering", ""), now))
    step = _step(params.get("time_increment", "all_days"))
    return Query(account, chosen, level, fields, first, last, step, breakdowns, windows)


def rows(market: Market, query: Query, now: float) -> list[dict[str, Any]]:
    """The report's rows, oldest period first. A period without delivery has none."""
    found = []
    for first, last in _periods(query):
        for campaign, group, facts in _subjects(market, query, first, last, now):
            if facts.any:
                found += [
                    _row(query, campaign, group, part, keys, first, last)
                    for part, keys in _parts(query, campaign, facts)
                ]
    return found


def _range(params: Mapping[str, str], today: date) -> tuple[date, date]:
    if "time_range" in params:
        try:
            asked = json.loads(params["time_range"])
            return date.fromisoformat(asked["since"]), date.fromisoformat(asked["until"])
        except (ValueError, TypeError, KeyError) as error:
            raise invalid("param time_range must be an object with the keys since and until") from error
    preset = params.get("date_preset", "last_30d")
    yesterday = today - timedelta(days=1)
    ranges = {
        "today": (today, today),
        "yesterday": (yesterday, yesterday),
        "this_month": (today.replace(day=1), today),
        "maximum": (today - timedelta(days=MOST_HISTORY_DAYS), today),
        **{f"last_{n}d": (today - timedelta(days=n), yesterday) for n in (3, 7, 14, 28, 30, 90)},
    }
    if preset not in ranges:
        raise invalid("date_preset must be one of the documented values")
    return ranges[preset]


def _step(text: str) -> int | None:
    if text in ("all_days", ""):
        return None
    if text.isdigit() and 1 <= int(text) <= 90:
        return int(text)
    raise invalid("time_increment must be an integer from 1 to 90, or all_days")


def _passes(market: Market, campaign: Campaign, filtering: str, now: float) -> bool:
    for one in parse_filtering(filtering):
        field, values = str(one.get("field", "")), one.get("value")
        if field == "campaign.id" and isinstance(values, list):
            if campaign.id not in map(str, values):
                return False
        elif field == "campaign.effective_status" and isinstance(values, list):
            if STATUS[market.status(campaign.id, now)] not in values:
                return False
        else:
            raise invalid(f"Filtering field {field} with this operator is not supported")
    return True


def parse_filtering(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    try:
        found = json.loads(text)
    except ValueError as error:
        raise invalid("param filtering must be an array.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise invalid("param filtering must be an array.")
    return found


def _periods(query: Query) -> Iterator[tuple[date, date]]:
    if query.step is None:
        yield query.first, query.last
        return
    first = query.first
    while first <= query.last:
        last = min(first + timedelta(days=query.step - 1), query.last)
        yield first, last
        first = last + timedelta(days=1)


def _subjects(
    market: Market, query: Query, first: date, last: date, now: float
) -> Iterator[tuple[Campaign | None, AdGroup | None, Facts]]:
    if query.level == "account":
        everything = (market.facts(one, day, now) for one in query.campaigns for day in days(first, last))
        yield None, None, summed(everything)
        return
    for campaign in query.campaigns:
        if query.level == "campaign":
            yield campaign, None, _period(lambda day, one=campaign: market.facts(one, day, now), first, last)
        else:
            for group in campaign.ad_groups:
                yield (
                    campaign,
                    group,
                    _period(lambda day, one=campaign, part=group: market.group_facts(one, part, day, now), first, last),
                )


def _period(of_day: Callable[[date], Facts], first: date, last: date) -> Facts:
    return of_day(first) if first == last else summed(of_day(day) for day in days(first, last))


def _parts(query: Query, campaign: Campaign | None, facts: Facts) -> Iterator[tuple[Facts, dict[str, str]]]:
    if not query.breakdowns:
        yield facts, {}
        return
    cells: list[tuple[float, dict[str, str]]] = [(1.0, {})]
    for name in query.breakdowns:
        if name == "country":
            codes = _COUNTRIES.get(query.account.country, (query.account.country,))
            shares = {code: (0.9 if place == 0 else 0.1 / (len(codes) - 1)) for place, code in enumerate(codes)}
            if len(codes) == 1:
                shares = {codes[0]: 1.0}
        else:
            shares = _AGES if name == "age" else _GENDERS
        cells = [(weight * part, {**keys, name: key}) for weight, keys in cells for key, part in shares.items()]
    parts = apportioned(facts, [weight for weight, _keys in cells], fractional=False, quantum=query.account.quantum)
    for part, (_weight, keys) in zip(parts, cells, strict=True):
        if part.any:
            yield part, keys


def _row(
    query: Query,
    campaign: Campaign | None,
    group: AdGroup | None,
    facts: Facts,
    keys: dict[str, str],
    first: date,
    last: date,
) -> dict[str, Any]:
    account = query.account
    known: dict[str, Any] = {
        "account_id": account.id,
        "account_name": account.name,
        "account_currency": account.currency,
        "impressions": str(facts.impressions),
        "clicks": str(facts.clicks),
        "inline_link_clicks": str(_links(facts)),
        "unique_clicks": str(facts.clicks * 9 // 10),
        "reach": str(facts.impressions * 83 // 100),
        "spend": money(facts.spend, account.currency),
        "attribution_setting": "7d_click_1d_view",
    }
    if campaign is not None:
        known |= {"campaign_id": campaign.id, "campaign_name": campaign.name}
        known |= {"objective": OBJECTIVE[campaign.objective], "buying_type": "AUCTION"}
        known |= _actions(query, campaign, facts)
    if group is not None:
        known |= {"adset_id": group.id, "adset_name": group.name}
    if facts.impressions:
        known["ctr"] = f"{facts.clicks / facts.impressions * 100:.6f}"
        known["frequency"] = f"{facts.impressions / max(1, facts.impressions * 83 // 100):.6f}"
    row = {name: known[name] for name in query.fields if name in known}
    return {**row, "date_start": first.isoformat(), "date_stop": last.isoformat(), **keys}


def money(minor: int, currency: str) -> str:
    """Reports show major units, with the decimals that Meta has for the currency."""
    places = 0 if meta_offset(currency) == 1 else min(2, decimals(currency))
    return f"{units(minor, currency):.{places}f}"


def _links(facts: Facts) -> int:
    return facts.clicks * 2 // 3


def _actions(query: Query, campaign: Campaign, facts: Facts) -> dict[str, Any]:
    """All lists of actions. They nest and repeat: an engagement counts in three types, a purchase in six."""
    views = facts.video_views or 0
    plain = {
        "link_click": _links(facts),
        "post": facts.shares or 0,
        "comment": facts.comments or 0,
        "post_reaction": facts.clicks // 14,
        "onsite_conversion.post_save": facts.saves or 0,
        "video_view": views,
    }
    engagement = sum(plain.values())
    plain |= {"post_engagement": engagement, "page_engagement": engagement}
    actions = [_plain_action(query, kind, count) for kind, count in plain.items() if count]
    found: dict[str, Any] = {}
    # Without windows, breakdowns show nothing that happened off Meta.
    if not query.breakdowns or query.windows:
        counted, valued = _conversions(query, campaign, facts)
        actions += counted
        if valued:
            found["action_values"] = valued
            if facts.spend:
                roas = f"{(facts.revenue or 0) / facts.spend:.6f}"
                found["purchase_roas"] = [{"action_type": "omni_purchase", "value": roas}]
    if actions:
        found["actions"] = actions
    if CHANNELS[campaign.channel].views and views:
        complete = facts.video_completions or 0
        for field, count in (
            ("video_play_actions", views * 11 // 10),
            ("video_thruplay_watched_actions", views // 4),
            ("video_p25_watched_actions", views * 2 // 3),
            ("video_p50_watched_actions", views * 2 // 5),
            ("video_p75_watched_actions", views // 4),
            ("video_p100_watched_actions", complete),
        ):
            found[field] = [{"action_type": "video_view", "value": str(count)}]
    return found


def _plain_action(query: Query, kind: str, count: int) -> dict[str, str]:
    shown = {name: str(count) for name in query.windows if name != "1d_view"}
    return {"action_type": kind, "value": str(count), **shown}


def _conversions(query: Query, campaign: Campaign, facts: Facts) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    count = (facts.conversions_micros or 0) // MICRO
    if not count:
        return [], []
    viewed = min(facts.viewed, count)
    windows = {"1d_click": min(facts.within_day, count - viewed), "7d_click": count - viewed, "1d_view": viewed}
    shown = {name: number for name, number in windows.items() if name in query.windows and number}
    numbers = {"value": str(count), **{name: str(number) for name, number in shown.items()}}
    kinds = _LEADS if campaign.objective == "leads" else PURCHASES
    counted = [{"action_type": kind, **numbers} for kind in kinds]
    if campaign.objective == "leads":
        return counted, []
    baskets = {name: str(int(number) * 4) for name, number in numbers.items()}
    counted += [{"action_type": kind, **baskets} for kind in ("omni_add_to_cart", "add_to_cart")]
    revenue = facts.revenue or 0
    if not revenue:
        return counted, []
    amounts = {"value": money(revenue, query.account.currency)}
    quantum = query.account.quantum
    for name, number in shown.items():
        amounts[name] = money(revenue * number // count // quantum * quantum, query.account.currency)
    return counted, [{"action_type": kind, **amounts} for kind in kinds]
