"""Status and budget of a campaign as the list shows them: the switch, the amount, what is under way, what went wrong.

The same cells stand in the table and in the answers that keep it up to date.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from campaigns.choices import AccountStatus, CampaignStatus, ChangedField
from campaigns.models import CampaignChange
from campaigns.queries.changes import failed_lately, is_open
from campaigns.queries.obstacles import Obstacle, Standing, budget_obstacle, status_obstacle
from campaigns.views.change_words import change_words, not_done_words, under_way_words
from stratum.lib.figures import NO_VALUE, format_money
from stratum.templatetags.ui import render_icon, status_tag

_STATUS = dict(CampaignStatus.choices)
# What the tag itself says already needs no lock beside it.
_TOLD_BY_STATUS = frozenset({"final", "completed"})
NOTHING: Mapping[tuple[int, str], CampaignChange] = {}


@dataclass(frozen=True, slots=True)
class CellWriter:
    """Writes cells for one request: addresses are resolved once. `newest` is the ledger's newest row by field."""

    may_edit: bool
    newest: Mapping[tuple[int, str], CampaignChange]
    paths: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, newest: Mapping[tuple[int, str], CampaignChange], *, may_edit: bool) -> "CellWriter":
        names = ("campaign_pause", "campaign_enable", "campaign_budget")
        paths = {name: reverse(f"campaigns:{name}", args=[0]) for name in names} if may_edit else {}
        return cls(may_edit, newest, paths)

    def status(self, standing: Standing, delivery_note: str = "", *, out_of_band: bool = False) -> SafeString:
        change = self.newest.get((standing.id, ChangedField.STATUS))
        if change is not None and is_open(change):
            return _cell(f"campaign-status-{standing.id}", _under_way(change, ""), out_of_band)
        tag = status_tag(standing.status, _STATUS[standing.status])
        note = _noted(delivery_note) if standing.status == CampaignStatus.ACTIVE else ""
        inner = format_html(
            '<span class="change-line">{}{}{}</span>{}', self._switch(standing), tag, note, _failure(change)
        )
        return _cell(f"campaign-status-{standing.id}", inner, out_of_band)

    def budget(self, standing: Standing, *, out_of_band: bool = False) -> SafeString:
        change = self.newest.get((standing.id, ChangedField.DAILY_BUDGET))
        element = f"campaign-budget-{standing.id}"
        if change is not None and is_open(change):
            return _cell(element, _under_way(change, change_words(change, standing.currency)), out_of_band)
        amount, period = _amount(standing)
        inner = format_html(
            '<span class="change-line">{}{}</span>{}{}',
            self._budget_handle(standing),
            amount,
            format_html('<span class="cell-sub">{}</span>', period) if period else "",
            _failure(change),
        )
        return _cell(element, inner, out_of_band)

    def _path(self, name: str, standing: Standing) -> str:
        return self.paths[name].replace("/0/", f"/{standing.id}/")

    def _switch(self, standing: Standing) -> SafeString | str:
        if not self.may_edit:
            return ""
        if found := status_obstacle(standing):
            return "" if found.code in _TOLD_BY_STATUS else _lock(found)
        is_on = standing.status == CampaignStatus.ACTIVE
        return format_html(
            '<button class="switch" type="button" role="switch" id="campaign-switch-{}" aria-checked="{}" '
            'aria-label="{}" hx-post="{}" hx-target="#campaign-status-{}" hx-swap="outerHTML"></button>',
            standing.id,
            "true" if is_on else "false",
            _("Deliver “%(name)s”") % {"name": standing.name},
            self._path("campaign_pause" if is_on else "campaign_enable", standing),
            standing.id,
        )

    def _budget_handle(self, standing: Standing) -> SafeString | str:
        """The pencil, or the reason why there is none. One lock in a row is enough: that of the account."""
        if not self.may_edit:
            return ""
        found = budget_obstacle(standing)
        if found is None:
            return format_html(
                '<button class="icon-btn icon-btn-sm cell-edit" type="button" aria-label="{}" hx-get="{}" '
                'hx-target="#change-dialog">{}</button>',
                _("Change the daily budget of “%(name)s”") % {"name": standing.name},
                self._path("campaign_budget", standing),
                render_icon("pencil"),
            )
        of_campaign = standing.account_status == AccountStatus.OK and not standing.over_limit
        return _lock(found) if of_campaign and found.code not in _TOLD_BY_STATUS else ""


def _cell(element_id: str, inner: Any, out_of_band: bool) -> SafeString:
    swap = mark_safe(' hx-swap-oob="true"') if out_of_band else ""
    return format_html('<span class="change-cell" id="{}"{}>{}</span>', element_id, swap, inner)


def _under_way(change: CampaignChange, words: str) -> SafeString:
    sub = format_html('<span class="cell-sub change-words" title="{}">{}</span>', change.error, change.error)
    return format_html(
        '<span class="change-line">{}<span class="status status-info"><span class="spinner" aria-hidden="true"></span>'
        "{}</span></span>{}",
        format_html('<span class="num">{}</span>', words) if words else "",
        under_way_words(change),
        sub if change.error else "",
    )


def _failure(change: CampaignChange | None) -> SafeString | str:
    if change is None or not failed_lately(change):
        return ""
    text = f"{not_done_words(change)}: {change.error}"
    return format_html(
        '<span class="cell-sub change-words change-failed" tabindex="0" data-tip="{}">{}{}</span>',
        text, render_icon("circle-x"), text,
    )  # fmt: skip


def _lock(found: Obstacle) -> SafeString:
    return format_html(
        '<span class="change-lock" tabindex="0" data-tip="{}">{}<span class="visually-hidden">{}</span></span>',
        found.text, render_icon("lock"), found.text,
    )  # fmt: skip


def _noted(text: str) -> SafeString | str:
    if not text:
        return ""
    return format_html(
        '<span class="change-note" tabindex="0" data-tip="{}">{}<span class="visually-hidden">{}</span></span>',
        text, render_icon("triangle-alert"), text,
    )  # fmt: skip


def _amount(standing: Standing) -> tuple[Any, str]:
    if standing.daily_budget:
        return format_money(standing.daily_budget, standing.currency), _("a day")
    if standing.lifetime_budget:
        return format_money(standing.lifetime_budget, standing.currency), _("lifetime")
    dash = format_html('<span class="no-value" title="{}">{}</span>', _("No budget is known."), NO_VALUE)
    return dash, ""
