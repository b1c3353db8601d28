"""The simulated WhatsApp: its API answers as the recorded samples do, refuses what Meta refuses, and keeps a ledger."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum.sandbox.tests.shapes import differences, shape_of
from stratum.sandbox.tests.whatsapp_caller import (
    ALERTS,
    GLOBEX,
    KERRY,
    NORTHWIND,
    OFFERS,
    REPORTS,
    WINDOW,
    call,
    code,
    ledger,
    send,
    template,
    text,
    upload,
    wamid,
)
from stratum.sandbox.tests.whatsapp_samples import OUT
from stratum.sandbox.whatsapp.directory import NUMBERS
from stratum.sandbox.whatsapp.exchange import MESSAGES_KEPT
from stratum.sandbox.whatsapp.people import Content
from stratum.sandbox.wire import names

# What brings an answer about that no request alone does: a control call and its fields.
BEFORE = {
    "error_130429_throughput": ("whatsapp/limits", {"per_second": 0.001}),
    "error_131056_pair_rate_limit": ("whatsapp/limits", {"pair_burst": 1, "pair_seconds": 60}),
    "error_132015_template_paused": (
        "whatsapp/template",
        {"waba": NORTHWIND.id, "name": "campaign_paused", "status": "PAUSED"},
    ),
    "error_368_policy_block": ("whatsapp/account", {"waba": NORTHWIND.id, "code": 368}),
    "error_131026_undeliverable": ("whatsapp/failures", {"code": 131026, "sync": True}),
    "error_131042_payment": ("whatsapp/failures", {"code": 131042, "sync": True}),
    "error_131047_reengagement": ("whatsapp/failures", {"code": 131047, "sync": True}),
    "error_131050_user_opted_out_marketing": ("whatsapp/failures", {"code": 131050, "sync": True}),
    "send_template_held": ("whatsapp/modes", {"held": 1}),
}
_MEMBERS = sorted(
    names("name language code components type parameters text body action buttons reply sections rows index id title")
)
REPEATED = ("error_130429_throughput", "error_131056_pair_rate_limit")


@pytest.mark.parametrize("name", OUT)
def test_every_recorded_sample_has_its_like(caller, name):
    sample = OUT[name]
    request, path = sample["request"], sample["request"]["path"].removeprefix("/v23.0/")
    if name == "media_get_url":
        path = upload(caller, b"png").json["id"]
    if name == "template_create_ok":
        # The sandbox has this one from the beginning.
        request["body"]["name"] = "sign_in_code"
    if name == "templates_page2":
        request["query"]["after"] = "MQZDZD"  # of the second one; a cursor's form is each server's own
    if name in BEFORE:
        action, fields = BEFORE[name]
        caller.control(action, "POST", **fields)
    for _time in range(1 + (name in REPEATED)):
        answer = call(caller, request["method"], path, request["query"], json_body=request["body"])
    assert answer.status == sample["status"], answer.text
    assert answer.headers["content-type"] == sample["headers"]["Content-Type"]
    assert answer.headers["facebook-api-version"] == "v23.0"
    assert "x-fb-trace-id" in answer.headers
    assert differences(shape_of(sample["body"]), answer.json, frozenset()) == []
    for exact in ("error.message", "error.code", "error.error_data.details", "contacts", "success"):
        assert _at(answer.json, exact) == _at(sample["body"], exact)


def _at(body, path):
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


# --- whose is what -----------------------------------------------------------------------------------------


def test_paths_that_are_metas_stay_metas(caller):
    own = {"Authorization": f"Bearer {NORTHWIND.token}"}
    assert caller.send("GET", "/v26.0/me/adaccounts", headers=own).json["error"]["code"] == 190
    assert caller.get("meta", "/v26.0/me/adaccounts").status == 200
    unknown = caller.get("meta", "/v26.0/106540352249999")
    assert (unknown.status, unknown.json["error"]["error_subcode"]) == (400, 33)
    assert "x-ad-account-usage" in unknown.headers
    assert caller.send("GET", f"/v19.0/{ALERTS}", headers=own).status == 200


@pytest.mark.parametrize("token", ["", "EAAsandbox-whatsapp", "EAAsandbox-whatsapp-other"])
def test_a_token_that_is_none_is_refused(caller, token):
    answer = caller.send("GET", f"/v23.0/{ALERTS}", headers={"Authorization": f"Bearer {token}"})
    assert code(answer) == (401, 190)


def test_a_token_opens_its_own_business_only(caller):
    other = call(caller, "GET", ALERTS, waba=GLOBEX.id)
    assert (other.status, other.json["error"]["error_subcode"]) == (400, 33)
    assert call(caller, "GET", OFFERS, waba=GLOBEX.id).status == 200
    media = upload(caller, b"png").json["id"]
    assert call(caller, "GET", media, waba=GLOBEX.id).json["error"]["error_subcode"] == 33


def test_the_numbers_of_a_business(caller):
    answer = call(caller, "GET", f"{NORTHWIND.id}/phone_numbers").json
    assert [one["id"] for one in answer["data"]] == [ALERTS, REPORTS]
    assert set(answer["data"][0]) == {
        "verified_name",
        "code_verification_status",
        "display_phone_number",
        "quality_rating",
        "id",
    }
    assert set(answer["paging"]["cursors"]) == {"before", "after"}
    few = call(caller, "GET", f"{NORTHWIND.id}/phone_numbers", {"fields": "throughput"}).json
    assert few["data"][0] == {"throughput": {"level": "STANDARD"}, "id": ALERTS}
    assert code(call(caller, "GET", ALERTS, {"fields": "shoe_size"})) == (400, 100)


# --- sending -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "wa_id"),
    [
        ("+1 (650) 555-1234", "16505551234"),
        ("5511987654321", "551187654321"),
        ("525512345678", "5215512345678"),
        ("5215512345678", "5215512345678"),
        ("541123456789", "5491123456789"),
        ("36301234567", "36301234567"),
    ],
)
def test_wa_ids_are_whatsapps_own_spelling(caller, to, wa_id):
    answer = template(caller, to=to)
    assert answer.json["contacts"] == [{"input": to, "wa_id": wa_id}]


def test_a_repeated_send_makes_a_second_message(caller):
    first, second = (template(caller, biz_opaque_callback_data="msg:1") for _time in range(2))
    assert wamid(first) != wamid(second)
    assert [one["id"] for one in ledger(caller, biz_opaque_callback_data="msg:1")] == [wamid(first), wamid(second)]


def test_the_ledger_tells_what_was_accepted(caller):
    sent = template(caller, biz_opaque_callback_data="msg:7")
    (row,) = ledger(caller)
    assert row["text"] == "Campaign Spring Sale was paused, spend 12.50."
    assert (row["id"], row["to"], row["wa_id"], row["template"]) == (wamid(sent), KERRY, KERRY, "campaign_paused")
    assert (row["waba"], row["phone_number_id"], row["at"]) == (NORTHWIND.id, ALERTS, caller.wall())
    assert row["body"]["biz_opaque_callback_data"] == row["biz_opaque_callback_data"] == "msg:7"
    assert row["user_id"].startswith("US.")
    assert ledger(caller, waba=GLOBEX.id) == []


def test_the_newest_messages_are_kept(caller):
    caller.control("whatsapp/limits", "POST", per_second=0, pair_burst=0)
    exchange = caller.world.whatsapp
    exchange.courier.retire()  # nothing becomes of them
    person = exchange.person(KERRY)
    for _one in range(MESSAGES_KEPT + 5):
        exchange.accept(NUMBERS[ALERTS], person, KERRY, {}, Content("x"), category="utility", doom=None, held=False)
    overview = caller.control("whatsapp")
    assert (overview["messages"], overview["accepted"]) == (MESSAGES_KEPT, MESSAGES_KEPT + 5)
    page = caller.control("whatsapp/messages", offset=MESSAGES_KEPT - 3)
    assert (page["total"], len(page["messages"])) == (MESSAGES_KEPT, 3)


def test_a_person_behind_a_user_id(caller):
    known = caller.control("whatsapp/person", "POST", wa_id=KERRY)["user_ids"][NORTHWIND.id]
    answer = send(caller, {"recipient": known, "type": "text", "text": {"body": "Hi"}})
    assert answer.json["contacts"] == [{"input": known, "user_id": known}]
    assert ledger(caller)[0]["wa_id"] == KERRY
    stranger = send(caller, {"recipient": "US.13491208655302741918", "type": "text", "text": {"body": "Hi"}})
    assert stranger.json["contacts"] == [{"input": "US.13491208655302741918", "user_id": "US.13491208655302741918"}]
    otp = {"recipient": "US.13491208655302741918", "type": "template", "template": _otp("123456")}
    assert code(send(caller, otp)) == (400, 131062)


def _otp(number: str, button: str | None = None):
    value = {"type": "text", "text": number}
    tapped = {"type": "text", "text": number if button is None else button}
    return {
        "name": "verify_code",
        "language": {"code": "en_US"},
        "components": [
            {"type": "body", "parameters": [value]},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [tapped]},
        ],
    }


def test_a_verification_code_needs_its_button(caller):
    part = _otp("123456")
    assert send(caller, {"to": KERRY, "type": "template", "template": part}).status == 200
    assert ledger(caller)[0]["text"].startswith("*123456* is your verification code.")
    part["components"].pop()
    answer = send(caller, {"to": KERRY, "type": "template", "template": part})
    assert code(answer) == (400, 131008)
    long = _otp("1" * 16)
    assert code(send(caller, {"to": KERRY, "type": "template", "template": long})) == (400, 131009)


@pytest.mark.parametrize(
    ("body", "status", "number"),
    [
        ({"messaging_product": "sms"}, 400, 100),
        ({"to": ""}, 400, 100),
        ({"to": "nobody"}, 400, 131009),
        ({"type": "hologram"}, 400, 100),
        ({"type": "text", "text": {"body": ""}}, 400, 100),
        ({"type": "text", "text": {"body": "x" * 4097}}, 400, 100),
        ({"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 400, 100),
        ({"type": "image", "image": {"id": "1013859699999999"}}, 400, 131009),
        ({"type": "image", "image": {}}, 400, 100),
        ({"type": "template", "template": {"name": "gone", "language": {"code": "en_US"}}}, 404, 132001),
        ({"type": "template", "template": {"name": "campaign_paused", "language": {"code": "de"}}}, 404, 132001),
        ({"type": "template", "template": {"name": "abandoned_cart", "language": {"code": "en"}}}, 404, 132001),
        ({"type": "template", "template": {"name": "weekly_digest", "language": {"code": "ar"}}}, 400, 132015),
        ({"type": "template", "template": {"name": "campaign_paused", "language": {"code": "en_US"}}}, 400, 132000),
        ({"type": "template", "template": {"name": "campaign_paused"}}, 400, 100),
    ],
)
def test_what_is_refused_at_once(caller, body, status, number):
    answer = send(caller, {"to": KERRY, "type": "text", "text": {"body": "x"}, **body})
    assert code(answer) == (status, number)
    assert ledger(caller) == []


def test_parameters_that_break_lines_are_refused(caller):
    assert code(template(caller, "campaign_paused", "Spring\nSale", "1")) == (400, 132018)
    assert template(caller, "campaign_paused", "Spring    Sale", "1").status == 200


def test_a_text_that_is_too_long_with_its_values_is_refused(caller):
    def budget_of(name):
        body = {"type": "body", "parameters": [{"type": "text", "text": name}, {"type": "text", "text": "9.00"}]}
        button = {"type": "button", "sub_type": "url", "index": "2", "parameters": [{"type": "text", "text": "7"}]}
        return template(caller, "budget_alert", number=OFFERS, components=[body, button])

    own = len("Campaign  has spent 9.00 today, more than its limit.")
    assert budget_of("x" * (1024 - own)).status == 200
    assert code(budget_of("x" * (1025 - own))) == (400, 132005)
    # Without other parts there is more room.
    assert template(caller, "campaign_paused", "x" * 2000, "1").status == 200
    assert code(template(caller, "campaign_paused", "x" * 32_768, "1")) == (400, 132005)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "button", "en_US", "campaign_paused"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_MEMBERS), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(kind=st.sampled_from(["text", "template", "interactive", "image", "reaction"]), part=_JSON, name=st.booleans())
def test_no_body_is_too_strange_to_be_answered(shared, kind, part, name):
    if name and isinstance(part, dict):
        part |= {"name": "campaign_paused", "language": {"code": "en_US"}}
    shared.control("whatsapp/limits", "POST", per_second=0, pair_burst=0)
    answer = send(shared, {"to": KERRY, "type": kind, kind: part})
    assert answer.status in (200, 400, 404)
    body = {"name": part, "language": "en_US", "category": "UTILITY", "components": part}
    made = call(shared, "POST", f"{NORTHWIND.id}/message_templates", json_body=body)
    assert made.status == 400


def test_longest_text_is_taken(caller):
    assert text(caller, "x" * 4096).status == 200


def test_buttons_of_an_interactive_message(caller):
    def asking(*titles):
        buttons = [{"type": "reply", "reply": {"id": f"b{at}", "title": title}} for at, title in enumerate(titles)]
        part = {"type": "button", "body": {"text": "Pause it?"}, "action": {"buttons": buttons}}
        return send(caller, {"to": KERRY, "type": "interactive", "interactive": part})

    assert asking("Pause", "Keep").status == 200
    assert code(asking("a", "b", "c", "d")) == (400, 131009)
    assert code(asking("x" * 21)) == (400, 131009)
    assert code(asking()) == (400, 131009)


def test_a_template_with_header_and_buttons(caller):
    parts = [
        {"type": "body", "parameters": [{"type": "text", "text": "Sale"}, {"type": "text", "text": "9.00"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [
            {"type": "payload", "payload": "pause:7"}]},
        {"type": "button", "sub_type": "url", "index": "2", "parameters": [{"type": "text", "text": "7"}]},
    ]  # fmt: skip
    answer = template(caller, "budget_alert", number=OFFERS, components=parts)
    assert answer.status == 200
    content = caller.world.whatsapp.messages[wamid(answer)].content
    assert (content.header, content.text) == (
        "Budget alert",
        "Campaign Sale has spent 9.00 today, more than its limit.",
    )
    assert [(one.kind, one.value) for one in content.buttons] == [
        ("quick", "pause:7"),
        ("quick", "Stop alerts"),
        ("link", "https://stratum.example/campaigns/7/"),
    ]
    assert code(template(caller, "budget_alert", number=OFFERS, components=parts[:2])) == (400, 131008)


# --- limits ------------------------------------------------------------------------------------------------


def test_the_pair_limit_lets_45_through_then_one_in_six_seconds(caller):
    answers = [template(caller).status for _one in range(46)]
    assert answers == [200] * 45 + [429]
    assert code(template(caller)) == (429, 131056)
    assert template(caller, to="16505559999").status == 200
    assert template(caller, "budget_alert", number=OFFERS, components=[]).status == 400  # a refusal counts nothing
    caller.wall.at += 6
    assert template(caller).status == 200
    assert code(template(caller)) == (429, 131056)


def test_the_throughput_of_a_number(caller):
    answers = [template(caller, to=f"1650555{at:04d}").status for at in range(1000, 1081)]
    assert answers == [200] * 80 + [429]
    assert code(template(caller, to="16505557777")) == (429, 130429)
    assert template(caller, to="16505557777", number=REPORTS).status == 200
    caller.wall.at += 1
    assert template(caller, to="16505557777").status == 200


def test_limits_are_scaled(caller):
    assert caller.control("whatsapp/limits", "POST", pair_burst=0, per_second=0)["pair_seconds"] == 6
    assert {template(caller).status for _one in range(100)} == {200}
    wrong = caller.send("POST", "/_control/whatsapp/limits", json_body={"per_second": -1})
    assert wrong.status == 400
    assert caller.send("POST", "/_control/whatsapp/limits", json_body={"per_week": 1}).status == 404


# --- faults ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "number"),
    [
        ({"kind": "rate_limit"}, 429, 130429),
        ({"kind": "rate_limit", "variant": "pair"}, 429, 131056),
        ({"kind": "rate_limit", "variant": "account"}, 429, 80007),
        ({"kind": "server_error"}, 500, 131000),
        ({"kind": "server_error", "variant": "unavailable"}, 503, 131016),
        ({"kind": "token_expired"}, 401, 190),
        ({"kind": "token_revoked"}, 401, 190),
        ({"kind": "permission_revoked"}, 403, 10),
        ({"kind": "permission_revoked", "variant": "policy"}, 403, 368),
    ],
)
def test_faults_come_instead_of_a_message(caller, fault, status, number):
    caller.fault(platform="whatsapp", account=NORTHWIND.id, endpoint="messages", **fault)
    assert call(caller, "GET", ALERTS).status == 200
    assert template(caller, "summer_offer", "a", "b", number=OFFERS).status == 200
    answer = template(caller)
    assert code(answer) == (status, number)
    assert ledger(caller, waba=NORTHWIND.id) == []
    assert template(caller).status == 200


def test_faults_of_the_connection(caller):
    caller.fault("html_gateway", platform="whatsapp")
    assert template(caller).headers["content-type"].startswith("text/html")
    caller.fault("connection_reset", platform="whatsapp")
    assert template(caller).response.reset
    caller.fault("truncated", platform="whatsapp")
    cut = template(caller).response
    assert cut.keep == len(cut.body) // 2
    caller.fault("slow", platform="whatsapp", seconds=3)
    assert template(caller).response.delay == 3
    assert len(ledger(caller)) == 2  # only the last two were accepted


def test_faults_of_ads_leave_whatsapp_alone(caller):
    caller.fault("server_error", platform="meta")
    assert template(caller).status == 200


def test_an_answer_can_be_lost_although_the_message_is_accepted(caller):
    caller.control("whatsapp/modes", "POST", lose=1)
    assert template(caller, biz_opaque_callback_data="msg:9").response.reset
    assert len(ledger(caller, biz_opaque_callback_data="msg:9")) == 1
    caller.control("whatsapp/modes", "POST", lose=1, lose_how="late", lose_seconds=2.5)
    assert template(caller).response.delay == 2.5
    assert template(caller).response.delay == 0


# --- control -----------------------------------------------------------------------------------------------


def test_the_window_opens_with_what_a_person_writes(caller):
    assert text(caller).status == 200
    assert caller.world.whatsapp.messages[ledger(caller)[0]["id"]].doom == 131047
    caller.control("whatsapp/person", "POST", wa_id=KERRY, **WINDOW)
    text(caller)
    assert caller.world.whatsapp.messages[ledger(caller)[1]["id"]].doom is None
    text(caller, number=REPORTS)  # the other number's window is its own
    assert caller.world.whatsapp.messages[ledger(caller)[2]["id"]].doom == 131047
    caller.wall.at += 24 * 3600
    text(caller)
    assert caller.world.whatsapp.messages[ledger(caller)[3]["id"]].doom == 131047


@pytest.mark.parametrize(
    "fields", [{"lose_how": "never"}, {"batch": 0}, {"batch": 1001}, {"delay": -1}, {"delay": "soon"}]
)
def test_modes_that_make_no_sense_change_nothing(caller, fields):
    before = caller.control("whatsapp")["modes"]
    answer = caller.send("POST", "/_control/whatsapp/modes", json_body={"silent": True, **fields})
    assert answer.status == 400
    assert caller.control("whatsapp")["modes"] == before
    assert caller.send("POST", "/_control/whatsapp/modes", json_body={"loud": 1}).status == 404


def test_the_overview_tells_ids_and_tokens(caller):
    found = caller.control("whatsapp")
    assert [(one["waba"], one["token"]) for one in found["businesses"]] == [
        (NORTHWIND.id, "EAAsandbox-whatsapp-northwind"),
        (GLOBEX.id, "EAAsandbox-whatsapp-globex"),
    ]
    assert found["app_secret"] == "sandbox-app-secret"
    assert "POST /_control/whatsapp/modes" in caller.control("")["known"]


def test_clear_forgets_messages_and_modes(caller):
    template(caller)
    caller.control("whatsapp/modes", "POST", silent=True)
    assert caller.control("whatsapp/clear", "POST") == {"cleared": 1}
    found = caller.control("whatsapp")
    assert (found["messages"], found["pending"], found["modes"]["silent"]) == (0, 0, False)
