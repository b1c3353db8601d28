"""Paths and tokens of the Cloud API. The Graph API's root is Meta Ads' too: only known ids are WhatsApp's."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from stratum.sandbox.faults import Fault
from stratum.sandbox.graph import CONTENT_TYPE, GraphError, invalid, missing
from stratum.sandbox.platforms.base import Call, Endpoint
from stratum.sandbox.whatsapp import loose, media, sending, templates
from stratum.sandbox.whatsapp.callbacks import confirm
from stratum.sandbox.whatsapp.directory import (
    APP_ID,
    APP_NAME,
    BUSINESSES,
    MEDIA_PREFIX,
    NUMBERS,
    TEMPLATE_PREFIX,
    Business,
    Number,
)
from stratum.sandbox.whatsapp.errors import dead_token, refused
from stratum.sandbox.whatsapp.exchange import Exchange
from stratum.sandbox.whatsapp.people import Message, Person
from stratum.sandbox.whatsapp.reviews import review
from stratum.sandbox.whatsapp.templates import Template
from stratum.sandbox.wire import Request, Response, json_response, names
from stratum.sandbox.world import World

_NODE = re.compile(
    rf"/v(\d+)\.0/({'|'.join((*BUSINESSES, *NUMBERS))}|(?:{MEDIA_PREFIX}|{TEMPLATE_PREFIX})\d{{8}})((?:/[a-z_]+)?)/?"
)
_ENDPOINTS = {
    "messages": "messages",
    "media": "media",
    "message_templates": "templates",
    "subscribed_apps": "subscriptions",
    "phone_numbers": "health",
}
_TEMPLATE_FIELDS = names("id name status category language components quality_score rejected_reason")
_DEFAULT_TEMPLATE_FIELDS = "name,components,language,status,category,id"
DEFAULT_PAGE, LARGEST_PAGE, LONGEST_CALLBACK = 25, 1000, 200


class WhatsApp:
    """No ad platform: businesses and numbers instead of accounts, fixed tokens instead of grants."""

    name = "whatsapp"
    title = "WhatsApp"

    def owns(self, path: str) -> bool:
        return path == media.DOWNLOADS or _NODE.fullmatch(path) is not None

    def endpoint(self, world: World, request: Request) -> Endpoint:
        """Names: messages, templates, media, subscriptions, health. The account is the business's (WABA) id."""
        _version, node, edge = _target(request)
        business = _business_of(world.whatsapp, node)
        account = business.id if business else ""
        if node.startswith(MEDIA_PREFIX):
            return Endpoint("media", account)
        if node.startswith(TEMPLATE_PREFIX):
            return Endpoint("templates", account)
        return Endpoint(_ENDPOINTS.get(edge, "health"), account)

    def handle(self, call: Call) -> Response:
        version, node, edge = _target(call.request)
        trace = f"A{call.world.calls:022d}"
        headers = {"facebook-api-version": f"v{version}.0", "x-fb-trace-id": trace[-11:]}
        try:
            response = self._answer(call, node, edge)
        except GraphError as error:
            response = error.response(trace)
        return response.with_headers(headers)

    def refusal(self, call: Call, fault: Fault) -> Response:
        version = _target(call.request)[0]
        return (
            _refusal(call, fault)
            .response(f"A{call.world.calls:022d}")
            .with_headers({"facebook-api-version": f"v{version}.0"})
        )

    def _answer(self, call: Call, node: str, edge: str) -> Response:
        exchange, request = call.world.whatsapp, call.request
        business = next((one for one in BUSINESSES.values() if one.token == request.bearer), None)
        if business is None:
            raise dead_token()
        if request.path == media.DOWNLOADS:
            return _download(exchange, request, business)
        if _business_of(exchange, node) is not business:
            raise missing(node, request.method)
        if node in NUMBERS:
            return _of_number(call, NUMBERS[node], edge)
        if node in BUSINESSES:
            return _of_business(call, business, edge)
        if node.startswith(MEDIA_PREFIX) and not edge:
            return _of_media(exchange, request, node)
        template = exchange.templates.get(node)
        if template is None or edge or request.method != "GET":
            raise missing(node, request.method)
        return _json(_selected(template.node(), request.params.get("fields", _DEFAULT_TEMPLATE_FIELDS)))


def _target(request: Request) -> tuple[str, str, str]:
    """Version, id and edge."""
    found = _NODE.fullmatch(request.path)
    return (found[1], found[2], found[3].strip("/")) if found else ("23", "", "")


def _business_of(exchange: Exchange, node: str) -> Business | None:
    waba = node
    if node in NUMBERS:
        waba = NUMBERS[node].waba
    elif node.startswith(MEDIA_PREFIX):
        file = exchange.media.get(node)
        waba = file.waba if file else ""
    elif node.startswith(TEMPLATE_PREFIX):
        template = exchange.templates.get(node)
        waba = template.waba if template else ""
    return BUSINESSES.get(waba)


def _json(body: Any) -> Response:
    return json_response(body, content_type=CONTENT_TYPE)


def _selected(node: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """The fields asked for that have a value, and the id, which always comes."""
    wanted = [one.strip() for one in fields.split(",") if one.strip()]
    return {name: node[name] for name in dict.fromkeys([*wanted, "id"]) if name in node}


def _fields_of(request: Request) -> dict[str, Any]:
    """A body of either kind: JSON, or form fields, some of which hold JSON."""
    if isinstance(request.json, dict):
        return dict(request.json)
    found: dict[str, Any] = {**request.params, **request.form}
    for name, value in found.items():
        if value[:1] in ("[", "{"):
            try:
                found[name] = json.loads(value)
            except ValueError:
                continue
    return found


# --- numbers -----------------------------------------------------------------------------------------------


def _of_number(call: Call, number: Number, edge: str) -> Response:
    exchange, request = call.world.whatsapp, call.request
    match request.method, edge:
        case "GET", "":
            return _json(_number_node(number, request.params.get("fields", _NUMBER_FIELDS)))
        case "POST", "messages":
            return _send(exchange, number, request)
        case "POST", "media":
            kind, name, data = media.uploaded(request)
            return _json({"id": exchange.media.add(number.waba, kind, name, data).id})
    raise missing(number.id, request.method)


_NUMBER_FIELDS = "verified_name,code_verification_status,display_phone_number,quality_rating,id"


def _number_node(number: Number, fields: str) -> dict[str, Any]:
    node = {
        "id": number.id,
        "display_phone_number": number.display,
        "verified_name": number.name,
        "quality_rating": "GREEN",
        "whatsapp_business_manager_messaging_limit": "TIER_250",
        "messaging_limit_tier": "TIER_250",
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "platform_type": "CLOUD_API",
        "account_mode": "SANDBOX",
        "is_official_business_account": False,
        "throughput": {"level": "STANDARD"},
    }
    for name in filter(None, (one.strip() for one in fields.split(","))):
        if name not in node:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type (WhatsAppBusinessPhoneNumber)")
    return _selected(node, fields)


def _send(exchange: Exchange, number: Number, request: Request) -> Response:
    body = request.json
    if not isinstance(body, dict):
        raise invalid("The parameter messaging_product is required.")
    if body.get("status") == "read":
        return _json({"success": True})
    if code := exchange.accounts[number.waba].refusal:
        raise refused(code)
    person, to = sending.recipient(exchange, body)
    content, template = sending.content_of(exchange, number, body)
    if template is not None and template.category == "AUTHENTICATION" and not person.wa_id:
        raise refused(131062)
    if code := exchange.take_failure(person, at_once=True):
        raise refused(code)
    if code := exchange.limits.take(number.id, person.key):
        raise refused(code)
    held = template is not None and exchange.modes.held > 0
    exchange.modes.held -= held
    message, letters = exchange.accept(
        number, person, to, body, content, category=template.category.lower() if template else "",
        doom=_doom(exchange, number, person, template), held=held,
    )  # fmt: skip
    answer = _lost(exchange, _json(_accepted(message, template, held=held)))
    if not letters:
        return answer

    def delivered_first() -> Response:
        exchange.courier.deliver(letters)
        return answer

    return replace(answer, then=delivered_first)


def _doom(exchange: Exchange, number: Number, person: Person, template: Template | None) -> int | None:
    """The code with which the message will fail some time after its acceptance."""
    if not person.registered:
        return 131026
    if template is None and not exchange.window_open(number, person):
        return 131047
    if template is not None and template.category == "MARKETING" and number.waba in person.stopped:
        return 131050
    return exchange.take_failure(person, at_once=False)


def _accepted(message: Message, template: Template | None, *, held: bool) -> dict[str, Any]:
    person = message.person
    known = {"user_id": message.to} if message.to == person.user_id(message.number.waba) else {"wa_id": person.wa_id}
    own = {"id": message.id}
    if template is not None:
        own["message_status"] = "held_for_quality_assessment" if held else "accepted"
    return {"messaging_product": "whatsapp", "contacts": [{"input": message.to, **known}], "messages": [own]}


def _lost(exchange: Exchange, answer: Response) -> Response:
    modes = exchange.modes
    if not modes.lose:
        return answer
    modes.lose -= 1
    if modes.lose_how == "reset":
        return replace(answer, reset=True)
    return replace(answer, delay=modes.lose_seconds)


# --- businesses --------------------------------------------------------------------------------------------


def _of_business(call: Call, business: Business, edge: str) -> Response:
    exchange, request = call.world.whatsapp, call.request
    match request.method, edge:
        case "GET", "":
            node = {"id": business.id, "name": business.name, "timezone_id": "1", "account_review_status": "APPROVED"}
            return _json(_selected(node, request.params.get("fields", "id,name,timezone_id")))
        case "GET", "phone_numbers":
            fields = request.params.get("fields", _NUMBER_FIELDS)
            rows = [_number_node(one, fields) for one in business.numbers]
            return _json({"data": rows, "paging": {"cursors": {"before": "MAZDZD", "after": "MQZDZD"}}})
        case "GET", "message_templates":
            return _json(_template_page(exchange, request, business))
        case "POST", "message_templates":
            template = exchange.templates.create(business.id, _fields_of(request))
            review(exchange, template)
            return _json({"id": template.id, "status": template.status, "category": template.category})
        case "DELETE", "message_templates":
            return _remove_templates(exchange, _fields_of(request), business)
        case _, "subscribed_apps":
            return _subscribed_apps(call, business)
    raise missing(business.id, request.method)


def _template_page(exchange: Exchange, request: Request, business: Business) -> dict[str, Any]:
    params = request.params
    fields = params.get("fields", _DEFAULT_TEMPLATE_FIELDS)
    for name in filter(None, (one.strip() for one in fields.split(","))):
        if name not in _TEMPLATE_FIELDS:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type (WhatsAppMessageTemplate)")
    size = params.get("limit", str(DEFAULT_PAGE))
    if not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        raise invalid(f"Param limit must be an integer from 1 to {LARGEST_PAGE}.")
    wanted = {name: params[name] for name in ("name", "status", "language", "category") if params.get(name)}
    found = [
        one for one in exchange.templates.of(business.id) if all(getattr(one, name) == wanted[name] for name in wanted)
    ]
    rows, cursors, after = templates.page(found, params.get("after", ""), params.get("before", ""), int(size))
    body: dict[str, Any] = {"data": [_selected(one.node(), fields) for one in rows]}
    if cursors:
        body["paging"] = {"cursors": cursors}
    if after:
        query = urlencode({**{name: value for name, value in params.items() if name != "before"}, "after": after})
        body["paging"]["next"] = f"{request.origin}{request.path}?{query}"
    return body


def _remove_templates(exchange: Exchange, fields: Mapping[str, Any], business: Business) -> Response:
    name, own_id = loose.text(fields, "name"), loose.text(fields, "hsm_id")
    if not name:
        raise invalid("The parameter name is required.")
    gone = [one for one in exchange.templates.of(business.id) if one.name == name and own_id in ("", one.id)]
    if not gone:
        raise invalid(f"Message Template Not Found: no template with name {name}", error_subcode=2593002)
    exchange.templates.remove(gone)
    return _json({"success": True})


def _subscribed_apps(call: Call, business: Business) -> Response:
    exchange, request = call.world.whatsapp, call.request
    subscription = exchange.accounts[business.id].subscription
    match request.method:
        case "GET":
            return _json({"data": [_app(subscription.url)] if subscription.subscribed else []})
        case "DELETE":
            exchange.unsubscribe(business.id)
            return _json({"success": True})
        case "POST":
            fields = _fields_of(request)
        case method:
            raise missing(business.id, method)
    url, token = loose.text(fields, "override_callback_uri"), loose.text(fields, "verify_token")
    if not url:
        exchange.subscribe(business.id)
        return _json({"success": True})
    if not subscription.subscribed:
        raise invalid(
            "Before override the current callback uri, your app must be subscribed to receive messages for WhatsApp "
            "Business Account."
        )
    if len(url) > LONGEST_CALLBACK:
        raise invalid(f"Param override_callback_uri must be at most {LONGEST_CALLBACK} characters long.")
    if not token:
        raise invalid("The parameter verify_token is required.")
    lock, trace = call.world.lock, f"A{call.world.calls:022d}"

    def confirmed() -> Response:
        # The receiver may call the sandbox while it answers: the lock is free.
        problem = confirm(url, token)
        if problem:
            message = f"(#2200) Callback verification failed with the following errors: {problem}"
            return GraphError(400, 2200, message).response(trace)
        with lock:
            exchange.subscribe(business.id, url)
        return _json({"success": True})

    return replace(_json({}), then=confirmed)


def _app(url: str) -> dict[str, Any]:
    data = {"id": APP_ID, "link": f"https://www.facebook.com/games/?app_id={APP_ID}", "name": APP_NAME}
    own: dict[str, Any] = {"whatsapp_business_api_data": data}
    return {**own, "override_callback_uri": url} if url else own


# --- media -------------------------------------------------------------------------------------------------


def _of_media(exchange: Exchange, request: Request, media_id: str) -> Response:
    file = exchange.media.get(media_id)
    match request.method:
        case "GET" if file is not None:
            return _json(exchange.media.node(file, request.origin))
        case "DELETE" if file is not None:
            exchange.media.remove(media_id)
            return _json({"success": True})
    raise missing(media_id, request.method)


def _download(exchange: Exchange, request: Request, business: Business) -> Response:
    file = exchange.media.at(request.params.get("mid", ""), request.params.get("hash", ""))
    if file is None or file.waba != business.id:
        raise GraphError(404, 100, "(#100) The media's address has expired or does not exist")
    return Response(200, file.data, {"Content-Type": file.mime_type})


# --- faults ------------------------------------------------------------------------------------------------

_LIMITS = {"throughput": 130429, "pair": 131056, "spam": 131048, "account": 80007, "app": 4}
_FORBIDDEN = {"policy": 368, "locked": 131031, "payment": 131042, "country": 130497}


def _refusal(call: Call, fault: Fault) -> GraphError:
    variant = str(fault.options.get("variant") or "")
    match fault.kind:
        case "rate_limit":
            usual = 130429 if call.endpoint.name == "messages" else 80007
            return refused(_LIMITS.get(variant, usual))
        case "token_expired":
            return dead_token(463)
        case "token_revoked":
            return dead_token(460)
        case "permission_revoked":
            return refused(_FORBIDDEN.get(variant, 10))
    return refused(131016 if variant == "unavailable" else 131000)
