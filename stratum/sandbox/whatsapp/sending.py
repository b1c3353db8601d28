"""POST /{phone_number_id}/messages: what is checked, in which order, and what a phone will show."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stratum.sandbox.graph import invalid
from stratum.sandbox.whatsapp import loose
from stratum.sandbox.whatsapp.directory import Number, digits_of
from stratum.sandbox.whatsapp.errors import refused
from stratum.sandbox.whatsapp.exchange import Exchange
from stratum.sandbox.whatsapp.people import Button, Content, Person
from stratum.sandbox.whatsapp.templates import BODY_SIZE, PLACEHOLDER, Template, placeholders

MAX_TEXT, MAX_CAPTION, MAX_CALLBACK_DATA, MAX_CODE = 4096, 1024, 512, 15
MAX_BUTTONS, MAX_BUTTON_TITLE, MAX_LIST_ROWS = 3, 20, 10
TYPES = ("audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker", "template", "text",
         "video")  # fmt: skip
# A template's text with its values filled in, where it has no other parts.
MAX_TEXT_ALONE = 32_768
# What a template's parameter must not hold.
_UNFIT = re.compile(r"[\n\t]| {5,}")
_HEADER_MEDIA = ("image", "document", "video")

Body = Mapping[str, Any]


def recipient(exchange: Exchange, body: Body) -> tuple[Person, str]:
    """Who is meant, and how the request says it."""
    if body.get("messaging_product") != "whatsapp":
        raise invalid("The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("Param recipient_type must be one of {INDIVIDUAL}.")
    to, user_id = loose.text(body, "to"), loose.text(body, "recipient")
    if to:
        digits = digits_of(to)
        if not digits:
            raise refused(131009, "Parameter 'to' is not a phone number.")
        return exchange.person(digits), to
    if not user_id:
        raise invalid("The parameter to is required.")
    if not re.fullmatch(r"[A-Z]{2}(\.ENT)?\.\w{1,128}", user_id):
        raise refused(131009, "Parameter 'recipient' is not a business-scoped user ID.")
    return exchange.person_by_user_id(user_id), user_id


def content_of(exchange: Exchange, number: Number, body: Body) -> tuple[Content, Template | None]:
    """What the message says; the template it is made from, if any. GraphError when Meta refuses it at once."""
    if len(loose.text(body, "biz_opaque_callback_data")) > MAX_CALLBACK_DATA:
        raise invalid(f"Param biz_opaque_callback_data must be at most {MAX_CALLBACK_DATA} characters long.")
    kind = str(body.get("type", "text")).lower()
    if kind not in TYPES:
        raise invalid(f'Param type must be one of {{{", ".join(TYPES).upper()}}} - got "{kind}".')
    part = body.get(kind)
    if not isinstance(part, dict):
        raise invalid(f"The parameter {kind} is required.")
    match kind:
        case "text":
            return _text(part), None
        case "template":
            return _template(exchange, number, part)
        case "interactive":
            return _interactive(part), None
        case "image" | "document" | "video" | "audio" | "sticker":
            return _media(exchange, number, kind, part), None
    return Content(f"[{kind}]"), None


def _text(part: Body) -> Content:
    text = loose.text(part, "body")
    if not text:
        raise invalid("The parameter text['body'] is required.")
    if len(text) > MAX_TEXT:
        raise invalid(f"Param text['body'] must be at most {MAX_TEXT} characters long.")
    return Content(text)


def _media(exchange: Exchange, number: Number, kind: str, part: Body) -> Content:
    media_id, link = loose.text(part, "id"), loose.text(part, "link")
    if bool(media_id) == bool(link):
        raise invalid(f"Exactly one of {kind}['id'] and {kind}['link'] is required.")
    caption = loose.text(part, "caption")
    if len(caption) > MAX_CAPTION:
        raise invalid(f"Param {kind}['caption'] must be at most {MAX_CAPTION} characters long.")
    if media_id:
        found = exchange.media.get(media_id)
        if found is None or found.waba != number.waba:
            raise refused(131009, f"Media ID {media_id} does not exist.")
        return Content(caption, header=str(part.get("filename") or found.name), media=media_id)
    return Content(caption, header=loose.text(part, "filename"), link=link)


def _interactive(part: Body) -> Content:
    text = loose.text(loose.member(part, "body"), "text")
    if not 0 < len(text) <= MAX_CAPTION:
        raise refused(131009, f"Body text length invalid. Min length: 1, Max length: {MAX_CAPTION}")
    action = loose.member(part, "action")
    match part.get("type"):
        case "button":
            given = [loose.member(one, "reply") for one in loose.items(action, "buttons")]
            buttons = [Button("reply", loose.text(one, "title"), loose.text(one, "id")) for one in given]
            most, size = MAX_BUTTONS, MAX_BUTTON_TITLE
        case "list":
            rows = [row for section in loose.items(action, "sections") for row in loose.items(section, "rows")]
            buttons = [Button("list", loose.text(one, "title"), loose.text(one, "id")) for one in rows]
            most, size = MAX_LIST_ROWS, 24
        case "cta_url":
            target = loose.member(action, "parameters")
            buttons = [Button("link", loose.text(target, "display_text"), loose.text(target, "url"))]
            most, size = 1, MAX_BUTTON_TITLE
        case kind:
            raise invalid(f"Param interactive['type'] must be one of {{BUTTON, CTA_URL, LIST}} - got \"{kind}\".")
    if not 1 <= len(buttons) <= most:
        raise refused(131009, f"Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: {most}")
    if not all(0 < len(one.text) <= size and one.value for one in buttons):
        raise refused(131009, f"Button title length invalid. Min length: 1, Max length: {size}")
    header, footer = (loose.text(loose.member(part, name), "text") for name in ("header", "footer"))
    return Content(text, header=header, footer=footer, buttons=tuple(buttons))


# --- templates ---------------------------------------------------------------------------------------------


def _template(exchange: Exchange, number: Number, part: Body) -> tuple[Content, Template]:
    name = loose.text(part, "name")
    language = loose.text(loose.member(part, "language"), "code")
    for member, value in (("['name']", name), ("['language']['code']", language)):
        if not value:
            raise invalid(f"The parameter template{member} is required.")
    template = exchange.templates.find(number.waba, name, language)
    if template is None:
        raise refused(132001, f"template name ({name}) does not exist in {language}")
    match template.status:
        case "APPROVED":
            return _filled(exchange, number, template, loose.items(part, "components")), template
        case "PAUSED":
            raise refused(132015)
        case "DISABLED":
            raise refused(132016)
    raise refused(132001, f"template name ({name}) in {language} is not approved")


def _filled(exchange: Exchange, number: Number, template: Template, given: Sequence[Body]) -> Content:
    parts = {loose.text(one, "type").lower(): loose.items(one, "parameters") for one in given if "index" not in one}
    tapped = {str(one["index"]): one for one in given if "index" in one}
    text = _with(template, "BODY", parts.get("body", []))
    longest = BODY_SIZE if len(template.components) > 1 else MAX_TEXT_ALONE
    if len(text) > longest:
        raise refused(132005, f"body: the translated text has {len(text)} characters, more than {longest}")
    header, media, link = _header(exchange, number, template, parts.get("header", []))
    footer = str((template.component("FOOTER") or {}).get("text") or "")
    buttons = tuple(_button(template, at, one, tapped.get(str(at), {})) for at, one in enumerate(template.buttons))
    return Content(text, header=header, footer=footer, media=media, link=link, buttons=buttons)


def _with(template: Template, kind: str, parameters: Sequence[Body]) -> str:
    text = str((template.component(kind) or {}).get("text") or "")
    return _fill(kind.lower(), text, parameters)


def _fill(place: str, text: str, parameters: Sequence[Body]) -> str:
    names = placeholders(text)
    if len(parameters) != len(names):
        raise refused(
            132000,
            f"{place}: number of localizable_params ({len(parameters)}) does not match the expected number of params "
            f"({len(names)})",
        )
    values = [_parameter(one) for one in parameters]
    if names and not names[0].isdigit():
        given = {loose.text(one, "parameter_name"): value for one, value in zip(parameters, values, strict=True)}
        if set(given) != set(names):
            raise refused(132000, f"{place}: Parameter name is missing or empty")
    else:
        given = dict(zip(names, values, strict=True))
    return PLACEHOLDER.sub(lambda found: given[found[1]], text)


def _parameter(one: Body) -> str:
    kind = one.get("type", "text")
    value = one.get("text") if kind == "text" else loose.member(one, str(kind)).get("fallback_value")
    if not isinstance(value, str) or not value:
        raise refused(131008, "Parameter of type text is missing text value")
    if _UNFIT.search(value):
        raise refused(132018)
    return value


def _header(exchange: Exchange, number: Number, template: Template, parameters: Sequence[Body]) -> tuple[str, str, str]:
    """Text, media id and link of the header."""
    wanted = str((template.component("HEADER") or {}).get("format", "TEXT")).lower()
    if wanted not in _HEADER_MEDIA:
        return _with(template, "HEADER", parameters), "", ""
    if len(parameters) != 1 or parameters[0].get("type") != wanted:
        got = loose.text(parameters[0], "type").upper() if parameters else "UNKNOWN"
        raise refused(132012, f"header: Format mismatch, expected {wanted.upper()}, received {got}")
    found = _media(exchange, number, wanted, loose.member(parameters[0], wanted))
    return found.header, found.media, found.link


def _button(template: Template, at: int, own: Mapping[str, Any], given: Body) -> Button:
    kind, title = own.get("type"), loose.text(own, "text")
    parameters = loose.items(given, "parameters")
    if kind == "QUICK_REPLY":
        payload = next((str(one.get("payload")) for one in parameters if one.get("payload")), title)
        return Button("quick", title, payload)
    if kind == "URL":
        url = loose.text(own, "url")
        if placeholders(url) and not parameters:
            raise refused(131008, f"buttons: Button at index {at} of type Url requires a parameter")
        values = [_parameter(one) for one in parameters]
        if template.category == "AUTHENTICATION":
            if len(values[0]) > MAX_CODE:
                raise refused(131009, f"buttons: the code has more than {MAX_CODE} characters")
            return Button("copy", title, values[0])
        return Button("link", title, _fill("buttons", url, parameters))
    return Button("link", title, loose.text(own, "phone_number"))
