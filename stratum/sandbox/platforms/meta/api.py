"""Paths, tokens, paging and writes of Meta's Graph API."""

import base64
import json
import re
from typing import Any
from urllib.parse import urlencode

from stratum.sandbox.catalogue import Account, AdGroup, Campaign
from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import Grant
from stratum.sandbox.graph import CONTENT_TYPE, GraphError, invalid, missing
from stratum.sandbox.market import Market
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.platforms.meta import insights, nodes
from stratum.sandbox.platforms.meta.errors import dead_token, forbidden, limited, too_much_data
from stratum.sandbox.platforms.meta.logins import LONG_LIFE, SCOPES, debug, exchange, fields_of, grant_of, scopes_of
from stratum.sandbox.platforms.meta.writes import write
from stratum.sandbox.wire import Request, Response, json_response
from stratum.sandbox.world import World

CURRENT, OLDEST = 26, 24
DEFAULT_PAGE = 25
LARGEST_PAGE = 1_000
DEFAULT_STATUSES = ("ACTIVE", "PAUSED", "WITH_ISSUES", "IN_PROCESS")
_VERSION = re.compile(r"^/v(\d+)\.0(?:/|$)")
_STYLE = ConsentStyle(
    platform="meta",
    title="Meta",
    denied={
        "error": "access_denied",
        "error_code": "200",
        "error_description": "Permissions error",
        "error_reason": "user_denied",
    },
    code_prefix="AQD",
    picks_accounts=True,
    scopes=SCOPES,
)


class Meta:
    name = "meta"
    title = "Meta"

    def owns(self, path: str) -> bool:
        return _VERSION.match(path) is not None

    def endpoint(self, world: World, request: Request) -> Endpoint:
        parts = _parts(request.path)
        if parts == ["dialog", "oauth"]:
            return Endpoint("consent")
        if parts[:1] in (["oauth"], ["debug_token"]):
            return Endpoint("oauth")
        if parts[:2] == ["me", "adaccounts"]:
            return Endpoint("accounts", paged=True)
        if not parts or parts[0] == "me":
            return Endpoint("object")
        account = _account_of(world, parts[0])
        edge = parts[1] if len(parts) > 1 else ""
        if edge == "insights":
            return Endpoint("report_create" if request.method == "POST" else "report", account, request.method == "GET")
        if edge in ("campaigns", "adsets"):
            return Endpoint("campaigns" if edge == "campaigns" else "ad_groups", account, paged=True)
        if request.method == "POST":
            return Endpoint("write", account)
        return Endpoint("report_status" if parts[0] in world.jobs else "object", account)

    def handle(self, call: Call) -> Response:
        trace = f"A{call.world.calls:022d}"
        try:
            response = self._answer(call)
        except GraphError as error:
            response = error.response(trace)
        return response.with_headers({**_usage(call), **_without(response, "content-type")})

    def refusal(self, call: Call, fault: Fault) -> Response:
        error = _refusal(call, fault)
        return error.response(f"A{call.world.calls:022d}").with_headers({"facebook-api-version": f"v{CURRENT}.0"})

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        token = world.grants.issue("access", grant, prefix="EAAB", expires=world.wall() + LONG_LIFE)
        return {"access_token": token.value, "token_type": "bearer", "expires_in": LONG_LIFE}

    def _answer(self, call: Call) -> Response:
        version = _VERSION.match(call.request.path)
        assert version is not None
        if not OLDEST <= int(version[1]) <= CURRENT:
            raise GraphError(
                400,
                2635,
                "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: "
                f"v{CURRENT}.0.",
            )
        parts = _parts(call.request.path)
        match parts:
            case ["dialog", "oauth"]:
                return consent(call, _STYLE)
            case ["oauth", "access_token"]:
                return _json(exchange(call))
            case ["debug_token"]:
                return _json(debug(call))
        grant = grant_of(call)
        return self._of_object(call, grant, parts)

    def _of_object(self, call: Call, grant: Grant, parts: list[str]) -> Response:
        method = call.request.method
        match method, parts:
            case "GET", ["me"]:
                person = call.market.catalogue.people[grant.person]
                return _json({"id": f"10{grant.created:.0f}", "name": person.name})
            case "GET", ["me", "permissions"]:
                return _json({"data": [{"permission": scope, "status": "granted"} for scope in scopes_of(call, grant)]})
            case "DELETE", ["me", "permissions"]:
                call.world.grants.revoke(grant_id=grant.id)
                return _json({"success": True})
            case "GET", ["me", "adaccounts"]:
                return _accounts(call, grant)
        if not parts:
            raise invalid("Unknown path components")
        if parts[0] in call.world.jobs:
            return _job(call, grant, parts)
        if parts[0].startswith("act_"):
            return _of_account(call, grant, parts)
        campaign, group = _find(call, grant, parts[0])
        if method == "POST" and len(parts) == 1:
            return _json(write(call, grant, campaign, group))
        if method == "GET" and len(parts) == 1:
            return _json(_selected(call, campaign, group))
        if parts[1:] == ["insights"]:
            return _insights(call, call.market.account_of(campaign), [campaign])
        if parts[1:] == ["adsets"] and method == "GET":
            return _adsets(call, [campaign])
        raise invalid(f"Unknown path components: /{'/'.join(parts[1:])}", error_subcode=2500)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/")[2:] if part]


def _json(body: Any) -> Response:
    return json_response(body, content_type=CONTENT_TYPE)


def _without(response: Response, name: str) -> dict[str, str]:
    return {key: value for key, value in response.headers.items() if key.lower() != name}


def _account_of(world: World, object_id: str) -> str:
    """The ad account that an object belongs to; empty when there is no such object."""
    if object_id.startswith("act_"):
        return object_id.removeprefix("act_")
    if object_id in world.jobs:
        return str(world.jobs[object_id]["account"])
    campaign = world.campaign(object_id, "meta") or _campaign_of_group(world.market, object_id)
    return campaign.account_id if campaign else ""


def _campaign_of_group(market: Market, group_id: str) -> Campaign | None:
    for campaign in market.catalogue.campaigns.values():
        if campaign.platform == "meta" and any(group.id == group_id for group in campaign.ad_groups):
            return campaign
    return None


# --- lists -------------------------------------------------------------------------------------------------


def _page(call: Call, found: list[Any], shown: Any = None) -> Response:
    """One page of `found`. Rows that `shown` maps to None are counted but not shown: pages may come out short or empty.

    A result without any row has no paging at all.
    """
    params = call.request.params
    limit = params.get("limit", str(DEFAULT_PAGE))
    if not limit.isdigit() or int(limit) < 1:
        raise invalid("limit must be a positive integer")
    size = int(limit)
    if size > LARGEST_PAGE:
        raise GraphError(
            500, 1, "Please reduce the amount of data you're asking for, then retry your request", is_transient=False
        )
    start = _offset(params.get("after", ""))
    page = found[start : start + size]
    stop = start + len(page)
    if call.has_fault("duplicated_page"):
        stop = start
    if call.has_fault("empty_page"):
        page, stop = [], start
    rows = [row for row in (page if shown is None else map(shown, page)) if row is not None]
    if not found:
        return _json({"data": []})
    paging: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": _cursor(stop)}}
    if stop < len(found):
        paging["next"] = _link(call.request, {"after": _cursor(stop)})
    if start:
        paging["previous"] = _link(call.request, {"before": _cursor(start)})
    return _json({"data": rows, "paging": paging})


def _link(request: Request, cursor: dict[str, str]) -> str:
    """The next page's address: as on the real wire, with the access token in clear."""
    params = {name: value for name, value in request.params.items() if name not in ("after", "before", "access_token")}
    token = request.bearer or request.params.get("access_token", "")
    return f"{request.origin}{request.path}?{urlencode({'access_token': token, **params, **cursor})}"


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"row:{position}".encode()).decode().rstrip("=")


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("row:"))
    except ValueError as error:
        raise invalid("Invalid cursors values passed to request", error_subcode=1349193) from error


def _accounts(call: Call, grant: Grant) -> Response:
    fields = call.request.params.get("fields", "id,account_id")
    nodes_ = [nodes.account_node(call.market, account, call.now) for account in call.accounts(grant)]
    return _page(call, [nodes.select(node, fields, nodes.ACCOUNT_FIELDS, "AdAccount") for node in nodes_])


def _of_account(call: Call, grant: Grant, parts: list[str]) -> Response:
    account = call.world.account(parts[0].removeprefix("act_"))
    if account is None or account.platform != "meta":
        raise missing(parts[0], call.request.method)
    if account.id not in grant.accounts:
        raise forbidden()
    fields = call.request.params.get("fields", "id")
    match call.request.method, parts[1:]:
        case "GET", []:
            node = nodes.account_node(call.market, account, call.now)
            return _json(nodes.select(node, fields, nodes.ACCOUNT_FIELDS, "AdAccount"))
        case "GET", ["campaigns"]:
            return _campaigns(call, account)
        case "GET", ["adsets"]:
            return _adsets(call, call.world.campaigns(account.id))
        case (("GET" | "POST"), ["insights"]):
            return _insights(call, account, call.world.campaigns(account.id))
    raise invalid(f"Unknown path components: /{'/'.join(parts[1:])}", error_subcode=2500)


def _campaigns(call: Call, account: Account) -> Response:
    params = call.request.params
    statuses = DEFAULT_STATUSES
    if "effective_status" in params:
        try:
            statuses = tuple(json.loads(params["effective_status"]))
        except (ValueError, TypeError) as error:
            raise invalid("Param effective_status must be an array.") from error
    since = _changed_since(params.get("filtering", ""))

    def shown(campaign: Campaign) -> dict[str, Any] | None:
        node = nodes.campaign_node(call.market, campaign, call.now)
        if node["effective_status"] not in statuses or nodes.changed(call.market, campaign, call.now) <= since:
            return None
        return nodes.select(node, params.get("fields", "id"), nodes.CAMPAIGN_FIELDS, "Campaign")

    return _page(call, call.world.campaigns(account.id), shown)


def _changed_since(filtering: str) -> float:
    since = float("-inf")
    for one in insights.parse_filtering(filtering):
        if one.get("field") != "campaign.updated_time" or one.get("operator") != "GREATER_THAN":
            raise invalid(f"Filtering field {one.get('field')} with this operator is not supported")
        since = float(one.get("value", 0))
    return since


def _adsets(call: Call, campaigns: list[Campaign]) -> Response:
    params = call.request.params
    for one in insights.parse_filtering(params.get("filtering", "")):
        if one.get("field") != "campaign.id" or one.get("operator") != "IN":
            raise invalid(f"Filtering field {one.get('field')} with this operator is not supported")
        campaigns = [campaign for campaign in campaigns if campaign.id in map(str, one.get("value", []))]
    pairs = [(campaign, group) for campaign in campaigns for group in campaign.ad_groups]

    def shown(pair: tuple[Campaign, AdGroup]) -> dict[str, Any]:
        node = nodes.adset_node(call.market, *pair, call.now)
        return nodes.select(node, params.get("fields", "id"), nodes.ADSET_FIELDS, "AdSet")

    return _page(call, pairs, shown)


def _find(call: Call, grant: Grant, object_id: str) -> tuple[Campaign, AdGroup | None]:
    campaign = call.campaign(object_id, grant)
    if campaign is not None:
        return campaign, None
    above = _campaign_of_group(call.market, object_id)
    if above is None or above.account_id not in grant.accounts:
        raise missing(object_id, call.request.method)
    return above, next(group for group in above.ad_groups if group.id == object_id)


def _selected(call: Call, campaign: Campaign, group: AdGroup | None) -> dict[str, Any]:
    fields = call.request.params.get("fields", "id")
    if group is None:
        node = nodes.campaign_node(call.market, campaign, call.now)
        return nodes.select(node, fields, nodes.CAMPAIGN_FIELDS, "Campaign")
    node = nodes.adset_node(call.market, campaign, group, call.now)
    return nodes.select(node, fields, nodes.ADSET_FIELDS, "AdSet")


# --- reports -----------------------------------------------------------------------------------------------


def _insights(call: Call, account: Account, campaigns: list[Campaign]) -> Response:
    query = insights.understand(call.market, account, campaigns, fields_of(call.request), call.now)
    if call.request.method == "GET":
        return _page(call, insights.rows(call.market, query, call.now))
    run = str(6_290_055_500_000 + len(call.world.jobs) + 1)
    call.world.jobs[run] = {"account": account.id, "query": query, "at": call.wall, "begun": call.now}
    return _json({"report_run_id": run})


def _job(call: Call, grant: Grant, parts: list[str]) -> Response:
    job = call.world.jobs[parts[0]]
    if job["account"] not in grant.accounts:
        raise missing(parts[0], call.request.method)
    state = _job_state(call, job)
    if parts[1:] == ["insights"]:
        if state["async_status"] != "Job Completed":
            raise invalid("The report is not complete yet", error_subcode=1487534)
        return _page(call, insights.rows(call.market, job["query"], call.now))
    query = job["query"]
    node = {
        "id": parts[0],
        "account_id": query.account.id,
        "time_ref": int(job["begun"]),
        "date_start": query.first.isoformat(),
        "date_stop": query.last.isoformat(),
        **state,
    }
    names = nodes.words(call.request.params.get("fields", "")) or ["id", "async_status", "async_percent_completion"]
    return _json({name: node[name] for name in dict.fromkeys([*names, "id"]) if name in node})


def _job_state(call: Call, job: dict[str, Any]) -> dict[str, Any]:
    settings, age = call.world.settings, call.wall - job["at"]
    if call.fault is not None and call.fault.kind in ("job_failed", "job_skipped"):
        job["ended"] = _ending(call.fault.kind)
    if "ended" in job:
        return dict(job["ended"])
    if age < settings.job_starts:
        return {"async_status": "Job Not Started", "async_percent_completion": 0}
    if age < settings.job_takes:
        percent = int(100 * age / settings.job_takes)
        return {"async_status": "Job Running", "async_percent_completion": percent, "is_running": True}
    completed = {"time_completed": int(call.now)}
    return {"async_status": "Job Completed", "async_percent_completion": 100, **completed}


# --- what comes with every answer --------------------------------------------------------------------------


def _usage(call: Call) -> dict[str, str]:
    """Meta's headers on how much of the limits is used."""
    share = min(99, call.world.calls // 200)
    tier = "standard_access"
    report = call.endpoint.name.startswith("report")
    use = {"type": "ads_insights" if report else "ads_management", "call_count": share, "total_cputime": share // 2}
    use |= {"total_time": share // 2, "estimated_time_to_regain_access": 0, "ads_api_access_tier": tier}
    headers = {
        "facebook-api-version": f"v{CURRENT}.0",
        "x-fb-trace-id": f"Dx{call.world.calls:09d}",
        "x-fb-request-id": f"Ab{call.world.calls:09d}",
    }
    if call.endpoint.name in ("consent", "oauth"):
        return headers
    headers["x-business-use-case-usage"] = json.dumps({"900100200300400": [use]})
    headers["x-ad-account-usage"] = json.dumps(
        {"acc_id_util_pct": float(share), "reset_time_duration": 0, "ads_api_access_tier": tier}
    )
    headers["x-app-usage"] = json.dumps({"call_count": share, "total_cputime": share // 2, "total_time": share // 2})
    if report:
        throttle = {"app_id_util_pct": share / 2, "acc_id_util_pct": float(share), "ads_api_access_tier": tier}
        headers["x-fb-ads-insights-throttle"] = json.dumps(throttle)
    return headers


def _refusal(call: Call, fault: Fault) -> GraphError:
    parts = _parts(call.request.path)
    subject = parts[0] if parts else "0"
    report = call.endpoint.name.startswith("report")
    match fault.kind:
        case "rate_limit":
            return limited(str(fault.options.get("variant") or ("insights" if report else "account")))
        case "token_expired":
            return dead_token("expired")
        case "token_revoked":
            return dead_token(str(fault.options.get("variant") or "password"))
        case "permission_revoked":
            return forbidden(10 if report else 200)
        case "too_much_data":
            return too_much_data()
        case "not_visible":
            return missing(subject, "get")
    return GraphError(500, 1, "An unknown error occurred", error_subcode=99, is_transient=False)


def _ending(kind: str) -> dict[str, Any]:
    """How an asynchronous report looks that ended badly."""
    if kind == "job_skipped":
        return {"async_status": "Job Skipped", "async_percent_completion": 0}
    return {
        "async_status": "Job Failed",
        "async_percent_completion": 0,
        "error_code": 2,
        "error_subcode": 1504038,
        "error_message": "Request timed out",
        "error_user_title": "Request timed out",
        "error_user_msg": "Try a smaller date range or fewer metrics.",
    }
