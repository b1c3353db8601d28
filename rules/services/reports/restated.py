"""What became of the last report's figures: as they were frozen, and as the same days are known now.

Platforms book a conversion on the day of its click, whenever they hear of it: days that were reported go on growing.
Two sides are set side by side, the same days of the same campaigns at the same rates as known at the moment of that
report and at this one. Where the first is not what was frozen, campaigns or rates are others by now: that is said, and
no platform is blamed for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from campaigns.queries.conversion import conversion_for
from campaigns.queries.measures import MEASURES
from rules.conditions.report_times import Days
from rules.models import Report
from rules.queries.reports.scope import Scope
from rules.queries.reports.sums import Sums, by_key, campaign_sums, total
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


@dataclass(frozen=True, slots=True)
class _Said:
    """What the report said, of which scope, and of which campaigns; None: all."""

    scope: Scope
    whole: Totals
    platforms: Mapping[str, Totals]
    currency: str
    campaign_ids: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class _Sides:
    """The same campaigns or days: as frozen, and as known then and now at the rates of today."""

    frozen: Totals
    then: Totals
    now: Totals

    def as_json(self) -> Json:
        return {"frozen": totals_json(self.frozen), "then": totals_json(self.then), "now": totals_json(self.now)}


@dataclass(frozen=True, slots=True)
class _Moved:
    """A campaign whose figures are others now. `same_days`: of the days that were known then, no more and no fewer."""

    id: int
    name: str
    then: Totals
    now: Totals
    same_days: bool

    @property
    def size(self) -> tuple[int, int]:
        """How much was restated: money first (minor units), then conversions."""
        money = abs(self.now.revenue - self.then.revenue) + abs(self.now.spend - self.then.spend)
        return money, abs(self.now.conversions_micros - self.then.conversions_micros)

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "frozen": totals_json(self.then),
            "now": totals_json(self.now),
        }


def restated(previous: Report, moment: datetime, scope: Scope) -> Json | None:
    """The figures of `previous` as frozen and as known at `moment`, and a block that says so, for a report of `scope`.

    {"report", "from", "to", "currency", "total": {"frozen", "then", "now"}, "platforms": {name: the same}, "campaigns":
    [{"id", "name", "frozen", "now"}], "rebased", "reason", "block"}: `then` is what was known at the moment of that
    report, of the same campaigns and at the same rates as `now`; `rebased` that it is not what was frozen. None when
    that report cannot be read, of an older shape, or was of another scope: whoever gets this one may not know the
    campaigns of that one.
    """
    said = _said(previous.content)
    if said is None or said.scope != scope:
        return None
    days = Days(previous.date_from, previous.date_to)
    conversion = conversion_for(said.currency, [days.period], _currencies(said.campaign_ids))
    then = campaign_sums(days, previous.as_of, conversion, said.campaign_ids)
    now = campaign_sums(days, moment, conversion, said.campaign_ids)
    whole = _Sides(said.whole, total(then.values()), total(now.values()))
    platforms = _platforms(said, then, now)
    rebased = any(one.frozen != one.then for one in (whole, *platforms.values()))
    moved = _moved(then, now)
    reason = _reason(moved)
    shown = moved[:CAMPAIGNS_SHOWN]
    lines = _lines(previous, days, said.currency, whole, reason=reason, rebased=rebased)
    tables = _tables(said.currency, whole, platforms, shown, rebased=rebased) if reason != "none" else []
    return {
        "report": previous.pk,
        "from": days.start.isoformat(),
        "to": days.end.isoformat(),
        "currency": said.currency,
        "total": whole.as_json(),
        "platforms": {name: sides.as_json() for name, sides in platforms.items()},
        "campaigns": [one.as_json() for one in shown],
        "rebased": rebased,
        "reason": reason,
        "block": block("restated", _("What has changed since the last report"), lines=lines, tables=tables),
    }


def _said(content: Any) -> _Said | None:
    try:
        sums = content["sums"]
        platforms = {name: totals_of(raw) for name, raw in sums["platforms"].items()}
        scope = Scope.from_json(content.get("filters"))
        # Reports of before the campaigns were kept: those that their filters mean today.
        ids = sums["campaigns"] if "campaigns" in sums else scope.campaign_ids()
        return _Said(scope, totals_of(sums["total"]), platforms, content["currency"], ids)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def _currencies(campaign_ids: Sequence[int] | None) -> list[str]:
    """Those of the campaigns, with numbers now or not: days that were taken back since were known then."""
    rows = Campaign.objects.all() if campaign_ids is None else Campaign.objects.filter(pk__in=campaign_ids)
    return sorted(rows.order_by().values_list("currency", flat=True).distinct())


def _platforms(said: _Said, then: Sums, now: Sums) -> dict[str, _Sides]:
    known_then, known_now = (by_key(one.values(), lambda campaign: campaign.platform) for one in (then, now))
    return {
        name: _Sides(*(found.get(name, Totals()) for found in (said.platforms, known_then, known_now)))
        for name in sorted(said.platforms.keys() | known_then.keys() | known_now.keys())
    }


def _moved(then: Sums, now: Sums) -> list[_Moved]:
    """What changed most comes first."""
    found = []
    for pk in now.keys() | then.keys():
        sides = [side.get(pk) for side in (then, now)]
        was, new = (side.totals if side else Totals() for side in sides)
        if was != new:
            days = [side.days if side else frozenset() for side in sides]
            found.append(_Moved(pk, (now.get(pk) or then[pk]).name, was, new, days[0] == days[1]))
    return sorted(found, key=lambda one: (*(-size for size in one.size), one.id))


def _reason(moved: Sequence[_Moved]) -> str:
    """'none'; 'late_conversions': what is attributed later has changed; 'corrected': what was spent too, on days that
    were known; 'days': only where days came in or were taken back."""
    if not moved:
        return "none"
    spent = [one for one in moved if one.then.spend != one.now.spend]
    if not spent:
        return "late_conversions"
    return "corrected" if any(one.same_days for one in spent) else "days"


def _lines(previous: Report, days: Days, currency: str, whole: _Sides, *, reason: str, rebased: bool) -> list[str]:
    when = {
        "days": span_text(days.start, days.end) if days.count > 1 else date_format(days.start, "j M Y"),
        "sent": date_format(previous.as_of, "j M Y"),
    }
    lines = [_rebased_words(currency, whole.frozen, when)] if rebased else []
    if reason == "none":
        still = _("Of these, every figure still stands.")
        return [*lines, still if rebased else _("%(days)s, reported on %(sent)s: every figure still stands.") % when]
    words = {
        "late_conversions": _(
            "%(days)s, reported on %(sent)s: conversions have come in since. Platforms book them on the day of the "
            "click or view, so the days that were reported have grown."
        ),
        "corrected": _(
            "%(days)s, reported on %(sent)s: conversions have come in since, and what was spent has been corrected."
        ),
        "days": _(
            "%(days)s, reported on %(sent)s: numbers of further campaigns or days have come in since, or were taken "
            "back."
        ),
    }[reason]
    texts = ((MEASURES[key], [MEASURES[key].text(one, currency) for one in (whole.then, whole.now)]) for key in SHOWN)
    changes = ", ".join(f"{measure.label} {was} → {new}" for measure, (was, new) in texts if was != new)
    return [*lines, words % when, f"{changes}." if changes else ""]


def _rebased_words(currency: str, frozen: Totals, when: Mapping[str, str]) -> str:
    words = _(
        "%(days)s, reported on %(sent)s as %(figures)s: the campaigns that this was of, or the exchange rates, are "
        "others by now. What is compared here is of the same campaigns at the same rates, as known then and now."
    )
    figures = ", ".join(f"{MEASURES[key].label} {MEASURES[key].text(frozen, currency)}" for key in SHOWN)
    return words % {**when, "figures": figures}


def _tables(
    currency: str, whole: _Sides, platforms: Mapping[str, _Sides], moved: Sequence[_Moved], *, rebased: bool
) -> list[Json]:
    below = _("as known then") if rebased else _("as reported")
    caption = _("As known then, and as known now") if rebased else _("As reported, and as known now")
    rows = [
        _row(_("Total"), whole.then, whole.now, currency),
        *(_row(platform_name(name), one.then, one.now, currency) for name, one in platforms.items()),
    ]
    return [
        table(caption, _columns(_("Platform"), currency, below), rows),
        table(
            _("Campaigns that changed most"),
            _columns(_("Campaign"), currency, below),
            [_row(one.name, one.then, one.now, currency) for one in moved],
        ),
    ]


def _columns(first: str, currency: str, below: str) -> list[Column]:
    money = {"spend", "revenue"}
    figures = ((f"{MEASURES[key].label}{f' {currency}' if key in money else ''}", "number", below) for key in SHOWN)
    return [(first, "text"), *figures, (_("Revenue since %(currency)s") % {"currency": currency}, "number")]


def _row(name: str, was: Totals, now: Totals, currency: str) -> list[Json]:
    """The figures as known now, the earlier ones below them."""
    since = money_cell(now.revenue - was.revenue, currency)
    since["text"] = signed(since["text"], now.revenue - was.revenue)
    return [cell(name), *(_pair(key, was, now, currency) for key in SHOWN), since]


def _pair(key: str, was: Totals, now: Totals, currency: str) -> Json:
    earlier = measure_cell(key, was, currency)
    return {**measure_cell(key, now, currency), "sub": earlier["text"], "was": earlier.get("value", "")}
