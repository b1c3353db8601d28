"""The replay itself: one check a day, evaluated on the numbers as known at that moment and as settled.

A schedule says on which weekdays, and at which time of them. Both go through the evaluator that rules run by; only the
facts are assembled here, per day, from the ledger's tables.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from accounts.middleware import zone_or_utc
from campaigns.queries.conversion import conversion_for
from rules.choices import ActionType, Outcome
from rules.conditions import Condition, RuleSpec, Window, WindowKind, leaves
from rules.conditions.fields import BUDGET
from rules.conditions.specs import CampaignsToChange, Mask
from rules.queries.evaluation import CODES, RuleEvaluation, RuleMemory, evaluate, microseconds
from rules.queries.facts import AccountDay, CampaignFacts, Ints, add_budgets, asked_windows, campaigns_today, most
from rules.queries.replay.ledger import DAYS, Checks, Ledger, read_ledger
from rules.queries.replay.results import Caveat, Replay, ReplayAction, ReplayDay, Touched, Verdict
from tenants.models import Tenant

MAX_DAYS = 365
CHECK_AT = time(9)
# Actions that are listed with their figures; all are counted.
LISTED = 1000
AFTER_DAYS = 7
# A verdict on days younger than this can still change; what is older hardly does.
SETTLED_AGE = 30
_MONEY = ("spend_cents", "revenue_cents")
# The one rule of a replay, where memories are kept by rule.
_RULE = 0
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _WouldAct:
    """In place of the rule's action: nothing of the past says what state a campaign was in."""

    type: ActionType
    field: str | None = None
    effect: Hashable | None = None

    def as_json(self) -> dict[str, Any]:
        return {}

    def phrase(self) -> str:
        return ""

    def after(self, campaigns: CampaignsToChange, position: int) -> str | int | None:
        return None

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        return np.zeros(campaigns.count, bool)


def replay(
    spec: RuleSpec,
    *,
    start: date,
    end: date,
    now: datetime,
    campaign_ids: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Replay:
    """What the rule would have done on each day from start to end (both included, at most MAX_DAYS, none after
    `now`), checked at CHECK_AT in each account's zone.

    A fixed number of statements, whatever the span. `progress` is told (days done, days in all) now and then.
    ValueError for a span that is empty, too long or not over yet.
    """
    days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    if not 1 <= len(days) <= MAX_DAYS or end > now.astimezone(UTC).date() + _ONE_DAY:
        raise ValueError(f"No replay from {start} to {end}.")
    run = _Run.prepare(spec, days, now, campaign_ids)
    for number in range(len(days)):
        run.check(number)
        if progress is not None and number % 10 == 9:
            progress(number + 1, len(days))
    return run.result()


@dataclass
class _Run:
    """The state of a replay between two days."""

    spec: RuleSpec
    days: list[date]
    now: datetime
    base: CampaignFacts
    checks: dict[int, Checks]
    ledger: Ledger
    # The time of day of the checks, by each account's clock.
    at: time
    windows: list[Window]
    components: list[str]
    # Whether the rule asks for spend against budget; the budgets are today's.
    has_budgets: bool
    # Per campaign and check, the exact moment; the facts of one day carry one moment for all of them.
    moments: Ints
    ages: list[tuple[int | None, Mask]]
    running: dict[str, Ints]
    acted: dict[str, Ints]
    touched: Mask
    holds_out: bool = False
    totals: dict[str, int] = field(default_factory=lambda: {"acted": 0, "wrong": 0})
    found: list[ReplayDay] = field(default_factory=list)
    actions: list[ReplayAction] = field(default_factory=list)

    @classmethod
    def prepare(cls, spec: RuleSpec, days: list[date], now: datetime, campaign_ids: Sequence[int] | None) -> "_Run":
        base = campaigns_today([spec], now=now, campaign_ids=campaign_ids)
        accounts = {account.account_id: account for account in base.accounts}
        windows, components = asked_windows([spec])
        mature = {account.mature_age for account in accounts.values()} or {None}
        first = min(_first_day(windows, days, mature), days[0] - _ONE_DAY)
        # A window with the running day ends on the check's day.
        last = days[-1] + timedelta(days=AFTER_DAYS)
        zones = {account.zone for account in accounts.values()}
        at = CHECK_AT if spec.schedule is None else spec.schedule.time_near(CHECK_AT)
        of_zone = {zone: Checks.of(zone_or_utc(zone), at, days, first=first, last=last) for zone in sorted(zones)}
        checks = {account_id: of_zone[account.zone] for account_id, account in accounts.items()}
        settled = list(dict.fromkeys([*components, *_MONEY]))
        ledger = read_ledger(base, checks, first=first, last=last, number=len(days), known=components, settled=settled)
        nothing = np.zeros(base.count, np.int64)
        moments = [checks[account.account_id].moments for account in base.accounts]
        return cls(
            spec=replace(spec, rule_id=_RULE, action=_WouldAct(spec.action.type), shadow=False, holdout_percent=0),
            days=days,
            now=now,
            base=base,
            checks=checks,
            ledger=ledger,
            at=at,
            windows=windows,
            components=components,
            has_budgets=any(BUDGET in test.components for test in leaves(spec.condition)),
            moments=np.array(moments, np.int64).reshape(base.count, len(days)).T.copy(),
            ages=[
                (age, np.fromiter((account.mature_age == age for account in base.accounts), bool, base.count))
                for age in mature
            ],
            running={name: _running(table) for name, table in ledger.settled.items() if name in (DAYS, *components)},
            acted={"known": nothing.copy(), "settled": nothing.copy()},
            touched=np.zeros(ledger.settled[DAYS].shape, bool),
            holds_out=spec.holdout_percent > 0,
        )

    def check(self, number: int) -> None:
        """One day: what arrived since the day before, then both evaluations."""
        self.ledger.advance(number)
        schedule = self.spec.schedule
        if schedule is not None and self.days[number].weekday() not in schedule.days:
            self.found.append(ReplayDay(self.days[number], 0, 0, 0, 0, 0, 0, 0))
            return
        known = self._evaluate(number, "known", self._sum_known)
        settled = self._evaluate(number, "settled", self._sum_settled)
        self.found.append(_day(self.days[number], known, settled))
        acted = known.positions(Outcome.ACTED)
        if not len(acted):
            return
        row = (self.days[number] - self.ledger.first).days
        self.touched[row + 1 : row + 1 + AFTER_DAYS, acted] = True
        wrong = ~settled.reading.matched[acted]
        self.totals["acted"] += len(acted)
        self.totals["wrong"] += int(wrong.sum())
        for position, is_wrong in zip(acted[: LISTED - len(self.actions)].tolist(), wrong.tolist(), strict=False):
            self.actions.append(self._action(number, position, is_wrong, known, settled))

    def _action(
        self, number: int, position: int, is_wrong: bool, known: RuleEvaluation, settled: RuleEvaluation
    ) -> ReplayAction:
        facts, row = self.base, (self.days[number] - self.ledger.first).days
        after = slice(row + 1, row + 1 + AFTER_DAYS)
        zone = zone_or_utc(facts.accounts[position].zone)
        spend, revenue = (int(self.ledger.settled[name][after, position].sum()) for name in _MONEY)
        return ReplayAction(
            campaign_id=int(facts.ids[position]),
            name=facts.names[position],
            platform=facts.platforms[position],
            currency=facts.currencies[position],
            day=self.days[number],
            at=datetime.combine(self.days[number], self.at, zone),
            verdict=Verdict.WRONG if is_wrong else Verdict.RIGHT,
            then=known.explain(position),
            settled=settled.explain(position),
            spend_after=spend,
            revenue_after=revenue,
        )

    # --- The facts of one day ---------------------------------------------------------------------------------

    def _evaluate(self, number: int, side: str, window_sum: Callable[[str, int, int], Ints]) -> RuleEvaluation:
        """The rule on all campaigns, with the cooldowns of its own replayed actions."""
        facts = self._facts(number, side, window_sum)
        acted = self.acted[side]
        # All campaigns share the moment of the facts: what lies between it and their own check moves their memory.
        shift = self.moments[number] - microseconds(facts.now)
        memory = RuleMemory(self._quiet(), np.where(acted == 0, 0, acted - shift))
        evaluation = evaluate([self.spec], facts, {_RULE: memory})[0]
        positions = evaluation.positions(Outcome.ACTED)
        acted[positions] = self.moments[number][positions]
        return evaluation

    def _quiet(self) -> np.ndarray:
        return np.full(self.base.count, CODES[Outcome.NO_MATCH], np.int8)

    def _facts(self, number: int, side: str, window_sum: Callable[[str, int, int], Ints]) -> CampaignFacts:
        day = self.days[number]
        accounts = self._accounts(number, as_known=side == "known")
        facts = replace(
            self.base,
            now=datetime.combine(day, self.at, UTC),
            accounts=[accounts[account.account_id] for account in self.base.accounts],
            sums=dict(self.base.sums),
            days_seen=dict(self.base.days_seen),
        )
        for window in self.windows:
            facts.days_seen[window] = self._laid(window, day, lambda near, far: window_sum(DAYS, near, far))
            for name in self.components:
                sums = self._laid(window, day, lambda near, far, name=name: window_sum(name, near, far))  # type: ignore[misc]
                facts.sums[window, name] = most(sums)
        if self.has_budgets:
            add_budgets(facts, self.windows)
        return facts

    def _accounts(self, number: int, *, as_known: bool) -> dict[int, AccountDay]:
        day, first = self.days[number], self.ledger.first
        found = {}
        for account in {one.account_id: one for one in self.base.accounts}.values():
            through = int(self.ledger.through[account.account_id][number]) if as_known else (day - first).days - 1
            has_passed = self.checks[account.account_id].moments[number] <= microseconds(self.now)
            known_through = first + timedelta(days=through) if through >= 0 and has_passed else None
            found[account.account_id] = replace(account, today=day, data_through=known_through)
        return found

    def _laid(self, window: Window, day: date, total: Callable[[int, int], Ints]) -> Ints:
        """A window's sums on a day; complete days end where each account's own days are complete."""
        row = (day - self.ledger.first).days
        if not window.needs_completeness:
            span = window.offsets(day)
            assert span is not None  # only of the lifetime and of complete days
            return total(row - span.near, row - span.far)
        sums = np.zeros(self.base.count, np.int64)
        for age, mine in self.ages:
            span = window.offsets(day, age)
            if span is not None:
                sums[mine] = total(row - span.near, row - span.far)[mine]
        return sums

    def _sum_known(self, name: str, near: int, far: int) -> Ints:
        return self.ledger.known[name][far : near + 1].sum(axis=0)

    def _sum_settled(self, name: str, near: int, far: int) -> Ints:
        running = self.running[name]
        return running[near + 1] - running[far]

    # --- What came of it --------------------------------------------------------------------------------------

    def result(self) -> Replay:
        touched, apart = self._touched()
        return Replay(
            start=self.days[0],
            end=self.days[-1],
            campaigns=self._in_scope(),
            acted=self.totals["acted"],
            wrong=self.totals["wrong"],
            days=tuple(self.found),
            actions=tuple(self.actions),
            touched=touched,
            caveats=tuple(self._caveats(apart)),
        )

    def _in_scope(self) -> int:
        return int(evaluate([self.spec], self._facts(0, "settled", self._sum_settled), {})[0].in_scope.sum())

    def _touched(self) -> tuple[tuple[Touched, ...], bool]:
        """Sums in the reporting currency, then those that no rate converts."""
        target = Tenant.objects.values_list("reporting_currency", flat=True).get()
        rows = np.flatnonzero(self.touched.any(axis=1))
        if not len(rows):
            return (Touched(target, 0, 0),), False
        period = tuple(self.ledger.first + timedelta(days=int(row)) for row in (rows[0], rows[-1]))
        currencies = np.array(self.base.currencies)
        mine = sorted(set(currencies[self.touched.any(axis=0)].tolist()))
        conversion = conversion_for(target, [(period[0], period[1])], mine)
        sums = {target: (0, 0)}
        for currency in mine:
            columns = currencies == currency
            chosen = self.touched[np.ix_(rows, columns)]
            by_day = [(self.ledger.settled[name][np.ix_(rows, columns)] * chosen).sum(axis=1) for name in _MONEY]
            days = [self.ledger.first + timedelta(days=int(row)) for row in rows]
            factors = [conversion.factor(currency, day) for day in days]
            if any(factor is None for factor in factors):
                sums[currency] = (int(by_day[0].sum()), int(by_day[1].sum()))
                continue
            spend, revenue = (
                sum(int(amount) * factor for amount, factor in zip(amounts, factors, strict=True) if factor)
                for amounts in by_day
            )
            sums[target] = (sums[target][0] + round(spend), sums[target][1] + round(revenue))
        return tuple(Touched(currency, *amounts) for currency, amounts in sums.items()), len(sums) > 1

    def _caveats(self, apart: bool) -> Iterable[Caveat]:
        tests = list(leaves(self.spec.condition))
        asked = {window.kind for test in tests for window in test.windows}
        today = self.now.astimezone(UTC).date()
        present = {WindowKind.TODAY, WindowKind.LAST_N_DAYS_INCL_TODAY, WindowKind.MONTH_TO_DATE}
        of_now = any(_asks_of_now(test) for test in tests) or self.spec.scope.statuses is not None
        said = {
            Caveat.ONE_CHECK: True,
            Caveat.NO_CONSEQUENCES: True,
            Caveat.PRESENT_STATE: of_now,
            Caveat.GATES_APART: self.spec.action.type in (ActionType.PAUSE_CAMPAIGN, ActionType.ADJUST_BUDGET),
            Caveat.HOLDOUT: self.holds_out,
            Caveat.LIFETIME: WindowKind.LIFETIME in asked,
            Caveat.PRESENT_COMPLETENESS: WindowKind.LAST_N_COMPLETE_DAYS in asked,
            Caveat.TODAY_GROWS: bool(asked & present),
            Caveat.HELD: any(day.held for day in self.found),
            Caveat.UNSETTLED: (today - self.days[-1]).days < SETTLED_AGE and bool(asked),
            Caveat.OPEN_DAYS: any(
                day.acted and day.day + timedelta(days=AFTER_DAYS) >= today for day in self.found[-AFTER_DAYS - 1 :]
            ),
            Caveat.LISTED_FIRST: self.totals["acted"] > len(self.actions),
            Caveat.CURRENCIES_APART: apart,
        }
        return [caveat for caveat, holds in said.items() if holds]


def _asks_of_now(test: Condition) -> bool:
    """Whether a test needs what only today says: statuses, labels, budgets, targets, forecasts."""
    return not test.windows or bool(test.figures) or BUDGET in test.components


def _first_day(windows: Sequence[Window], days: Sequence[date], mature: Iterable[int | None]) -> date:
    """The earliest day that a window of any check reaches back to."""
    ages = list(mature)
    reached = [days[0]]
    for window in windows:
        for age in ages if window.needs_completeness else [None]:
            for day in days:
                if (span := window.offsets(day, age)) is not None:
                    reached.append(day - timedelta(days=span.far))
    return min(reached)


def _running(table: Ints) -> Ints:
    """Sums over the days before each row; a window is the difference of two rows."""
    return np.concatenate([np.zeros((1, table.shape[1]), np.int64), np.cumsum(table, axis=0)])


def _day(day: date, known: RuleEvaluation, settled: RuleEvaluation) -> ReplayDay:
    says = [_matching(one) for one in (known, settled)]
    counts = [one.counts() for one in (known, settled)]
    acted = [one.get(Outcome.ACTED, 0) for one in counts]
    held = [one.get(Outcome.HELD_STALE, 0) + one.get(Outcome.HELD_EVIDENCE, 0) for one in counts]
    flips = (known.reading.matched != settled.reading.matched) & _judged(known)
    return ReplayDay(
        day, int(says[0].sum()), acted[0], held[0], int(says[1].sum()), acted[1], held[1], int(flips.sum())
    )


def _judged(evaluation: RuleEvaluation) -> Mask:
    """Campaigns in scope whose numbers reached far enough to say whether the condition holds."""
    judged = evaluation.in_scope & (evaluation.codes != CODES[Outcome.HELD_STALE])
    if any(window.needs_completeness for test in leaves(evaluation.spec.condition) for window in test.windows):
        judged &= evaluation.facts.completeness_known
    return judged


def _matching(evaluation: RuleEvaluation) -> Mask:
    return evaluation.reading.matched & _judged(evaluation)
