"""The simulated WhatsApp's templates and their review, and the files that businesses upload."""

import os

import pytest

from stratum.sandbox.tests.caller import Caller
from stratum.sandbox.tests.whatsapp_caller import ALERTS, KERRY, NORTHWIND, call, code, send, template, upload
from stratum.sandbox.tests.whatsapp_samples import OUT


def test_pages_of_templates_are_the_recorded_ones(caller):
    first, last = OUT["templates_page1"], OUT["templates_page2"]
    query = dict(first["request"]["query"])
    one = call(caller, "GET", f"{NORTHWIND.id}/message_templates", query)
    assert one.json["data"] == first["body"]["data"]
    after = one.json["paging"]["cursors"]["after"]
    two = call(caller, "GET", f"{NORTHWIND.id}/message_templates", {**query, "after": after})
    assert two.json["data"] == last["body"]["data"]
    assert "next" not in two.json["paging"]
    followed = caller.send("GET", *one.json["paging"]["next"].removeprefix("http://sandbox.test").split("?"),
                           headers={"Authorization": f"Bearer {NORTHWIND.token}"})  # fmt: skip
    assert followed.json["data"] == two.json["data"]


# --- templates ---------------------------------------------------------------------------------------------

BODY = {"type": "BODY", "text": "Hello {{1}}!", "example": {"body_text": [["Kerry"]]}}


def create(caller, name="greeting", components=(BODY,), **fields):
    body = {"name": name, "language": "en_US", "category": "UTILITY", "components": list(components), **fields}
    return call(caller, "POST", f"{NORTHWIND.id}/message_templates", json_body=body)


def shown(caller, name="greeting"):
    found = call(caller, "GET", f"{NORTHWIND.id}/message_templates", {"name": name, "fields": "status,rejected_reason"})
    return found.json["data"]


def test_a_new_template_is_reviewed(caller, until):
    caller.control("whatsapp/modes", "POST", approve_after=0.2)
    assert create(caller).json["status"] == "PENDING"
    assert code(template(caller, "greeting", "Kerry")) == (404, 132001)
    until(lambda: shown(caller)[0]["status"] == "APPROVED")
    assert template(caller, "greeting", "Kerry").status == 200
    create(caller, "reject_me")
    until(lambda: shown(caller, "reject_me")[0]["status"] == "REJECTED")
    assert shown(caller, "reject_me")[0]["rejected_reason"] == "INVALID_FORMAT"


def test_a_verification_template_gets_metas_text(caller):
    body = OUT["template_create_ok"]["request"]["body"]
    made = call(caller, "POST", f"{NORTHWIND.id}/message_templates", json_body={**body, "language": "de"})
    node = call(caller, "GET", made.json["id"], {"fields": "components,category"}).json
    recorded = OUT["templates_page1"]["body"]["data"][1]
    assert node == {"components": recorded["components"], "category": "AUTHENTICATION", "id": made.json["id"]}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Greeting"},
        {"name": "campaign_paused"},
        {"category": "NEWS"},
        {"language": "english"},
        {"components": []},
        {"components": [{"type": "BODY", "text": "Hello {{1}}!"}]},
        {"components": [{**BODY, "text": "Hello {{2}}!"}]},
        {"components": [{**BODY, "text": "Hello {{1}}"}]},
        {"components": [{**BODY, "text": "x" * 1025}]},
        {"category": "AUTHENTICATION"},
    ],
)
def test_templates_that_are_not_taken(caller, fields):
    assert code(create(caller, **fields)) == (400, 100)


def test_a_template_is_deleted_in_all_languages(caller):
    create(caller)
    create(caller, language="de")
    assert len(shown(caller)) == 2
    assert call(caller, "DELETE", f"{NORTHWIND.id}/message_templates", {"name": "greeting"}).json == {"success": True}
    assert shown(caller) == []
    assert code(call(caller, "DELETE", f"{NORTHWIND.id}/message_templates", {"name": "greeting"})) == (400, 100)


# --- media -------------------------------------------------------------------------------------------------


def test_media_come_back_unchanged_through_an_address_that_ends(caller):
    data = os.urandom(70_000) + b"\r\n--edg\n\r\r\n"
    media = upload(caller, data).json["id"]
    node = call(caller, "GET", media).json
    assert (node["file_size"], node["mime_type"], node["id"]) == (len(data), "image/png", media)
    path, query = node["url"].removeprefix("http://sandbox.test").split("?")
    own = {"Authorization": f"Bearer {NORTHWIND.token}"}
    assert caller.send("GET", path, query, headers=own).response.body == data
    assert caller.send("GET", path, query).status == 401
    caller.wall.at += 301
    assert caller.send("GET", path, query, headers=own).status == 404
    assert send(caller, {"to": KERRY, "type": "image", "image": {"id": media, "caption": "See"}}).status == 200
    assert call(caller, "DELETE", media).json == {"success": True}
    assert call(caller, "GET", media).json["error"]["error_subcode"] == 33


def test_files_that_are_not_taken(caller):
    assert "application/octet-stream" in upload(caller, b"x", "application/octet-stream").json["error"]["message"]
    assert code(upload(caller, b"x" * (5 * 1024 * 1024 + 1))) == (400, 100)
    assert code(call(caller, "POST", f"{ALERTS}/media", json_body={})) == (400, 100)


def test_subscriptions_and_templates_outlive_the_process(tmp_path):
    first = Caller(state=tmp_path)
    first.control("whatsapp/callback", "POST", url="http://127.0.0.1:1/hook", waba=NORTHWIND.id)
    create(first)
    call(first, "DELETE", f"{NORTHWIND.id}/message_templates", {"name": "abandoned_cart"})
    second = Caller(state=tmp_path)
    found = second.control("whatsapp")["businesses"][0]
    assert (found["subscribed"], found["callback"]) == (True, "http://127.0.0.1:1/hook")
    assert shown(second)[0]["status"] == "APPROVED"
    assert shown(second, "abandoned_cart") == []
    second.control("reset", "POST")
    assert second.control("whatsapp")["businesses"][0]["subscribed"] is False
