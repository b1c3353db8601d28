"""Incoming webhooks answer in plain text with an HTTP status; chat.postMessage in JSON, with 200 for logical errors.

Written from Slack's documentation of incoming webhooks and of the Web API.
"""

from typing import Any

from stratum.sandbox.faults import Fault
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.slack.inbox import ARCHIVED, BOT_IN, BOT_TOKEN, HOOKS, channel_id
from stratum.sandbox.wire import Request, Response, json_response, text_response
from stratum.sandbox.world import World

HOOK_PREFIX = "/services/"
POST_MESSAGE = "/api/chat.postMessage"
MAX_TEXT, MAX_BLOCKS, MAX_SECTION = 40_000, 50, 3_000
RETRY_AFTER = "30"
_JSON = "application/json; charset=utf-8"


class Slack:
    """No ad platform: it has no accounts, no consent page and no grants here."""

    name = "slack"
    title = "Slack"

    def owns(self, path: str) -> bool:
        return path.startswith(HOOK_PREFIX) or path == POST_MESSAGE

    def endpoint(self, world: World, request: Request) -> Endpoint:
        return Endpoint("message")

    def handle(self, call: Call) -> Response:
        if call.request.path == POST_MESSAGE:
            return _post_message(call)
        return _webhook(call)

    def refusal(self, call: Call, fault: Fault) -> Response:
        """The answer for a fault that comes instead of one; each way in has its own."""
        is_hook = call.request.path != POST_MESSAGE
        if fault.kind == "rate_limit":
            seconds = str(fault.options.get("seconds", RETRY_AFTER))
            answer = _text("rate_limited", 429) if is_hook else _refused("ratelimited", 429)
            return answer.with_headers({"Retry-After": seconds})
        if fault.kind == "server_error":
            return _text("rollup_error", 500) if is_hook else _refused("internal_error", 500)
        if fault.kind == "permission_revoked":
            return _text("action_prohibited", 403) if is_hook else _refused("missing_scope", needed="chat:write")
        if is_hook:
            return _text("no_service", 404)
        return _refused("token_expired" if fault.kind == "token_expired" else "token_revoked")


def _webhook(call: Call) -> Response:
    request = call.request
    if request.method != "POST":
        return _text("invalid_http_method", 405)
    channel = HOOKS.get(request.path.removeprefix(HOOK_PREFIX))
    if channel is None:
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
    if not request.bearer:
        return _refused("not_authed")
    if request.bearer != BOT_TOKEN:
        return _refused("invalid_auth")
    if not isinstance(body, dict):
        return _refused("invalid_json")
    channel = channel_id(str(body.get("channel", "")))
    if not channel:
        return _refused("channel_not_found")
    if channel not in BOT_IN:
        return _refused("not_in_channel")
    if channel in ARCHIVED:
        return _refused("is_archived")
    if problem := _problem(body):
        return _refused(problem)
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
    return json_response(answer, content_type=_JSON)


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


def _refused(error: str, status: int = 200, **more: str) -> Response:
    return json_response({"ok": False, "error": error, **more}, status, content_type=_JSON)
