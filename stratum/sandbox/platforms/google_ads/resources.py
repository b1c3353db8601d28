"""What can be queried: the fields of each resource, and where their values come from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from stratum.sandbox.catalogue import CHANNELS, GOOGLE_MANAGER, Account, AdGroup, Campaign
from stratum.sandbox.currencies import micros, units
from stratum.sandbox.market import MICRO, Facts, Market, apportioned, days, local_day, summed
from stratum.sandbox.platforms.google_ads.errors import query_error
from stratum.sandbox.platforms.google_ads.gaql import Query

STATUS = {"active": "ENABLED", "paused": "PAUSED", "removed": "REMOVED", "deleted": "REMOVED"}
CHANNEL_TYPE = {
    "search": "SEARCH",
    "shopping": "SHOPPING",
    "pmax": "PERFORMANCE_MAX",
    "display": "DISPLAY",
    "video": "VIDEO",
    "demand_gen": "DEMAND_GEN",
}
MOST_HISTORY_DAYS = 37 * 31
_AGES = {
    "AGE_RANGE_18_24": (503001, 0.14), "AGE_RANGE_25_34": (503002, 0.26), "AGE_RANGE_35_44": (503003, 0.22),
    "AGE_RANGE_45_54": (503004, 0.16), "AGE_RANGE_55_64": (503005, 0.09), "AGE_RANGE_65_UP": (503006, 0.05),
    "AGE_RANGE_UNDETERMINED": (503999, 0.08),
}  # fmt: skip
_GENDERS = {"MALE": (10, 0.46), "FEMALE": (11, 0.45), "UNDETERMINED": (20, 0.09)}
_GEO = {
    "US": (2840, "United States"), "CA": (2124, "Canada"), "DE": (2276, "Germany"), "AT": (2040, "Austria"),
    "CH": (2756, "Switzerland"), "KW": (2414, "Kuwait"), "SA": (2682, "Saudi Arabia"), "GB": (2826, "United Kingdom"),
}  # fmt: skip
_NEIGHBOUR = {"US": "CA", "DE": "AT", "KW": "SA"}

# Field: what its JSON is. int64 is written as a string, enum and string as text, double and bool as they are.
FIELDS: dict[str, str] = {}
for _kind, _names in {
    "int64": "customer.id customer_client.id customer_client.level campaign.id campaign_budget.id "
    "campaign_budget.amount_micros campaign_budget.total_amount_micros campaign_budget.reference_count ad_group.id "
    "campaign_criterion.criterion_id ad_group_criterion.criterion_id geo_target_constant.id conversion_action.id "
    "conversion_action.click_through_lookback_window_days conversion_action.view_through_lookback_window_days "
    "geographic_view.country_criterion_id metrics.impressions metrics.clicks metrics.cost_micros "
    "metrics.interactions metrics.engagements metrics.video_trueview_views metrics.youtube_shares "
    "metrics.youtube_comments metrics.youtube_likes",
    "double": "metrics.conversions metrics.conversions_value metrics.all_conversions metrics.all_conversions_value "
    "metrics.video_quartile_p100_rate metrics.ctr metrics.average_cpc metrics.average_cpm "
    "campaign_criterion.bid_modifier",
    "bool": "customer.manager customer.test_account customer.auto_tagging_enabled customer_client.manager "
    "customer_client.hidden customer_client.test_account campaign_budget.explicitly_shared "
    "campaign_criterion.negative",
    "enum": "customer.status customer_client.status campaign.status campaign.serving_status campaign.primary_status "
    "campaign.advertising_channel_type campaign.advertising_channel_sub_type campaign.bidding_strategy_type "
    "campaign_budget.period campaign_budget.status campaign_budget.delivery_method ad_group.status "
    "campaign_criterion.type campaign_criterion.age_range.type campaign_criterion.gender.type "
    "ad_group_criterion.age_range.type ad_group_criterion.gender.type geographic_view.location_type "
    "conversion_action.status conversion_action.category",
    "list": "campaign.primary_status_reasons",
    "string": "customer.resource_name customer.descriptive_name customer.currency_code customer.time_zone "
    "customer_client.resource_name customer_client.descriptive_name customer_client.currency_code "
    "customer_client.time_zone customer_client.client_customer campaign.resource_name campaign.name "
    "campaign.start_date_time campaign.end_date_time campaign.campaign_budget campaign_budget.resource_name "
    "campaign_budget.name ad_group.resource_name ad_group.name ad_group.campaign campaign_criterion.resource_name "
    "campaign_criterion.location.geo_target_constant campaign_criterion.language.language_constant "
    "ad_group_criterion.resource_name geo_target_constant.resource_name geo_target_constant.name "
    "geo_target_constant.country_code geo_target_constant.target_type conversion_action.resource_name "
    "conversion_action.name age_range_view.resource_name gender_view.resource_name geographic_view.resource_name "
    "segments.date",
}.items():
    FIELDS.update(dict.fromkeys(_names.split(), _kind))

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data is asked about. `account` None: the manager account itself, with these clients."""

    market: Market
    now: float
    customer_id: str
    account: Account | None
    clients: tuple[Account, ...]


def rows(scope: Scope, query: Query) -> list[Row]:
    """All rows of a query, filtered, ordered, limited; as flat dictionaries of field to value."""
    if scope.account is None and query.has_any("metrics."):
        raise query_error(
            "REQUESTED_METRICS_FOR_MANAGER",
            "Metrics cannot be requested for a manager account. To retrieve metrics, issue separate requests against "
            "each client account under the manager account.",
        )
    found = [row for row in RESOURCES[query.resource](scope, query) if _passes(row, query)]
    for field, down in reversed(query.order):
        found.sort(key=lambda row, name=field: _sortable(row.get(name)), reverse=down)
    return found[: query.limit]


def _passes(row: Row, query: Query) -> bool:
    return all(
        one.holds(row.get(one.field))
        for one in query.conditions
        # The days were cut before; a row that sums several has none.
        if one.field != "segments.date"
    )


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def _customer(scope: Scope, query: Query) -> Iterator[Row]:
    yield _customer_row(scope)


def _customer_row(scope: Scope) -> Row:
    account = scope.account
    return {
        "customer.resource_name": f"customers/{scope.customer_id}",
        "customer.id": int(scope.customer_id),
        "customer.descriptive_name": account.name if account else "Northstar Agency (MCC)",
        "customer.currency_code": account.currency if account else "USD",
        "customer.time_zone": account.zone if account else "America/New_York",
        "customer.manager": account is None,
        "customer.test_account": False,
        "customer.auto_tagging_enabled": True,
        "customer.status": "ENABLED",
    }


def _customer_clients(scope: Scope, query: Query) -> Iterator[Row]:
    own = _customer_row(scope)
    names = ("id", "descriptive_name", "currency_code", "time_zone", "manager", "test_account", "status")
    yield _client_row(scope, {name: own[f"customer.{name}"] for name in names}, 0)
    for client in scope.clients:
        facts = {"id": int(client.id), "descriptive_name": client.name, "currency_code": client.currency}
        facts |= {"time_zone": client.zone, "manager": False, "test_account": False, "status": "ENABLED"}
        yield _client_row(scope, facts, 1)


def _client_row(scope: Scope, facts: Mapping[str, Any], level: int) -> Row:
    return {
        "customer_client.resource_name": f"customers/{scope.customer_id}/customerClients/{facts['id']}",
        "customer_client.client_customer": f"customers/{facts['id']}",
        "customer_client.level": level,
        "customer_client.hidden": False,
        **{f"customer_client.{name}": value for name, value in facts.items()},
    }


def _campaigns(scope: Scope, query: Query) -> Iterator[Row]:
    """With metrics: a row per campaign (and day, when it is selected) that has any; without: every campaign."""
    if scope.account is None:
        return
    customer = _customer_row(scope)
    wanted = query.has_any("metrics.") or query.has_any("segments.")
    for campaign in scope.market.catalogue.of_account(scope.account.id):
        fixed = {**customer, **campaign_row(scope, campaign)}
        if not wanted:
            yield fixed
            continue
        yield from _measured(
            scope, query, fixed, lambda day, one=campaign: scope.market.facts(one, day, scope.now), campaign
        )


def _measured(
    scope: Scope, query: Query, fixed: Row, of_day: Callable[[date], Facts], campaign: Campaign
) -> Iterator[Row]:
    assert scope.account is not None
    today = local_day(scope.account.zone, scope.now)
    bounds = query.dates(today)
    oldest = today - timedelta(days=MOST_HISTORY_DAYS)
    first, last = (oldest, today) if bounds is None else (max(bounds[0], oldest), bounds[1])
    first = max(first, campaign.start)
    views = bool(CHANNELS[campaign.channel].views)
    if "segments.date" not in query.fields:
        yield {**fixed, **metrics(summed(of_day(day) for day in days(first, last)), scope.account.currency, views)}
        return
    for day in days(first, last):
        facts = of_day(day)
        if facts.any:
            yield {**fixed, "segments.date": day.isoformat(), **metrics(facts, scope.account.currency, views)}


def metrics(facts: Facts, currency: str, views: bool) -> Row:
    """Money in micros of the unit, values of conversions in units, conversions in fractions."""
    conversions = (facts.conversions_micros or 0) / MICRO
    value = float(units(facts.revenue or 0, currency))
    secondary = facts.clicks // 40
    cost = micros(facts.spend, currency)
    return {
        "metrics.impressions": facts.impressions,
        "metrics.clicks": facts.clicks,
        "metrics.interactions": facts.clicks,
        "metrics.cost_micros": cost,
        "metrics.conversions": conversions,
        "metrics.conversions_value": value,
        "metrics.all_conversions": round(conversions + secondary, 6),
        "metrics.all_conversions_value": value,
        "metrics.engagements": (facts.video_views or 0) // 8 if views else 0,
        "metrics.video_trueview_views": facts.video_views or 0,
        "metrics.video_quartile_p100_rate": (
            (facts.video_completions or 0) / facts.impressions if facts.impressions else 0.0
        ),
        "metrics.ctr": facts.clicks / facts.impressions if facts.impressions else 0.0,
        "metrics.average_cpc": cost / facts.clicks if facts.clicks else 0.0,
        "metrics.average_cpm": cost * 1000 / facts.impressions if facts.impressions else 0.0,
        "metrics.youtube_shares": 0,
        "metrics.youtube_comments": 0,
        "metrics.youtube_likes": 0,
    }


def campaign_row(scope: Scope, campaign: Campaign) -> Row:
    market, now = scope.market, scope.now
    account = market.account_of(campaign)
    today = local_day(account.zone, now)
    status = STATUS[market.status(campaign.id, now)]
    end = market.end(campaign.id, now)
    serving, primary, reasons = _serving(campaign, status, end, today)
    prefix = f"customers/{account.id}"
    row = {
        "campaign.resource_name": f"{prefix}/campaigns/{campaign.id}",
        "campaign.id": int(campaign.id),
        "campaign.name": market.name(campaign.id, now),
        "campaign.status": status,
        "campaign.serving_status": serving,
        "campaign.primary_status": primary,
        "campaign.primary_status_reasons": reasons or None,
        "campaign.advertising_channel_type": CHANNEL_TYPE[campaign.channel],
        "campaign.bidding_strategy_type": "MAXIMIZE_CONVERSION_VALUE",
        "campaign.start_date_time": f"{campaign.start.isoformat()} 00:00:00",
        "campaign.campaign_budget": f"{prefix}/campaignBudgets/{campaign.budget_id}",
    }
    if end is not None:
        row["campaign.end_date_time"] = f"{end.isoformat()} 23:59:59"
    elif int(campaign.id) % 2:
        row["campaign.end_date_time"] = "2037-12-30 23:59:59"  # 'no end' has two spellings
    return {**row, **budget_row(scope, campaign.budget_id, prefix)}


def _serving(campaign: Campaign, status: str, end: date | None, today: date) -> tuple[str, str, list[str]]:
    if status == "REMOVED":
        return "NONE", "REMOVED", ["CAMPAIGN_REMOVED"]
    if end is not None and end < today:
        return "ENDED", "ENDED", ["CAMPAIGN_ENDED"]
    if status == "PAUSED":
        return "SERVING", "PAUSED", ["CAMPAIGN_PAUSED"]
    if campaign.start > today:
        return "PENDING", "PENDING", ["CAMPAIGN_PENDING"]
    if campaign.has("limited"):
        return "SERVING", "LIMITED", ["BUDGET_CONSTRAINED"]
    return "SERVING", "ELIGIBLE", []


def budget_row(scope: Scope, budget_id: str, prefix: str) -> Row:
    budget = scope.market.catalogue.budgets[budget_id]
    amount = scope.market.amount(budget_id, scope.now) or 0
    assert scope.account is not None
    used = sum(one.budget_id == budget_id for one in scope.market.catalogue.of_account(scope.account.id))
    lifetime = budget.kind == "lifetime"
    return {
        "campaign_budget.resource_name": f"{prefix}/campaignBudgets/{budget_id}",
        "campaign_budget.id": int(budget_id),
        "campaign_budget.name": "Outdoor shared" if budget.shared else f"Budget {budget_id}",
        "campaign_budget.status": "ENABLED",
        "campaign_budget.delivery_method": "STANDARD",
        "campaign_budget.period": "CUSTOM_PERIOD" if lifetime else "DAILY",
        f"campaign_budget.{'total_' if lifetime else ''}amount_micros": micros(amount, scope.account.currency),
        "campaign_budget.explicitly_shared": budget.shared,
        "campaign_budget.reference_count": used,
    }


def _budgets(scope: Scope, query: Query) -> Iterator[Row]:
    if scope.account is None:
        return
    customer = _customer_row(scope)
    seen = {one.budget_id: None for one in scope.market.catalogue.of_account(scope.account.id)}
    for budget_id in seen:
        yield {**customer, **budget_row(scope, budget_id, f"customers/{scope.account.id}")}


def _ad_groups(scope: Scope, query: Query) -> Iterator[Row]:
    for campaign, group, fixed in _groups(scope):
        if not query.has_any("metrics."):
            yield fixed
            continue
        yield from _measured(
            scope,
            query,
            fixed,
            lambda day, one=campaign, part=group: scope.market.group_facts(one, part, day, scope.now),
            campaign,
        )


def _groups(scope: Scope) -> Iterator[tuple[Campaign, AdGroup, Row]]:
    if scope.account is None:
        return
    customer = _customer_row(scope)
    for campaign in scope.market.catalogue.of_account(scope.account.id):
        if campaign.channel == "pmax":  # has asset groups, which no view here shows
            continue
        fixed = {**customer, **campaign_row(scope, campaign)}
        for group in campaign.ad_groups:
            own = {
                "ad_group.resource_name": f"customers/{scope.account.id}/adGroups/{group.id}",
                "ad_group.id": int(group.id),
                "ad_group.name": scope.market.name(group.id, scope.now),
                "ad_group.status": STATUS[scope.market.status(group.id, scope.now)],
                "ad_group.campaign": fixed["campaign.resource_name"],
            }
            yield campaign, group, {**fixed, **own}


def _criterion_view(view: str, values: Mapping[str, tuple[int, float]], field: str) -> Callable[..., Iterator[Row]]:
    """Rows per ad group and value: what an advertiser sees of age or gender, never of both at once."""

    def generate(scope: Scope, query: Query) -> Iterator[Row]:
        for campaign, group, fixed in _groups(scope):
            assert scope.account is not None
            prefix = f"customers/{scope.account.id}"
            for place, (value, (criterion, _share)) in enumerate(values.items()):
                own = {
                    f"ad_group_criterion.{field}.type": value,
                    "ad_group_criterion.criterion_id": criterion,
                    "ad_group_criterion.resource_name": f"{prefix}/adGroupCriteria/{group.id}~{criterion}",
                    f"{view}.resource_name": f"{prefix}/{_camel(view)}s/{group.id}~{criterion}",
                }
                shares = [share for _criterion, share in values.values()]

                def of_day(
                    day: date,
                    one: Campaign = campaign,
                    part: AdGroup = group,
                    at: int = place,
                    of: list[float] = shares,
                ) -> Facts:
                    facts = scope.market.group_facts(one, part, day, scope.now)
                    return apportioned(facts, of, fractional=True, quantum=1)[at]

                yield from _measured(scope, query, {**fixed, **own}, of_day, campaign)

    return generate


def _geographic(scope: Scope, query: Query) -> Iterator[Row]:
    if scope.account is None:
        return
    customer = _customer_row(scope)
    home = scope.account.country
    split = (
        (home, "LOCATION_OF_PRESENCE", 0.88),
        (home, "AREA_OF_INTEREST", 0.04),
        (_NEIGHBOUR[home], "LOCATION_OF_PRESENCE", 0.08),
    )
    shares = [share for _country, _kind, share in split]
    for campaign in scope.market.catalogue.of_account(scope.account.id):
        fixed = {**customer, **campaign_row(scope, campaign)}
        for place, (country, kind, _share) in enumerate(split):
            number = _GEO[country][0]
            own = {
                "geographic_view.resource_name": f"customers/{scope.account.id}/geographicViews/{number}~{kind}",
                "geographic_view.country_criterion_id": number,
                "geographic_view.location_type": kind,
            }

            def of_day(day: date, one: Campaign = campaign, at: int = place) -> Facts:
                facts = scope.market.facts(one, day, scope.now)
                return apportioned(facts, shares, fractional=True, quantum=1)[at]

            yield from _measured(scope, query, {**fixed, **own}, of_day, campaign)


def _criteria(scope: Scope, query: Query) -> Iterator[Row]:
    if scope.account is None:
        return
    home = scope.account.country
    for campaign in scope.market.catalogue.of_account(scope.account.id):
        fixed = campaign_row(scope, campaign)
        for criterion, kind, value, negative in (
            (_GEO[home][0], "LOCATION", f"geoTargetConstants/{_GEO[home][0]}", False),
            (1000, "LANGUAGE", "languageConstants/1000", False),
            (_GEO[_NEIGHBOUR[home]][0], "LOCATION", f"geoTargetConstants/{_GEO[_NEIGHBOUR[home]][0]}", True),
        ):
            field = "location.geo_target_constant" if kind == "LOCATION" else "language.language_constant"
            yield {
                **fixed,
                "campaign_criterion.resource_name": (
                    f"customers/{scope.account.id}/campaignCriteria/{campaign.id}~{criterion}"
                ),
                "campaign_criterion.criterion_id": criterion,
                "campaign_criterion.type": kind,
                "campaign_criterion.negative": negative,
                f"campaign_criterion.{field}": value,
            }


def _geo_targets(scope: Scope, query: Query) -> Iterator[Row]:
    for code, (number, name) in sorted(_GEO.items(), key=lambda item: item[1]):
        yield {
            "geo_target_constant.resource_name": f"geoTargetConstants/{number}",
            "geo_target_constant.id": number,
            "geo_target_constant.name": name,
            "geo_target_constant.country_code": code,
            "geo_target_constant.target_type": "Country",
        }


def _conversion_actions(scope: Scope, query: Query) -> Iterator[Row]:
    if scope.account is None:
        return
    yield {
        "conversion_action.resource_name": f"customers/{scope.account.id}/conversionActions/701",
        "conversion_action.id": 701,
        "conversion_action.name": "Purchase",
        "conversion_action.status": "ENABLED",
        "conversion_action.category": "PURCHASE",
        "conversion_action.click_through_lookback_window_days": 60,
        "conversion_action.view_through_lookback_window_days": 1,
    }


RESOURCES: dict[str, Callable[[Scope, Query], Iterator[Row]]] = {
    "customer": _customer,
    "customer_client": _customer_clients,
    "campaign": _campaigns,
    "campaign_budget": _budgets,
    "campaign_criterion": _criteria,
    "ad_group": _ad_groups,
    "age_range_view": _criterion_view("age_range_view", _AGES, "age_range"),
    "gender_view": _criterion_view("gender_view", _GENDERS, "gender"),
    "geographic_view": _geographic,
    "geo_target_constant": _geo_targets,
    "conversion_action": _conversion_actions,
}


def as_json(row: Row, query: Query) -> dict[str, Any]:
    """One result: what was selected, by proto's JSON rules, with the names of the resources that it comes from."""
    result: dict[str, Any] = {}
    touched = dict.fromkeys([query.resource, *(field.split(".")[0] for field in query.fields)])
    for resource in touched:
        name = row.get(f"{resource}.resource_name")
        if name is not None:
            result.setdefault(_camel(resource), {})["resourceName"] = name
    for field in query.fields:
        value = row.get(field)
        if value is None:
            continue
        *path, last = (_camel(part) for part in field.split("."))
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = str(value) if FIELDS[field] == "int64" else value
    return result


def field_mask(query: Query) -> str:
    return ",".join(".".join(_camel(part) for part in field.split(".")) for field in query.fields)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def manager_of(accounts: list[Account]) -> str:
    """The manager account's id, when any of these is reached through it."""
    return GOOGLE_MANAGER if any(account.manager for account in accounts) else ""
