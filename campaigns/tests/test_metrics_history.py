"""Any sequence of upserts, imports and undos: sums stay those of the facts, and every past moment can be told.

A plain model in Python replays each operation on dictionaries; the database must agree with it after each step.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.audit import Actor
from campaigns.models import CampaignMetric, ImportBatch
from campaigns.queries.known import campaign_totals_known_at, days_known_at
from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.services.metrics_undo import UndoCounts, metrics_undo, undo_forecast
from campaigns.tests.factories import make_account, make_campaign
from stratum.lib.ratios import Totals

JOB = Actor.job("test")
START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_DAY = date(2026, 2, 1)
TICK = timedelta(microseconds=1)
Key = tuple[int, date]
Values = tuple[int, int, int, int, int]  # in the order of MetricRow


@dataclass
class Touch:
    """What one import did to one day."""

    before: Values | None
    after: Values


@dataclass
class Model:
    now: dict[Key, Values] = field(default_factory=dict)
    history: dict[Key, list[tuple[datetime, Values | None]]] = field(default_factory=dict)
    bringer: dict[Key, int | None] = field(default_factory=dict)
    arrival: dict[Key, Values] = field(default_factory=dict)
    touched: dict[int, dict[Key, Touch]] = field(default_factory=dict)
    done: list[tuple[int, set[int], date, date]] = field(default_factory=list)

    def _know(self, key: Key, known_at: datetime, values: Values | None) -> None:
        past = self.history.setdefault(key, [])
        past.append((max(known_at, past[-1][0] + TICK) if past else known_at, values))

    def upsert(self, rows: list[MetricRow], known_at: datetime, batch: int | None) -> tuple[int, int, int]:
        inserted = changed = 0
        touched = self.touched.setdefault(batch, {}) if batch else {}
        for row in rows:
            key, given_values = (row.campaign_id, row.date), row[2:7]
            before = self.now.get(key)
            old = before or (0, 0, 0, 0, 0)
            after = tuple(o if n is None else n for o, n in zip(old, given_values, strict=True))
            if before == after:
                continue
            inserted, changed = inserted + (before is None), changed + (before is not None)
            self._know(key, known_at, after)
            self.now[key] = after
            touched[key] = Touch(before, after)
            if before is None:
                self.bringer[key], self.arrival[key] = batch, after
        if batch:
            days = [row.date for row in rows]
            self.done.append((batch, {row.campaign_id for row in rows}, min(days), max(days)))
        return inserted, changed, len(rows) - inserted - changed

    def undo(self, batch: int, known_at: datetime) -> UndoCounts:
        position = [entry[0] for entry in self.done].index(batch)
        counts = {"removed": 0, "restored": 0, "kept_changed": 0, "kept_later": 0}
        handed = {k: Touch(None, self.arrival[k]) for k, owner in self.bringer.items() if owner == batch}
        for key, touch in ({**handed, **self.touched[batch]}).items():
            if key not in self.now:
                continue
            if self.now[key] != touch.after:
                counts["kept_changed"] += 1
            elif (later := self._later(position, key)) is not None:
                counts["kept_later"] += 1
                if self.bringer[key] == batch:
                    self.bringer[key] = later
            elif touch.before is None:
                counts["removed"] += 1
                del self.now[key], self.bringer[key], self.arrival[key]
                self._know(key, known_at, None)
            else:
                counts["restored"] += 1
                self.now[key] = touch.before
                self._know(key, known_at, touch.before)
        del self.done[position]
        return UndoCounts(**counts)

    def _later(self, position: int, key: Key) -> int | None:
        for batch, campaigns, first, last in self.done[position + 1 :]:
            if key[0] in campaigns and first <= key[1] <= last:
                return batch
        return None

    def known_at(self, moment: datetime) -> dict[Key, Values]:
        known = {}
        for key, past in self.history.items():
            values = next((v for at, v in reversed(past) if at <= moment), None)
            if values is not None:
                known[key] = values
        return known

    def moments(self) -> set[datetime]:
        moments = {at for past in self.history.values() for at, _values in past}
        return moments | {at - TICK for at in moments} | {START - timedelta(days=1)}


def as_totals(values: Values) -> Totals:
    impressions, clicks, spend, micros, revenue = values
    return Totals(impressions, clicks, micros, spend, revenue)


amounts = st.none() | st.integers(0, 3)
micros = st.none() | st.sampled_from([0, 500_000, 1_000_000, 1_500_000, 2_500_000, 333_333])
one_row = st.tuples(st.integers(0, 2), st.integers(0, 3), amounts, amounts, amounts, micros, amounts)
row_sets = st.lists(one_row, min_size=1, max_size=8, unique_by=lambda row: row[:2])
operations = st.lists(
    st.one_of(
        st.tuples(st.just("sync"), row_sets, st.integers(-2, 3)),
        st.tuples(st.just("import"), row_sets, st.integers(-2, 3)),
        st.tuples(st.just("undo"), st.integers(0, 9), st.integers(-2, 3)),
    ),
    min_size=1,
    max_size=10,
)


@pytest.fixture
def campaigns(acme):
    """Three campaigns of one account."""
    account = make_account(acme)
    return [make_campaign(acme, account=account) for _number in range(3)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_every_moment_can_be_told_and_sums_hold(in_acme, campaigns, steps):
    with transaction.atomic():
        run(campaigns, steps)
        transaction.set_rollback(True)


def run(campaigns, steps):
    model, batches = Model(), {}
    clock = START
    for number, (kind, argument, offset) in enumerate(steps):
        clock += timedelta(hours=1)
        known_at = clock + timedelta(hours=offset)
        if kind == "undo":
            if not model.done:
                continue
            batch = batches[model.done[argument % len(model.done)][0]]
            announced = undo_forecast(batch).days
            counts = metrics_undo(import_batch=batch, known_at=known_at, actor=JOB)
            assert counts == announced == model.undo(batch.pk, known_at)
            ImportBatch.objects.filter(pk=batch.pk).update(status="undone")
        else:
            rows = [MetricRow(campaigns[c].pk, FIRST_DAY + timedelta(days=d), *values) for c, d, *values in argument]
            batch = make_batch(rows, number, clock) if kind == "import" else None
            if batch:
                batches[batch.pk] = batch
            result = metrics_upsert(
                account=campaigns[0].ad_account,
                rows=rows,
                source=kind,
                known_at=known_at,
                actor=JOB,
                import_batch=batch,
            )
            expected = model.upsert(rows, known_at, batch.pk if batch else None)
            assert (result.inserted, result.changed, result.unchanged) == expected
        check(model)
    for moment in model.moments():
        check_moment(model, moment)


def make_batch(rows, number, clock):
    days = [row.date for row in rows]
    return ImportBatch.objects.create(
        filename=f"{number}.csv", file="x", file_sha256=f"{number:064d}", status="done", finished_at=clock,
        date_from=min(days), date_to=max(days), campaign_ids=sorted({row.campaign_id for row in rows}),
    )  # fmt: skip


def check(model):
    assert campaign_differences() == []
    assert day_differences() == []
    facts = {
        (m.campaign_id, m.date): (
            m.impressions, m.clicks, m.spend_cents,
            m.conversions * 1_000_000 if m.conversions_micros is None else m.conversions_micros, m.revenue_cents,
        )
        for m in CampaignMetric.objects.all()
    }  # fmt: skip
    assert facts == model.now


def check_moment(model, moment):
    window = {"start": FIRST_DAY, "end": FIRST_DAY + timedelta(days=9)}
    expected = {key: as_totals(values) for key, values in model.known_at(moment).items()}
    assert {(day.campaign_id, day.date): day.totals for day in days_known_at(moment, **window)} == expected
    sums: dict[int, Totals] = {}
    for (campaign_id, _day), totals in expected.items():
        sums[campaign_id] = sums.get(campaign_id, Totals()) + totals
    assert campaign_totals_known_at(moment, **window) == sums
