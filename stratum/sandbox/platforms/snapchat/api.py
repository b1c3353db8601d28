"""Paths, tokens, lists and writes of Snapchat's Marketing API."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from stratum.sandbox.catalogue import ORGANIZATIONS, Account, AdGroup, Campaign
from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.currencies import PER_DOLLAR, from_micros, micros, minor_per_unit
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.market import local_day, midnight
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.platforms.snapchat import stats
from stratum.sandbox.platforms.snapchat.errors import (
    SnapError,
    envelope,
    forbidden,
    not_found,
    request_id,
    too_many,
    unauthorized,
    unsupported,
)
from stratum.sandbox.wire import Request, Response, json_response, names
from stratum.sandbox.world import World

TOKEN_LIFE = 1_800
SCOPE = "snapchat-marketing-api"
LEAST_CAMPAIGN, LEAST_SQUAD = 20, 5  # US dollars a day
_CONSENT, _TOKEN = "/login/oauth2/authorize", "/login/oauth2/access_token"
_PATH = re.compile(r"^/v1/(me|organizations|adaccounts|campaigns|adsquads)(?:/([^/]+))?(?:/([a-z]+))?/?$")
_STYLE = ConsentStyle(platform="snapchat", title="Snapchat", denied={"error": "access_denied"}, scopes=(SCOPE,))
_OBJECTIVE = {
    "sales": ("WEB_CONVERSION", "SALES"),
    "traffic": ("WEB_VIEW", "TRAFFIC"),
    "awareness": ("BRAND_AWARENESS", "AWARENESS_AND_ENGAGEMENT"),
    "leads": ("LEAD_GENERATION", "LEADS"),
}
_CAMPAIGN_WRITABLE = names(
    "id ad_account_id name status start_time end_time daily_budget_micro lifetime_spend_cap_micro objective "
    "objective_v2_properties buy_model measurement_spec regulations pacing_level"
)
_SQUAD_WRITABLE = names(
    "id campaign_id name status type targeting placement placement_v2 billing_event auto_bid bid_micro bid_strategy "
    "daily_budget_micro lifetime_budget_micro start_time end_time optimization_goal pacing_type"
)
_STATUS = {"active": "ACTIVE", "paused": "PAUSED"}


class Snapchat:
    name = "snapchat"
    title = "Snapchat"

    def owns(self, path: str) -> bool:
        return path in (_CONSENT, _TOKEN) or _PATH.match(path) is not None

    def endpoint(self, world: World, request: Request) -> Endpoint:
        if request.path == _CONSENT:
            return Endpoint("consent")
        found = _PATH.match(request.path)
        if found is None:
            return Endpoint("oauth")
        kind, object_id, edge = found.groups()
        account = _account_of(world, kind, object_id or "")
        if request.method in ("PUT", "PATCH", "DELETE"):
            return Endpoint("write", account)
        if edge == "stats":
            return Endpoint("report", account, paged=kind == "adaccounts")
        if kind in ("me", "organizations") or (kind == "adaccounts" and not edge):
            return Endpoint("accounts", account, paged=edge == "adaccounts")
        if edge in ("campaigns", "adsquads"):
            return Endpoint("campaigns" if edge == "campaigns" else "ad_groups", account, paged=True)
        return Endpoint("object", account)

    def handle(self, call: Call) -> Response:
        if call.request.path == _CONSENT:
            return consent(call, _STYLE)
        if call.request.path == _TOKEN:
            return _token(call)
        try:
            return self._answer(call)
        except SnapError as error:
            return error.response(call.world.calls)

    def refusal(self, call: Call, fault: Fault) -> Response:
        if call.endpoint.name == "oauth" and fault.kind in ("token_expired", "token_revoked"):
            return _bad_grant()
        match fault.kind:
            case "rate_limit":
                return too_many(int(call.wall) + 5)
            case "token_expired" | "token_revoked":
                if fault.options.get("variant") == "empty":
                    return Response(401, b"", {"Content-Type": "text/plain"})
                return unauthorized().response(call.world.calls)
            case "permission_revoked":
                return forbidden().response(call.world.calls)
        error = SnapError(500, "E2002", "Internal error", "We're sorry, but the request cannot be processed")
        return error.response(call.world.calls)

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        return _issue(world, grant, refresh=True)

    def _answer(self, call: Call) -> Response:
        try:
            grant = call.grant(call.request.bearer, "snapchat")
        except Refused as refused:
            raise unauthorized() from refused
        found = _PATH.match(call.request.path)
        assert found is not None
        kind, object_id, edge = (part or "" for part in found.groups())
        match call.request.method, kind, edge:
            case "GET", "me", "" if not object_id:
                return _me(call, grant)
            case "GET", "me", "" if object_id == "organizations":
                return _organizations(call, grant)
            case "GET", "organizations", "adaccounts":
                own = [one for one in call.accounts(grant) if one.organization == object_id]
                if not own:
                    raise forbidden()
                return _listed(call, "adaccount", own, _account_object)
        if kind == "adaccounts":
            return _of_account(call, grant, _own_account(call, grant, object_id), edge)
        if kind == "campaigns":
            return _of_campaign(call, grant, _own_campaign(call, grant, object_id), edge)
        if kind == "adsquads" and call.request.method == "GET":
            campaign, squad = _own_squad(call, grant, object_id)
            return envelope(call.world.calls, {"adsquads": [_wrapped("adsquad", _squad_object(call, campaign, squad))]})
        raise SnapError(405, "E1004", "Method not allowed")


def _account_of(world: World, kind: str, object_id: str) -> str:
    if kind == "adaccounts":
        return object_id
    if kind == "campaigns":
        campaign = world.campaign(object_id, "snapchat")
        return campaign.account_id if campaign else ""
    for campaign in world.market.catalogue.campaigns.values():
        if any(group.id == object_id for group in campaign.ad_groups):
            return campaign.account_id
    return ""


# --- logins ------------------------------------------------------------------------------------------------


def _bad_grant(text: str = "The provided refresh token is invalid, expired, or revoked.") -> Response:
    return json_response({"error": "invalid_grant", "error_description": text}, 400)


def _token(call: Call) -> Response:
    form, grants = call.request.form, call.world.grants
    if form.get("client_id") != client_id("snapchat") or form.get("client_secret") != CLIENT_SECRET:
        return json_response({"error": "invalid_client", "error_description": "Client authentication failed."}, 401)
    try:
        if form.get("grant_type") == "refresh_token":
            grant = grants.check(form.get("refresh_token", ""), "refresh", "snapchat", call.wall)
            # Some answers hold a new refresh token, some none; the old one stays good.
            return json_response(_issue(call.world, grant, refresh=call.world.calls % 2 == 0))
        if form.get("grant_type") == "authorization_code":
            code, back = form.get("code", ""), form.get("redirect_uri", "")
            grant = grants.redeem(code, "snapchat", call.wall, back, form.get("code_verifier", ""))
            return json_response(_issue(call.world, grant, refresh=True))
    except Refused as refused:
        if form["grant_type"] == "refresh_token":
            return _bad_grant()
        return _bad_grant(f"The provided authorization code cannot be used: {refused.reason}.")
    return json_response({"error": "unsupported_grant_type", "error_description": "Unsupported grant type."}, 400)


def _issue(world: World, grant: Grant, *, refresh: bool) -> dict[str, Any]:
    access = world.grants.issue("access", grant, prefix="0.MG", expires=world.wall() + TOKEN_LIFE)
    body: dict[str, Any] = {"access_token": access.value, "token_type": "Bearer", "expires_in": TOKEN_LIFE}
    if refresh:
        body["refresh_token"] = world.grants.issue("refresh", grant, prefix="rt", expires=None).value
    return {**body, "scope": SCOPE}


def _me(call: Call, grant: Grant) -> Response:
    person = call.market.catalogue.people[grant.person]
    me = {"id": grant.id, "email": f"{person.id}@sandbox.example", "display_name": person.name}
    return envelope(call.world.calls, {"me": me})


def _organizations(call: Call, grant: Grant) -> Response:
    with_accounts = call.request.params.get("with_ad_accounts") == "true"
    accounts = call.accounts(grant)
    found = []
    for organization in dict.fromkeys(one.organization for one in accounts):
        shown: dict[str, Any] = {
            "id": organization,
            "name": ORGANIZATIONS[organization],
            "country": "US",
            "type": "ENTERPRISE",
            "created_at": "2020-08-11T22:03:58.869Z",
            "updated_at": "2026-08-11T22:03:58.869Z",
        }
        if with_accounts:
            own = [one for one in accounts if one.organization == organization]
            shown["ad_accounts"] = [_account_object(call, one) for one in own]
        found.append(_wrapped("organization", shown))
    return envelope(call.world.calls, {"paging": {}, "organizations": found})


# --- look-ups ----------------------------------------------------------------------------------------------


def _own_account(call: Call, grant: Grant, account_id: str) -> Account:
    account = call.world.account(account_id)
    if account is None or account.platform != "snapchat":
        raise not_found()
    if account.id not in grant.accounts:
        raise forbidden()
    return account


def _own_campaign(call: Call, grant: Grant, campaign_id: str) -> Campaign:
    campaign = call.world.campaign(campaign_id, "snapchat")
    if campaign is None or call.market.status(campaign.id, call.now) not in _STATUS:
        raise not_found()  # a deleted campaign is gone
    if campaign.account_id not in grant.accounts:
        raise forbidden()
    return campaign


def _own_squad(call: Call, grant: Grant, squad_id: str) -> tuple[Campaign, AdGroup]:
    for account in call.accounts(grant):
        for campaign in call.world.campaigns(account.id):
            for group in campaign.ad_groups:
                if group.id == squad_id:
                    return _own_campaign(call, grant, campaign.id), group
    raise not_found()


# --- lists -------------------------------------------------------------------------------------------------


def _wrapped(kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    return {"sub_request_status": "SUCCESS", kind: shown}


def _cut(call: Call, found: list[Any], usual: int) -> tuple[list[Any], dict[str, str]]:
    """A page of the list, and `paging` with the absolute address of the next one."""
    text = call.request.params.get("limit", str(usual))
    if not text.isdigit() or not 1 <= int(text) <= 1_000:
        raise SnapError(400, "E1004", "limit must be at most 1000")
    size, start = int(text), _start(call.request.params.get("cursor", ""))
    stop = start if call.has_fault("duplicated_page") else start + size
    if stop >= len(found):
        return found[start : start + size], {}
    params = {**call.request.params, "cursor": base64.urlsafe_b64encode(f"at:{stop}".encode()).decode()}
    origin = "https://ads.example.net" if call.has_fault("foreign_next_link") else call.request.origin
    return found[start : start + size], {"next_link": f"{origin}{call.request.path}?{urlencode(params)}"}


def _start(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).decode().removeprefix("at:")) if cursor else 0
    except ValueError as error:
        raise SnapError(400, "E1004", "Invalid cursor") from error


def _listed(call: Call, kind: str, found: list[Any], show: Callable[[Call, Any], dict[str, Any]]) -> Response:
    page, paging = _cut(call, found, 1_000)
    return envelope(call.world.calls, {"paging": paging, f"{kind}s": [_wrapped(kind, show(call, one)) for one in page]})


def _of_account(call: Call, grant: Grant, account: Account, edge: str) -> Response:
    match call.request.method, edge:
        case "GET", "":
            return envelope(call.world.calls, {"adaccounts": [_wrapped("adaccount", _account_object(call, account))]})
        case "GET", "campaigns":
            return _listed(call, "campaign", _living(call, account), _campaign_object)
        case "GET", "adsquads":
            pairs = [(one, group) for one in _living(call, account) for group in one.ad_groups]
            return _listed(call, "adsquad", pairs, lambda call, pair: _squad_object(call, *pair))
        case "GET", "stats":
            return _account_stats(call, account)
        case "PUT", "campaigns":
            return _put(call, grant, "campaign", lambda item: _put_campaign(call, account, item))
    raise SnapError(405, "E1004", "Method not allowed")


def _living(call: Call, account: Account) -> list[Campaign]:
    return [one for one in call.world.campaigns(account.id) if call.market.status(one.id, call.now) in _STATUS]


def _of_campaign(call: Call, grant: Grant, campaign: Campaign, edge: str) -> Response:
    match call.request.method, edge:
        case "GET", "":
            return envelope(call.world.calls, {"campaigns": [_wrapped("campaign", _campaign_object(call, campaign))]})
        case "DELETE", "":
            if not call.world.may_write(grant):
                raise forbidden()
            call.world.change("status", campaign.id, "deleted")
            return json_response({"request_status": "SUCCESS", "request_id": request_id(call.world.calls)})
        case "GET", "adsquads":
            pairs = [(campaign, group) for group in campaign.ad_groups]
            return _listed(call, "adsquad", pairs, lambda call, pair: _squad_object(call, *pair))
        case "GET", "stats":
            return _campaign_stats(call, campaign)
        case "PUT", "adsquads":
            return _put(call, grant, "adsquad", lambda item: _put_squad(call, campaign, item))
    raise SnapError(405, "E1004", "Method not allowed")


def _account_object(call: Call, account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "updated_at": "2026-08-11T22:03:58.869Z",
        "created_at": "2020-08-11T22:03:58.869Z",
        "name": account.name,
        "type": "PARTNER",
        "status": "ACTIVE",
        "organization_id": account.organization,
        "funding_source_ids": ["e703eb9f-8eac-4eda-a9c7-deec3935222d"],
        "currency": account.currency,
        "timezone": account.zone,
        "advertiser": account.name.split()[0],
    }


def _campaign_object(call: Call, campaign: Campaign) -> dict[str, Any]:
    market, now = call.market, call.now
    account = market.account_of(campaign)
    end = market.end(campaign.id, now)
    over = end is not None and end < local_day(account.zone, now)
    written = [market.changed_at(one, now) for one in (campaign.id, campaign.budget_id)]
    created = midnight(account.zone, campaign.created) + 30_538.738
    shown: dict[str, Any] = {
        "id": campaign.id,
        "updated_at": _zulu(max([one for one in written if one is not None], default=created + 86_400)),
        "created_at": _zulu(created),
        "name": market.name(campaign.id, now),
        "ad_account_id": account.id,
        "status": _STATUS[market.status(campaign.id, now)],
        "buy_model": "AUCTION",
        "start_time": _zulu(midnight(account.zone, campaign.start)),
        "delivery_status": ["INVALID_END_TIME"] if over else ["VALID"],
    }
    if not campaign.has("bare"):
        legacy, modern = _OBJECTIVE[campaign.objective]
        shown |= {"objective": legacy, "objective_v2_properties": {"objective_v2_type": modern}}
    amount = market.amount(campaign.budget_id, now)
    if amount is not None:
        shown |= {"daily_budget_micro": micros(amount, account.currency), "pacing_level": "CAMPAIGN"}
    if end is not None:
        shown["end_time"] = _zulu(midnight(account.zone, end + timedelta(days=1)))
    return shown


def _squad_object(call: Call, campaign: Campaign, squad: AdGroup) -> dict[str, Any]:
    market, now = call.market, call.now
    account = market.account_of(campaign)
    number = campaign.ad_groups.index(squad)
    created = midnight(account.zone, campaign.created) + 34_000.5
    shown: dict[str, Any] = {
        "id": squad.id,
        "updated_at": _zulu(market.changed_at(squad.id, now) or created),
        "created_at": _zulu(created),
        "name": market.name(squad.id, now),
        "status": _STATUS.get(market.status(squad.id, now), "PAUSED"),
        "campaign_id": campaign.id,
        "type": "SNAP_ADS",
        "targeting": {}
        if number == 2
        else {
            "geos": [{"country_code": account.country.lower()}],
            "demographics": [{"min_age": "21", "max_age": "34", "gender": "FEMALE"}] if number else [{"min_age": "18"}],
        },
        "placement": "SNAP_ADS" if number < 2 else "UNSUPPORTED",
        "billing_event": "IMPRESSION",
        "auto_bid": True,
        "start_time": _zulu(midnight(account.zone, campaign.start)),
        "optimization_goal": "PIXEL_PURCHASE" if campaign.objective == "sales" else "IMPRESSIONS",
    }
    if number == 2 and call.request.params.get("return_placement_v2") == "true":
        shown["placement_v2"] = {"config": "AUTOMATIC"}
    amount = market.amount(squad.budget_id, now) if squad.budget_id else None
    if amount is not None:
        shown["daily_budget_micro"] = micros(amount, account.currency)
    return shown


def _zulu(moment: float) -> str:
    """2026-11-02T20:28:58.738Z"""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# --- stats -------------------------------------------------------------------------------------------------

_NESTING = {
    "DAY": ("timeseries_stats", "timeseries_stat"),
    "TOTAL": ("total_stats", "total_stat"),
    "LIFETIME": ("lifetime_stats", "lifetime_stat"),
}


def _campaign_stats(call: Call, campaign: Campaign) -> Response:
    query = stats.Query(call.market.account_of(campaign), call.request.params)
    shown = stats.campaign_stat(call.market, query, campaign, call.now)
    outer, inner = _NESTING[query.granularity]
    return envelope(call.world.calls, {outer: [_wrapped(inner, shown)]})


def _account_stats(call: Call, account: Account) -> Response:
    breakdown = call.request.params.get("breakdown")
    if breakdown not in (None, "campaign"):
        raise unsupported(f"breakdown {breakdown} is not supported here")
    query = stats.Query(account, call.request.params)
    outer, inner = _NESTING[query.granularity]
    if breakdown is None:
        if set(query.fields) != {"spend"}:
            raise unsupported("Only field 'spend' should be used when querying AdAccount stats.")
        shown = {**stats.account_head(query, call.now), **stats.account_spend(call.market, query, call.now)}
        return envelope(call.world.calls, {outer: [_wrapped(inner, shown)]})
    began = midnight(account.zone, query.last) if query.granularity != "LIFETIME" else call.now
    campaigns = [
        one for one in call.world.campaigns(account.id) if midnight(account.zone, one.start) <= min(began, call.now)
    ]
    if not campaigns:
        return envelope(call.world.calls, {})  # without data there is no stats key at all
    page, paging = _cut(call, campaigns, 200)
    entries = [stats.breakdown_entry(call.market, query, one, call.now) for one in page]
    shown = {**stats.account_head(query, call.now), "breakdown_stats": {"campaign": entries}}
    members: dict[str, Any] = {outer: [_wrapped(inner, shown)]}
    return envelope(call.world.calls, {**members, "paging": paging} if paging else members)


# --- writes ------------------------------------------------------------------------------------------------


class _Rejected(Exception):
    """Why an item of a write has failed; the text begins with the code."""


def _put(call: Call, grant: Grant, kind: str, write: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """Items succeed and fail one by one. When all fail, the whole request has."""
    if not call.world.may_write(grant):
        raise forbidden()
    body = call.request.json
    items = body.get(f"{kind}s") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(one, dict) for one in items):
        raise SnapError(400, "E1001", f"{kind}s is required")
    answers, failed = [], 0
    for item in items:
        try:
            if call.has_fault("item_error"):
                raise _Rejected("E4001: The object is being processed and cannot be edited now")
            answers.append(_wrapped(kind, write(item)))
        except _Rejected as reason:
            failed += 1
            answers.append({"sub_request_status": "ERROR", "sub_request_error_reason": str(reason)})
    status = "ERROR" if failed == len(items) else "SUCCESS"
    return json_response({"request_status": status, "request_id": request_id(call.world.calls), f"{kind}s": answers})


def _fresh(call: Call) -> Call:
    return Call(call.world, call.request, call.endpoint, call.world.now(), call.wall, call.fault)


def _put_campaign(call: Call, account: Account, item: dict[str, Any]) -> dict[str, Any]:
    """The whole object: what is left out is cleared, what is read-only is refused."""
    campaign = call.world.campaign(str(item.get("id", "")), "snapchat")
    if (
        campaign is None
        or campaign.account_id != account.id
        or call.market.status(campaign.id, call.now) not in _STATUS
    ):
        raise _Rejected("E3003: Resource can not be found")
    _check_item(item, _CAMPAIGN_WRITABLE, "ad_account_id", account.id)
    amount = _item_budget(item, "daily_budget_micro", account, LEAST_CAMPAIGN)
    if campaign.budgets_on_groups and amount is not None:
        raise _Rejected("E1001: daily_budget_micro cannot be set when the ad squads have budgets")
    end = _item_end(item, account)
    known = call.market
    for what, object_id, old, new in (
        ("status", campaign.id, known.status(campaign.id, call.now), _word(item["status"])),
        ("name", campaign.id, known.name(campaign.id, call.now), item["name"]),
        ("end", campaign.id, known.end(campaign.id, call.now), end),
        ("amount", campaign.budget_id, known.amount(campaign.budget_id, call.now), amount),
    ):
        if old != new:
            call.world.change(what, object_id, new)
    return _campaign_object(_fresh(call), campaign)


def _put_squad(call: Call, campaign: Campaign, item: dict[str, Any]) -> dict[str, Any]:
    squad = next((one for one in campaign.ad_groups if one.id == item.get("id")), None)
    if squad is None:
        raise _Rejected("E3003: Resource can not be found")
    _check_item(item, _SQUAD_WRITABLE, "campaign_id", campaign.id)
    if item.get("placement") == "UNSUPPORTED" and "placement_v2" not in item:
        raise _Rejected("E2025: placement_v2 is required for this ad squad")
    if item.get("bid_micro", 1) in (0, None):
        raise _Rejected("E2771: bid_micro must be greater than 0")
    account = call.market.account_of(campaign)
    amount = _item_budget(item, "daily_budget_micro", account, LEAST_SQUAD)
    if squad.budget_id and amount is None:
        raise _Rejected("E1001: daily_budget_micro or lifetime_budget_micro is required")
    changes = [("status", squad.id, call.market.status(squad.id, call.now), _word(item["status"]))]
    changes.append(("name", squad.id, call.market.name(squad.id, call.now), str(item["name"])))
    for what, object_id, old, new in changes:
        if old != new:
            call.world.change(what, object_id, new)
    if squad.budget_id and amount != call.market.amount(squad.budget_id, call.now):
        call.world.change("amount", squad.budget_id, amount)
    return _squad_object(_fresh(call), campaign, squad)


def _check_item(item: dict[str, Any], writable: frozenset[str], parent: str, parent_id: str) -> None:
    for name in item:
        if name not in writable:
            raise _Rejected(f"E2023: attribute {name} is read only")
    if item.get(parent) != parent_id:
        raise _Rejected(f"E1001: {parent} does not match")
    if not isinstance(item.get("name"), str) or not 1 <= len(item["name"]) <= 375:
        raise _Rejected("E1001: name is required and must be at most 375 characters")
    if item.get("status") not in ("ACTIVE", "PAUSED"):
        raise _Rejected("E1001: status must be ACTIVE or PAUSED")


def _word(status: str) -> str:
    return "active" if status == "ACTIVE" else "paused"


def _item_budget(item: dict[str, Any], name: str, account: Account, least: int) -> int | None:
    if item.get(name) is None:
        return None
    value = item[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Rejected(f"E1001: {name} must be an integer")
    smallest = int(least * PER_DOLLAR[account.currency]) * 1_000_000
    if value < smallest:
        raise _Rejected(f"E1001: {name} must be at least {smallest}")
    step = 1_000_000 // minor_per_unit(account.currency)
    return from_micros(value // step * step, account.currency)


def _item_end(item: dict[str, Any], account: Account) -> date | None:
    text = item.get("end_time")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as error:
        raise _Rejected("E1001: end_time is not a time") from error
    return local_day(account.zone, moment.timestamp() - 1)
