"""Slack's OAuth v2: the consent page, codes and refresh tokens for tokens. Written from Slack's documentation.

An installation is a grant of the sandbox's; its webhooks are tokens of it, so that all of them are revoked together and
come back with the journal.
"""

import base64
import secrets
from html import escape
from typing import Any
from urllib.parse import urlsplit

from stratum.sandbox.grants import CLIENT_SECRET, CODE_SECONDS, Grant, Refused, Token, client_id
from stratum.sandbox.pages import page
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.slack.inbox import ARCHIVED, CHANNELS
from stratum.sandbox.wire import Request, Response, html_response, json_response, redirect
from stratum.sandbox.world import World

AUTHORIZE, ACCESS = "/oauth/v2/authorize", "/api/oauth.v2.access"
TEAM_ID, TEAM_NAME = "T0SANDBOX", "Sandbox"
# Nobody is asked who is there: a Slack workspace is installed in, not a person's accounts.
PERSON = "ada"
JSON = "application/json; charset=utf-8"
_OF_REFUSED = {"redirect": "bad_redirect_uri"}


def consent(call: Call) -> Response:
    """GET shows the page, POST (channel, decision) sends the browser back with a code, or with why there is none."""
    fields = call.request.params
    if wrong := _objection(fields):
        return html_response(page("Sandbox – Slack", f"<h1>Slack</h1><p>{escape(wrong)}</p>"), 400)
    if call.request.method == "POST":
        return _decided(call, fields)
    return html_response(page("Sandbox – Slack", _question(call.request)))


def access(call: Call) -> Response:
    form = call.request.form
    if problem := _stranger(call.request):
        return refused(problem)
    try:
        if form.get("grant_type") == "refresh_token":
            return _refreshed(call, form.get("refresh_token", ""))
        return _exchanged(call, form.get("code", ""), form.get("redirect_uri", ""))
    except Refused as reason:
        word = "invalid_refresh_token" if form.get("grant_type") == "refresh_token" else "invalid_code"
        return refused(_OF_REFUSED.get(reason.reason, word))


def refused(error: str, status: int = 200, **more: str) -> Response:
    return json_response({"ok": False, "error": error, **more}, status, content_type=JSON)


def bot_of(call: Call, token: str) -> Token:
    """The token of an installation's bot; Refused says why it does not count."""
    call.world.grants.check(token, "access", "slack", call.wall)
    found = call.world.grants.token(token)
    assert found is not None  # or it had been refused
    return found


def hook_channel(world: World, path: str, wall: float) -> str:
    """The channel of a webhook that came with an installation; empty when there is none, or it was revoked."""
    try:
        world.grants.check(path, "hook", "slack", wall)
    except Refused:
        return ""
    found = world.grants.token(path)
    return found.facts["channel"] if found is not None else ""


# --- The consent page -----------------------------------------------------------------------------------------


def _objection(fields: dict[str, str]) -> str:
    if fields.get("client_id") != client_id("slack"):
        return f"Unknown app: client_id must be {client_id('slack')}."
    target = urlsplit(fields.get("redirect_uri", ""))
    if target.scheme not in ("http", "https") or not target.netloc:
        return "redirect_uri must be a complete http or https address."
    return "" if fields.get("scope") else "An app must ask for at least one scope."


def _asks_channel(scope: str) -> bool:
    return "incoming-webhook" in scope.split(",")


def _question(request: Request) -> str:
    scope = request.params["scope"]
    options = "".join(
        f'<option value="{pk}">#{escape(name)}</option>' for pk, name in CHANNELS.items() if pk not in ARCHIVED
    )
    channel = f'<p><label>Where should Stratum post? <select name="channel">{options}</select></label></p>'
    return (
        f"<h1>Stratum would like to be in the Slack workspace {TEAM_NAME}</h1>"
        f"<p>It asks for: {escape(scope.replace(',', ', '))}.</p>"
        f'<form method="post" action="?{escape(request.query)}">{channel if _asks_channel(scope) else ""}'
        '<p><button name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny" class="plain">Cancel</button></p></form>'
    )


def _decided(call: Call, fields: dict[str, str]) -> Response:
    form = call.request.form
    back = {"state": fields["state"]} if "state" in fields else {}
    channel = form.get("channel", "")
    if form.get("decision") != "allow" or (_asks_channel(fields["scope"]) and channel not in CHANNELS):
        return redirect(fields["redirect_uri"], {"error": "access_denied", **back})
    grants = call.world.grants
    grant = grants.grant("slack", PERSON, frozenset({TEAM_ID}), call.wall)
    facts = {"redirect_uri": fields["redirect_uri"], "scope": fields["scope"], "channel": channel}
    code = grants.issue("code", grant, prefix="", expires=call.wall + CODE_SECONDS, facts=facts)
    return redirect(fields["redirect_uri"], {"code": code.value, **back})


# --- Tokens ---------------------------------------------------------------------------------------------------


def _stranger(request: Request) -> str:
    """Slack's word for an app that does not say who it is; empty for one that does."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        name = secret = ""
    if scheme.lower() != "basic" or name != client_id("slack"):
        return "invalid_client_id"
    return "" if secret == CLIENT_SECRET else "bad_client_secret"


def _exchanged(call: Call, code: str, redirect_uri: str) -> Response:
    grants = call.world.grants
    grant = grants.redeem(code, "slack", call.wall, redirect_uri, "")
    token = grants.token(code)
    assert token is not None  # or it had been refused
    answer = _tokens(call, grant, token.facts["scope"])
    answer |= {"is_enterprise_install": False, "authed_user": {"id": "U0SANDBOX"}}
    if token.facts["channel"]:
        answer["incoming_webhook"] = _hook(call, grant, token.facts["channel"])
    return json_response(answer, content_type=JSON)


def _refreshed(call: Call, value: str) -> Response:
    grants = call.world.grants
    grant = grants.check(value, "refresh", "slack", call.wall)
    token = grants.token(value)
    assert token is not None  # or it had been refused
    grants.spend(value)
    return json_response(_tokens(call, grant, token.facts["scope"]), content_type=JSON)


def _tokens(call: Call, grant: Grant, scope: str) -> dict[str, Any]:
    grants, seconds = call.world.grants, call.world.settings.slack_token_seconds
    prefix, expires = ("xoxe.xoxb-sandbox-", call.wall + seconds) if seconds else ("xoxb-sandbox-", None)
    facts = {"scope": scope}
    access_token = grants.issue("access", grant, prefix=prefix, expires=expires, facts=facts)
    answer = {
        "ok": True,
        "access_token": access_token.value,
        "token_type": "bot",
        "scope": scope,
        "bot_user_id": "U0BOT",
        "app_id": "A0STRATUM",
        "team": {"name": TEAM_NAME, "id": TEAM_ID},
        "enterprise": None,
    }
    if seconds:
        renewing = grants.issue("refresh", grant, prefix="xoxe-sandbox-", expires=None, facts=facts)
        answer |= {"expires_in": seconds, "refresh_token": renewing.value}
    return answer


def _hook(call: Call, grant: Grant, channel: str) -> dict[str, str]:
    number = f"B{secrets.token_hex(5).upper()}"
    hook = call.world.grants.issue(
        "hook", grant, prefix=f"{TEAM_ID}/{number}/", expires=None, facts={"channel": channel}
    )
    return {
        "channel": f"#{CHANNELS[channel]}",
        "channel_id": channel,
        "configuration_url": f"{call.request.origin}/slack/",
        "url": f"{call.request.origin}/services/{hook.value}",
    }
