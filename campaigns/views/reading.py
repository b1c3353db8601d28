"""What the analytic screens read from a request: the days, the filter, the table's state, how money was converted."""

from dataclasses import dataclass

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.middleware import zone_or_utc
from campaigns.queries.campaign_table import CampaignFilter, CampaignQuery
from campaigns.queries.comparability import Comparability
from campaigns.queries.conversion import Period, RateSpan
from campaigns.queries.maturity import Maturity
from campaigns.queries.totals import Refusal
from campaigns.views.columns import DEFAULT_SORT, columns
from stratum.lib.date_ranges import DateRange, resolve_date_range
from stratum.lib.figures import format_number, format_percent
from stratum.lib.tables import TableState

# Tells htmx to stop polling.
STOP_POLLING = 286
# The list's own parameters that the filter bar, the column chooser and links to campaigns carry along.
RANGE_PARAMETERS = ("range", "from", "to", "compare")
FILTER_PARAMETERS = ("q", "platform", "status", "account", "label")


def date_range_of(request: HttpRequest, zone: str | None = None) -> DateRange:
    """The days that the URL asks for, cut in `zone` (the workspace's own when none is given)."""
    return resolve_date_range(request.GET, now=timezone.now(), zone=zone_or_utc(zone or request.tenant.timezone))


def periods_of(days: DateRange) -> tuple[Period, Period | None]:
    """The range and the compared one as (start, end)."""
    compared = (days.compare_start, days.compare_end)
    return (days.start, days.end), (compared if compared[0] and compared[1] else None)  # type: ignore[return-value]


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page. Going back in the browser asks for all of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request


@dataclass(frozen=True, slots=True)
class ListState:
    """The campaign list as the URL has it."""

    days: DateRange
    where: CampaignFilter
    state: TableState
    query: CampaignQuery

    @classmethod
    def of(cls, request: HttpRequest) -> "ListState":
        days = date_range_of(request)
        currency = request.tenant.reporting_currency
        where = CampaignFilter.from_query(request.GET)
        state = TableState.from_query(request.GET, columns(currency), default_sort=DEFAULT_SORT)
        current, compared = periods_of(days)
        return cls(
            days,
            where,
            state,
            CampaignQuery(where, state.sort, state.descending, current, compared, currency, timezone.now()),
        )

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Hidden fields of the filter bar: everything but the filters and the page."""
        state = self.state
        own = (
            ("sort", state.sort_value if state.sort_value != state.default_sort else ""),
            ("per", str(state.size) if state.size != state.default_size else ""),
            ("columns", state.columns_value or ""),
        )
        others = ((key, value) for key, value in state.others if key not in FILTER_PARAMETERS)
        return [(key, value) for key, value in (*others, *own) if value]


def query_without(query: QueryDict, *names: str) -> str:
    """The query string with some parameters and all empty ones left out."""
    kept = QueryDict(mutable=True)
    for key, values in query.lists():
        if key not in names:
            kept.setlist(key, [value for value in values if value])
    return kept.urlencode()


def rate_notes(rates: tuple[RateSpan, ...], currency: str) -> list[tuple[str, str]]:
    """How sums were converted, as (term, text): '1 EUR' → '1.0721 – 1.0842 USD, day by day'."""
    notes = []
    for span in rates:
        places = 4 if span.lowest >= 1 else 6
        low, high = format_number(span.lowest, places), format_number(span.highest, places)
        values = {"low": low, "high": high, "currency": currency, "day": date_format(span.newest, "j M Y")}
        text = (
            _("%(low)s %(currency)s, rate of %(day)s") if low == high else _("%(low)s – %(high)s %(currency)s, by day")
        )
        notes.append((f"1 {span.currency}", text % values))
    return notes


def refusal_text(refused: tuple[Refusal, ...]) -> str:
    """'Not included: 3 campaigns in EGP – no exchange rate.' Empty when all take part."""
    parts = [
        ngettext("%(count)s campaign in %(currency)s", "%(count)s campaigns in %(currency)s", one.campaigns)
        % {"count": one.campaigns, "currency": one.currency}
        for one in refused
    ]
    if not parts:
        return ""
    return _("Not included in sums: %(campaigns)s, because there is no exchange rate.") % {
        "campaigns": ", ".join(parts)
    }


def immature_text(maturity: Maturity) -> str:
    """'Conversions are still arriving since 19 Nov; the newest day is about 62 % complete.' Empty when none are."""
    if maturity.since is None:
        return ""
    share = maturity.newest
    values = {"day": date_format(maturity.since, "j M"), "share": format_percent(share, 0)}
    if share is None or share >= 1:
        return _("Days from %(day)s on are not complete yet: conversions still arrive.") % values
    return (
        _("Days from %(day)s on are not complete yet: about %(share)s of the newest day’s conversions are in.") % values
    )


def compared_text(days: DateRange) -> str:
    """What changes are measured against: the compared days, and that they count as known at the same age."""
    return _("%(days)s, as it was known when it was as recent") % {"days": days.compare_text}


def incomparable_text(found: Comparability) -> str:
    """Why no changes are shown; empty when they are."""
    if found.obstacle == "currencies":
        return _("No changes are shown: the two periods do not hold the same currencies.")
    if found.obstacle == "days":
        return _(
            "No changes are shown: %(compared)s days of the period before have numbers, against %(days)s of this one."
        ) % {"compared": found.compared_days, "days": found.days}
    return ""
