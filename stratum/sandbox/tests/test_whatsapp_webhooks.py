"""The simulated WhatsApp's webhooks: signed, in Meta's shapes, in every order in which life brings them."""

from collections import Counter

import pytest

from stratum.sandbox.tests.live import LiveSandbox, serving
from stratum.sandbox.tests.receiver import VERIFY_TOKEN, receiving
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
    wamid,
)
from stratum.sandbox.tests.whatsapp_samples import webhook
from stratum.sandbox.whatsapp.courier import signature
from stratum.sandbox.wire import names

QUICK = {"sent_after": 0.02, "delivered_after": 0.05, "retry_after": 0.05, "approve_after": 0.05}


@pytest.fixture
def received():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def quick(caller, received):
    """A sandbox whose webhooks come soon, one by one, to the receiver."""
    caller.control("whatsapp/callback", "POST", url=received.url)
    caller.control("whatsapp/modes", "POST", batch=1, **QUICK)
    yield caller
    caller.sandbox.close()


def modes(caller, **wanted):
    return caller.control("whatsapp/modes", "POST", **wanted)


def quiet(caller):
    return caller.control("whatsapp")["pending"] == 0


# --- subscribing -------------------------------------------------------------------------------------------


def subscribe(caller, **fields):
    return call(caller, "POST", f"{NORTHWIND.id}/subscribed_apps", json_body=fields)


def test_an_address_of_its_own_is_asked_before_it_is_used(caller, received):
    override = {"override_callback_uri": received.url, "verify_token": VERIFY_TOKEN}
    early = subscribe(caller, **override)
    assert code(early) == (400, 100)
    assert "must be subscribed" in early.json["error"]["message"]
    assert subscribe(caller).json == {"success": True}
    (app,) = call(caller, "GET", f"{NORTHWIND.id}/subscribed_apps").json["data"]
    assert "override_callback_uri" not in app
    wrong = subscribe(caller, override_callback_uri=received.url, verify_token="other")
    assert code(wrong) == (400, 2200)
    assert "HTTP Status Code = 403" in wrong.json["error"]["message"]
    form = call(caller, "POST", f"{NORTHWIND.id}/subscribed_apps", form=override)
    assert form.json == {"success": True}
    (app,) = call(caller, "GET", f"{NORTHWIND.id}/subscribed_apps").json["data"]
    assert app["override_callback_uri"] == received.url
    assert app["whatsapp_business_api_data"]["name"] == "Stratum"
    assert call(caller, "DELETE", f"{NORTHWIND.id}/subscribed_apps").json == {"success": True}
    assert call(caller, "GET", f"{NORTHWIND.id}/subscribed_apps").json == {"data": []}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "nowhere"])
def test_an_address_that_answers_nothing_is_refused(caller, url):
    subscribe(caller)
    answer = subscribe(caller, override_callback_uri=url, verify_token="x")
    assert code(answer) == (400, 2200)


def test_nobody_is_told_without_a_subscription(caller, received, until):
    modes(caller, **QUICK)
    template(caller)
    until(lambda: ledger(caller)[0]["status"] == "delivered")
    assert received.posts == []
    assert [one["answers"] for one in ledger(caller)[0]["events"]] == [[], []]


# --- shapes ------------------------------------------------------------------------------------------------


def test_statuses_have_the_recorded_shapes(quick, received):
    modes(quick, read_after=0.02)
    sent = template(quick, biz_opaque_callback_data="msg:43")
    received.wait(lambda: received.words() == ["sent", "delivered", "read"])
    assert {one["id"] for one in received.values("statuses")} == {wamid(sent)}
    for post, name in zip(received.posts, ("status_sent", "status_delivered_after_failed", "status_read"), strict=True):
        assert differences(shape_of(webhook(name)), post, frozenset()) == []
    first = received.values("statuses")[0]
    assert (first["biz_opaque_callback_data"], first["pricing"]["category"]) == ("msg:43", "utility")
    assert first["timestamp"].isdigit()
    received.wait(lambda: quiet(quick))
    assert [one["answers"] for one in ledger(quick)[0]["events"]] == [[200], [200], [200]]


def test_every_post_is_signed_over_its_bytes(quick, received):
    quick.control("whatsapp/say", "POST", wa_id=KERRY, name="Júlia /x", text="Szia ✓")
    received.wait(lambda: received.posts)
    raw, headers = received.raw[0], received.headers[0]
    assert headers["X-Hub-Signature-256"] == signature(raw)
    assert headers["User-Agent"] == "facebookexternalua"
    assert raw.isascii()
    assert b"\\u00fa" in raw
    assert b"\\/x" in raw


@pytest.mark.parametrize(
    ("doing", "name"),
    [
        ("text", "inbound_text_stop"),
        ("quick", "inbound_template_quick_reply"),
        ("reply", "inbound_button_reply"),
        ("list", "inbound_list_reply"),
        ("hidden", "inbound_bsuid_only"),
        ("stop", "user_preferences_stop"),
        ("change", "system_user_changed_number"),
        ("approved", "template_status_approved"),
        ("rejected", "template_status_rejected"),
        ("paused", "template_status_paused"),
        ("category", "template_category"),
        ("quality", "template_quality"),
        ("restricted", "account_update_restriction"),
    ],
)
def test_what_else_is_told_has_the_recorded_shape(quick, received, doing, name):
    DOINGS[doing](quick)
    received.wait(lambda: [one for one in received.posts if "statuses" not in one["entry"][0]["changes"][0]["value"]])
    post = next(one for one in received.posts if "statuses" not in one["entry"][0]["changes"][0]["value"])
    assert differences(shape_of(webhook(name)), post, frozenset()) == []
    assert post["entry"][0]["changes"][0]["field"] == webhook(name)["entry"][0]["changes"][0]["field"]


def asking(caller, part):
    return wamid(send(caller, {"to": KERRY, "type": "interactive", "interactive": part}))


def _reply(caller):
    buttons = [{"type": "reply", "reply": {"id": "pause:7", "title": "Pause"}}]
    asked = asking(caller, {"type": "button", "body": {"text": "Pause?"}, "action": {"buttons": buttons}})
    return caller.control("whatsapp/say", "POST", id=asked, button="Pause")


def _list(caller):
    rows = [{"id": "row-1", "title": "Daily digest"}]
    action = {"button": "Choose", "sections": [{"title": "Digests", "rows": rows}]}
    asked = asking(caller, {"type": "list", "body": {"text": "Which?"}, "action": action})
    return caller.control("whatsapp/say", "POST", id=asked, button="Daily digest")


def _quick_reply(caller):
    asked = wamid(template(caller, "summer_offer", number=OFFERS))
    return caller.control("whatsapp/say", "POST", id=asked, button="Stop promotions")


def _person(caller, **fields):
    caller.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi") if "changed_to" in fields else None
    return caller.control("whatsapp/person", "POST", wa_id=KERRY, phone_number_id=ALERTS, **fields)


def _hidden(caller):
    caller.control("whatsapp/person", "POST", wa_id=KERRY, username="kfisher")
    return caller.control("whatsapp/say", "POST", wa_id=KERRY, text="STOP")


def _changed(caller):
    modes(caller, silent=True)
    caller.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi")
    modes(caller, silent=False)
    return caller.control("whatsapp/person", "POST", wa_id=KERRY, changed_to="16505559999")


def _decided(**fields):
    return lambda caller: caller.control(
        "whatsapp/template", "POST", waba=NORTHWIND.id, name="campaign_paused", **fields
    )


DOINGS = {
    "text": lambda caller: caller.control("whatsapp/say", "POST", wa_id=KERRY, text=" Stop. "),
    "quick": _quick_reply,
    "reply": _reply,
    "list": _list,
    "hidden": _hidden,
    "stop": lambda caller: caller.control("whatsapp/person", "POST", wa_id=KERRY, stopped=True),
    "change": _changed,
    "approved": _decided(status="APPROVED"),
    "rejected": _decided(status="REJECTED", reason="INVALID_FORMAT"),
    "paused": _decided(status="PAUSED"),
    "category": _decided(category="MARKETING"),
    "quality": _decided(quality="YELLOW"),
    "restricted": lambda caller: caller.control("whatsapp/account", "POST", waba=NORTHWIND.id, code=368),
}


def test_who_hides_the_number_is_told_of_without_it(quick, received):
    caller = quick
    caller.control("whatsapp/person", "POST", wa_id=KERRY, username="kfisher")
    template(caller)
    received.wait(lambda: received.words() == ["sent", "delivered"])
    assert KERRY not in received.raw[0].decode().replace("wamid", "")
    assert received.values("statuses")[0]["recipient_user_id"].startswith("US.")


def test_a_new_number_keeps_the_chat(quick, received):
    quick.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi")
    person = quick.control("whatsapp/person", "POST", wa_id=KERRY, changed_to="16505559999")
    assert person["window_open"][ALERTS]
    received.wait(lambda: len(received.values("messages")) == 2)
    system = received.values("messages")[1]
    assert (system["from"], system["system"]["wa_id"]) == (KERRY, "16505559999")
    taken = quick.send("POST", "/_control/whatsapp/person", json_body={"wa_id": KERRY, "changed_to": "16505559999"})
    assert taken.status == 400


# --- how messages fare -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doing", "number"),
    [
        (lambda caller: template(caller, to="16505550404"), 131026),
        (lambda caller: text(caller), 131047),
        (lambda caller: template(caller, "summer_offer", number=OFFERS), 131050),
    ],
)
def test_what_fails_after_it_was_accepted(quick, received, doing, number):
    quick.control("whatsapp/person", "POST", wa_id=KERRY, phone_number_id=OFFERS, stopped=True)
    assert doing(quick).status == 200
    received.wait(lambda: received.words() == ["failed"])
    post = next(one for one in received.posts if "statuses" in one["entry"][0]["changes"][0]["value"])
    optional = frozenset({"biz_opaque_callback_data"})
    assert differences(shape_of(webhook("status_failed_131026")), post, optional) == []
    (status,) = received.values("statuses")
    assert status["errors"][0]["code"] == number
    received.wait(lambda: quiet(quick))
    assert ledger(quick)[0]["events"][0]["code"] == number


def test_the_next_messages_fail_with_a_code(quick, received):
    quick.control("whatsapp/failures", "POST", code=131049, count=2)
    quick.control("whatsapp/failures", "POST", code=130472, to="+1 650 555 7777")
    for to in (KERRY, "16505557777", KERRY, KERRY, "16505557777"):
        template(quick, to=to)
    received.wait(lambda: quiet(quick))
    codes = [one.get("errors", [{}])[0].get("code") for one in received.values("statuses")]
    assert Counter(codes) == {131049: 2, 130472: 1, None: 4}
    assert quick.control("whatsapp")["failures"] == []


def test_a_message_waits_for_a_phone_that_is_off(quick, received):
    quick.control("whatsapp/person", "POST", wa_id=KERRY, phone_off=True)
    template(quick)
    received.wait(lambda: received.words() == ["sent"] and quiet(quick))
    assert quick.control("whatsapp/read", "POST", wa_id=KERRY) == {"read": 0}
    quick.control("whatsapp/person", "POST", wa_id=KERRY, phone_off=False)
    received.wait(lambda: received.words() == ["sent", "delivered"])
    assert quick.control("whatsapp/read", "POST", wa_id=KERRY) == {"read": 1}
    received.wait(lambda: received.words() == ["sent", "delivered", "read"])
    assert quick.control("whatsapp/read", "POST", wa_id=KERRY) == {"read": 0}


def test_a_held_message_waits_until_it_is_released(quick, received):
    modes(quick, held=1)
    held, free = template(quick), template(quick)
    assert held.json["messages"][0]["message_status"] == "held_for_quality_assessment"
    received.wait(lambda: received.words() == ["sent", "delivered"] and quiet(quick))
    assert {one["id"] for one in received.values("statuses")} == {wamid(free)}
    quick.control("whatsapp/release", "POST", id=wamid(held))
    received.wait(lambda: len(received.words()) == 4)


# --- how webhooks go out -----------------------------------------------------------------------------------


def test_reordered(quick, received):
    modes(quick, reorder=True)
    template(quick)
    received.wait(lambda: len(received.words()) == 2)
    late, early = received.values("statuses")
    assert received.words() == ["delivered", "sent"]
    assert int(early["timestamp"]) <= int(late["timestamp"])


def test_duplicated(quick, received):
    modes(quick, duplicates=2)
    template(quick)
    received.wait(lambda: quiet(quick))
    assert Counter(received.words()) == {"sent": 3, "delivered": 3}
    assert [one["answers"] for one in ledger(quick)[0]["events"]] == [[200] * 3, [200] * 3]


def test_silent(quick, received, until):
    modes(quick, silent=True)
    template(quick)
    until(lambda: ledger(quick)[0]["status"] == "delivered")
    assert received.posts == []


def test_delayed_until_flushed(quick, received, until):
    modes(quick, delay=30)
    template(quick)
    until(lambda: ledger(quick)[0]["status"] == "delivered")
    assert received.posts == []
    assert quick.control("whatsapp/flush", "POST") == {"pending": 2}
    received.wait(lambda: received.words() == ["sent", "delivered"])


def test_several_changes_of_several_businesses_in_one_post(quick, received):
    modes(quick, delay=30, batch=100)
    quick.control("whatsapp/say", "POST", wa_id=KERRY, text="one")
    quick.control("whatsapp/say", "POST", wa_id=KERRY, text="two", phone_number_id=OFFERS)
    for number in (ALERTS, ALERTS, REPORTS):
        template(quick, number=number)
    quick.control("whatsapp/template", "POST", waba=GLOBEX.id, name="budget_alert", quality="RED")
    received.wait(lambda: [one["status"] for one in ledger(quick)] == ["delivered"] * 3)
    quick.control("whatsapp/flush", "POST")
    received.wait(lambda: quiet(quick))
    (post,) = received.posts
    assert differences(shape_of(webhook("batch_several_entries")), post, _OPTIONAL) == []
    assert {entry["id"] for entry in post["entry"]} == {NORTHWIND.id, GLOBEX.id}
    assert any(len(entry["changes"]) > 1 for entry in post["entry"])
    assert any(len(change["value"].get("statuses", [])) > 1 for change in received.changes())
    assert Counter(received.words()) == {"sent": 3, "delivered": 3}
    assert [one["text"]["body"] for one in received.values("messages")] == ["one", "two"]


# Statuses may have what only one of the recorded ones shows; the quality's fields are another sample's.
_OPTIONAL = names("expiration_timestamp biz_opaque_callback_data new_quality_score previous_quality_score event reason")


def test_gathered(quick, received):
    modes(quick, gather=0.4, batch=100)
    for _one in range(5):
        template(quick)
    received.wait(lambda: len(received.words()) == 10)
    assert len(received.posts) < 10


def test_repeated_until_it_is_taken(quick, received):
    received.answers = [500, 503]
    text(quick)
    received.wait(lambda: quiet(quick))
    assert received.words() == ["failed"] * 3
    assert len(set(received.raw)) == 1  # the same bytes each time
    assert ledger(quick)[0]["events"][0]["answers"] == [500, 503, 200]


def test_repeated_some_times_only(quick, received):
    modes(quick, retries=2, retry_after=0.01)
    received.answers = [500] * 10
    quick.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi")
    received.wait(lambda: quiet(quick))
    assert len(received.posts) == 3


def test_a_receiver_that_is_gone_is_tried_again(quick, received):
    quick.control("whatsapp/callback", "POST", url="http://127.0.0.1:1/")
    template(quick)
    received.wait(lambda: ledger(quick)[0]["events"][:1] and ledger(quick)[0]["events"][0]["answers"][:1] == [0])
    assert quick.control("whatsapp")["pending"] > 0


def test_early_statuses_come_before_the_answer(quick, received):
    modes(quick, early=True)
    sent = template(quick, biz_opaque_callback_data="msg:44")
    assert received.words() == ["sent", "delivered"]
    status = received.values("statuses")[0]
    assert (status["id"], status["biz_opaque_callback_data"]) == (wamid(sent), "msg:44")


def test_messages_go_to_the_businesss_address_and_the_rest_to_the_apps(quick, received):
    with receiving() as own:
        quick.control("whatsapp/callback", "POST", url=own.url, waba=NORTHWIND.id)
        quick.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi")
        quick.control("whatsapp/template", "POST", waba=NORTHWIND.id, name="campaign_paused", status="PAUSED")
        quick.control("whatsapp/say", "POST", wa_id=KERRY, text="Hi", phone_number_id=OFFERS)
        received.wait(lambda: quiet(quick))
        assert [one["field"] for one in own.changes()] == ["messages"]
        assert [one["field"] for one in received.changes()] == ["message_template_status_update", "messages"]


# --- on a socket -------------------------------------------------------------------------------------------


def test_ten_thousand_messages_drain(received):
    sandbox = LiveSandbox()
    sandbox.control("whatsapp/callback", "POST", url=received.url)
    sandbox.control("whatsapp/limits", "POST", per_second=0, pair_burst=0)
    modes(sandbox, batch=500, **QUICK)
    with serving(sandbox):
        for at in range(10_000):
            template(sandbox, to=f"1650{at:07d}", biz_opaque_callback_data=f"msg:{at}")
        received.wait(lambda: quiet(sandbox), seconds=120)
    # Numbers that end in 0404 are not on WhatsApp: one of the ten thousand.
    assert Counter(received.words()) == {"sent": 9_999, "delivered": 9_999, "failed": 1}
    told = {one["biz_opaque_callback_data"] for one in received.values("statuses")}
    assert told == {f"msg:{at}" for at in range(10_000)}


def test_the_courier_ends_with_the_server(received):
    sandbox = LiveSandbox()
    sandbox.control("whatsapp/callback", "POST", url=received.url)
    modes(sandbox, sent_after=30)
    with serving(sandbox):
        template(sandbox)
        thread = sandbox.world.whatsapp.courier._thread
        assert thread.is_alive()
    assert not thread.is_alive()
    assert received.posts == []


def test_a_window_that_is_open_lets_text_through(quick, received):
    quick.control("whatsapp/person", "POST", wa_id=KERRY, **WINDOW)
    text(quick)
    received.wait(lambda: received.words() == ["sent", "delivered"])
    pricing = received.values("statuses")[0]["pricing"]
    assert (pricing["billable"], pricing["category"], pricing["type"]) == (False, "service", "free_customer_service")
