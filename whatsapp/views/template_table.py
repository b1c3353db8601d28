"""Templates in lists and on their pages: states, quality and what fills them, in words."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from stratum.lib.plain_words import cut
from stratum.lib.tables import Cell, Column, Page, Row, Table, TableState
from stratum.templatetags.ui import no_value, status_tag
from whatsapp.choices import OwnTemplateStatus, TemplateCategory
from whatsapp.clients.templates import shape
from whatsapp.forms.templates import language_name
from whatsapp.models import WhatsAppTemplate
from whatsapp.queries.templates import (
    DELETED,
    VARIABLES,
    TemplateFilter,
    default_variables,
    sendable,
    state_name,
    template_languages,
    template_states,
)
from whatsapp.views.number_table import moment

COLUMNS = (
    Column("name", gettext_lazy("Template"), kind="main", sortable=True, required=True),
    Column("state", gettext_lazy("State"), kind="status", sortable=True),
    Column("category", gettext_lazy("Category"), sortable=True),
    Column("language", gettext_lazy("Language"), sortable=True),
    Column("quality", gettext_lazy("Quality"), kind="status", sortable=True),
    Column("synced", gettext_lazy("As of"), sortable=True),
)
ORDERS = {
    "name": "name",
    "state": "status",
    "category": "category",
    "language": "language",
    "quality": "quality_score",
    "synced": "last_synced_at",
}
_LOOKS = {
    "APPROVED": "approved",
    "PENDING": "pending",
    "IN_APPEAL": "pending",
    "REINSTATED": "pending",
    "UNARCHIVED": "pending",
    "REJECTED": "rejected",
    "PAUSED": "paused",
    "FLAGGED": "warning",
    "LIMIT_EXCEEDED": "warning",
    "LOCKED": "failed",
    "DISABLED": "failed",
    "ARCHIVED": "archived",
    "PENDING_DELETION": "deleted",
    DELETED: "deleted",
    OwnTemplateStatus.QUEUED.value: "queued",
    OwnTemplateStatus.SENDING.value: "running",
    OwnTemplateStatus.REFUSED.value: "rejected",
    OwnTemplateStatus.REMOVING.value: "running",
}
_QUALITIES = {
    "GREEN": ("ok", gettext_lazy("High")),
    "YELLOW": ("warning", gettext_lazy("Medium")),
    "RED": ("failed", gettext_lazy("Low")),
}
_SHOWN_OF_TEXT = 90


def template_table(
    request: HttpRequest, state: TableState, page: Page[WhatsAppTemplate], *, is_filtered: bool, is_connected: bool
) -> Table:
    return Table(
        "template-table",
        _("WhatsApp templates"),
        state,
        [_row(state, template) for template in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty=_nothing(request, is_filtered=is_filtered, is_connected=is_connected),
    )


def _nothing(request: HttpRequest, *, is_filtered: bool, is_connected: bool) -> dict[str, Any]:
    if is_filtered:
        return {
            "icon": "search-x",
            "title": _("No template matches"),
            "text": _("Change the search or the filters."),
            "actions": [(_("Show all templates"), request.path, False)],
        }
    if not is_connected:
        return {
            "icon": "layout-template",
            "title": _("No templates yet"),
            "text": _("Templates belong to your WhatsApp Business account. Connect a number of it first."),
            "actions": [(_("WhatsApp numbers"), reverse("whatsapp:number_list"), True)],
        }
    return {
        "icon": "layout-template",
        "title": _("No templates yet"),
        "text": _(
            "WhatsApp delivers messages outside the 24 hours after a person’s last one only as approved templates. "
            "Hand in those that Stratum needs, or write your own."
        ),
    }


def _row(state: TableState, template: WhatsAppTemplate) -> Row:
    href = reverse("whatsapp:template_detail", args=[template.pk])
    cells = {
        "name": lambda: Cell(template.name, sub=_excerpt(template), href=href),
        "state": lambda: Cell(template_state(template), sub=_why_not(template), css="cell-text"),
        "category": lambda: Cell(template.get_category_display()),
        "language": lambda: Cell(language_name(template.language), sub=template.language),
        "quality": lambda: Cell(quality_tag(template.quality_score)),
        "synced": lambda: Cell(moment(template.last_synced_at) or no_value(_("It was not at WhatsApp yet."))),
    }
    return Row(str(template.pk), tuple(cells[column.key]() for column in state.visible), name=template.name)


def _excerpt(template: WhatsAppTemplate) -> str:
    return cut(" ".join(shape(template.components).body.split()), _SHOWN_OF_TEXT)


def _why_not(template: WhatsAppTemplate) -> str:
    return sendable(template).reason


def template_state(template: WhatsAppTemplate) -> SafeString:
    return status_tag(_LOOKS.get(template.status, "inactive"), state_name(template.status))


def quality_tag(score: str | None) -> SafeString:
    if score not in _QUALITIES:
        return no_value(_("WhatsApp has not rated it yet."))
    look, words = _QUALITIES[score]
    return status_tag(look, words)


def filter_selects(where: TemplateFilter) -> list[tuple[str, Any, list[tuple[str, str]], str]]:
    states = list(dict.fromkeys([*template_states(), *([where.state] if where.state else [])]))
    return [
        ("state", _("All states but deleted"), [(one, state_name(one)) for one in states], where.state),
        ("category", _("All categories"), TemplateCategory.choices, where.category),
        ("language", _("All languages"), [(one, language_name(one)) for one in template_languages()], where.language),
    ]


def template_facts(template: WhatsAppTemplate) -> list[tuple[str, Any]]:
    return [
        (_("Category"), template.get_category_display()),
        (_("Language"), language_name(template.language)),
        (_("Quality"), quality_tag(template.quality_score)),
        (_("As of"), moment(template.last_synced_at) or no_value(_("It was not at WhatsApp yet."))),
        (_("Id at WhatsApp"), template.external_id or no_value(_("It has none yet."))),
    ]


def slot_rows(template: WhatsAppTemplate) -> list[dict[str, Any]]:
    """Each placeholder with what fills it."""
    found = shape(template.components)
    names = default_variables(found, template.category, template.variables)
    parts = {"header": _("headline"), "body": _("text"), "button": _("button")}
    return [
        {
            "key": slot.key,
            "shown": f"{{{{{slot.placeholder}}}}}",
            "part": parts[slot.part],
            "example": slot.example,
            "variable": names[slot.key],
            "words": VARIABLES[names[slot.key]],
            "choices": list(VARIABLES.items()),
        }
        for slot in found.slots
    ]


def result_words(result: Mapping[str, Any] | None) -> str:
    """'12 templates: 2 new, 1 changed.'; '' when nothing was fetched yet."""
    if not result or result.get("error"):
        return ""
    total = int(result.get("total", 0))
    words = ngettext("%(count)s template", "%(count)s templates", total) % {"count": total}
    parts = {
        "handed_in": _("%(count)s handed in"),
        "refused": _("%(count)s not accepted"),
        "new": _("%(count)s new"),
        "changed": _("%(count)s changed"),
        "gone": _("%(count)s gone"),
    }
    told = [text % {"count": result[name]} for name, text in parts.items() if result.get(name)]
    return f"{words}: {', '.join(told)}." if told else _("%(templates)s, nothing new.") % {"templates": words}
