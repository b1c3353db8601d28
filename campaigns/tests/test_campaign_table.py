import datetime
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from campaigns.models import ExchangeRate
from campaigns.queries.alike import campaign_known_then
from campaigns.queries.campaign_table import (
    ORDERS,
    CampaignFilter,
    CampaignQuery,
    campaign_page,
    campaign_rows,
    filter_choices,
)
from campaigns.queries.totals import Refusal, workspace_totals
from campaigns.tests.factories import make_account, make_campaign, record_days
from tenants.context import tenant_context

DAY = datetime.date(2026, 11, 20)
BEFORE = datetime.date(2026, 11, 19)


def ask(where=None, *, sort="spend", descending=True, current=(DAY, DAY), compared=None, target="USD"):
    return CampaignQuery(where or CampaignFilter(), sort, descending, current, compared, target, timezone.now())


def page_of(tenant, query, *, limit=50, offset=0):
    with tenant_context(tenant), transaction.atomic():
        return campaign_page(query, limit=limit, offset=offset)


def spent(campaign, cents, day=DAY, **more):
    record_days(campaign, {day: {"spend_cents": cents, "impressions": 1000, "clicks": 20, **more}})
    return campaign


def in_currency(tenant, currency, **fields):
    return make_campaign(tenant, account=make_account(tenant, currency=currency), **fields)


def test_page_is_in_order_and_totals_are_of_all(acme):
    for number in range(1, 6):
        spent(in_currency(acme, "USD", name=f"C{number}"), number * 100)
    found = page_of(acme, ask(), limit=2, offset=2)
    assert [row.name for row in found.rows] == ["C3", "C2"]
    assert found.matching == 5
    assert found.totals.spend == 1500


def test_page_past_the_end_keeps_the_totals(acme):
    spent(in_currency(acme, "USD"), 100)
    found = page_of(acme, ask(), offset=50)
    assert list(found.rows) == []
    assert (found.matching, found.totals.spend) == (1, 100)


def test_no_campaigns_at_all(acme):
    found = page_of(acme, ask(compared=(BEFORE, BEFORE)))
    assert (list(found.rows), found.matching, found.totals.spend) == ([], 0, 0)


def test_campaigns_without_numbers_come_last_in_both_directions(acme):
    in_currency(acme, "USD", name="Silent")
    spent(in_currency(acme, "USD", name="Loud"), 100)
    for descending in (True, False):
        rows = page_of(acme, ask(sort="ctr", descending=descending)).rows
        assert [row.name for row in rows] == ["Loud", "Silent"]


def test_money_is_ordered_after_conversion_and_keeps_its_own(acme):
    ExchangeRate.objects.create(currency="USD", date=DAY, per_euro=Decimal(2))
    spent(in_currency(acme, "EUR", name="Euro"), 600)
    spent(in_currency(acme, "USD", name="Dollar"), 1000)
    found = page_of(acme, ask())
    assert [(row.name, row.totals.spend, row.own.spend) for row in found.rows] == [
        ("Euro", 1200, 600),
        ("Dollar", 1000, 1000),
    ]
    assert found.totals.spend == 2200


def test_a_currency_without_a_rate_has_no_value_and_no_part_in_the_totals(acme):
    spent(in_currency(acme, "EGP", name="Pound"), 9_999_999)
    spent(in_currency(acme, "USD", name="Dollar"), 100)
    found = page_of(acme, ask())
    assert [(row.name, row.totals and row.totals.spend) for row in found.rows] == [("Dollar", 100), ("Pound", None)]
    assert found.rows[1].own.spend == 9_999_999
    assert (found.totals.spend, found.totals.clicks) == (100, 20)
    assert found.refused == (Refusal("EGP", 1),)


def test_list_and_dashboard_show_the_same_sum_to_the_cent(acme):
    """Thirds of cents, summed by campaign here and by day there, are rounded once at the end in both."""
    ExchangeRate.objects.create(currency="USD", date=BEFORE, per_euro=Decimal("1.08333"))
    ExchangeRate.objects.create(currency="USD", date=DAY, per_euro=Decimal("1.11111"))
    for number in range(7):
        campaign = in_currency(acme, "EUR")
        record_days(campaign, {day: {"spend_cents": 333 + number} for day in (BEFORE, DAY)})
    found = page_of(acme, ask(current=(BEFORE, DAY)))
    with tenant_context(acme), transaction.atomic():
        home = workspace_totals("USD", (BEFORE, DAY))
    assert found.totals == home.current.totals


def test_compared_sums_stand_beside(acme):
    campaign = spent(in_currency(acme, "USD"), 300)
    spent(campaign, 100, BEFORE)
    in_currency(acme, "USD", name="New")
    found = page_of(acme, ask(compared=(BEFORE, BEFORE)))
    assert found.rows[0].compared.spend == 100
    assert found.rows[1].compared is None
    assert found.compared.spend == 100


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"q": "summer"}, {"Summer sale"}),
        ({"q": "77"}, {"Winter"}),
        ({"platform": "google"}, {"Winter"}),
        ({"status": "paused"}, {"Summer sale"}),
        ({"label": "season"}, {"Summer sale"}),
        ({"q": "%"}, set()),
        ({"label": "seas"}, set()),
    ],
)
def test_filters_narrow(acme, where, names):
    make_campaign(acme, name="Summer sale", status="paused", labels=["season"], external_id="1")
    make_campaign(acme, name="Winter", platform="google", external_id="77")
    found = page_of(acme, ask(CampaignFilter.from_query(where)))
    assert {row.name for row in found.rows} == names
    assert found.matching == len(names)


@pytest.mark.parametrize("query", [{"platform": "x"}, {"status": "'"}, {"account": "²"}, {"account": "-1"}])
def test_unknown_filter_values_do_not_narrow(query):
    assert not CampaignFilter.from_query(query).narrows


@pytest.mark.parametrize("sort", sorted(ORDERS))
@pytest.mark.parametrize("descending", [True, False])
def test_every_order_works(acme, sort, descending):
    spent(in_currency(acme, "USD", name="One", daily_budget_cents=5), 100)
    spent(in_currency(acme, "USD", name="Two"), 200)
    assert len(page_of(acme, ask(sort=sort, descending=descending)).rows) == 2


def test_other_workspaces_never_take_part(acme, globex):
    account = make_account(globex, external_id="act_same")
    spent(make_campaign(globex, account=account, name="Same", labels=["secret"]), 5000)
    spent(make_campaign(acme, name="Same"), 100)
    found = page_of(acme, ask())
    assert (found.matching, found.totals.spend) == (1, 100)
    with tenant_context(acme), transaction.atomic():
        choices = filter_choices()
        foreign = CampaignFilter(account=account.pk).campaigns().count()
    assert choices.labels == []
    assert foreign == 0


def test_deleted_campaigns_are_left_out(acme):
    spent(make_campaign(acme, is_deleted=True), 100)
    assert page_of(acme, ask()).matching == 0


def test_rows_are_streamed_in_the_same_order(acme):
    for number in range(1, 4):
        spent(in_currency(acme, "USD", name=f"C{number}"), number * 100)
    with tenant_context(acme), transaction.atomic():
        assert [row.name for row in campaign_rows(ask())] == ["C3", "C2", "C1"]


@pytest.mark.parametrize("campaigns", [1, 3])
def test_page_takes_the_same_queries_for_any_number(acme, django_assert_num_queries, campaigns):
    account = make_account(acme)
    for _number in range(campaigns):
        spent(make_campaign(acme, account=account), 100)
    with tenant_context(acme), django_assert_num_queries(6):
        campaign_page(ask(compared=(BEFORE, BEFORE)), limit=50, offset=0)


def test_changes_are_measured_against_what_was_known_at_the_same_age(acme):
    """The day before had 3 conversions when it was one day old, and 9 today; today's newest day has 4."""
    campaign = in_currency(acme, "USD")
    morning = datetime.datetime(2026, 11, 20, 6, tzinfo=datetime.UTC)
    young = {"spend_cents": 1000, "conversions_micros": 3_000_000, "revenue_cents": 300}
    settled = {"spend_cents": 1000, "conversions_micros": 9_000_000, "revenue_cents": 900}
    newest = {"spend_cents": 1000, "conversions_micros": 4_000_000, "revenue_cents": 400}
    record_days(campaign, {BEFORE: young}, known_at=morning)
    record_days(campaign, {BEFORE: settled, DAY: newest}, known_at=morning + datetime.timedelta(days=1))
    now = morning + datetime.timedelta(days=1, hours=2)
    query = CampaignQuery(CampaignFilter(), "spend", True, (DAY, DAY), (BEFORE, BEFORE), "USD", now)
    found = page_of(acme, query)
    with tenant_context(acme), transaction.atomic():
        home = workspace_totals("USD", (DAY, DAY), (BEFORE, BEFORE), now=now)
        alone = campaign_known_then(
            campaign.pk, (BEFORE, BEFORE), now - datetime.timedelta(days=1), home.compared.totals
        )
    assert found.rows[0].compared.conversions == 3
    assert found.rows[0].compared == home.before == alone
    assert (home.before.revenue, home.compared.totals.revenue) == (300, 900)


def test_days_imported_late_are_compared_as_they_are(acme):
    campaign = in_currency(acme, "USD")
    record_days(campaign, {BEFORE: {"revenue_cents": 500}}, known_at=timezone.now() - datetime.timedelta(minutes=9))
    record_days(campaign, {BEFORE: {"revenue_cents": 900}, DAY: {"revenue_cents": 400}})
    found = page_of(acme, ask(compared=(BEFORE, BEFORE)))
    assert found.rows[0].compared.revenue == 900


def test_totals_of_a_filtered_list_are_compared_at_the_same_age(acme, monkeypatch):
    """A small set is measured exactly; of a large one the totals show no change, its rows still do."""
    now = datetime.datetime(2026, 11, 21, 8, tzinfo=datetime.UTC)
    yesterday = now - datetime.timedelta(days=1)
    for name in ("Sale one", "Sale two", "Other"):
        campaign = in_currency(acme, "USD", name=name)
        record_days(campaign, {BEFORE: {"revenue_cents": 300}}, known_at=yesterday - datetime.timedelta(hours=2))
        record_days(campaign, {BEFORE: {"revenue_cents": 900}, DAY: {"revenue_cents": 400}}, known_at=now)
    query = CampaignQuery(CampaignFilter(q="sale"), "spend", True, (DAY, DAY), (BEFORE, BEFORE), "USD", now)
    found = page_of(acme, query)
    assert (found.compared.revenue, [row.compared.revenue for row in found.rows]) == (600, [300, 300])
    monkeypatch.setattr("campaigns.queries.campaign_table.MAX_EXACT", 1)
    found = page_of(acme, query)
    assert (found.compared, [row.compared.revenue for row in found.rows]) == (None, [300, 300])


def test_a_new_arrival_is_not_hidden_by_what_is_kept(acme):
    campaign = in_currency(acme, "USD")
    now = datetime.datetime(2026, 11, 21, 8, tzinfo=datetime.UTC)
    record_days(campaign, {BEFORE: {"revenue_cents": 300}}, known_at=now - datetime.timedelta(days=2))
    for revenue in (500, 900):
        record_days(campaign, {BEFORE: {"revenue_cents": revenue}}, known_at=now)
        with tenant_context(acme), transaction.atomic():
            home = workspace_totals("USD", (DAY, DAY), (BEFORE, BEFORE), now=now)
        assert (home.compared.totals.revenue, home.before.revenue) == (revenue, 300)


def test_export_rows_compare_as_the_page_does(acme):
    campaign = in_currency(acme, "USD")
    now = datetime.datetime(2026, 11, 21, 8, tzinfo=datetime.UTC)
    record_days(campaign, {BEFORE: {"revenue_cents": 300}}, known_at=now - datetime.timedelta(days=2))
    record_days(campaign, {BEFORE: {"revenue_cents": 900}, DAY: {"revenue_cents": 400}}, known_at=now)
    query = CampaignQuery(CampaignFilter(), "spend", True, (DAY, DAY), (BEFORE, BEFORE), "USD", now)
    with tenant_context(acme), transaction.atomic():
        exported = list(campaign_rows(query))
    assert exported[0].compared == page_of(acme, query).rows[0].compared
