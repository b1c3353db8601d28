"""The simulated Slack: its two ways in answer as the recorded samples do, and its page shows what came."""

import base64
import json
from pathlib import Path

import pytest

from stratum.sandbox.slack.inbox import BOT_TOKEN, MESSAGES_KEPT
from stratum.sandbox.tests.caller import Caller
from stratum.sandbox.tests.shapes import differences, shape_of
from stratum.sandbox.tests.test_state import restarted

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


@pytest.mark.parametrize("name", sorted(WAYS))
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


def test_no_sample_is_left_out():
    found = {path.stem for path in SAMPLES.glob("*.json")}
    assert found == {*WAYS, "oauth_code_ok", "oauth_refresh_ok", "oauth_refresh_invalid"}


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


# --- Apps that are added --------------------------------------------------------------------------------------

BACK = "https://app.example/slack/callback"
SCOPE = "chat:write,chat:write.public,incoming-webhook"
QUERY = {"client_id": "sandbox-slack", "scope": SCOPE, "redirect_uri": BACK, "state": "abc"}


def decide(caller, decision="allow", channel="C0000000002", **query):
    form = {"decision": decision, "channel": channel}
    return caller.send("POST", "/oauth/v2/authorize", {**QUERY, **query}, form=form).location


def basic(name="sandbox-slack", secret="sandbox-secret"):
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def access(caller, headers=None, **form):
    return caller.send("POST", "/api/oauth.v2.access", form=form, headers=headers or basic())


def add(caller, **choices):
    return access(caller, code=decide(caller, **choices)["code"], redirect_uri=BACK).json


def refresh(caller, value):
    return access(caller, grant_type="refresh_token", refresh_token=value).json


def same_shape(name, answer):
    recorded = json.loads((SAMPLES / f"{name}.json").read_text())
    assert answer.status == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["Content-Type"]
    return differences(shape_of(recorded["body"]), answer.json, frozenset())


def test_the_consent_page_offers_channels_and_says_what_is_asked(caller):
    page = caller.send("GET", "/oauth/v2/authorize", QUERY)
    assert page.status == 200
    for words in ("#budget-watch", "chat:write.public", "Allow", "Cancel"):
        assert words in page.text
    assert "old-campaigns" not in page.text
    for wrong in ({"client_id": "other"}, {"redirect_uri": "javascript:1"}, {"scope": ""}):
        assert caller.send("GET", "/oauth/v2/authorize", {**QUERY, **wrong}).status == 400


def test_a_code_becomes_tokens_and_a_webhook_as_recorded(caller):
    back = decide(caller)
    assert back["state"] == "abc"
    answer = access(caller, code=back["code"], redirect_uri=BACK)
    assert same_shape("oauth_code_ok", answer) == []
    hook = answer.json["incoming_webhook"]
    assert (hook["channel"], hook["channel_id"]) == ("#budget-watch", "C0000000002")
    assert post(caller, hook["url"].removeprefix("http://sandbox.test")).text == "ok"
    assert answer.json["access_token"].startswith("xoxb-sandbox-")
    # The scope lets the bot write where nobody has invited it.
    assert post(caller, POST, token=answer.json["access_token"], channel="#budget-watch").json["ok"] is True


def test_a_bot_without_the_scope_must_be_invited(caller):
    token = add(caller, scope="chat:write")["access_token"]
    assert post(caller, POST, token=token, channel="#budget-watch").json["error"] == "not_in_channel"


def test_a_denial_comes_back_with_the_state(caller):
    assert decide(caller, "deny") == {"error": "access_denied", "state": "abc"}
    assert decide(caller, channel="C9") == {"error": "access_denied", "state": "abc"}


def test_what_is_no_good_is_refused(caller):
    code = decide(caller)["code"]
    assert access(caller, basic("other"), code=code, redirect_uri=BACK).json["error"] == "invalid_client_id"
    assert access(caller, basic(secret="x"), code=code, redirect_uri=BACK).json["error"] == "bad_client_secret"
    assert access(caller, {"Authorization": "Basic ?"}, code=code).json["error"] == "invalid_client_id"
    assert access(caller, code=code, redirect_uri="https://x.example/").json["error"] == "bad_redirect_uri"
    assert access(caller, code=code, redirect_uri=BACK).json["ok"] is True
    assert access(caller, code=code, redirect_uri=BACK).json["error"] == "invalid_code"
    late = decide(caller)["code"]
    caller.wall.at += 601
    assert access(caller, code=late, redirect_uri=BACK).json["error"] == "invalid_code"


def test_refresh_tokens_work_once_as_recorded(caller):
    caller.control("settings", "POST", slack_token_seconds=43_200)
    first = add(caller)
    assert (first["expires_in"], first["access_token"][:18]) == (43_200, "xoxe.xoxb-sandbox-")
    answer = access(caller, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert same_shape("oauth_refresh_ok", answer) == []
    again = access(caller, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert same_shape("oauth_refresh_invalid", again) == []
    assert again.json["error"] == "invalid_refresh_token"
    assert refresh(caller, answer.json["refresh_token"])["ok"] is True


def test_tokens_run_out_and_are_revoked(caller):
    caller.control("settings", "POST", slack_token_seconds=60)
    first = add(caller)
    assert post(caller, POST, token=first["access_token"], channel="#ads").json["ok"] is True
    caller.wall.at += 61
    assert post(caller, POST, token=first["access_token"], channel="#ads").json["error"] == "token_expired"
    second = refresh(caller, first["refresh_token"])
    caller.control("tokens/expire", "POST", platform="slack")
    assert post(caller, POST, token=second["access_token"], channel="#ads").json["error"] == "token_expired"
    caller.control("grants/revoke", "POST", platform="slack")
    assert post(caller, POST, token=second["access_token"], channel="#ads").json["error"] == "token_revoked"
    assert refresh(caller, second["refresh_token"])["error"] == "invalid_refresh_token"
    hook = first["incoming_webhook"]["url"].removeprefix("http://sandbox.test")
    assert (post(caller, hook).status, post(caller, hook).text) == (404, "no_service")


def test_the_token_endpoint_fails_when_it_is_told_to(caller):
    for kind, status, word in (
        ("rate_limit", 429, "ratelimited"),
        ("server_error", 500, "internal_error"),
        ("token_revoked", 200, "invalid_refresh_token"),
    ):
        caller.fault(kind, platform="slack", endpoint="oauth")
        answer = access(caller, grant_type="refresh_token", refresh_token="x")
        assert (answer.status, answer.json["error"]) == (status, word)


def test_buttons_of_the_page_lead_back_to_it(caller):
    form = {"slack_token_seconds": "43200", "back": "/slack/"}
    answer = caller.send("POST", "/_control/settings", form=form)
    assert (answer.status, answer.headers["location"]) == (303, "/slack/")
    add(caller)
    page = caller.send("GET", "/slack/").text
    assert "run out after 43200 seconds" in page
    assert "<li>Stratum</li>" in page


def test_installations_survive_a_restart(tmp_path):
    caller = Caller(state=tmp_path)
    made = add(caller)
    again = restarted(caller, tmp_path)
    assert post(again, POST, token=made["access_token"], channel="#ads").json["ok"] is True
    assert post(again, made["incoming_webhook"]["url"].removeprefix("http://sandbox.test")).text == "ok"
