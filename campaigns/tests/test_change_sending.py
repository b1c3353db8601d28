"""Sending changes to simulated platforms over HTTP: what they show afterwards, what goes wrong, what is kept."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditLog
from campaigns import tasks
from campaigns.models import AdAccount, Campaign, CampaignChange
from campaigns.queries.changes import due_changes
from campaigns.services import changes
from campaigns.services.changes import sending
from campaigns.tests.change_helpers import (
    ask,
    fresh,
    ledger_of,
    listed,
    make_changeable,
    on_platform,
    person,
    send,
    set_change,
)
from campaigns.tests.sandbox_cast import ACCOUNTS, connected, grant
from stratum.lib.errors import DomainError
from tenants.context import tenant_context


@pytest.fixture
def quick(monkeypatch):
    """Repeats inside one try without the waiting."""
    monkeypatch.setattr(sending, "_bounded_sleep", lambda _account: lambda _seconds: None)


def running(account):
    """A campaign of the account that is on and whose budget can be changed."""
    return running_ones(account)[0]


def running_ones(account):
    found = listed(account).values()
    return [one for one in found if one.status == "active" and one.daily_budget_cents and not one.budget_lock]


@pytest.fixture
def meta(live_sandbox, acme):
    """(sandbox, a running campaign on Meta)"""
    return live_sandbox, running(connected(acme, live_sandbox, ACCOUNTS["meta"]))


# --- It works -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_pause_enable_and_budget_reach_the_platform(live_sandbox, acme, manager, platform, quick):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS[platform]))
    paused = ask(campaign, "status", "paused", person(manager))
    assert send(paused).counts == {"applied": 1}
    assert on_platform(live_sandbox, campaign)["status"] == fresh(campaign).status == "paused"

    assert send(ask(campaign, "status", "active")).counts == {"applied": 1}
    assert on_platform(live_sandbox, campaign)["status"] == fresh(campaign).status == "active"

    old = campaign.daily_budget_cents
    raised = ask(campaign, "daily_budget", changes.BudgetWish.percent(2_000))
    assert send(raised).counts == {"applied": 1}
    assert on_platform(live_sandbox, campaign)["budget"]["amount"] == fresh(campaign).daily_budget_cents
    assert fresh(campaign).daily_budget_cents == raised.new_budget_cents > old

    with tenant_context(acme), transaction.atomic():
        entries = list(AuditLog.objects.filter(resource_type="campaigns", action="update").order_by("pk"))
    assert [entry.new_value.get("status") for entry in entries] == ["paused", "active", None]
    assert (entries[0].user_id, entries[0].old_value["status"], entries[0].new_value["origin"]) == (
        manager.pk, "active", "person",
    )  # fmt: skip
    assert entries[2].old_value["daily_budget_cents"] == old
    assert [(row.state, row.attempts) for row in ledger_of(campaign)] == [("applied", 1)] * 3


# --- It does not ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "fault", "kind"),
    [
        ("meta", {"kind": "rate_limit", "variant": "management"}, "rate"),
        ("google", {"kind": "rate_limit", "variant": "temporary"}, "rate"),
        ("tiktok", {"kind": "rate_limit"}, "rate"),
        ("meta", {"kind": "server_error"}, "transient"),
        ("snapchat", {"kind": "server_error"}, "transient"),
        ("linkedin", {"kind": "html_gateway"}, None),
        ("google", {"kind": "write_conflict"}, "transient"),
        ("tiktok", {"kind": "write_conflict"}, None),
        ("linkedin", {"kind": "write_conflict"}, None),
        ("meta", {"kind": "connection_reset"}, "transient"),
    ],
)
def test_a_passing_trouble_postpones_the_change_and_the_next_try_makes_it(
    live_sandbox, acme, quick, platform, fault, kind
):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS[platform]))
    live_sandbox.fault(endpoint="write", count=None, **fault)
    before = timezone.now()
    change = ask(campaign, "status", "paused")
    assert send(change).counts == {"postponed": 1}
    waiting = fresh(change)
    assert (waiting.state, waiting.attempts, fresh(campaign).status) == ("queued", 1, "active")
    assert waiting.retry_at >= before + sending.FIRST_PAUSE
    assert waiting.error
    assert kind in (None, waiting.error_kind)
    assert send(change).counts == {}  # not yet
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get().status == "ok"

    live_sandbox.control("faults/clear", "POST")
    cache.clear()  # the breaker's minute is over
    set_change(change, retry_at=timezone.now())
    assert send(change).counts == {"applied": 1}
    assert on_platform(live_sandbox, campaign)["status"] == "paused"
    assert fresh(change).error == ""


def test_pauses_grow_and_after_five_tries_it_is_given_up_in_words(meta, quick):
    sandbox, campaign = meta
    sandbox.fault("server_error", endpoint="write", count=None)
    change = ask(campaign, "status", "paused")
    pauses = []
    for _number in range(sending.MAX_TRIES - 1):
        set_change(change, retry_at=None)
        before = timezone.now()
        assert send(change).counts == {"postponed": 1}
        pauses.append((fresh(change).retry_at - before).total_seconds())
        cache.clear()
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 8 * pauses[0] - 5
    set_change(change, retry_at=None)
    assert send(change).counts == {"failed": 1}
    given_up = fresh(change)
    assert (given_up.state, given_up.attempts) == ("failed", 5)
    assert "5 tries" in given_up.error
    assert "again by itself" not in given_up.error
    assert on_platform(sandbox, campaign)["status"] == "active"


def test_a_pause_that_the_platform_asks_for_holds_back_the_rest_of_the_account(meta, quick):
    sandbox, campaign = meta
    other = make_changeable(campaign.tenant, account=campaign.ad_account)
    sandbox.fault("rate_limit", variant="management", endpoint="write", count=None)
    first, second = ask(campaign, "status", "paused"), ask(other, "status", "paused")
    assert send(first, second).counts == {"postponed": 1}
    assert (fresh(second).state, fresh(second).attempts) == ("queued", 0)
    assert fresh(second).retry_at == fresh(first).retry_at


def test_a_limit_of_one_campaign_holds_back_no_other(live_sandbox, acme, quick):
    campaign, other = running_ones(connected(acme, live_sandbox, ACCOUNTS["meta"]))[:2]
    live_sandbox.fault("rate_limit", variant="adset_budget", endpoint="write", count=1)
    assert send(ask(campaign, "status", "paused"), ask(other, "status", "paused")).counts == {
        "applied": 1,
        "postponed": 1,
    }


@pytest.mark.parametrize(
    ("platform", "fault", "account_status"),
    [
        ("meta", "token_revoked", "needs_reauth"),
        ("google", "token_revoked", "needs_reauth"),
        ("meta", "permission_revoked", "permission_lost"),
        ("linkedin", "permission_revoked", "permission_lost"),
        ("snapchat", "item_error", "ok"),
    ],
)
def test_what_no_repeat_can_mend_fails_at_once_in_words(live_sandbox, acme, quick, platform, fault, account_status):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS[platform]))
    live_sandbox.fault(fault, endpoint="write", count=None)
    change = ask(campaign, "status", "paused")
    assert send(change).counts == {"failed": 1}
    failed = fresh(change)
    assert (failed.state, failed.attempts, fresh(campaign).status) == ("failed", 1, "active")
    assert failed.error
    assert failed.error_code
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get().status == account_status
    if account_status != "ok":
        with pytest.raises(DomainError):
            ask(campaign, "daily_budget", 99_900)


def test_an_account_that_may_only_be_read_refuses_in_the_platforms_words(live_sandbox, acme, quick):
    reader = grant(acme, live_sandbox, "meta", "dan")
    campaign = running(connected(acme, live_sandbox, ACCOUNTS["meta"], connection=reader))
    change = ask(campaign, "status", "paused")
    assert send(change).counts == {"failed": 1}
    assert "Meta" in fresh(change).error
    assert on_platform(live_sandbox, campaign)["status"] == "active"


def test_a_campaign_that_is_gone_does_not_take_the_account_down(live_sandbox, acme, quick):
    account = connected(acme, live_sandbox, ACCOUNTS["google"])
    campaign = make_changeable(acme, account=account, external_id="20199999999")
    change = ask(campaign, "daily_budget", 20_000)
    assert send(change).counts == {"failed": 1}
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get().status == "ok"


def test_one_accounts_trouble_does_not_hold_up_another(live_sandbox, acme, quick):
    broken = running(connected(acme, live_sandbox, ACCOUNTS["meta"]))
    well = running(connected(acme, live_sandbox, ACCOUNTS["snapchat"]))
    live_sandbox.fault("rate_limit", platform="meta", count=None)
    assert send(ask(broken, "status", "paused"), ask(well, "status", "paused")).counts == {"applied": 1, "postponed": 1}
    assert on_platform(live_sandbox, well)["status"] == "paused"


# --- The world moves on ---------------------------------------------------------------------------------------


def test_an_edit_in_between_is_not_overwritten(meta):
    sandbox, campaign = meta
    change = ask(campaign, "daily_budget", 50_000)
    with tenant_context(campaign.tenant_id), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(daily_budget_cents=77_700)
    amount = on_platform(sandbox, campaign)["budget"]["amount"]
    assert send(change).counts == {"failed": 1}
    assert fresh(change).error_code == "changed_since"
    assert on_platform(sandbox, campaign)["budget"]["amount"] == amount


@pytest.mark.parametrize(
    ("values", "code"),
    [({"over_limit": True}, "over_limit"), ({"is_deleted": True}, "gone"), ({"status": "archived"}, "changed_since")],
)
def test_what_came_in_the_way_since_is_said(meta, values, code):
    sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    with tenant_context(campaign.tenant_id), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(**values)
    assert send(change).counts == {"failed": 1}
    assert fresh(change).error_code == code
    assert on_platform(sandbox, campaign)["status"] == "active"


def test_what_the_platform_shows_beside_it_is_kept_and_recorded_as_done_there(meta):
    sandbox, campaign = meta
    old = campaign.daily_budget_cents
    other = old + 5_000
    sandbox.world.change("amount", f"{campaign.ad_account.external_id}-1", other)
    change = ask(campaign, "status", "paused")
    assert send(change).counts == {"applied": 1}
    assert (fresh(campaign).status, fresh(campaign).daily_budget_cents) == ("paused", other)
    outside = ledger_of(campaign)[-1]
    assert (outside.origin, outside.state, outside.old_budget_cents, outside.new_budget_cents) == (
        "outside", "applied", old, other,
    )  # fmt: skip


# --- Workers --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_change_once(live_sandbox, acme):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS["meta"]))
    live_sandbox.fault("slow", endpoint="write", seconds=0.5, count=None)
    change = ask(campaign, "status", "paused")
    outcomes, failures = [], []

    def work() -> None:
        try:
            outcomes.append(send(change).counts)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(outcomes, key=len) == [{}, {}, {}, {"applied": 1}]
    assert (fresh(change).attempts, fresh(change).state) == (1, "applied")


def test_a_change_whose_worker_was_killed_is_taken_up_again(meta):
    sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    long_ago = timezone.now() - sending.SENDING_AT_MOST
    set_change(change, state="sending", attempts=1, sent_at=long_ago + timedelta(seconds=20))
    assert send(change).counts == {}  # it may still be alive
    set_change(change, sent_at=long_ago - timedelta(seconds=1))
    assert send(change).counts == {"applied": 1}
    assert on_platform(sandbox, campaign)["status"] == "paused"
    assert fresh(change).attempts == 2


def test_a_lost_change_is_not_sent_after_something_newer(meta):
    sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    set_change(change, state="sending", attempts=1, sent_at=timezone.now() - timedelta(minutes=9))
    with tenant_context(campaign.tenant_id), transaction.atomic():
        CampaignChange.objects.create(
            campaign=campaign, field="status", old_status="paused", new_status="active", origin="outside",
            state="applied", finished_at=timezone.now() - timedelta(minutes=2),
        )  # fmt: skip
    assert send(change).counts == {"failed": 1}
    assert fresh(change).error_code == "changed_since"
    assert on_platform(sandbox, campaign)["status"] == "active"


def test_a_worker_that_comes_back_from_the_dead_changes_nothing(meta):
    _sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    with tenant_context(campaign.tenant_id):
        late = sending._claim(change.pk, {})
        set_change(change, attempts=2, sent_at=timezone.now())  # another one has taken it over
        shown = sending._info(campaign)
        assert sending._keep(late, shown) == 0
        assert sending._fail(late, "x", "x") == 0
    assert (fresh(change).state, fresh(change).attempts) == ("sending", 2)


def test_a_long_list_is_cut_and_the_rest_handed_on(meta):
    _sandbox, campaign = meta
    first, second = ask(campaign, "status", "paused"), ask(campaign, "daily_budget", 60_000)
    ticks = iter([0.0, 0.0, sending.TASK_SECONDS + 1])
    with tenant_context(campaign.tenant_id):
        done = changes.changes_apply([first.pk, second.pk], clock=lambda: next(ticks))
    assert (done.applied, done.left) == (1, [second.pk])


def test_the_beat_job_finds_what_is_due_and_nothing_else(acme, globex):
    now = timezone.now()
    lost, fresh_one, waiting, due = (ask(make_changeable(acme), "status", "paused") for _number in range(4))
    set_change(lost, requested_at=now - timedelta(minutes=2))
    set_change(waiting, attempts=1, retry_at=now + timedelta(minutes=1), requested_at=now - timedelta(minutes=9))
    set_change(due, attempts=1, retry_at=now - timedelta(seconds=1))
    killed = ask(make_changeable(globex), "status", "paused")
    set_change(killed, state="sending", sent_at=now - timedelta(minutes=6))
    busy = make_changeable(globex)
    flying, behind = ask(busy, "status", "paused"), ask(busy, "daily_budget", 12_000)
    set_change(flying, state="sending", sent_at=now - timedelta(seconds=5))
    set_change(behind, requested_at=now - timedelta(minutes=2))
    found = {(one.tenant_id, *one.change_ids) for one in due_changes(now)}
    assert found == {(acme.pk, lost.pk), (acme.pk, due.pk), (globex.pk, killed.pk)}
    assert fresh_one.pk not in {pk for one in due_changes(now) for pk in one.change_ids}


def test_the_beat_job_sends_what_is_due(meta, monkeypatch):
    sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    set_change(change, requested_at=timezone.now() - timedelta(minutes=2))
    sent = []
    monkeypatch.setattr(tasks.apply_changes, "delay", lambda **message: sent.append(message))
    assert tasks.resume_changes() == {"resumed": 1}
    assert tasks.apply_changes(**sent[0]) == {"applied": 1}
    assert on_platform(sandbox, campaign)["status"] == "paused"
    assert tasks.resume_changes() is None


# --- Taking back ----------------------------------------------------------------------------------------------


def undo(change, actor):
    with tenant_context(change.tenant_id), transaction.atomic():
        return changes.change_undo(change=change, actor=actor)


def test_undo_sets_back_what_the_change_did_and_says_so(meta, manager):
    sandbox, campaign = meta
    change = ask(campaign, "status", "paused")
    send(change)
    back = undo(change, person(manager))
    assert (back.undoes_id, back.old_status, back.new_status) == (change.pk, "paused", "active")
    send(back)
    assert on_platform(sandbox, campaign)["status"] == fresh(campaign).status == "active"
    with pytest.raises(DomainError) as raised:
        undo(change, person(manager))
    assert raised.value.code == "undone"


def test_undo_refuses_where_somebody_changed_it_since(acme, manager):
    campaign = make_changeable(acme)
    change = ask(campaign, "daily_budget", 12_000)
    set_change(change, state="applied", finished_at=timezone.now())
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(daily_budget_cents=13_000)
    with pytest.raises(DomainError) as raised:
        undo(change, person(manager))
    assert raised.value.code == "changed_since"
    assert len(ledger_of(campaign)) == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"state": "failed"}, "not_undoable"),
        ({"state": "applied", "old_status": "draft"}, "not_undoable"),
        ({"state": "sending"}, "being_sent"),
    ],
)
def test_undo_refuses_what_it_cannot_do(acme, manager, values, code):
    change = ask(make_changeable(acme), "status", "paused")
    set_change(change, **values)
    with pytest.raises(DomainError) as raised:
        undo(change, person(manager))
    assert raised.value.code == code


def test_undo_of_a_waiting_change_takes_it_back_unsent(acme, manager):
    campaign = make_changeable(acme)
    assert undo(ask(campaign, "status", "paused"), person(manager)) is None
    assert [(row.state, row.error_code) for row in ledger_of(campaign)] == [("failed", "local.taken_back")]


def test_undo_of_a_batch_takes_back_what_it_can(acme, manager):
    campaigns = [make_changeable(acme) for _number in range(4)]
    with tenant_context(acme), transaction.atomic():
        result = changes.changes_request(
            campaign_ids=[one.pk for one in campaigns], field="status", value="paused", actor=person(manager)
        )
    applied, touched, waiting, failed = result.asked
    for change in (applied, touched):
        set_change(change, state="applied", finished_at=timezone.now())
    set_change(failed, state="failed")
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=applied.campaign_id).update(status="paused")
        back = changes.changes_undo(batch=result.batch, actor=person(manager))
    assert [(one.undoes_id, one.new_status) for one in back.asked] == [(applied.pk, "active")]
    assert (back.withdrawn, [one.code for one in back.refused]) == (1, ["changed_since"])
    assert fresh(waiting).error_code == "local.taken_back"
    assert len({one.batch for one in back.asked} | {result.batch}) == 2


def test_a_failed_change_can_be_asked_for_again(acme, manager):
    change = ask(make_changeable(acme), "status", "paused")
    set_change(change, state="failed")
    with tenant_context(acme), transaction.atomic():
        again = changes.change_retry(change=fresh(change), actor=person(manager))
        assert (again.pk != change.pk, again.state, again.new_status) == (True, "queued", "paused")
        with pytest.raises(DomainError):
            changes.change_retry(change=again, actor=person(manager))
