"""Key figures with their course, the chart, and the platforms' parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.choices import Platform
from campaigns.queries.health import AccountHealth
from campaigns.queries.maturity import Maturity
from campaigns.queries.measures import MEASURES, Measure
from campaigns.queries.totals import PeriodTotals, WorkspaceTotals
from campaigns.views.reading import compared_text, immature_text, rate_notes
from stratum.home.asked import HomeRequest
from stratum.lib.charts import Chart, Series
from stratum.lib.date_ranges import DateRange
from stratum.lib.figures import format_money, format_multiple, format_percent
from stratum.lib.kpis import Kpi
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals
from stratum.lib.sparkline import sparkline

CARDS = ("spend", "revenue", "roas", "cpa", "conversions", "ctr")
_PLATFORM = dict(Platform.choices)


def key_figures(
    found: WorkspaceTotals, asked: HomeRequest, accounts: Sequence[AccountHealth], maturity: Maturity
) -> list[Kpi]:
    """The six cards, each with its course by day, its change, and where it comes from."""
    now, was = found.current, found.compared
    listing = reverse("campaigns:campaign_list")
    query = urlencode(asked.kept)
    whole = now.totals.spend >= 1000 * 10 ** decimals(found.currency)
    cards = []
    for key in CARDS:
        measure = MEASURES[key]
        tail = maturity.tail(asked.days.end) if measure.needs_conversions else 0
        missing = not now.has_numbers or measure.value(now.totals) is None
        compared = was is not None and found.comparability.holds and was.has_numbers and now.has_numbers
        cards.append(
            Kpi(
                label=measure.label,
                value=measure.text(now.totals, found.currency, whole=whole),
                delta=measure.change(now.totals, found.before, found.currency) if compared else None,
                spark=sparkline([_plain(measure, day) for day in now.days], immature_tail=tail),
                notes=_notes(measure, found, asked.days, accounts, maturity),
                href=f"{listing}?{query}{'&' if query else ''}sort=-{key}",
                reason=(_("No numbers in these days.") if not now.has_numbers else measure.reason) if missing else "",
            )
        )
    return cards


def _plain(measure: Measure, totals: Totals | None) -> float | None:
    value = None if totals is None else measure.value(totals)
    return None if value is None else float(value)


def _notes(
    measure: Measure,
    found: WorkspaceTotals,
    days: DateRange,
    accounts: Sequence[AccountHealth],
    maturity: Maturity,
) -> list[tuple[str, str]]:
    zones = sorted({account.zone for account in accounts})
    notes = [
        (_("Formula"), str(measure.formula)),
        (_("Days"), _("%(days)s, each day as its ad account cuts it") % {"days": days.span_text}),
    ]
    if zones:
        notes.append((_("Zones"), ", ".join(zones[:4]) + ("…" if len(zones) > 4 else "")))
    if days.compare_text:
        notes.append((_("Compared with"), compared_text(days)))
    arrived = [account.arrived_at for account in accounts if account.arrived_at]
    if arrived:
        notes.append((_("Newest number"), date_format(timezone.localtime(max(arrived)), "j M, H:i")))
    if maturity.since and measure.needs_conversions:
        notes.append((_("Completeness"), immature_text(maturity)))
    if measure.unit == "money" or measure.key == "roas":
        notes.extend(rate_notes(found.rates, found.currency))
    return notes


def course_chart(found: WorkspaceTotals, asked: HomeRequest, maturity: Maturity) -> Chart:
    """Spend and revenue by day with the compared period, or spend by day and platform."""
    now, was = found.current, found.compared
    series = _by_platform(now, found.currency) if asked.course == "platforms" else _money(now, was, found)
    has_any = now.has_numbers
    return Chart(
        "home-course",
        asked.days.dates if has_any else [],
        series if has_any else [],
        units=(found.currency,),
        currency=found.currency,
        immature_days=maturity.tail(asked.days.end) if asked.course == "money" else 0,
        zoom=asked.days.days > 31,
        file_name=f"stratum-{asked.course}-{asked.days.start:%Y%m%d}-{asked.days.end:%Y%m%d}",
    )


def _money(now: PeriodTotals, was: PeriodTotals | None, found: WorkspaceTotals) -> list[Series]:
    spend, revenue = MEASURES["spend"], MEASURES["revenue"]
    series = [
        Series(revenue.label, _plotted(revenue, now, found.currency), shape="line", format="money", color=2),
        Series(spend.label, _plotted(spend, now, found.currency), shape="area", format="money", color=1),
    ]
    if was is not None and found.comparability.holds and was.has_numbers:
        name = _("Revenue before")
        series.append(Series(name, _plotted(revenue, was, found.currency), shape="compare", format="money"))
    return series


def _by_platform(now: PeriodTotals, currency: str) -> list[Series]:
    spend = MEASURES["spend"]
    return [
        Series(
            _PLATFORM[platform],
            [spend.plotted(day, currency) for day in days],
            shape="stack",
            format="money",
            color=platform,
        )
        for platform, days in now.platform_days.items()
    ]


def _plotted(measure: Measure, period: PeriodTotals, currency: str) -> list[float | None]:
    return [measure.plotted(day, currency) for day in period.days]


@dataclass(frozen=True, slots=True)
class PlatformShare:
    """A platform's part of the spend, for the list beside the chart."""

    platform: str
    spend: str
    share: str
    percent: int
    roas: str
    href: str


def platform_shares(found: WorkspaceTotals, asked: HomeRequest) -> list[PlatformShare]:
    """Platforms by spend, largest first."""
    whole = found.current.totals.spend
    listing = reverse("campaigns:campaign_list")
    shares = []
    for platform, totals in sorted(found.current.platforms.items(), key=lambda item: -item[1].spend):
        part = totals.spend / whole if whole else 0.0
        shares.append(
            PlatformShare(
                platform=platform,
                spend=format_money(totals.spend, found.currency, decimals(found.currency), whole=True),
                share=format_percent(part, 0),
                percent=round(part * 100),
                roas=format_multiple(totals.roas),
                href=f"{listing}?{urlencode({**asked.kept, 'platform': platform})}",
            )
        )
    return shares
