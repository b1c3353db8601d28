"""Syncs against simple models of what they mean: plans, complete reports, complete listings, the plan's limit."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from campaigns.choices import ChangeOrigin, RevisionSource
from campaigns.clients.base import DayMetrics
from campaigns.models import AdAccount, Campaign, CampaignChange, CampaignMetric, MetricRevision
from campaigns.services.campaign_rows import CampaignRow, campaigns_upsert
from campaigns.services.metrics import EXTRAS, MetricRow, metrics_upsert
from campaigns.services.plan_limit import plan_limit_apply
from campaigns.services.rollups import RollupChanges, rollups_rebuild
from campaigns.services.sync.days import metric_rows
from campaigns.services.sync.plan import BREAKDOWN_DAYS, CHUNK_DAYS, FIRST_DAYS, sync_plan
from campaigns.tests.factories import make_account
from campaigns.tests.sync_helpers import ACTOR
from tenants.context import tenant_context
from tenants.tests.factories import make_tenant

# --- Plans ----------------------------------------------------------------------------------------------------

ZONES = (
    "UTC",
    "America/Los_Angeles",
    "Asia/Tokyo",
    "Asia/Kuwait",
    "Pacific/Apia",
    "Pacific/Pago_Pago",
    "Europe/Berlin",
)
moments = st.integers(1_700_000_000, 1_860_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(
    zone=st.sampled_from(ZONES),
    now=moments,
    since_deep=st.none() | st.timedeltas(timedelta(0), timedelta(days=4)),
    restatement=st.integers(0, 120),
)
def test_plan_covers_the_days_it_must_and_no_day_twice(zone, now, since_deep, restatement):
    account = AdAccount(timezone=zone, deep_synced_at=None if since_deep is None else now - since_deep)
    steps = sync_plan(account, restatement_days=restatement, now=now)
    deep = since_deep is None or since_deep >= timedelta(hours=20)
    today = now.astimezone(ZoneInfo(zone)).date()
    covered = [step.start + timedelta(days=n) for step in steps if step.kind == "days" for n in range(step.window.days)]
    wanted = FIRST_DAYS if deep else min(FIRST_DAYS, restatement + 1)
    assert sorted(covered) == [today - timedelta(days=n) for n in reversed(range(wanted))]
    days = [step for step in steps if step.kind == "days"]
    assert all(step.window.days <= CHUNK_DAYS for step in days)
    assert [step.end for step in days] == sorted((step.end for step in days), reverse=True)
    assert days[0].end == today
    kinds = [step.kind for step in steps]
    assert kinds == ["campaigns", *["days"] * len(days), *["breakdowns"] * deep]
    if deep:
        assert (steps[-1].window.days, steps[-1].end) == (BREAKDOWN_DAYS, today)
    assert [type(step).from_json(step.to_json()) for step in steps] == steps


# --- Complete reports -------------------------------------------------------------------------------------------

FIRST = date(2026, 11, 1)
MAIN = ("impressions", "clicks", "spend_cents", "conversions_micros", "revenue_cents")
FIGURES = (*MAIN, *EXTRAS)
figure = st.none() | st.integers(0, 3)
figures = st.fixed_dictionaries(dict.fromkeys(FIGURES, figure))
days = st.tuples(st.integers(0, 2), st.integers(0, 5))  # campaign, day
report = st.fixed_dictionaries(
    {
        "rows": st.dictionaries(days, figures, max_size=8),
        "window": st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted),
        "complete": st.booleans(),
        "archived": st.sets(st.integers(0, 2)),
    }
)


class Model:
    """What is known of each campaign-day, and how often it changed."""

    def __init__(self):
        self.known, self.revisions = {}, 0

    def take(self, report):
        first, last = report["window"]
        # A report of a period holds days of that period only.
        rows = {key: row for key, row in report["rows"].items() if not report["complete"] or first <= key[1] <= last}
        given_rows = dict(rows)
        if report["complete"] and rows:
            for (campaign, day), old in self.known.items():
                if campaign in report["archived"] or (campaign, day) in rows or not first <= day <= last:
                    continue
                given_rows[campaign, day] = {name: None if old[name] is None else 0 for name in FIGURES}
        for key, row in given_rows.items():
            old = self.known.get(key)
            empty = dict.fromkeys(MAIN, 0) | dict.fromkeys(EXTRAS)
            new = {name: (old or empty)[name] if row[name] is None else row[name] for name in FIGURES}
            self.revisions += old is not None and old != new
            self.known[key] = new
        return rows


@bounded(max_examples=40)
@given(reports=st.lists(report, min_size=1, max_size=5))
@pytest.mark.django_db
def test_complete_reports_leave_what_the_platform_has(reports):
    with transaction.atomic():
        tenant = make_tenant("acme")
        account = make_account(tenant)
        with tenant_context(tenant):
            listed = [CampaignRow(str(number), status="active") for number in range(3)]
            ids = campaigns_upsert(account=account, rows=listed, actor=ACTOR, complete=True).ids
            model = Model()
            for one in reports:
                archived = [ids[str(number)] for number in one["archived"]]
                Campaign.objects.update(status="active")
                Campaign.objects.filter(pk__in=archived).update(status="archived")
                rows = model.take(one)
                window = tuple(FIRST + timedelta(days=day) for day in one["window"])
                metrics_upsert(
                    account=account,
                    rows=[MetricRow(ids[str(c)], FIRST + timedelta(days=d), **row) for (c, d), row in rows.items()],
                    source=RevisionSource.SYNC,
                    known_at=timezone.now(),
                    actor=ACTOR,
                    complete=window if one["complete"] else None,
                )
            assert stored(ids) == model.known
            assert MetricRevision.objects.count() == model.revisions
            assert rollups_rebuild() == RollupChanges(0, 0)
        transaction.set_rollback(True)


def stored(ids):
    names = {pk: int(external_id) for external_id, pk in ids.items()}
    return {
        (names[row.campaign_id], (row.date - FIRST).days): {name: exact(row, name) for name in FIGURES}
        for row in CampaignMetric.objects.all()
    }


def exact(row, name):
    if name == "conversions_micros" and row.conversions_micros is None:
        return row.conversions * 1_000_000
    return getattr(row, name)


# --- Complete listings --------------------------------------------------------------------------------------------

listing = st.dictionaries(
    st.integers(0, 4).map(str),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from([None, "A", "B"]),
            "status": st.sampled_from([None, "active", "paused"]),
            "daily_budget_cents": st.none() | st.integers(1, 3),
            "targeting_genders": st.none() | st.just(["female"]),
            "budget_lock": st.sampled_from([None, "", "shared"]),
        }
    ),
    max_size=5,
)
NEW = {"status": "draft", "daily_budget_cents": None, "targeting_genders": None, "budget_lock": ""}
CLEARED = ("daily_budget_cents", "targeting_genders")  # what a complete listing leaves out is not there any more


@bounded(max_examples=40)
@given(listings=st.lists(listing, min_size=1, max_size=4))
@pytest.mark.django_db
def test_complete_listings_leave_what_the_platform_says(listings):
    with transaction.atomic():
        tenant = make_tenant("acme")
        account = make_account(tenant)
        known, changes = {}, Counter()
        with tenant_context(tenant):
            for one in listings:
                rows = [CampaignRow(external_id, **values) for external_id, values in one.items()]
                campaigns_upsert(account=account, rows=rows, actor=ACTOR, origin=ChangeOrigin.OUTSIDE, complete=True)
                for external_id, values in one.items():
                    old = known.get(external_id)
                    base = old or {"name": external_id, **NEW}
                    new = {k: v if v is not None or k in CLEARED else base[k] for k, v in values.items()}
                    if old:
                        changes["status"] += old["status"] != new["status"]
                        changes["daily_budget"] += old["daily_budget_cents"] != new["daily_budget_cents"]
                    known[external_id] = new
            found = Campaign.objects.values("external_id", "name", *NEW)
            assert {row.pop("external_id"): row for row in found} == known
            noted = Counter(CampaignChange.objects.values_list("field", flat=True))
            assert noted == +changes
        transaction.set_rollback(True)


# --- The plan's limit -----------------------------------------------------------------------------------------------


@bounded(max_examples=60)
@given(
    statuses=st.lists(st.sampled_from(["active", "paused", "archived"]), max_size=8),
    then=st.lists(st.sampled_from(["active", "paused", "archived"]), min_size=8, max_size=8),
    limits=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
@pytest.mark.django_db
def test_limit_takes_running_campaigns_first_and_moves_nobody_without_need(statuses, then, limits):
    with transaction.atomic():
        tenant = make_tenant("acme", max_campaigns=limits[0])
        account = make_account(tenant)
        with tenant_context(tenant):
            listed = [CampaignRow(str(number), status=status) for number, status in enumerate(statuses)]
            campaigns_upsert(account=account, rows=listed, actor=ACTOR, complete=True)
            placed = check_limit(limits[0], before=set())
            listed = [CampaignRow(str(number), status=status) for number, status in enumerate(then)]
            campaigns_upsert(account=account, rows=listed, actor=ACTOR, complete=True)
            type(tenant).objects.filter(pk=tenant.pk).update(max_campaigns=limits[1])
            check_limit(limits[1], before=placed)
        transaction.set_rollback(True)


def check_limit(limit, *, before):
    """The ids that have a place, once they are found to be the right ones."""
    over = plan_limit_apply()
    counted = {one.pk: one for one in Campaign.objects.exclude(status="archived")}
    placed = {pk for pk, one in counted.items() if not one.over_limit}
    assert not Campaign.objects.filter(status="archived", over_limit=True).exists()
    assert (len(placed), over) == (min(limit, len(counted)), max(0, len(counted) - limit))
    stayed = before & counted.keys()
    assert placed <= stayed or stayed <= placed  # places are kept while there is room
    newcomers = sorted(placed - stayed, key=lambda pk: (counted[pk].status != "active", pk))
    waiting = sorted(counted.keys() - placed - stayed, key=lambda pk: (counted[pk].status != "active", pk))
    ranks = [(counted[pk].status != "active", pk) for pk in newcomers + waiting]
    assert ranks == sorted(ranks)
    assert plan_limit_apply() == over
    assert placed == {one.pk for one in Campaign.objects.filter(over_limit=False).exclude(status="archived")}
    return placed


def test_a_clients_day_has_its_figures_where_a_row_has_them():
    """Rows are made of days by position: a field put elsewhere would be stored as another figure."""
    day = DayMetrics("c1", date(2026, 11, 1), *range(1, 11), attribution="7d_click")
    (row,) = metric_rows([day], {"c1": 42})
    named = {"spend_cents": "spend", "revenue_cents": "revenue"}
    assert row.campaign_id == 42
    for name in MetricRow._fields[1:]:
        assert getattr(row, name) == getattr(day, named.get(name, name)), name
