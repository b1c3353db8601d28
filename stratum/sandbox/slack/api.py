"""Incoming webhooks answer in plain text with an HTTP status; chat.postMessage in JSON, with 200 for logical errors.

Written from Slack's documentation of incoming webhooks and of the Web API.
"""

from typing import Any

from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import Refused
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.slack import oauth
from stratum.sandbox.slack.inbox import ARCHIVED, BOT_IN, BOT_TOKEN, HOOKS, channel_id
from stratum.sandbox.slack.oauth import JSON, refused
from stratum.sandbox.wire import Request, Response, json_response, text_response
from stratum.sandbox.world import World

HOOK_PREFIX = "/services/"
POST_MESSAGE = "/api/chat.postMessage"
MAX_TEXT, MAX_BLOCKS, MAX_SECTION = 40_000, 50, 3_000
RETRY_AFTER = "30"
# Slack's words for a token that does not count.
_OF_TOKEN = {"missing": "not_authed", "expired": "token_expired", "revoked": "token_revoked"}


class Slack:
    """No ad platform: it has no accounts."""

    name = "slack"
    title = "Slack"

    def owns(self, path: str) -> bool:
        return path.startswith(HOOK_PREFIX) or path in (POST_MESSAGE, oauth.AUTHORIZE, oauth.ACCESS)

    def endpoint(self, world: World, request: Request) -> Endpoint:
        return Endpoint({oauth.AUTHORIZE: "consent", oauth.ACCESS: "oauth"}.get(request.path, "message"))

    def handle(self, call: Call) -> Response:
        ways = {POST_MESSAGE: _post_message, oauth.AUTHORIZE: oauth.consent, oauth.ACCESS: oauth.access}
        return ways.get(call.request.path, _webhook)(call)

    def refusal(self, call: Call, fault: Fault) -> Response:
        """The answer for a fault that comes instead of one; each way in has its own."""
        is_hook = call.request.path.startswith(HOOK_PREFIX)
        if fault.kind == "rate_limit":
            seconds = str(fault.options.get("seconds", RETRY_AFTER))
            answer = _text("rate_limited", 429) if is_hook else refused("ratelimited", 429)
            return answer.with_headers({"Retry-After": seconds})
        if fault.kind == "server_error":
            return _text("rollup_error", 500) if is_hook else refused("internal_error", 500)
        if fault.kind == "permission_revoked":
            return _text("action_prohibited", 403) if is_hook else refused("missing_scope", needed="chat:write")
        if is_hook:
            return _text("no_service", 404)
        if call.request.path == oauth.ACCESS:
            return refused("invalid_refresh_token")
        return refused("token_expired" if fault.kind == "token_expired" else "token_revoked")


def _webhook(call: Call) -> Response:
    request = call.request
    if request.method != "POST":
        return _text("invalid_http_method", 405)
    path = request.path.removeprefix(HOOK_PREFIX)
    channel = HOOKS.get(path) or oauth.hook_channel(call.world, path, call.wall)
    if not channel:
        return _text("no_service", 404)
    if channel in ARCHIVED:
        return _text("channel_is_archived", 410)
    body = request.json
    if not isinstance(body, dict):
        return _text("invalid_payload", 400)
    if problem := _problem(body):
        return _text(problem, 400)
    call.world.inbox.add(at=call.now, channel=channel, way="webhook", body=body)
    return _text("ok", 200)


def _post_message(call: Call) -> Response:
    request = call.request
    body: Any = request.json if "json" in request.headers.get("content-type", "") else dict(request.form)
    try:
        joins_itself = _may_write_anywhere(call)
    except Refused as reason:
        return refused(_OF_TOKEN.get(reason.reason, "invalid_auth"))
    if not isinstance(body, dict):
        return refused("invalid_json")
    channel = channel_id(str(body.get("channel", "")))
    if not channel:
        return refused("channel_not_found")
    if channel not in BOT_IN and not joins_itself:
        return refused("not_in_channel")
    if channel in ARCHIVED:
        return refused("is_archived")
    if problem := _problem(body):
        return refused(problem)
    received = call.world.inbox.add(at=call.now, channel=channel, way="bot", body=body)
    message = {
        "type": "message",
        "subtype": "bot_message",
        "text": str(body.get("text", "")),
        "ts": received.ts,
        "bot_id": "B0123456789",
    }
    answer: dict[str, Any] = {"ok": True, "channel": channel, "ts": received.ts, "message": message}
    if "charset" not in request.headers.get("content-type", ""):
        answer |= {"warning": "missing_charset", "response_metadata": {"warnings": ["missing_charset"]}}
    return json_response(answer, content_type=JSON)


def _may_write_anywhere(call: Call) -> bool:
    """Whether the caller's bot may write to public channels that it is not in. Refused for a token that is no good."""
    if call.request.bearer == BOT_TOKEN:
        return False
    return "chat:write.public" in oauth.bot_of(call, call.request.bearer).facts["scope"].split(",")


def _problem(body: dict[str, Any]) -> str:
    """Slack's word for a body that it does not take; empty when it does."""
    text, blocks = body.get("text"), body.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(str(text or "")) > MAX_TEXT:
        return "msg_too_long"
    if blocks is None:
        return ""
    if not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS or not all(map(_is_block, blocks)):
        return "invalid_blocks"
    return ""


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return False
    text = block.get("text")
    return block["type"] != "section" or (isinstance(text, dict) and 0 < len(str(text.get("text", ""))) <= MAX_SECTION)


def _text(word: str, status: int) -> Response:
    return text_response(word, status, "text/html")
