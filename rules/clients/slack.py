"""Slack over HTTP: incoming webhooks and chat.postMessage, one call each, and how any answer of Slack's is judged.

Webhooks answer in plain text with an HTTP status; the Web API answers 200 with `ok` for logical errors too. There is no
key against repeats, so an answer that got lost is said to be what it is: the message may have arrived.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# An answer is a few words; whatever trickles in longer or is larger is no answer of Slack's.
MAX_SECONDS, MAX_BODY = 20.0, 64 * 1024
LONGEST_PAUSE = 3600.0
# Tokens of the sandbox say so, also those that run out and those that renew them: a real token never reaches it, and
# they never reach Slack.
SANDBOX_TOKENS = ("xoxb-sandbox", "xoxe.xoxb-sandbox", "xoxe-sandbox")

# The Web API's words: what may go better later, and what is wrong with the token or the channel.
_LATER = frozenset({
    "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
    "team_added_to_org",
})  # fmt: skip
_OF_TARGET = frozenset({
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "no_permission", "org_login_required", "channel_not_found", "not_in_channel", "is_archived", "restricted_action",
    "posting_to_general_channel_denied", "team_disabled",
})  # fmt: skip
# A webhook's statuses that mean the address itself: forbidden, revoked, archived.
_GONE = frozenset({403, 404, 410})


class Verdict(StrEnum):
    SENT = "sent"
    # Nothing was posted, and a repeat may help.
    LATER = "later"
    # This message is not accepted; others may be.
    REFUSED = "refused"
    # The address, token or channel is at fault.
    TARGET = "target"
    # It may have arrived: it must not be repeated.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call. `code`: Slack's own word, or one of ours that begins with 'local.'; `retry_after` in
    seconds, where Slack asked for a pause; `body` what else a method of the Web API said."""

    verdict: Verdict
    http_status: int | None = None
    code: str = ""
    ts: str = ""
    retry_after: float | None = None
    # It may hold tokens.
    body: dict[str, Any] = field(default_factory=dict, repr=False)


def webhook_is_allowed(url: str) -> bool:
    """Whether an address may be called: HTTPS at one of SLACK_WEBHOOK_HOSTS, or the sandbox where there is one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username or parts.password or not parts.path.startswith("/services/"):
        return False
    if is_sandbox(url):
        return True
    return parts.scheme == "https" and port in (None, 443) and parts.hostname in settings.SLACK_WEBHOOK_HOSTS


def is_sandbox(secret: str) -> bool:
    """Whether a webhook's address or a token is one of the sandbox."""
    if not settings.SANDBOX_URL:
        return False
    if secret.startswith("http"):
        here, there = urlsplit(secret), urlsplit(settings.SANDBOX_URL)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc)
    return secret.startswith(SANDBOX_TOKENS)


def webhook_post(url: str, payload: dict[str, Any]) -> Answer:
    """`payload` has `text` and `blocks`. An address that is not allowed is not called."""
    if not webhook_is_allowed(url):
        return Answer(Verdict.TARGET, code="local.host_not_allowed")
    headers = {"Content-Type": "application/json"}
    return ask("webhook", url, _judge_webhook, json={**payload, "unfurl_links": False}, headers=headers)


def message_post(token: str, channel: str, payload: dict[str, Any]) -> Answer:
    """chat.postMessage with a bot's token; `channel` is its id, or its name."""
    base = settings.SANDBOX_URL if is_sandbox(token) else settings.SLACK_API_BASE
    headers = {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token}"}
    body = {**payload, "channel": channel, "unfurl_links": False, "parse": "none", "link_names": False}
    return ask("chat.postMessage", f"{base}/api/chat.postMessage", judge_method, json=body, headers=headers)


def ask(call: str, url: str, judge: Callable[[int, str, float | None], Answer], **request: Any) -> Answer:
    """One POST, bounded in time and size. `judge` makes the verdict of (status, body, seconds that Slack asks to wait);
    `request` is what httpx takes."""
    started = time.monotonic()
    try:
        status, text, pause = _exchange(url, request, started)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError):
        # A proxy that says so refused to connect: what it is told afterwards it passes on unread.
        answer = Answer(Verdict.LATER, code="local.no_connection")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        answer = Answer(Verdict.TARGET, code="local.bad_address")
    except (httpx.TransportError, httpx.DecodingError, _TooLong):
        # The request was on its way, or there: nobody knows what Slack made of it.
        answer = Answer(Verdict.UNKNOWN, code="local.no_answer")
    else:
        answer = judge(status, text, pause)
    # Never the address, which is a webhook's secret, nor what was sent or answered.
    log.info(
        "slack.call",
        call=call,
        verdict=answer.verdict.value,
        status=answer.http_status,
        code=answer.code,
        took_ms=int((time.monotonic() - started) * 1000),
    )
    return answer


class _TooLong(Exception):
    """The answer did not end, in size or in time."""


def _exchange(url: str, request: dict[str, Any], started: float) -> tuple[int, str, float | None]:
    """(status, body, seconds that Slack asks to wait)"""
    with (
        # Not through a proxy where it is the sandbox: that is on this machine.
        httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=not is_sandbox(url)) as client,
        client.stream("POST", url, **request) as response,
    ):
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            # The header says it all.
            return response.status_code, "", _seconds(response.headers.get("Retry-After", ""))
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_BODY or time.monotonic() - started > MAX_SECONDS:
                raise _TooLong
        return response.status_code, content.decode("utf-8", "replace").strip(), None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(max(seconds, 1.0), LONGEST_PAUSE) if math.isfinite(seconds) else None


def _judge_webhook(status: int, text: str, pause: float | None) -> Answer:
    code = _word(text)
    if status == httpx.codes.OK:
        return Answer(Verdict.SENT, status) if text == "ok" else Answer(Verdict.UNKNOWN, status, "local.unexpected")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Answer(Verdict.LATER, status, "rate_limited", retry_after=pause)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Answer(Verdict.LATER, status, code or "server_error")
    if status in _GONE or code in _OF_TARGET or httpx.codes.is_redirect(status):
        return Answer(Verdict.TARGET, status, code or "local.unexpected")
    return Answer(Verdict.REFUSED, status, code or "local.unexpected")


def judge_method(status: int, text: str, pause: float | None) -> Answer:
    """Of a method of the Web API: 200 for logical errors too."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Answer(Verdict.LATER, status, "ratelimited", retry_after=pause)
    found = _object(text)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Answer(Verdict.LATER, status, _word(found.get("error")) or "server_error")
    if status != httpx.codes.OK:
        return Answer(Verdict.TARGET, status, _word(found.get("error")) or "local.unexpected")
    if found.get("ok") is True:
        return Answer(Verdict.SENT, status, ts=str(found.get("ts", ""))[:50], body=found)
    code = _word(found.get("error"))
    if not code:
        return Answer(Verdict.UNKNOWN, status, "local.unexpected")
    if code in _LATER:
        return Answer(Verdict.LATER, status, code)
    return Answer(Verdict.TARGET if code in _OF_TARGET else Verdict.REFUSED, status, code)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _word(text: Any) -> str:
    """Slack's word for what is wrong; empty for anything that is none, such as the page of a gateway."""
    return text if isinstance(text, str) and text.replace("_", "").isalnum() and len(text) <= 100 else ""
