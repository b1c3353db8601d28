"""Alerts that nobody answers: who is told next, when, and what ends it."""

import pytest
import time_machine
from django.urls import reverse

from accounts.audit import Actor
from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.tests.at_once import in_threads
from rules import services
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.conditions import ConditionError
from rules.conditions.escalations import parse_steps
from rules.models import Alert, Escalation
from rules.queries.telling import tenants_with_alerts_to_tell
from rules.services.telling import ROLES
from rules.tests.factories import make_alert
from rules.tests.slack_cast import inside
from rules.tests.telling_cast import (
    AT_ONCE,
    HOUR,
    MINUTE,
    NOON,
    change,
    choose,
    deliveries,
    emails,
    escalate_after,
    states,
    tell,
)

JOB = Actor.job("test")
ADMINS = {"minutes": 15, "roles": ["admin"]}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def step_of(alert):
    return inside(alert.tenant, lambda: Alert.objects.get(pk=alert.pk).escalation_step)


def told_at(tenant, step):
    return sorted(row.user_id for row in deliveries(tenant, step=step))


def test_each_step_is_taken_once_when_its_time_has_come(acme, admin, manager, viewer):
    choose(manager)
    choose(admin, channels={})
    escalate_after(acme, ADMINS, {"minutes": 60, "people": [viewer.pk, manager.pk]})
    alert = make_alert(acme, severity="critical", title="Fire")
    tell(acme)
    assert (step_of(alert), told_at(acme, 0)) == (0, [manager.pk])
    assert tell(acme, NOON + 14 * MINUTE)["escalated"] == 0
    assert tell(acme, NOON + 15 * MINUTE)["escalated"] == 1
    assert tell(acme, NOON + 15 * MINUTE)["escalated"] == 0
    # Whoever chose nothing is reached by e-mail.
    assert told_at(acme, 1) == [admin.pk]
    assert "Nobody has answered this alert yet" in emails(acme)[-1].text
    assert tell(acme, NOON + HOUR)["escalated"] == 1
    assert told_at(acme, 2) == sorted([viewer.pk, manager.pk])
    assert tell(acme, NOON + 24 * HOUR) == {"told": 0, "escalated": 0}
    assert len(emails(acme)) == 4


def test_steps_that_were_missed_are_taken_in_one_run(acme, admin, manager):
    escalate_after(acme, ADMINS, {"minutes": 30, "roles": ["manager"]})
    alert = make_alert(acme, severity="critical")
    tell(acme)
    assert tell(acme, NOON + 5 * HOUR)["escalated"] == 2
    assert (step_of(alert), told_at(acme, 1), told_at(acme, 2)) == (2, [admin.pk], [manager.pk])


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_other_severities_have_their_own_escalation_or_none(acme, admin, severity):
    escalate_after(acme, ADMINS)
    escalate_after(acme, {"minutes": 60, "roles": ["admin"]}, severity="warning")
    alert = make_alert(acme, severity=severity)
    tell(acme)
    tell(acme, NOON + 59 * MINUTE)
    assert step_of(alert) == 0
    tell(acme, NOON + 60 * MINUTE)
    assert step_of(alert) == int(severity == "warning")


@pytest.mark.parametrize("end", ["acknowledged", "resolved", "snoozed", "off"])
def test_it_ends_when_somebody_answers(acme, admin, end):
    escalation = escalate_after(acme, ADMINS)
    alert = make_alert(acme, severity="critical")
    tell(acme)
    if end == "snoozed":
        inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + 2 * HOUR, actor=JOB))
    elif end == "off":
        change(escalation, is_on=False)
    else:
        change(alert, status=end)
    assert tell(acme, NOON + HOUR)["escalated"] == 0
    assert inside(acme, lambda: tenants_with_alerts_to_tell(NOON + HOUR)) == []


def test_its_clock_starts_anew_when_an_alert_wakes_or_is_reopened(acme, admin, manager, clock):
    escalate_after(acme, ADMINS)
    snoozed, reopened = make_alert(acme, severity="critical"), make_alert(acme, severity="critical")
    tell(acme)
    inside(acme, lambda: services.alert_snooze(alert=snoozed, until=NOON + HOUR, actor=JOB))
    inside(acme, lambda: services.alert_acknowledge(alert=reopened, actor=JOB))
    clock.move_to(NOON + HOUR)
    inside(acme, lambda: services.alert_reopen(alert=reopened, actor=JOB))
    tell(acme, NOON + HOUR + 14 * MINUTE)
    assert (step_of(snoozed), step_of(reopened)) == (0, 0)
    tell(acme, NOON + HOUR + 15 * MINUTE)
    assert (step_of(snoozed), step_of(reopened)) == (1, 1)


def test_becoming_critical_begins_its_own_clock(acme, admin):
    escalate_after(acme, ADMINS)
    alert = make_alert(acme)
    tell(acme)
    change(alert, severity="critical")
    tell(acme, NOON + HOUR)
    assert step_of(alert) == 0
    tell(acme, NOON + HOUR + 15 * MINUTE)
    assert step_of(alert) == 1


def raise_again(alert, severity, now):
    row = AlertRow(alert.cause, severity, alert.title, "Again", rule_id=alert.rule_id)
    inside(alert.tenant, lambda: alerts_raise([row], now=now, actor=JOB))


def test_an_alert_that_gets_better_goes_on_with_the_steps_of_its_severity(acme, admin, manager, client_of):
    choose(admin, channels={})
    choose(manager, channels={})
    escalate_after(acme, ADMINS)
    escalate_after(acme, {"minutes": 60, "people": [manager.pk]}, severity="warning")
    alert = make_alert(acme, severity="critical")
    tell(acme)
    tell(acme, NOON + 15 * MINUTE)
    raise_again(alert, "warning", NOON + 30 * MINUTE)
    detail = client_of(admin).get(reverse("rules:alert_detail", args=[alert.pk])).content.decode()
    assert "If nobody answers by 25 Nov 2026, 13:00, 1 person is told next." in detail
    assert tell(acme, NOON + 59 * MINUTE)["escalated"] == 0
    assert inside(acme, lambda: tenants_with_alerts_to_tell(NOON + 60 * MINUTE)) == [acme.pk]
    assert tell(acme, NOON + 60 * MINUTE)["escalated"] == 1
    assert [(row.user_id, row.severity) for row in deliveries(acme, step=1)] == [
        (admin.pk, "critical"), (manager.pk, "warning"),
    ]  # fmt: skip


def test_an_alert_that_swings_to_and_fro_is_told_each_step_once(acme, admin, manager):
    choose(admin)
    choose(manager, channels={})
    escalate_after(acme, ADMINS, {"minutes": 45, "roles": ["admin"]})
    escalate_after(acme, {"minutes": 60, "people": [manager.pk]}, severity="warning")
    alert = make_alert(acme, severity="critical")
    for number in range(20):
        now = NOON + number * 10 * MINUTE
        raise_again(alert, "warning" if number % 2 else "critical", now)
        tell(acme, now)
    assert [(row.step, row.user_id, row.severity) for row in deliveries(acme)] == [
        (0, admin.pk, "critical"), (1, admin.pk, "critical"), (2, admin.pk, "critical"), (1, manager.pk, "warning"),
    ]  # fmt: skip
    assert len(emails(acme)) == 4


def test_an_alert_that_turning_critical_again_wakes_waits_from_then_on(acme, admin, clock):
    choose(admin, channels={})
    escalate_after(acme, ADMINS)
    alert = make_alert(acme, severity="critical")
    tell(acme)
    raise_again(alert, "warning", NOON + MINUTE)
    clock.move_to(NOON + 2 * MINUTE)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + 48 * HOUR, actor=JOB))
    raise_again(alert, "critical", NOON + HOUR)
    assert inside(acme, lambda: Alert.objects.get(pk=alert.pk).waiting_since) == NOON + HOUR
    assert tell(acme, NOON + HOUR + 14 * MINUTE)["escalated"] == 0
    assert tell(acme, NOON + HOUR + 15 * MINUTE)["escalated"] == 1
    assert told_at(acme, 1) == [admin.pk]


def test_people_who_left_are_not_told_and_the_step_is_taken_all_the_same(acme, admin):
    gone = make_user(acme, "manager", is_active=False)
    escalate_after(acme, {"minutes": 1, "people": [gone.pk]}, {"minutes": 2, "roles": ["admin"]})
    alert = make_alert(acme, severity="critical")
    tell(acme)
    tell(acme, NOON + 2 * MINUTE)
    assert (step_of(alert), told_at(acme, 1), told_at(acme, 2)) == (2, [], [admin.pk])


def test_it_disturbs_only_whom_it_may(acme, admin):
    choose(admin, channels=AT_ONCE, quiet=True, critical_breaks=False)
    escalate_after(acme, ADMINS)
    make_alert(acme, severity="critical")
    late = NOON + 11 * HOUR
    tell(acme, late)
    tell(acme, late + 15 * MINUTE)
    assert states(acme) == [("held", "quiet_hours")] * 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_take_a_step_once(acme, admin):
    escalate_after(acme, ADMINS)
    for _number in range(4):
        make_alert(acme, severity="critical")
    tell(acme)
    later = NOON + 15 * MINUTE
    results = in_threads(lambda: tell(acme, later), lambda: tell(acme, later))
    tell(acme, later)
    assert sum(one["escalated"] for one in results) == 4
    assert len(deliveries(acme, step=1)) == 4
    assert {row.state for row in deliveries(acme, step=1)} == {"queued"}


def test_two_workspaces_escalate_to_their_own(acme, globex, admin, outsider):
    escalate_after(acme, ADMINS)
    for tenant in (acme, globex):
        make_alert(tenant, severity="critical")
        tell(tenant)
        tell(tenant, NOON + HOUR)
    assert told_at(acme, 1) == [admin.pk]
    assert told_at(globex, 1) == []


# --- Settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ("soon", "steps"),
        ([ADMINS] * 6, "steps"),
        ([{"minutes": 0, "roles": ["admin"]}], "step-0"),
        ([{"minutes": True, "roles": ["admin"]}], "step-0"),
        ([{"minutes": 5}], "step-0"),
        ([{"minutes": 5, "roles": ["king"]}], "step-0"),
        ([{"minutes": 5, "people": ["1"]}], "step-0"),
        ([{"minutes": 5, "roles": ["admin"], "loud": True}], "step-0"),
        ([ADMINS, {"minutes": 15, "roles": ["manager"]}], "step-1"),
    ],
)
def test_steps_that_make_no_sense_are_refused(raw, place):
    with pytest.raises(ConditionError) as refused:
        parse_steps(raw, roles=ROLES)
    assert refused.value.field == place


def save(client, severity="critical", **fields):
    values = {f"{severity}-{name}": value for name, value in fields.items()}
    return client.post(reverse("rules:alert_escalations"), {"severity": severity, **values}, follow=True)


def stored(tenant):
    return inside(tenant, lambda: [(one.severity, one.is_on, one.steps) for one in Escalation.objects.order_by("pk")])


def test_admins_alone_say_whom(acme, admin, manager, client_of):
    assert client_of(manager).get(reverse("rules:alert_escalations")).status_code == 403
    assert save(client_of(manager), is_on="on", minutes_0=5, who_0="role:admin").status_code == 403
    client = client_of(admin)
    answer = save(
        client,
        is_on="on",
        minutes_0="15",
        who_0="role:admin",
        minutes_2="60",
        who_2=str(manager.pk),
        also_2="role:analyst",
    )
    assert "Saved." in answer.content.decode()
    assert stored(acme) == [
        (
            "critical",
            True,
            [
                {"minutes": 15, "roles": ["admin"]},
                {"minutes": 60, "people": [manager.pk], "roles": ["analyst"]},
            ],
        )
    ]
    text = client.get(reverse("rules:alert_escalations")).content.decode()
    assert 'value="15"' in text
    assert manager.display_name in text
    with_audit = inside(acme, lambda: AuditLog.objects.filter(resource_type="escalations").count())
    assert with_audit == 1
    assert "Nothing was different" in save(client, severity="warning").content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_on": "on"}, "Write at least one step"),
        ({"minutes_0": "5"}, "Choose who is told in this step"),
        ({"who_0": "role:admin"}, "Write how many minutes"),
        ({"minutes_0": "60", "who_0": "role:admin", "minutes_1": "5", "who_1": "role:admin"}, "Each step comes later"),
        ({"minutes_0": "5", "who_0": "999999"}, "not one of the available choices"),
    ],
)
def test_a_mistake_stands_at_its_step(acme, admin, client_of, fields, words):
    answer = save(client_of(admin), **fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert stored(acme) == []


def test_switching_it_on_does_not_escalate_what_waits_already(acme, admin, client_of, clock):
    alert = make_alert(acme, severity="critical")
    tell(acme)
    clock.move_to(NOON + 5 * HOUR)
    save(client_of(admin), is_on="on", minutes_0="15", who_0="role:admin")
    tell(acme, NOON + 5 * HOUR)
    assert step_of(alert) == 0
    tell(acme, NOON + 5 * HOUR + 15 * MINUTE)
    assert step_of(alert) == 1
