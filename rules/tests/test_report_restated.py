"""What the next report says of the last one: of the same campaigns, and blaming nobody for what others changed."""

import datetime
from decimal import Decimal

import pytest
import time_machine

from accounts.audit import Actor
from campaigns.choices import RevisionSource
from campaigns.models import Campaign, ExchangeRate, ImportBatch
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.services.metrics_undo import metrics_undo
from campaigns.tests.factories import make_account, make_campaign
from rules.models import Report, ReportSchedule
from rules.services.reports import report_preview, reports_send
from rules.services.reports.messages import short_lines
from rules.tests.report_cast import NOW, YESTERDAY, day_values, inside, known, make_history, make_schedule
from tenants.context import tenant_context

JOB = Actor.job("test")
DAY = datetime.timedelta(days=1)
SUMMER = {"labels": ["summer"], "platforms": [], "accounts": []}
STANDS = "every figure still stands"


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


def send(tenant, now):
    with time_machine.travel(now, tick=False), tenant_context(tenant):
        reports_send(now=now)


def next_restated(tenant):
    """What the report of the morning after says of the one of NOW."""
    send(tenant, NOW + DAY)
    return inside(tenant, lambda: Report.objects.order_by("-pk").first().restated)


def relabel(tenant, campaign, *labels):
    inside(tenant, lambda: Campaign.objects.filter(pk=campaign.pk).update(labels=list(labels)))


def imported(tenant, campaign):
    """The import that brought yesterday of a campaign."""

    def bring():
        batch = ImportBatch.objects.create(
            filename="days.csv",
            status="done",
            finished_at=NOW - DAY / 24,
            campaign_ids=[campaign.pk],
            date_from=YESTERDAY,
            date_to=YESTERDAY,
        )
        metrics_upsert(
            account=campaign.ad_account,
            rows=[MetricRow(campaign_id=campaign.pk, date=YESTERDAY, **day_values())],
            source=RevisionSource.IMPORT,
            known_at=NOW - DAY / 24,
            import_batch=batch,
            actor=JOB,
        )
        return batch

    return inside(tenant, bring)


def spends(sides):
    return [sides[key]["spend"] for key in ("frozen", "then", "now")]


@pytest.fixture
def narrowed(acme) -> tuple[Campaign, Campaign]:
    """(campaign inside, campaign outside) of a report that went out for the label summer."""
    found = make_history(acme, name="Inside", labels=["summer"]), make_history(acme, name="Outside")
    make_schedule(acme, filters=SUMMER)
    send(acme, NOW)
    return found


def test_a_label_that_came_on_overnight_changes_nothing_of_what_was_reported(acme, narrowed):
    relabel(acme, narrowed[1], "summer")
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("none", False)
    assert spends(found["total"]) == [10_000] * 3
    assert STANDS in found["block"]["lines"][0]


def test_a_label_that_came_off_overnight_changes_nothing_of_what_was_reported(acme, narrowed):
    relabel(acme, narrowed[0])
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("none", False)
    assert STANDS in found["block"]["lines"][0]


def test_late_conversions_are_told_from_a_changed_label(acme, narrowed):
    relabel(acme, narrowed[1], "summer")
    known(narrowed[0], YESTERDAY, days_later=2, conversions=6, revenue=60_000)
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("late_conversions", False)
    assert [one["name"] for one in found["campaigns"]] == ["Inside"]
    assert "Revenue $400.00 → $600.00" in found["block"]["lines"][1]


def test_a_removed_campaign_is_no_correction(acme, narrowed):
    other = make_history(acme, name="Stays", labels=["autumn"])
    schedule = make_schedule(acme, name="Autumn", filters={**SUMMER, "labels": ["summer", "autumn"]})
    send(acme, NOW)
    inside(acme, lambda: Campaign.objects.filter(pk=narrowed[0].pk).update(is_deleted=True))
    known(other, YESTERDAY, days_later=2, conversions=6, revenue=60_000)
    with time_machine.travel(NOW + DAY, tick=False):
        found = inside(acme, lambda: report_preview(schedule)).restated
    assert (found["reason"], found["rebased"]) == ("late_conversions", True)
    assert spends(found["total"]) == [20_000, 10_000, 10_000]
    first, second, third = found["block"]["lines"]
    assert "Spend $200.00" in first
    assert "the campaigns that this was of, or the exchange rates, are others by now" in first
    assert "conversions have come in since" in second
    assert third == "Revenue $400.00 → $600.00, Conversions 4 → 6, ROAS 4.00× → 6.00×."


def test_a_rate_that_came_in_later_is_no_correction(acme):
    make_history(acme)
    known(make_campaign(acme, account=make_account(acme, currency="EUR")), YESTERDAY)
    make_schedule(acme)
    send(acme, NOW)
    for back in range(20):
        day = YESTERDAY - back * DAY
        ExchangeRate.objects.create(currency="USD", date=day, per_euro=Decimal("1.25"))
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("none", True)
    assert spends(found["total"]) == [10_000, 22_500, 22_500]
    assert "exchange rates, are others by now" in found["block"]["lines"][0]
    assert found["block"]["lines"][1:] == ["Of these, every figure still stands."]
    assert found["block"]["tables"] == []
    newest = inside(acme, lambda: Report.objects.order_by("-pk").first())
    assert not [line for line in short_lines(newest.content, newest.restated) if "exchange rates" in line]


def test_an_account_that_was_connected_later_is_no_correction(acme):
    make_history(acme)
    make_schedule(acme)
    send(acme, NOW)
    known(make_campaign(acme, account=make_account(acme)), YESTERDAY, days_later=2)
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("days", False)
    assert "numbers of further campaigns or days have come in since" in found["block"]["lines"][0]
    assert "Spend $100.00 → $200.00" in found["block"]["lines"][1]


def test_an_import_that_was_undone_is_no_correction(acme):
    make_history(acme)
    batch = imported(acme, make_campaign(acme, account=make_account(acme)))
    make_schedule(acme)
    send(acme, NOW)
    inside(acme, lambda: metrics_undo(import_batch=batch, known_at=NOW + DAY / 2, actor=JOB))
    found = next_restated(acme)
    assert (found["reason"], found["rebased"]) == ("days", False)
    assert "or were taken back" in found["block"]["lines"][0]
    assert "Spend $200.00 → $100.00" in found["block"]["lines"][1]


def test_a_corrected_spend_is_said_where_days_came_in_too(acme):
    campaign = make_history(acme)
    make_schedule(acme)
    send(acme, NOW)
    known(campaign, YESTERDAY, days_later=2, spend=9_000)
    known(make_campaign(acme, account=make_account(acme)), YESTERDAY, days_later=2)
    found = next_restated(acme)
    assert found["reason"] == "corrected"
    assert "what was spent has been corrected" in found["block"]["lines"][0]


def test_a_report_that_kept_no_campaigns_is_still_read(acme, narrowed):
    def age():
        """The same report in the shape of before campaigns were kept."""
        report = Report.objects.get()
        sums = {key: value for key, value in report.content["sums"].items() if key != "campaigns"}
        schedule = ReportSchedule.objects.create(
            name="Old", kind="daily", filters=SUMMER, confirmed_at=NOW, next_run_at=NOW + DAY
        )
        values = {"date_from": report.date_from, "date_to": report.date_to, "zone": "UTC", "as_of": report.as_of}
        Report.objects.create(schedule=schedule, content={**report.content, "sums": sums}, content_hash="old", **values)
        return schedule

    schedule = inside(acme, age)
    with time_machine.travel(NOW + DAY, tick=False):
        assert STANDS in inside(acme, lambda: report_preview(schedule)).restated["block"]["lines"][0]
        relabel(acme, narrowed[1], "summer")
        found = inside(acme, lambda: report_preview(schedule)).restated
    assert (found["reason"], found["rebased"]) == ("none", True)
    assert spends(found["total"]) == [10_000, 20_000, 20_000]
