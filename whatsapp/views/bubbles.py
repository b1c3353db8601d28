"""A template as a phone shows it."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from whatsapp.clients.templates import PLACEHOLDER, Shape, TemplateDraft, shape
from whatsapp.models import WhatsAppTemplate

_EXAMPLE_CODE = "123456"
_MARKS = (
    (re.compile(r"```(.+?)```", re.S), "<code>\\1</code>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), "<strong>\\1</strong>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), "<em>\\1</em>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), "<s>\\1</s>"),
)
_BUTTON_ICONS = {"URL": "external-link", "PHONE_NUMBER": "phone", "QUICK_REPLY": "reply", "OTP": "copy"}


@dataclass(frozen=True, slots=True)
class Bubble:
    """`media`: the word for a picture, video or document at its head; `buttons`: (icon, words)."""

    header: SafeString
    body: SafeString
    footer: str
    media: str
    buttons: list[tuple[str, str]]


def bubble(template: WhatsAppTemplate | TemplateDraft) -> Bubble:
    """With the examples in place of the placeholders; what has none keeps its braces."""
    found = _code_shape(template) if isinstance(template, TemplateDraft) and template.is_code else _shape(template)
    examples = {slot.key: slot.example for slot in found.slots}
    if isinstance(template, TemplateDraft):
        examples = dict(template.examples)
    shown = found.filled({key: text for key, text in examples.items() if text})
    return Bubble(
        header=_marked(shown.header),
        body=_marked(shown.body),
        footer=shown.footer,
        media=found.header_format.capitalize() if found.header_format not in ("", "TEXT") else "",
        buttons=[(_BUTTON_ICONS.get(one.kind, "square"), one.text or one.kind.capitalize()) for one in found.buttons],
    )


def _shape(template: WhatsAppTemplate | TemplateDraft) -> Shape:
    return shape(template.components() if isinstance(template, TemplateDraft) else template.components)


def _code_shape(draft: TemplateDraft) -> Shape:
    """WhatsApp's own words, which it translates itself."""
    components: list[dict[str, Any]] = [
        {"type": "BODY", "text": _code_text(hint=draft.security_hint)},
        {"type": "FOOTER", "text": _("This code expires in %(minutes)s minutes.") % {"minutes": draft.code_minutes}},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": _("Copy code")}]},
    ]
    return shape(components)


def _code_text(*, hint: bool) -> str:
    text = _("*%(code)s* is your verification code.") % {"code": _EXAMPLE_CODE}
    return f"{text} {_('For your security, do not share this code.')}" if hint else text


def _marked(text: str) -> SafeString:
    """WhatsApp's marks as HTML: *bold*, _italic_, ~struck~, ```code```; placeholders stand out."""
    found = str(conditional_escape(text))
    for pattern, replacement in _MARKS:
        found = pattern.sub(replacement, found)
    found = PLACEHOLDER.sub(lambda match: f'<span class="bubble-slot">{escape(match[0])}</span>', found)
    # Escaped above; what is added are the tags named here.
    return SafeString(found)
