"""WhatsApp's part of the control interface: the ledger, modes, limits, failures, and people who do things."""

from collections.abc import Callable
from typing import Any

from stratum.sandbox.whatsapp import reviews
from stratum.sandbox.whatsapp.directory import APP_SECRET, BUSINESSES, NUMBERS, Number, digits_of
from stratum.sandbox.whatsapp.events import WINDOW_SECONDS
from stratum.sandbox.whatsapp.exchange import Exchange, Failure, user_ids
from stratum.sandbox.whatsapp.people import Message, Person

DEFAULT_ROWS = 1_000

Fields = dict[str, Any]


def _overview(exchange: Exchange, fields: Fields) -> Any:
    """Ids and tokens, what is set, and how much waits (`pending` 0: every webhook has been answered)."""
    return {
        "app_secret": APP_SECRET,
        "app_callback": exchange.app_url,
        "businesses": [
            {
                "waba": one.id,
                "name": one.name,
                "token": one.token,
                "numbers": [{"phone_number_id": number.id, "number": number.digits} for number in one.numbers],
                "subscribed": exchange.accounts[one.id].subscription.subscribed,
                "callback": exchange.accounts[one.id].subscription.url,
                "refusal": exchange.accounts[one.id].refusal,
            }
            for one in BUSINESSES.values()
        ],
        "modes": _modes_of(exchange),
        "limits": exchange.limits.as_json(),
        "failures": [one.as_json() for one in exchange.failures],
        "accepted": exchange.accepted,
        "messages": len(exchange.messages),
        "said": len(exchange.said),
        "pending": exchange.courier.pending(),
    }


# --- the ledger --------------------------------------------------------------------------------------------


def _messages(exchange: Exchange, fields: Fields) -> Any:
    """Accepted messages, oldest first. Filters: waba, phone_number_id, wa_id, biz_opaque_callback_data, status, id."""
    rows = [one for one in exchange.messages.values() if _fits(one, fields)]
    start, size = int(fields.get("offset", 0)), int(fields.get("limit", DEFAULT_ROWS))
    return {"total": len(rows), "messages": [one.as_json() for one in rows[start : start + size]]}


def _fits(message: Message, fields: Fields) -> bool:
    found = {
        "id": message.id,
        "waba": message.number.waba,
        "phone_number_id": message.number.id,
        "wa_id": message.person.wa_id,
        "status": message.status,
        "biz_opaque_callback_data": message.callback_data,
    }
    return all(fields.get(name) in (None, value) for name, value in found.items())


def _said(exchange: Exchange, fields: Fields) -> Any:
    """What people wrote and tapped, oldest first."""
    rows = [one for one in exchange.said.values() if fields.get("wa_id") in (None, one.person.wa_id)]
    return {"said": [one.as_json() for one in rows[-int(fields.get("limit", DEFAULT_ROWS)) :]]}


# --- settings ----------------------------------------------------------------------------------------------


def _modes_of(exchange: Exchange) -> dict[str, Any]:
    return {name: getattr(exchange.modes, name) for name in exchange.modes.__slots__}


def _modes(exchange: Exchange, fields: Fields) -> Any:
    exchange.modes.change(fields)
    return _modes_of(exchange)


def _limits(exchange: Exchange, fields: Fields) -> Any:
    exchange.limits.change(fields)
    return exchange.limits.as_json()


def _fail(exchange: Exchange, fields: Fields) -> Any:
    """The next `count` messages fail with `code`; `sync` as the answer of the call; `to` one person's only."""
    count = int(fields.get("count", 1))
    if count < 1:
        raise ValueError("count is a whole number from 1")
    to = str(fields.get("to") or "")
    to = exchange.person(digits_of(to)).wa_id if digits_of(to) else to
    at_once = str(fields.get("sync", "")).lower() in ("true", "1")
    exchange.failures.append(Failure(int(fields["code"]), count, to, at_once))
    return {"failures": [one.as_json() for one in exchange.failures]}


def _callback(exchange: Exchange, fields: Fields) -> Any:
    """Send webhooks to `url` without asking it: a business's (`waba`), or all that have none of their own."""
    url = str(fields.get("url") or "")
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("url begins with http:// or https://")
    if fields.get("waba"):
        _known(BUSINESSES, fields["waba"])
        exchange.subscribe(fields["waba"], url)
    else:
        exchange.use_app_url(url)
        for waba, account in exchange.accounts.items():
            if not account.subscription.subscribed:
                exchange.subscribe(waba)
    return _overview(exchange, {})


def _clear(exchange: Exchange, fields: Fields) -> Any:
    return {"cleared": exchange.forget()}


def _flush(exchange: Exchange, fields: Fields) -> Any:
    """What waits happens now."""
    return {"pending": exchange.courier.hurry()}


def _release(exchange: Exchange, fields: Fields) -> Any:
    """A held message goes its way."""
    message = _known(exchange.messages, fields["id"])
    exchange.release(message)
    return message.as_json()


# --- people ------------------------------------------------------------------------------------------------


def _person_of(exchange: Exchange, fields: Fields) -> Person:
    """By `wa_id` (any number), or by `user_id`."""
    if fields.get("user_id"):
        return exchange.person_by_user_id(str(fields["user_id"]))
    digits = digits_of(str(fields["wa_id"]))
    if not digits:
        raise ValueError("wa_id is a phone number")
    return exchange.person(digits, str(fields.get("name") or ""))


def _number_of(fields: Fields) -> Number:
    return _known(NUMBERS, fields.get("phone_number_id") or next(iter(NUMBERS)))


def _known(found: Any, key: Any) -> Any:
    if key not in found:
        raise KeyError(key)
    return found[key]


def _person(exchange: Exchange, fields: Fields) -> Any:
    """Who somebody is to the businesses; further fields change it: name, registered, phone_off, username, stopped,
    window (open or closed) and changed_to (another number)."""
    person, number = _person_of(exchange, fields), _number_of(fields)
    flags = {name: str(fields[name]).lower() in ("true", "1", "on") for name in _FLAGS if name in fields}
    if "registered" in flags:
        person.registered = flags["registered"]
    if "username" in fields:
        person.username = str(fields["username"] or "")
    if "phone_off" in flags:
        exchange.switch(person, off=flags["phone_off"])
    if "stopped" in flags:
        exchange.prefer(number, person, stop=flags["stopped"])
    if fields.get("window") in ("open", "closed"):
        age = 0 if fields["window"] == "open" else WINDOW_SECONDS + 60
        exchange.chat(number, person).last_inbound = exchange.wall() - age
    if fields.get("changed_to"):
        digits = digits_of(str(fields["changed_to"]))
        if not digits:
            raise ValueError("changed_to is a phone number")
        exchange.renumber(person, digits)
    return {
        "wa_id": person.wa_id,
        "user_ids": user_ids(person),
        "name": person.name,
        "username": person.username,
        "registered": person.registered,
        "phone_off": person.phone_off,
        "stopped": sorted(person.stopped),
        "window_open": {one.id: exchange.window_open(one, person) for one in NUMBERS.values()},
    }


_FLAGS = ("registered", "phone_off", "stopped")


def _say(exchange: Exchange, fields: Fields) -> Any:
    """A person writes `text` to a business's number, or taps `button` (its text) of the message `id`."""
    if fields.get("button"):
        message = _known(exchange.messages, fields["id"])
        button = next((one for one in message.content.buttons if one.text == fields["button"]), None)
        if button is None:
            raise KeyError(fields["button"])
        return tap(exchange, message, message.content.buttons.index(button)).as_json()
    person, text = _person_of(exchange, fields), str(fields["text"])
    content = {"type": "text", "text": {"body": text}}
    return exchange.say(_number_of(fields), person, text, content, str(fields.get("context") or "")).as_json()


def tap(exchange: Exchange, message: Message, at: int) -> Any:
    """The person taps a button of a message: a quick reply of a template, or one of an interactive message."""
    button = message.content.buttons[at]
    match button.kind:
        case "quick":
            content: Fields = {"type": "button", "button": {"payload": button.value, "text": button.text}}
        case "reply":
            own = {"id": button.value, "title": button.text}
            content = {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": own}}
        case "list":
            own = {"id": button.value, "title": button.text, "description": ""}
            content = {"type": "interactive", "interactive": {"type": "list_reply", "list_reply": own}}
        case kind:
            raise ValueError(f"a {kind} button answers nothing")
    return exchange.say(message.number, message.person, button.text, content, message.id)


def _read(exchange: Exchange, fields: Fields) -> Any:
    """A person opens the chat with a number."""
    return {"read": exchange.open_chat(exchange.chat(_number_of(fields), _person_of(exchange, fields)))}


# --- Meta's decisions --------------------------------------------------------------------------------------


def _template(exchange: Exchange, fields: Fields) -> Any:
    """Give a template (waba, name, language) another status (and reason), category or quality."""
    template = exchange.templates.find(str(fields["waba"]), str(fields["name"]), str(fields.get("language", "en_US")))
    if template is None:
        raise KeyError(fields["name"])
    if fields.get("category"):
        reviews.categorize(exchange, template, fields["category"])
    if fields.get("quality"):
        reviews.rate(exchange, template, fields["quality"])
    if fields.get("status"):
        reviews.decide(exchange, template, fields["status"], str(fields.get("reason", "NONE")))
    return template.node()


def _account(exchange: Exchange, fields: Fields) -> Any:
    """Refuse every message of a business with `code`; null ends it."""
    _known(exchange.accounts, fields["waba"])
    code = fields.get("code")
    reviews.restrict(exchange, fields["waba"], int(code) if code else None)
    return {"waba": fields["waba"], "refusal": exchange.accounts[fields["waba"]].refusal}


ACTIONS: dict[tuple[str, str], Callable[[Exchange, Fields], Any]] = {
    ("GET", "whatsapp"): _overview,
    ("GET", "whatsapp/messages"): _messages,
    ("GET", "whatsapp/said"): _said,
    ("POST", "whatsapp/modes"): _modes,
    ("POST", "whatsapp/limits"): _limits,
    ("POST", "whatsapp/failures"): _fail,
    ("POST", "whatsapp/callback"): _callback,
    ("POST", "whatsapp/release"): _release,
    ("POST", "whatsapp/flush"): _flush,
    ("POST", "whatsapp/clear"): _clear,
    ("POST", "whatsapp/person"): _person,
    ("POST", "whatsapp/say"): _say,
    ("POST", "whatsapp/read"): _read,
    ("POST", "whatsapp/template"): _template,
    ("POST", "whatsapp/account"): _account,
}
