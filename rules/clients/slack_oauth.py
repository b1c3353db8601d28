"""Slack's OAuth v2: the address of the consent page, and a code or a refresh token for tokens, one call each.

This installation's registration (SLACK_CLIENT_ID, SLACK_CLIENT_SECRET) is one of Slack's or one of the sandbox, as
SLACK_OAUTH_BASE says; the one is never shown to the other.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from rules.clients.slack import Answer, Verdict, ask, is_sandbox, judge_method

SCOPES = ("chat:write", "chat:write.public", "incoming-webhook")
_LONGEST_NAME, _LONGEST_ID = 255, 30


@dataclass(frozen=True, slots=True)
class Hook:
    """The incoming webhook that a person chose a channel for on the consent page."""

    channel: str
    channel_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens, and whose they are. `expires_in` in seconds, None where the token does not run out."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: float | None
    team_id: str
    team_name: str
    scope: str = ""
    bot_user_id: str = ""
    app_id: str = ""
    hook: Hook | None = None


class OAuthError(Exception):
    """There are no tokens; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def missing_settings() -> tuple[str, ...]:
    """Names of the settings that stand in the way of installing Stratum in Slack."""
    return tuple(name for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET") if not getattr(settings, name))


def is_simulated() -> bool:
    """Whether this installation's registration is one of the sandbox."""
    return bool(settings.SANDBOX_URL) and settings.SLACK_OAUTH_BASE == settings.SANDBOX_URL


def authorize_url(*, redirect_uri: str, state: str) -> str:
    """The consent page, for a browser."""
    query = {
        "client_id": settings.SLACK_CLIENT_ID,
        "scope": ",".join(SCOPES),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{settings.SLACK_OAUTH_BASE}/oauth/v2/authorize?{urlencode(query)}"


def code_exchange(code: str, redirect_uri: str) -> Grant:
    """The code of the consent page, which is good once, for tokens. OAuthError when there are none."""
    return _access({"code": code, "redirect_uri": redirect_uri})


def token_refresh(refresh_token: str) -> Grant:
    """New tokens for a refresh token, which is good once. OAuthError when there are none: after Verdict.UNKNOWN nobody
    knows whether it was used up."""
    if is_sandbox(refresh_token) != is_simulated():
        raise OAuthError(Answer(Verdict.REFUSED, code="local.other_kind"))
    return _access({"grant_type": "refresh_token", "refresh_token": refresh_token})


def _access(form: dict[str, str]) -> Grant:
    answer = ask(
        "oauth.v2.access",
        f"{settings.SLACK_OAUTH_BASE}/api/oauth.v2.access",
        judge_method,
        data=form,
        auth=(settings.SLACK_CLIENT_ID, settings.SLACK_CLIENT_SECRET),
    )
    if answer.verdict is not Verdict.SENT:
        raise OAuthError(answer)
    grant = _grant(answer.body)
    if grant is None:
        # Installed for a whole organisation there is no team, and no channel of a webhook.
        word = "local.whole_organisation" if answer.body.get("is_enterprise_install") else "local.unexpected"
        raise OAuthError(Answer(Verdict.REFUSED, answer.http_status, word))
    return grant


def _grant(body: dict[str, Any]) -> Grant | None:
    """None when what there must be is missing."""
    token, team = _text(body, "access_token"), body.get("team")
    if not token or not isinstance(team, dict) or not 0 < len(_text(team, "id")) <= _LONGEST_ID:
        return None
    expires_in = body.get("expires_in")
    return Grant(
        access_token=token,
        refresh_token=_text(body, "refresh_token") or None,
        expires_in=float(expires_in) if isinstance(expires_in, int | float) and expires_in > 0 else None,
        team_id=_text(team, "id"),
        team_name=_text(team, "name")[:_LONGEST_NAME] or _text(team, "id"),
        scope=_text(body, "scope"),
        bot_user_id=_text(body, "bot_user_id")[:_LONGEST_ID],
        app_id=_text(body, "app_id")[:_LONGEST_ID],
        hook=_hook(body.get("incoming_webhook")),
    )


def _hook(found: Any) -> Hook | None:
    if not isinstance(found, dict) or not _text(found, "url"):
        return None
    return Hook(_text(found, "channel"), _text(found, "channel_id"), _text(found, "url"))


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
