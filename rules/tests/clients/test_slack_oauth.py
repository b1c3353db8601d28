"""Slack's OAuth over real HTTP on loopback: what is sent, what is made of each answer, and who is never asked."""

import contextlib
import json
import logging
import socket
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from campaigns.tests.clients.fixture_server import FixtureServer
from rules.clients import slack
from rules.clients.slack import Verdict
from rules.clients.slack_oauth import (
    SCOPES,
    Grant,
    Hook,
    OAuthError,
    authorize_url,
    code_exchange,
    is_simulated,
    missing_settings,
    token_refresh,
)

FOLDER = Path(__file__).parent / "fixtures" / "slack"
ACCESS = "/api/oauth.v2.access"
BACK = "https://app.example/slack/callback"


@pytest.fixture
def server(settings):
    running = FixtureServer("slack")
    settings.SLACK_OAUTH_BASE, settings.SANDBOX_URL = running.url, ""
    settings.SLACK_CLIENT_ID, settings.SLACK_CLIENT_SECRET = "cid", "secret"
    yield running
    running.close()


def recorded(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def ask(server, name):
    """Replay a recorded answer to the call that it is the answer to."""
    sample = recorded(name)
    asked = sample["request"]["body"]
    server.answer("POST", ACCESS, sample["body"], status=sample["status"], headers=sample["headers"])
    if "refresh_token" in asked:
        return token_refresh(asked["refresh_token"])
    return code_exchange(asked["code"], asked["redirect_uri"])


def refusal(server, body, **more):
    server.answer("POST", ACCESS, body, **more)
    with pytest.raises(OAuthError) as refused:
        code_exchange("1234.5678", BACK)
    return refused.value.answer


@pytest.mark.parametrize("name", ["oauth_code_ok", "oauth_refresh_ok"])
def test_a_recorded_answer_becomes_a_grant(server, name):
    grant = ask(server, name)
    for field, value in recorded(name)["_expect"].items():
        assert getattr(grant, field) == value, field


def test_the_channel_that_was_chosen_comes_with_the_code(server):
    found = recorded("oauth_code_ok")["body"]["incoming_webhook"]
    assert ask(server, "oauth_code_ok").hook == Hook("#ads", "C0123456789", found["url"])


def test_a_recorded_refusal_is_one(server):
    with pytest.raises(OAuthError) as refused:
        ask(server, "oauth_refresh_invalid")
    for field, value in recorded("oauth_refresh_invalid")["_expect"].items():
        assert getattr(refused.value.answer, field) == value, field


@pytest.mark.parametrize("name", ["oauth_code_ok", "oauth_refresh_ok", "oauth_refresh_invalid"])
def test_what_is_sent_is_what_was_recorded(server, name):
    with contextlib.suppress(OAuthError):
        ask(server, name)
    wanted = recorded(name)["request"]
    (request,) = server.requests
    assert (request.method, request.path, request.query) == (wanted["method"], wanted["path"], wanted["query"])
    assert request.body == wanted["body"]
    for header, value in wanted["headers"].items():
        assert request.headers[header] == value


@pytest.mark.parametrize(
    ("body", "more", "verdict", "code"),
    [
        ({"ok": False, "error": "invalid_code"}, {}, Verdict.REFUSED, "invalid_code"),
        ({"ok": False, "error": "bad_client_secret"}, {}, Verdict.REFUSED, "bad_client_secret"),
        ("", {"status": 429, "headers": {"Retry-After": "7"}}, Verdict.LATER, "ratelimited"),
        ("<html>", {"status": 502}, Verdict.LATER, "server_error"),
        ("<html>", {}, Verdict.UNKNOWN, "local.unexpected"),
        ({"ok": True}, {}, Verdict.REFUSED, "local.unexpected"),
        ({"ok": True, "access_token": "xoxb-1", "team": "T1"}, {}, Verdict.REFUSED, "local.unexpected"),
        ({"ok": True, "access_token": "xoxb-1", "team": {"id": "T" * 31}}, {}, Verdict.REFUSED, "local.unexpected"),
        (
            {"ok": True, "access_token": "xoxb-1", "team": None, "is_enterprise_install": True},
            {},
            Verdict.REFUSED,
            "local.whole_organisation",
        ),
        ({"ok": True}, {"truncated": True}, Verdict.UNKNOWN, "local.no_answer"),
    ],
)
def test_other_answers(server, body, more, verdict, code):
    answer = refusal(server, body, **more)
    assert (answer.verdict, answer.code) == (verdict, code)


def test_oddities_in_a_grant_are_left_out(server):
    body = {"ok": True, "access_token": "xoxb-1", "team": {"id": "T1"}, "expires_in": "soon", "incoming_webhook": []}
    server.answer("POST", ACCESS, body)
    assert code_exchange("c", BACK) == Grant("xoxb-1", None, None, "T1", "T1")


def test_no_answer_in_time_is_unknown(settings, monkeypatch, server):
    monkeypatch.setattr(slack, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SLACK_OAUTH_BASE = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OAuthError) as refused:
            token_refresh("xoxe-1-old")
    assert (refused.value.answer.verdict, refused.value.answer.code) == (Verdict.UNKNOWN, "local.no_answer")


def test_secrets_are_in_no_log_and_no_repr(server, caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        grant = ask(server, "oauth_refresh_ok")
        hooked = ask(server, "oauth_code_ok")
        refused = refusal(server, {"ok": False, "error": "invalid_code", "access_token": "xoxb-leak"})
    written = caplog.text + capsys.readouterr().out + repr([grant, hooked, refused])
    for secret in ("xoxe", "xoxb", "1234.5678", "XXXXXXXX", "Y2lkOnNlY3JldA"):
        assert secret not in written


# --- Which Slack is asked -------------------------------------------------------------------------------------


def test_tokens_of_the_sandbox_and_of_slack_are_never_mixed(server, settings):
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    assert not is_simulated()
    with pytest.raises(OAuthError, match="other_kind"):
        token_refresh("xoxe-sandbox-1")
    settings.SANDBOX_URL = server.url
    assert is_simulated()
    with pytest.raises(OAuthError, match="other_kind"):
        token_refresh("xoxe-1-real")
    assert server.requests == []


def test_the_consent_page(server):
    address = urlsplit(authorize_url(redirect_uri=BACK, state="abc"))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{server.url}/oauth/v2/authorize"
    assert dict(parse_qsl(address.query)) == {
        "client_id": "cid",
        "scope": "chat:write,chat:write.public,incoming-webhook",
        "redirect_uri": BACK,
        "state": "abc",
    }
    assert len(SCOPES) == 3


def test_what_is_missing_is_named(server, settings):
    assert missing_settings() == ()
    settings.SLACK_CLIENT_SECRET = ""
    assert missing_settings() == ("SLACK_CLIENT_SECRET",)
