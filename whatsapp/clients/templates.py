"""Templates as the Cloud API shows and takes them: their parts, their placeholders, and what Meta accepts.

A placeholder is named by a slot: '1' or 'spend' in the text, 'header:1' in the head, 'button:0' behind the first
button. Rules and limits: Meta, "Message templates" and "Template components".
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from whatsapp.choices import TemplateCategory

LONGEST_NAME, LONGEST_HEADER, LONGEST_BODY, LONGEST_FOOTER = 512, 60, 1024, 60
# With its values filled in a body may be longer than it was handed in only where it is the template's only part.
LONGEST_ALONE = 32_768
LONGEST_BUTTON, LONGEST_URL, LONGEST_PHONE, LONGEST_EXAMPLE = 25, 2000, 20, 200
MOST_BUTTONS, MOST_URLS, MOST_PHONES = 10, 2, 1
CODE_MINUTES = range(1, 91)

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_PHONE = re.compile(r"\+[1-9]\d{6,18}")
_ADJACENT = re.compile(r"\}\}[^\w{]*\{\{")
_EDGES = re.compile(r"^\W*\{\{|\}\}\W*$")
_FORMATTING = re.compile(r"[*_~`\r\n]")
# Parts whose values Stratum has none of: pictures, products, flows, offers.
_BUTTONS = {"QUICK_REPLY", "URL", "PHONE_NUMBER", "OTP"}
_PARTS = {"HEADER", "BODY", "FOOTER", "BUTTONS"}


@dataclass(frozen=True, slots=True)
class Button:
    """`kind`: QUICK_REPLY, URL, PHONE_NUMBER, or another word of Meta's; `value`: the address or number."""

    kind: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder. `part`: header, body or button; `example` as it was handed in."""

    key: str
    part: str
    placeholder: str
    example: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a template looks like. `unknown`: parts that Stratum cannot fill, by Meta's words."""

    header: str = ""
    header_format: str = ""
    body: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    slots: tuple[Slot, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def longest_body(self) -> int:
        """The characters of its body with all values filled in, beyond which WhatsApp refuses a message (132005)."""
        return LONGEST_BODY if self.header_format or self.footer or self.buttons else LONGEST_ALONE

    def filled(self, values: Mapping[str, str]) -> "Shape":
        """The same with values (by slot) in place of the placeholders; what has none keeps its braces."""
        buttons = tuple(
            Button(one.kind, one.text, _replaced(one.value, values, f"button:{index}", whole=True))
            for index, one in enumerate(self.buttons)
        )
        header = _replaced(self.header, values, "header:")
        return Shape(header, self.header_format, _replaced(self.body, values, ""), self.footer, buttons, self.slots)


def placeholders(text: str) -> list[str]:
    """Each once, in the order of appearance; numbers in their own order, in which their values are sent."""
    found = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    return sorted(found, key=int) if all(one.isdecimal() for one in found) else found


def shape(components: Any) -> Shape:
    """Reads components as WhatsApp lists them. Nothing in them makes it raise."""
    parts = [part for part in components if isinstance(part, dict)] if isinstance(components, list) else []
    by_kind = {_word(part.get("type")): part for part in reversed(parts)}
    header, body = by_kind.get("HEADER", {}), by_kind.get("BODY", {})
    header_format = _word(header.get("format")) or ("TEXT" if header.get("text") else "")
    buttons = _buttons(by_kind.get("BUTTONS", {}))
    unknown = [kind for kind in by_kind if kind not in _PARTS]
    unknown += [header_format] if header_format not in ("", "TEXT") else []
    unknown += [one.kind for one, _example in buttons if one.kind not in _BUTTONS]
    return Shape(
        header=_text(header.get("text")),
        header_format=header_format,
        body=_text(body.get("text")),
        footer=_text(by_kind.get("FOOTER", {}).get("text")),
        buttons=tuple(one for one, _example in buttons),
        slots=tuple(_slots(header, body, buttons)),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _slots(header: dict[str, Any], body: dict[str, Any], buttons: Sequence[tuple[Button, str]]) -> list[Slot]:
    examples = _examples(header, "header_text")
    found = [
        Slot(f"header:{name}", "header", name, examples.get(name) or _at(examples, index))
        for index, name in enumerate(placeholders(_text(header.get("text"))))
    ]
    examples = _examples(body, "body_text")
    found += [
        Slot(name, "body", name, examples.get(name) or _at(examples, index))
        for index, name in enumerate(placeholders(_text(body.get("text"))))
    ]
    found += [
        Slot(f"button:{index}", "button", names[0], example)
        for index, (one, example) in enumerate(buttons)
        if (names := placeholders(one.value))
    ]
    return found


def _buttons(part: dict[str, Any]) -> list[tuple[Button, str]]:
    rows = part.get("buttons")
    found = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict):
            continue
        value = _text(row.get("url")) or _text(row.get("phone_number"))
        example = row.get("example")
        example = example[0] if isinstance(example, list) and example else example
        found.append((Button(_word(row.get("type")), _text(row.get("text")), value), _text(example)))
    return found


def _examples(part: dict[str, Any], kind: str) -> dict[str, str]:
    """Placeholder → example: body_text is a list of lists, header_text a list, named ones say their name."""
    examples = part.get("example")
    if not isinstance(examples, dict):
        return {}
    named = examples.get(f"{kind}_named_params")
    if isinstance(named, list):
        rows = [one for one in named if isinstance(one, dict)]
        return {_text(one.get("param_name")): _text(one.get("example")) for one in rows}
    listed = examples.get(kind)
    while isinstance(listed, list) and listed and isinstance(listed[0], list):
        listed = listed[0]
    return {f"#{index}": _text(one) for index, one in enumerate(listed)} if isinstance(listed, list) else {}


def _at(examples: Mapping[str, str], index: int) -> str:
    return examples.get(f"#{index}", "")


def _replaced(text: str, values: Mapping[str, str], prefix: str, *, whole: bool = False) -> str:
    def value(match: re.Match[str]) -> str:
        return values.get(prefix if whole else f"{prefix}{match[1]}") or match[0]

    return PLACEHOLDER.sub(value, text)


def _word(value: Any) -> str:
    return value.upper()[:50] if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# --- New ones ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """What a person wants to hand in. `examples` by slot. A verification code has no text of one's own: only
    `code_minutes` and `security_hint`, and WhatsApp words it."""

    name: str
    language: str
    category: str
    body: str = ""
    header: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    code_minutes: int = 10
    security_hint: bool = True

    @property
    def is_code(self) -> bool:
        return self.category == TemplateCategory.AUTHENTICATION

    def slots(self) -> list[Slot]:
        """Its placeholders, with the examples that are there."""
        header, body = {"text": self.header}, {"text": self.body}
        buttons = [(one, "") for one in self.buttons]
        found = [] if self.is_code else _slots(header, body, buttons)
        return [Slot(one.key, one.part, one.placeholder, self.examples.get(one.key, "")) for one in found]

    def components(self) -> list[dict[str, Any]]:
        """As POST /{waba_id}/message_templates takes them."""
        return _code_components(self) if self.is_code else _text_components(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that WhatsApp would refuse. `place`: a field of TemplateDraft, 'button:0', or 'example:<slot>'."""

    place: str
    code: str
    words: str


def _code_components(draft: TemplateDraft) -> list[dict[str, Any]]:
    return [
        {"type": "BODY", "add_security_recommendation": draft.security_hint},
        {"type": "FOOTER", "code_expiration_minutes": draft.code_minutes},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]


def _text_components(draft: TemplateDraft) -> list[dict[str, Any]]:
    slots = draft.slots()
    parts: list[dict[str, Any]] = []
    if draft.header:
        header = {"type": "HEADER", "format": "TEXT", "text": draft.header}
        parts.append(header | _example("header_text", [one for one in slots if one.part == "header"]))
    in_body = [one for one in slots if one.part == "body"]
    parts.append({"type": "BODY", "text": draft.body} | _example("body_text", in_body, nested=True))
    if draft.footer:
        parts.append({"type": "FOOTER", "text": draft.footer})
    if draft.buttons:
        buttons = [_button(one, draft.examples.get(f"button:{index}", "")) for index, one in enumerate(draft.buttons)]
        parts.append({"type": "BUTTONS", "buttons": buttons})
    return parts


def _example(kind: str, slots: Sequence[Slot], *, nested: bool = False) -> dict[str, Any]:
    if not slots:
        return {}
    examples = [one.example for one in slots]
    return {"example": {kind: [examples] if nested else examples}}


def _button(button: Button, example: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": button.kind, "text": button.text}
    if button.kind == "URL":
        found["url"] = button.value
        # What is appended to the address, not the whole of it.
        return found | ({"example": [example]} if example else {})
    return found | ({"phone_number": button.value} if button.kind == "PHONE_NUMBER" else {})


def problems(draft: TemplateDraft) -> list[Problem]:
    """What the review would refuse at once, all of it, in the order of the form."""
    found = [*_name_problems(draft)]
    if draft.is_code:
        if draft.code_minutes not in CODE_MINUTES:
            found.append(Problem("code_minutes", "minutes", _("A code is good for 1 to 90 minutes.")))
        return found
    found += _header_problems(draft.header)
    found += _body_problems(draft.body)
    found += _footer_problems(draft.footer)
    found += _button_problems(draft.buttons)
    for slot in draft.slots():
        if not slot.example.strip():
            words = _("Give an example for %(name)s: the review reads it.") % {"name": f"{{{{{slot.placeholder}}}}}"}
            found.append(Problem(f"example:{slot.key}", "example_missing", words))
        elif len(slot.example) > LONGEST_EXAMPLE or "{{" in slot.example or "\n" in slot.example:
            found.append(
                Problem(f"example:{slot.key}", "example_bad", _("An example is one short line of plain text."))
            )
    return found


def _name_problems(draft: TemplateDraft) -> list[Problem]:
    found = []
    if not _NAME.fullmatch(draft.name):
        words = _("Only small letters a to z, digits and underscores.")
        found.append(Problem("name", "name_bad", words))
    if draft.category not in TemplateCategory.values:
        found.append(Problem("category", "category_bad", _("Choose what the template is for.")))
    return found


def _header_problems(text: str) -> list[Problem]:
    found = []
    if len(text) > LONGEST_HEADER:
        found.append(Problem("header", "header_long", _("A headline has at most 60 characters.")))
    if _FORMATTING.search(PLACEHOLDER.sub("", text)):
        found.append(Problem("header", "header_formatted", _("A headline is one line without formatting.")))
    if len(placeholders(text)) > 1:
        found.append(Problem("header", "header_slots", _("A headline has at most one placeholder.")))
    return [*found, *_slot_problems("header", text)]


def _body_problems(text: str) -> list[Problem]:
    if not text.strip():
        return [Problem("body", "body_missing", _("Write the text of the message."))]
    found = []
    if len(text) > LONGEST_BODY:
        found.append(Problem("body", "body_long", _("The text has at most 1,024 characters.")))
    if _EDGES.search(text):
        words = _("Text must stand before the first placeholder and after the last one.")
        found.append(Problem("body", "body_edges", words))
    if _ADJACENT.search(text):
        found.append(Problem("body", "body_adjacent", _("Put words between two placeholders.")))
    if re.search(r"\t| {5,}|\n\s*\n\s*\n", text):
        words = _("No tabs, no more than four blanks in a row, and at most one empty line.")
        found.append(Problem("body", "body_blanks", words))
    return [*found, *_slot_problems("body", text)]


def _slot_problems(place: str, text: str) -> list[Problem]:
    """New templates number their placeholders; named ones are only read."""
    left, found = PLACEHOLDER.sub("", text), placeholders(text)
    if "{{" in left or "}}" in left or not all(one.isdecimal() for one in found):
        return [Problem(place, "slot_bad", _("Placeholders are written {{1}}, {{2}} and so on."))]
    if found != [str(index + 1) for index in range(len(found))]:
        return [Problem(place, "slot_order", _("Number the placeholders from {{1}} on, without a gap."))]
    return []


def _footer_problems(text: str) -> list[Problem]:
    if len(text) > LONGEST_FOOTER:
        return [Problem("footer", "footer_long", _("The last line has at most 60 characters."))]
    if "{{" in text or "\n" in text:
        return [Problem("footer", "footer_slots", _("The last line is one line without placeholders."))]
    return []


def _button_problems(buttons: Sequence[Button]) -> list[Problem]:
    found = [problem for index, one in enumerate(buttons) if (problem := _one_button(f"button:{index}", one))]
    kinds = [one.kind for one in buttons]
    if len(kinds) > MOST_BUTTONS or kinds.count("URL") > MOST_URLS or kinds.count("PHONE_NUMBER") > MOST_PHONES:
        words = _("At most ten buttons, of which two open a page and one calls a number.")
        found.append(Problem("buttons", "buttons_many", words))
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    if sum(here != before for before, here in itertools.pairwise(quick)) > 1:
        found.append(Problem("buttons", "buttons_mixed", _("Keep the quick replies together.")))
    if len({one.text.strip().casefold() for one in buttons}) < len(buttons):
        found.append(Problem("buttons", "buttons_same", _("Each button needs words of its own.")))
    return found


def _one_button(place: str, button: Button) -> Problem | None:
    if not 0 < len(button.text.strip()) <= LONGEST_BUTTON or "{{" in button.text or _FORMATTING.search(button.text):
        words = _("The words on a button: one to 25 characters, no placeholders and no formatting.")
        return Problem(place, "button_text", words)
    if button.kind == "PHONE_NUMBER" and not _PHONE.fullmatch(button.value):
        return Problem(place, "button_phone", _("A phone number with its country code, such as +4930123456."))
    if button.kind == "URL" and not _is_url(button.value):
        words = _("An address that begins with https://, with at most one placeholder, {{1}}, at its very end.")
        return Problem(place, "button_url", words)
    return None


def _is_url(text: str) -> bool:
    plain = text.removesuffix("{{1}}")
    try:
        parts = urlsplit(plain)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and len(text) <= LONGEST_URL and "{{" not in plain
