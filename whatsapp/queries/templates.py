"""Reads of templates: the list, whether one may be sent, what fills its placeholders."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stratum.lib.plain_words import cut
from whatsapp.choices import OwnTemplateStatus, TemplateCategory
from whatsapp.clients.messages import LONGEST_PARAMETER
from whatsapp.clients.templates import PLACEHOLDER, Shape, Slot, shape
from whatsapp.models import WhatsAppTemplate

APPROVED, DELETED = "APPROVED", "DELETED"
# States that may end in an approval: what is to go out waits.
MENDABLE = ("PENDING", "PAUSED", "IN_APPEAL", "FLAGGED", "LIMIT_EXCEEDED", "LOCKED")
# What a placeholder may be filled with, and what the page calls it. `title` and `text` are the message's own words.
VARIABLES: dict[str, Promise] = {
    "title": gettext_lazy("Title of the message"),
    "text": gettext_lazy("Text of the message"),
    "link": gettext_lazy("Link to Stratum"),
    "rule": gettext_lazy("Name of the rule"),
    "campaign": gettext_lazy("Names of the campaigns"),
    "reason": gettext_lazy("Why the rule acted"),
    "period": gettext_lazy("Days of the report"),
    "figures": gettext_lazy("Figures of the report"),
    "code": gettext_lazy("Verification code"),
}
# In the order of appearance, where nobody has said what a placeholder means.
_DEFAULTS = ("rule", "campaign", "reason", "title", "text", "link")

# What each state means for sending: WhatsApp's words, and ours.
STATE_WORDS: dict[str, Promise] = {
    APPROVED: gettext_lazy("Approved: it can be sent."),
    "PENDING": gettext_lazy("WhatsApp is still reviewing it."),
    "IN_APPEAL": gettext_lazy("WhatsApp is looking at the appeal against its rejection."),
    "REJECTED": gettext_lazy("WhatsApp has rejected it."),
    "PAUSED": gettext_lazy("WhatsApp has paused it because people did not like it. It may come back in hours."),
    "DISABLED": gettext_lazy("WhatsApp has disabled it because of its quality. Change it and hand it in again."),
    "FLAGGED": gettext_lazy("WhatsApp has flagged it because of its quality: it may be disabled soon."),
    "REINSTATED": gettext_lazy("WhatsApp has taken a restriction back. It can be sent once it is approved."),
    "LIMIT_EXCEEDED": gettext_lazy("The account has as many templates as WhatsApp allows."),
    "LOCKED": gettext_lazy("WhatsApp has locked it."),
    "ARCHIVED": gettext_lazy("It was not used for long: WhatsApp has archived it."),
    "UNARCHIVED": gettext_lazy("WhatsApp takes it out of the archive."),
    "PENDING_DELETION": gettext_lazy("It is being deleted at WhatsApp."),
    DELETED: gettext_lazy("It is not at WhatsApp any more."),
    OwnTemplateStatus.QUEUED.value: gettext_lazy("It is being handed in for review."),
    OwnTemplateStatus.SENDING.value: gettext_lazy("It is being handed in for review."),
    OwnTemplateStatus.REFUSED.value: gettext_lazy("WhatsApp did not take it for review."),
    OwnTemplateStatus.REMOVING.value: gettext_lazy("It is being deleted."),
}
# The short word of each state, for lists and filters.
STATE_NAMES: dict[str, Promise] = {
    APPROVED: gettext_lazy("Approved"),
    "PENDING": gettext_lazy("In review"),
    "IN_APPEAL": gettext_lazy("In appeal"),
    "REJECTED": gettext_lazy("Rejected"),
    "PAUSED": gettext_lazy("Paused"),
    "DISABLED": gettext_lazy("Disabled"),
    "FLAGGED": gettext_lazy("Flagged"),
    "REINSTATED": gettext_lazy("Reinstated"),
    "LIMIT_EXCEEDED": gettext_lazy("Too many"),
    "LOCKED": gettext_lazy("Locked"),
    "ARCHIVED": gettext_lazy("Archived"),
    "UNARCHIVED": gettext_lazy("Unarchived"),
    "PENDING_DELETION": gettext_lazy("Being deleted"),
    DELETED: gettext_lazy("Deleted"),
    OwnTemplateStatus.QUEUED.value: gettext_lazy("Being handed in"),
    OwnTemplateStatus.SENDING.value: gettext_lazy("Being handed in"),
    OwnTemplateStatus.REFUSED.value: gettext_lazy("Not accepted"),
    OwnTemplateStatus.REMOVING.value: gettext_lazy("Being deleted"),
}
_REJECTIONS: dict[str, Promise] = {
    "ABUSIVE_CONTENT": gettext_lazy("Its text is abusive or threatening."),
    "INCORRECT_CATEGORY": gettext_lazy("Its text does not fit its category."),
    "INVALID_FORMAT": gettext_lazy("Its placeholders or its form are wrong."),
    "PROMOTIONAL": gettext_lazy("It promotes something, and its category does not allow that."),
    "SCAM": gettext_lazy("WhatsApp takes it for a fraud."),
    "TAG_CONTENT_MISMATCH": gettext_lazy("Its language or category does not fit its text."),
}
_QUIET_REJECTIONS = {"", "NONE"}


@dataclass(frozen=True, slots=True)
class Sendable:
    """`code`: the state, or local.parts for parts that Stratum cannot fill; '' when it may be sent. `reason`: a
    sentence."""

    code: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return not self.code


def sendable(template: WhatsAppTemplate) -> Sendable:
    """Whether a template may be sent now: only when approved, and when Stratum can fill all of it."""
    if template.status != APPROVED:
        return Sendable(template.status or "unknown", state_words(template.status, template.rejected_reason or ""))
    if unknown := shape(template.components).unknown:
        words = _("It has parts that Stratum cannot fill: %(parts)s.") % {"parts": ", ".join(unknown)}
        return Sendable("local.parts", words)
    return Sendable()


def state_words(status: str, rejected_reason: str = "") -> str:
    """What a state means, with why it was rejected where that is known."""
    words = STATE_WORDS.get(status)
    if words is None:
        return _("WhatsApp says “%(status)s”, which Stratum does not know: it is not sent.") % {"status": status}
    if rejected_reason in _QUIET_REJECTIONS or status == APPROVED:
        return str(words)
    return f"{words} {rejection_words(rejected_reason)}"


def state_name(status: str) -> str:
    return str(STATE_NAMES.get(status) or status.replace("_", " ").capitalize())


def rejection_words(reason: str) -> str:
    """WhatsApp's word for a rejection, in ours; its explanations come as they are."""
    return str(_REJECTIONS.get(reason, reason))


# --- What fills it ----------------------------------------------------------------------------------------------


def default_variables(found: Shape, category: str, known: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Slot → one of VARIABLES. What `known` says of a slot stays; the rest goes by the order of appearance."""
    known = known or {}
    free = [name for name in _DEFAULTS if name not in known.values()]
    chosen: dict[str, str] = {}
    for slot in found.slots:
        before = known.get(slot.key)
        chosen[slot.key] = before if before in VARIABLES else _default(slot, category, free)
    return chosen


def _default(slot: Slot, category: str, free: list[str]) -> str:
    if category == TemplateCategory.AUTHENTICATION:
        return "code"
    if slot.placeholder in VARIABLES:
        return slot.placeholder
    if slot.part == "button":
        return "link"
    return free.pop(0) if free else "text"


@dataclass(frozen=True, slots=True)
class TemplateValues:
    """What whatsapp.clients.messages.template takes: values in order, or by name where the template has names."""

    body: list[str] | dict[str, str]
    header: list[str] | dict[str, str]
    buttons: list[tuple[int, str, str]]
    # What the person reads: kept as the message's text.
    text: str


def template_values(template: WhatsAppTemplate, values: Mapping[str, str], content: str = "") -> TemplateValues:
    """Fill a template. `values` by slot, or by name of VARIABLES; without a `title` or `text` the first line of
    `content`, and the rest of it, stand in. What nobody has stays empty (the client sends '-'). Where the text would be
    longer than WhatsApp takes its longest values are cut; the last line of `content`, a code or a link, stays whole."""
    found = shape(template.components)
    names = default_variables(found, template.category, template.variables)
    title, _newline, rest = content.partition("\n")
    given = {"title": title, "text": rest.strip() or title, **{name: text for name, text in values.items() if text}}
    filled = {slot.key: values.get(slot.key) or given.get(names[slot.key], "") for slot in found.slots}
    filled |= _fitting(found, filled, _last_line(content))
    shown = found.filled({key: text or "-" for key, text in filled.items()})
    return TemplateValues(
        body=_ordered([slot for slot in found.slots if slot.part == "body"], filled),
        header=_ordered([slot for slot in found.slots if slot.part == "header"], filled),
        buttons=[
            (int(slot.key.removeprefix("button:")), "url", filled[slot.key])
            for slot in found.slots
            if slot.part == "button"
        ],
        text="\n".join(part for part in (shown.header, shown.body, shown.footer) if part),
    )


def _fitting(found: Shape, filled: Mapping[str, str], last: str) -> dict[str, str]:
    """The values of the body, each cut to its share of the room that the template's own words leave. Short ones come
    first: what they do not need is there for the long ones."""
    times = Counter(PLACEHOLDER.findall(found.body))
    room, places = found.longest_body - len(PLACEHOLDER.sub("", found.body)), times.total()
    fitting: dict[str, str] = {}
    for key in sorted(times, key=lambda one: len(filled[one])):
        fitting[key] = _cut(filled[key], min(room // places, LONGEST_PARAMETER), last)
        room -= times[key] * (len(fitting[key]) or len("-"))
        places -= times[key]
    return fitting


def _last_line(content: str) -> str:
    return next((line.strip() for line in reversed(content.splitlines()) if line.strip()), "")


def _cut(value: str, longest: int, last: str) -> str:
    """At most so many characters, `last` among them where the value ends with it and there is room."""
    if len(value) <= longest:
        return value
    end = f"… {last}"
    if not last or not value.endswith(last) or len(end) > longest:
        return cut(value, longest)
    return value.removesuffix(last)[: longest - len(end)].rstrip(" ·\n") + end


def slot_keys(template: WhatsAppTemplate) -> list[str]:
    """What a person who sends it is asked for: '1' of the text, 'header:1', 'button:0' …"""
    return [slot.key for slot in shape(template.components).slots]


def _ordered(slots: list[Slot], filled: Mapping[str, str]) -> list[str] | dict[str, str]:
    if all(slot.placeholder.isdecimal() for slot in slots):
        return [filled[slot.key] for slot in slots]
    return {slot.placeholder: filled[slot.key] for slot in slots}


# --- The list ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """`state` is a status, or empty: all but the deleted ones."""

    q: str = ""
    state: str = ""
    category: str = ""
    language: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "TemplateFilter":
        names = ("q", "state", "category", "language")
        return cls(*(query.get(name, "").replace("\0", "").strip()[:100] for name in names))

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.state or self.category or self.language)


def template_rows(where: TemplateFilter) -> QuerySet[WhatsAppTemplate]:
    rows = WhatsAppTemplate.objects.all()
    rows = rows.filter(status=where.state) if where.state else rows.exclude(status=DELETED)
    if where.category:
        rows = rows.filter(category=where.category)
    if where.language:
        rows = rows.filter(language=where.language)
    if where.q:
        rows = rows.filter(Q(name__icontains=where.q) | Q(components__icontains=where.q))
    return rows


def template_languages() -> list[str]:
    return list(WhatsAppTemplate.objects.order_by("language").values_list("language", flat=True).distinct())


def template_states() -> list[str]:
    return list(WhatsAppTemplate.objects.order_by("status").values_list("status", flat=True).distinct())
