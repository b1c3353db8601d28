"""What changed since yesterday, and which campaigns made it change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.middleware import zone_or_utc
from campaigns.queries.conversion import Period
from campaigns.queries.measures import MEASURES, Measure
from campaigns.queries.movers import METRICS, Movement, Mover, movement
from campaigns.views.mover_words import contribution_text, why_it_moved
from campaigns.views.reading import periods_of
from stratum.home.asked import HomeRequest
from stratum.lib.date_ranges import last_full_day, span_text
from stratum.lib.figures import before_and_now, format_number


@dataclass(frozen=True, slots=True)
class MoverLine:
    name: str
    platform: str
    href: str
    amount: str
    why: str
    percent: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved a metric: the sentence above, the campaigns that raised it and those that lowered it."""

    title: str
    note: str
    headline: str
    change: Any
    up: Sequence[MoverLine]
    down: Sequence[MoverLine]
    rest: str
    metrics: Sequence[tuple[str, str, bool]]
    bases: Sequence[tuple[str, str, bool]]


def moved(asked: HomeRequest, zone: str, *, comparable: bool) -> Moved:
    """The change of the chosen figure since yesterday (or last week, or against the compared days) and who made it."""
    current, compared, shift = _windows(asked, zone, comparable=comparable)
    found = movement(
        asked.metric, asked.currency, current, compared, known_by=asked.now - timedelta(days=shift) if shift else None
    )
    measure = MEASURES[asked.metric]
    largest = max((abs(mover.contribution) for mover in (*found.up, *found.down)), default=0)
    path = reverse("campaigns:campaign_detail", args=[0])
    lines = {
        side: [_line(mover, found, measure, largest, path, asked) for mover in movers]
        for side, movers in (("up", found.up), ("down", found.down))
    }
    return Moved(
        title=_("What moved %(figure)s") % {"figure": measure.label},
        note=_compared_words(current, compared, like_for_like=bool(shift)),
        headline=before_and_now(measure.text(found.was, asked.currency), measure.text(found.now, asked.currency)),
        change=measure.change(found.now, found.was, asked.currency),
        up=lines["up"],
        down=lines["down"],
        rest=_rest(found, measure),
        metrics=[(str(MEASURES[key].label), asked.href(by=key), key == asked.metric) for key in METRICS],
        bases=[(text, asked.href(since=key), key == asked.basis) for key, text in _bases(asked, comparable=comparable)],
    )


def _bases(asked: HomeRequest, *, comparable: bool) -> list[tuple[str, str]]:
    bases = [("day", _("Yesterday")), ("week", _("Last 7 days"))]
    if asked.days.compare_start is not None and comparable:
        bases.append(("range", _("Whole range")))
    return bases


def _windows(asked: HomeRequest, zone: str, *, comparable: bool) -> tuple[Period, Period, int]:
    """The two periods, and by how many days the older one is looked at earlier (0: as it is known now)."""
    current, compared = periods_of(asked.days)
    if asked.basis == "range" and compared is not None and comparable:
        return current, compared, 0
    last = last_full_day(asked.now, zone_or_utc(zone))
    if asked.basis == "week":
        return (last - timedelta(days=6), last), (last - timedelta(days=13), last - timedelta(days=7)), 7
    return (last, last), (last - timedelta(days=1), last - timedelta(days=1)), 1


def _compared_words(current: Period, compared: Period, *, like_for_like: bool) -> str:
    words = {"now": span_text(*current), "before": span_text(*compared)}
    if like_for_like:
        return _("%(now)s against %(before)s as it was known at the same age") % words
    return _("%(now)s against %(before)s") % words


def _line(mover: Mover, found: Movement, measure: Measure, largest: Any, path: str, asked: HomeRequest) -> MoverLine:
    query = urlencode(asked.kept)
    return MoverLine(
        name=mover.name,
        platform=mover.platform,
        href=path.replace("/0/", f"/{mover.campaign_id}/") + (f"?{query}" if query else ""),
        amount=contribution_text(mover.contribution, found.metric, found.currency),
        why=why_it_moved(mover, found.metric, found.currency),
        percent=round(100 * abs(mover.contribution) / largest) if largest else 0,
    )


def _rest(found: Movement, measure: Measure) -> str:
    if not found.others or found.rest is None:
        return ""
    words = ngettext(
        "%(count)s other campaign together: %(amount)s", "%(count)s other campaigns together: %(amount)s", found.others
    )
    return words % {
        "count": format_number(found.others),
        "amount": contribution_text(found.rest, found.metric, found.currency) if found.rest else "±0",
    }
