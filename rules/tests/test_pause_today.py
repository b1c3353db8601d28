"""Pausing for today: the change takes itself back at the end of the day, once, where nothing else happened since."""

import datetime
import zoneinfo

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Campaign, CampaignChange
from campaigns.services.changes import change_undo, changes_request, requests
from campaigns.tests.at_once import in_threads
from campaigns.tests.change_helpers import ask, ledger_of, listed, on_platform, person, send
from campaigns.tests.factories import make_connected_account
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from rules import tasks
from rules.actions import action_parse
from rules.actions.specs import rule_spec
from rules.conditions import ConditionError
from rules.conditions.wording import sentence
from rules.forms import RuleForm
from rules.models import RuleExecution
from rules.queries.ledger import ledger_read
from rules.services import changes_revert, rules_evaluate
from rules.tests.platform_cast import NOW, allow, make_pause_rule, make_spender
from stratum.celery import app
from stratum.lib.regions import next_midnight, zone_names
from tenants.context import tenant_context

TODAY = {"to": "paused", "until": "end_of_day"}
# 9:00 UTC is 12:00 in Riyadh: its day ends at 21:00 UTC.
MIDNIGHT = datetime.datetime(2026, 11, 23, 21, 0, tzinfo=datetime.UTC)
WHILE_ACTIVE = {"condition_field": "status", "condition_operator": "equals", "condition_value": "active"}
INSTANT = datetime.timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def clock(request):
    # Tokens of the sandbox live by the real clock.
    if "live_sandbox" in request.fixturenames:
        yield None
    else:
        with time_machine.travel(NOW, tick=False) as traveller:
            yield traveller


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def revert(tenant, now=MIDNIGHT):
    with tenant_context(tenant):
        return changes_revert(now=now)


def make_paused(tenant, *, applied=True, name="Stop loss", **account):
    """A campaign that a rule has paused for today, and the change that did it."""
    allow(tenant)
    account = make_connected_account(tenant, **{"timezone": "Asia/Riyadh", **account})
    campaign = make_spender(tenant, account=account)
    inside(
        tenant,
        lambda: make_pause_rule(
            tenant, name=name, action_config=TODAY, **WHILE_ACTIVE, applies_to_campaigns=[campaign.pk]
        ),
    )
    inside(tenant, rules_evaluate)
    if applied:
        inside(tenant, lambda: settle(campaign))
    return campaign, ledger_of(campaign)[-1]


def settle(campaign):
    """As a worker leaves it: the platform shows what was asked for."""
    CampaignChange.objects.filter(campaign=campaign, state="queued").update(state="applied", finished_at=timezone.now())
    newest = CampaignChange.objects.filter(campaign=campaign).latest("pk")
    Campaign.objects.filter(pk=campaign.pk).update(status=newest.new_status)


def fresh(tenant, change):
    return inside(tenant, lambda: CampaignChange.objects.get(pk=change.pk))


# --- When a day ends ------------------------------------------------------------------------------------------


@given(
    zone=st.sampled_from(zone_names()).map(zoneinfo.ZoneInfo),
    moment=st.datetimes(
        min_value=datetime.datetime(1995, 1, 1),  # noqa: DTZ001 - made aware below
        max_value=datetime.datetime(2035, 1, 1),  # noqa: DTZ001
        timezones=st.just(datetime.UTC),
    ),
)
def test_a_day_ends_at_the_first_instant_of_the_next_local_date(zone, moment):
    found = next_midnight(zone, moment)
    assert found > moment
    today = moment.astimezone(zone).date()
    assert found.astimezone(zone).date() > today
    assert (found - INSTANT).astimezone(zone).date() == today
    local = found.astimezone(zone)
    at_midnight = datetime.datetime.combine(local.date(), datetime.time(), tzinfo=zone)
    # Some clocks skip midnight itself; wherever there is one, it is that.
    exists = at_midnight.astimezone(datetime.UTC).astimezone(zone).replace(tzinfo=None, fold=0) == at_midnight.replace(
        tzinfo=None
    )
    assert not exists or local.time() == datetime.time()


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("America/New_York", "2026-03-08T05:00+00:00", 23),
        ("America/New_York", "2026-11-01T04:00+00:00", 25),
        ("Europe/Berlin", "2026-03-28T23:00+00:00", 23),
        ("Asia/Riyadh", "2026-03-28T21:00+00:00", 24),
        # Clocks go from midnight to one o'clock: the day before ends at that instant.
        ("Africa/Cairo", "2026-04-22T22:00+00:00", 24),
    ],
)
def test_days_of_23_and_25_hours(zone, moment, hours):
    begin = datetime.datetime.fromisoformat(moment)
    found = next_midnight(zoneinfo.ZoneInfo(zone), begin)
    assert found - begin == datetime.timedelta(hours=hours)


# --- What the rule asks for -----------------------------------------------------------------------------------


def test_the_change_knows_when_it_ends(acme):
    campaign, change = make_paused(acme, applied=False)
    assert (change.new_status, change.revert_at) == ("paused", MIDNIGHT)
    execution = inside(acme, lambda: RuleExecution.objects.get())
    assert execution.action_result["after"] == {"status": "paused", "until": MIDNIGHT.isoformat()}
    assert campaign.ad_account.timezone == "Asia/Riyadh"


def test_without_an_account_the_workspaces_day_counts(in_acme):
    campaign = make_spender(in_acme)
    type(in_acme).objects.filter(pk=in_acme.pk).update(timezone="America/New_York")
    Campaign.objects.filter(pk=campaign.pk).update(ad_account=None)
    campaign.refresh_from_db()
    assert requests._end_of_day(campaign, NOW) == datetime.datetime(2026, 11, 24, 5, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize("config", [{"to": "active", "until": "end_of_day"}, {"to": "paused", "until": "tomorrow"}])
def test_only_a_pause_can_end(config):
    with pytest.raises(ConditionError) as refused:
        action_parse("pause_campaign", config)
    assert refused.value.field == "to"


def test_it_reads_back_and_in_words(in_acme):
    rule = make_pause_rule(in_acme, action_config=TODAY)
    assert sentence(rule_spec(rule)).endswith("pause the campaign until the end of its day.")
    assert action_parse("pause_campaign", TODAY).as_json() == TODAY
    form = RuleForm({**RuleForm.initial_of(rule), "name": rule.name})
    assert form.is_valid(), form.errors
    assert form.draft().action_config == TODAY


# --- At midnight ----------------------------------------------------------------------------------------------


def test_it_is_enabled_at_midnight_in_the_rules_name(acme):
    campaign, change = make_paused(acme)
    assert revert(acme, MIDNIGHT - INSTANT).counts == {}
    done = revert(acme)
    back = ledger_of(campaign)[-1]
    assert (back.new_status, back.undoes_id, back.origin, back.actor_label) == (
        "active",
        change.pk,
        "rule",
        "Stop loss",
    )
    assert done.by_account == {campaign.ad_account_id: [back.pk]}
    assert (fresh(acme, change).revert_at, fresh(acme, change).revert_note) == (None, "")


def test_it_happens_once(acme):
    campaign, _change = make_paused(acme)
    assert revert(acme).counts == {"reverted": 1}
    inside(acme, lambda: settle(campaign))
    assert revert(acme, MIDNIGHT + datetime.timedelta(days=3)).counts == {}
    assert len(ledger_of(campaign)) == 2


@pytest.mark.parametrize("statuses", [("active",), ("active", "paused"), ("archived",)])
def test_what_somebody_changed_since_stays(acme, statuses):
    """Enabled and paused again is a person's decision too, though the campaign looks as the rule left it."""
    campaign, change = make_paused(acme)

    def edit_on_the_platform():
        old = "paused"
        for status in statuses:
            CampaignChange.objects.create(
                campaign=campaign, field="status", old_status=old, new_status=status, origin="outside", state="applied"
            )
            old = status
        Campaign.objects.filter(pk=campaign.pk).update(status=statuses[-1])

    inside(acme, edit_on_the_platform)
    before = len(ledger_of(campaign))
    assert revert(acme).counts == {"kept": 1}
    assert len(ledger_of(campaign)) == before
    assert "Somebody changed it since" in fresh(acme, change).revert_note
    # And it is not tried again.
    assert revert(acme, MIDNIGHT + datetime.timedelta(days=1)).counts == {}


def test_a_change_that_nobody_saw_in_the_ledger_is_respected(acme):
    campaign, change = make_paused(acme)
    inside(acme, lambda: Campaign.objects.filter(pk=campaign.pk).update(status="active"))
    assert revert(acme).counts == {"kept": 1}
    assert "Somebody changed it since" in fresh(acme, change).revert_note


def test_a_change_of_the_budget_does_not_keep_it_paused(acme, manager):
    campaign, _change = make_paused(acme)
    ask(campaign, "daily_budget", 12_000, person(manager))
    assert revert(acme).counts == {"reverted": 1}


def test_undone_before_midnight_is_left_alone(acme, manager):
    campaign, change = make_paused(acme)
    inside(acme, lambda: change_undo(change=change, actor=person(manager)))
    assert revert(acme).counts == {}
    assert (fresh(acme, change).revert_note, len(ledger_of(campaign))) == ("", 2)


def test_a_person_who_pauses_it_too_means_it_for_good(acme, manager):
    campaign, change = make_paused(acme)
    inside(
        acme,
        lambda: changes_request(campaign_ids=[campaign.pk], field="status", value="paused", actor=person(manager)),
    )
    assert fresh(acme, change).revert_at is None
    assert revert(acme).counts == {}


def test_what_was_not_sent_yet_is_withdrawn(acme):
    campaign, change = make_paused(acme, applied=False)
    assert revert(acme).counts == {"withdrawn": 1}
    assert [(row.state, row.error_code) for row in ledger_of(campaign)] == [("failed", "local.taken_back")]
    assert fresh(acme, change).revert_at is None


def test_what_is_being_sent_is_looked_at_again(acme):
    campaign, change = make_paused(acme, applied=False)
    inside(acme, lambda: CampaignChange.objects.filter(pk=change.pk).update(state="sending", attempts=1))
    assert revert(acme).counts == {"later": 1}
    assert fresh(acme, change).revert_at == MIDNIGHT
    inside(acme, lambda: CampaignChange.objects.filter(pk=change.pk).update(state="applied"))
    inside(acme, lambda: Campaign.objects.filter(pk=campaign.pk).update(status="paused"))
    assert revert(acme).counts == {"reverted": 1}


def test_a_pause_that_failed_needs_no_end(acme):
    _campaign, change = make_paused(acme, applied=False)
    inside(acme, lambda: CampaignChange.objects.filter(pk=change.pk).update(state="failed", error="Refused."))
    assert revert(acme).counts == {}
    assert fresh(acme, change).revert_note == ""


def test_what_stands_in_the_way_is_kept_and_shown(acme, manager, client_of):
    campaign, change = make_paused(acme)
    inside(acme, lambda: type(campaign.ad_account).objects.update(status="needs_reauth"))
    assert revert(acme).counts == {"kept": 1}
    note = fresh(acme, change).revert_note
    assert "onnect it" in note
    client = client_of(manager)
    for name in ("campaigns:change_list", "rules:activity_list"):
        assert note in client.get(reverse(name)).content.decode(), name
    page = client.get(reverse("campaigns:campaign_detail", args=[campaign.pk])).content.decode()
    assert note in page


def test_pages_say_until_when(acme, manager, client_of):
    campaign, _change = make_paused(acme)
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(timezone="Asia/Riyadh"))
    client = client_of(manager)
    assert "until 24 Nov, 00:00" in client.get(reverse("campaigns:change_list")).content.decode()
    assert "Active → Paused until 24 Nov, 00:00" in client.get(reverse("rules:activity_list")).content.decode()
    page = client.get(reverse("campaigns:campaign_detail", args=[campaign.pk])).content.decode()
    assert "until 24 Nov, 00:00" in page


def test_while_frozen_it_waits_until_it_is_unfrozen(acme):
    campaign, change = make_paused(acme)
    allow(acme, frozen=True)
    assert revert(acme) is None
    assert fresh(acme, change).revert_at == MIDNIGHT
    allow(acme)
    assert revert(acme, MIDNIGHT + datetime.timedelta(hours=5)).counts == {"reverted": 1}
    assert ledger_of(campaign)[-1].new_status == "active"


def test_it_takes_nothing_of_the_allowance_and_the_cooldown_stays(acme, clock):
    campaign, _change = make_paused(acme)
    clock.move_to(MIDNIGHT)
    revert(acme)
    inside(acme, lambda: settle(campaign))
    recent = inside(acme, lambda: ledger_read(now=MIDNIGHT)).of(campaign.pk)
    assert recent.changes == 1  # the pause itself
    counts = inside(acme, lambda: rules_evaluate(now=MIDNIGHT + datetime.timedelta(minutes=5)))
    assert (counts.outcomes.get("cooldown"), counts.acted) == (1, 0)


def test_other_workspaces_stay_as_they_are(acme, globex):
    make_paused(acme)
    foreign, change = make_paused(globex)
    revert(acme)
    assert fresh(globex, change).revert_at == MIDNIGHT
    assert len(ledger_of(foreign)) == 1


def test_the_number_of_statements_does_not_grow(acme):
    campaign, change = make_paused(acme)

    def more(count):
        for _number in range(count):
            other = make_spender(acme, account=campaign.ad_account)
            CampaignChange.objects.create(
                campaign=other, field="status", old_status="active", new_status="paused", origin="rule",
                actor_label="Stop loss", state="applied", revert_at=MIDNIGHT,
            )  # fmt: skip
            Campaign.objects.filter(pk=other.pk).update(status="paused")

    with CaptureQueriesContext(connection) as few:
        assert revert(acme).reverted == 1
    inside(acme, lambda: more(3))
    with CaptureQueriesContext(connection) as many:
        assert revert(acme).reverted == 3
    assert len(many) == len(few)
    assert change.revert_at == MIDNIGHT


@pytest.mark.django_db(transaction=True)
def test_two_workers_take_it_back_once(acme):
    campaign, _change = make_paused(acme)
    results = in_threads(lambda: revert(acme), lambda: revert(acme))
    assert sorted(one.reverted for one in results) == [0, 1]
    assert [row.new_status for row in ledger_of(campaign)] == ["paused", "active"]


def test_the_beat_job_finds_the_workspaces(acme, globex, clock):
    make_paused(acme)
    assert tasks.revert_due_changes() is None
    clock.move_to(MIDNIGHT)
    app.conf.task_always_eager = True
    try:
        assert tasks.revert_due_changes() == {"tenants": 1}
    finally:
        app.conf.task_always_eager = False
    assert inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False).count()) == 1
    assert "rules.revert_due_changes" in {entry["task"] for entry in app.conf.beat_schedule.values()}


# --- On a platform --------------------------------------------------------------------------------------------


def test_it_is_on_again_on_the_platform_the_next_day(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    campaign = next(one for one in listed(account).values() if one.status == "active")
    allow(acme)
    inside(
        acme,
        lambda: make_pause_rule(acme, action_config=TODAY, **WHILE_ACTIVE, applies_to_campaigns=[campaign.pk]),
    )
    inside(acme, rules_evaluate)
    change = ledger_of(campaign)[-1]
    assert send(change).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "paused"
    assert change.revert_at == next_midnight(zoneinfo.ZoneInfo(account.timezone), timezone.now())
    assert revert(acme, change.revert_at).counts == {"reverted": 1}
    assert send(ledger_of(campaign)[-1]).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "active"
