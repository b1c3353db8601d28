"""The WhatsApp Cloud API over HTTP, one call each, nothing repeated in here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from whatsapp.clients.errors import Verdict
from whatsapp.clients.messages import Outgoing

# Tokens of the sandbox say so: a real token never reaches it, and they never reach Meta.
SANDBOX_TOKEN = "EAAsandbox-whatsapp"  # noqa: S105 - a prefix


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one send. `code`: WhatsApp's number, or a word of ours that begins with 'local.'; '' when it was
    sent. `retry_after` in seconds, where WhatsApp asked for a pause. `message_status`: accepted,
    held_for_quality_assessment or paused, of templates only."""

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
    """`status`, `category`, `quality` as WhatsApp words them: unknown words come as they are."""

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
    """A number of a business account, and how it stands. `limit`: TIER_250 …, of people in 24 hours."""

    phone_number_id: str
    display_phone_number: str = ""
    verified_name: str = ""
    quality: str = ""
    limit: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class MediaRow:
    """`url` lives five minutes and wants the token."""

    media_id: str
    url: str = field(repr=False)
    mime_type: str = ""
    sha256: str = ""
    size: int | None = None


def is_sandbox(token: str) -> bool:
    """Whether a token is one of the sandbox."""
    return token.startswith(SANDBOX_TOKEN)


def send(token: str, phone_number_id: str, message: Outgoing) -> Answer:
    """Never raises for what WhatsApp or the network do."""
    raise NotImplementedError


def templates_list(token: str, waba_id: str) -> list[TemplateRow]:
    raise NotImplementedError


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
    raise NotImplementedError


def template_delete(token: str, waba_id: str, name: str, hsm_id: str = "") -> None:
    """Without `hsm_id` the template goes in all its languages."""
    raise NotImplementedError


def number_health(token: str, phone_number_id: str) -> NumberRow:
    raise NotImplementedError


def numbers_list(token: str, waba_id: str) -> list[NumberRow]:
    raise NotImplementedError


def subscribe(token: str, waba_id: str, callback: str = "", verify_token: str = "") -> None:
    """Webhooks of this account come to this app; to `callback` rather than to the app's own address, if given."""
    raise NotImplementedError


def media_url(token: str, media_id: str) -> MediaRow:
    raise NotImplementedError


def media_upload(token: str, phone_number_id: str, *, name: str, content: bytes, mime_type: str) -> str:
    """The media id; WhatsApp keeps it for 30 days."""
    raise NotImplementedError


def media_delete(token: str, media_id: str) -> None:
    raise NotImplementedError
