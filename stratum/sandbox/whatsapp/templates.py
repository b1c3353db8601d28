"""Message templates: what a business has, what Meta's review says to new ones, and what parameters each needs."""

import base64
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stratum.sandbox.graph import GraphError, invalid
from stratum.sandbox.whatsapp import loose
from stratum.sandbox.whatsapp.directory import TEMPLATE_PREFIX

CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "PENDING_DELETION", "LIMIT_EXCEEDED",
            "FLAGGED", "LOCKED", "ARCHIVED")  # fmt: skip
MOST = 250
BODY_SIZE, HEADER_SIZE, FOOTER_SIZE = 1024, 60, 60
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_OTP_URL = "https://www.whatsapp.com/otp/code/?otp_type={kind}&code=otp{code}"
_PAUSED_BODY = {
    "type": "BODY",
    "text": "Campaign {{1}} was paused, spend {{2}}.",
    "example": {"body_text": [["Spring Sale", "12.50"]]},
}

Component = dict[str, Any]


@dataclass(slots=True)
class Template:
    """`components` are as a GET shows them. `reason` is why it was rejected, `quality` GREEN, YELLOW, RED or empty."""

    id: str
    waba: str
    name: str
    language: str
    category: str
    status: str
    components: list[Component]
    reason: str = "NONE"
    quality: str = ""
    quality_at: int = field(default=0)

    def node(self) -> dict[str, Any]:
        """Its fields; those without a value are missing, as in Meta's answers."""
        found: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "category": self.category,
            "language": self.language,
            "components": self.components,
        }
        if self.quality:
            found["quality_score"] = {"score": self.quality, "date": self.quality_at}
        if self.reason != "NONE":
            found["rejected_reason"] = self.reason
        return found

    def component(self, kind: str) -> Component | None:
        return next((one for one in self.components if one.get("type") == kind), None)

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return loose.items(self.component("BUTTONS") or {}, "buttons")


def placeholders(text: str) -> list[str]:
    """The names (or numbers) of a text's variables, each once, in their order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


class Templates:
    """Every business's templates, oldest first."""

    def __init__(self, note: Callable[[dict[str, Any]], None]) -> None:
        self._note = note
        self._templates: dict[str, Template] = {one.id: one for one in _seeded()}

    def of(self, waba: str) -> list[Template]:
        return [one for one in self._templates.values() if one.waba == waba]

    def get(self, template_id: str) -> Template | None:
        return self._templates.get(template_id)

    def find(self, waba: str, name: str, language: str) -> Template | None:
        return next((one for one in self.of(waba) if (one.name, one.language) == (name, language)), None)

    def create(self, waba: str, fields: Mapping[str, Any]) -> Template:
        """A new one, PENDING. GraphError when Meta would not take it for review."""
        name, language = loose.text(fields, "name"), loose.text(fields, "language")
        category = loose.text(fields, "category").upper()
        for member, value in (("name", name), ("language", language), ("category", category)):
            if not value:
                raise invalid(f"The parameter {member} is required.")
        if category not in CATEGORIES:
            raise invalid(f'Param category must be one of {{{", ".join(CATEGORIES)}}} - got "{category}".')
        if not _NAME.fullmatch(name):
            raise _refused(2388047, "Message templates may only have lowercase letters, numbers and underscores")
        if not _LANGUAGE.fullmatch(language):
            raise invalid("Param language must be a supported language code.")
        if self.find(waba, name, language):
            raise _refused(2388024, f"Content in this language already exists: {name}, {language}")
        if len(self.of(waba)) >= MOST:
            raise _refused(2388019, "The account has reached the limit of message templates")
        components = fields.get("components")
        if not isinstance(components, list) or not all(isinstance(one, dict) for one in components):
            raise invalid("The parameter components is required.")
        shown = _otp(components) if category == "AUTHENTICATION" else _checked(components)
        number = f"{TEMPLATE_PREFIX}{secrets.randbelow(10**8):08d}"
        return self._keep(Template(number, waba, name, language, category, "PENDING", shown))

    def remove(self, gone: Iterable[Template]) -> None:
        for one in list(gone):
            del self._templates[one.id]
            self._note({"kind": "whatsapp_template_gone", "id": one.id})

    def change(self, template: Template, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(template, name, value)
        self._keep(template)

    def _keep(self, template: Template) -> Template:
        self._templates[template.id] = template
        own = {name: getattr(template, name) for name in Template.__slots__}
        self._note({"kind": "whatsapp_template", "template": own})
        return template

    def restore(self, entry: Mapping[str, Any]) -> None:
        if entry["kind"] == "whatsapp_template_gone":
            self._templates.pop(entry["id"], None)
            return
        found = Template(**entry["template"])
        # A review that the end of a process has broken off went well.
        found.status = "APPROVED" if found.status == "PENDING" else found.status
        self._templates[found.id] = found


def page(templates: list[Template], after: str, before: str, limit: int) -> tuple[list[Template], dict[str, Any], str]:
    """A page of them: its rows, its cursors, and the cursor of a next page (empty for none)."""
    start = _position(after) + 1 if after else 0
    end = start + limit
    if before:
        end = _position(before)
        start = max(end - limit, 0)
    rows = templates[start:end]
    if not rows:
        return [], {}, ""
    last = start + len(rows) - 1
    cursors = {"before": _cursor(start), "after": _cursor(last)}
    return rows, cursors, cursors["after"] if last + 1 < len(templates) else ""


def _cursor(position: int) -> str:
    return base64.b64encode(str(position).encode()).decode().rstrip("=") + "ZDZD"


def _position(cursor: str) -> int:
    try:
        text = cursor.removesuffix("ZDZD")
        return int(base64.b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as error:
        raise invalid("Invalid parameter", error_subcode=1349193) from error


# --- review ------------------------------------------------------------------------------------------------


def _refused(subcode: int, message: str) -> GraphError:
    return GraphError(400, 100, "Invalid parameter", error_subcode=subcode, is_transient=False,
                      error_user_title="Message template cannot be created", error_user_msg=message)  # fmt: skip


def _checked(components: list[Component]) -> list[Component]:
    shown = [{**one, "type": str(one.get("type", "")).upper()} for one in components]
    body = next((one for one in shown if one["type"] == "BODY"), None)
    if body is None or not body.get("text"):
        raise _refused(2388043, "component of type BODY is missing expected field(s) (text)")
    sizes = {"BODY": BODY_SIZE, "HEADER": HEADER_SIZE, "FOOTER": FOOTER_SIZE}
    for one in shown:
        text = loose.text(one, "text")
        if len(text) > sizes.get(one["type"], BODY_SIZE):
            raise _refused(2388040, f"component of type {one['type']} has too many characters")
        names = placeholders(text)
        if names and "example" not in one:
            raise _refused(2388043, f"component of type {one['type']} is missing expected field(s) (example)")
        if names and all(name.isdigit() for name in names) and names != [str(at + 1) for at in range(len(names))]:
            raise _refused(2388072, "Variables must be numbered from {{1}} on, in their order")
    text = str(body["text"]).strip()
    if PLACEHOLDER.match(text) or text.endswith("}}"):
        raise _refused(2388299, "Variables can't be at the start or end of the template")
    return shown


def _otp(components: list[Component]) -> list[Component]:
    """A verification code's text is Meta's; its button comes back as one with a URL."""
    given = {str(one.get("type", "")).upper(): one for one in components}
    buttons = loose.items(given.get("BUTTONS", {}), "buttons")
    if not buttons or str(buttons[0].get("type", "")).upper() != "OTP":
        raise _refused(2388043, "component of type BUTTONS is missing expected field(s) (OTP button)")
    kind = str(buttons[0].get("otp_type", "COPY_CODE")).upper()
    text = "*{{1}}* is your verification code."
    body: Component = {"type": "BODY", "text": text}
    if given.get("BODY", {}).get("add_security_recommendation"):
        body |= {"text": f"{text} For your security, do not share this code.", "add_security_recommendation": True}
    shown = [body]
    minutes = given.get("FOOTER", {}).get("code_expiration_minutes")
    if isinstance(minutes, int) and minutes:
        footer = f"This code expires in {minutes} minutes."
        shown.append({"type": "FOOTER", "text": footer, "code_expiration_minutes": minutes})
    button = {
        "type": "URL",
        "text": str(buttons[0].get("text") or "Copy code"),
        "url": _OTP_URL.format(kind=kind, code="{{1}}"),
        "example": [_OTP_URL.format(kind=kind, code="123456")],
    }
    return [*shown, {"type": "BUTTONS", "buttons": [button]}]


def _seeded() -> list[Template]:
    otp = _otp(
        [
            {"type": "BODY", "add_security_recommendation": True},
            {"type": "FOOTER", "code_expiration_minutes": 10},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
        ]
    )
    north, globex = "102290129340398", "102290129340777"
    alert: list[Component] = [
        {"type": "HEADER", "format": "TEXT", "text": "Budget alert"},
        {
            "type": "BODY",
            "text": "Campaign {{1}} has spent {{2}} today, more than its limit.",
            "example": {"body_text": [["Spring Sale", "12.50"]]},
        },
        {"type": "FOOTER", "text": "You get this because you follow the campaign."},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Pause campaign"},
                {"type": "QUICK_REPLY", "text": "Stop alerts"},
                {"type": "URL", "text": "Open", "url": "https://stratum.example/campaigns/{{1}}/", "example": ["7"]},
            ],
        },
    ]

    def one(tail: str, waba: str, name: str, language: str, category: str, status: str, parts: list[Component],
            **more: Any) -> Template:  # fmt: skip
        return Template(f"{TEMPLATE_PREFIX}{tail}", waba, name, language, category, status, parts, **more)

    return [
        one("08129832", north, "campaign_paused", "en_US", "UTILITY", "APPROVED", [_PAUSED_BODY],
            quality="GREEN", quality_at=1751247548),
        one("08129833", north, "verify_code", "en_US", "AUTHENTICATION", "APPROVED", otp),
        one("08129835", north, "abandoned_cart", "en", "MARKETING", "REJECTED", [_PAUSED_BODY],
            reason="INVALID_FORMAT"),
        one("08129836", north, "weekly_digest", "ar", "MARKETING", "PAUSED", [_PAUSED_BODY]),
        one("08129841", globex, "budget_alert", "en_US", "UTILITY", "APPROVED", alert),
        one("08129842", globex, "verify_code", "en_US", "AUTHENTICATION", "APPROVED", otp),
        one("08129843", globex, "summer_offer", "en_US", "MARKETING", "APPROVED", [
            {"type": "BODY", "text": "Hello {{1}}, the summer offer ends on {{2}}.",
             "example": {"body_text": [["Kerry", "31 August"]]}},
            {"type": "FOOTER", "text": "Tap below to stop these messages."},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop promotions"}]},
        ]),
    ]  # fmt: skip
