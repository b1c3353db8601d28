"""The simulated Slack: its two ways in answer as the recorded samples do, and its page shows what came."""

import json
from pathlib import Path

import pytest

from stratum.sandbox.slack.inbox import BOT_TOKEN, MESSAGES_KEPT
from stratum.sandbox.tests.caller import Caller
from stratum.sandbox.tests.shapes import differences, shape_of

SAMPLES = Path(__file__).resolve().parents[3] / "rules" / "tests" / "clients" / "fixtures" / "slack"
ADS, OLD = "/services/T0SANDBOX/B0ADS/ads-secret", "/services/T0SANDBOX/B0OLD/old-secret"
POST = "/api/chat.postMessage"
BODY = {"text": "Hello", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Hello"}}]}
JSON = "application/json; charset=utf-8"
# How each sample is brought about here: path, channel, and the fault that it needs.
WAYS = {
    "webhook_ok": (ADS, "", ""),
    "webhook_no_service": ("/services/T0SANDBOX/B0GONE/x", "", ""),
    "webhook_channel_is_archived": (OLD, "", ""),
    "webhook_500": (ADS, "", "server_error"),
    "webhook_rate_limited": (ADS, "", "rate_limit"),
    "post_message_ok": (POST, "C0123456789", ""),
    "post_message_channel_not_found": (POST, "C0999999999", ""),
    "post_message_not_in_channel": (POST, "#budget-watch", ""),
    "post_message_token_revoked": (POST, "C0123456789", "token_revoked"),
    "post_message_token_expired": (POST, "C0123456789", "token_expired"),
}


def post(caller, path=ADS, body=None, token=BOT_TOKEN, content_type=JSON, **more):
    raw = json.dumps({**BODY, **more} if body is None else body).encode()
    return caller.send(
        "POST", path, body=raw, headers={"Authorization": f"Bearer {token}", "Content-Type": content_type}
    )


@pytest.mark.parametrize("name", [path.stem for path in sorted(SAMPLES.glob("*.json"))])
def test_every_recorded_sample_has_its_like(caller, name):
    recorded = json.loads((SAMPLES / f"{name}.json").read_text())
    path, channel, fault = WAYS[name]
    if fault:
        caller.fault(fault, platform="slack")
    answer = post(caller, path, channel=channel)
    assert answer.status == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["Content-Type"]
    if isinstance(recorded["body"], str):
        assert answer.text == recorded["body"]
    else:
        assert differences(shape_of(recorded["body"]), answer.json, frozenset()) == []
        assert answer.json.get("error") == recorded["body"].get("error")
    if "Retry-After" in recorded["headers"]:
        assert answer.headers["retry-after"] == recorded["headers"]["Retry-After"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ([], "invalid_payload"),
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "section", "text": {"text": "x" * 3_001}}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
    ],
)
def test_bodies_that_slack_does_not_take(caller, body, word):
    answer = post(caller, ADS, body)
    assert (answer.status, answer.text) == (400, word)


def test_tokens_and_headers(caller):
    assert post(caller, POST, token="", channel="C0123456789").json["error"] == "not_authed"
    assert post(caller, POST, token="xoxb-other", channel="C0123456789").json["error"] == "invalid_auth"
    plain = post(caller, POST, channel="#ads", content_type="application/json")
    assert plain.json["warning"] == "missing_charset"


def test_what_came_is_kept_and_shown(caller):
    said = "Rule *Stop loss*: Sale &amp; &lt;!channel&gt; <https://stratum.example/rules/1/|Open>"
    post(caller, ADS, {"text": said})
    post(caller, POST, channel="C0123456789")
    first, second = caller.control("slack")["messages"]
    assert (first["way"], second["way"], first["channel"]) == ("webhook", "bot", "C0123456789")
    page = caller.send("GET", "/slack/").text
    assert "<strong>Stop loss</strong>: Sale &amp; &lt;!channel&gt;" in page
    assert '<a href="https://stratum.example/rules/1/">Open</a>' in page
    assert "/slack/" in caller.send("GET", "/").text
    answer = caller.send("POST", "/_control/slack/clear", form={"all": "1", "back": "/slack/"})
    assert (answer.status, answer.headers["location"]) == (303, "/slack/")
    assert caller.control("slack")["messages"] == []
    assert caller.control("slack")["webhooks"]["#ads"] == ADS


def test_nothing_in_a_message_becomes_a_page(caller):
    post(caller, ADS, {"text": '<script>alert(1)</script> <https://x"onclick=1|click>'})
    page = caller.send("GET", "/slack/").text
    assert "<script>" not in page
    assert 'onclick=1"' not in page.replace("&quot;", "")


def test_a_form_leads_back_to_pages_of_the_sandbox_only(caller):
    form = {"kind": "rate_limit", "platform": "slack", "count": "1", "back": "https://evil.example/"}
    assert caller.send("POST", "/_control/faults", form=form).headers["location"] == "/"
    assert post(caller).status == 429


def test_the_newest_messages_are_kept():
    caller = Caller()
    for _number in range(MESSAGES_KEPT + 5):
        post(caller)
    assert len(caller.control("slack")["messages"]) == MESSAGES_KEPT


def test_faults_of_a_platform_leave_slack_alone(caller):
    caller.fault("server_error", platform="meta")
    assert post(caller).status == 200
