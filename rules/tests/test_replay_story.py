"""What a replay is for, on the simulated market: late conversions, and a stop-loss rule that does not wait for them."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import transaction

from accounts.audit import Actor
from campaigns.choices import RevisionSource
from campaigns.services.history import history_load
from campaigns.services.metrics import MetricRow
from campaigns.tests.factories import make_account, make_campaign
from campaigns.tests.sandbox_cast import ACCOUNTS
from rules.actions import SendAlert
from rules.conditions import RuleSpec, Scope
from rules.conditions.text import parse_text
from rules.queries.replay import Verdict, replay
from stratum.sandbox.tests.live import LiveSandbox, serving
from tenants.context import tenant_context

ONE_DAY = datetime.timedelta(days=1)
OPENING = datetime.date(2026, 6, 1)
# Two months teach how conversions come in; thirty days are replayed; three weeks settle them.
LEARNING, REPLAYED, SETTLING = 60, 30, 21
LOOKBACK = 28
PLAIN = "roas over the last 2 full days is below 1 and spend over the last 2 full days is above 20"
PATIENT = "roas over the last 2 complete days is below 1 and spend over the last 2 complete days is above 20"


@pytest.fixture
def followed(acme):
    """An account of the simulated market, read every night at three, as a sync would: (account, today)."""
    days = LEARNING + REPLAYED + SETTLING
    with serving(LiveSandbox(opening=OPENING)) as sandbox:
        truth = sandbox.world.account(ACCOUNTS["meta"])
        account = make_account(
            acme, external_id=truth.id, currency=truth.currency, timezone=truth.zone, name=truth.name
        )
        zone, campaigns, readings = ZoneInfo(truth.zone), {}, []
        for number in range(days):
            today = OPENING + number * ONE_DAY
            night = datetime.datetime.combine(today, datetime.time(3), zone)
            rows = sandbox.ledger(truth.id, max(OPENING, today - LOOKBACK * ONE_DAY), today - ONE_DAY)
            for (external_id, day), row in rows.items():
                if external_id not in campaigns:
                    campaigns[external_id] = make_campaign(acme, account=account, external_id=external_id)
                readings.append((night, reading(campaigns[external_id].pk, day, row)))
            sandbox.advance(days=1)
    with tenant_context(acme), transaction.atomic():
        history_load(account=account, readings=readings, source=RevisionSource.SYNC, actor=Actor.job("test"))
    return account, OPENING + days * ONE_DAY


def reading(campaign_id, day, row):
    spend, revenue = row["spend"] or 0, row["revenue"] or 0
    rest = {name: row[name] or 0 for name in ("impressions", "clicks", "conversions_micros")}
    return MetricRow(campaign_id=campaign_id, date=day, spend_cents=spend, revenue_cents=revenue, **rest)


def replayed(acme, text, today):
    spec = RuleSpec(None, "Stop loss", parse_text(text), Scope(), SendAlert(), 24)
    end = today - SETTLING * ONE_DAY
    now = datetime.datetime.combine(today, datetime.time(20), datetime.UTC)
    with tenant_context(acme), transaction.atomic():
        return replay(spec, start=end - (REPLAYED - 1) * ONE_DAY, end=end, now=now)


def test_a_hasty_stop_loss_pauses_winners_and_a_patient_one_does_not(acme, followed):
    cache.clear()
    _account, today = followed
    hasty, patient = replayed(acme, PLAIN, today), replayed(acme, PATIENT, today)
    assert hasty.campaigns == patient.campaigns == 5
    # The hasty rule would have acted on campaigns that earn more than they cost, on many of the thirty days.
    winners = [action for action in hasty.actions if action.verdict is Verdict.WRONG]
    assert len(winners) == hasty.wrong >= REPLAYED // 2
    assert all(Decimal(action.then.actual) < 1 <= Decimal(action.settled.actual) for action in winners)
    assert sum(action.revenue_after > action.spend_after for action in winners) > len(winners) / 2
    # The patient one acts too, and later numbers take none of it back.
    assert patient.acted >= REPLAYED
    assert (patient.wrong, patient.flips) == (0, 0)
