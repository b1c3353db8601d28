"""Syncs against the simulated platforms: what arrives equals the platforms' own ledger, whatever happens on the way."""

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.choices import SyncTrigger
from campaigns.models import AdAccount, Campaign, CampaignChange, CampaignMetric, SyncRun
from campaigns.queries.sync import accounts_to_sync, runs_to_resume
from campaigns.services.rollups import rollups_rebuild
from campaigns.tests.factories import make_account, make_campaign, record_days
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from campaigns.tests.sync_helpers import advance, days_of, fresh, ledger_of, request, revisions, sync
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_money
from tenants.context import tenant_context

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_first_sync_equals_the_ledger(live_sandbox, acme, platform):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    run = sync(account)
    assert (run.status, run.error, run.done_steps) == ("done", "", run.total_steps)
    expected = ledger_of(live_sandbox, account)
    assert len(expected) > 100
    assert days_of(account) == expected
    account = fresh(account)
    assert (account.status, account.last_error, account.last_synced_at is None) == ("ok", "", False)
    with tenant_context(acme), transaction.atomic():
        changes = rollups_rebuild(account)
        assert (changes.campaigns, changes.daily_totals) == (0, 0)
        assert Campaign.objects.exclude(demographics_location=None).exists()
        assert not Campaign.objects.filter(last_synced_at=None).exclude(status="archived").exists()


def test_second_sync_writes_only_what_changed(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    sync(account)
    before = revisions(account)
    run = sync(account)
    # The market stands still: the same numbers again.
    assert (run.counts["days_changed"], run.counts["days_added"]) == (0, 0)
    assert revisions(account) == before
    assert "breakdowns_changed" not in run.counts  # once a day


def test_restated_history_arrives_with_its_revisions(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    today = timezone.now().date()
    live_sandbox.fault(
        "restate",
        account=account.external_id,
        since=(today - timedelta(days=20)).isoformat(),
        until=(today - timedelta(days=3)).isoformat(),
        factor=0.5,
    )
    run = sync(account)
    assert days_of(account) == ledger_of(live_sandbox, account)
    assert run.counts["days_changed"] > 20
    assert revisions(account) == run.counts["days_changed"]


def test_day_that_vanished_from_the_report_becomes_nothing(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["google"])
    sync(account)
    day = (timezone.now().date() - timedelta(days=5)).isoformat()
    # Google leaves out days whose numbers are all zero.
    live_sandbox.fault("restate", account=account.external_id, since=day, until=day, factor=0)
    sync(account)
    assert days_of(account) == ledger_of(live_sandbox, account)


PASSING = (
    {"kind": "rate_limit", "count": 2},
    {"kind": "server_error", "count": 7},
    {"kind": "html_gateway", "count": 6},
    {"kind": "connection_reset", "count": 6},
    {"kind": "truncated", "count": 3},
    {"kind": "duplicated_page", "count": 2},
    {"kind": "slow", "seconds": 0.3, "count": 2},
    {"kind": "token_expired", "count": 1},
)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault["kind"])
@pytest.mark.parametrize("platform", ["google", "snapchat"])
def test_passing_trouble_leaves_the_same_numbers(live_sandbox, acme, no_waiting, platform, fault):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    live_sandbox.fault(account=account.external_id, **fault)
    run = sync(account)
    assert (run.status, run.error) == ("done", "")
    assert days_of(account) == ledger_of(live_sandbox, account)
    assert fresh(account).last_error == ""


def test_pause_that_a_platform_asks_for_is_kept_and_shown(live_sandbox, acme, no_waiting):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    live_sandbox.fault("rate_limit", platform="meta", variant="account")
    run = request(account)
    assert advance(run) == "waiting"
    run = fresh(run)
    assert run.retry_at > timezone.now() + timedelta(seconds=50)
    assert "asked for a pause" in run.error
    assert advance(run) == "not_ours"  # nobody goes on before then
    assert runs_to_resume(run.retry_at + timedelta(seconds=1)) == [(acme.pk, run.pk)]
    assert runs_to_resume() == []
    assert (fresh(account).status, fresh(account).last_error) == ("ok", run.error)


@pytest.mark.parametrize(
    ("fault", "status"), [("token_revoked", "needs_reauth"), ("permission_revoked", "permission_lost")]
)
@pytest.mark.parametrize("platform", ACCOUNTS)
def test_lost_rights_end_the_run_and_tell_what_to_do(live_sandbox, acme, no_waiting, platform, fault, status):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    live_sandbox.fault(fault, account=account.external_id, count=None)
    run = sync(account)
    account = fresh(account)
    assert (run.status, account.status) == ("failed", status)
    assert account.last_error
    assert "token" not in account.last_error.lower()
    with tenant_context(acme), transaction.atomic():
        assert [one.pk for one in accounts_to_sync()] == []
    if status == "needs_reauth":
        with pytest.raises(DomainError):
            request(account)
    else:
        with tenant_context(acme), transaction.atomic():
            assert [one.pk for one in accounts_to_sync(timezone.now() + timedelta(hours=25))] == [account.pk]


def test_killed_worker_leaves_a_run_that_another_one_finishes(live_sandbox, acme, settings):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    assert advance(run, seconds=0) == "more"  # one step, then the worker is gone with the lease in its hands
    with tenant_context(acme), transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(lease="of a dead worker", heartbeat_at=timezone.now())
    assert advance(run) == "not_ours"
    later = timezone.now() + timedelta(seconds=settings.SYNC_LEASE_SECONDS + 1)
    assert runs_to_resume(later) == [(acme.pk, run.pk)]
    with tenant_context(acme), transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert advance(run) == "done"
    assert days_of(account) == ledger_of(live_sandbox, account)


def test_worker_that_lost_its_lease_writes_nothing(live_sandbox, acme, monkeypatch):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    assert advance(run, seconds=0) == "more"
    from campaigns.services.sync import run as module

    stored = module.days_store

    def robbed(**given):
        with tenant_context(acme), transaction.atomic():
            SyncRun.objects.filter(pk=run.pk).update(lease="of another worker")
        return stored(**given)

    monkeypatch.setattr(module, "days_store", robbed)
    assert advance(run) == "not_ours"
    assert days_of(account) == {}
    assert fresh(run).done_steps == 1


def test_one_run_at_a_time(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    first = request(account)
    assert request(account).pk == first.pk
    assert request(account, SyncTrigger.PERSON).pk == first.pk


def test_account_without_a_connection_is_refused(acme):
    with pytest.raises(DomainError) as refused:
        request(make_account(acme))
    assert refused.value.code == "not_connected"


def test_disconnected_account_ends_its_run(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    with tenant_context(acme), transaction.atomic():
        AdAccount.objects.update(status="disabled", connection=None)
    assert advance(run) == "failed"
    assert (fresh(run).error_code, fresh(account).status) == ("disconnected", "disabled")


# --- Campaigns ------------------------------------------------------------------------------------------------


def campaigns_of(account: AdAccount) -> dict[str, Campaign]:
    with tenant_context(account.tenant_id), transaction.atomic():
        return {one.external_id: one for one in Campaign.objects.filter(ad_account=account)}


def changes_of(account: AdAccount) -> list[CampaignChange]:
    with tenant_context(account.tenant_id), transaction.atomic():
        return list(CampaignChange.objects.filter(campaign__ad_account=account).order_by("pk"))


def outside_pause(sandbox, account: AdAccount, campaign: Campaign) -> None:
    """Somebody pauses a campaign in Meta's own interface."""
    headers = sandbox.auth("meta")
    answer = sandbox.send("POST", f"/v26.0/{campaign.external_id}", headers=headers, form={"status": "PAUSED"})
    assert answer.status == 200, answer.text


def test_outside_edit_is_found_recorded_and_dated(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    assert changes_of(account) == []  # what was there at first is nobody's change
    campaign = next(one for one in campaigns_of(account).values() if one.status == "active")
    outside_pause(live_sandbox, account, campaign)
    sync(account)
    (change,) = changes_of(account)
    assert (change.campaign_id, change.origin, change.state) == (campaign.pk, "outside", "applied")
    assert (change.field, change.old_status, change.new_status) == ("status", "active", "paused")
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get(resource_type="campaigns", resource_id=str(campaign.pk))
    assert (entry.old_value["status"], entry.new_value["status"]) == ("active", "paused")


def test_change_of_ours_is_not_taken_back_by_an_older_listing(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    campaign = next(one for one in campaigns_of(account).values() if one.status == "active")
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(status="paused")
        CampaignChange.objects.create(
            campaign=campaign,
            field="status",
            old_status="active",
            new_status="paused",
            origin="person",
            state="sending",
        )
    sync(account)
    assert campaigns_of(account)[campaign.external_id].status == "paused"
    assert len(changes_of(account)) == 1


def test_absent_campaign_is_archived_with_its_numbers(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    gone = make_campaign(acme, account=account, name="Deleted at TikTok", external_id="99")
    day = timezone.now().date() - timedelta(days=2)
    record_days(gone, {day: {"spend_cents": 700, "impressions": 10}})
    sync(account)
    gone = fresh(gone)
    assert (gone.status, gone.total_spend_cents) == ("archived", 700)
    (change,) = changes_of(account)
    assert (change.old_status, change.new_status, change.origin) == ("active", "archived", "outside")


def test_campaign_known_by_name_from_an_import_is_recognised(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    name = live_sandbox.world.market.catalogue.of_account(account.external_id)[0].name
    imported = make_campaign(acme, account=account, name=name, external_id="name:abc")
    long_ago = timezone.now().date() - timedelta(days=300)
    record_days(imported, {long_ago: {"spend_cents": 500}})
    sync(account)
    same = [one for one in campaigns_of(account).values() if one.name == name]
    assert [one.pk for one in same] == [imported.pk]
    assert not same[0].external_id.startswith("name:")
    with tenant_context(acme), transaction.atomic():
        assert CampaignMetric.objects.filter(campaign=imported, date=long_ago).exists()


def test_budget_that_moved_to_the_ad_sets_is_taken_off(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    locked = next(one for one in campaigns_of(account).values() if one.budget_lock == "lifetime")
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=locked.pk).update(daily_budget_cents=12345)
    sync(account)
    assert campaigns_of(account)[locked.external_id].daily_budget_cents is None
    assert [change.new_budget_cents for change in changes_of(account)] == [None]


def test_campaigns_over_the_plan_are_kept_counted_and_marked(live_sandbox, acme):
    with tenant_context(acme), transaction.atomic():
        acme.max_campaigns = 3
        acme.save(update_fields=["max_campaigns"])
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    assert days_of(account) == ledger_of(live_sandbox, account)
    marked = [one.over_limit for one in campaigns_of(account).values() if one.status != "archived"]
    assert (len(marked) - sum(marked), sum(marked) > 0) == (3, True)
    before = {key for key, one in campaigns_of(account).items() if not one.over_limit}
    sync(account)
    assert {key for key, one in campaigns_of(account).items() if not one.over_limit} == before  # places are kept
    with tenant_context(acme), transaction.atomic():
        acme.max_campaigns = 500
        acme.save(update_fields=["max_campaigns"])
    sync(account)
    assert not any(one.over_limit for one in campaigns_of(account).values())


def test_accounts_of_two_workspaces_do_not_meet(live_sandbox, acme, globex):
    ours, theirs = (connected(tenant, live_sandbox, ACCOUNTS["tiktok"]) for tenant in (acme, globex))
    sync(ours)
    assert days_of(theirs) == {}
    sync(theirs)
    assert days_of(theirs) == days_of(ours)
    with tenant_context(globex), transaction.atomic():
        assert {run.ad_account_id for run in SyncRun.objects.all()} == {theirs.pk}


def test_market_that_moves_on_is_followed(acme, settings):
    """Ten days later: late conversions, restated clicks, new days; every one of them as the ledger has it."""
    from stratum.sandbox.tests.live import LiveSandbox, serving

    opening = timezone.now().date() - timedelta(days=10)
    with serving(LiveSandbox(opening=opening)) as sandbox:
        for name, value in sandbox.settings().items():
            setattr(settings, name, value)
        accounts = [connected(acme, sandbox, ACCOUNTS[platform]) for platform in ("meta", "google")]
        for step in (0, 1, 9):
            sandbox.advance(days=step)
            with tenant_context(acme), transaction.atomic():
                AdAccount.objects.update(deep_synced_at=None)  # the deep sync of the day is due
            for account in accounts:
                assert sync(account).status == "done"
                assert days_of(account) == ledger_of(sandbox, account)
        assert revisions(accounts[0]) > 50


def test_newest_days_come_first(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    assert [advance(run, seconds=0), advance(run, seconds=0)] == ["more", "more"]  # the listing, one chunk of days
    newest = max(day for _campaign, day in ledger_of(live_sandbox, account))
    days = {day for _campaign, day in days_of(account)}
    assert (max(days), (newest - min(days)).days < 14) == (newest, True)


def test_the_deep_sync_of_the_day_is_done_once_its_days_are_in(live_sandbox, acme):
    """Whatever becomes of the breakdowns after them: or a platform without them would be read whole every hour."""
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    while not run.plan or run.plan[run.done_steps]["kind"] != "breakdowns":
        with tenant_context(acme), transaction.atomic():
            assert AdAccount.objects.get(pk=account.pk).deep_synced_at is None
        advance(run, seconds=0)
        with tenant_context(acme), transaction.atomic():
            run.refresh_from_db()
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get(pk=account.pk).deep_synced_at == run.started_at


def test_dashboard_total_equals_the_ledger_to_the_cent(live_sandbox, acme, client_of):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    sync(account)
    last = timezone.now().date() - timedelta(days=2)
    first = last - timedelta(days=6)
    spend = sum(row["spend"] or 0 for row in live_sandbox.ledger(account.external_id, first, last).values())
    query = {"range": "custom", "from": first.isoformat(), "to": last.isoformat(), "format": "csv", "columns": "spend"}
    with transaction.atomic():
        analyst = client_of(make_user(acme, "analyst"))
    lines = b"".join(analyst.get("/campaigns/export/", query).streaming_content).decode("utf-8-sig").splitlines()
    rows = list(csv.DictReader(lines))
    shown = sum(Decimal(row["Spend (USD)"] or 0) for row in rows)
    assert shown == Decimal(spend).scaleb(-2)
    home = analyst.get("/", {key: query[key] for key in ("range", "from", "to")}).content.decode()
    assert format_money(spend, "USD", 2, whole=True) in home
