"""Slack's two ways in, over real HTTP on loopback: what is sent, how each answer is judged, which hosts are called."""

import json
import logging
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.tests.clients.fixture_server import FixtureServer
from rules.actions.slack_rows import CAMPAIGNS_LISTED, Told, escaped, rule_payload
from rules.clients import slack
from rules.clients.slack import Verdict, message_post, webhook_is_allowed, webhook_post

FOLDER = Path(__file__).parent / "fixtures" / "slack"
# Those of consent and tokens are test_slack_oauth's.
FIXTURES = sorted(set(FOLDER.glob("*.json")) - set(FOLDER.glob("oauth_*.json")))
HOOK, POST = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "/api/chat.postMessage"
PAYLOAD = {"text": "Rule", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Rule"}}]}


@pytest.fixture
def server(settings):
    running = FixtureServer("slack")
    settings.SLACK_API_BASE = settings.SANDBOX_URL = running.url
    yield running
    running.close()


def post(server, path=HOOK):
    return webhook_post(server.url + path, PAYLOAD) if path != POST else message_post("xoxb-test", "C01", PAYLOAD)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_recorded_answer_is_judged(server, path):
    recorded = json.loads(path.read_text())
    asked = recorded["request"]
    server.answer("POST", asked["path"], recorded["body"], status=recorded["status"], headers=recorded["headers"])
    answer = post(server, asked["path"])
    assert answer.http_status == recorded["status"]
    for name, value in recorded["_expect"].items():
        assert getattr(answer, name) == value, name
    # What is sent has the recorded shape.
    request = server.requests[0]
    assert set(asked["body"]) <= set(request.body)
    assert request.headers["Content-Type"] == asked["headers"]["Content-Type"]
    assert request.headers.get("Authorization") == asked["headers"].get("Authorization")


@pytest.mark.parametrize(
    ("path", "status", "body", "verdict"),
    [
        (HOOK, 400, "invalid_payload", Verdict.REFUSED),
        (HOOK, 400, "no_text", Verdict.REFUSED),
        (HOOK, 403, "action_prohibited", Verdict.TARGET),
        (HOOK, 404, "<html>not found</html>", Verdict.TARGET),
        (HOOK, 502, "<html>Bad Gateway</html>", Verdict.LATER),
        (HOOK, 302, "", Verdict.TARGET),
        # Something answered that is not Slack, or not all of it came: it may be there.
        (HOOK, 200, "<html>welcome</html>", Verdict.UNKNOWN),
        (POST, 200, "not json", Verdict.UNKNOWN),
        (POST, 200, {"ok": False, "error": "internal_error"}, Verdict.LATER),
        (POST, 200, {"ok": False, "error": "msg_too_long"}, Verdict.REFUSED),
        (POST, 200, {"ok": False, "error": "a_word_of_tomorrow"}, Verdict.REFUSED),
        (POST, 503, {"ok": False, "error": "service_unavailable"}, Verdict.LATER),
    ],
)
def test_other_answers(server, path, status, body, verdict):
    server.answer("POST", path, body, status=status)
    assert post(server, path).verdict is verdict


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 1.0), ("999999", 3600.0), ("soon", None), ("", None)]
)
def test_a_pause_that_slack_asks_for(server, header, seconds):
    server.answer("POST", HOOK, "rate_limited", status=429, headers={"Retry-After": header})
    answer = post(server)
    assert (answer.verdict, answer.retry_after) == (Verdict.LATER, seconds)


def test_a_redirect_is_not_followed(server):
    server.answer("POST", HOOK, "", status=307, headers={"Location": f"{server.url}/services/elsewhere"})
    assert post(server).verdict is Verdict.TARGET
    assert len(server.requests) == 1


def test_an_answer_that_breaks_off_may_have_arrived(server):
    server.answer("POST", HOOK, "ok", truncated=True)
    assert post(server).verdict is Verdict.UNKNOWN


def test_nobody_there_is_tried_again(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.SANDBOX_URL = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = webhook_post(f"{settings.SANDBOX_URL}{HOOK}", PAYLOAD)
    assert (answer.verdict, answer.code) == (Verdict.LATER, "local.no_connection")


def test_a_proxy_that_does_not_come_through_is_tried_again(settings, monkeypatch):
    """It was asked for a tunnel, and has seen nothing of the message."""
    asked = []

    def refuse():
        connection, _address = proxy.accept()
        with connection:
            asked.append(connection.recv(4096).split(b"\r\n")[0])
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    settings.SLACK_API_BASE = "https://slack.example"
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        refusing = threading.Thread(target=refuse)
        refusing.start()
        answer = message_post("xoxb-real", "C01", PAYLOAD)
        refusing.join()
    assert (answer.verdict, answer.code) == (Verdict.LATER, "local.no_connection")
    assert asked == [b"CONNECT slack.example:443 HTTP/1.1"]


def test_no_answer_in_time_may_have_arrived(settings, monkeypatch):
    monkeypatch.setattr(slack, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SANDBOX_URL = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answer = webhook_post(f"{settings.SANDBOX_URL}{HOOK}", PAYLOAD)
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "local.no_answer")


def test_an_endless_answer_ends(server):
    server.answer("POST", HOOK, "x" * (slack.MAX_BODY + 1))
    assert post(server).verdict is Verdict.UNKNOWN


def test_secrets_are_in_no_log(server, caplog, capsys):
    server.answer("POST", HOOK, "no_service", status=404)
    server.answer("POST", POST, {"ok": False, "error": "invalid_auth"})
    with caplog.at_level(logging.INFO):
        post(server)
        post(server, POST)
    written = caplog.text + capsys.readouterr().out
    assert "XXXXXXXX" not in written
    assert "xoxb-test" not in written


# --- Which addresses are called -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T0/B0/secret",
        "https://hooks.slack-gov.com/services/T0/B0/secret",
        "https://hooks.slack.com:443/services/T0/B0/secret",
    ],
)
def test_slacks_own_hosts_are_allowed(url):
    assert webhook_is_allowed(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T0/B0/secret",
        "https://hooks.slack.com.evil.example/services/T0/B0/secret",
        "https://evil.example/services/T0/B0/secret",
        "https://hooks.slack.com@evil.example/services/T0",
        "https://user:word@hooks.slack.com/services/T0",
        "https://hooks.slack.com:8443/services/T0",
        "https://hooks.slack.com/elsewhere",
        "https://127.0.0.1/services/T0",
        "http://127.0.0.1:8700/services/T0",
        "https://169.254.169.254/services/latest",
        "https://[::1]/services/T0",
        "https://[broken/services/T0",
        "file:///services/etc/passwd",
        "",
    ],
)
def test_no_other_address_is_called(settings, url):
    settings.SANDBOX_URL = ""
    assert not webhook_is_allowed(url)
    answer = webhook_post(url, PAYLOAD)
    assert (answer.verdict, answer.code) == (Verdict.TARGET, "local.host_not_allowed")


@given(st.text(max_size=200))
def test_whatever_is_pasted_is_no_webhook(text):
    assert not webhook_is_allowed(text)


def test_loopback_is_the_sandbox_and_nothing_else(settings):
    settings.SANDBOX_URL = "http://127.0.0.1:8700"
    assert webhook_is_allowed("http://127.0.0.1:8700/services/T0/B0/x")
    assert not webhook_is_allowed("http://127.0.0.1:5432/services/T0/B0/x")
    assert not webhook_is_allowed("https://127.0.0.1:8700/services/T0/B0/x")


def test_a_token_of_the_sandbox_never_reaches_slack_nor_the_other_way_round(server, settings):
    settings.SLACK_API_BASE = "http://127.0.0.1:1"
    for token in ("xoxb-sandbox-bot", "xoxe.xoxb-sandbox-1"):
        server.answer("POST", POST, {"ok": True, "ts": "1.2"})
        assert message_post(token, "C01", PAYLOAD).verdict is Verdict.SENT
    assert message_post("xoxb-real", "C01", PAYLOAD).code == "local.no_connection"


# --- What is said ---------------------------------------------------------------------------------------------


@given(st.text(max_size=2000))
def test_names_are_only_text(text):
    shown = escaped(text)
    assert "<" not in shown
    assert ">" not in shown
    assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert len(shown) <= 2500
    assert "\n" not in shown


@given(
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=600)), min_size=1, max_size=30),
    st.text(max_size=500),
)
def test_a_burst_is_one_message_within_slacks_sizes(campaigns, message):
    payload = rule_payload("Stop loss", message, [Told(*one) for one in campaigns], rule_id=1)
    assert len(payload["text"]) <= 40_000
    assert len(payload["blocks"]) <= 50
    for block in payload["blocks"][:-1]:
        assert 0 < len(block["text"]["text"]) <= 3_000
    assert "<!" not in json.dumps(payload)
    more = len(campaigns) - CAMPAIGNS_LISTED
    assert (f"and {more} more" in payload["text"].splitlines()) == (more > 0)
