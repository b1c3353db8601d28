"""A replay's findings as figures, a chart and a table."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rules.choices import Outcome
from rules.conditions.wording import actual_phrase, parts_facts, reason
from rules.queries.replay import Replay, ReplayAction, Verdict
from stratum.lib.charts import Chart, Series
from stratum.lib.figures import format_money, format_number, format_percent
from stratum.lib.kpis import Kpi
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import platform_mark, status_tag

COLUMNS = (
    Column("day", gettext_lazy("Day"), kind="main", sortable=True, required=True),
    Column("campaign", gettext_lazy("Campaign"), sortable=True),
    Column("verdict", gettext_lazy("Verdict"), kind="status", sortable=True),
    Column("then", gettext_lazy("Figure then"), kind="number"),
    Column("settled", gettext_lazy("Figure now"), kind="number"),
    Column("why", gettext_lazy("Why")),
    Column("spend", gettext_lazy("Spend, 7 days after"), kind="number"),
    Column("revenue", gettext_lazy("Revenue, 7 days after"), kind="number"),
)
_ORDER = {
    "day": lambda action: action.day,
    "campaign": lambda action: action.name.casefold(),
    "verdict": lambda action: action.verdict.value,
}
_STATES = {Verdict.RIGHT: "ok", Verdict.WRONG: "failed"}


def figures(found: Replay) -> list[Kpi]:
    """The row of key figures."""
    main, *others = found.touched
    apart = {
        name: ", ".join(format_money(getattr(one, name), one.currency) for one in others)
        for name in ("spend", "revenue")
    }
    after = _("in the 7 days after")
    share = format_percent(found.wrong / found.acted) if found.acted else ""
    campaigns = ngettext("%(count)s campaign in scope", "%(count)s campaigns in scope", found.campaigns) % {
        "count": format_number(found.campaigns)
    }
    days = ngettext("on %(count)s day", "on %(count)s days", found.flip_days) % {
        "count": format_number(found.flip_days)
    }
    held = sum(day.held for day in found.days)
    disagree = _("A campaign on a day for which the numbers of that morning and those of today answer differently.")
    once = _("Of campaigns that it acted on. A day that follows two actions counts once.")
    return [
        Kpi(_("Would have acted"), format_number(found.acted), foot=campaigns),
        Kpi(
            _("Proved wrong"),
            format_number(found.wrong),
            foot=_("%(share)s of the actions") % {"share": share} if share else _("No action"),
            notes=[(_("Meaning"), _("The numbers of today, over the same days, do not match the rule."))],
        ),
        Kpi(
            _("Changed its answer"),
            format_number(found.flips),
            foot=days,
            notes=[(_("Meaning"), disagree)],
        ),
        Kpi(
            _("Held back"),
            format_number(held),
            foot=_("numbers too old, or not certain enough"),
            notes=[(_("Meaning"), _("Campaigns on days: 3 campaigns held on 2 days are 6."))],
        ),
        Kpi(
            _("Spend touched"),
            format_money(main.spend, main.currency),
            foot=(apart["spend"] and _("and %(amounts)s") % {"amounts": apart["spend"]}) or after,
            notes=[(_("Meaning"), once)],
        ),
        Kpi(
            _("Revenue touched"),
            format_money(main.revenue, main.currency),
            foot=(apart["revenue"] and _("and %(amounts)s") % {"amounts": apart["revenue"]}) or after,
            notes=[(_("Meaning"), once)],
        ),
    ]  # fmt: skip


def days_chart(found: Replay) -> Chart:
    return Chart(
        "replay-days",
        [day.day for day in found.days],
        [
            Series(_("Actions, numbers as known that morning"), [day.acted for day in found.days], "bar", color=1),
            Series(_("Actions, numbers as settled"), [day.settled_acted for day in found.days], "line", color=2),
            Series(_("Held back"), [day.held for day in found.days], "compare"),
        ],
        zoom=len(found.days) > 90,
        file_name="replay",
    )


def filters(request: HttpRequest, table: Table) -> dict[str, Any]:
    chosen = request.GET.get("verdict", "")
    return {
        "q": request.GET.get("q", "").strip(),
        "selects": [("verdict", _("All verdicts"), Verdict.choices, chosen)],
        "kept": table.state.kept("q", "verdict"),
    }


def action_table(request: HttpRequest, found: Replay) -> Table:
    """The listed actions, the newest first unless sorted otherwise."""
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-day", default_size=25)
    actions = _chosen(request, found, state)
    page = state.paginate(actions, total=len(actions))
    return Table(
        "replay-table",
        _("What it would have done"),
        state,
        [_row(action) for action in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty=_empty(found),
    )


def _chosen(request: HttpRequest, found: Replay, state: TableState) -> list[ReplayAction]:
    verdict, text = request.GET.get("verdict", ""), request.GET.get("q", "").strip().casefold()
    actions = [
        action
        for action in found.actions
        if (not verdict or action.verdict == verdict) and text in action.name.casefold()
    ]
    return sorted(actions, key=_ORDER[state.sort], reverse=state.descending)


def _empty(found: Replay) -> dict[str, Any]:
    if found.acted:
        return {"icon": "search-x", "title": _("No action here"), "text": _("Change the search or the filter.")}
    if not found.campaigns:
        text = _("No campaign is in the rule’s scope. Widen it, or import campaigns first.")
        return {"icon": "search-x", "title": _("No campaign"), "text": text}
    text = _("On no day of these would the rule have acted.")
    if any(day.held for day in found.days):
        text = _("It would never have acted; on some days it would have been held back. The chart shows which.")
    return {"icon": "rewind", "title": _("It would have done nothing"), "text": text}


def _row(action: ReplayAction) -> Row:
    then, now = (
        Cell(actual_phrase(one), tip=", ".join(f"{term} {part}" for term, part in parts_facts(one)))
        for one in (action.then, action.settled)
    )
    cells = (
        Cell(date_format(action.day, "j M Y"), css="nowrap"),
        Cell(
            action.name,
            sub=platform_mark(action.platform),
            href=reverse("campaigns:campaign_detail", args=[action.campaign_id]),
        ),
        Cell(status_tag(_STATES[action.verdict], action.verdict.label)),
        then,
        now,
        Cell(reason(Outcome.ACTED, action.then), css="replay-why"),
        Cell(format_money(action.spend_after, action.currency)),
        Cell(format_money(action.revenue_after, action.currency)),
    )
    return Row(f"{action.campaign_id}-{action.day.isoformat()}", cells, name=action.name)
