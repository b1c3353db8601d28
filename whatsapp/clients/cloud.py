"""The WhatsApp Cloud API over HTTP: one call each, nothing repeated in here.

There is no key against repeats. An answer that got lost is said to be what it is: the message may have been sent, and
its status, which carries `biz_opaque_callback_data`, will tell. Other calls raise WhatsAppError.
"""

import json
import math
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings

from whatsapp.clients import errors
from whatsapp.clients.errors import Verdict, WhatsAppError, verdict_of
from whatsapp.clients.messages import Outgoing
from whatsapp.clients.values import as_code, as_dict, as_id, as_list, as_text

log = structlog.get_logger(__name__)

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# Each read may keep within its time-out: the whole answer has an end too, in time and size.
MAX_SECONDS, MAX_BODY = 20.0, 4 * 1024 * 1024
LONGEST_PAUSE, LONGEST_WORD = 3600.0, 500
MOST_PAGES, PAGE = 100, 100
# Tokens of the sandbox say so: a real token never reaches it, and they never reach Meta.
SANDBOX_TOKEN = "EAAsandbox-whatsapp"  # noqa: S105 - a prefix
TEMPLATE_FIELDS = "id,name,status,category,language,components,rejected_reason,quality_score"
HEALTH_FIELDS = "display_phone_number,verified_name,quality_rating,whatsapp_business_manager_messaging_limit"
# The listing tells the state of each number as well (CONNECTED, PENDING, OFFLINE, BANNED …).
NUMBER_FIELDS = f"id,{HEALTH_FIELDS},status"
# Ids are put into paths, tokens into a header: nothing but what they are made of.
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TOKEN = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one send. `code`: WhatsApp's number, or a word of ours that begins with 'local.'; '' when it was
    sent, or refused without a code. `retry_after` in seconds, where WhatsApp asked for a pause. `message_status`:
    accepted, held_for_quality_assessment or paused, of templates only. `details` is WhatsApp's own, for staff."""

    verdict: Verdict
    http_status: int | None = None
    code: int | str = ""
    details: str = ""
    wamid: str = ""
    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)
    message_status: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """`status`, `category`, `quality`, `rejected_reason` as WhatsApp words them: words of tomorrow come as they are."""

    external_id: str
    name: str
    language: str
    status: str
    category: str
    components: list[dict[str, Any]]
    rejected_reason: str = ""
    quality: str = ""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A number of a business account. `quality`: GREEN, YELLOW, RED; `limit`: TIER_250 …, people in 24 hours;
    `status` (of a listing only): CONNECTED … All as WhatsApp words them, '' where it says nothing."""

    phone_number_id: str
    display_phone_number: str = ""
    verified_name: str = ""
    quality: str = ""
    limit: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class MediaRow:
    """`url` lives five minutes and wants the token; `size` in bytes."""

    media_id: str
    url: str = field(repr=False)
    mime_type: str = ""
    sha256: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came back: no status when nobody answered, `code` then says why; `found` is the body, if it is an object."""

    status: int | None = None
    code: int | str = ""
    found: dict[str, Any] = field(default_factory=dict)
    retry_after: float | None = None

    @property
    def error(self) -> dict[str, Any]:
        return as_dict(self.found.get("error"))

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and "error" not in self.found and not self.code

    def failure(self) -> tuple[int | str, Verdict]:
        code = self.code or as_code(self.error.get("code"))
        return code, verdict_of(code, self.status)

    def details(self) -> str:
        """The most telling of WhatsApp's own texts. Those for users come with refused templates."""
        details = as_dict(self.error.get("error_data")).get("details")
        texts = (self.error.get("error_user_msg"), details, self.error.get("message"))
        return next((text for one in texts if (text := as_text(one, 500))), "")


def is_sandbox(token: str) -> bool:
    """Whether a token is one of the sandbox."""
    return token.startswith(SANDBOX_TOKEN)


def send(token: str, phone_number_id: str, message: Outgoing) -> Answer:
    """POST /{phone_number_id}/messages. Never raises for what WhatsApp or the network do."""
    if not message.to.key():
        return Answer(Verdict.REFUSED, code=errors.NO_RECIPIENT)
    reply = _call("messages", token, "POST", f"{phone_number_id}/messages", json=message.body())
    if not reply.is_good:
        code, verdict = reply.failure()
        return Answer(verdict, reply.status, code, reply.details(), retry_after=reply.retry_after)
    made, contact = _first(reply.found.get("messages")), _first(reply.found.get("contacts"))
    wamid = as_id(made.get("id"))
    if not wamid:
        return Answer(Verdict.UNKNOWN, reply.status, errors.UNREADABLE)
    return Answer(
        Verdict.SENT,
        reply.status,
        wamid=wamid,
        wa_id=as_id(contact.get("wa_id")),
        user_id=as_id(contact.get("user_id")),
        message_status=as_text(made.get("message_status"), LONGEST_WORD),
    )


# --- Templates ------------------------------------------------------------------------------------------------


def templates_list(token: str, waba_id: str, *, page: int = PAGE) -> list[TemplateRow]:
    """All templates of a business account, each language its own row."""
    rows = _pages("templates", token, f"{waba_id}/message_templates", {"fields": TEMPLATE_FIELDS, "limit": str(page)})
    return [_template(row) for row in rows]


def template_create(
    token: str,
    waba_id: str,
    *,
    name: str,
    language: str,
    category: str,
    components: Sequence[dict[str, Any]],
    send_ttl_seconds: int | None = None,
) -> TemplateRow:
    """Hands a template in; its `status` is mostly PENDING, and `category` may be another than was asked for."""
    body: dict[str, Any] = {"name": name, "language": language, "category": category, "components": list(components)}
    if send_ttl_seconds is not None:
        body["message_send_ttl_seconds"] = send_ttl_seconds
    found = _good("template_create", token, "POST", f"{waba_id}/message_templates", json=body)
    # The answer has the id and what was decided; the rest is what was asked.
    return _template({**body, **{key: found[key] for key in ("id", "status", "category") if key in found}})


def template_delete(token: str, waba_id: str, name: str, hsm_id: str = "") -> None:
    """Without `hsm_id` the template goes in all its languages."""
    params = {"hsm_id": hsm_id, "name": name} if hsm_id else {"name": name}
    _good("template_delete", token, "DELETE", f"{waba_id}/message_templates", params=params)


# --- Numbers and webhooks ---------------------------------------------------------------------------------------


def number_health(token: str, phone_number_id: str) -> NumberRow:
    found = _good("number", token, "GET", phone_number_id, params={"fields": HEALTH_FIELDS})
    return _number({"id": phone_number_id, **found})


def numbers_list(token: str, waba_id: str) -> list[NumberRow]:
    """The numbers of a business account."""
    rows = _pages("numbers", token, f"{waba_id}/phone_numbers", {"fields": NUMBER_FIELDS, "limit": str(PAGE)})
    return [_number(row) for row in rows]


def subscribe(token: str, waba_id: str, callback: str = "", verify_token: str = "") -> None:
    """Webhooks of this account come to this app; to `callback` rather than to the app's own address, if given."""
    body = {"override_callback_uri": callback, "verify_token": verify_token} if callback else {}
    _good("subscribe", token, "POST", f"{waba_id}/subscribed_apps", json=body)


# --- Media ------------------------------------------------------------------------------------------------------


def media_url(token: str, media_id: str) -> MediaRow:
    found = _good("media", token, "GET", media_id)
    size = found.get("file_size")
    return MediaRow(
        media_id=as_id(found.get("id")) or media_id,
        url=as_text(found.get("url"), 2000),
        mime_type=as_text(found.get("mime_type"), LONGEST_WORD),
        sha256=as_text(found.get("sha256"), LONGEST_WORD),
        size=size if isinstance(size, int) else None,
    )


def media_upload(token: str, phone_number_id: str, *, name: str, content: bytes, mime_type: str) -> str:
    """The media id; WhatsApp keeps the file for 30 days."""
    form = {"messaging_product": "whatsapp", "type": mime_type}
    files = {"file": (name, content, mime_type)}
    found = _good("media_upload", token, "POST", f"{phone_number_id}/media", data=form, files=files)
    if not (media_id := as_id(found.get("id"))):
        raise WhatsAppError(errors.UNREADABLE, Verdict.UNKNOWN)
    return media_id


def media_delete(token: str, media_id: str) -> None:
    _good("media_delete", token, "DELETE", media_id)


# --- The exchange -----------------------------------------------------------------------------------------------


def _good(call: str, token: str, method: str, path: str, **request: Any) -> dict[str, Any]:
    """The body of a good answer; WhatsAppError otherwise."""
    reply = _call(call, token, method, path, **request)
    # `success: false` comes with 200.
    if not reply.is_good or reply.found.get("success") is False:
        code, verdict = reply.failure()
        if method == "GET" and verdict is Verdict.UNKNOWN:
            # Nothing is done twice by asking twice.
            verdict = Verdict.LATER
        raise WhatsAppError(code, verdict, reply.details())
    return reply.found


def _pages(call: str, token: str, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The rows of all pages. Only the cursor is taken from `paging.next`, never its address: the token goes with it."""
    for _page in range(MOST_PAGES):
        found = _good(call, token, "GET", path, params=params)
        rows, paging = found.get("data"), as_dict(found.get("paging"))
        if not isinstance(rows, list):
            break
        yield from (row for row in rows if isinstance(row, dict))
        after = as_id(as_dict(paging.get("cursors")).get("after"), 2000)
        if not (paging.get("next") and after):
            return
        if after == params.get("after"):
            break
        params = {**params, "after": after}
    # Half a list is worse than none: what is not in it would be taken for deleted.
    raise WhatsAppError(errors.UNREADABLE, Verdict.LATER, "The list did not end, or is none.")


def _call(call: str, token: str, method: str, path: str, **request: Any) -> _Reply:
    started = time.monotonic()
    if obstacle := _obstacle(token, path):
        reply = _Reply(code=obstacle)
    else:
        url = f"{_base(token)}/{settings.WHATSAPP_API_VERSION}/{path}"
        reply = _exchange(token, method, url, started, request)
    code, verdict = ("", Verdict.SENT) if reply.is_good else reply.failure()
    # Never a path's ids, a number, a text or a token.
    log.info(
        "whatsapp.call",
        call=call,
        verdict=verdict.value,
        status=reply.status,
        code=code,
        took_ms=int((time.monotonic() - started) * 1000),
    )
    return reply


def _obstacle(token: str, path: str) -> str:
    """Why nothing is called at all, as one of our codes."""
    if not _TOKEN.fullmatch(token):
        return errors.BAD_TOKEN
    if not _base(token):
        return errors.WRONG_SIDE
    return "" if all(_ID.fullmatch(part) for part in path.split("/")) else errors.BAD_ADDRESS


def _base(token: str) -> str:
    """Where a token's calls go; empty when it must not be sent anywhere."""
    if is_sandbox(token):
        return str(settings.SANDBOX_URL)
    base = str(settings.WHATSAPP_API_BASE)
    return "" if settings.SANDBOX_URL and _host(base) == _host(settings.SANDBOX_URL) else base


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Reading them takes longer than a call."""
    return httpx.create_ssl_context()


class _TooLong(Exception):
    """The answer did not end, in size or in time."""


def _exchange(token: str, method: str, url: str, started: float, request: dict[str, Any]) -> _Reply:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with (
            # A connection of its own: on one that is used again and closed by the other side meanwhile, a message that
            # never left would look as if it may have been sent. No proxy before the sandbox: that is on this machine.
            httpx.Client(
                timeout=TIMEOUT, follow_redirects=False, verify=_certificates(), trust_env=not is_sandbox(token)
            ) as client,
            client.stream(method, url, headers=headers, **request) as response,
        ):
            content = _content(response, started)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return _Reply(code=errors.NO_CONNECTION)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeEncodeError):
        return _Reply(code=errors.BAD_ADDRESS)
    except (httpx.TransportError, httpx.DecodingError, _TooLong):
        # The request was on its way, or there: nobody knows what WhatsApp made of it.
        return _Reply(code=errors.NO_ANSWER)
    found = _object(content)
    # A gateway's page, whether it says 200 or 502, tells nothing about what WhatsApp did before.
    code = as_code(as_dict(as_dict(found).get("error")).get("code"))
    told = found is not None if response.is_success else code != ""
    unreadable = not told and (response.is_success or response.is_server_error)
    pause = _seconds(response.headers.get("Retry-After", ""))
    return _Reply(response.status_code, errors.UNREADABLE if unreadable else "", found or {}, pause)


def _content(response: httpx.Response, started: float) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BODY or time.monotonic() - started > MAX_SECONDS:
            raise _TooLong
    return bytes(content)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(max(seconds, 1.0), LONGEST_PAUSE) if math.isfinite(seconds) else None


# --- Reading answers --------------------------------------------------------------------------------------------


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _first(value: Any) -> dict[str, Any]:
    return as_dict(next(iter(as_list(value)), None))


def _template(row: dict[str, Any]) -> TemplateRow:
    quality = as_dict(row.get("quality_score"))
    return TemplateRow(
        external_id=as_id(row.get("id")),
        name=as_text(row.get("name"), 512),
        language=as_text(row.get("language"), LONGEST_WORD),
        status=as_text(row.get("status"), LONGEST_WORD),
        category=as_text(row.get("category"), LONGEST_WORD),
        components=[part for part in as_list(row.get("components")) if isinstance(part, dict)],
        rejected_reason=as_text(row.get("rejected_reason"), LONGEST_WORD),
        quality=as_text(quality.get("score"), LONGEST_WORD),
    )


def _number(row: dict[str, Any]) -> NumberRow:
    return NumberRow(
        phone_number_id=as_id(row.get("id")),
        display_phone_number=as_text(row.get("display_phone_number"), LONGEST_WORD),
        verified_name=as_text(row.get("verified_name"), LONGEST_WORD),
        quality=as_text(row.get("quality_rating"), LONGEST_WORD),
        limit=as_text(row.get("whatsapp_business_manager_messaging_limit"), LONGEST_WORD),
        status=as_text(row.get("status"), LONGEST_WORD),
    )
