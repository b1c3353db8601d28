"""Campaigns that could be: states built from what two conditions ask, for the real evaluator to judge.

Nothing here decides whether a condition holds. It only proposes: for each way in which both conditions could hold (of
every 'any of' one part) blocks of campaigns whose figures lie below, exactly at, between and above the thresholds.
Windows are filled from the shortest to the longest, each with what it still lacks, so that a sum over seven days holds
the sum over the three days in it. Ratios are made of sums, in an order that changes from block to block: of spend,
clicks and CPC any two may be given and the third follows. The draws are seeded: equal rules give equal states.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from campaigns.choices import CampaignStatus, ChangedField, Platform
from rules.choices import Operator
from rules.conditions import FIELDS, Condition, RuleSpec, ValueType, Window, WindowKind
from rules.conditions.fields import MICRO
from rules.queries.clashes.asking import (
    DEFAULT_CURRENCY,
    MATURE_AGES,
    SEED,
    STATUSES,
    TODAY,
    End,
    Pair,
    Relation,
    Way,
    asked_of,
    fitting,
    levels_of,
    limits_of,
    relations_of,
    seen_from,
)
from rules.queries.clashes.freeing import OWN_FIGURES, is_imagined
from rules.queries.facts import AccountDay, CampaignFacts, Edges, Ints
from rules.queries.matching import Floats, read

_NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
# States of a block: so many for every figure that is asked about, between these bounds.
_SIZE, _SIZE_FOR_ONE, _LEAST_SIZE = 256, 64, 32
MOST_BLOCKS, _LEAST_BLOCKS = 24, 3
# Where more windows than this are asked about, blocks become smaller and fewer, so that the whole stays as fast.
_MANY_WINDOWS = 12
# What a window holds of a sum that no condition names: round enough for ratios to be exact, many enough to be certain.
USUAL = {
    "impressions": 1_000_000,
    "clicks": 10_000,
    "conversions_micros": 1_000 * 1_000_000,
    "spend_cents": 1_000_000,
    "revenue_cents": 2_000_000,
}
_USUAL_BUDGET = 100.0
_RARELY = 0.2
_MONEY = frozenset({"spend_cents", "revenue_cents"})
_UNITS = {"conversions_micros": MICRO}
_UPPER, _LOWER = (
    (Operator.LESS_THAN, Operator.LTE, Operator.EQUALS),
    (Operator.GREATER_THAN, Operator.GTE, Operator.EQUALS),
)
# How often limits are passed on from one sum to the next.
_CAP_ROUNDS = 3
_MOST = 10**15
_MOST_DAYS = 100_000
# Fields of words → their columns of the facts.
_COLUMNS = {
    "name": "names",
    "objective": "objectives",
    "status": "statuses",
    "platform": "platforms",
    "currency": "currencies",
    "labels": "labels",
}


def possible_states(first: RuleSpec, second: RuleSpec, *, most: int = MOST_BLOCKS) -> CampaignFacts:
    """Campaigns of which some satisfy both rules, or one after the other, wherever such campaigns can be found.

    Both rules are freed ones, and change the same field of a campaign. At most so many blocks, of _SIZE states at most.
    """
    pair = Pair(first, second)
    draws = np.random.default_rng(SEED)
    crowding = max(len(pair.windows), _MANY_WINDOWS)
    size = min(_SIZE, _SIZE_FOR_ONE * max(len(pair.limits) + len(pair.relations), 1))
    size = max(_LEAST_SIZE, size * _MANY_WINDOWS // crowding)
    # Every way comes once before any comes in another order.
    plans = [(way, age, order) for order in range(pair.orders) for age in pair.mature_ages for way in pair.ways]
    blocks = []
    for way, age, order in plans[: max(_LEAST_BLOCKS, most * _MANY_WINDOWS // crowding)]:
        block = _Block(pair, way, age, order, size, draws)
        block.fill()
        blocks.append(block)
    return _joined(pair, blocks)


# --- Building campaigns ---------------------------------------------------------------------------------------


@dataclass
class _Block:
    """States for one way to hold, with one order in which figures are chosen."""

    pair: Pair
    way: Way
    age: int
    order: int
    size: int
    draws: np.random.Generator
    words: dict[str, list[Any]] = field(default_factory=dict)
    budgets: list[int] = field(default_factory=list)
    days_running: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    scale: Ints = field(default_factory=lambda: np.ones(0, np.int64))
    # (sum, bucket of days) → what each state has of it there; and (sum, window) → what the window holds.
    kept: dict[tuple[str, Hashable], Ints] = field(default_factory=dict)
    sums: dict[tuple[Window, str], Ints] = field(default_factory=dict)

    def fill(self) -> None:
        self.limits, self.relations = limits_of(self.way), relations_of(self.way)
        self.asked = asked_of(self.limits, self.relations)
        self.edges = Edges.of([one for one in self.pair.windows if not is_imagined(one)], TODAY, self.age)
        self._choose_own()
        self.caps = self._caps() if len(self.asked) <= _MANY_WINDOWS else {}
        for window in self.pair.windows:
            if window in self.asked:
                self._fill_window(window)
        for window in self.pair.windows:
            self._fill_rest(window)

    # --- What a campaign is now -------------------------------------------------------------------------------

    def _choose_own(self) -> None:
        pools: dict[str, list[Any]] = {key: self._pool(key) for key in _COLUMNS}
        pools["daily_budget"] = self._budget_pool()
        pools["days_running"] = self._own_levels("days_running", self.pair.marks.get(("days_running", False), []), 30.0)
        places = self._spread([len(pool) for pool in pools.values()])
        chosen = {
            key: [pool[place] for place in where] for (key, pool), where in zip(pools.items(), places, strict=True)
        }
        self.words = {key: chosen[key] for key in _COLUMNS}
        self.scale = blank(self.size, currencies=self.words["currency"]).money_scale
        self.budgets = np.rint(np.array(chosen["daily_budget"], np.float64) * self.scale).astype(np.int64).tolist()
        days = np.minimum(np.rint(np.array(chosen["days_running"], np.float64)), _MOST_DAYS)
        self.days_running = days.astype(np.int64)

    def _pool(self, key: str) -> list[Any]:
        """The words that satisfy this way's tests, as the evaluator reads them; what an action changes stays open."""
        pool = self.pair.pool(key)
        tests = [test for test in self.way if test.field.key == key]
        if key == "status":
            if self.pair.changed == ChangedField.STATUS:
                return list(STATUSES)
            scopes = [spec.scope.statuses for spec in self.pair.specs]
            pool = [one for one in pool if all(scope is None or one in scope for scope in scopes)] or pool
        if not tests:
            return pool
        if key in ("labels", "name", "objective"):
            # All that this way wants to be there, and nothing that it does not.
            wanted = [_first_word(test) for test in tests if test.operator is not Operator.NOT_EQUALS]
            pool = [wanted if key == "labels" else " ".join(wanted), *pool]
        facts = blank(len(pool), **{_COLUMNS[key]: pool})
        fits = np.logical_and.reduce([read(test, facts).matched for test in tests])
        return [one for one, good in zip(pool, fits, strict=True) if good] or pool

    def _budget_pool(self) -> list[float]:
        marks = self.pair.budget_marks
        if self.pair.changes_budget and marks:
            return [_USUAL_BUDGET, *(one for one in levels_of(marks).tolist() if one > 0)]
        return self._own_levels("daily_budget", marks, _USUAL_BUDGET)

    def _own_levels(self, key: str, marks: Sequence[float], usual: float) -> list[float]:
        return [usual] if not marks else fitting(levels_of(marks), self.limits.get((key, None), [])).tolist()

    def _spread(self, sizes: Sequence[int]) -> list[Ints]:
        """Places in several pools: every combination where they are few enough, else drawn."""
        combinations = math.prod(sizes)
        if combinations <= self.size:
            return list(np.unravel_index(np.arange(self.size) % combinations, sizes))
        return [self.draws.integers(0, size, self.size) for size in sizes]

    # --- What it did ------------------------------------------------------------------------------------------

    def _fill_window(self, window: Window) -> None:
        """Choose the figures over it that this way asks about, one after the other."""
        keys = self.asked[window]
        settled: dict[str, Ints] = {}
        places = (range(len(keys)), reversed(range(len(keys))), self.draws.permutation(len(keys)))[self.order]
        for place in places:
            self._settle_figure(keys[place], window, settled)
        self.sums |= {(window, name): sums for name, sums in settled.items()}

    def _fill_rest(self, window: Window) -> None:
        """What is still open, now that nothing depends on it any more."""
        for name in self.pair.components:
            self.sums[window, name] = self._settle(window, name, self._unasked(window, name))

    def _settle_figure(self, key: str, window: Window, settled: dict[str, Ints]) -> None:
        """Choose the sums behind a figure, as far as they are open."""
        quotient = FIELDS[key].quotient
        assert quotient is not None  # only figures over a window are asked over one
        wanted = self._wanted((key, window))
        if wanted is None:
            for name in quotient.components:
                if name not in settled:
                    settled[name] = self._settle(window, name, self._usual(window, name))
            return
        unit = self._scale_of(key) / float(quotient.factor)
        top, below = quotient.numerator, quotient.denominator
        if below is None:
            if top not in settled:
                settled[top] = self._settle(window, top, wanted * unit)
            return
        if below not in settled:
            if top in settled:
                usual = self._usual(window, below)
                target = np.divide(settled[top], wanted * unit, out=usual, where=wanted * unit > 0)
            else:
                target = self._usual(window, below)
            settled[below] = self._settle(window, below, target)
        if top not in settled:
            settled[top] = self._settle(window, top, wanted * unit * settled[below])

    def _settle(self, window: Window, name: str, target: Floats) -> Ints:
        """Give the window what it lacks of a sum, in days that are still open; what it then holds."""
        so_far = self._so_far(window, name)
        free = [bucket for bucket in self._buckets(window) if (name, bucket) not in self.kept]
        if not free:
            return so_far
        lacking = np.clip(np.rint(target) - so_far, 0, _MOST).astype(np.int64)
        for bucket in free:
            self.kept[name, bucket] = np.zeros(self.size, np.int64)
        self.kept[name, free[int(self.draws.integers(len(free)))]] = lacking
        return so_far + lacking

    def _so_far(self, window: Window, name: str) -> Ints:
        """What the window's days hold already."""
        taken = [self.kept[name, bucket] for bucket in self._buckets(window) if (name, bucket) in self.kept]
        return np.sum(taken, axis=0, dtype=np.int64) if taken else np.zeros(self.size, np.int64)

    def _buckets(self, window: Window) -> Sequence[Hashable]:
        if is_imagined(window):
            return [window]
        if window.kind is WindowKind.LIFETIME:
            # Its days before all windows are one bucket more.
            return range(1, max(len(self.edges.cuts), 1) + 1)
        first, last = self.edges.places[window]
        return range(first + 1, last + 1)

    def _caps(self) -> dict[tuple[Window, str], float]:
        """(window, sum) → what it may be at most, in units, for the limits of this way on longer windows to hold.

        Spend below 100 over a week bounds the spend of its days, and with a CPC above 2 their clicks. A guide for what
        is chosen freely, not a proof.
        """
        caps: dict[tuple[Window, str], float] = {}

        def lower(window: Window, name: str, most: float) -> None:
            for inner in self.asked:
                if set(self._buckets(inner)) <= set(self._buckets(window)):
                    caps[inner, name] = min(caps.get((inner, name), math.inf), most)

        for _round in range(_CAP_ROUNDS):
            for (key, window), limits in self.limits.items():
                quotient = FIELDS[key].quotient
                if window is None or quotient is None:
                    continue
                top, below = quotient.numerator, quotient.denominator
                factor = float(quotient.factor) * _UNITS.get(top, 1) / _UNITS.get(below or "", 1)
                for operator, value in limits:
                    if below is None and operator in _UPPER:
                        lower(window, top, value)
                    elif below is not None and operator in _UPPER:
                        lower(window, top, caps.get((window, below), math.inf) * value / factor)
                    if below is not None and operator in _LOWER and value > 0:
                        lower(window, below, caps.get((window, top), math.inf) * factor / value)
        return {key: most for key, most in caps.items() if most < math.inf}

    def _usual(self, window: Window, name: str) -> Floats:
        """At times much more than its days hold already, so that they do not decide what the window is like."""
        times = np.array([1.0, 1.0, 100.0, 0.001])[self.draws.integers(0, 4, self.size)]
        amount = np.maximum(USUAL[name], self._so_far(window, name)) * times
        cap = self.caps.get((window, name))
        if cap is None:
            return amount
        most = cap * (self.scale if name in _MONEY else _UNITS.get(name, 1))
        return np.where(amount > most, most * self.draws.uniform(0.02, 0.98, self.size), amount)

    def _unasked(self, window: Window, name: str) -> Floats:
        """Of what this way leaves open, nothing or an odd sum: round ones would lie exactly at round thresholds."""
        amount = np.maximum(USUAL[name], self._so_far(window, name)) * self.draws.uniform(1.01, 1.9, self.size)
        return np.where(self.draws.random(self.size) < 0.5, amount, 0.0)

    def _scale_of(self, key: str) -> Ints | int:
        return self.scale if FIELDS[key].value_type is ValueType.MONEY else 1

    def _wanted(self, end: End) -> Floats | None:
        """What a figure should be in each state; None: whatever its sums are."""
        key, window = end
        offers = [offer for one in self.relations if end in (one.left, one.right) if (offer := self._related(end, one))]
        marks = self.pair.marks.get((key, is_imagined(window)))
        if marks and (end in self.limits or not offers):
            levels = fitting(levels_of(marks, widely=True), self.limits.get(end, []))
            offers.append((self._drawn(levels, marks),))
        if not offers:
            return None
        table = np.stack([offer[0] for offer in offers])
        return table[self.draws.integers(0, len(offers), self.size), np.arange(self.size)]

    def _drawn(self, levels: Floats, marks: Sequence[float]) -> Floats:
        """Levels at random; those exactly at a threshold are costly to compare, and rare where others fit as well."""
        drawn = levels[self.draws.integers(0, len(levels), self.size)]
        beside = levels[~np.isin(levels, marks)]
        if len(beside):
            rare = self.draws.random(self.size) < _RARELY
            drawn = np.where(rare, drawn, beside[self.draws.integers(0, len(beside), self.size)])
        return drawn

    def _related(self, end: End, relation: Relation) -> tuple[Floats] | None:
        """A figure in a relation to one that is chosen already; None while that one is open."""
        is_left = end == relation.left
        partner = self._figure(relation.right if is_left else relation.left)
        if partner is None:
            return None
        ends = {relation.left, relation.right}
        alike = [one for one in self.pair.relations if {one.left, one.right} == ends]
        factors = [one.factor if one.left == relation.left else 1 / one.factor for one in alike]
        limits = [seen_from(relation.left, one) for one in self.relations if {one.left, one.right} == ends]
        ratio = self._drawn(fitting(levels_of(factors), limits), factors)
        if is_left:
            return (partner * ratio,)
        return (np.divide(partner, ratio, out=np.zeros(self.size), where=ratio > 0),)

    def _figure(self, end: End) -> Floats | None:
        """A figure as far as it is chosen, in the unit of conditions; 0 where it has no value."""
        key, window = end
        if key in OWN_FIGURES:
            return np.array(self.budgets) / self.scale if key == "daily_budget" else self.days_running.astype(float)
        quotient = FIELDS[key].quotient
        if quotient is None or any((window, name) not in self.sums for name in quotient.components):
            return None
        assert window is not None  # figures over a window have one
        top = self.sums[window, quotient.numerator].astype(np.float64) * float(quotient.factor) / self._scale_of(key)
        if quotient.denominator is None:
            return top
        below = self.sums[window, quotient.denominator]
        return np.divide(top, below, out=np.zeros(self.size), where=below > 0)


def _first_word(test: Condition) -> str:
    return str(test.value[0] if isinstance(test.value, tuple) else test.value)


# --- Facts ----------------------------------------------------------------------------------------------------


def blank(count: int, **columns: list[Any]) -> CampaignFacts:
    """Campaigns of which only these columns say anything."""
    values: dict[str, Any] = {
        "names": ["Campaign"] * count,
        "platforms": [Platform.META.value] * count,
        "statuses": [CampaignStatus.ACTIVE.value] * count,
        "objectives": [None] * count,
        "currencies": [DEFAULT_CURRENCY] * count,
        "labels": [[]] * count,
        "daily_budgets": [None] * count,
        "start_dates": [None] * count,
        "accounts": [_account(MATURE_AGES[0])] * count,
    }
    return CampaignFacts(now=_NOW, ids=np.arange(1, count + 1), **{**values, **columns})


def _account(age: int) -> AccountDay:
    return AccountDay(age, "", "UTC", TODAY, TODAY, age)


def _joined(pair: Pair, blocks: Sequence[_Block]) -> CampaignFacts:
    """All blocks as one population."""

    def words(key: str) -> list[Any]:
        return [one for block in blocks for one in block.words[key]]

    count = sum(block.size for block in blocks)
    facts = blank(
        count,
        **{column: words(key) for key, column in _COLUMNS.items()},
        daily_budgets=[one for block in blocks for one in block.budgets],
        start_dates=[TODAY - timedelta(days=days) for block in blocks for days in block.days_running.tolist()],
        accounts=[account for block in blocks for account in [_account(block.age)] * block.size],
    )
    for window in pair.windows:
        spot = window.offsets(TODAY, MATURE_AGES[0])
        days = 1 if spot is None else spot.far - spot.near + 1
        facts.days_seen[window] = np.full(count, days, np.int64)
        for name in pair.components:
            facts.sums[window, name] = np.concatenate([block.sums[window, name] for block in blocks])
    return facts
