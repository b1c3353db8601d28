"""Paths, versions, tokens, lists and writes of LinkedIn's Marketing API."""

import base64
import hashlib
import re
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.currencies import PER_DOLLAR, minor, minor_per_unit
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.platforms.linkedin import analytics, nodes, restli
from stratum.sandbox.platforms.linkedin.errors import (
    RestError,
    bad_query,
    denied,
    invalid_input,
    read_only,
    throttled,
    token_error,
)
from stratum.sandbox.wire import Request, Response, json_response
from stratum.sandbox.world import World

# The table of versions has gaps: there never was a 202512.
VERSIONS = frozenset({"202601", "202602", "202603", "202604", "202605", "202606", "202607"})
ACCESS_LIFE, REFRESH_LIFE = 5_184_000, 31_536_000
SCOPES = ("r_ads", "r_ads_reporting", "rw_ads")
USUAL_PAGE, MOST_PAGE = 100, 1_000
LEAST_DAILY = 10  # US dollars
LONGEST_QUERY = 8_000
_CONSENT, _TOKEN, _INTROSPECT = "/oauth/v2/authorization", "/oauth/v2/accessToken", "/oauth/v2/introspectToken"
_CAMPAIGN_PATH = re.compile(r"^/rest/adAccounts/(\d+)/adCampaigns/(\d+)$")
_LIST_PATH = re.compile(r"^/rest/adAccounts/(\d+)/(adCampaigns|adCampaignGroups)$")
_FINAL = ("COMPLETED", "ARCHIVED", "CANCELED", "REMOVED", "PENDING_DELETION")
_STYLE = ConsentStyle(
    platform="linkedin",
    title="LinkedIn",
    denied={"error": "user_cancelled_authorize", "error_description": "The user cancelled the authorization"},
    code_prefix="AQT",
    scopes=SCOPES,
)


class LinkedIn:
    name = "linkedin"
    title = "LinkedIn"

    def owns(self, path: str) -> bool:
        return path.startswith("/rest/") or path in (_CONSENT, _TOKEN, _INTROSPECT)

    def endpoint(self, world: World, request: Request) -> Endpoint:
        path = request.path
        if path == _CONSENT:
            return Endpoint("consent")
        if path in (_TOKEN, _INTROSPECT):
            return Endpoint("oauth")
        if path == "/rest/adAnalytics":
            return Endpoint("report", _reported_account(world, request), paged=True)
        found = _LIST_PATH.match(path)
        if found is not None:
            return Endpoint("campaigns" if found[2] == "adCampaigns" else "ad_groups", found[1], paged=True)
        found = _CAMPAIGN_PATH.match(path)
        if found is not None:
            return Endpoint("write" if request.method == "POST" and not _tunnelled(request) else "object", found[1])
        if path == "/rest/adTargetingEntities":
            return Endpoint("object")
        return Endpoint("accounts", paged=path == "/rest/adAccounts")

    def handle(self, call: Call) -> Response:
        path = call.request.path
        if path == _CONSENT:
            return consent(call, _STYLE)
        try:
            if path == _TOKEN:
                return _headed(call, _token(call))
            if path == _INTROSPECT:
                return _headed(call, _introspect(call))
            return _headed(call, self._answer(call))
        except RestError as error:
            return _headed(call, error.response())

    def refusal(self, call: Call, fault: Fault) -> Response:
        if call.endpoint.name == "oauth":
            return _headed(call, _oauth_error("invalid_grant", "The provided authorization grant is invalid"))
        return _headed(call, _refusal(call, fault).response())

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        return _issue(world, grant, world.wall())

    def _answer(self, call: Call) -> Response:
        request = call.request
        _check_version(request)
        try:
            grant = call.grant(request.bearer, "linkedin")
        except Refused as refused:
            raise token_error(refused.reason) from refused
        if len(request.query) > LONGEST_QUERY:
            raise RestError(414, "URI_TOO_LONG", "Request-URI Too Long")
        if _tunnelled(request):
            request = replace(request, method="GET", query=request.body.decode("utf-8", "replace"), body=b"")
            call = replace(call, request=request)
        try:
            params = restli.parse_query(request.query)
        except restli.BadEncoding as error:
            raise bad_query() from error
        return _json(self._routed(call, grant, params))

    def _routed(self, call: Call, grant: Grant, params: dict[str, Any]) -> Any:
        method, path = call.request.method, call.request.path
        if path == "/rest/adAccounts" and method == "GET":
            statuses = _statuses(params)
            accounts = call.accounts(grant) if not statuses or "ACTIVE" in statuses else []
            return _page(call, params, [nodes.account_element(one) for one in accounts])
        if path == "/rest/adAnalytics" and method == "GET":
            if params.get("q") not in ("analytics", "statistics"):
                raise bad_query()
            return analytics.answer(call, params)
        if path == "/rest/adTargetingEntities" and method == "GET":
            return _names(params)
        found_list = _LIST_PATH.match(path)
        if found_list is not None and method == "GET":
            account = _account(call, grant, found_list[1], found_list[2], "FINDER-search")
            return _list(call, account, found_list[2], params)
        found = _CAMPAIGN_PATH.match(path)
        if found is not None:
            return _of_campaign(call, grant, found[1], found[2])
        account_path = re.fullmatch(r"/rest/adAccounts/(\d+)", path)
        if account_path is not None and method == "GET":
            return nodes.account_element(_account(call, grant, account_path[1], "adAccounts", "GET"))
        raise RestError(404, "RESOURCE_NOT_FOUND", f"No virtual resource found for path {path}")


def _json(body: Any) -> Response:
    return Response(204) if body is None else json_response(body)


def _headed(call: Call, response: Response) -> Response:
    token = base64.b64encode(hashlib.blake2b(str(call.world.calls).encode(), digest_size=16).digest()).decode()
    headers = {"x-li-uuid": f"AAY{token}", "x-li-fabric": "prod-lva1", "x-li-pop": "prod-lva1-x"}
    if call.request.path.startswith("/rest/"):
        headers["x-restli-protocol-version"] = "2.0.0"
    return response.with_headers(headers)


def _tunnelled(request: Request) -> bool:
    """A long query sent as the body of a POST."""
    return request.method == "POST" and request.headers.get("x-http-method-override", "").upper() == "GET"


def _reported_account(world: World, request: Request) -> str:
    """The account that a report is about, when it is about one."""
    text = request.body.decode("utf-8", "replace") if _tunnelled(request) else request.query
    found = re.findall(r"sponsored(Account|Campaign)%3A(\d+)", text)
    accounts = set()
    for kind, number in found:
        campaign = world.campaign(number, "linkedin") if kind == "Campaign" else None
        accounts.add(campaign.account_id if campaign else number)
    return accounts.pop() if len(accounts) == 1 else ""


def _check_version(request: Request) -> None:
    version = request.headers.get("linkedin-version", "")
    if not version:
        raise RestError(400, "VERSION_MISSING", "A version must be present. Please specify a version in the header.")
    if version.split(".")[0] not in VERSIONS:
        raise RestError(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
    if request.headers.get("x-restli-protocol-version") != "2.0.0":
        raise RestError(400, "ILLEGAL_ARGUMENT", "X-Restli-Protocol-Version must be 2.0.0")


# --- logins ------------------------------------------------------------------------------------------------


def _oauth_error(error: str, description: str, status: int = 400) -> Response:
    return json_response({"error": error, "error_description": description}, status)


def _token(call: Call) -> Response:
    form, grants = call.request.form, call.world.grants
    if form.get("client_id") != client_id("linkedin") or form.get("client_secret") != CLIENT_SECRET:
        return _oauth_error("invalid_client", "Client authentication failed", 401)
    try:
        if form.get("grant_type") == "refresh_token":
            value = form.get("refresh_token", "")
            grant = grants.check(value, "refresh", "linkedin", call.wall)
            return json_response(_issue(call.world, grant, call.wall, refresh=value))
        if form.get("grant_type") == "authorization_code":
            code, back = form.get("code", ""), form.get("redirect_uri", "")
            grant = grants.redeem(code, "linkedin", call.wall, back, form.get("code_verifier", ""))
            return json_response(_issue(call.world, grant, call.wall))
    except Refused as refused:
        if form["grant_type"] == "refresh_token":
            return _oauth_error("invalid_grant", "The provided authorization grant or refresh token is invalid")
        text = "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. "
        return _oauth_error("invalid_request", f"{text}Or authorization code expired. ({refused.reason})")
    return _oauth_error("unsupported_grant_type", "The grant type is not supported")


def _issue(world: World, grant: Grant, wall: float, refresh: str = "") -> dict[str, Any]:
    """A refresh does not lengthen the refresh token's life: that counts from the consent."""
    rest = int(grant.created + REFRESH_LIFE - wall)
    if not refresh:
        refresh = world.grants.issue("refresh", grant, prefix="AQX", expires=grant.created + REFRESH_LIFE).value
    access = world.grants.issue("access", grant, prefix="AQV", expires=wall + ACCESS_LIFE)
    scopes = [scope for scope in SCOPES if scope != "rw_ads" or world.may_write(grant)]
    return {
        "access_token": access.value,
        "expires_in": ACCESS_LIFE,
        "refresh_token": refresh,
        "refresh_token_expires_in": rest,
        "scope": ",".join(scopes),
    }


def _introspect(call: Call) -> Response:
    form = call.request.form
    if form.get("client_id") != client_id("linkedin") or form.get("client_secret") != CLIENT_SECRET:
        return _oauth_error("invalid_client", "Client authentication failed", 401)
    value = form.get("token", "")
    token = call.world.grants.token(value)
    if token is None:
        return json_response({"active": False})
    try:
        call.world.grants.check(value, token.kind, "linkedin", call.wall)
        state = "active"
    except Refused as refused:
        state = "expired" if refused.reason == "expired" else "revoked"
    return json_response(
        {
            "active": state == "active",
            "client_id": client_id("linkedin"),
            "created_at": int(call.world.grants.grant_of(token).created),
            "expires_at": int(token.expires or 0),
            "status": state,
            "scope": ",".join(SCOPES),
            "auth_type": "3L",
        }
    )


# --- lists -------------------------------------------------------------------------------------------------


def _account(call: Call, grant: Grant, account_id: str, resource: str, method: str) -> Account:
    account = call.world.account(account_id)
    if account is None or account.platform != "linkedin" or account.id not in grant.accounts:
        raise denied(resource, method)
    return account


def _statuses(params: dict[str, Any]) -> list[str]:
    """The status values of a search. The search itself is mandatory."""
    search = params.get("search")
    if params.get("q") != "search" or not isinstance(search, dict):
        raise bad_query()
    wanted = search.get("status", {})
    values = wanted.get("values") if isinstance(wanted, dict) else None
    if "status" in search and not isinstance(values, list):
        raise bad_query()
    return [str(value) for value in values or []]


def _list(call: Call, account: Account, resource: str, params: dict[str, Any]) -> dict[str, Any]:
    statuses = _statuses(params)
    if resource == "adCampaignGroups":
        found = [nodes.group_element(call.market, account)] if not statuses or "ACTIVE" in statuses else []
        return _page(call, params, found)
    ids = params["search"].get("id", {})
    wanted = [str(one).rpartition(":")[2] for one in ids.get("values", [])] if isinstance(ids, dict) else []
    elements = [
        nodes.campaign_element(call.market, one, call.now)
        for one in call.world.campaigns(account.id)
        if (not statuses or nodes.status(call.market, one, call.now) in statuses) and (not wanted or one.id in wanted)
    ]
    if params.get("sortOrder") == "DESCENDING":
        elements.reverse()
    return _page(call, params, elements)


def _names(params: dict[str, Any]) -> dict[str, Any]:
    """The names of targeting entities; unknown ones are left out."""
    urns = params.get("urns")
    if params.get("q") != "urns" or not isinstance(urns, list):
        raise bad_query()
    elements = [
        {"facetUrn": "urn:li:adTargetingFacet:locations", "name": nodes.PLACES[one], "urn": one}
        for one in map(str, urns)
        if one in nodes.PLACES
    ]
    return {"elements": elements, "paging": {"start": 0, "count": 10, "links": []}}


def _page(call: Call, params: dict[str, Any], found: list[Any]) -> dict[str, Any]:
    size_text = str(params.get("pageSize", USUAL_PAGE))
    if not size_text.isdigit() or not 1 <= int(size_text) <= MOST_PAGE:
        raise bad_query(f"pageSize must be between 1 and {MOST_PAGE}")
    start = _start(str(params.get("pageToken", "")))
    stop = start if call.has_fault("duplicated_page") else start + int(size_text)
    metadata = {"nextPageToken": _page_token(stop)} if stop < len(found) else {}
    return {"elements": found[start : start + int(size_text)], "metadata": metadata}


def _page_token(position: int) -> str:
    return "Dg" + base64.urlsafe_b64encode(f"row:{position}".encode()).decode().rstrip("=")


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token[2:] + "=" * (-len(token[2:]) % 4)).decode()
        return int(text.removeprefix("row:"))
    except ValueError as error:
        raise bad_query("Invalid pageToken") from error


# --- one campaign ------------------------------------------------------------------------------------------


def _of_campaign(call: Call, grant: Grant, account_id: str, campaign_id: str) -> Any:
    method = call.request.method
    verb = call.request.headers.get("x-restli-method", "").upper()
    account = _account(call, grant, account_id, "adCampaigns", verb or method)
    campaign = call.world.campaign(campaign_id, "linkedin")
    if campaign is None or campaign.account_id != account.id:
        raise RestError(404, "NOT_FOUND", "Campaign could not be found")
    if method == "GET":
        return nodes.campaign_element(call.market, campaign, call.now)
    if method != "POST" or verb != "PARTIAL_UPDATE":
        raise RestError(400, "ILLEGAL_ARGUMENT", "Unsupported method. X-RestLi-Method must be PARTIAL_UPDATE")
    if not call.world.may_write(grant):
        raise read_only()
    return _update(call, account, campaign)


def _update(call: Call, account: Account, campaign: Campaign) -> None:
    """Set what the patch holds, all or nothing; the answer has no body."""
    body = call.request.json
    patch = body.get("patch", {}).get("$set") if isinstance(body, dict) else None
    if not isinstance(patch, dict) or not patch:
        raise RestError(400, "ILLEGAL_ARGUMENT", "The patch must have a non-empty $set")
    changes: list[tuple[str, str, Any]] = []
    for name, value in patch.items():
        if name == "status":
            changes.append(("status", campaign.id, _new_status(call, campaign, value)))
        elif name in ("dailyBudget", "totalBudget"):
            changes.append(("amount", campaign.budget_id, _new_budget(call, account, campaign, name, value)))
        elif name == "name":
            changes.append(("name", campaign.id, str(value)))
        else:
            raise invalid_input(f"/{name}", "FIELD_VALUE_IMMUTABLE", f"{name} cannot be changed.")
    for what, object_id, new in changes:
        call.world.change(what, object_id, new)


def _new_status(call: Call, campaign: Campaign, value: Any) -> str:
    now = nodes.status(call.market, campaign, call.now)
    if value not in nodes.WORD:
        raise invalid_input("/status", "INVALID_VALUE", f"{value} is not a status.")
    if now in _FINAL and value != now:
        raise invalid_input("/status", "STATUS_CHANGE_NOT_ALLOWED", f"Status cannot be changed from {now} to {value}.")
    return nodes.WORD[value] if now != value else call.market.status(campaign.id, call.now)


def _new_budget(call: Call, account: Account, campaign: Campaign, name: str, value: Any) -> int:
    if not isinstance(value, dict) or value.get("currencyCode") != account.currency:
        raise invalid_input(
            f"/{name}/currencyCode", "CURRENCY_MISMATCH", "Currency must match the ad account currency."
        )
    kind = "lifetime" if name == "totalBudget" else "daily"
    if call.market.catalogue.budgets[campaign.budget_id].kind != kind:
        raise invalid_input(f"/{name}", "FIELD_VALUE_IMMUTABLE", f"The campaign has no {name}.")
    try:
        amount = minor(Decimal(str(value.get("amount"))), account.currency)
    except (InvalidOperation, ValueError) as error:
        raise invalid_input(f"/{name}/amount", "INVALID_VALUE", "The amount is not valid.") from error
    least = int(LEAST_DAILY * PER_DOLLAR[account.currency])
    if amount < least * minor_per_unit(account.currency):
        text = f"The value is too low: the minimum is {least} {account.currency}."
        raise invalid_input(f"/{name}/amount", "FIELD_VALUE_TOO_LOW", text)
    return amount


def _refusal(call: Call, fault: Fault) -> RestError:
    match fault.kind:
        case "rate_limit":
            return throttled(str(fault.options.get("variant", "resource")))
        case "token_expired":
            return token_error("expired")
        case "token_revoked":
            return token_error("revoked")
        case "permission_revoked":
            resource = "adAnalytics" if call.endpoint.name == "report" else "adCampaigns"
            return denied(resource, "PARTIAL_UPDATE" if call.endpoint.name == "write" else "FINDER-search")
        case "write_conflict":
            return RestError(409, "CONFLICT", "The entity was changed by another request.")
    return RestError(500, "INTERNAL_ERROR", "Internal Server Error", serviceErrorCode=0)
