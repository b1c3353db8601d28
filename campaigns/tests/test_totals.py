import datetime
from decimal import Decimal

import pytest
from django.db import transaction

from campaigns.models import ExchangeRate
from campaigns.queries.conversion import conversion_for
from campaigns.queries.movers import movement
from campaigns.queries.pacing import Pace, workspace_pace
from campaigns.queries.totals import Refusal, workspace_totals
from campaigns.tests.factories import make_account, make_campaign, record_days
from stratum.lib.ratios import Totals
from tenants.context import tenant_context

DAY = datetime.date(2026, 11, 20)
BEFORE = datetime.date(2026, 11, 19)
ONE_DAY, DAY_BEFORE = (DAY, DAY), (BEFORE, BEFORE)


def rate(currency: str, day: datetime.date, per_euro: str) -> None:
    ExchangeRate.objects.create(currency=currency, date=day, per_euro=Decimal(per_euro))


def campaign_in(tenant, currency: str, platform: str = "meta", **fields):
    return make_campaign(tenant, account=make_account(tenant, currency=currency, platform=platform), **fields)


def figures(spend=0, revenue=0, impressions=1000, clicks=10, conversions=1):
    return {
        "spend_cents": spend,
        "revenue_cents": revenue,
        "impressions": impressions,
        "clicks": clicks,
        "conversions_micros": conversions * 1_000_000,
    }


def test_totals_of_one_currency_are_plain_sums(acme):
    first, second = campaign_in(acme, "USD"), campaign_in(acme, "USD", "google")
    record_days(first, {DAY: figures(1000, 3000), BEFORE: figures(500, 700)})
    record_days(second, {DAY: figures(250, 0)})
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY, DAY_BEFORE)
    assert found.current.totals == Totals(2000, 20, 2_000_000, 1250, 3000)
    assert found.compared.totals.spend == 500
    assert found.current.platforms["google"].spend == 250
    assert found.rates == ()
    assert found.refused == ()


def test_totals_convert_each_day_at_its_own_rate(acme):
    euros = campaign_in(acme, "EUR")
    record_days(euros, {BEFORE: figures(10_000, 20_000), DAY: figures(10_000, 20_000)})
    rate("USD", BEFORE, "1.10")
    rate("USD", DAY, "1.20")
    with tenant_context(acme):
        found = workspace_totals("USD", (BEFORE, DAY))
    assert found.current.totals.spend == 11_000 + 12_000
    assert found.current.totals.roas == 2.0
    assert (found.rates[0].lowest, found.rates[0].highest) == (Decimal("1.10"), Decimal("1.20"))


def test_totals_respect_the_minor_unit_of_each_currency(acme):
    yen = campaign_in(acme, "JPY")
    record_days(yen, {DAY: figures(spend=15_000)})
    rate("USD", DAY, "1.2")
    rate("JPY", DAY, "180")
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY)
    assert found.current.totals.spend == 10_000  # ¥15,000 ÷ 180 × 1.2 = $100.00


def test_totals_leave_out_and_name_a_currency_without_a_rate(acme):
    record_days(campaign_in(acme, "USD"), {DAY: figures(100)})
    record_days(campaign_in(acme, "EGP"), {DAY: figures(9_999_999)})
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY)
    assert found.current.totals.spend == 100
    assert found.current.totals.impressions == 1000
    assert found.refused == (Refusal("EGP", 1),)


@pytest.mark.parametrize(("age", "converts"), [(7, True), (8, False)])
def test_a_rate_serves_for_a_week(acme, age, converts):
    record_days(campaign_in(acme, "EUR"), {DAY: figures(100)})
    rate("USD", DAY - datetime.timedelta(days=age), "2")
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY)
    assert found.current.totals.spend == (200 if converts else 0)
    assert bool(found.refused) is not converts


def test_periods_with_different_currencies_are_not_comparable(acme):
    campaign = campaign_in(acme, "EUR")
    far = datetime.date(2025, 11, 20)
    record_days(campaign, {DAY: figures(100), far: figures(100)})
    rate("USD", DAY, "1.1")
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY, (far, far))
    assert found.comparability.obstacle == "currencies"


def test_totals_see_only_their_own_workspace(acme, globex):
    record_days(campaign_in(acme, "USD"), {DAY: figures(100)})
    record_days(campaign_in(globex, "USD"), {DAY: figures(77_777)})
    with tenant_context(acme):
        found = workspace_totals("USD", ONE_DAY)
    assert found.current.totals.spend == 100


def test_a_day_without_rows_has_no_value(acme):
    record_days(campaign_in(acme, "USD"), {DAY: figures(100)})
    with tenant_context(acme):
        found = workspace_totals("USD", (BEFORE, DAY))
    assert found.current.days[0] is None
    assert found.current.days[1].spend == 100


@pytest.mark.parametrize("campaigns", [1, 3])
def test_totals_take_the_same_queries_for_any_number(acme, django_assert_num_queries, campaigns):
    for number in range(campaigns):
        record_days(campaign_in(acme, "EUR" if number else "USD"), {DAY: figures(100)})
    rate("USD", DAY, "1.1")
    with tenant_context(acme), django_assert_num_queries(4 if campaigns == 1 else 5):
        workspace_totals("USD", ONE_DAY, DAY_BEFORE)


def test_movement_adds_up_to_the_change(acme):
    rising, falling, still = (campaign_in(acme, "USD", name=name) for name in ("Rising", "Falling", "Still"))
    record_days(rising, {BEFORE: figures(1000), DAY: figures(3000)})
    record_days(falling, {BEFORE: figures(2000), DAY: figures(500)})
    record_days(still, {BEFORE: figures(100), DAY: figures(100)})
    with tenant_context(acme):
        found = movement("spend", "USD", ONE_DAY, DAY_BEFORE)
    assert [(mover.name, mover.contribution) for mover in found.up] == [("Rising", 2000)]
    assert [(mover.name, mover.contribution) for mover in found.down] == [("Falling", -1500)]
    assert found.rest == 0
    assert found.now.spend - found.was.spend == 500


def test_contributions_to_roas_add_up_exactly(acme):
    first, second = campaign_in(acme, "USD"), campaign_in(acme, "USD")
    record_days(first, {BEFORE: figures(1000, 4000), DAY: figures(1500, 3000)})
    record_days(second, {BEFORE: figures(500, 500), DAY: figures(500, 2500)})
    with tenant_context(acme):
        found = movement("roas", "USD", ONE_DAY, DAY_BEFORE)
    total = sum(mover.contribution for mover in (*found.up, *found.down))
    assert float(total) == pytest.approx(found.now.roas - found.was.roas)
    assert found.up[0].campaign_id == second.pk


def test_movement_names_the_part_that_moved(acme):
    volume, price, new = campaign_in(acme, "USD"), campaign_in(acme, "USD"), campaign_in(acme, "USD")
    record_days(volume, {BEFORE: figures(1000), DAY: figures(3000, impressions=3000)})
    record_days(price, {BEFORE: figures(1000), DAY: figures(2500)})
    record_days(new, {DAY: figures(700)})
    with tenant_context(acme):
        found = movement("spend", "USD", ONE_DAY, DAY_BEFORE)
    drivers = {mover.campaign_id: mover.driver("spend") for mover in found.up}
    assert drivers == {volume.pk: "volume", price.pk: "price", new.pk: "started"}


def test_movement_shows_a_few_and_sums_the_rest(acme):
    for number in range(1, 8):
        record_days(campaign_in(acme, "USD"), {DAY: figures(number * 100)})
    with tenant_context(acme):
        found = movement("spend", "USD", ONE_DAY, DAY_BEFORE, each=2)
    assert [mover.contribution for mover in found.up] == [700, 600]
    assert found.rest == 1500
    assert found.others == 5


def test_pace_of_a_month():
    pace = Pace(through=datetime.date(2026, 11, 15), budget=30_000, spent=18_000, run_rate=1200)
    assert pace.due == 15_000
    assert pace.projected == 36_000
    assert pace.state == "over"
    assert Pace(datetime.date(2026, 11, 15), 0, 100, 5).state == "none"


def test_workspace_pace_counts_active_campaigns_with_a_daily_budget(acme):
    budgeted = campaign_in(acme, "USD", daily_budget_cents=1000)
    record_days(budgeted, {datetime.date(2026, 11, day): figures(900) for day in range(1, 21)})
    record_days(campaign_in(acme, "USD"), {DAY: figures(50_000)})
    record_days(campaign_in(acme, "USD", daily_budget_cents=1000, status="paused"), {DAY: figures(50_000)})
    with tenant_context(acme):
        found = workspace_pace("USD", DAY)
    assert (found.whole.budget, found.whole.spent, found.campaigns) == (30_000, 18_000, 1)
    assert found.whole.projected == 27_000


def test_no_pace_without_budgets(acme):
    campaign_in(acme, "USD")
    with tenant_context(acme):
        assert workspace_pace("USD", DAY) is None


def test_conversion_is_exact_over_currencies_and_days(acme):
    rate("USD", DAY, "1.0857")
    with tenant_context(acme), transaction.atomic():
        conversion = conversion_for("EUR", [ONE_DAY], ["USD"])
    assert conversion.factor("USD", DAY) == (Decimal(1) / Decimal("1.0857")).quantize(Decimal("1e-18"))
    assert conversion.factor("GBP", DAY) is None
    assert conversion.factor("EUR", DAY) == 1


def test_movement_compares_like_with_like(acme):
    """Yesterday has a day's worth of conversions; the day before is taken as it was known a day ago."""
    campaign = campaign_in(acme, "USD")
    first = datetime.datetime(2026, 11, 20, 6, tzinfo=datetime.UTC)
    record_days(campaign, {BEFORE: figures(1000, 2000)}, known_at=first)
    second = first + datetime.timedelta(days=1)
    record_days(campaign, {BEFORE: figures(1000, 5000), DAY: figures(1000, 2100)}, known_at=second)
    with tenant_context(acme):
        as_of_now = movement("revenue", "USD", ONE_DAY, DAY_BEFORE)
        alike = movement("revenue", "USD", ONE_DAY, DAY_BEFORE, known_by=second - datetime.timedelta(hours=1))
    assert as_of_now.down[0].contribution == -2900
    assert (alike.up[0].contribution, alike.was.revenue) == (100, 2000)


def test_days_that_were_not_known_then_count_as_they_are(acme):
    campaign = campaign_in(acme, "USD")
    record_days(campaign, {BEFORE: figures(1000, 5000), DAY: figures(1000, 4000)})
    long_ago = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with tenant_context(acme):
        found = movement("revenue", "USD", ONE_DAY, DAY_BEFORE, known_by=long_ago)
    assert found.down[0].contribution == -1000
