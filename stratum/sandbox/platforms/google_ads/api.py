"""Paths, logins, paging and mutates of the Google Ads API."""

import base64
import hashlib
import re
from typing import Any

from stratum.sandbox.catalogue import GOOGLE_MANAGER, Account
from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.currencies import from_micros, micros
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.platforms.google_ads import gaql
from stratum.sandbox.platforms.google_ads.errors import (
    CONTENT_TYPE,
    AdsError,
    bad_token,
    no_access,
    query_error,
    quota,
    request_error,
)
from stratum.sandbox.platforms.google_ads.resources import (
    FIELDS,
    RESOURCES,
    STATUS,
    Scope,
    as_json,
    field_mask,
    manager_of,
    rows,
)
from stratum.sandbox.wire import Request, Response, html_response, json_response
from stratum.sandbox.world import World

OLDEST, NEWEST = 23, 26
SCOPE = "https://www.googleapis.com/auth/adwords"
TOKEN_LIFE = 3_600
STREAM_ROWS = 1_000
LARGEST_MUTATE = 10_000
_CUSTOMER_PATH = re.compile(r"^/v(\d+)/customers/([^/:]+)/(googleAds|campaigns|campaignBudgets):(\w+)$")
_LIST_PATH = re.compile(r"^/v(\d+)/customers:listAccessibleCustomers$")
_TOKEN_PATHS = ("/token", "/oauth2/v3/token", "/o/oauth2/token")
_STATUS_WORD = {"ENABLED": "active", "PAUSED": "paused"}
_STYLE = ConsentStyle(
    platform="google", title="Google Ads", denied={"error": "access_denied"}, code_prefix="4/0", scopes=(SCOPE,)
)


class GoogleAds:
    name = "google"
    title = "Google Ads"

    def owns(self, path: str) -> bool:
        if path in _TOKEN_PATHS or path in ("/o/oauth2/v2/auth", "/revoke"):
            return True
        return re.match(r"^/v\d+/customers[/:]", path) is not None

    def endpoint(self, world: World, request: Request) -> Endpoint:
        if request.path == "/o/oauth2/v2/auth":
            return Endpoint("consent")
        if request.path in _TOKEN_PATHS or request.path == "/revoke":
            return Endpoint("oauth")
        found = _CUSTOMER_PATH.match(request.path)
        if found is None:
            return Endpoint("accounts")
        if found[4] == "mutate":
            return Endpoint("write", found[2])
        return Endpoint(_queried(request), found[2], paged=True)

    def handle(self, call: Call) -> Response:
        path = call.request.path
        if path == "/o/oauth2/v2/auth":
            return consent(call, _STYLE)
        if path in _TOKEN_PATHS:
            return _token(call)
        if path == "/revoke":
            return _revoke(call)
        request_id = _request_id(call)
        version = f"v{_version(call.request)}"
        if not OLDEST <= _version(call.request) <= NEWEST:
            return html_response("<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", 404)
        try:
            response = self._answer(call)
        except AdsError as error:
            response = error.response(version, request_id, stream=path.endswith(":searchStream"))
        return response.with_headers({"request-id": request_id})

    def refusal(self, call: Call, fault: Fault) -> Response:
        stream = call.request.path.endswith(":searchStream")
        request_id = _request_id(call)
        version = f"v{_version(call.request)}"
        if call.endpoint.name == "oauth":
            return _oauth_error("invalid_grant", "Token has been expired or revoked.")
        return _refusal(fault).response(version, request_id, stream=stream).with_headers({"request-id": request_id})

    def tokens(self, world: World, grant: Grant) -> dict[str, Any]:
        return _issue(world, grant, refresh=True)

    def _answer(self, call: Call) -> Response:
        try:
            grant = call.grant(call.request.bearer, "google")
        except Refused as refused:
            raise bad_token(refused.reason) from refused
        if _LIST_PATH.match(call.request.path):
            return _accessible(call, grant)
        found = _CUSTOMER_PATH.match(call.request.path)
        if found is None or call.request.method != "POST":
            raise AdsError(404, "", "", "Requested entity was not found.")
        _version_text, customer_id, service, verb = found.groups()
        scope = _scope(call, grant, customer_id)
        if service == "googleAds":
            return _stream(call, scope) if verb == "searchStream" else _search(call, scope)
        if verb != "mutate":
            raise AdsError(404, "", "", "Requested entity was not found.")
        return _mutate(call, grant, scope, service)


def _version(request: Request) -> int:
    found = re.match(r"^/v(\d+)/", request.path)
    return int(found[1]) if found else NEWEST


def _request_id(call: Call) -> str:
    return base64.urlsafe_b64encode(hashlib.blake2b(str(call.world.calls).encode(), digest_size=16).digest()).decode()[
        :22
    ]


def _queried(request: Request) -> str:
    """accounts, campaigns or report: what a search is for, told from its text."""
    text = str((request.json or {}).get("query", "")) if isinstance(request.json, dict) else ""
    if "metrics." in text:
        return "report"
    found = re.search(r"\bFROM\s+(\w+)", text, re.IGNORECASE)
    return "accounts" if found and found[1] in ("customer", "customer_client") else "campaigns"


# --- logins ------------------------------------------------------------------------------------------------


def _oauth_error(error: str, description: str, status: int = 400) -> Response:
    body = {"error": error, "error_description": description}
    return json_response(body, status, content_type=CONTENT_TYPE)


def _token(call: Call) -> Response:
    form, grants = call.request.form, call.world.grants
    if form.get("client_id") != client_id("google") or form.get("client_secret") != CLIENT_SECRET:
        return _oauth_error("invalid_client", "The OAuth client was not found.", 401)
    try:
        if form.get("grant_type") == "refresh_token":
            grant = grants.check(form.get("refresh_token", ""), "refresh", "google", call.wall)
            return json_response(_issue(call.world, grant, refresh=False), content_type=CONTENT_TYPE)
        if form.get("grant_type") != "authorization_code":
            return _oauth_error("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        code = grants.token(form.get("code", ""))
        grant = grants.redeem(
            form.get("code", ""), "google", call.wall, form.get("redirect_uri", ""), form.get("code_verifier", "")
        )
    except Refused as refused:
        if refused.reason == "redirect":
            return _oauth_error("redirect_uri_mismatch", "Bad Request")
        refreshing = form.get("grant_type") == "refresh_token"
        text = "Token has been expired or revoked." if refreshing else "Malformed auth code."
        return _oauth_error("invalid_grant", text)
    assert code is not None
    earlier = [
        one for one in grants.all() if one.platform == "google" and one.person == grant.person and one is not grant
    ]
    # A repeated consent brings a refresh token only when it was asked for anew.
    again = code.facts.get("prompt") == "consent" or not any(not one.revoked for one in earlier)
    offline = code.facts.get("access_type") == "offline"
    return json_response(_issue(call.world, grant, refresh=offline and again), content_type=CONTENT_TYPE)


def _issue(world: World, grant: Grant, *, refresh: bool) -> dict[str, Any]:
    access = world.grants.issue("access", grant, prefix="ya29.", expires=world.wall() + TOKEN_LIFE)
    body: dict[str, Any] = {"access_token": access.value, "expires_in": TOKEN_LIFE - 1}
    if refresh:
        body["refresh_token"] = world.grants.issue("refresh", grant, prefix="1//0", expires=None).value
    return {**body, "scope": SCOPE, "token_type": "Bearer"}


def _revoke(call: Call) -> Response:
    value = call.request.form.get("token") or call.request.params.get("token", "")
    token = call.world.grants.token(value)
    if token is None:
        return _oauth_error("invalid_token", "Token expired or revoked")
    call.world.grants.revoke(grant_id=token.grant)
    return json_response({}, content_type=CONTENT_TYPE)


def _accessible(call: Call, grant: Grant) -> Response:
    """Those with a direct grant: not the clients of a manager."""
    accounts = call.accounts(grant)
    manager = manager_of(accounts)
    direct = ([manager] if manager else []) + [one.id for one in accounts if not one.manager]
    return json_response({"resourceNames": [f"customers/{one}" for one in direct]}, content_type=CONTENT_TYPE)


def _scope(call: Call, grant: Grant, customer_id: str) -> Scope:
    login = call.request.headers.get("login-customer-id", "")
    for number in (customer_id, login):
        if number and not re.fullmatch(r"\d{10}", number):
            raise request_error("INVALID_CUSTOMER_ID", f"Invalid customer ID '{number}'.")
    own = {account.id: account for account in call.accounts(grant)}
    clients = tuple(account for account in own.values() if account.manager)
    if customer_id == GOOGLE_MANAGER:
        if not clients or login not in ("", GOOGLE_MANAGER):
            raise no_access()
        return Scope(call.market, call.now, customer_id, None, clients)
    account = call.world.account(customer_id)
    if account is None or account.platform != "google":
        message = "No customer found for the provided customer id."
        raise AdsError(401, "authenticationError", "CUSTOMER_NOT_FOUND", message)
    allowed = (account.manager,) if account.manager else ("", account.id)
    if account.id not in own or login not in allowed:
        raise no_access()
    return Scope(call.market, call.now, customer_id, account, ())


# --- queries -----------------------------------------------------------------------------------------------


def _asked(call: Call) -> tuple[dict[str, Any], gaql.Query]:
    body = call.request.json
    if not isinstance(body, dict) or not body.get("query"):
        raise (
            query_error("QUERY_MISSING", "Query is missing.")
            if isinstance(body, dict)
            else request_error("REQUIRED_FIELD_MISSING", "Invalid JSON payload received.")
        )
    if body.get("pageSize"):
        raise request_error(
            "PAGE_SIZE_NOT_SUPPORTED",
            "Setting the page size is not supported. Search Responses will have fixed page size of '10000' rows.",
        )
    return body, gaql.parse(str(body["query"]), FIELDS, RESOURCES)


def _search(call: Call, scope: Scope) -> Response:
    body, query = _asked(call)
    found = rows(scope, query)
    start = _page_start(str(body.get("pageToken") or ""), str(body["query"]))
    stop = start + call.world.settings.google_page_rows
    answer: dict[str, Any] = {}
    if found[start:stop]:
        answer["results"] = [as_json(row, query) for row in found[start:stop]]
    following = start if call.has_fault("duplicated_page") else stop
    if following < len(found):
        answer["nextPageToken"] = _page_token(following, str(body["query"]))
    answer |= {"fieldMask": field_mask(query), "queryResourceConsumption": str(9 + len(found))}
    return json_response(answer, content_type=CONTENT_TYPE)


def _stream(call: Call, scope: Scope) -> Response:
    _body, query = _asked(call)
    found = rows(scope, query)
    if call.has_fault("duplicated_page"):
        found = found + found
    chunks: list[dict[str, Any]] = []
    tail = {"fieldMask": field_mask(query), "requestId": _request_id(call)}
    for start in range(0, len(found), STREAM_ROWS):
        results = [as_json(row, query) for row in found[start : start + STREAM_ROWS]]
        chunks.append({"results": results, **tail})
    if not chunks:
        chunks.append(dict(tail))
    chunks[0]["queryResourceConsumption"] = str(9 + len(found))
    return json_response(chunks, content_type=CONTENT_TYPE)


def _page_token(start: int, query: str) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_fingerprint(query)}".encode()).decode()


def _page_start(token: str, query: str) -> int:
    if not token:
        return 0
    try:
        start, _, fingerprint = base64.urlsafe_b64decode(token).decode().partition(":")
        if fingerprint == _fingerprint(query):
            return int(start)
    except ValueError:
        pass
    raise request_error("INVALID_PAGE_TOKEN", "Page token is invalid.")


def _fingerprint(query: str) -> str:
    return hashlib.blake2b(query.encode(), digest_size=6).hexdigest()


# --- mutates -----------------------------------------------------------------------------------------------


def _mutate(call: Call, grant: Grant, scope: Scope, service: str) -> Response:
    """All operations are checked first; one error refuses them all, unless partial failure was asked for."""
    body = call.request.json if isinstance(call.request.json, dict) else {}
    operations = body.get("operations") or []
    if not operations:
        raise request_error("REQUIRED_FIELD_MISSING", "Required field is missing: operations")
    if len(operations) > LARGEST_MUTATE:
        raise request_error("TOO_MANY_MUTATE_OPERATIONS", "Too many mutate operations in request.")
    if scope.account is None or not call.world.may_write(grant):
        raise AdsError(
            403,
            "authorizationError",
            "ACTION_NOT_PERMITTED",
            "The user does not have permission to perform this action",
        )
    checked: list[_Change] = []
    failures: list[AdsError] = []
    for index, operation in enumerate(operations):
        try:
            checked.append(_checked(call, scope.account, service, operation, index))
        except AdsError as error:
            if not body.get("partialFailure"):
                raise
            failures.append(error)
            checked.append(("", [], {}))
    if body.get("validateOnly"):
        return json_response({}, content_type=CONTENT_TYPE)
    for _name, changes, _shown in checked:
        for what, object_id, value in changes:
            call.world.change(what, object_id, value)
    mutable = body.get("responseContentType") == "MUTABLE_RESOURCE"
    kind = "campaign" if service == "campaigns" else "campaignBudget"
    results = [_result(name, shown, kind, mutable) for name, _changes, shown in checked]
    answer: dict[str, Any] = {"results": results}
    if failures:
        details = [one.detail(f"v{_version(call.request)}", _request_id(call)) for one in failures]
        answer["partialFailureError"] = {"code": 3, "message": failures[0].message, "details": details}
    return json_response(answer, content_type=CONTENT_TYPE)


# Resource name, the changes (kind, object, value), and the object's written members.
_Change = tuple[str, list[tuple[str, str, Any]], dict[str, Any]]


def _result(name: str, shown: dict[str, Any], kind: str, mutable: bool) -> dict[str, Any]:
    if not name:
        return {}
    return {"resourceName": name, **({kind: {"resourceName": name, **shown}} if mutable else {})}


def _checked(call: Call, account: Account, service: str, operation: dict[str, Any], index: int) -> _Change:
    update = operation.get("update") or {}
    name = str(operation.get("remove") or update.get("resourceName") or "")
    object_id = name.rpartition("/")[2]
    if name != f"customers/{account.id}/{service}/{object_id}":
        raise _at(
            index, "resource_name", AdsError(400, "mutateError", "RESOURCE_NOT_FOUND", "Resource was not found."), name
        )
    mask = [_snake(one.strip()) for one in str(operation.get("updateMask", "")).split(",") if one.strip()]
    if not mask and "remove" not in operation:
        raise _at(index, "update_mask", AdsError(400, "fieldMaskError", "FIELD_MASK_MISSING", "Field mask is missing."))
    if service == "campaigns":
        return _checked_campaign(call, account, operation, update, mask, name, index)
    return _checked_budget(call, account, update, mask, name, index)


def _checked_campaign(
    call: Call,
    account: Account,
    operation: dict[str, Any],
    update: dict[str, Any],
    mask: list[str],
    name: str,
    index: int,
) -> _Change:
    campaign = call.world.campaign(name.rpartition("/")[2], "google")
    if campaign is None or campaign.account_id != account.id:
        raise _at(
            index, "resource_name", AdsError(400, "mutateError", "RESOURCE_NOT_FOUND", "Resource was not found."), name
        )
    if STATUS[call.market.status(campaign.id, call.now)] == "REMOVED":
        message = "The operation is not allowed for removed resources."
        error = AdsError(400, "contextError", "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE", message)
        raise _at(index, "resource_name", error, name)
    if "remove" in operation:
        return name, [("status", campaign.id, "removed")], {}
    changes: list[tuple[str, str, Any]] = []
    for field in mask:
        if field == "status" and update.get("status") in _STATUS_WORD:
            changes.append(("status", campaign.id, _STATUS_WORD[update["status"]]))
        elif field == "name" and update.get("name"):
            changes.append(("name", campaign.id, str(update["name"])))
        else:
            message = f"The field '{field}' cannot be changed like this."
            raise _at(index, field, AdsError(400, "requestError", "BAD_RESOURCE_ID", message))
    shown: dict[str, Any] = {field: update[field] for field in ("status", "name") if field in mask}
    return name, changes, shown


def _checked_budget(
    call: Call, account: Account, update: dict[str, Any], mask: list[str], name: str, index: int
) -> _Change:
    budget = call.market.catalogue.budgets.get(name.rpartition("/")[2])
    owners = {campaign.budget_id for campaign in call.world.campaigns(account.id)}
    if budget is None or budget.id not in owners:
        raise _at(
            index, "resource_name", AdsError(400, "mutateError", "RESOURCE_NOT_FOUND", "Resource was not found."), name
        )
    field = "total_amount_micros" if budget.kind == "lifetime" else "amount_micros"
    if mask != [field]:
        message = "The budget's period does not allow this field."
        raise _at(index, mask[0], AdsError(400, "campaignBudgetError", "INVALID_PERIOD", message))
    text = str(update.get(_camel(field), update.get(field, "")))
    if not re.fullmatch(r"\d{1,18}", text) or int(text) == 0:
        message = "The money amount must be greater than zero."
        raise _at(
            index, field, AdsError(400, "campaignBudgetError", "MONEY_AMOUNT_LESS_THAN_CURRENCY_MINIMUM_CPC", message)
        )
    try:
        amount = from_micros(int(text), account.currency)
    except ValueError:
        smallest = micros(1, account.currency)
        error = AdsError(
            400,
            "campaignBudgetError",
            "NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT",
            f"The money amount was not a multiple of a minimum unit ({smallest} micros).",
        )
        raise _at(index, field, error, text) from None
    return name, [("amount", budget.id, amount)], {_camel(field): text}


def _at(index: int, field: str, error: AdsError, trigger: str = "") -> AdsError:
    """Say where in the request the error lies."""
    path = [{"fieldName": "operations", "index": index}]
    path += (
        [{"fieldName": "update_mask"}] if field == "update_mask" else [{"fieldName": "update"}, {"fieldName": field}]
    )
    if trigger:
        error.members["trigger"] = {"stringValue": trigger}
    error.members["location"] = {"fieldPathElements": path}
    return error


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found[1].lower(), name)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _refusal(fault: Fault) -> AdsError:
    match fault.kind:
        case "rate_limit":
            return quota(str(fault.options.get("variant", "temporary")))
        case "token_expired":
            return bad_token("expired")
        case "token_revoked":
            return bad_token("revoked")
        case "permission_revoked":
            return no_access()
        case "page_token_expired":
            return request_error("EXPIRED_PAGE_TOKEN", "Page token is expired.")
        case "write_conflict":
            return AdsError(
                400,
                "databaseError",
                "CONCURRENT_MODIFICATION",
                "Multiple requests were attempting to modify the same resource at once. Retry the request.",
            )
    if fault.options.get("variant") == "unavailable":
        return AdsError(503, "", "", "The service is currently unavailable.")
    return AdsError(500, "internalError", "INTERNAL_ERROR", "An internal error has occurred.")
