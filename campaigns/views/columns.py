"""The columns of the campaign list: how a row is written on the screen, and which values an export holds.

Cells are formatted here, once, in Python; a page of fifty rows takes a few milliseconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L
from django.utils.translation import ngettext

from campaigns.queries.campaign_table import CampaignPage, CampaignRow
from campaigns.queries.measures import MEASURES, Measure
from campaigns.views.change_cells import CellWriter
from stratum.lib.figures import NO_VALUE, Delta, format_number
from stratum.lib.tables import Cell, Column, Row
from stratum.templatetags.ui import no_value, platform_mark, render_icon, simulated_mark

SHOWN_MEASURES = ("spend", "revenue", "roas", "cpa", "conversions", "ctr")
HIDDEN_MEASURES = ("impressions", "clicks", "cpc", "cpm", "cvr")
DEFAULT_SORT = "-spend"

_ARROWS = {"up": "arrow-up", "down": "arrow-down", "flat": "minus"}


def columns(currency: str) -> tuple[Column, ...]:
    """All columns in their order; amounts in `currency`."""
    return (
        Column("name", _L("Campaign"), kind="main", sortable=True, required=True),
        Column("status", _L("Status"), kind="status", sortable=True),
        Column("platform", _L("Platform"), sortable=True, shown=False),
        Column("account", _L("Account"), sortable=True, shown=False),
        Column("labels", _L("Labels"), shown=False),
        Column("objective", _L("Objective"), sortable=True, shown=False),
        Column(
            "budget", _L("Budget"), kind="number", sortable=True,
            note=_L("As set on the platform, in the account’s currency. Ordered by the daily amount."),
        ),
        *(_measure_column(MEASURES[key], currency, shown=True) for key in SHOWN_MEASURES),
        *(_measure_column(MEASURES[key], currency, shown=False) for key in HIDDEN_MEASURES),
        Column("start", _L("Start"), sortable=True, shown=False),
        Column("end", _L("End"), sortable=True, shown=False),
        Column("updated", _L("Last sync"), sortable=True, shown=False),
    )  # fmt: skip


def _measure_column(measure: Measure, currency: str, *, shown: bool) -> Column:
    unit = currency if measure.unit == "money" else ""
    return Column(
        measure.key, measure.label, kind="number", sortable=True, shown=shown, unit=unit, note=measure.formula
    )


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rows for one request: resolves addresses and words once. `compares`: changes stand below the figures."""

    currency: str
    visible: Sequence[Column]
    compares: bool
    detail_path: str
    query: str
    changes: CellWriter

    @classmethod
    def of(
        cls, currency: str, visible: Sequence[Column], *, compares: bool, query: str, changes: CellWriter
    ) -> "Writer":
        return cls(currency, visible, compares, reverse("campaigns:campaign_detail", args=[0]), query, changes)

    def row(self, row: CampaignRow) -> Row:
        cells = [self._cell(column.key, row) for column in self.visible]
        return Row(str(row.id), cells, name=row.name, css="is-over-limit" if row.over_limit else "")

    def totals(self, page: CampaignPage) -> list[Cell]:
        """The footer: sums over all that match, without campaigns whose currency has no rate."""
        cells = []
        for column in self.visible:
            measure = MEASURES.get(column.key)
            if column.key == "name":
                count = format_number(page.matching)
                text = ngettext("%(count)s campaign", "%(count)s campaigns", page.matching)
                cells.append(Cell(text % {"count": count}))
            elif measure is None:
                cells.append(Cell(""))
            else:
                cells.append(Cell(self._total(measure, page)))
        return cells

    def _total(self, measure: Measure, page: CampaignPage) -> Any:
        text = measure.cell(page.totals, self.currency)
        if not (self.compares and page.comparability.holds):
            return text
        change = measure.change(page.totals, page.compared, self.currency)
        return format_html('{}<span class="cell-sub">{}</span>', text, delta_text(change))

    def _cell(self, key: str, row: CampaignRow) -> Cell:
        measure = MEASURES.get(key)
        return self._figure(measure, row) if measure else _WORDS[key](self, row)

    def _figure(self, measure: Measure, row: CampaignRow) -> Cell:
        converted = measure.unit != "money" or row.totals is not None
        # Counts and ratios hold in any currency; amounts need a rate.
        totals = (row.own if measure.unit != "money" else row.totals) or row.own
        if not converted:
            own = measure.text(row.own, row.currency)
            reason = _("No exchange rate for %(currency)s: %(amount)s in the account’s currency.")
            return Cell(no_value(reason % {"currency": row.currency, "amount": own}), sub=own)
        tip = ""
        if measure.unit == "money" and row.currency != self.currency:
            tip = measure.text(row.own, row.currency)
        if measure.value(totals) is None:
            return Cell(format_html('<span class="no-value" title="{}">{}</span>', measure.reason, NO_VALUE))
        text = measure.cell(totals, self.currency)
        if not self.compares:
            return Cell(text, tip=tip)
        return Cell(text, sub=delta_text(measure.change(totals, row.compared, self.currency)), tip=tip)

    def name(self, row: CampaignRow) -> Cell:
        href = self.detail_path.replace("/0/", f"/{row.id}/") + (f"?{self.query}" if self.query else "")
        labels = format_html_join(
            "", '<span class="status status-line">{}</span>', ((label,) for label in row.labels[:3])
        )
        more = len(row.labels) - 3
        return Cell(
            format_html('<span class="truncate cell-name" dir="auto" title="{}">{}</span>', row.name, row.name),
            sub=format_html(
                '<span class="cell-origin">{}{}<span class="truncate">{}</span>{}{}{}</span>',
                platform_mark(row.platform, name=False),
                format_html('<span class="status status-warn">{}</span>', _("Over plan limit"))
                if row.over_limit
                else "",
                row.account_name,
                simulated_mark(in_list=True) if row.is_sandbox else "",
                labels,
                format_html('<span class="muted">+{}</span>', more) if more > 0 else "",
            ),
            href=href,
        )

    def account(self, row: CampaignRow) -> Cell:
        name = row.account_name or NO_VALUE
        if row.is_sandbox:
            name = format_html("{} {}", name, simulated_mark(in_list=True))
        return Cell(name, sub=row.account_zone)


_WORDS: dict[str, Callable[[Writer, CampaignRow], Cell]] = {
    "name": Writer.name,
    "budget": lambda writer, row: Cell(writer.changes.budget(row.standing)),
    "status": lambda writer, row: Cell(writer.changes.status(row.standing, row.delivery_note)),
    "platform": lambda _writer, row: Cell(platform_mark(row.platform)),
    "account": Writer.account,
    "labels": lambda _writer, row: Cell(label_tags(row.labels)),
    "objective": lambda _writer, row: Cell(objective_words(row.objective) or NO_VALUE),
    "start": lambda _writer, row: Cell(_day(row.start_date)),
    "end": lambda _writer, row: Cell(_day(row.end_date)),
    "updated": lambda _writer, row: Cell(_moment(row.last_synced_at)),
}


def label_tags(labels: Sequence[str]) -> SafeString | str:
    return (
        format_html_join(" ", '<span class="status status-line">{}</span>', ((label,) for label in labels)) or NO_VALUE
    )


def objective_words(objective: str) -> str:
    """'OUTCOME_SALES' as the platforms write it → 'Outcome sales'."""
    return objective.replace("_", " ").capitalize()


def delta_text(change: Delta) -> SafeString | str:
    """A change in a dense cell: readable by pointer and screen reader, but no stop of the Tab key."""
    if change.direction == "none":
        return ""
    arrow = _ARROWS.get(change.direction)
    return format_html(
        '<span class="delta delta-{}" title="{}">{}<span class="num">{}</span></span>',
        change.meaning, change.detail, render_icon(arrow) if arrow else "", change.text,
    )  # fmt: skip


def _day(value: date | None) -> str:
    return date_format(value, "j M Y") if value else NO_VALUE


def _moment(value: datetime | None) -> str:
    return date_format(timezone.localtime(value), "j M, H:i") if value else NO_VALUE
