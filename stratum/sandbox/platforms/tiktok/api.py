"""Paths and envelopes of TikTok's Business API v1.3: errors in HTTP 200, a slash at the end of every path."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stratum.sandbox.consent import ConsentStyle, consent
from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import Grant
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.platforms.tiktok import logins, objects, reports, writes
from stratum.sandbox.platforms.tiktok.errors import BusinessError
from stratum.sandbox.wire import Request, Response, json_response, text_response
from stratum.sandbox.world import World

PREFIX = "/open_api/v1.3/"
CONSENT_PATH = "/portal/auth"
_STYLE = ConsentStyle(
    platform="tiktok",
    title="TikTok",
    denied={"error": "access_denied"},
    client_field="app_id",
    code_field="auth_code",
    picks_accounts=True,
)


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
        return logins.token_data(world, grant)


def _envelope(call: Call, code: int, message: str, data: dict[str, Any]) -> Response:
    moment = datetime.fromtimestamp(call.wall, UTC)
    request_id = f"{moment:%Y%m%d%H%M%S}{call.world.calls:017d}"
    body = {"code": code, "message": message, "request_id": request_id, "data": data}
    return json_response(body, headers={"X-TT-LOGID": f"{request_id}A", "x-tt-trace-id": f"00-{request_id}-01"})


_ACTIONS: dict[tuple[str, str], Callable[[Call], dict[str, Any]]] = {
    ("POST", "oauth2/access_token/"): logins.exchange,
    ("POST", "oauth2/revoke_token/"): logins.revoke,
    ("GET", "oauth2/advertiser/get/"): logins.advertiser_list,
    ("GET", "user/info/"): logins.user_info,
    ("GET", "advertiser/info/"): logins.advertiser_info,
    ("GET", "campaign/get/"): objects.campaign_list,
    ("GET", "smart_plus/campaign/get/"): objects.smart_campaign_list,
    ("GET", "adgroup/get/"): objects.ad_group_list,
    ("GET", "report/integrated/get/"): reports.report_rows,
    ("POST", "campaign/status/update/"): writes.status_update,
    ("POST", "campaign/update/"): writes.campaign_update,
    ("POST", "smart_plus/campaign/status/update/"): writes.smart_status_update,
    ("POST", "smart_plus/campaign/update/"): writes.smart_update,
    ("POST", "adgroup/update/"): writes.ad_group_update,
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
