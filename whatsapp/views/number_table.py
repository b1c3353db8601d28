"""The list of business numbers, with their health in words."""

import re
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stratum.lib.figures import format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, simulated_mark, status_tag
from whatsapp.choices import NumberStatus
from whatsapp.models import WhatsAppNumber
from whatsapp.queries.numbers import BY_PERSON, CHECKING

COLUMNS = (
    Column("name", gettext_lazy("Number"), kind="main", required=True),
    Column("state", gettext_lazy("State"), kind="status"),
    Column("quality", gettext_lazy("Quality"), kind="status"),
    Column("limit", gettext_lazy("May write to")),
    Column("incoming", gettext_lazy("Answers and reports"), kind="status"),
    Column("checked", gettext_lazy("Looked at")),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
# WhatsApp's word → the look of its tag, and ours.
_QUALITIES = {
    "GREEN": ("ok", gettext_lazy("High")),
    "YELLOW": ("warning", gettext_lazy("Medium")),
    "RED": ("failed", gettext_lazy("Low: messages are blocked or reported")),
}
_TIER = re.compile(r"TIER_(\d+)(K?)")


def number_table(request: HttpRequest, numbers: list[WhatsAppNumber]) -> Table:
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name")
    return Table(
        "whatsapp-numbers",
        _("WhatsApp numbers"),
        state,
        [_row(request, state, number) for number in numbers],
        path=reverse("whatsapp:number_list"),
        as_cards=True,
        empty=_nothing(request),
    )


def _nothing(request: HttpRequest) -> dict[str, Any]:
    found = {
        "icon": "smartphone",
        "title": _("No WhatsApp number yet"),
        "text": _("Connect a number of your WhatsApp Business account: alerts and reports go out from it."),
    }
    if request.user.can("manage_connections"):
        found["actions"] = [(_("Connect a number"), reverse("whatsapp:number_connect"), True)]
    return found


def _row(request: HttpRequest, state: TableState, number: WhatsAppNumber) -> Row:
    cells = {
        "name": lambda: Cell(_name(number), sub=number.display_phone_number),
        "state": lambda: Cell(_state(number), sub=number.last_error, css="cell-text"),
        "quality": lambda: Cell(_quality(number.quality_rating)),
        "limit": lambda: Cell(limit_words(number.messaging_limit) or no_value(_("WhatsApp has not said."))),
        "incoming": lambda: Cell(_incoming(number)),
        "checked": lambda: Cell(moment(number.checked_at) or _("Being looked at")),
        "actions": lambda: Cell(_menu(request, number)),
    }
    return Row(str(number.pk), tuple(cells[column.key]() for column in state.visible), name=number.name)


def _name(number: WhatsAppNumber) -> Any:
    marks = []
    if number.is_default:
        marks.append(status_tag("info", _("Default")))
    if number.is_sandbox:
        marks.append(simulated_mark(in_list=True))
    return format_html("{} " + "{} " * len(marks), number.name, *marks) if marks else number.name


def _state(number: WhatsAppNumber) -> SafeString:
    if number.status == NumberStatus.OK:
        return status_tag("warning" if number.last_error else "ok", number.get_status_display())
    if number.error_code == CHECKING:
        return status_tag("running", _("Being looked at"))
    return status_tag("paused" if number.error_code == BY_PERSON else "failed", number.get_status_display())


def _quality(word: str) -> SafeString:
    if word not in _QUALITIES:
        return no_value(_("WhatsApp has not rated it yet."))
    look, words = _QUALITIES[word]
    return status_tag(look, words)


def limit_words(tier: str) -> str:
    """'TIER_2K' → '2,000 people in 24 hours'; WhatsApp's word where it is another."""
    if tier == "TIER_UNLIMITED":
        return _("everybody, without a limit")
    found = _TIER.fullmatch(tier)
    if found is None:
        return tier
    people = int(found[1]) * (1000 if found[2] else 1)
    return _("%(people)s people in 24 hours") % {"people": format_number(people)}


def _incoming(number: WhatsAppNumber) -> SafeString:
    if number.subscribed_at is None:
        return status_tag("warning", _("Do not come in"))
    return status_tag("ok", _("Come in"))


def moment(at: Any) -> str:
    return date_format(timezone.localtime(at), "j M Y, H:i") if at else ""


def _menu(request: HttpRequest, number: WhatsAppNumber) -> SafeString:
    """What this person may do with it; empty for people who may only look."""
    if not request.user.can("manage_connections"):
        return SafeString("")
    context = {
        "id": f"number-menu-{number.pk}",
        "label": _("Actions on %(number)s") % {"number": number.name},
        "items": _items(number),
        "csrf_token": get_token(request),
    }
    return SafeString(render_to_string("components/menu.html", context))


def _items(number: WhatsAppNumber) -> list[dict[str, Any]]:
    works = number.status == NumberStatus.OK
    found = [_item("check", _("Look at it now"), "stethoscope", number)]
    if works:
        test = reverse("whatsapp:number_test", args=[number.pk])
        found.append({"label": _("Send a test message"), "icon": "send", "url": test})
    if not number.is_default:
        found.append(_item("make_default", _("Make it the default"), "star", number))
    if works:
        words = _("Nothing goes out from it until you start it again. What is queued waits.")
        found.append(_item("stop", _("Stop"), "pause", number, confirm=words))
    elif number.error_code != CHECKING:
        found.append(_item("start", _("Start"), "play", number))
    words = _("Its token is destroyed, and messages that wait to go out from it fail. Messages and contacts stay.")
    found.append(_item("remove", _("Remove"), "trash-2", number, confirm=words, danger=True))
    return found


def _item(verb: str, label: str, icon: str, number: WhatsAppNumber, **more: Any) -> dict[str, Any]:
    url = reverse(f"whatsapp:number_{verb}", args=[number.pk])
    return {"label": label, "icon": icon, "url": url, "post": True, **more}
