"""TikTok's Business API v1.3: errors in HTTP 200, numbers as strings, '-' for no value."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from stratum.sandbox.catalogue import Account, AdGroup, Campaign
from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.currencies import decimals, minor, units
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.market import MICRO, Facts, apportioned, days, local_day, midnight, summed
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.wire import Request, Response, json_response, names, text_response
from stratum.sandbox.world import World

PREFIX = "/open_api/v1.3/"
CONSENT_PATH = "/portal/auth"
MOST_DAYS = 30
MOST_PAGE = 1_000
MOST_IDS = 20
SCOPES = [4, 200, 300]
# The least daily budget of a campaign, in units of the currency: 50 US dollars in round sums.
LEAST_BUDGET = {"USD": 50, "EUR": 50, "GBP": 50, "AED": 200, "SAR": 200, "KWD": 15, "JPY": 5_000}
MOST_BUDGET = 10_000_000
OBJECTIVE = {
    "sales": "WEB_CONVERSIONS",
    "traffic": "TRAFFIC",
    "video": "VIDEO_VIEWS",
    "leads": "LEAD_GENERATION",
    "reach": "REACH",
}
METRICS = names(
    "spend cash_spend voucher_spend impressions clicks ctr cpc cpm reach frequency conversion cost_per_conversion "
    "conversion_rate real_time_conversion complete_payment total_complete_payment_rate complete_payment_roas "
    "total_purchase_value total_onsite_shopping_value video_play_actions video_watched_2s video_watched_6s "
    "video_views_p25 video_views_p50 video_views_p75 video_views_p100 shares comments likes follows profile_visits"
)
AUDIENCE_METRICS = names("spend impressions clicks conversion ctr cpc cpm cost_per_conversion conversion_rate")
_AGES = {"AGE_18_24": 0.31, "AGE_25_34": 0.34, "AGE_35_44": 0.19, "AGE_45_54": 0.09, "AGE_55_100": 0.06, "NONE": 0.01}
_GENDERS = {"FEMALE": 0.58, "MALE": 0.40, "NONE": 0.02}
_PLACES = {"US": "6252001", "AE": "290557"}
_DISPLAY = {"America/Los_Angeles": "Etc/GMT+8", "Asia/Dubai": "Etc/GMT-4"}
_STYLE = ConsentStyle(
    platform="tiktok",
    title="TikTok",
    denied={"error": "access_denied"},
    client_field="app_id",
    code_field="auth_code",
    picks_accounts=True,
)


class BusinessError(Exception):
    """A body with a code other than 0; the HTTP status stays 200."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data or {}


def bad(message: str) -> BusinessError:
    return BusinessError(40002, message)


class TikTok:
    name = "tiktok"
    title = "TikTok"

    def owns(self, path: str) -> bool:
        return path.startswith("/open_api/") or path == CONSENT_PATH

    def endpoint(self, world: World, request: Request) -> Endpoint:
        if request.path == CONSENT_PATH:
            return Endpoint("consent")
        path = request.path.removeprefix(PREFIX)
        account = request.params.get("advertiser_id", "")
        if request.method == "POST" and isinstance(request.json, dict):
            account = str(request.json.get("advertiser_id", ""))
        if path in ("oauth2/access_token/", "oauth2/revoke_token/"):
            return Endpoint("oauth")
        if path in ("oauth2/advertiser/get/", "advertiser/info/", "user/info/"):
            return Endpoint("accounts")
        if "update/" in path:
            return Endpoint("write", account)
        if path.startswith("report/"):
            return Endpoint("report", account, paged=True)
        return Endpoint("ad_groups" if path.startswith("adgroup/") else "campaigns", account, paged=True)

    def handle(self, call: Call) -> Response:
        if call.request.path == CONSENT_PATH:
            return consent(call, _STYLE)
        action = _ACTIONS.get((call.request.method, call.request.path.removeprefix(PREFIX)))
        if action is None or not call.request.path.startswith(PREFIX):
            return text_response("404 page not found", 404)
        try:
            data = action(call)
        except BusinessError as error:
            return _envelope(call, error.code, str(error), error.data)
        code = data.pop("_code", 0)
        return _envelope(call, code, "OK" if code == 0 else "Partial success", data)

    def refusal(self, call: Call, fault: Fault) -> Response:
        error = _refusal(call, fault)
        return _envelope(call, error.code, str(error), error.data)

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        return _token_data(world, grant)


def _envelope(call: Call, code: int, message: str, data: dict[str, Any]) -> Response:
    moment = datetime.fromtimestamp(call.wall, UTC)
    request_id = f"{moment:%Y%m%d%H%M%S}{call.world.calls:017d}"
    body = {"code": code, "message": message, "request_id": request_id, "data": data}
    return json_response(body, headers={"X-TT-LOGID": f"{request_id}A", "x-tt-trace-id": f"00-{request_id}-01"})


# --- logins ------------------------------------------------------------------------------------------------


def _grant(call: Call) -> Grant:
    token = call.request.headers.get("access-token", "")
    try:
        return call.grant(token, "tiktok")
    except Refused as refused:
        if refused.reason == "missing":
            raise BusinessError(40104, "Access token is empty.") from refused
        if refused.reason == "expired":
            raise BusinessError(40102, "Access token is expired.") from refused
        raise BusinessError(40105, "Access token is incorrect or has been revoked.") from refused


def _body(call: Call) -> dict[str, Any]:
    if not isinstance(call.request.json, dict):
        raise bad("The request body is not valid JSON.")
    return call.request.json


def _check_app(app_id: Any, secret: Any) -> None:
    if app_id != client_id("tiktok") or secret != CLIENT_SECRET:
        raise BusinessError(40101, "Invalid app_id or secret.")


def _token_data(world: World, grant: Grant) -> dict[str, Any]:
    token = world.grants.issue("access", grant, prefix="tt-", expires=None)
    own = [one.id for one in world.market.catalogue.of_platform("tiktok") if one.id in grant.accounts]
    return {"access_token": token.value, "scope": SCOPES, "advertiser_ids": own}


def _access_token(call: Call) -> dict[str, Any]:
    body = _body(call)
    _check_app(body.get("app_id"), body.get("secret"))
    try:
        grant = call.world.grants.redeem(str(body.get("auth_code", "")), "tiktok", call.wall, None, "")
    except Refused as refused:
        raise BusinessError(40110, "Auth code is invalid or expired.") from refused
    return _token_data(call.world, grant)


def _revoke_token(call: Call) -> dict[str, Any]:
    body = _body(call)
    _check_app(body.get("app_id"), body.get("secret"))
    try:
        grant = call.grant(str(body.get("access_token", "")), "tiktok")
    except Refused as refused:
        raise BusinessError(40105, "Access token is incorrect or has been revoked.") from refused
    call.world.grants.revoke(grant_id=grant.id)
    return {}


def _advertisers(call: Call) -> dict[str, Any]:
    params = call.request.params
    _check_app(params.get("app_id"), params.get("secret"))
    accounts = call.accounts(_grant(call))
    return {"list": [{"advertiser_id": one.id, "advertiser_name": one.name} for one in accounts]}


def _user_info(call: Call) -> dict[str, Any]:
    person = call.market.catalogue.people[_grant(call).person]
    return {"core_user_id": person.id, "display_name": person.name, "email": "***"}


def _advertiser(call: Call, grant: Grant, advertiser_id: str) -> Account:
    account = call.world.account(advertiser_id)
    if account is None or account.platform != "tiktok":
        raise BusinessError(40001 if advertiser_id else 40002, f"No permission to operate advertiser {advertiser_id}")
    if account.id not in grant.accounts:
        raise BusinessError(40001, f"No permission to operate advertiser {advertiser_id}")
    return account


def _advertiser_info(call: Call) -> dict[str, Any]:
    grant = _grant(call)
    asked = _json_param(call, "advertiser_ids", list) or []
    if len(asked) > 100:
        raise BusinessError(40011, "Too many advertiser_ids: at most 100.")
    wanted = _json_param(call, "fields", list)
    found = []
    for one in asked:
        account = _advertiser(call, grant, str(one))
        facts = {
            "advertiser_id": account.id,
            "name": account.name,
            "currency": account.currency,
            "timezone": _DISPLAY[account.zone],
            "display_timezone": account.zone,
            "status": "STATUS_ENABLE",
            "country": account.country,
            "create_time": 1_630_000_000,
            "balance": 1234.56,
        }
        found.append({name: value for name, value in facts.items() if not wanted or name in wanted})
    return {"list": found}


def _json_param(call: Call, name: str, kind: type) -> Any:
    """A parameter that holds JSON; None when it is not there."""
    text = call.request.params.get(name)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise bad(f"{name}: Not a valid JSON.") from error
    if not isinstance(found, kind):
        raise bad(f"{name}: Not a valid {kind.__name__}.")
    return found


# --- lists -------------------------------------------------------------------------------------------------


def _paged(call: Call, found: list[Any], show: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
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


def _campaigns(call: Call) -> dict[str, Any]:
    account = _advertiser(call, _grant(call), call.request.params.get("advertiser_id", ""))
    return _paged(call, _chosen(call, account), lambda one: campaign_object(call, one))


def _smart_campaigns(call: Call) -> dict[str, Any]:
    account = _advertiser(call, _grant(call), call.request.params.get("advertiser_id", ""))
    chosen = [one for one in _chosen(call, account) if one.has("smart")]
    return _paged(call, chosen, lambda one: campaign_object(call, one))


def _chosen(call: Call, account: Account) -> list[Campaign]:
    """Newest id first; deleted ones only when asked for."""
    filtering = _json_param(call, "filtering", dict) or {}
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


def _ad_groups(call: Call) -> dict[str, Any]:
    account = _advertiser(call, _grant(call), call.request.params.get("advertiser_id", ""))
    pairs = [(one, group) for one in _chosen(call, account) for group in one.ad_groups]
    return _paged(call, pairs, lambda pair: _ad_group_object(call, *pair))


def _ad_group_object(call: Call, campaign: Campaign, group: AdGroup) -> dict[str, Any]:
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


# --- reports -----------------------------------------------------------------------------------------------


def _report(call: Call) -> dict[str, Any]:
    params = call.request.params
    account = _advertiser(call, _grant(call), params.get("advertiser_id", ""))
    kind = params.get("report_type", "BASIC")
    if kind not in ("BASIC", "AUDIENCE"):
        raise bad("report_type: Must be one of BASIC, AUDIENCE.")
    dimensions = [str(one) for one in _json_param(call, "dimensions", list) or []]
    metrics = [str(one) for one in _json_param(call, "metrics", list) or ["spend", "impressions"]]
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
    return _paged(call, found)


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
    for one in _json_param(call, "filtering", list) or []:
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


# --- writes ------------------------------------------------------------------------------------------------


def _writable(call: Call) -> tuple[dict[str, Any], Account]:
    body, grant = _body(call), _grant(call)
    account = _advertiser(call, grant, str(body.get("advertiser_id", "")))
    if not call.world.may_write(grant):
        raise BusinessError(40001, f"No permission to operate advertiser {account.id}")
    return body, account


def _status_update(call: Call) -> dict[str, Any]:
    return _set_status(call, smart=False)


def _smart_status_update(call: Call) -> dict[str, Any]:
    return _set_status(call, smart=True)


def _set_status(call: Call, *, smart: bool) -> dict[str, Any]:
    body, account = _writable(call)
    ids, operation = body.get("campaign_ids"), body.get("operation_status")
    if not isinstance(ids, list) or not ids:
        raise bad("campaign_ids: Missing data for required field.")
    if len(ids) > MOST_IDS:
        raise BusinessError(40011, f"campaign_ids: Length must be between 1 and {MOST_IDS}.")
    word = {"ENABLE": "active", "DISABLE": "paused", "DELETE": "removed"}.get(str(operation))
    if word is None:
        raise bad("operation_status: Must be one of ENABLE, DISABLE, DELETE.")
    problems = {str(one): text for one in ids if (text := _status_problem(call, account, str(one), smart))}
    if call.has_fault("item_error"):
        problems.setdefault(str(ids[0]), "The campaign is being edited by another user.")
    if problems and not smart:
        raise bad("; ".join(f"{one}: {text}" for one, text in problems.items()))
    if len(problems) == len(ids):
        raise bad(next(iter(problems.values())))
    done = [str(one) for one in ids if str(one) not in problems]
    for one in done:
        call.world.change("status", one, word)
    shown = f"CAMPAIGN_STATUS_{operation}"
    if smart and problems:
        errors = [{"campaign_id": one, "error_message": text} for one, text in problems.items()]
        return {"_code": 20001, "campaign_ids": done, "status": shown, "error_list": errors}
    listed = [{"campaign_id": one, "status": shown, "postback_window_mode": None} for one in done]
    return {"campaign_ids": done, "status": shown, "campaign_list": listed}


def _status_problem(call: Call, account: Account, campaign_id: str, smart: bool) -> str:
    campaign = call.world.campaign(campaign_id, "tiktok")
    if campaign is None or campaign.account_id != account.id:
        return f"Campaign {campaign_id} does not exist."
    if call.market.status(campaign.id, call.now) in ("removed", "deleted"):
        return "The campaign has been deleted."
    if campaign.has("smart") and not smart:
        return "Upgraded Smart+ campaigns can only be changed with the smart_plus endpoints."
    return ""


def _campaign_update(call: Call) -> dict[str, Any]:
    return _update(call, smart=False)


def _smart_update(call: Call) -> dict[str, Any]:
    return _update(call, smart=True)


def _update(call: Call, *, smart: bool) -> dict[str, Any]:
    body, account = _writable(call)
    campaign_id = str(body.get("campaign_id", ""))
    problem = _status_problem(call, account, campaign_id, smart)
    if problem:
        raise bad(problem)
    campaign = call.market.catalogue.campaigns[campaign_id]
    amount = None
    if "budget" in body:
        if call.market.catalogue.budgets[campaign.budget_id].kind == "none":
            raise bad("The budget can not be modified when budget_mode is BUDGET_MODE_INFINITE.")
        amount = _budget(call, account, campaign.budget_id, body["budget"], LEAST_BUDGET[account.currency])
    if body.get("campaign_name"):
        call.world.change("name", campaign.id, str(body["campaign_name"]))
    if amount is not None:
        call.world.change("amount", campaign.budget_id, amount)
    return campaign_object(_later(call), campaign)


def _later(call: Call) -> Call:
    """The same call, just after its write."""
    return Call(call.world, call.request, call.endpoint, call.world.now(), call.wall, call.fault)


def _budget(call: Call, account: Account, budget_id: str, asked: Any, least: int) -> int:
    if isinstance(asked, bool) or not isinstance(asked, (int, float)):
        raise bad("budget: Not a valid number.")
    try:
        amount = minor(Decimal(str(asked)), account.currency)
    except (ValueError, InvalidOperation) as error:
        raise bad(f"budget: {account.currency} takes {decimals(account.currency)} decimals at most.") from error
    if amount < minor(Decimal(least), account.currency):
        raise bad(f"The budget must be at least {least} {account.currency}")
    if amount >= minor(Decimal(MOST_BUDGET), account.currency):
        raise bad(f"The budget must be less than {MOST_BUDGET} {account.currency}")
    spent = call.market.spent(budget_id, call.now)
    if amount * 100 < spent * 105:
        raise bad("The budget must be at least 105% of the current spend.")
    return amount


def _ad_group_update(call: Call) -> dict[str, Any]:
    body, account = _writable(call)
    wanted = str(body.get("adgroup_id", ""))
    for campaign in call.world.campaigns(account.id):
        for group in campaign.ad_groups:
            if group.id != wanted:
                continue
            if not group.budget_id:
                raise bad("The budget of this ad group is set on its campaign.")
            amount = _budget(
                call, account, group.budget_id, body.get("budget"), LEAST_BUDGET[account.currency] * 2 // 5
            )
            call.world.change("amount", group.budget_id, amount)
            return _ad_group_object(_later(call), campaign, group)
    raise bad(f"Ad group {wanted} does not exist.")


_ACTIONS: dict[tuple[str, str], Callable[[Call], dict[str, Any]]] = {
    ("POST", "oauth2/access_token/"): _access_token,
    ("POST", "oauth2/revoke_token/"): _revoke_token,
    ("GET", "oauth2/advertiser/get/"): _advertisers,
    ("GET", "user/info/"): _user_info,
    ("GET", "advertiser/info/"): _advertiser_info,
    ("GET", "campaign/get/"): _campaigns,
    ("GET", "smart_plus/campaign/get/"): _smart_campaigns,
    ("GET", "adgroup/get/"): _ad_groups,
    ("GET", "report/integrated/get/"): _report,
    ("POST", "campaign/status/update/"): _status_update,
    ("POST", "campaign/update/"): _campaign_update,
    ("POST", "smart_plus/campaign/status/update/"): _smart_status_update,
    ("POST", "smart_plus/campaign/update/"): _smart_update,
    ("POST", "adgroup/update/"): _ad_group_update,
}


def _refusal(call: Call, fault: Fault) -> BusinessError:
    account = call.endpoint.account
    match fault.kind:
        case "rate_limit":
            if fault.options.get("variant") == "account":
                return BusinessError(40133, f"Advertiser ({account})'s QPS reaches QPS limit")
            if fault.options.get("variant") == "restricted":
                return BusinessError(40100, "Due to too many requests, requests from App are temporarily restricted.")
            return BusinessError(40100, "App reaches the QPS limit.")
        case "token_expired":
            return BusinessError(40102, "Access token is expired.")
        case "token_revoked":
            return BusinessError(40105, "Access token is incorrect or has been revoked.")
        case "permission_revoked":
            return BusinessError(40001, f"No permission to operate advertiser {account}")
        case "write_conflict":
            return BusinessError(40202, "Write conflict, please try again later.")
    return BusinessError(50002, "Internal service error")
