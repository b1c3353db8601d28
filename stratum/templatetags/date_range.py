"""The links of the date-range control: every choice keeps the rest of the page's query string."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.http import QueryDict
from django.utils import timezone

from stratum.lib import date_ranges

register = template.Library()

_OWN = ("range", "from", "to", "compare")


@dataclass(frozen=True, slots=True)
class Choice:
    href: str
    label: Any
    note: str
    current: bool


@dataclass(frozen=True, slots=True)
class Choices:
    ranges: list[Choice]
    compares: list[Choice]
    # Hidden fields of the form for custom days.
    kept: list[tuple[str, str]]
    last_day: str


@register.simple_tag(takes_context=True)
def range_choices(context: template.Context, chosen: date_ranges.DateRange) -> Choices:
    """`{% range_choices date_range as choices %}`: each preset and comparison with its days and its link."""
    request = context.get("request")
    query: QueryDict = request.GET.copy() if request else QueryDict(mutable=True)
    # Another range is another list: its first page.
    query.pop("page", None)
    now = timezone.now()
    zone = ZoneInfo(chosen.zone)
    return Choices(
        ranges=[_range_choice(query, key, chosen, now, zone) for key in date_ranges.RANGE_LABELS if key != "custom"],
        compares=[_compare_choice(query, compare, chosen, now, zone) for compare in date_ranges.COMPARE_LABELS],
        kept=[(key, value) for key, values in query.lists() if key not in ("range", "from", "to") for value in values],
        last_day=date_ranges.last_full_day(now, zone).isoformat(),
    )


def _range_choice(query: QueryDict, key: str, chosen: date_ranges.DateRange, now: datetime, zone: ZoneInfo) -> Choice:
    target = date_ranges.resolve_date_range({"range": key, "compare": chosen.compare}, now=now, zone=zone)
    return Choice(_href(query, target), date_ranges.RANGE_LABELS[key], target.span_text, key == chosen.key)


def _compare_choice(
    query: QueryDict, compare: str, chosen: date_ranges.DateRange, now: datetime, zone: ZoneInfo
) -> Choice:
    wanted = {**chosen.query, "range": chosen.key, "compare": compare}
    target = date_ranges.resolve_date_range(wanted, now=now, zone=zone)
    return Choice(
        _href(query, target), date_ranges.COMPARE_LABELS[compare], target.compare_text, compare == chosen.compare
    )


def _href(query: QueryDict, target: date_ranges.DateRange) -> str:
    changed = query.copy()
    for key in _OWN:
        changed.pop(key, None)
    for key, value in target.query.items():
        changed[key] = value
    return f"?{changed.urlencode()}" if changed else "?"
