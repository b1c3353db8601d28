"""Loading a history leaves what learning it moment by moment would have left."""

import datetime
from datetime import UTC, date

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.choices import RevisionSource
from campaigns.models import Campaign, CampaignMetric, DailyTotal, MetricRevision
from campaigns.services.history import HistoryResult, history_load
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.tests.factories import make_account, make_campaign, make_day
from tenants.context import tenant_context
from tenants.tests.factories import make_tenant

ACTOR = Actor.system("test")
START = datetime.datetime(2026, 3, 1, 6, tzinfo=UTC)
FIGURES = st.integers(0, 400)
# Equal readings must be likely, or nothing shows that they leave no trace.
MICROS = st.sampled_from([0, 500_000, 1_000_000, 1_500_000, 2_250_000])


def moment(hours: int) -> datetime.datetime:
    return START + datetime.timedelta(hours=hours)


@st.composite
def histories(draw):
    """Readings of three campaigns (0–2) on a few days: (hours, campaign, date, figures, extras)."""
    found = []
    for campaign in range(3):
        for day in draw(st.lists(st.dates(date(2026, 3, 1), date(2026, 3, 4)), unique=True, max_size=3)):
            with_video = draw(st.booleans())
            for hours in draw(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=5)):
                figures = draw(st.tuples(FIGURES, FIGURES, FIGURES, MICROS, FIGURES))
                video = draw(st.sampled_from([0, 7])) if with_video else None
                found.append((hours, campaign, day, figures, (video, None, None, None, None)))
    return found


def build(slug: str):
    tenant = make_tenant(slug)
    account = make_account(tenant, external_id="act_1")
    campaigns = [make_campaign(tenant, account=account, external_id=str(number)) for number in range(3)]
    return tenant, account, campaigns


def row_of(campaigns, campaign, day, figures, extras) -> MetricRow:
    return MetricRow(campaigns[campaign].pk, day, *figures, *extras)


def left_by(tenant, campaigns) -> tuple:
    """Everything the numbers left, with campaigns as 0, 1, 2 and without row ids."""
    number = {campaign.pk: index for index, campaign in enumerate(campaigns)}

    def rows(model, *orders):
        hidden = {"id", "tenant", "ad_account"}
        names = [field.attname for field in model._meta.concrete_fields if field.name not in hidden]
        listed = model.objects.order_by(*orders).values(*names)
        return [{**row, "campaign_id": number.get(row.get("campaign_id"))} for row in listed]

    with tenant_context(tenant), transaction.atomic():
        sums = ("total_spend_cents", "impressions", "clicks", "conversions", "conversions_micros", "revenue_cents")
        return (
            rows(CampaignMetric, "campaign__external_id", "date"),
            rows(MetricRevision, "campaign__external_id", "date", "known_at"),
            rows(DailyTotal, "date"),
            list(Campaign.objects.order_by("external_id").values_list(*sums)),
        )


class HistoryEqualsReplay(TestCase):
    @given(histories())
    @settings(max_examples=60, deadline=None)
    def test_history_leaves_what_a_replay_leaves(self, history):
        loaded, account, ours = build("loaded")
        with tenant_context(loaded), transaction.atomic():
            readings = [(moment(hours), row_of(ours, *rest)) for hours, *rest in history]
            history_load(account=account, readings=readings, source=RevisionSource.DEMO, actor=ACTOR)
        replayed, account, theirs = build("replayed")
        with tenant_context(replayed), transaction.atomic():
            for hours in sorted({entry[0] for entry in history}):
                metrics_upsert(
                    account=account,
                    rows=[row_of(theirs, *rest) for at, *rest in history if at == hours],
                    source=RevisionSource.DEMO,
                    known_at=moment(hours),
                    actor=ACTOR,
                )
        assert left_by(loaded, ours) == left_by(replayed, theirs)


@pytest.fixture
def account(acme):
    return make_account(acme)


@pytest.fixture
def campaign(acme, account):
    return make_campaign(acme, account=account)


def load(account, readings) -> HistoryResult:
    with tenant_context(account.tenant_id), transaction.atomic():
        return history_load(account=account, readings=readings, source=RevisionSource.DEMO, actor=ACTOR)


def day(campaign, impressions=100, **values) -> MetricRow:
    main = {"clicks": 1, "spend_cents": 2, "conversions_micros": 0, "revenue_cents": 0}
    return MetricRow(campaign.pk, date(2026, 3, 1), impressions=impressions, **{**main, **values})


def test_history_counts_what_it_wrote_and_is_audited_once(acme, account, campaign):
    readings = [(moment(3), day(campaign, 30)), (moment(1), day(campaign, 10)), (moment(2), day(campaign, 10))]
    assert load(account, readings) == HistoryResult(days=1, revisions=1)
    with tenant_context(acme), transaction.atomic():
        fact = CampaignMetric.objects.get()
        assert (fact.impressions, fact.first_known_at, fact.known_at) == (30, moment(1), moment(3))
        entry = AuditLog.objects.get(resource_type="campaign_metrics")
        assert entry.new_value["revisions_added"] == 1


def test_an_empty_history_leaves_nothing(acme, account):
    assert load(account, []) == HistoryResult(0, 0)
    with tenant_context(acme), transaction.atomic():
        assert not AuditLog.objects.exists()


@pytest.mark.parametrize(
    ("readings", "complaint"),
    [
        (lambda c: [(moment(1), day(c)), (moment(1), day(c))], "twice"),
        (lambda c: [(moment(1), day(c, clicks=None))], "main figures"),
        (lambda c: [(moment(1), day(c, shares=1)), (moment(2), day(c))], "some readings only"),
        (lambda c: [(moment(1).replace(tzinfo=None), day(c))], "time zone"),
    ],
)
def test_an_unclear_history_is_refused_whole(acme, account, campaign, readings, complaint):
    with pytest.raises(ValueError, match=complaint):
        load(account, readings(campaign))
    with tenant_context(acme), transaction.atomic():
        assert not CampaignMetric.objects.exists()


def test_a_known_day_is_not_loaded_again(account, campaign):
    make_day(campaign, date(2026, 3, 1))
    with pytest.raises(ValueError, match="already"):
        load(account, [(moment(1), day(campaign))])


def test_a_campaign_of_another_account_is_refused(acme, account):
    stranger = make_campaign(acme, account=make_account(acme))
    with pytest.raises(ValueError, match="not one of this account"):
        load(account, [(moment(1), day(stranger))])
