import datetime

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from campaigns.models import ImportBatch, SyncRun
from campaigns.tests.factories import make_account, make_campaign, make_connected_account, record_days
from rules.models import Alert, Rule
from tenants.choices import JobOutcome
from tenants.context import tenant_context
from tenants.models import JobRun

TODAY = timezone.now().date()
# Two days back is a full day in every zone.
DAY = TODAY - datetime.timedelta(days=2)
HOME_QUERIES = 19
SEARCH_QUERIES = 8


@pytest.fixture
def own_cache(settings):
    """A cache that no other process clears in between: completeness is learnt once an hour, then it costs nothing."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "home"}}


def days(last=DAY, count=60, **values):
    given = {"spend_cents": 10_000, "revenue_cents": 20_000, "impressions": 1000, "clicks": 10, **values}
    return {last - datetime.timedelta(days=back): given for back in range(count)}


def text_of(client, path="/", **headers):
    return client.get(path, headers=headers).content.decode()


def test_an_empty_workspace_is_led_to_its_first_dashboard(acme, manager, client_of):
    text = text_of(client_of(manager))
    assert "First steps" in text
    assert "Import a report" in text
    assert reverse("rules:rule_create") in text


def test_first_steps_offer_only_what_the_person_may_do(acme, viewer, client_of):
    text = text_of(client_of(viewer))
    assert "First steps" in text
    assert reverse("rules:rule_create") not in text


def test_first_steps_lead_to_the_platforms_where_there_are_any(acme, admin, manager, client_of, live_sandbox, settings):
    text = text_of(client_of(admin))
    assert "Or connect an ad account" in text
    assert "Try it with simulated accounts." in text
    assert "Or connect an ad account" not in text_of(client_of(manager))
    settings.SANDBOX_URL = ""
    assert "simulated" not in text_of(client_of(admin))
    for platform in ("META", "GOOGLE", "TIKTOK", "SNAPCHAT", "LINKEDIN"):
        setattr(settings, f"{platform}_CLIENT_ID", "")
    assert "Or connect an ad account" not in text_of(client_of(admin))


def test_broken_connections_and_failed_syncs_stand_first(acme, viewer, client_of):
    yesterday = TODAY - datetime.timedelta(days=1)
    accounts = {
        name: make_connected_account(acme, name=name, status=status, last_error=error)
        for name, status, error in (
            ("Broken", "needs_reauth", "Meta no longer accepts it."),
            ("Failing", "ok", ""),
            ("Ended", "disabled", "Old words"),
        )
    }
    for account in accounts.values():
        record_days(make_campaign(acme, account=account), days(last=yesterday, count=5))
    with tenant_context(acme), transaction.atomic():
        SyncRun.objects.create(
            ad_account=accounts["Failing"], status="failed", error="Meta refused: no", finished_at=timezone.now()
        )
    text = text_of(client_of(viewer)).split("attention-title")[2]
    for part in ("Broken (Meta): Needs re-authorisation", "Meta no longer accepts it.", "Connect again",
                 "Failing (Meta): the last sync failed", "Meta refused: no",
                 f"/accounts/{accounts['Failing'].pk}/syncs/"):  # fmt: skip
        assert part in text
    assert text.index("Broken (Meta)") < text.index("Failing (Meta)")
    assert "Ended (Meta)" not in text
    assert "Old words" not in text


def test_freshness_shows_what_syncs_are_at(acme, viewer, client_of):
    yesterday = TODAY - datetime.timedelta(days=1)
    running, resting = (make_connected_account(acme, name=name) for name in ("Running", "Resting"))
    simulated = make_account(acme, name="Imported", is_sandbox=True)
    for account in (running, resting, simulated):
        record_days(make_campaign(acme, account=account), days(last=yesterday, count=5))
    with tenant_context(acme), transaction.atomic():
        SyncRun.objects.create(ad_account=running, done_steps=1, total_steps=4)
    text = text_of(client_of(viewer)).split("fresh-title")[2]
    assert "Syncing now · 25 %" in text
    assert text.count("Next sync at") == 1
    assert text.count("Simulated") == 1


def test_home_sums_the_workspace_alone(acme, globex, viewer, client_of):
    record_days(make_campaign(acme, name="Ours"), days())
    record_days(make_campaign(globex, name="Theirs"), days(spend_cents=777_700))
    text = text_of(client_of(viewer), "/?range=7d")
    assert "$600.00" in text  # yesterday has not come in yet
    # As amounts, of a day and of all: nonces and fingerprints in the page are random.
    assert "7,777" not in text
    assert "46,662" not in text
    assert "Theirs" not in text


@pytest.mark.parametrize("campaigns", [1, 3])
def test_home_takes_the_same_queries_for_any_number(
    acme, viewer, client_of, campaigns, django_assert_num_queries, own_cache
):
    for number in range(campaigns):
        account = make_account(acme, name=f"Account of {number}")
        record_days(make_campaign(acme, account=account, daily_budget_cents=10_000), days(count=40))
        with tenant_context(acme), transaction.atomic():
            Alert.objects.create(title=f"Alert {number}", cause=str(number))
            JobRun.objects.create(tenant=acme, job=f"job.{number}", outcome=JobOutcome.FAILED, error="broke")
    client = client_of(viewer)
    client.get("/")
    with django_assert_num_queries(HOME_QUERIES):
        client.get("/")


@pytest.mark.parametrize(
    "query", ["", "range=7d&compare=off", "by=roas&since=range", "by=x&since=y&course=z", "course=platforms&range=90d"]
)
def test_home_opens_with_any_choice(acme, viewer, client_of, query):
    record_days(make_campaign(acme), days())
    response = client_of(viewer).get(f"/?{query}")
    assert response.status_code == 200


def test_home_without_numbers_says_so(acme, viewer, client_of):
    make_campaign(acme)
    text = text_of(client_of(viewer))
    assert "No numbers in these days." in text
    assert "No spend in these days." in text


def test_what_is_wrong_stands_first(acme, globex, viewer, client_of):
    late = make_account(acme, name="Late account")
    record_days(make_campaign(acme, account=late), days(last=TODAY - datetime.timedelta(days=12), count=3))
    with tenant_context(acme), transaction.atomic():
        Alert.objects.create(title="Overspent", cause="one", severity="critical")
        JobRun.objects.create(tenant=acme, job="rules.evaluate_tenant", outcome=JobOutcome.FAILED, error="It broke")
        ImportBatch.objects.create(
            status="refused", filename="week.csv", file="x", file_sha256="a" * 64, error="One row per week."
        )
    with tenant_context(globex), transaction.atomic():
        Alert.objects.create(title="Foreign", cause="one", severity="critical")
    text = text_of(client_of(viewer))
    for part in ("1 open alert", "Late account (Meta): 11 days behind", "week.csv", "One row per week.", "It broke"):
        assert part in text
    assert text.index("1 open alert") < text.index("Late account (Meta)")
    assert "Nothing is wrong" not in text


def test_a_job_that_succeeded_since_needs_nobody(acme, viewer, client_of):
    record_days(make_campaign(acme), days(last=TODAY - datetime.timedelta(days=1)))
    now = timezone.now()
    with tenant_context(acme), transaction.atomic():
        for minutes, outcome in ((50, JobOutcome.FAILED), (5, JobOutcome.DONE)):
            started = now - datetime.timedelta(minutes=minutes)
            JobRun.objects.create(tenant=acme, job="rules.evaluate_tenant", outcome=outcome, started_at=started)
    text = text_of(client_of(viewer))
    assert "Background job failed" not in text
    assert "Nothing is wrong" in text


def test_what_moved_names_the_campaigns(acme, viewer, client_of):
    rising, falling = make_campaign(acme, name="Rising"), make_campaign(acme, name="Falling")
    yesterday = TODAY - datetime.timedelta(days=1)
    for campaign, before, now in ((rising, 1_000, 5_000), (falling, 4_000, 500)):
        values = {yesterday - datetime.timedelta(days=1): before, yesterday: now}
        record_days(campaign, {day: {"spend_cents": cents, "impressions": 100} for day, cents in values.items()})
    fragment = text_of(client_of(viewer), "/?by=spend", **{"HX-Request": "true", "HX-Target": "home-moved"})
    assert "<html" not in fragment
    assert "+$40.00" in fragment
    assert "−$35.00" in fragment
    assert fragment.index("Rising") < fragment.index("Falling")


def test_changes_are_not_shown_against_a_period_that_is_not_known(acme, viewer, client_of):
    record_days(make_campaign(acme), days(count=35))
    text = text_of(client_of(viewer), "/?range=30d")
    assert "No changes are shown" in text
    assert "new" not in text.split('class="kpi-row"')[1].split("</section>")[0].split("kpi-foot")[1]


def test_search_finds_what_is_the_workspaces_own(acme, globex, viewer, client_of):
    make_campaign(acme, name="Winter shoes", account=make_account(acme, name="Winter account"))
    make_campaign(globex, name="Winter secret")
    with tenant_context(acme), transaction.atomic():
        Rule.objects.create(
            name="Winter guard", condition_field="roas", condition_operator="less_than", condition_value="1",
            action_type="send_alert",
        )  # fmt: skip
    client = client_of(viewer)
    text = text_of(client, "/search/?q=winter")
    for part in ("Winter shoes", "Winter account", "Winter guard"):
        assert part in text
    assert "Winter secret" not in text
    assert "<html" not in text_of(client, "/search/?q=winter", **{"HX-Request": "true"})


@pytest.mark.parametrize(
    ("q", "says"), [("", ""), ("w", "at least two letters"), ("zzz", "Nothing matches"), ("\0\0\0", "")]
)
def test_search_without_a_find(acme, viewer, client_of, q, says):
    response = client_of(viewer).get("/search/", {"q": q})
    assert response.status_code == 200
    assert says in response.content.decode()


@pytest.mark.parametrize("rows", [1, 3])
def test_search_takes_the_same_queries_for_any_number(acme, viewer, client_of, rows, django_assert_num_queries):
    for _number in range(rows):
        make_campaign(acme, name="Winter")
    client = client_of(viewer)
    with django_assert_num_queries(SEARCH_QUERIES):
        client.get("/search/?q=winter")


def test_search_leads_to_places(acme, viewer, client_of):
    assert reverse("campaigns:data_health") in text_of(client_of(viewer), "/search/?q=health").split("Results")[1]
