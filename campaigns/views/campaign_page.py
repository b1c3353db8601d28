"""The page of one campaign: figures, course, days with their history, budget, breakdowns, activity, raw data.

Everything is in the campaign's own currency and in days of its account's zone.
"""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from accounts.middleware import zone_or_utc
from campaigns.models import Campaign
from campaigns.queries.alike import campaign_known_then, known_then
from campaigns.queries.campaign_page import (
    CampaignDay,
    breakdowns,
    campaign_activity,
    campaign_days,
    history_of_day,
    neighbours,
    sum_of,
)
from campaigns.queries.campaign_table import labels_in_use
from campaigns.queries.changes import newest_changes
from campaigns.queries.comparability import comparability
from campaigns.queries.completeness import completeness_of
from campaigns.queries.maturity import MATURE, Maturity, maturity_of
from campaigns.queries.measures import MEASURES, Measure
from campaigns.views.campaign_cards import breakdown_card, facts, origin, pace_card, raw_text, zone_of
from campaigns.views.change_panel import activity_feed, panel_context
from campaigns.views.columns import delta_text
from campaigns.views.reading import (
    RANGE_PARAMETERS,
    compared_text,
    date_range_of,
    immature_text,
    incomparable_text,
    is_fragment,
    periods_of,
    query_without,
)
from campaigns.views.targets import targets_context
from stratum.lib.charts import Chart, Series
from stratum.lib.date_ranges import DateRange, last_full_day
from stratum.lib.figures import NO_VALUE, format_number
from stratum.lib.kpis import Kpi
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals
from stratum.lib.sparkline import sparkline
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import status_tag

CARDS = ("spend", "revenue", "roas", "cpa", "conversions", "ctr")
DAY_MEASURES = ("spend", "revenue", "roas", "cpa", "conversions", "impressions", "clicks", "ctr")
DEFAULT_PAIR = ("spend", "revenue")


@requires("view")
def campaign_detail(request: HttpRequest, pk: int) -> HttpResponse:
    # The ledger first: what it calls done, the campaign read after it shows.
    newest = newest_changes([pk])
    campaign = get_object_or_404(Campaign.objects.select_related("ad_account"), pk=pk)
    days = date_range_of(request, zone_of(campaign))
    current = campaign_days(campaign, days.start, days.end)
    compared = _compared(campaign, days)
    maturity = _maturity(campaign, days)
    context: dict[str, Any] = {
        "campaign": campaign,
        "date_range": days,
        "chart": _chart(campaign, days, current, compared, _pair(request), maturity),
        "pair": _pair(request),
        "immature_text": immature_text(maturity),
        "incomparable": incomparable_text(comparability(len(current), len(compared))) if compared is not None else "",
        "measures": list(MEASURES.values()),
        "kept": _kept(request),
    }
    if is_fragment(request) and request.htmx.target == "campaign-course":
        return render(request, "campaigns/_campaign_course.html", context)
    context |= _page_context(request, campaign, days, current, compared, maturity)
    context |= panel_context(request, campaign, newest)
    return render(request, "campaigns/campaign_detail.html", context)


def _maturity(campaign: Campaign, days: DateRange) -> Maturity:
    if campaign.ad_account is None:
        return MATURE
    now = timezone.now()
    today = now.astimezone(zone_or_utc(zone_of(campaign))).date()
    return maturity_of(completeness_of(campaign.ad_account, now), (days.start, days.end), today)


def _kept(request: HttpRequest) -> list[tuple[str, str]]:
    return [(key, request.GET[key]) for key in RANGE_PARAMETERS if request.GET.get(key)]


def _pair(request: HttpRequest) -> tuple[str, str]:
    first, second = request.GET.get("first", ""), request.GET.get("second", DEFAULT_PAIR[1])
    return (
        first if first in MEASURES else DEFAULT_PAIR[0],
        second if second in MEASURES or second == "none" else DEFAULT_PAIR[1],
    )


def _page_context(
    request: HttpRequest,
    campaign: Campaign,
    days: DateRange,
    current: list[CampaignDay],
    compared: list[CampaignDay] | None,
    maturity: Maturity,
) -> dict[str, Any]:
    near = neighbours(campaign)
    query = query_without(request.GET)
    may_edit = request.user.can("edit_campaigns")
    through = last_full_day(timezone.now(), zone_or_utc(zone_of(campaign)))
    return {
        "status": status_tag(campaign.status, campaign.get_status_display()),
        "crumbs": [(_("Campaigns"), f"{reverse('campaigns:campaign_list')}{'?' if query else ''}{query}")],
        "kpis": _kpis(campaign, days, current, compared, maturity),
        "days_table": _days_table(request, campaign, days, current, maturity),
        "facts": facts(campaign),
        "origin": origin(campaign, current),
        "pace": pace_card(campaign, through),
        "breakdowns": [breakdown_card(one, campaign.currency) for one in breakdowns(campaign)],
        "activity": activity_feed(campaign, campaign_activity(campaign), may_edit=may_edit),
        "changes_url": f"{reverse('campaigns:change_list')}?{urlencode({'q': campaign.external_id})}",
        "raw": raw_text(campaign),
        "previous": near.previous,
        "following": near.following,
        "query": query,
        "may_edit": may_edit,
        "labels": labels_in_use() if may_edit else [],
        **targets_context(campaign),
    }


def _compared(campaign: Campaign, days: DateRange) -> list[CampaignDay] | None:
    if days.compare_start is None or days.compare_end is None:
        return None
    return campaign_days(campaign, days.compare_start, days.compare_end)


# --- Figures --------------------------------------------------------------------------------------------------


def _kpis(
    campaign: Campaign,
    days: DateRange,
    current: list[CampaignDay],
    compared: list[CampaignDay] | None,
    maturity: Maturity,
) -> list[Kpi]:
    now = sum_of(current)
    comparable = comparability(len(current), len(compared or ())).holds
    was = _before(campaign, days, compared) if compared and comparable else None
    # From a thousand on, cents are noise on a card.
    whole = now.spend >= 1000 * 10 ** decimals(campaign.currency)
    by_day = {day.date: day.totals for day in current}
    cards = []
    for key in CARDS:
        measure = MEASURES[key]
        values = [_value(measure, by_day.get(day)) for day in days.dates]
        missing = measure.value(now) is None or not current
        tail = maturity.tail(days.end) if measure.needs_conversions else 0
        cards.append(
            Kpi(
                label=measure.label,
                value=measure.text(now, campaign.currency, whole=whole),
                delta=measure.change(now, was, campaign.currency) if was is not None and current else None,
                spark=sparkline(values, immature_tail=tail),
                notes=_notes(measure, campaign, days, maturity),
                reason=(_("No numbers in these days.") if not current else measure.reason) if missing else "",
            )
        )
    return cards


def _before(campaign: Campaign, days: DateRange, compared: list[CampaignDay]) -> Totals:
    """The compared sums as they were known when those days were as young as the range's are now."""
    current, before = periods_of(days)
    present = sum_of(compared)
    if before is None:
        return present
    return campaign_known_then(campaign.pk, before, known_then(current, before, timezone.now()), present)


def _value(measure: Measure, totals: Totals | None) -> float | None:
    value = None if totals is None else measure.value(totals)
    return None if value is None else float(value)


def _notes(measure: Measure, campaign: Campaign, days: DateRange, maturity: Maturity) -> list[tuple[str, str]]:
    notes = [
        (_("Formula"), str(measure.formula)),
        (_("Days"), f"{days.span_text}, {days.zone}"),
    ]
    if measure.unit == "money":
        notes.append((_("Currency"), _("%(currency)s, not converted") % {"currency": campaign.currency}))
    if days.compare_text:
        notes.append((_("Compared with"), compared_text(days)))
    if maturity.since and measure.needs_conversions:
        notes.append((_("Completeness"), immature_text(maturity)))
    return notes


def _chart(
    campaign: Campaign,
    days: DateRange,
    current: list[CampaignDay],
    compared: list[CampaignDay] | None,
    pair: tuple[str, str],
    maturity: Maturity,
) -> Chart:
    """The course of one or two figures; of the first one also that of the compared days, quietly."""
    by_day = {day.date: day.totals for day in current}
    keys = [key for key in dict.fromkeys(pair) if key in MEASURES]
    units = [_unit(MEASURES[key], campaign.currency) for key in keys]
    # One scale while both are in the same unit; the second figure moves to the other side when it is not.
    split = len(units) == 2 and units[0] != units[1]
    series = [
        Series(
            MEASURES[key].label,
            [MEASURES[key].plotted(by_day.get(day), campaign.currency) for day in days.dates],
            shape="area" if position == 0 else "line",
            format=MEASURES[key].chart_format,
            color=position + 1,
            axis=1 if position and split else 0,
        )
        for position, key in enumerate(keys)
    ]
    if compared and comparability(len(current), len(compared)).holds:
        series.append(_compared_series(campaign, days, compared, MEASURES[keys[0]]))
    return Chart(
        "campaign-days",
        days.dates if current else [],
        series if current else [],
        units=tuple(units) if split else (units[0],),
        currency=campaign.currency,
        immature_days=maturity.tail(days.end),
        zoom=days.days > 31,
        file_name=f"campaign-{campaign.pk}",
    )


def _compared_series(campaign: Campaign, days: DateRange, compared: list[CampaignDay], measure: Measure) -> Series:
    by_day = {day.date: day.totals for day in compared}
    shift = days.start - (days.compare_start or days.start)
    return Series(
        _("%(figure)s before") % {"figure": measure.label},
        [measure.plotted(by_day.get(day - shift), campaign.currency) for day in days.dates],
        shape="compare",
        format=measure.chart_format,
    )


def _unit(measure: Measure, currency: str) -> str:
    return {"money": currency, "percent": "%", "multiple": "×"}.get(measure.unit, str(measure.label))


# --- Days -----------------------------------------------------------------------------------------------------


def _days_table(
    request: HttpRequest, campaign: Campaign, days: DateRange, current: list[CampaignDay], maturity: Maturity
) -> Table:
    columns = (
        Column("day", _("Day"), kind="main"),
        *(
            Column(
                key, MEASURES[key].label, kind="number", note=MEASURES[key].formula,
                unit=campaign.currency if MEASURES[key].unit == "money" else "",
            )
            for key in DAY_MEASURES
        ),
        Column(
            "restated", _("Restated"), kind="number",
            note=_("How often the day’s numbers changed after they first came in."),
        ),
    )  # fmt: skip
    state = TableState.from_query({}, columns, default_sort="day")
    path = reverse("campaigns:campaign_day_panel", args=[campaign.pk, "2000-01-01"])
    rows = [_day_row(campaign, day, path, maturity) for day in reversed(current)]
    return Table(
        element_id="campaign-day-table",
        caption=_("Days of %(name)s, %(days)s, amounts in %(currency)s")
        % {"name": campaign.name, "days": days.span_text, "currency": campaign.currency},
        state=state,
        rows=rows,
        path=request.path,
        totals=_days_totals(campaign, current),
        empty={
            "icon": "calendar-x",
            "title": _("No numbers in these days"),
            "text": _("The campaign delivered nothing, or its report for these days has not been imported."),
        },
    )


def _day_row(campaign: Campaign, day: CampaignDay, path: str, maturity: Maturity) -> Row:
    cells = [Cell(date_format(day.date, "D, j M Y"))]
    for key in DAY_MEASURES:
        measure = MEASURES[key]
        css = "immature" if measure.needs_conversions and maturity.is_immature(day.date) else ""
        if measure.value(day.totals) is None:
            dash = format_html('<span class="no-value" title="{}">{}</span>', measure.reason, NO_VALUE)
            cells.append(Cell(dash, css=css))
        else:
            cells.append(Cell(measure.cell(day.totals, campaign.currency), css=css))
    times = ngettext("%(count)s time", "%(count)s times", day.revisions) % {"count": day.revisions}
    cells.append(
        Cell(
            format_html(
                '<button class="btn btn-link btn-sm" type="button" hx-get="{}" hx-target="#day-history">{}</button>',
                path.replace("2000-01-01", day.date.isoformat()),
                times if day.revisions else _("never"),
            )
        )
    )
    return Row(day.date.isoformat(), cells, name=day.date.isoformat())


def _days_totals(campaign: Campaign, current: list[CampaignDay]) -> list[Cell]:
    if not current:
        return []
    totals = sum_of(current)
    count = ngettext("%(count)s day", "%(count)s days", len(current)) % {"count": len(current)}
    return [
        Cell(count),
        *(Cell(MEASURES[key].cell(totals, campaign.currency)) for key in DAY_MEASURES),
        Cell(format_number(sum(day.revisions for day in current))),
    ]


@requires("view")
def campaign_day_panel(request: HttpRequest, pk: int, day: str) -> HttpResponse:
    """What was known of one day, and when: a dialog that opens itself."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise Http404 from error
    states = history_of_day(campaign, wanted)
    keys = ("impressions", "clicks", "conversions", "spend", "revenue")
    lines = []
    before: Totals | None = None
    for state in states:
        cells = []
        for key in keys:
            measure = MEASURES[key]
            change = measure.change(state.totals, before, campaign.currency) if before and state.totals else None
            moved = delta_text(change) if change and change.direction in ("up", "down") else ""
            cells.append((measure.text(state.totals, campaign.currency), moved))
        lines.append({"since": state.since, "source": state.source, "cells": cells, "gone": state.totals is None})
        before = state.totals
    context = {
        "campaign": campaign,
        "day": wanted,
        "heads": [MEASURES[key].label for key in keys],
        "lines": list(reversed(lines)),
    }
    return render(request, "campaigns/_campaign_day_history.html", context)
