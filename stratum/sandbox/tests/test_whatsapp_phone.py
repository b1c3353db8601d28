"""The phone's pages: what people see, and that what they do there reaches a webhook."""

import re

import pytest

from stratum.sandbox.tests.receiver import receiving
from stratum.sandbox.tests.whatsapp_caller import (
    ALERTS,
    KERRY,
    NORTHWIND,
    OFFERS,
    REPORTS,
    ledger,
    send,
    template,
    text,
    upload,
    wamid,
)

CHAT = f"/phone/{ALERTS}/{KERRY}/"
START = {"from": "+1 650 555 1234", "name": "Kerry Fisher", "to": ALERTS, "text": "Good morning"}


@pytest.fixture
def phone(caller):
    """A sandbox whose webhooks go to a receiver, and that receiver."""
    with receiving() as receiver:
        caller.control("whatsapp/callback", "POST", url=receiver.url)
        caller.control("whatsapp/modes", "POST", batch=1, sent_after=0.01, delivered_after=0.02)
        yield caller, receiver
        caller.sandbox.close()


def page(caller, path=CHAT):
    answer = caller.send("GET", path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def do(caller, path=CHAT, **form):
    answer = caller.send("POST", path, form=form)
    assert answer.status == 303, answer.text
    return page(caller, answer.headers["location"])


def delivered(caller, receiver, count=1):
    receiver.wait(lambda: [one["status"] for one in ledger(caller)].count("delivered") == count)


def test_an_empty_phone_says_how_to_begin(caller):
    shown = page(caller, "/phone/")
    assert "Nobody has written yet" in shown
    assert "EAAsandbox-whatsapp-northwind" in shown
    assert 'href="/phone/"' in caller.send("GET", "/").text


def test_a_person_writes_first(phone):
    caller, receiver = phone
    shown = do(caller, "/phone/", **START)
    assert "Good morning" in shown
    receiver.wait(lambda: receiver.values("messages"))
    (message,) = receiver.values("messages")
    (contact,) = receiver.values("contacts")
    assert (message["from"], message["type"], message["text"]) == (KERRY, "text", {"body": "Good morning"})
    assert message["from_user_id"] == contact["user_id"]
    assert (contact["wa_id"], contact["profile"]["name"]) == (KERRY, "Kerry Fisher")
    assert message["timestamp"].isdigit()


def test_an_answer_reaches_the_webhook_and_opens_the_window(phone):
    caller, receiver = phone
    template(caller)
    assert "Only templates reach this chat now" in page(caller)
    assert "may write freely" in do(caller, do="say", text="Thanks")
    receiver.wait(lambda: [one["text"]["body"] for one in receiver.values("messages")] == ["Thanks"])
    assert text(caller).status == 200
    delivered(caller, receiver, 2)


def test_opening_a_chat_reads_it(phone):
    caller, receiver = phone
    template(caller)
    delivered(caller, receiver)
    assert "<b>1<i> unread</i></b>" in page(caller, "/phone/")
    assert 'aria-label="read"' in page(caller)
    receiver.wait(lambda: receiver.words() == ["sent", "delivered", "read"])
    assert "unread" not in page(caller, "/phone/")


def test_quick_replies_are_tapped(phone):
    caller, receiver = phone
    sent = wamid(template(caller, "summer_offer", "Kerry", "31 August", number=OFFERS))
    path = f"/phone/{OFFERS}/{KERRY}/"
    shown = page(caller, path)
    assert "Hello Kerry, the summer offer ends on 31 August." in shown
    assert "Stop promotions" in shown
    do(caller, path, do="tap", id=sent, button="0")
    receiver.wait(lambda: receiver.values("messages"))
    (message,) = receiver.values("messages")
    assert message["button"] == {"payload": "Stop promotions", "text": "Stop promotions"}
    assert message["context"] == {"from": "15550783999", "id": sent}
    assert caller.send("POST", path, form={"do": "tap", "id": sent, "button": "9"}).status == 400
    assert caller.send("POST", path, form={"do": "tap", "id": "wamid.gone", "button": "0"}).status == 400


def test_switches_of_the_phone(phone):
    caller, receiver = phone
    do(caller, "/phone/", **START)
    assert "Turn the phone on" in do(caller, do="off")
    assert "Turn the phone off" in do(caller, do="on")
    assert "marketing stopped" in do(caller, do="stop")
    assert "marketing allowed" in do(caller, do="resume")
    assert "seen as @kerry.fisher" in do(caller, do="hide")
    do(caller, do="show")
    receiver.wait(lambda: [one["value"] for one in receiver.values("user_preferences")] == ["stop", "resume"])
    moved = do(caller, do="change", number="+1 650 555 9999")
    assert "+16505559999" in moved
    assert "Good morning" in moved
    assert caller.send("GET", CHAT).status == 404
    receiver.wait(lambda: [one["type"] for one in receiver.values("messages")] == ["text", "system"])
    new = f"/phone/{ALERTS}/16505559999/"
    assert caller.send("POST", new, form={"do": "change", "number": "one"}).status == 400


def test_a_message_that_failed_says_why(phone):
    caller, receiver = phone
    text(caller)
    receiver.wait(lambda: receiver.words() == ["failed"])
    assert "Not delivered: 131047 Re-engagement message" in page(caller)


def test_files_are_shown_and_served(caller):
    data = b"\x89PNG\r\n\x1a\n"
    media = upload(caller, data).json["id"]
    send(caller, {"to": KERRY, "type": "image", "image": {"id": media, "caption": "Spend"}})
    assert f'<img src="/phone/media/{media}"' in page(caller)
    file = caller.send("GET", f"/phone/media/{media}")
    assert (file.response.body, file.headers["content-type"]) == (data, "image/png")
    other = upload(caller, b"%PDF", "application/pdf", "report.pdf").json["id"]
    send(caller, {"to": KERRY, "type": "document", "document": {"id": other, "filename": "report.pdf"}})
    assert "report.pdf" in page(caller)
    assert caller.send("GET", f"/phone/media/{other}").headers["content-disposition"] == "attachment"
    assert caller.send("GET", "/phone/media/1").status == 404


def test_nothing_in_a_message_becomes_a_page(caller):
    name = "<img src=x onerror=alert(1)>"
    caller.send("POST", "/phone/", form={**START, "name": name, "text": "<script>alert(1)</script>"})
    send(caller, {"to": KERRY, "type": "text", "text": {"body": 'see https://x.example/"onclick=alert(1) *b<i>*'}})
    link = {"display_text": "Open", "url": "javascript:alert(1)"}
    part = {"type": "cta_url", "body": {"text": "x"}, "action": {"parameters": link}}
    send(caller, {"to": KERRY, "type": "interactive", "interactive": part})
    for shown in (page(caller), page(caller, "/phone/")):
        assert "<script>" not in shown
        assert "<img src=x" not in shown
        assert "<i>*" not in shown
        assert 'href="javascript' not in shown
        assert "onclick" not in "".join(re.findall(r"<a [^>]*>", shown))


def test_markup_of_messages(caller):
    caller.control("whatsapp/person", "POST", wa_id=KERRY, window="open")
    text(caller, "*Spend* is _up_ ~down~ snake_case_name https://stratum.example/a_b_c/?x=1&y=2.")
    shown = page(caller)
    assert "<strong>Spend</strong> is <em>up</em> <s>down</s> snake_case_name" in shown
    link = "https://stratum.example/a_b_c/?x=1&amp;y=2"
    assert f'<a href="{link}" rel="noreferrer">{link}</a>.' in shown


def test_pages_elsewhere_steer_nothing(caller):
    headers = {"Origin": "https://evil.example"}
    answer = caller.send("POST", "/phone/", form=START, headers=headers)
    assert answer.status == 403
    assert caller.control("whatsapp/said")["said"] == []


@pytest.mark.parametrize("form", [{"from": "x"}, {"to": "1"}, {"text": " "}])
def test_a_start_that_lacks_something_says_so(caller, form):
    answer = caller.send("POST", "/phone/", form={**START, **form})
    assert answer.status == 400
    assert 'role="alert"' in answer.text


def test_each_number_of_a_business_has_its_chat(caller):
    template(caller)
    template(caller, number=REPORTS)
    shown = page(caller, "/phone/")
    assert f"/phone/{ALERTS}/{KERRY}/" in shown
    assert f"/phone/{REPORTS}/{KERRY}/" in shown
    template(caller, to="16505550404")  # not on WhatsApp: there is no phone to show
    assert "16505550404" not in page(caller, "/phone/")


def test_the_script_refreshes_the_parts_that_are_there(caller):
    script = caller.send("GET", "/phone/refresh.js")
    assert script.headers["content-type"].startswith("text/javascript")
    template(caller)
    for part in ("live-chats", "live-lines"):
        assert part in script.text
        assert f'id="{part}"' in page(caller)
    assert NORTHWIND.token not in page(caller)
