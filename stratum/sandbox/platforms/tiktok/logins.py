"""Who may do what: tokens, advertisers, and the facts about them."""

import json
from typing import Any

from stratum.sandbox.catalogue import Account
from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.tiktok.errors import BusinessError, bad
from stratum.sandbox.world import World

SCOPES = [4, 200, 300]
_DISPLAY = {"America/Los_Angeles": "Etc/GMT+8", "Asia/Dubai": "Etc/GMT-4"}


def grant_of(call: Call) -> Grant:
    token = call.request.headers.get("access-token", "")
    try:
        return call.grant(token, "tiktok")
    except Refused as refused:
        if refused.reason == "missing":
            raise BusinessError(40104, "Access token is empty.") from refused
        if refused.reason == "expired":
            raise BusinessError(40102, "Access token is expired.") from refused
        raise BusinessError(40105, "Access token is incorrect or has been revoked.") from refused


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.request.json, dict):
        raise bad("The request body is not valid JSON.")
    return call.request.json


def check_app(app_id: Any, secret: Any) -> None:
    if app_id != client_id("tiktok") or secret != CLIENT_SECRET:
        raise BusinessError(40101, "Invalid app_id or secret.")


def token_data(world: World, grant: Grant) -> dict[str, Any]:
    token = world.grants.issue("access", grant, prefix="tt-", expires=None)
    own = [one.id for one in world.market.catalogue.of_platform("tiktok") if one.id in grant.accounts]
    return {"access_token": token.value, "scope": SCOPES, "advertiser_ids": own}


def exchange(call: Call) -> dict[str, Any]:
    body = body_of(call)
    check_app(body.get("app_id"), body.get("secret"))
    try:
        grant = call.world.grants.redeem(str(body.get("auth_code", "")), "tiktok", call.wall, None, "")
    except Refused as refused:
        raise BusinessError(40110, "Auth code is invalid or expired.") from refused
    return token_data(call.world, grant)


def revoke(call: Call) -> dict[str, Any]:
    body = body_of(call)
    check_app(body.get("app_id"), body.get("secret"))
    try:
        grant = call.grant(str(body.get("access_token", "")), "tiktok")
    except Refused as refused:
        raise BusinessError(40105, "Access token is incorrect or has been revoked.") from refused
    call.world.grants.revoke(grant_id=grant.id)
    return {}


def advertiser_list(call: Call) -> dict[str, Any]:
    params = call.request.params
    check_app(params.get("app_id"), params.get("secret"))
    accounts = call.accounts(grant_of(call))
    return {"list": [{"advertiser_id": one.id, "advertiser_name": one.name} for one in accounts]}


def user_info(call: Call) -> dict[str, Any]:
    person = call.market.catalogue.people[grant_of(call).person]
    return {"core_user_id": person.id, "display_name": person.name, "email": "***"}


def own_advertiser(call: Call, grant: Grant, advertiser_id: str) -> Account:
    account = call.world.account(advertiser_id)
    if account is None or account.platform != "tiktok":
        raise BusinessError(40001 if advertiser_id else 40002, f"No permission to operate advertiser {advertiser_id}")
    if account.id not in grant.accounts:
        raise BusinessError(40001, f"No permission to operate advertiser {advertiser_id}")
    return account


def advertiser_info(call: Call) -> dict[str, Any]:
    grant = grant_of(call)
    asked = json_param(call, "advertiser_ids", list) or []
    if len(asked) > 100:
        raise BusinessError(40011, "Too many advertiser_ids: at most 100.")
    wanted = json_param(call, "fields", list)
    found = []
    for one in asked:
        account = own_advertiser(call, grant, str(one))
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


def json_param(call: Call, name: str, kind: type) -> Any:
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
