"""The Cloud API over real HTTP on loopback: what is on the wire, how each answer is judged, where tokens go."""

import logging
import socket
from dataclasses import replace

import pytest

from campaigns.tests.clients.fixture_server import FixtureServer
from whatsapp.clients import cloud, errors, messages
from whatsapp.clients.cloud import send
from whatsapp.clients.errors import Verdict, WhatsAppError
from whatsapp.clients.messages import Recipient
from whatsapp.tests.clients.conftest import NUMBER, TOKEN, WABA, names, recorded

PERSON = Recipient("16505551234")
USER = Recipient(user_id="US.13491208655302741918")
WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
PATH = f"/v23.0/{NUMBER}/messages"

TEXT = messages.text(PERSON, "Campaign Spring Sale was paused.", opaque="msg:42")
TEMPLATE = messages.template(PERSON, "campaign_paused", "en_US", ["Spring Sale", "12.50"], opaque="msg:43")
TOO_FEW = messages.template(PERSON, "campaign_paused", "en_US", ["Spring Sale"], opaque="msg:43")
OTP = messages.authentication(PERSON, "verify_code", "en_US", "123456")
TO_USER = messages.text(USER, "Campaign Spring Sale was paused.", opaque="msg:42")

# Fixture: (what is sent, what the answer says).
SENDS = {
    "send_text_ok": (TEXT, {"verdict": Verdict.SENT, "wamid": WAMID, "wa_id": "16505551234", "message_status": ""}),
    "send_template_ok": (TEMPLATE, {"verdict": Verdict.SENT, "wamid": WAMID, "message_status": "accepted"}),
    "send_template_held": (
        TEMPLATE,
        {"verdict": Verdict.SENT, "wamid": WAMID, "message_status": "held_for_quality_assessment"},
    ),
    "send_otp_template_ok": (OTP, {"verdict": Verdict.SENT, "wamid": WAMID, "message_status": "accepted"}),
    "send_to_bsuid_ok": (TO_USER, {"verdict": Verdict.SENT, "wa_id": "", "user_id": USER.user_id}),
    "error_130429_throughput": (TEMPLATE, {"verdict": Verdict.THROUGHPUT, "code": 130429}),
    "error_131026_undeliverable": (TEMPLATE, {"verdict": Verdict.RECIPIENT, "code": 131026}),
    "error_131042_payment": (TEMPLATE, {"verdict": Verdict.CONNECTION, "code": 131042}),
    "error_131047_reengagement": (TEXT, {"verdict": Verdict.WINDOW, "code": 131047}),
    "error_131050_user_opted_out_marketing": (TEMPLATE, {"verdict": Verdict.OPTED_OUT, "code": 131050}),
    "error_131056_pair_rate_limit": (TEXT, {"verdict": Verdict.PAIR, "code": 131056}),
    "error_132000_param_count": (TOO_FEW, {"verdict": Verdict.TEMPLATE, "code": 132000}),
    "error_132015_template_paused": (TEMPLATE, {"verdict": Verdict.TEMPLATE_PAUSED, "code": 132015}),
    "error_368_policy_block": (TEMPLATE, {"verdict": Verdict.BLOCKED, "code": 368}),
}


def assert_asked(server, name):
    """What came in is what was recorded, byte for byte as canonical JSON."""
    asked, request = recorded(name)["request"], server.requests[-1]
    assert (request.method, request.path, request.query) == (asked["method"], asked["path"], asked["query"])
    assert request.body == asked["body"]
    for header, value in asked["headers"].items():
        assert request.headers.get(header) == value


@pytest.mark.parametrize("name", SENDS)
def test_every_recorded_send_is_judged(meta, name):
    message, expected = SENDS[name]
    meta.lay(name)
    answer = send(TOKEN, NUMBER, message)
    assert answer.http_status == recorded(name)["status"]
    assert {key: getattr(answer, key) for key in expected} == expected
    if "error" in recorded(name)["body"]:
        assert answer.details == recorded(name)["body"]["error"]["error_data"]["details"]
    assert_asked(meta, name)


def test_no_recorded_call_is_left_out():
    others = {
        "templates_page1", "templates_page2", "template_create_ok", "phone_number_health", "subscribe_app_ok",
        "media_get_url",
    }  # fmt: skip
    assert set(names("out")) == set(SENDS) | others


@pytest.mark.parametrize(
    ("status", "body", "verdict", "code"),
    [
        # WhatsApp said that nothing was made.
        (500, {"error": {"code": 131000}}, Verdict.LATER, 131000),
        (503, {"error": {"code": 131016, "message": "busy"}}, Verdict.LATER, 131016),
        (500, {"error": {"code": 999999}}, Verdict.LATER, 999999),
        (400, {"error": {"code": 131056}}, Verdict.PAIR, 131056),
        (400, {"error": {"code": "131026"}}, Verdict.RECIPIENT, 131026),
        (400, {"error": {"code": 80007}}, Verdict.BACKOFF, 80007),
        (401, {"error": {"code": 0}}, Verdict.CONNECTION, 0),
        (401, {"error": {"code": 190, "error_subcode": 463}}, Verdict.CONNECTION, 190),
        (403, {"error": {"code": 200}}, Verdict.CONNECTION, 200),
        (403, {"error": {"code": 299}}, Verdict.CONNECTION, 299),
        (400, {"error": {"code": 999999}}, Verdict.REFUSED, 999999),
        (429, {"error": {"code": 999999}}, Verdict.BACKOFF, 999999),
        (200, {"error": {"code": 131047}}, Verdict.WINDOW, 131047),
        (400, {"error": "odd"}, Verdict.REFUSED, ""),
        (400, {"error": {"code": True}}, Verdict.REFUSED, ""),
        # It may have been sent: something answered that is not WhatsApp, or not as it does.
        (502, "<html>Bad Gateway</html>", Verdict.UNKNOWN, errors.UNREADABLE),
        (504, {"message": "Endpoint request timed out"}, Verdict.UNKNOWN, errors.UNREADABLE),
        (503, "", Verdict.UNKNOWN, errors.UNREADABLE),
        (200, "<html>welcome</html>", Verdict.UNKNOWN, errors.UNREADABLE),
        (200, "[]", Verdict.UNKNOWN, errors.UNREADABLE),
        (200, {}, Verdict.UNKNOWN, errors.UNREADABLE),
        (200, {"messages": []}, Verdict.UNKNOWN, errors.UNREADABLE),
        (200, {"messages": [{"id": None}]}, Verdict.UNKNOWN, errors.UNREADABLE),
        (200, {"messages": {"id": "wamid.1"}}, Verdict.UNKNOWN, errors.UNREADABLE),
        # Somebody between us and WhatsApp turned it away.
        (429, "slow down", Verdict.BACKOFF, ""),
        (403, "<html>blocked</html>", Verdict.CONNECTION, ""),
        (404, "<html>not here</html>", Verdict.CONNECTION, ""),
        (302, "", Verdict.LATER, ""),
        (413, "too large", Verdict.REFUSED, ""),
    ],
)
def test_other_answers(meta, status, body, verdict, code):
    meta.answer("POST", PATH, body, status=status)
    answer = send(TOKEN, NUMBER, TEXT)
    assert (answer.verdict, answer.code, answer.wamid) == (verdict, code, "")
    # One call, whatever came of it.
    assert len(meta.requests) == 1


def test_a_redirect_is_not_followed(meta):
    meta.answer("POST", PATH, "", status=307, headers={"Location": f"{meta.url}/elsewhere"})
    assert send(TOKEN, NUMBER, TEXT).verdict is Verdict.LATER
    assert len(meta.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 1.0), ("999999", 3600.0), ("nan", None), ("soon", None), ("", None)]
)
def test_a_pause_that_is_asked_for(meta, header, seconds):
    meta.answer("POST", PATH, {"error": {"code": 130429}}, status=429, headers={"Retry-After": header})
    assert send(TOKEN, NUMBER, TEXT).retry_after == seconds


def test_an_answer_that_breaks_off_may_have_been_sent(meta):
    meta.answer("POST", PATH, {"messages": [{"id": WAMID}]}, truncated=True)
    answer = send(TOKEN, NUMBER, TEXT)
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, errors.NO_ANSWER)


def test_nobody_there_is_tried_again(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.WHATSAPP_API_BASE = f"http://127.0.0.1:{taken.getsockname()[1]}"
        answer = send(TOKEN, NUMBER, TEXT)
    assert (answer.verdict, answer.code) == (Verdict.LATER, errors.NO_CONNECTION)


def test_no_answer_in_time_may_have_been_sent(settings, monkeypatch):
    monkeypatch.setattr(cloud, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.WHATSAPP_API_BASE = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answer = send(TOKEN, NUMBER, TEXT)
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, errors.NO_ANSWER)


def test_an_endless_answer_ends(meta, monkeypatch):
    monkeypatch.setattr(cloud, "MAX_BODY", 1000)
    meta.answer("POST", PATH, "x" * 1001)
    assert send(TOKEN, NUMBER, TEXT).verdict is Verdict.UNKNOWN


def test_a_trickling_answer_ends(meta, monkeypatch):
    monkeypatch.setattr(cloud, "MAX_SECONDS", 0.0)
    meta.answer("POST", PATH, {"messages": [{"id": WAMID}]})
    assert send(TOKEN, NUMBER, TEXT).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("token", "number", "message", "verdict", "code"),
    [
        (TOKEN, NUMBER, messages.text(Recipient(), "hi"), Verdict.REFUSED, errors.NO_RECIPIENT),
        (TOKEN, NUMBER, messages.text(Recipient("no digits"), "hi"), Verdict.REFUSED, errors.NO_RECIPIENT),
        ("", NUMBER, TEXT, Verdict.CONNECTION, errors.BAD_TOKEN),
        ("two\nlines", NUMBER, TEXT, Verdict.CONNECTION, errors.BAD_TOKEN),
        ("schlüssel", NUMBER, TEXT, Verdict.CONNECTION, errors.BAD_TOKEN),
        (TOKEN, "../me", TEXT, Verdict.CONNECTION, errors.BAD_ADDRESS),
        (TOKEN, "", TEXT, Verdict.CONNECTION, errors.BAD_ADDRESS),
        (TOKEN, "1?access_token=x", TEXT, Verdict.CONNECTION, errors.BAD_ADDRESS),
    ],
)
def test_what_cannot_be_sent_is_not_called(meta, token, number, message, verdict, code):
    answer = send(token, number, message)
    assert (answer.verdict, answer.code) == (verdict, code)
    assert meta.requests == []


def test_a_base_that_is_no_address_stops_the_connection(settings):
    settings.WHATSAPP_API_BASE = "graph.facebook.com"
    assert send(TOKEN, NUMBER, TEXT).code == errors.BAD_ADDRESS


def test_nobody_reads_secrets_numbers_or_texts_in_a_log(meta, caplog, capsys):
    meta.lay("send_otp_template_ok", "error_131026_undeliverable")
    with caplog.at_level(logging.INFO):
        send(TOKEN, NUMBER, OTP)
        send(TOKEN, NUMBER, TEMPLATE)
    written = caplog.text + capsys.readouterr().out + repr(OTP) + repr(TEMPLATE) + repr(PERSON)
    for secret in (TOKEN, "123456", "16505551234", "Spring Sale"):
        assert secret not in written


# --- Which side a token is of -----------------------------------------------------------------------------------


@pytest.fixture
def sandbox(settings, meta):
    server = FixtureServer("sandbox")
    settings.SANDBOX_URL = server.url
    yield server
    server.close()


def test_tokens_of_the_sandbox_never_reach_meta_nor_real_ones_the_sandbox(meta, sandbox):
    sandbox.answer("POST", PATH, {"messages": [{"id": "wamid.sandbox"}]})
    meta.answer("POST", PATH, {"messages": [{"id": "wamid.meta"}]})
    assert send("EAAsandbox-whatsapp-1", NUMBER, TEXT).wamid == "wamid.sandbox"
    assert send("EAAG-real", NUMBER, TEXT).wamid == "wamid.meta"
    assert [len(server.requests) for server in (sandbox, meta)] == [1, 1]


def test_a_token_of_the_sandbox_goes_nowhere_without_one(meta):
    answer = send("EAAsandbox-whatsapp-1", NUMBER, TEXT)
    assert (answer.verdict, answer.code) == (Verdict.CONNECTION, errors.WRONG_SIDE)


def test_a_real_token_goes_nowhere_when_meta_is_set_to_the_sandbox(meta, sandbox, settings):
    settings.WHATSAPP_API_BASE = sandbox.url
    assert send("EAAG-real", NUMBER, TEXT).code == errors.WRONG_SIDE
    assert sandbox.requests == []


def test_the_sandbox_is_not_asked_through_a_proxy(meta, sandbox, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    sandbox.answer("POST", PATH, {"messages": [{"id": "wamid.sandbox"}]})
    assert send("EAAsandbox-whatsapp-1", NUMBER, TEXT).verdict is Verdict.SENT


# --- Templates ------------------------------------------------------------------------------------------------


def test_templates_are_listed_page_by_page(meta):
    meta.lay("templates_page1", "templates_page2")
    rows = cloud.templates_list(TOKEN, WABA, page=2)
    assert [(row.name, row.language, row.status, row.category) for row in rows] == [
        ("campaign_paused", "en_US", "APPROVED", "UTILITY"),
        ("verify_code", "en_US", "APPROVED", "AUTHENTICATION"),
        ("abandoned_cart", "en", "REJECTED", "MARKETING"),
        ("weekly_digest", "ar", "PAUSED", "MARKETING"),
    ]
    assert (rows[0].external_id, rows[0].quality) == ("1689556908129832", "GREEN")
    assert (rows[2].rejected_reason, rows[2].quality) == ("INVALID_FORMAT", "")
    assert rows[1].components[2]["buttons"][0]["type"] == "URL"
    # `next` named Meta's own host: only its cursor was taken.
    assert [request.query for request in meta.requests] == [
        recorded(name)["request"]["query"] for name in ("templates_page1", "templates_page2")
    ]


def page(after, rows=({"id": "1", "name": "a"},)):
    return {"data": list(rows), "paging": {"cursors": {"after": after}, "next": "https://evil.example/steal"}}


def test_a_list_that_does_not_end_is_no_list(meta, monkeypatch):
    monkeypatch.setattr(cloud, "MOST_PAGES", 3)
    for cursor in "abc":
        meta.answer("GET", f"/v23.0/{WABA}/message_templates", page(cursor))
    with pytest.raises(WhatsAppError):
        cloud.templates_list(TOKEN, WABA)


def test_a_list_that_goes_round_in_circles_is_no_list(meta):
    for _ in range(2):
        meta.answer("GET", f"/v23.0/{WABA}/message_templates", page("same"))
    with pytest.raises(WhatsAppError):
        cloud.templates_list(TOKEN, WABA)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"id": "1"}}, "<html>"])
def test_what_is_no_list_does_not_count_as_an_empty_one(meta, body):
    meta.answer("GET", f"/v23.0/{WABA}/message_templates", body)
    with pytest.raises(WhatsAppError):
        cloud.templates_list(TOKEN, WABA)


def test_odd_rows_are_read_as_far_as_they_go(meta):
    rows = [7, None, {"id": 12, "name": ["x"], "components": [1, {"type": "BODY"}], "quality_score": "?"}]
    meta.answer("GET", f"/v23.0/{WABA}/message_templates", {"data": rows})
    (row,) = cloud.templates_list(TOKEN, WABA)
    assert (row.external_id, row.name, row.components, row.quality) == ("12", "", [{"type": "BODY"}], "")


def test_a_template_is_handed_in(meta):
    meta.lay("template_create_ok")
    asked = recorded("template_create_ok")["request"]["body"]
    row = cloud.template_create(TOKEN, WABA, **asked)
    assert (row.external_id, row.status, row.category) == ("1689556908129833", "PENDING", "AUTHENTICATION")
    assert (row.name, row.language) == ("verify_code", "en_US")
    assert_asked(meta, "template_create_ok")


def test_a_refused_template_says_why(meta):
    error = {"code": 100, "message": "Invalid parameter", "error_user_msg": "Variables can't be at the end."}
    meta.answer("POST", f"/v23.0/{WABA}/message_templates", {"error": error}, status=400)
    with pytest.raises(WhatsAppError, match="Variables can't be at the end") as raised:
        cloud.template_create(TOKEN, WABA, name="x", language="en", category="UTILITY", components=[])
    assert (raised.value.code, raised.value.verdict) == (100, Verdict.REFUSED)


@pytest.mark.parametrize(("hsm_id", "query"), [("", {"name": "old"}), ("12", {"name": "old", "hsm_id": "12"})])
def test_a_template_is_deleted(meta, hsm_id, query):
    meta.answer("DELETE", f"/v23.0/{WABA}/message_templates", {"success": True})
    cloud.template_delete(TOKEN, WABA, "old", hsm_id)
    assert meta.requests[0].query == query


# --- Numbers, webhooks, media -----------------------------------------------------------------------------------


def test_how_a_number_stands(meta):
    meta.lay("phone_number_health")
    row = cloud.number_health(TOKEN, NUMBER)
    assert (row.phone_number_id, row.display_phone_number) == (NUMBER, "+1 555-078-3881")
    assert (row.verified_name, row.quality, row.limit) == ("Stratum Alerts", "GREEN", "TIER_250")
    assert_asked(meta, "phone_number_health")


def test_numbers_of_an_account(meta):
    found = {"id": NUMBER, "display_phone_number": "+1 555-078-3881", "quality_rating": "RED", "status": "CONNECTED"}
    meta.answer("GET", f"/v23.0/{WABA}/phone_numbers", {"data": [found], "paging": {"cursors": {"after": "x"}}})
    (row,) = cloud.numbers_list(TOKEN, WABA)
    assert (row.phone_number_id, row.quality, row.status, row.limit) == (NUMBER, "RED", "CONNECTED", "")


def test_a_dead_token_is_told(meta):
    meta.answer("GET", f"/v23.0/{NUMBER}", {"error": {"code": 190, "message": "expired"}}, status=401)
    with pytest.raises(WhatsAppError) as raised:
        cloud.number_health(TOKEN, NUMBER)
    assert (raised.value.verdict, raised.value.code) == (Verdict.CONNECTION, 190)


def test_webhooks_are_asked_for(meta):
    meta.lay("subscribe_app_ok")
    cloud.subscribe(TOKEN, WABA)
    assert_asked(meta, "subscribe_app_ok")


def test_webhooks_to_another_address(meta):
    meta.lay("subscribe_app_ok")
    cloud.subscribe(TOKEN, WABA, "https://stratum.example/hook/", "word")
    assert meta.requests[0].body == {
        "override_callback_uri": "https://stratum.example/hook/",
        "verify_token": "word",
    }


def test_a_refusal_that_says_200_is_one(meta):
    meta.answer("POST", f"/v23.0/{WABA}/subscribed_apps", {"success": False})
    with pytest.raises(WhatsAppError):
        cloud.subscribe(TOKEN, WABA)


def test_where_a_file_is(meta):
    meta.lay("media_get_url")
    row = cloud.media_url(TOKEN, "1013859600285441")
    assert (row.url[:28], row.mime_type, row.size) == ("https://lookaside.fbsbx.com/", "image/jpeg", 303833)
    assert "lookaside" not in repr(row)
    assert_asked(meta, "media_get_url")


def test_a_file_is_uploaded_and_deleted(meta):
    meta.answer("POST", f"/v23.0/{NUMBER}/media", {"id": "77"})
    meta.answer("DELETE", "/v23.0/77", {"success": True})
    assert cloud.media_upload(TOKEN, NUMBER, name="a.png", content=b"\x89PNG\xff", mime_type="image/png") == "77"
    cloud.media_delete(TOKEN, "77")
    assert meta.requests[0].headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert int(meta.requests[0].headers["Content-Length"]) > 300


def test_an_upload_without_an_id_is_no_upload(meta):
    meta.answer("POST", f"/v23.0/{NUMBER}/media", {})
    with pytest.raises(WhatsAppError):
        cloud.media_upload(TOKEN, NUMBER, name="a.png", content=b"x", mime_type="image/png")


def test_an_answer_quotes_what_it_answers():
    plain = messages.text(Recipient("16505551234"), "Yes", opaque="msg:7")
    assert "context" not in plain.body()
    quoting = replace(plain, context="wamid.question")
    assert quoting.body() == {**plain.body(), "context": {"message_id": "wamid.question"}}
