"""The one date range of all analytic pages: read from the URL, always full days of a given zone.

    range=7d|14d|30d|90d|mtd|last_month|custom   from=2026-10-01   to=2026-10-31   compare=previous|year|off

The last day is always yesterday in the zone: today is not a full day anywhere. A compared period has the same
number of days, so that sums can be set side by side: `previous` ends the day before `start`; `year` starts on the
same date one year earlier (29 February: 28).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

DEFAULT_RANGE = "30d"
DEFAULT_COMPARE = "previous"
# Two years and a day of February: what the roll-ups answer fast and a chart can show.
MAX_DAYS = 731

ROLLING = {"7d": 7, "14d": 14, "30d": 30, "90d": 90}
RANGE_LABELS: dict[str, Promise] = {
    "7d": gettext_lazy("Last 7 days"),
    "14d": gettext_lazy("Last 14 days"),
    "30d": gettext_lazy("Last 30 days"),
    "90d": gettext_lazy("Last 90 days"),
    "mtd": gettext_lazy("Month to date"),
    "last_month": gettext_lazy("Last month"),
    "custom": gettext_lazy("Custom days"),
}
COMPARE_LABELS: dict[str, Promise] = {
    "previous": gettext_lazy("Previous period"),
    "year": gettext_lazy("Same period last year"),
    "off": gettext_lazy("No comparison"),
}


@dataclass(frozen=True, slots=True)
class DateRange:
    """Full days `start` … `end`, both included, and the days they are compared with (None: no comparison).

    `key` and `compare` are the values of the URL; `label` names the range in the reader's language; `zone` is the
    IANA name of the zone whose days these are.
    """

    start: date
    end: date
    label: str
    compare_start: date | None
    compare_end: date | None
    key: str = DEFAULT_RANGE
    compare: str = DEFAULT_COMPARE
    zone: str = "UTC"

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def dates(self) -> list[date]:
        """Every day of the range in order."""
        return [self.start + timedelta(days=offset) for offset in range(self.days)]

    @property
    def span_text(self) -> str:
        """'24 Oct – 22 Nov 2026'."""
        return span_text(self.start, self.end)

    @property
    def compare_text(self) -> str:
        """The compared days in words, or an empty text."""
        if self.compare_start is None or self.compare_end is None:
            return ""
        return span_text(self.compare_start, self.compare_end)

    @property
    def query(self) -> dict[str, str]:
        """The URL parameters that stand for this range; what equals the defaults is left out."""
        parameters = {}
        if self.key != DEFAULT_RANGE:
            parameters["range"] = self.key
        if self.key == "custom":
            parameters |= {"from": self.start.isoformat(), "to": self.end.isoformat()}
        if self.compare != DEFAULT_COMPARE:
            parameters["compare"] = self.compare
        return parameters


def last_full_day(now: datetime, zone: tzinfo) -> date:
    """Yesterday as the zone sees it. `now` must be aware."""
    return now.astimezone(zone).date() - timedelta(days=1)


def resolve_date_range(query: Mapping[str, str], *, now: datetime, zone: tzinfo) -> DateRange:
    """The range that the URL asks for; whatever cannot be read falls back to the last 30 full days.

    `query` is request.GET or a dict, `now` an aware moment, `zone` the zone whose days are cut (a ZoneInfo: its key
    is shown). Never raises for user input.
    """
    last = last_full_day(now, zone)
    key = query.get("range", DEFAULT_RANGE)
    bounds = _bounds(key, query, last)
    if bounds is None:
        key, bounds = DEFAULT_RANGE, (last - timedelta(days=ROLLING[DEFAULT_RANGE] - 1), last)
    start, end = bounds
    compare = query.get("compare", DEFAULT_COMPARE)
    if compare not in COMPARE_LABELS:
        compare = DEFAULT_COMPARE
    compared = _compared(start, end, compare)
    return DateRange(
        start,
        end,
        str(RANGE_LABELS[key]),
        *compared,
        key=key,
        compare=compare,
        zone=getattr(zone, "key", str(zone)),
    )


def _bounds(key: str, query: Mapping[str, str], last: date) -> tuple[date, date] | None:
    if key in ROLLING:
        return last - timedelta(days=ROLLING[key] - 1), last
    if key == "mtd":
        # On the first of a month no day of it is full yet: the month of the last full day is the one to show.
        return last.replace(day=1), last
    if key == "last_month":
        today = last + timedelta(days=1)
        end = today.replace(day=1) - timedelta(days=1)
        return end.replace(day=1), end
    if key == "custom":
        return _custom(query, last)
    return None


def _custom(query: Mapping[str, str], last: date) -> tuple[date, date] | None:
    start, end = _day(query.get("from", "")), _day(query.get("to", ""))
    if start is None or end is None:
        return None
    start, end = min(start, end), max(start, end)
    end = min(end, last)
    if start > end:
        return None
    return max(start, end - timedelta(days=MAX_DAYS - 1)), end


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # A year of arithmetic on both sides must stay inside the calendar.
    return day if 1990 <= day.year <= 2200 else None


def _compared(start: date, end: date, compare: str) -> tuple[date | None, date | None]:
    length = end - start
    if compare == "previous":
        compare_end = start - timedelta(days=1)
        return compare_end - length, compare_end
    if compare == "year":
        compare_start = _year_earlier(start)
        return compare_start, compare_start + length
    return None, None


def _year_earlier(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def span_text(start: date, end: date) -> str:
    """Two days as a reader writes them, the year and month not said twice: '1 – 15 Oct 2026'."""
    if start == end:
        return date_format(start, _("j M Y"))
    if start.year != end.year:
        first = date_format(start, _("j M Y"))
    elif start.month != end.month:
        first = date_format(start, _("j M"))
    else:
        first = date_format(start, _("j"))
    return f"{first} – {date_format(end, _('j M Y'))}"
