"""What became of the last report's figures: as they were frozen, and as the same days are known now.

Platforms book a conversion on the day of its click, whenever they hear of it: days that were reported go on growing.
Per campaign, the two sides are the same days as known at the moment of that report and at this one.
"""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.queries.conversion import conversion_for
from campaigns.queries.measures import MEASURES
from rules.conditions.report_times import Days
from rules.models import Report
from rules.queries.reports.scope import Scope
from rules.queries.reports.sums import by_key, campaign_sums, total
from rules.services.reports.blocks import (
    Column,
    Json,
    block,
    cell,
    measure_cell,
    money_cell,
    platform_name,
    table,
    totals_json,
    totals_of,
)
from stratum.lib.date_ranges import span_text
from stratum.lib.figures import signed
from stratum.lib.ratios import Totals

CAMPAIGNS_SHOWN = 5
SHOWN = ("spend", "revenue", "conversions", "roas")


def restated(previous: Report, moment: datetime) -> Json | None:
    """The figures of `previous` as frozen and as known at `moment`, and a block that says so.

    {"report", "from", "to", "total": {"frozen", "now"}, "platforms": {name: {"frozen", "now"}}, "campaigns": [{"id",
    "frozen", "now"}], "reason", "block"}; None when that report cannot be read, of an older shape.
    """
    try:
        frozen = totals_of(previous.content["sums"]["total"])
        platforms = {name: totals_of(raw) for name, raw in previous.content["sums"]["platforms"].items()}
        currency = previous.content["currency"]
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    days = Days(previous.date_from, previous.date_to)
    ids = Scope.from_json(previous.content.get("filters")).campaign_ids()
    conversion = conversion_for(currency, [days.period])
    then = campaign_sums(days, previous.as_of, conversion, ids)
    now = campaign_sums(days, moment, conversion, ids)
    known = total(now.values())
    known_platforms = by_key(now.values(), lambda one: one.platform)
    moved = []
    for pk in now.keys() | then.keys():
        campaign = now.get(pk) or then[pk]
        sides = tuple(found[pk].totals if pk in found else Totals() for found in (then, now))
        if sides[0] != sides[1]:
            moved.append((campaign, *sides))
    moved.sort(key=lambda item: (*(-size for size in _size(item[1], item[2])), item[0].id))
    shown = moved[:CAMPAIGNS_SHOWN]
    pairs = [
        (name, platforms.get(name, Totals()), known_platforms.get(name, Totals()))
        for name in sorted(platforms.keys() | known_platforms.keys())
    ]
    reason = _reason([(frozen, known), *((was, new) for _name, was, new in pairs)])
    return {
        "report": previous.pk,
        "from": days.start.isoformat(),
        "to": days.end.isoformat(),
        "currency": currency,
        "total": {"frozen": totals_json(frozen), "now": totals_json(known)},
        "platforms": {name: {"frozen": totals_json(was), "now": totals_json(new)} for name, was, new in pairs},
        "campaigns": [
            {"id": one.id, "name": one.name, "frozen": totals_json(was), "now": totals_json(new)}
            for one, was, new in shown
        ],
        "reason": reason,
        "block": _block(
            previous, days, currency, (frozen, known), pairs, [(one.name, was, new) for one, was, new in shown], reason
        ),
    }


def _size(was: Totals, now: Totals) -> tuple[int, int]:
    """How much was restated: money first (minor units), then conversions."""
    money = abs(now.revenue - was.revenue) + abs(now.spend - was.spend)
    return money, abs(now.conversions_micros - was.conversions_micros)


def _reason(pairs: list[tuple[Totals, Totals]]) -> str:
    """'none'; 'late_conversions': what is attributed later has changed; 'corrected': what was spent too."""
    if all(was == now for was, now in pairs):
        return "none"
    return "late_conversions" if all(was.spend == now.spend for was, now in pairs) else "corrected"


def _block(
    previous: Report,
    days: Days,
    currency: str,
    whole: tuple[Totals, Totals],
    platforms: list[tuple[str, Totals, Totals]],
    campaigns: list[tuple[str, Totals, Totals]],
    reason: str,
) -> Json:
    frozen, now = whole
    title = _("What has changed since the last report")
    when = {
        "days": span_text(days.start, days.end) if days.count > 1 else date_format(days.start, "j M Y"),
        "sent": date_format(previous.as_of, "j M Y"),
    }
    if reason == "none":
        return block("restated", title, lines=[_("%(days)s, reported on %(sent)s: every figure still stands.") % when])
    intro = {
        "late_conversions": _(
            "%(days)s, reported on %(sent)s: conversions have come in since. Platforms book them on the day of the "
            "click or view, so the days that were reported have grown."
        ),
        "corrected": _(
            "%(days)s, reported on %(sent)s: conversions have come in since, and platforms have corrected what was "
            "spent."
        ),
    }[reason] % when
    changes = ", ".join(
        f"{MEASURES[key].label} {MEASURES[key].text(frozen, currency)} → {MEASURES[key].text(now, currency)}"
        for key in SHOWN
        if MEASURES[key].text(frozen, currency) != MEASURES[key].text(now, currency)
    )
    rows = [
        _row(_("Total"), frozen, now, currency),
        *(_row(platform_name(name), was, new, currency) for name, was, new in platforms),
    ]
    tables = [
        table(_("As reported, and as known now"), _columns(_("Platform"), currency), rows),
        table(
            _("Campaigns that changed most"),
            _columns(_("Campaign"), currency),
            [_row(name, was, new, currency) for name, was, new in campaigns],
        ),
    ]
    return block("restated", title, lines=[intro, f"{changes}." if changes else ""], tables=tables)


def _columns(first: str, currency: str) -> list[Column]:
    money = {"spend", "revenue"}
    figures = (
        (f"{MEASURES[key].label}{f' {currency}' if key in money else ''}", "number", _("as reported")) for key in SHOWN
    )
    return [(first, "text"), *figures, (_("Revenue since %(currency)s") % {"currency": currency}, "number")]


def _row(name: str, was: Totals, now: Totals, currency: str) -> list[Json]:
    """The figures as known now, those reported below them."""
    since = money_cell(now.revenue - was.revenue, currency)
    since["text"] = signed(since["text"], now.revenue - was.revenue)
    return [cell(name), *(_pair(key, was, now, currency) for key in SHOWN), since]


def _pair(key: str, was: Totals, now: Totals, currency: str) -> Json:
    reported = measure_cell(key, was, currency)
    return {**measure_cell(key, now, currency), "sub": reported["text"], "was": reported.get("value", "")}
