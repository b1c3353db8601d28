"""How states, errors and moments of messages are worded."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from stratum.lib.plain_words import cut
from stratum.templatetags.ui import render_icon, status_tag
from whatsapp.choices import Direction, MessageState, OptIn, Purpose
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.queries import OBSTACLES, obstacle
from whatsapp.queries.messages import LOOKS, state_of, waits_until
from whatsapp.queries.reasons import error_words
from whatsapp.queries.templates import template_values

# What WhatsApp itself draws beside a message, each with its word for those who do not see it.
_TICKS = {
    MessageState.QUEUED: "clock",
    MessageState.WAITS: "timer",
    MessageState.SENDING: "loader",
    MessageState.ACCEPTED: "send",
    MessageState.MAYBE: "circle-question-mark",
    MessageState.SENT: "check",
    MessageState.DELIVERED: "check-check",
    MessageState.READ: "check-check",
    MessageState.FAILED: "circle-x",
    MessageState.CANCELLED: "circle-slash",
}


def moment(when: datetime | None) -> str:
    """'3 Nov 2026, 14:05' in the reader's zone; empty for None."""
    return date_format(timezone.localtime(when), "j M Y, H:i") if when else ""


def clock(when: datetime | None) -> str:
    """'14:05' in the reader's zone."""
    return date_format(timezone.localtime(when), "H:i") if when else ""


def state_tag(state: str) -> SafeString:
    found = MessageState(state)
    return status_tag(LOOKS[found], found.label)


def tick(message: WhatsAppMessage, now: datetime) -> SafeString:
    """The state beside a bubble: an icon and the word."""
    state = state_of(message, now)
    until = waits_until(message, now) if state == MessageState.WAITS else None
    label = _("Waits until %(when)s") % {"when": moment(until)} if until else state.label
    css = {MessageState.READ: " is-read", MessageState.FAILED: " is-bad", MessageState.MAYBE: " is-warn"}
    return format_html('<span class="tick{}">{}{}</span>', css.get(state, ""), render_icon(_TICKS[state]), label)


def state_sub(message: WhatsAppMessage, now: datetime) -> str:
    """What stands below a state: until when it waits, or what is wrong."""
    until = waits_until(message, now)
    if state_of(message, now) == MessageState.WAITS and until is not None:
        return " ".join(filter(None, [_("until %(when)s.") % {"when": moment(until)}, error_words(message)]))
    return error_words(message)


def opt_in_tag(contact: WhatsAppContact) -> SafeString:
    look = {OptIn.OPTED_IN: "opted_in", OptIn.OPTED_OUT: "opted_out"}
    return status_tag(look.get(OptIn(contact.opt_in_status), "pending"), contact.get_opt_in_status_display())


def verified_tag(contact: WhatsAppContact) -> SafeString:
    if contact.is_verified:
        return status_tag("verified", _("Verified"))
    return status_tag("pending", _("Not verified"))


def why_not(contact: WhatsAppContact) -> str:
    """Why the contact gets no alerts, as one sentence; empty where they do."""
    found = obstacle(contact, Purpose.ALERT)
    return _("Gets no alerts: %(reason)s.") % {"reason": OBSTACLES[found]} if found else ""


def kind_of(message: WhatsAppMessage) -> str:
    """What kind of message it is, for lists."""
    if message.direction == Direction.INBOUND:
        return _("Message to us")
    return str(message.get_purpose_display())


_MEDIA: dict[str, tuple[str, Any]] = {
    "image": ("image", lambda: _("Image")),
    "video": ("film", lambda: _("Video")),
    "audio": ("audio-lines", lambda: _("Voice or audio")),
    "voice": ("audio-lines", lambda: _("Voice or audio")),
    "document": ("file-text", lambda: _("Document")),
    "sticker": ("sticker", lambda: _("Sticker")),
    "location": ("map-pin", lambda: _("Location")),
    "contacts": ("contact", lambda: _("Contact card")),
    "order": ("shopping-cart", lambda: _("Order")),
    "unsupported": ("circle-question-mark", lambda: _("A kind of message that WhatsApp does not hand on")),
    "system": ("info", lambda: _("Notice of WhatsApp")),
}


def media_of(message: WhatsAppMessage) -> tuple[str, str]:
    """(icon, words) of what came that is no text; empty for text."""
    found = _MEDIA.get(message.message_type)
    if found is None:
        return "", ""
    icon, label = found
    return icon, f"{label()} · {message.media_type}" if message.media_type else label()


def said(message: WhatsAppMessage) -> str:
    """The words of a message: free text, a caption, or its template filled in. Codes are never shown."""
    if message.purpose == Purpose.CODE:
        return _("A code for verifying the number. It is kept nowhere.")
    if message.message_type == "template" and message.template is not None:
        return rendered(message)
    if message.message_type in ("location", "contacts", "order"):
        return ""
    return message.content or ""


def rendered(message: WhatsAppMessage) -> str:
    """The text of a template with the values that went out."""
    template = message.template
    if template is None:
        return message.content or ""
    values = {str(name): str(value) for name, value in (message.template_variables or {}).items()}
    given = {"link": settings.PUBLIC_URL, **values}
    return template_values(template, given, message.content or "").text or message.content or ""


def preview(message: WhatsAppMessage | None) -> str:
    """One line of a message, for lists."""
    if message is None:
        return ""
    _icon, media = media_of(message)
    return cut(" ".join(filter(None, [media, " ".join(said(message).split())])), 120)
