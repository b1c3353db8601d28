"""Figures of what a campaign is now: whole numbers, some of them over others, as the figures of windows are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np

from campaigns.queries.pacing import RUN_RATE_DAYS, month_length
from rules.conditions.specs import Mask
from rules.conditions.windows import MONTH_BEFORE_TODAY, RUN_RATE
from rules.queries.facts import CampaignFacts, Ints


@dataclass(frozen=True, slots=True)
class Figure:
    """`numerator ÷ below` per campaign, before the field's factor; `below` None: it is no quotient."""

    numerator: Ints
    below: Ints | None
    has_value: Mask


def figure_of_now(key: str, facts: CampaignFacts) -> Figure:
    """A field without a window, of all campaigns. KeyError when the facts were read without it."""
    if key not in facts.figures:
        facts.figures[key] = _BUILT.get(key, _as_read)(key, facts)
    return facts.figures[key]


def _whole(values: Iterable[int | None], count: int) -> Figure:
    numbers: Sequence[int | None] = list(values)
    has_value = np.fromiter((number is not None for number in numbers), bool, count)
    return Figure(np.fromiter((number or 0 for number in numbers), np.int64, count), None, has_value)


def _as_read(key: str, facts: CampaignFacts) -> Figure:
    """Targets, forecasts, fatigue: as they were read."""
    return _whole(facts.present[key], facts.count)


def _days_since_change(key: str, facts: CampaignFacts) -> Figure:
    changed: Sequence[date | None] = facts.last_changes
    days = (
        (account.today - day).days if day is not None and day <= account.today else None
        for day, account in zip(changed, facts.accounts, strict=True)
    )
    return _whole(days, facts.count)


def _pacing(key: str, facts: CampaignFacts) -> Figure:
    """The month's projected spend over its budget, as campaigns.queries.pacing projects it, without rounding: spend of
    the month's full days plus the mean of the last seven for each day to come, over daily budget × days of the month.
    Of a campaign that is switched on and has a daily budget."""
    through = [account.last_full_day for account in facts.accounts]
    length = np.fromiter((month_length(day) for day in through), np.int64, facts.count)
    left = length - np.fromiter((day.day for day in through), np.int64, facts.count)
    budgets = np.fromiter((budget or 0 for budget in facts.daily_budgets), np.int64, facts.count)
    spent, recent = (facts.sums[window, "spend_cents"] for window in (MONTH_BEFORE_TODAY, RUN_RATE))
    below = RUN_RATE_DAYS * budgets * length
    return Figure(RUN_RATE_DAYS * spent + recent * left, below, below > 0)


_BUILT: Mapping[str, Callable[[str, CampaignFacts], Figure]] = MappingProxyType({
    "daily_budget": lambda _key, facts: _whole(facts.daily_budgets, facts.count),
    "days_running": lambda _key, facts: _whole(facts.days_running, facts.count),
    "days_since_change": _days_since_change,
    "pacing": _pacing,
})  # fmt: skip
