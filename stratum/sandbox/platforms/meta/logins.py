"""Tokens of the Graph API: codes, long-lived tokens, proofs, inspection."""

import hashlib
import hmac
from typing import Any

from stratum.sandbox.grants import CLIENT_SECRET, Grant, Refused, client_id
from stratum.sandbox.graph import GraphError, invalid
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.meta.errors import dead_token
from stratum.sandbox.wire import Request

CODE_LIFE, LONG_LIFE = 5_102, 5_183_944
SCOPES = ("ads_read", "ads_management", "business_management")


def grant_of(call: Call) -> Grant:
    fields = fields_of(call.request)
    token = call.request.bearer or fields.get("access_token", "")
    try:
        grant = call.grant(token, "meta")
    except Refused as refused:
        raise dead_token(refused.reason) from refused
    proof = fields.get("appsecret_proof")
    if proof is not None:
        right = hmac.new(CLIENT_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof, right):
            raise invalid("Invalid appsecret_proof provided in the API argument", kind="GraphMethodException")
    return grant


def fields_of(request: Request) -> dict[str, str]:
    """Query and form together, as Graph reads them."""
    return {**request.params, **(request.form if request.method == "POST" else {})}


def scopes_of(call: Call, grant: Grant) -> list[str]:
    return [scope for scope in SCOPES if scope != "ads_management" or call.world.may_write(grant)]


def _check_app(fields: dict[str, str]) -> None:
    if fields.get("client_id") != client_id("meta"):
        raise GraphError(400, 101, "Error validating application. Cannot get application info due to a system error.")
    if fields.get("client_secret") != CLIENT_SECRET:
        raise GraphError(400, 1, "Error validating client secret.")


def exchange(call: Call) -> dict[str, Any]:
    fields = fields_of(call.request)
    _check_app(fields)
    grants = call.world.grants
    try:
        if fields.get("grant_type") == "fb_exchange_token":
            grant = grants.check(fields.get("fb_exchange_token", ""), "access", "meta", call.wall)
            life = LONG_LIFE
        else:
            code, verifier = fields.get("code", ""), fields.get("code_verifier", "")
            grant = grants.redeem(code, "meta", call.wall, fields.get("redirect_uri", ""), verifier)
            life = CODE_LIFE
    except Refused as refused:
        raise _bad_exchange(fields, refused.reason) from refused
    token = grants.issue("access", grant, prefix="EAAB", expires=call.wall + life)
    return {"access_token": token.value, "token_type": "bearer", "expires_in": life}


def _bad_exchange(fields: dict[str, str], reason: str) -> GraphError:
    if fields.get("grant_type") == "fb_exchange_token":
        return dead_token(reason)
    text, subcode = {
        "used": ("This authorization code has been used.", 36009),
        "expired": ("This authorization code has expired.", 36007),
        "redirect": (
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used "
            "in the OAuth dialog request",
            36008,
        ),
    }.get(reason, ("Invalid verification code format.", 0))
    extra: dict[str, Any] = {"error_subcode": subcode} if subcode else {}
    return GraphError(400, 100, text, **extra)


def debug(call: Call) -> dict[str, Any]:
    fields = fields_of(call.request)
    app = call.request.bearer or fields.get("access_token", "")
    if app != f"{client_id('meta')}|{CLIENT_SECRET}":
        raise GraphError(400, 100, "(#100) You must provide an app access token, or a user access token that is valid")
    value = fields.get("input_token", "")
    token = call.world.grants.token(value)
    base = {"app_id": client_id("meta"), "type": "USER", "application": "Stratum (sandbox)"}
    try:
        grant = call.grant(value, "meta")
    except Refused as refused:
        error = dead_token(refused.reason).body
        shown = {"code": 190, "message": error["message"], "subcode": error.get("error_subcode", 0)}
        return {"data": {**base, "error": shown, "is_valid": False, "scopes": []}}
    assert token is not None
    scopes = scopes_of(call, grant)
    targets = [account.id for account in call.accounts(grant)]
    return {
        "data": {
            **base,
            "data_access_expires_at": int(grant.created + 90 * 86_400),
            "expires_at": int(token.expires or 0),
            "is_valid": True,
            "scopes": scopes,
            "granular_scopes": [{"scope": scope, "target_ids": targets} for scope in scopes],
            "user_id": f"10{grant.created:.0f}",
        }
    }
