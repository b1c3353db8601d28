"""A report narrowed to one client says nothing of the others; one that is not narrowed says everything."""

import datetime
from decimal import Decimal

import pytest
import time_machine

from accounts.audit import Actor
from campaigns.models import Campaign, ExchangeRate
from campaigns.tests.factories import make_account, make_campaign
from rules.models import RuleState
from rules.services.reports import report_send_now
from rules.services.reports.content import report_make
from rules.tests.factories import make_alert, make_rule
from rules.tests.report_cast import NOW, YESTERDAY, inside, known, make_history, make_schedule

JOB = Actor.job("test")
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
MINE = {"labels": ["client-a"], "platforms": [], "accounts": []}


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def mine(acme) -> Campaign:
    """The campaign of client A, beside one of client B in an account that broke."""
    campaign = make_history(acme, name="Summer of A", labels=["client-a"])
    broken = make_account(acme, name="Account of B", status="needs_reauth", last_error="B changed its password")
    known(make_campaign(acme, account=broken, name="Winter of B", labels=["client-b"]), YESTERDAY)
    return campaign


def content(tenant, **fields):
    schedule = make_schedule(tenant, **fields)
    return inside(tenant, lambda: report_make(schedule, moment=NOW, as_of=NOW, previous=None)).content


def block(found, key):
    return next((one for one in found["blocks"] if one["key"] == key), {"lines": [], "tables": []})


def test_alerts_of_a_narrowed_report_are_those_of_its_campaigns(acme, mine):
    times = {"first_at": NOW, "last_at": NOW}
    make_alert(acme, title="A spends fast", campaign=mine, **times)
    make_alert(acme, title="Waits for approval: Rule of B", body="Would pause Winter of B", **times)
    make_alert(acme, title="Slack does not take messages any more: #client-b", severity="critical", **times)
    found = content(acme, filters=MINE)
    assert block(found, "alerts")["lines"] == ["1 alert is open."]
    assert "A spends fast" in str(found)
    for words in ("Rule of B", "Winter of B", "#client-b"):
        assert words not in str(found)
    assert block(content(acme, name="All"), "alerts")["lines"] == ["3 alerts are open, 1 of them is critical."]


def test_accounts_of_a_report_narrowed_to_a_label_are_those_of_its_campaigns(acme, mine):
    found = content(acme, filters=MINE)
    (table,) = block(found, "data")["tables"]
    assert [row[0]["text"] for row in table["rows"]] == [mine.ad_account.name]
    assert "B changed its password" not in str(found)
    assert "B changed its password" in str(content(acme, name="All"))


def test_an_account_that_was_chosen_is_told_of_before_it_has_campaigns(acme, mine):
    new = make_account(acme, name="New of A", status="needs_reauth", last_error="Log in again")
    found = content(acme, filters={"labels": [], "platforms": [], "accounts": [new.pk]})
    (table,) = block(found, "data")["tables"]
    assert [row[0]["text"] for row in table["rows"]] == ["New of A"]


def test_rules_that_wait_are_counted_where_they_ask_about_its_campaigns(acme, mine):
    asking = make_rule(acme, awaiting_since=NOW - HOUR)
    make_rule(acme, awaiting_since=NOW - HOUR)
    state = {"tenant": acme, "rule": asking, "campaign": mine, "outcome": "awaiting_approval"}
    inside(acme, lambda: RuleState.objects.create(**state))
    assert "1 rule waits for approval." in block(content(acme, filters=MINE), "automation")["lines"]
    assert "2 rules wait for approval." in block(content(acme, name="All"), "automation")["lines"]


def test_a_question_that_lapsed_is_not_counted_as_waiting(acme, mine):
    make_rule(acme, awaiting_since=NOW - 25 * HOUR)
    assert block(content(acme), "automation")["lines"] == ["No rule acted, and none was held back."]


def make_currencies(tenant) -> None:
    """Campaigns of others in euros, which have rates, and in francs, which have none."""
    for currency in ("EUR", "CHF"):
        known(make_campaign(tenant, account=make_account(tenant, currency=currency)), YESTERDAY)
    rates = [("USD", NOW.date() - datetime.timedelta(days=back), Decimal("1.25")) for back in range(20)]
    for currency, day, per_euro in rates:
        ExchangeRate.objects.create(currency=currency, date=day, per_euro=per_euro)


def test_rates_and_left_out_currencies_are_those_of_its_campaigns(acme, mine):
    make_currencies(acme)
    narrowed, whole = content(acme, filters=MINE), content(acme, name="All")
    for words in ("EUR", "CHF", "€"):
        assert words not in str(block(narrowed, "data"))
    assert "CHF" in str(block(whole, "data"))
    assert "Converted by the rates of each day" in str(block(whole, "data"))


def test_a_currency_of_its_own_without_a_rate_is_said_with_its_own_campaigns_alone(acme, mine):
    make_currencies(acme)
    francs = make_campaign(acme, account=make_account(acme, currency="CHF"), labels=["client-a"])
    known(francs, YESTERDAY)
    narrowed, whole = content(acme, filters=MINE), content(acme, name="All")
    left_out = [next(line for line in block(one, "data")["lines"] if "CHF" in line) for one in (narrowed, whole)]
    assert "1 campaign" in left_out[0]
    assert "2 campaigns" in left_out[1]


def test_a_report_that_was_narrowed_since_says_nothing_of_the_last_one(acme, mine):
    schedule = make_schedule(acme)
    last = inside(acme, lambda: report_send_now(schedule=schedule, actor=JOB))
    other = inside(acme, lambda: Campaign.objects.get(name="Winter of B"))
    known(other, YESTERDAY, days_later=2, spend=20_000)

    def next_one():
        return report_make(schedule, moment=NOW + DAY, as_of=NOW + DAY, previous=last).restated

    assert "Winter of B" in str(inside(acme, next_one))
    schedule.filters = MINE
    assert inside(acme, next_one) is None
