"""Syncs by several workers at the same moment, and beside people: nothing twice, nobody waits in a circle."""

import multiprocessing
import os
import signal
from datetime import date, timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from campaigns import tasks
from campaigns.choices import RevisionSource, SyncTrigger
from campaigns.clients import registry
from campaigns.models import AdAccount, Campaign, Connection, SyncRun
from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.queries.sync import accounts_to_sync
from campaigns.services.accounts import accounts_lock
from campaigns.services.campaigns import campaigns_label
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.services.plan_limit import plan_limit_apply
from campaigns.services.platforms import client_of, wire_account
from campaigns.services.sync import run as run_module
from campaigns.services.sync.runs import MAX_ATTEMPTS
from campaigns.tests.at_once import Other, in_threads
from campaigns.tests.factories import make_account, make_campaign, record_days
from campaigns.tests.sandbox_cast import ACCOUNTS, connected, grant
from campaigns.tests.sync_helpers import ACTOR, advance, days_of, fresh, ledger_of, request, revisions, sync
from tenants.context import tenant_context

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2026, 11, 2)


def sums_agree(tenant):
    with tenant_context(tenant), transaction.atomic():
        return campaign_differences() == day_differences() == []


def test_two_workers_bring_one_run_in_once(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    assert sorted(in_threads(*[lambda: advance(run)] * 2)) == ["done", "not_ours"]
    assert (days_of(account), revisions(account)) == (ledger_of(live_sandbox, account), 0)
    assert fresh(run).done_steps == fresh(run).total_steps


def test_many_runs_and_many_workers_do_not_meet(live_sandbox, acme, globex):
    accounts = [connected(acme, live_sandbox, ACCOUNTS[platform]) for platform in ("meta", "google", "tiktok")]
    accounts += [connected(globex, live_sandbox, ACCOUNTS[platform]) for platform in ("tiktok", "google")]
    with tenant_context(acme), transaction.atomic():
        acme.max_campaigns = 4  # every listing has campaigns to mark, of all accounts
        acme.save(update_fields=["max_campaigns"])
    runs = [request(account) for account in accounts]
    turns = in_threads(*[lambda run=run: advance(run) for run in runs * 2])
    assert sorted(turns) == ["done"] * 5 + ["not_ours"] * 5
    for account in accounts:
        assert (days_of(account), revisions(account)) == (ledger_of(live_sandbox, account), 0)
    with tenant_context(acme), transaction.atomic():
        plan_limit_apply()
        assert Campaign.objects.filter(over_limit=False).exclude(status="archived").count() == 4
    assert sums_agree(acme)
    assert sums_agree(globex)


def test_one_account_is_asked_for_once_by_many(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    runs = in_threads(*[lambda: request(account, SyncTrigger.PERSON)] * 6)
    assert len({run.pk for run in runs}) == 1


# --- Who takes which row first ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_waiting")
def test_person_who_hurries_a_run_and_its_failing_worker_do_not_block_each_other(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    run = request(account)
    live_sandbox.fault("rate_limit", platform="meta", variant="account")
    with tenant_context(acme), transaction.atomic():
        accounts_lock([account.pk])  # as sync_request does before it looks at the run
        worker = Other(lambda: advance(run))
        worker.wait_until_blocked()
        SyncRun.objects.filter(pk=run.pk).update(retry_at=None)
    assert worker.join() == "waiting"


def test_marking_the_plans_limit_waits_for_nobody_who_waits_for_it(acme):
    campaign = make_campaign(acme)
    make_campaign(acme)
    with tenant_context(acme), transaction.atomic():
        acme.max_campaigns = 0
        acme.save(update_fields=["max_campaigns"])
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(name="Being written")  # by the step of another account
        other = Other(lambda: mark(acme))
        other.wait_until_blocked()
        assert plan_limit_apply() == 1 + 1
    assert other.join() in (1, 2)
    assert mark(acme) == 2


def mark(tenant):
    with tenant_context(tenant):
        return plan_limit_apply()


def test_numbers_and_a_bulk_edit_do_not_block_each_other(acme):
    account = make_account(acme)
    first, second = make_campaign(acme, account=account), make_campaign(acme, account=account)
    record_days(second, {DAY: {"spend_cents": 1}})
    # The changed day belongs to the second campaign, the new one to the first: written in this order.
    rows = [MetricRow(second.pk, DAY, spend_cents=2), MetricRow(first.pk, DAY, spend_cents=3)]

    def store():
        with tenant_context(acme):
            return metrics_upsert(
                account=account, rows=rows, source=RevisionSource.SYNC, known_at=timezone.now(), actor=ACTOR
            ).rows

    with tenant_context(acme), transaction.atomic():
        Campaign.objects.select_for_update(no_key=True).get(pk=first.pk)
        worker = Other(store)
        worker.wait_until_blocked()
        ids = [first.pk, second.pk]
        assert campaigns_label(campaign_ids=ids, label="Q4", operation="label_added", actor=ACTOR)[0] == 2
    assert worker.join() == 2
    assert sums_agree(acme)


# --- Workers that die --------------------------------------------------------------------------------------------


def killed_at_commit(tenant_id, run_id, number, *, before):
    """A worker process that is gone with SIGKILL right before, or right after, its commit of that number."""
    context = multiprocessing.get_context("fork")

    def work():
        registry._shared_http.cache_clear()  # sockets of the parent
        own, done = connections["default"], 0
        commit = own._commit

        def deadly():
            nonlocal done
            done += 1
            if before and done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            commit()
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)

        own._commit = deadly
        with tenant_context(tenant_id):
            run_module.sync_advance(run_id=run_id, seconds=60)

    connections.close_all()
    process = context.Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


# What a worker commits until a step is in: the lease, the account it read, the phase, the step.
COMMITS_OF_A_STEP = 4


@pytest.mark.parametrize("platform", ["tiktok", "google"])
def test_worker_killed_around_every_commit_leaves_what_the_next_one_finishes(live_sandbox, acme, platform, settings):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    sync(account)
    today = timezone.now().date()
    since, until = today - timedelta(days=80), today - timedelta(days=2)
    live_sandbox.fault(
        "restate", account=account.external_id, since=since.isoformat(), until=until.isoformat(), factor=0.5
    )
    with tenant_context(acme), transaction.atomic():
        AdAccount.objects.update(deep_synced_at=None)
    run = request(account)
    assert advance(run, seconds=0) == "more"  # the plan is made, the listing is in
    steps = fresh(run).total_steps
    for done in range(1, steps):
        for number in range(1, COMMITS_OF_A_STEP + 1):
            for before in (True, False):
                assert killed_at_commit(acme.pk, run.pk, number, before=before) == -signal.SIGKILL
                age(run, settings.SYNC_LEASE_SECONDS + 1)
                is_in = number == COMMITS_OF_A_STEP and not before
                assert fresh(run).done_steps == done + is_in
                if number == 2:
                    forgive(run)
    assert advance(run) == "done"
    run = fresh(run)
    assert (run.done_steps, days_of(account)) == (steps, ledger_of(live_sandbox, account))
    assert run.counts["days_changed"] == revisions(account) > 100
    assert sums_agree(acme)


def age(run, seconds):
    with tenant_context(run.tenant_id), transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def forgive(run):
    """More deaths than a step may cost are the next test's."""
    with tenant_context(run.tenant_id), transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(attempts=0)


def test_step_that_kills_every_worker_ends_its_run(live_sandbox, acme, settings):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    run = request(account)
    advance(run, seconds=0)
    for _death in range(MAX_ATTEMPTS + 1):
        assert killed_at_commit(acme.pk, run.pk, COMMITS_OF_A_STEP, before=True) == -signal.SIGKILL
        age(run, settings.SYNC_LEASE_SECONDS + 1)
        if fresh(run).attempts == MAX_ATTEMPTS - 1:
            break
    assert advance(run) == "failed"
    assert "on our side" in fresh(run).error
    assert fresh(account).last_error == fresh(run).error
    assert sync(account).status == "done"
    assert fresh(account).last_error == ""


# --- Tokens and rights -------------------------------------------------------------------------------------------


def renewals(sandbox):
    """How often each refresh happened is the number of access tokens of the grant, less the first."""
    return [token for token in sandbox.world.grants._tokens.values() if token.kind == "access"]


@pytest.mark.parametrize("platform", ["google", "snapchat", "linkedin"])
def test_token_that_ran_out_is_renewed_once_by_processes_side_by_side(live_sandbox, acme, platform):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    live_sandbox.control("tokens/expire", "POST", platform=platform)
    before = len(renewals(live_sandbox))
    processes = [asking(acme.pk, account.pk) for _ in range(3)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(renewals(live_sandbox)) == before + 1
    assert sync(account).status == "done"
    assert len(renewals(live_sandbox)) == before + 1  # the new token was kept


def asking(tenant_id, account_id):
    def work():
        registry._shared_http.cache_clear()
        with tenant_context(tenant_id):
            with transaction.atomic():
                account = AdAccount.objects.select_related("connection").get(pk=account_id)
            client_of(account).check_health(wire_account(account))

    connections.close_all()
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    return process


def test_token_that_runs_out_in_the_middle_of_a_listing_is_renewed(live_sandbox, acme, no_waiting):
    account = connected(acme, live_sandbox, ACCOUNTS["google"])
    live_sandbox.control("settings", "POST", google_page_rows=2)
    first = account.connection.access_token
    live_sandbox.fault("slow", account=account.external_id, seconds=0.3, count=4)
    worker = Other(lambda: sync(account).status)
    live_sandbox.control("tokens/expire", "POST", platform="google")
    assert worker.join() == "done"
    assert days_of(account) == ledger_of(live_sandbox, account)
    with tenant_context(acme), transaction.atomic():
        assert Connection.objects.get().access_token != first


def test_connection_that_was_lost_beside_a_worker_stays_lost(live_sandbox, acme, monkeypatch):
    """One of two accounts finds the grant revoked while the other is storing what it has fetched."""
    connection = grant(acme, live_sandbox, "google")
    accounts = [
        connected(acme, live_sandbox, one.id, connection=connection)
        for one in list(live_sandbox.world.market.catalogue.accounts.values())
        if one.platform == "google" and not one.closed
    ][:2]
    first, second = (request(account) for account in accounts)
    stored = run_module.days_store

    def lose_the_grant_first(**given):
        run = given["run"]
        if run.done_steps == len([step for step in run.plan if step["kind"] == "days"]):  # the last of them
            live_sandbox.control("grants/revoke", "POST", platform="google")
            assert Other(lambda: advance(second)).join() == "failed"
        return stored(**given)

    monkeypatch.setattr(run_module, "days_store", lose_the_grant_first)
    # What it has fetched goes in; the next question is refused.
    assert advance(first) == "failed"
    for account in accounts:
        account = fresh(account)
        assert (account.status, "Connect the account again" in account.last_error) == ("needs_reauth", True)
    with tenant_context(acme), transaction.atomic():
        assert accounts_to_sync() == []


def test_rights_that_are_given_back_are_found_a_day_later(live_sandbox, acme, no_waiting):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    live_sandbox.fault("permission_revoked", account=account.external_id, count=None)
    assert sync(account).status == "failed"
    assert fresh(account).status == "permission_lost"
    live_sandbox.control("faults/clear", "POST")
    with tenant_context(acme), transaction.atomic():
        assert accounts_to_sync() == []
        due = accounts_to_sync(timezone.now() + timedelta(hours=25))
    assert [one.pk for one in due] == [account.pk]
    assert sync(due[0]).status == "done"
    assert (fresh(account).status, fresh(account).last_error) == ("ok", "")
    assert days_of(account) == ledger_of(live_sandbox, account)


# --- What we refuse ourselves -------------------------------------------------------------------------------------


def test_campaign_of_another_account_is_said_in_its_own_sentence(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["tiktok"])
    first = next(iter(ledger_of(live_sandbox, account)))[0]
    make_campaign(acme, account=make_account(acme, platform="tiktok"), external_id=first, name="Autumn sale")
    run = sync(account)
    assert (run.status, "“Autumn sale” belongs to another ad account" in run.error) == ("failed", True)
    assert fresh(account).last_error == run.error


def test_account_that_went_away_does_not_stop_the_others(live_sandbox, acme, monkeypatch):
    accounts = [connected(acme, live_sandbox, ACCOUNTS[platform]) for platform in ("tiktok", "google")]
    sent = []
    monkeypatch.setattr(tasks.sync_account, "delay", lambda **kwargs: sent.append(kwargs["run_id"]))
    listed = tasks.accounts_to_sync

    def then_disconnected():
        found = listed()
        with transaction.atomic():
            AdAccount.objects.filter(pk=accounts[0].pk).update(status="disabled", connection=None)
        return found

    monkeypatch.setattr(tasks, "accounts_to_sync", then_disconnected)
    tasks.sync_tenant(tenant_id=acme.pk)
    with tenant_context(acme), transaction.atomic():
        assert [run.ad_account_id for run in SyncRun.objects.filter(pk__in=sent)] == [accounts[1].pk]
