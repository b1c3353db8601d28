"""The page of the simulated Slack for people: how to write there, what came, and what may go wrong."""

import re
from datetime import UTC, datetime
from html import escape
from typing import Any

from stratum.sandbox.faults import Fault
from stratum.sandbox.grants import CLIENT_SECRET, client_id
from stratum.sandbox.pages import page
from stratum.sandbox.slack.inbox import ARCHIVED, BOT_TOKEN, CHANNELS, HOOKS, Received
from stratum.sandbox.wire import Request
from stratum.sandbox.world import World

PATH = "/slack/"
_FAULTS = {
    "rate_limit": "asks to wait",
    "token_revoked": "is revoked",
    "permission_revoked": "is forbidden",
    "server_error": "fails by itself",
    "slow": "answers after 15 seconds",
    "connection_reset": "breaks the connection",
}
_LINK = re.compile(r"&lt;(https?://[^|&\s]+)\|(.+?)&gt;")
_ENTITY = re.compile(r"&amp;(amp|lt|gt);")
_BOLD = re.compile(r"\*(.+?)\*")


def render(world: World, request: Request) -> str:
    messages = "".join(_message(one) for one in reversed(world.inbox.messages))
    body = [
        "<h1>Slack</h1>",
        '<p><a href="/">Back to the sandbox</a></p>',
        "<h2>Messages</h2>",
        f"<ul>{messages}</ul>{_clear()}" if messages else "<p>None yet.</p>",
        "<h2>How to write here</h2>",
        _ways(request),
        "<h2>Apps that were added</h2>",
        _installs(world),
        "<h2>Faults</h2>",
        _faults(world),
    ]
    return page("Slack in the sandbox", "".join(body))


def _message(message: Received) -> str:
    at = datetime.fromtimestamp(message.at, UTC)
    head = f"#{CHANNELS[message.channel]} · {message.way} · {at:%d %b %Y, %H:%M:%S} UTC"
    return (
        f"<li><strong>{escape(head)}</strong>{''.join(f'<p>{_shown(text)}</p>' for text in _texts(message.body))}</li>"
    )


def _texts(body: dict[str, Any]) -> list[str]:
    """What a reader sees: the blocks, else the text."""
    found = []
    for block in body.get("blocks") or []:
        parts = [block.get("text"), *(block.get("elements") or [])]
        found += [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
    return found or [str(body.get("text", ""))]


def _shown(text: str) -> str:
    """Slack's markup, as far as messages here use it: links and bold. Names come as entities and are only text."""
    marked = _BOLD.sub(r"<strong>\1</strong>", _LINK.sub(r'<a href="\1">\2</a>', escape(text)))
    return _ENTITY.sub(r"&\1;", marked)


def _ways(request: Request) -> str:
    hooks = "".join(
        f"<li>{request.origin}/services/{path}<span>webhook of #{CHANNELS[channel]}"
        f"{', archived' if channel in ARCHIVED else ''}</span></li>"
        for path, channel in HOOKS.items()
    )
    return f"<ul>{hooks}<li>{BOT_TOKEN}<span>token of a bot that is in #ads (C0123456789)</span></li></ul>"


def _installs(world: World) -> str:
    grants = [one for one in world.grants.all() if one.platform == "slack"]
    rows = "".join(f"<li>Stratum{', revoked' if one.revoked else ''}</li>" for one in grants) or "<li>None yet.</li>"
    seconds = world.settings.slack_token_seconds
    life = f"run out after {seconds} seconds" if seconds else "do not run out"
    return (
        f"<p>An app is {client_id('slack')} with the secret {CLIENT_SECRET}. Tokens given out from now on {life}.</p>"
        f'<ul>{rows}</ul><div class="line">'
        + _button("settings", "slack_token_seconds", "43200", "Let new tokens run out after 12 hours")
        + _button("settings", "slack_token_seconds", "0", "Let new tokens live for ever")
        + _button("tokens/expire", "platform", "slack", "All tokens run out now")
        + _button("grants/revoke", "platform", "slack", "Remove the app")
        + "</div>"
    )


def _button(path: str, name: str, value: str, words: str) -> str:
    return (
        f'<form method="post" action="/_control/{path}" class="line"><input type="hidden" name="back" value="{PATH}">'
        f'<button class="plain" name="{name}" value="{value}">{words}</button></form>'
    )


def _faults(world: World) -> str:
    buttons = "".join(
        '<form method="post" action="/_control/faults" class="line"><input type="hidden" name="platform" value="slack">'
        '<input type="hidden" name="seconds" value="15"><input type="hidden" name="back" value="/slack/">'
        f'<input type="hidden" name="count" value="1"><button class="plain" name="kind" value="{kind}">'
        f"The next one {words}</button></form>"
        for kind, words in _FAULTS.items()
    )
    waiting = "".join(f"<li>{escape(_fault(one))}</li>" for one in world.faults.all() if one.platform == "slack")
    return f'<div class="line">{buttons}</div>' + (f"<ul>{waiting}</ul>" if waiting else "")


def _fault(fault: Fault) -> str:
    return f"{fault.kind}, {fault.left or 'always'}×"


def _clear() -> str:
    return (
        '<form method="post" action="/_control/slack/clear"><input type="hidden" name="back" value="/slack/">'
        '<button name="all" value="1" class="plain">Forget them</button></form>'
    )
