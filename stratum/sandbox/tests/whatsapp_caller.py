"""Calls of the simulated WhatsApp, as a business makes them."""

from typing import Any

from stratum.sandbox.tests.caller import Answer, Caller
from stratum.sandbox.whatsapp.directory import BUSINESSES, NUMBERS

NORTHWIND, GLOBEX = BUSINESSES.values()
ALERTS, REPORTS, OFFERS = NUMBERS
KERRY = "16505551234"
WINDOW = {"phone_number_id": ALERTS, "window": "open"}


def headers(waba: str = NORTHWIND.id) -> dict[str, str]:
    return {"Authorization": f"Bearer {BUSINESSES[waba].token}"}


def call(caller: Caller, method: str, path: str, query: Any = "", *, waba: str = NORTHWIND.id, **more: Any) -> Answer:
    return caller.send(method, f"/v23.0/{path}", query, headers={**headers(waba), **more.pop("headers", {})}, **more)


def send(caller: Caller, body: dict[str, Any], *, number: str = ALERTS) -> Answer:
    """POST a message; what every message has is added."""
    body = {"messaging_product": "whatsapp", "recipient_type": "individual", **body}
    return call(caller, "POST", f"{number}/messages", waba=NUMBERS[number].waba, json_body=body)


def text(caller: Caller, words: str = "Hello", *, to: str = KERRY, number: str = ALERTS, **more: Any) -> Answer:
    return send(caller, {"to": to, "type": "text", "text": {"body": words}, **more}, number=number)


def template(
    caller: Caller,
    name: str = "campaign_paused",
    *values: str,
    to: str = KERRY,
    number: str = ALERTS,
    language: str = "en_US",
    components: Any = None,
    **more: Any,
) -> Answer:
    """POST a template message; `values` are its body's parameters."""
    values = values or ("Spring Sale", "12.50")
    body = [{"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}]
    part = {"name": name, "language": {"code": language}, "components": body if components is None else components}
    return send(caller, {"to": to, "type": "template", "template": part, **more}, number=number)


def wamid(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    found: str = answer.json["messages"][0]["id"]
    return found


def code(answer: Answer) -> tuple[int, int]:
    """HTTP status and the error's code."""
    return answer.status, answer.json["error"]["code"]


def ledger(caller: Caller, **filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.control("whatsapp/messages", **filters)["messages"]
    return found


def upload(caller: Caller, data: bytes, kind: str = "image/png", name: str = "chart.png") -> Answer:
    parts = [
        b'Content-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp',
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
        + data,
    ]
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    extra = {"Content-Type": "multipart/form-data; boundary=edge"}
    return call(caller, "POST", f"{ALERTS}/media", body=body, headers=extra)
