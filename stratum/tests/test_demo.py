"""The loaded demo: two workspaces that look alike, with a past, and a rule that has something to catch."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.test import override_settings

from accounts.backends import WorkspaceBackend
from accounts.models import AuditLog, EmailMessage, User
from campaigns.models import AdAccount, Campaign, CampaignMetric, DailyTotal, ExchangeRate, ImportBatch, MetricRevision
from campaigns.queries.conversion import conversion_for
from campaigns.services.rollups import rollups_rebuild
from competitors.models import CompetitorBenchmark
from creatives.models import CreativeAsset
from mlcache.models import MLPrediction
from rules.models import Alert, Escalation, Rule, RuleExecution
from rules.queries.account import rule_account
from rules.queries.deliveries import deliveries_of, told
from rules.services.evaluation import rules_evaluate
from stratum.demo.automation import HASTY, STOP_LOSS, STOP_LOSS_LABEL
from stratum.demo.build import Built, build_demo, span_of
from stratum.demo.catalogue import BROKEN, LONG_NAME, NEW_YORK
from stratum.demo.logins import DEMO_LOGINS, DEMO_PASSWORD, SHARED_EMAIL
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppTemplate

TODAY = date(2026, 10, 15)
SPAN = span_of(120, TODAY)

# Each test runs in a savepoint of the module's transaction.
pytestmark = pytest.mark.django_db
NUMBERS = ("date", "impressions", "clicks", "conversions", "spend_cents", "revenue_cents")


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Built]:
    """Built once for this module, and gone with its transaction."""
    quick = override_settings(
        MEDIA_ROOT=tmp_path_factory.mktemp("files"), PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]
    )
    with quick, django_db_blocker.unblock(), transaction.atomic():
        yield build_demo(span=SPAN)
        transaction.set_rollback(True)


@pytest.fixture
def main(demo) -> Iterator[Tenant]:
    """The main agency, bound."""
    with tenant_context(demo.workspaces[1]):
        yield demo.workspaces[1]


def in_each(demo, read):
    answers = []
    for tenant in demo.workspaces[1:]:
        with tenant_context(tenant), transaction.atomic():
            answers.append(read())
    return answers


def test_the_workspaces_are_marked_as_demo(demo):
    assert all(tenant.is_demo for tenant in demo.workspaces)


def test_every_printed_login_works(demo):
    with unscoped("test: ids of workspaces by address"), transaction.atomic():
        ids = dict(Tenant.objects.values_list("slug", "pk"))
    for _label, workspaces, email, password in DEMO_LOGINS:
        for slug in workspaces.split(" or "):
            assert WorkspaceBackend().authenticate(None, email=email, password=password, tenant_id=ids[slug]), (
                email,
                slug,
            )


def test_the_freelancer_is_asked_for_the_workspace(demo):
    people = WorkspaceBackend().workspaces(SHARED_EMAIL, DEMO_PASSWORD)
    assert {tenant.name for tenant in people} == {"Northwind Agency", "Northbound Agency"}


def test_there_is_a_person_of_every_role(demo):
    roles = in_each(demo, lambda: set(User.objects.values_list("role", flat=True)))
    assert roles == [{"admin", "manager", "analyst", "viewer"}] * 2


def test_the_agencies_look_alike_and_share_no_number(demo):
    ours, theirs = in_each(demo, lambda: dict(Campaign.objects.values_list("name", "total_spend_cents")))
    assert len(ours) > 50
    assert theirs.keys() < ours.keys()
    assert not {ours[name] for name in theirs if ours[name]} & {spend for spend in theirs.values() if spend}
    external = in_each(demo, lambda: set(Campaign.objects.values_list("external_id", flat=True)))
    assert not external[0] & external[1]
    accounts = in_each(demo, lambda: set(AdAccount.objects.values_list("external_id", flat=True)))
    assert not accounts[0] & accounts[1]


def test_names_are_of_every_kind(main):
    names = set(Campaign.objects.values_list("name", flat=True))
    assert len(LONG_NAME) > 150
    assert {LONG_NAME, "Total Rewards Brand", "🔥 Flash Sale – 48 h", "حملة العروض الصيفية – الرياض"} <= names


def test_campaigns_carry_labels_and_all_statuses(main):
    assert Campaign.objects.labelled("summer").count() >= 5
    assert Campaign.objects.labelled("brand").count() >= 3
    assert set(Campaign.objects.values_list("status", flat=True)) == {
        "draft", "active", "paused", "completed", "archived",
    }  # fmt: skip


def test_numbers_span_the_days_up_to_a_partial_today(main):
    days = CampaignMetric.objects.aggregate(count=Count("date", distinct=True))["count"]
    assert days == 121
    today = CampaignMetric.objects.filter(date=TODAY, campaign__name=LONG_NAME).get()
    yesterday = CampaignMetric.objects.filter(date=TODAY - timedelta(days=1), campaign__name=LONG_NAME).get()
    assert 0 < today.spend_cents < 0.8 * yesterday.spend_cents


def test_yen_have_no_decimals(main):
    yen = Campaign.objects.filter(currency="JPY").exclude(clicks=0).first()
    assert 40 < yen.cpc_cents < 600


def test_roll_ups_agree_with_the_facts(main):
    changes = rollups_rebuild()
    assert (changes.campaigns, changes.daily_totals) == (0, 0)
    facts = CampaignMetric.objects.aggregate(total=Sum("spend_cents"))["total"]
    assert DailyTotal.objects.aggregate(total=Sum("spend_cents"))["total"] == facts > 0


def test_every_currency_can_be_converted_on_every_day(main):
    conversion = conversion_for("USD", [(SPAN.first, TODAY)])
    assert conversion.refused == (frozenset(),)
    assert {span.currency for span in conversion.spans} == {"EUR", "JPY"}


def test_a_report_was_imported_by_the_manager(main):
    batch = ImportBatch.objects.get()
    assert (batch.status, batch.uploaded_by.role) == ("done", "manager")
    assert batch.counts["days_added"] == CampaignMetric.objects.filter(import_batch=batch).count() == 90
    account = AdAccount.objects.get(name="Northwind Outlet")
    assert (account.currency, account.timezone) == ("EUR", "Europe/Berlin")


def test_the_imported_report_adds_up(main):
    control = ImportBatch.objects.get().control
    assert control["lines"]
    assert all(line["total"] is not None and line["within"] for line in control["lines"]), control


def test_late_conversions_are_revisions(main):
    """Of days that are two months old: what was known three days later, and ten days later, against now."""
    start, end = TODAY - timedelta(days=90), TODAY - timedelta(days=62)
    with connection.cursor() as cursor:
        known = {}
        for age in (1, 3, 10, 61):
            cursor.execute(
                """
                SELECT sum(coalesce(
                    (SELECT r.new_conversions_micros FROM metric_revisions r
                     WHERE r.campaign_id = m.campaign_id AND r.date = m.date AND r.known_at < m.date + %(age)s + 1
                     ORDER BY r.known_at DESC LIMIT 1),
                    (SELECT r.old_conversions_micros FROM metric_revisions r
                     WHERE r.campaign_id = m.campaign_id AND r.date = m.date ORDER BY r.known_at LIMIT 1),
                    coalesce(m.conversions_micros, m.conversions * 1000000)))
                FROM campaign_metrics m WHERE m.date BETWEEN %(start)s AND %(end)s
                """,
                {"age": age, "start": start, "end": end},
            )
            known[age] = float(cursor.fetchone()[0])
    shares = {age: value / known[61] for age, value in known.items()}
    assert shares[1] < 0.35
    assert shares[3] == pytest.approx(0.48, abs=0.1)
    assert 0.7 < shares[10] < 0.92


def test_revisions_are_marked_as_demo_and_never_from_the_future(main):
    assert set(MetricRevision.objects.values_list("source", flat=True)) == {"demo"}
    assert not MetricRevision.objects.filter(known_at__gt=SPAN.as_of).exists()
    synced = CampaignMetric.objects.filter(import_batch=None)
    assert not synced.filter(known_at__gt=SPAN.as_of).exists()
    assert not MetricRevision.objects.filter(known_at__lt=F("date")).exists()


def test_the_stop_loss_rules_catch_the_broken_campaign(main):
    counts = rules_evaluate(now=SPAN.as_of)
    assert counts is not None
    caught = Alert.objects.filter(rule__name=STOP_LOSS).values_list("campaign__name", flat=True)
    assert list(caught) == [BROKEN]
    assert list(Campaign.objects.labelled("stop-loss").values_list("name", flat=True)) == [BROKEN]
    triggered = set(Rule.objects.filter(trigger_count__gt=0).values_list("name", flat=True))
    assert triggered == {STOP_LOSS, STOP_LOSS_LABEL, HASTY}


def test_one_rule_has_a_past_to_account_for(main):
    rule = Rule.objects.get(name=HASTY)
    end = SPAN.today - timedelta(days=1)
    days = {"start": end - timedelta(days=29), "end": end, "zone": ZoneInfo(NEW_YORK)}
    found = rule_account(rule.pk, **days, now=SPAN.as_of, currency="USD")
    assert found.counts.acted == rule.trigger_count > 10
    assert 0 < found.later.wrong < found.later.judged == found.counts.acted
    assert found.later.revenue[0].came > 0
    # Who is held out follows from the ids, which differ from build to build.
    held_out = RuleExecution.objects.filter(rule=rule, outcome="shadow", condition_result__gate__why="holdout")
    assert (found.comparison is not None) == held_out.exists()
    assert len(set(held_out.values_list("campaign_id", flat=True))) == held_out.count()


def test_rules_stand_in_every_status(main):
    assert set(Rule.objects.values_list("status", flat=True)) == {"active", "paused", "draft"}


def test_the_incident_left_an_alert(main):
    alert = Alert.objects.get(cause__startswith="tracking:")
    assert "Meta" in alert.title
    assert alert.first_at < SPAN.as_of - timedelta(days=14)


def test_people_were_told_of_the_incident_in_several_ways(main):
    alert = Alert.objects.get(cause__startswith="tracking:")
    lines = told(list(deliveries_of(alert)))
    assert {line.words for line in lines} >= {"Sent", "Read", "Not told", "Not sent on purpose"}
    assert "the contact has not agreed to messages yet" in {line.why for line in lines}
    assert {line.delivery.step for line in lines} == {0, 1}
    assert set(Escalation.objects.filter(is_on=True).values_list("severity", flat=True)) == {"critical", "warning"}
    # Nothing of the past is sent when the demo starts.
    assert not EmailMessage.objects.filter(state="pending").exists()


@pytest.mark.parametrize(
    "model", [CreativeAsset, CompetitorBenchmark, MLPrediction, WhatsAppContact, WhatsAppTemplate, WhatsAppMessage]
)
def test_no_table_of_the_admin_is_empty(main, model):
    assert model.objects.exists()


def test_predictions_lie_within_their_interval(main):
    for prediction in MLPrediction.objects.all():
        assert prediction.confidence_lower <= prediction.prediction_value <= prediction.confidence_upper


def test_everything_is_audited_as_the_demo(main):
    kinds = set(AuditLog.objects.values_list("actor_kind", "actor_label").distinct())
    assert {kind for kind, _label in kinds} == {"system", "user", "import"}  # the report was a person's
    assert {label for kind, label in kinds if kind == "system"} == {"demo"}
    created = set(AuditLog.objects.filter(action="create").values_list("resource_type", flat=True))
    assert created >= {"tenants", "users", "ad_accounts", "campaigns", "campaign_metrics", "rules", "alerts"}


def test_the_same_seed_and_day_build_the_same_numbers(demo):
    def numbers():
        listed = CampaignMetric.objects.order_by("campaign__external_id", "date")
        return list(listed.values_list("campaign__external_id", *NUMBERS))

    first = in_each(demo, numbers)
    with transaction.atomic():
        again = build_demo(span=SPAN, replace=demo.workspaces)
        assert in_each(again, numbers) == first
        transaction.set_rollback(True)


def test_rates_of_the_central_bank_are_not_replaced(demo):
    with transaction.atomic():
        rate = ExchangeRate.objects.filter(currency="USD").latest("date")
        ExchangeRate.objects.filter(pk=rate.pk).update(per_euro="1.5", source="ecb")
        build_demo(span=SPAN, replace=demo.workspaces)
        rate.refresh_from_db()
        assert (float(rate.per_euro), rate.source) == (1.5, "ecb")
        transaction.set_rollback(True)


def test_a_given_day_is_read_in_its_afternoon():
    assert span_of(30, date(2026, 1, 31)).as_of == datetime(2026, 1, 31, 15, tzinfo=UTC)
    assert span_of(30, date(2026, 1, 31)).first == date(2026, 1, 1)
