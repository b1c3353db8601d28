"""A phone with WhatsApp for people: the chats of everybody who was written to, and the ways to answer."""

import re
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from stratum.sandbox.pages import page
from stratum.sandbox.whatsapp.control import tap
from stratum.sandbox.whatsapp.directory import BUSINESSES, NUMBERS, digits_of
from stratum.sandbox.whatsapp.errors import CODES
from stratum.sandbox.whatsapp.exchange import Exchange
from stratum.sandbox.whatsapp.media import IMAGES
from stratum.sandbox.whatsapp.people import Button, Chat, Content, Message, Person, Said
from stratum.sandbox.whatsapp.phone_style import SCRIPT, STYLE
from stratum.sandbox.wire import Request, Response, html_response, text_response

PATH = "/phone/"
CHATS_SHOWN, LINES_SHOWN = 100, 200
_CHAT = re.compile(rf"{PATH}(\d+)/([^/]+)/")
_MEDIA = re.compile(rf"{PATH}media/(\d+)")
_LINK = re.compile(r"https?://[^\s<>\"']+?(?=[.,;:!?)]*(?:\s|$|&quot;|&#x27;))")
_MARKS = (("*", "strong"), ("_", "em"), ("~", "s"))
_TICKS = {"accepted": "🕓", "sent": "✓", "delivered": "✓✓", "read": "✓✓"}


def handle(exchange: Exchange, request: Request) -> Response:
    if request.path == f"{PATH}refresh.js":
        return text_response(SCRIPT, content_type="text/javascript; charset=utf-8")
    if request.method == "POST" and not request.same_origin:
        return text_response("cross-origin request\n", 403)
    if found := _MEDIA.fullmatch(request.path):
        return _file(exchange, found[1])
    if request.path == PATH:
        return _started(exchange, request) if request.method == "POST" else html_response(_page(exchange, None))
    chat = _chat_at(exchange, request.path)
    if chat is None:
        return html_response(_page(exchange, None, "There is no such chat."), 404)
    if request.method == "POST":
        return _done(exchange, chat, request)
    exchange.open_chat(chat)
    return html_response(_page(exchange, chat))


def _chat_at(exchange: Exchange, path: str) -> Chat | None:
    found = _CHAT.fullmatch(path)
    return exchange.chats.get((found[1], found[2])) if found else None


def _address(chat: Chat) -> str:
    return f"{PATH}{chat.number.id}/{quote(chat.person.key)}/"


def _to(chat: Chat) -> Response:
    return Response(303, headers={"Location": _address(chat)})


def _file(exchange: Exchange, media_id: str) -> Response:
    file = exchange.media.get(media_id)
    if file is None:
        return text_response("There is no such file.\n", 404)
    headers = {"Content-Type": file.mime_type, "X-Content-Type-Options": "nosniff"}
    if file.mime_type not in IMAGES:
        headers["Content-Disposition"] = "attachment"
    return Response(200, file.data, headers)


# --- what a person does ------------------------------------------------------------------------------------


def _started(exchange: Exchange, request: Request) -> Response:
    """Somebody writes to a business first."""
    form = request.form
    digits, number, text = digits_of(form.get("from", "")), NUMBERS.get(form.get("to", "")), form.get("text", "")
    if not digits or number is None or not text.strip():
        return html_response(_page(exchange, None, "A phone number (7 to 15 digits) and a text are needed."), 400)
    person = exchange.person(digits, form.get("name", "").strip())
    exchange.say(number, person, text, {"type": "text", "text": {"body": text}})
    return _to(exchange.chat(number, person))


def _done(exchange: Exchange, chat: Chat, request: Request) -> Response:
    form, person, number = request.form, chat.person, chat.number
    try:
        match form.get("do"):
            case "say" if form.get("text", "").strip():
                text = form["text"]
                exchange.say(number, person, text, {"type": "text", "text": {"body": text}})
            case "tap":
                tap(exchange, exchange.messages[form["id"]], int(form["button"]))
            case "off" | "on":
                exchange.switch(person, off=form["do"] == "off")
            case "stop" | "resume":
                exchange.prefer(number, person, stop=form["do"] == "stop")
            case "hide" | "show":
                person.username = person.name.lower().replace(" ", ".") if form["do"] == "hide" else ""
            case "change":
                exchange.renumber(person, digits_of(form.get("number", "")) or _not_a_number())
    except (ValueError, KeyError, IndexError) as error:
        return html_response(_page(exchange, chat, f"That did not work: {error}."), 400)
    return _to(chat)


def _not_a_number() -> str:
    raise ValueError("a phone number has 7 to 15 digits")


# --- the page ----------------------------------------------------------------------------------------------


def _page(exchange: Exchange, chat: Chat | None, problem: str = "") -> str:
    alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    shown = _chat(exchange, chat) if chat else _start(exchange)
    title = "h2" if chat else "h1"
    body = (
        f'<div class="phone{" in-chat" if chat else ""}">'
        f'<section class="chats" aria-label="Chats"><{title}>Chats</{title}>'
        '<p class="back"><a href="/">Back to the sandbox</a>'
        f"{'' if chat is None else f' · <a href={PATH}>New chat</a>'}</p>"
        f'<div id="live-chats">{_chats(exchange, chat)}</div></section>'
        f'<section class="chat">{alert}{shown}</section></div>'
    )
    return page("Phone with WhatsApp in the sandbox", body, style=STYLE, script=f"{PATH}refresh.js")


def _chats(exchange: Exchange, current: Chat | None) -> str:
    found = [one for one in exchange.chats.values() if one.lines and one.person.registered]
    found.sort(key=lambda one: one.last_at, reverse=True)
    if not found:
        return "<p class=none>Nobody has written yet. Whoever a business writes to appears here.</p>"
    items = "".join(_row(one, one is current) for one in found[:CHATS_SHOWN])
    more = len(found) - CHATS_SHOWN
    return f"<ul>{items}</ul>" + (f"<p class=none>{more} older chats are not shown.</p>" if more > 0 else "")


def _row(chat: Chat, current: bool) -> str:
    last = chat.lines[-1]
    text = last.content.text if isinstance(last, Message) else last.text
    unread = f"<b>{len(chat.unread)}<i> unread</i></b>" if chat.unread else ""
    return (
        f'<li{" class=current" if current else ""}><a href="{_address(chat)}"{" aria-current=page" if current else ""}>'
        f"<strong>{escape(_who(chat.person))}</strong><time>{_time(last.at)}</time>"
        f"<em>{escape(chat.person.name)} · {escape(chat.number.name)}</em><span>{escape(text[:80])}</span>{unread}</a>"
        "</li>"
    )


def _who(person: Person) -> str:
    return f"+{person.wa_id}" if person.wa_id else f"@{person.username}"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def _start(exchange: Exchange) -> str:
    options = "".join(
        f'<option value="{one.id}">{escape(one.name)} ({one.display})</option>' for one in NUMBERS.values()
    )
    tokens = "".join(
        f"<li>{escape(one.name)}<span>WABA {one.id}, token {one.token}</span>"
        f"<span>{', '.join(f'{number.display} is {number.id}' for number in one.numbers)}</span>"
        f"<span>{escape(_webhooks(exchange, one.id))}</span></li>"
        for one in BUSINESSES.values()
    )
    return (
        '<div class="sheet"><h2>Write to a business</h2><form method="post" class="start">'
        '<label>Your number<input name="from" inputmode="tel" placeholder="+1 650 555 1234" required></label>'
        '<label>Your name<input name="name" placeholder="Kerry Fisher" maxlength="60"></label>'
        f'<label>To<select name="to">{options}</select></label>'
        '<label>Message<input name="text" maxlength="4096" required></label><button>Send</button></form>'
        f'<h2>Businesses</h2><ul class="plain">{tokens}</ul></div>'
    )


def _webhooks(exchange: Exchange, waba: str) -> str:
    found = exchange.accounts[waba].subscription
    if not found.subscribed:
        return "webhooks: nobody has subscribed"
    return f"webhooks: {found.url or exchange.app_url or 'without an address'}"


def _chat(exchange: Exchange, chat: Chat) -> str:
    lines = list(chat.lines)[-LINES_SHOWN:]
    shown, day = [], ""
    for line in lines:
        on = f"{datetime.fromtimestamp(line.at, UTC):%d %B %Y}"
        shown.append(f"<p class=day>{on}</p>" if on != day else "")
        day = on
        shown.append(_message(exchange, line) if isinstance(line, Message) else _said(line))
    open_now = exchange.window_open(chat.number, chat.person)
    window = "The business may write freely for 24 hours." if open_now else "Only templates reach this chat now."
    return (
        f'<header><a href="{PATH}" class="up" aria-label="All chats">‹</a><div><h1>{escape(chat.number.name)}</h1>'
        f"<p>{chat.number.display} · on the phone of {escape(chat.person.name)}, {escape(_who(chat.person))}</p></div>"
        f"</header>{_switches(chat)}"
        f'<div id="live-lines" class="lines" tabindex="0" aria-label="Messages">{"".join(shown)}'
        f"<p class=window>{window}</p></div>"
        '<form method="post" class="answer"><input name="text" maxlength="4096" placeholder="Message" '
        'aria-label="Message" autocomplete="off" autofocus><button name="do" value="say">Send</button></form>'
    )


def _message(exchange: Exchange, message: Message) -> str:
    status, content = message.status, message.content
    if status == "failed":
        code = next((event.code for event in message.events if event.code), 0)
        title = CODES.get(code, (0, "failed", ""))[1]
        foot = f"<small class=failed>Not delivered: {code} {escape(title)}</small>"
    else:
        foot = f'<small>{_time(message.at)} <span class="ticks {status}" title="{status}" role="img" '
        foot += f'aria-label="{status}">{_TICKS[status]}</span></small>'
    buttons = "".join(_button(message, at, one) for at, one in enumerate(content.buttons))
    return (
        f'<div class="bubble theirs {status}">{_head(exchange, content)}<p>{marked(content.text)}</p>'
        f"{f'<p class=foot>{escape(content.footer)}</p>' if content.footer else ''}{foot}"
        f"{f'<div class=taps>{buttons}</div>' if buttons else ''}</div>"
    )


def _head(exchange: Exchange, content: Content) -> str:
    file = exchange.media.get(content.media) if content.media else None
    name = escape(content.header or "File")
    if file is not None and file.mime_type in IMAGES:
        return f'<img src="{PATH}media/{file.id}" alt="{name}">'
    if file is not None:
        return f'<a class="file" href="{PATH}media/{file.id}" download>{name}</a>'
    if content.link.startswith(("http://", "https://")):
        return f'<a class="file" href="{escape(content.link)}" rel="noreferrer">{name}</a>'
    return f"<p class=head>{escape(content.header)}</p>" if content.header else ""


def _button(message: Message, at: int, button: Button) -> str:
    text = escape(button.text)
    if button.kind == "copy":
        return f"<output>{text}: <code>{escape(button.value)}</code></output>"
    if button.kind == "link":
        web = button.value.startswith(("http://", "https://"))
        target = button.value if web else f"tel:{digits_of(button.value)}"
        return f'<a href="{escape(target)}" rel="noreferrer">{text}</a>'
    return (
        f'<form method="post"><input type="hidden" name="do" value="tap"><input type="hidden" name="id" '
        f'value="{escape(message.id)}"><button name="button" value="{at}">{text}</button></form>'
    )


def _said(said: Said) -> str:
    if said.body.get("type") == "system":
        return f"<p class=day>{escape(said.text)}</p>"
    return f'<div class="bubble mine"><p>{marked(said.text)}</p><small>{_time(said.at)}</small></div>'


def marked(text: str) -> str:
    """WhatsApp's markup, as far as messages here use it: bold, italic, struck through, and links."""
    shown = _LINK.sub(lambda found: f'<a href="{found[0]}" rel="noreferrer">{found[0]}</a>', escape(text))
    parts = re.split(r"(<a .*?</a>)", shown)
    return "".join(part if part.startswith("<a ") else _styled(part) for part in parts)


def _styled(text: str) -> str:
    for mark, tag in _MARKS:
        one = re.escape(mark)
        text = re.sub(rf"(?<!\w){one}(?=\S)(.+?)(?<=\S){one}(?!\w)", rf"<{tag}>\1</{tag}>", text)
    return text


def _switches(chat: Chat) -> str:
    person, number = chat.person, chat.number
    buttons = [
        _switch("on", "Turn the phone on") if person.phone_off else _switch("off", "Turn the phone off"),
        _switch("resume", "Allow marketing messages")
        if number.waba in person.stopped
        else _switch("stop", "Stop marketing messages"),
    ]
    change = ""
    if person.wa_id:
        hidden = bool(person.username)
        buttons.append(_switch("show", "Show the number") if hidden else _switch("hide", "Hide the number"))
        change = (
            '<form method="post" class="change"><label>Another number <input name="number" inputmode="tel" required '
            'size="14"></label><button name="do" value="change">Change number</button></form>'
        )
    state = [
        "off" if person.phone_off else "on",
        "marketing stopped" if number.waba in person.stopped else "marketing allowed",
        f"seen as @{person.username}" if person.username else "",
    ]
    return (
        f"<details><summary>This phone: {escape(', '.join(filter(None, state)))}</summary>"
        f'<form method="post" class="switches">{"".join(buttons)}</form>{change}</details>'
    )


def _switch(do: str, words: str) -> str:
    return f'<button name="do" value="{do}">{words}</button>'
