"""Alerts that somebody sees to, and alerts that keep quiet for a while."""

import datetime
import threading

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.audit import Actor
from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.tests.at_once import Other
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.models import Alert
from rules.queries.alerts import bell
from rules.services import alert_acknowledge, alert_snooze
from rules.tests.factories import make_alert
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

NOW = datetime.datetime(2026, 11, 25, 14, 0, tzinfo=datetime.UTC)  # a Wednesday
HOUR = datetime.timedelta(hours=1)
JOB = Actor.job("test")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def fresh(alert):
    with tenant_context(alert.tenant_id), transaction.atomic():
        return Alert.objects.select_related("assigned_to").get(pk=alert.pk)


def listed(client, **query):
    return client.get(reverse("rules:alert_list"), query).content.decode()


def post(client, name, alert, query=""):
    return client.post(reverse(f"rules:{name}", args=[alert.pk]) + query, follow=True).content.decode()


@pytest.mark.parametrize(
    ("key", "until"),
    [
        ("hour", "2026-11-25T15:00+00:00"),
        ("day", "2026-11-26T08:00+00:00"),  # nine in Berlin
        ("week", "2026-11-30T08:00+00:00"),
    ],
)
def test_a_snoozed_alert_keeps_quiet_and_wakes(acme, client_of, clock, key, until):
    berliner = make_user(acme, role="manager", timezone="Europe/Berlin")
    alert, client = make_alert(acme, title="Noisy one"), client_of(berliner)
    assert "Snoozed until" in post(client, "alert_snooze", alert, f"?for={key}")
    end = datetime.datetime.fromisoformat(until)
    assert fresh(alert).snoozed_until == end
    assert "Noisy one" not in listed(client)
    assert "Noisy one" in listed(client, status="snoozed")
    assert "none open" in client.get(reverse("rules:alert_bell_panel")).content.decode()
    clock.move_to(end)
    assert "Noisy one" in listed(client)
    assert "1 open" in client.get(reverse("rules:alert_bell_panel")).content.decode()


def test_it_can_be_woken_before(acme, manager, client_of):
    alert, client = make_alert(acme), client_of(manager)
    post(client, "alert_snooze", alert, "?for=week")
    post(client, "alert_snooze", alert)
    assert fresh(alert).snoozed_until is None


@pytest.mark.parametrize(("severity", "wakes"), [("warning", False), ("critical", True)])
def test_a_snoozed_alert_is_counted_on_and_wakes_when_it_turns_critical(in_acme, severity, wakes):
    alert = make_alert(in_acme, severity="info", cause="rule:1:campaign:2")
    alert_snooze(alert=alert, until=NOW + HOUR, actor=JOB)
    alerts_raise([AlertRow("rule:1:campaign:2", severity, "Again", "Worse")], now=NOW, actor=JOB)
    again = Alert.objects.get()
    assert (again.occurrences, again.snoozed_until is None) == (2, wakes)
    assert bell(now=NOW).open == int(wakes)


@pytest.mark.parametrize("until", [NOW, NOW - HOUR, NOW + datetime.timedelta(days=32)])
def test_impossible_snoozes_are_refused(in_acme, until):
    with pytest.raises(DomainError) as refused:
        alert_snooze(alert=make_alert(in_acme), until=until, actor=JOB)
    assert refused.value.code == "snooze_range"


def test_what_is_answered_cannot_be_snoozed_or_handed_on(acme, manager, client_of):
    alert = make_alert(acme)
    with tenant_context(acme), transaction.atomic():
        alert_acknowledge(alert=alert, actor=JOB)
    client = client_of(manager)
    assert "not open any more" in post(client, "alert_snooze", alert, "?for=hour")
    assert "not open any more" in post(client, "alert_assign", alert, f"?to={manager.pk}")


def test_somebody_takes_it_hands_it_on_and_gives_it_back(acme, manager, admin, client_of):
    alert, other = make_alert(acme, title="Mine?"), make_alert(acme, title="Nobody's")
    client = client_of(manager)
    assert "Assign to me" in listed(client)
    post(client, "alert_assign", alert, f"?to={manager.pk}")
    assert fresh(alert).assigned_to == manager
    mine = listed(client, mine="1")
    assert "Mine?" in mine
    assert "Nobody&#x27;s" not in mine
    assert f"Assign to {admin.display_name}" in mine
    post(client, "alert_assign", alert, f"?to={admin.pk}")
    assert fresh(alert).assigned_to == admin
    post(client_of(admin), "alert_assign", alert)
    assert fresh(alert).assigned_to is None
    with tenant_context(acme), transaction.atomic():
        entries = AuditLog.objects.filter(resource_type="alerts", resource_id=alert.pk).order_by("pk")
        assert [entry.new_value["assigned_to"] for entry in entries] == [manager.pk, admin.pk, None]
    assert fresh(other).assigned_to is None


def test_people_who_may_not_answer_alerts_get_none_and_strangers_are_not_found(
    acme, globex, manager, viewer, outsider, client_of
):
    alert, foreign = make_alert(acme), make_alert(globex)
    client = client_of(manager)
    assert "may not answer alerts" in post(client, "alert_assign", alert, f"?to={viewer.pk}")
    for name, query in (("alert_assign", f"?to={outsider.pk}"), ("alert_assign", "?to=999999")):
        assert client.post(reverse(f"rules:{name}", args=[alert.pk]) + query).status_code == 404
    for name in ("alert_assign", "alert_snooze"):
        assert client.post(reverse(f"rules:{name}", args=[foreign.pk])).status_code == 404
        assert client_of(viewer).post(reverse(f"rules:{name}", args=[alert.pk])).status_code == 403
    assert fresh(alert).assigned_to is None
    assert "Assign to me" not in listed(client_of(viewer))


@pytest.mark.parametrize("alerts", [1, 3])
def test_the_list_takes_the_same_statements_for_any_number(acme, manager, client_of, alerts):
    for _number in range(alerts):
        make_alert(acme, assigned_to=manager)
    client = client_of(manager)
    listed(client)
    with CaptureQueriesContext(connection) as captured:
        listed(client)
    assert len(captured) == 7


@pytest.mark.django_db(transaction=True)
def test_several_are_not_acknowledged_while_a_pass_holds_one_of_them(acme, manager, client_of):
    first, second = make_alert(acme, title="First"), make_alert(acme, title="Second")
    client, url = client_of(manager), reverse("rules:alert_acknowledge_many")
    held, go = threading.Event(), threading.Event()

    def hold():
        with tenant_context(acme), transaction.atomic():
            Alert.objects.select_for_update().get(pk=second.pk)
            held.set()
            go.wait(20)

    holding = Other(hold)
    held.wait(20)
    answer = client.post(url, {"ids": [first.pk, second.pk]}, follow=True).content.decode()
    assert "Rules are looking at these alerts at this moment." in answer
    assert fresh(first).status == "open"
    go.set()
    holding.join()
    client.post(url, {"ids": [first.pk, second.pk]})
    assert {fresh(one).status for one in (first, second)} == {"acknowledged"}
