"""Template tags of the interface: icons, figures, platform marks, links that keep the rest of the URL."""

from functools import lru_cache
from secrets import token_hex
from typing import Any

import lucide as lucide_icons
from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Select, Widget
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from stratum.lib import figures

register = template.Library()

# Icons that point along the line of reading: mirrored where it runs from right to left.
_DIRECTED = frozenset({
    "arrow-left", "arrow-right", "chevron-left", "chevron-right", "chevrons-left", "chevrons-right", "log-out",
    "panel-left-close", "panel-left-open", "reply", "redo-2", "undo-2", "list-checks", "external-link",
})  # fmt: skip

PLATFORMS = {
    "meta": ("M", _("Meta")),
    "google": ("G", _("Google")),
    "tiktok": ("T", _("TikTok")),
    "snapchat": ("S", _("Snapchat")),
    "linkedin": ("in", _("LinkedIn")),
}

# Every state a screen shows as a tag: (class, icon). The word is the caller's own, translated label.
STATUSES = {
    "active": ("good", "play"), "ok": ("good", "check"), "done": ("good", "check"), "acted": ("good", "check"),
    "verified": ("good", "badge-check"), "approved": ("good", "check"), "opted_in": ("good", "check"),
    "delivered": ("good", "check-check"), "read": ("good", "check-check"), "succeeded": ("good", "check"),
    "paused": ("warn", "pause"), "stale": ("warn", "clock-alert"), "held": ("warn", "hand"),
    "held_stale": ("warn", "clock-alert"), "held_evidence": ("warn", "scale"), "warning": ("warn", "triangle-alert"),
    "needs_reauth": ("warn", "key-round"), "awaiting_approval": ("warn", "user-check"), "pending": ("warn", "clock"),
    "partial": ("warn", "circle-dashed"), "cap": ("warn", "gauge"), "cooldown": ("info", "timer"),
    "failed": ("bad", "circle-x"), "error": ("bad", "circle-x"), "permission_lost": ("bad", "lock"),
    "rejected": ("bad", "circle-x"), "critical": ("bad", "octagon-alert"), "deleted": ("bad", "trash-2"),
    "running": ("info", "loader"), "queued": ("info", "clock"), "shadow": ("info", "eye"), "info": ("info", "info"),
    "sent": ("info", "send"), "sending": ("info", "send"), "maybe_sent": ("warn", "circle-question-mark"),
    "suppressed": ("idle", "circle-slash"), "invited": ("info", "mail"), "preview": ("info", "file-search"),
    "draft": ("idle", "pencil"), "archived": ("idle", "archive"), "completed": ("idle", "flag"),
    "disabled": ("idle", "circle-slash"), "inactive": ("idle", "circle-slash"), "no_match": ("idle", "minus"),
    "undone": ("idle", "undo-2"), "opted_out": ("idle", "circle-slash"), "removed": ("idle", "archive"),
    "conflict_lost": ("idle", "git-merge"), "protected": ("idle", "shield"), "already_in_state": ("idle", "equal"),
}  # fmt: skip

_LEVELS = {
    "success": ("good", "circle-check"), "good": ("good", "circle-check"), "info": ("info", "info"),
    "debug": ("info", "info"), "warning": ("warn", "triangle-alert"), "warn": ("warn", "triangle-alert"),
    "error": ("bad", "circle-x"), "bad": ("bad", "circle-x"),
}  # fmt: skip


@lru_cache(maxsize=512)
def render_icon(name: str, css: str = "") -> SafeString:
    """The Lucide icon `name` as inline SVG, hidden from screen readers: the word beside it (or the label of its
    button) says what it means. An unknown name raises lucide.IconDoesNotExist."""
    classes = f"ic ic-flip {css}" if name in _DIRECTED else f"ic {css}"
    svg = lucide_icons._render_icon(
        str(name), 16, **{"class": classes.strip(), "aria-hidden": "true", "focusable": "false"}
    )
    return mark_safe(" ".join(svg.split()).replace("> <", "><"))  # noqa: S308 - the package's own file


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """`{% icon "pause" %}`, `{% icon "pause" "ic-20" %}`."""
    return render_icon(str(name), str(css))


@register.simple_tag
def unique_id(prefix: str = "u") -> str:
    """An element id that no other part of the page has: `{% unique_id "menu" as menu_id %}`.

    Random, not counted: a fragment may come from another process than the page it is put into.
    """
    return f"{prefix}-{token_hex(4)}"


@register.simple_tag
def platform_mark(platform: str, *, name: bool = True) -> SafeString:
    """Our own mark of a platform and its name: `{% platform_mark campaign.platform %}`.

    With name=False the name is only read out and shown as a tooltip (for dense cells beside a written name).
    """
    letter, label = PLATFORMS.get(platform, ("?", platform))
    css = platform if platform in PLATFORMS else "other"
    if name:
        return format_html(
            '<span class="plat"><span class="plat-mark plat-{}" aria-hidden="true">{}</span>{}</span>',
            css, letter, label,
        )  # fmt: skip
    return format_html(
        '<span class="plat" title="{}"><span class="plat-mark plat-{}" aria-hidden="true">{}</span>'
        '<span class="visually-hidden">{}</span></span>',
        label, css, letter, label,
    )  # fmt: skip


@register.simple_tag
def status_tag(status: str, label: Any = "", tip: Any = "") -> SafeString:
    """A state as colour, icon and word: `{% status_tag rule.status rule.get_status_display %}`."""
    css, icon_name = STATUSES.get(str(status), ("idle", "circle"))
    words = label or str(status).replace("_", " ").capitalize()
    extra = format_html(' data-tip="{}" tabindex="0"', tip) if tip else ""
    return format_html('<span class="status status-{}"{}>{}{}</span>', css, extra, render_icon(icon_name), words)


@register.simple_tag
def simulated_mark(*, in_list: bool = False) -> SafeString:
    """The badge of accounts, and of what belongs to them, whose platform is the sandbox: `{% simulated_mark %}`.

    In lists it is no stop for the keyboard: every row would be one.
    """
    tip = _("This account lives on a simulated ad platform: invented people, money and results.")
    explained = format_html('title="{}"', tip) if in_list else format_html('data-tip="{}" tabindex="0"', tip)
    return format_html(
        '<span class="status status-sim" {}>{}{}</span>', explained, render_icon("flask-conical"), _("Simulated")
    )


@register.simple_tag
def delta_mark(change: figures.Delta | None) -> SafeString:
    """A `figures.Delta` as arrow and percentage; the colour follows the meaning, not the direction."""
    if change is None:
        return mark_safe("")
    arrow = {"up": "arrow-up", "down": "arrow-down", "flat": "minus"}.get(change.direction)
    return format_html(
        '<span class="delta delta-{}" tabindex="0" data-tip="{}">{}<span class="num">{}</span></span>',
        change.meaning, change.detail, render_icon(arrow) if arrow else "", change.text,
    )  # fmt: skip


@register.simple_tag
def no_value(reason: Any = "") -> SafeString:
    """An en dash with the reason on hover and for screen readers."""
    if not reason:
        return format_html('<span class="no-value">{}</span>', figures.NO_VALUE)
    return format_html(
        '<span class="no-value" tabindex="0" data-tip="{}">{}<span class="visually-hidden">{}</span></span>',
        reason, figures.NO_VALUE, reason,
    )  # fmt: skip


@register.filter
def number(value: Any, places: int = 0) -> str:
    """`{{ clicks|number }}`, `{{ frequency|number:2 }}`. For single figures; tables are formatted in Python."""
    return figures.format_number(value, places)


@register.filter
def compact(value: Any) -> str:
    """`{{ impressions|compact }}` → 1.2M."""
    return figures.format_compact(value)


@register.filter
def percent(ratio: Any, places: int = 1) -> str:
    """`{{ campaign.ctr|percent:2 }}`: a ratio (0.031) as a percentage."""
    return figures.format_percent(ratio, places)


@register.filter
def multiple(ratio: Any) -> str:
    """`{{ campaign.roas|multiple }}` → 2.85×."""
    return figures.format_multiple(ratio)


@register.filter
def file_size(size: Any) -> str:
    """`{{ batch.size|file_size }}` → 1.5 MB."""
    return figures.format_bytes(size)


@register.simple_tag
def money(minor: Any, currency: str, *, whole: bool = False) -> str:
    """`{% money campaign.daily_budget_cents campaign.currency %}`: minor units with the currency."""
    return figures.format_money(minor, currency, whole=whole)


@register.simple_tag(takes_context=True)
def url_with(context: template.Context, **changes: Any) -> str:
    """The current URL's query with some parameters changed: `<a href="{% url_with status='paused' page=None %}">`.

    None or an empty text takes a parameter away. The page number is dropped unless it is given.
    """
    request = context.get("request")
    query: QueryDict = request.GET.copy() if request else QueryDict(mutable=True)
    query.pop("page", None)
    for key, value in changes.items():
        name = key.rstrip("_")
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else "?"


@register.filter
def level_css(level: Any) -> str:
    """The class part of a message level: success → good."""
    return _LEVELS.get(str(level).split()[-1] if level else "", ("info", "info"))[0]


@register.filter
def level_icon(level: Any) -> SafeString:
    """The icon of a message level."""
    return render_icon(_LEVELS.get(str(level).split()[-1] if level else "", ("info", "info"))[1])


def _control_class(widget: Widget) -> str:
    if isinstance(widget, (CheckboxSelectMultiple, RadioSelect)):
        return "choices"
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    if isinstance(widget, Select):
        return "form-select"
    if isinstance(widget, FileInput):
        return "form-control form-file"
    return "form-control"


@register.filter
def control(bound: BoundField) -> SafeString:
    """The widget of a form field in our style, with the classes a form set itself."""
    widget = bound.field.widget
    own = widget.attrs.get("class", "")
    return bound.as_widget(attrs={"class": f"{_control_class(widget)} {own}".strip()})


@register.filter
def is_checkbox(bound: BoundField) -> bool:
    """Whether the label stands after the control."""
    widget = bound.field.widget
    return isinstance(widget, CheckboxInput) and not isinstance(widget, CheckboxSelectMultiple)


@register.filter
def initials(name: Any) -> str:
    """'Nour Al-Amin' → 'NA'; a person without a name is '?'."""
    words = [word for word in str(name or "").split() if word[0].isalnum()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


@register.filter
def undo_url(extra_tags: Any) -> str:
    """The address in a message's extra tags ('undo:/rules/3/undo/'), as `stratum.lib.toasts` writes it."""
    for tag in str(extra_tags or "").split():
        if tag.startswith("undo:/") and not tag.startswith("undo://"):
            return tag.removeprefix("undo:")
    return ""
