"""The blocks of a report that are made of its sums: what moved and why, the best and weakest campaigns, platforms."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.queries.measures import MEASURES
from campaigns.queries.movers import Metric, Mover
from campaigns.views.mover_words import contribution_text, why_it_moved
from rules.queries.reports.movers import report_movement
from rules.queries.reports.sums import CampaignSums, Compared, by_key, total
from rules.services.reports.blocks import (
    Column,
    Json,
    block,
    cell,
    clean,
    measure_cell,
    money_cell,
    plain,
    platform_name,
    table,
)
from stratum.lib.figures import before_and_now, format_number
from stratum.lib.money import to_units
from stratum.lib.ratios import Totals

MOVED: tuple[Metric, ...] = ("revenue", "spend", "roas")
RANKED = 5
# What spent less than this part of the whole neither leads nor trails a list.
LEAST_SHARE = 0.01
_FIGURES = ("spend", "revenue", "roas", "cpa", "conversions", "ctr")


def kpis(compared: Compared, currency: str, *, holds: bool) -> list[Json]:
    """The six key figures: value, and the change at equal age."""
    whole = total(compared.whole.values())
    now, before = total(compared.now.values()), total(compared.before.values())
    has_numbers = any(one.rows for one in compared.whole.values())
    found = []
    for key in _FIGURES:
        measure = MEASURES[key]
        line: Json = {
            "key": key,
            "label": str(measure.label),
            "text": measure.text(whole, currency) if has_numbers else "–",
            "value": measure_cell(key, whole, currency).get("value", "") if has_numbers else "",
            "change": "",
            "direction": "none",
            "meaning": "plain",
            "detail": "",
        }
        if holds and has_numbers:
            change = measure.change(now, before, currency)
            line |= {
                "change": change.text,
                "direction": change.direction,
                "meaning": change.meaning,
                "detail": change.detail,
            }
        found.append(line)
    return found


def platforms_block(compared: Compared, currency: str, *, holds: bool) -> Json:
    """Each platform's part; below a figure its change."""
    now = by_key(compared.now.values(), lambda one: one.platform)
    before = by_key(compared.before.values(), lambda one: one.platform)
    whole = by_key(compared.whole.values(), lambda one: one.platform)
    rows = []
    for platform, totals in sorted(whole.items(), key=lambda item: -item[1].spend):
        pair = (now.get(platform), before.get(platform)) if holds else (None, None)
        rows.append([cell(platform_name(platform)), *_figure_cells(totals, currency, pair)])
    columns = _columns((_("Platform"), "text"), currency)
    return block("platforms", _("Platforms"), tables=[table(_("Platforms"), columns, rows)])


def _columns(first: Column, currency: str) -> list[Column]:
    unit = {"money": f" {currency}", "count": "", "percent": "", "multiple": ""}
    figures = ((f"{MEASURES[key].label}{unit[MEASURES[key].unit]}", "number", _("change")) for key in _FIGURES)
    return [first, *figures]


def _figure_cells(totals: Totals, currency: str, pair: tuple[Totals | None, Totals | None]) -> list[Json]:
    now, before = pair
    return [
        measure_cell(key, totals, currency, MEASURES[key].change(now, before, currency) if now and before else None)
        for key in _FIGURES
    ]


def movers_block(compared: Compared, currency: str) -> Json:
    """For each figure the campaigns that raised and lowered it most, and by which of its parts."""
    lines, tables = [], []
    for metric in MOVED:
        found = report_movement(metric, currency, compared)
        measure = MEASURES[metric]
        change = measure.change(found.now, found.was, currency)
        values = before_and_now(measure.text(found.was, currency), measure.text(found.now, currency))
        lines.append(f"{measure.label}: {values} ({change.text})")
        rows = [_mover_row(one, metric, currency) for one in (*found.up, *found.down)]
        if rows and found.others and found.rest is not None:
            count = ngettext("%(count)s other campaign", "%(count)s other campaigns", found.others)
            name = count % {"count": format_number(found.others)}
            share = cell(contribution_text(found.rest, metric, currency) if found.rest else "±0")
            rows.append([cell(name), {**share, "value": _share(found.rest, metric, currency)}, cell("")])
        columns: list[Column] = [
            (_("Campaign"), "text", _("platform")),
            (_("Part of the change"), "number"),
            (_("Why"), "text"),
        ]
        tables.append(table(_("What moved %(figure)s") % {"figure": measure.label}, columns, rows))
    return block("movers", _("What changed, and why"), lines=lines, tables=tables)


def _mover_row(mover: Mover, metric: Metric, currency: str) -> list[Json]:
    share = {
        **cell(contribution_text(mover.contribution, metric, currency)),
        "value": _share(mover.contribution, metric, currency),
    }
    name = cell(mover.name, platform_name(mover.platform))
    return [name, share, cell(why_it_moved(mover, metric, currency))]


def _share(value, metric: Metric, currency: str) -> str:
    return plain(to_units(round(value), currency) if metric in ("spend", "revenue") else value)


def campaigns_block(compared: Compared, currency: str, *, holds: bool) -> Json:
    """By ROAS, among campaigns with a part in the spend that says something."""
    whole = total(compared.whole.values())
    least = max(LEAST_SHARE * whole.spend, 1)
    ranked = [one for one in compared.whole.values() if one.totals.spend >= least]
    ranked.sort(key=lambda one: (-(one.totals.roas or 0), one.id))
    best = ranked[:RANKED]
    weakest = [one for one in reversed(ranked) if one not in best][:RANKED]
    note = _("By ROAS, among campaigns with at least 1% of the spend.") if ranked else _("No campaign spent anything.")
    tables = [
        _ranking(caption, rows, compared, currency, holds=holds)
        for caption, rows in ((_("Best"), best), (_("Weakest"), weakest))
    ]
    return block("campaigns", _("Best and weakest campaigns"), lines=[note], tables=tables)


def _ranking(caption: str, rows: Sequence[CampaignSums], compared: Compared, currency: str, *, holds: bool) -> Json:
    lines = []
    for one in rows:
        now, before = compared.now.get(one.id), compared.before.get(one.id)
        pair = (now.totals, before.totals) if holds and now and before else (None, None)
        name = cell(one.name, platform_name(one.platform))
        lines.append([name, *_figure_cells(one.totals, currency, pair)])
    return table(caption, _columns((_("Campaign"), "text", _("platform")), currency), lines)


def course(days: Sequence[tuple[str, str, Totals | None]], currency: str, *, immature_from: str) -> Json:
    """Spend and revenue by day in minor units, for the chart and its table; `days` are (ISO date, words, sums)."""
    return {
        "labels": [str(MEASURES[key].label) for key in ("spend", "revenue")],
        "currency": currency,
        "immature_from": immature_from,
        "days": [
            {
                "date": day,
                "words": clean(words),
                "spend": None if totals is None else totals.spend,
                "revenue": None if totals is None else totals.revenue,
            }
            for day, words, totals in days
        ],
    }


def course_table(found: Json) -> Json:
    """The chart's days as a table."""
    rows = [
        [cell(day["words"]), *(money_cell(day[key], found["currency"]) for key in ("spend", "revenue"))]
        for day in found["days"]
    ]
    columns = [(_("Day"), "text"), *((f"{label} {found['currency']}", "number") for label in found["labels"])]
    return table(_("Spend and revenue by day"), columns, rows)
