"""What the beat job does, not what it is called."""

import datetime

import pytest
from django.db import transaction

from campaigns.models import Campaign
from campaigns.tests.factories import make_campaign, make_day
from rules import tasks
from rules.tests.factories import make_rule
from stratum.celery import app
from tenants.context import tenant_context, unscoped
from tenants.models import JobRun


@pytest.fixture
def eager():
    """Tasks run where they are sent, as a worker would run them: a failing one does not stop its sender."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def make_case(tenant):
    campaign = make_campaign(tenant)
    yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    make_day(campaign, yesterday, spend_cents=15_000)
    return make_rule(tenant)


def labels():
    with unscoped("test"), transaction.atomic():
        return dict(Campaign.objects.values_list("tenant__slug", "labels"))


def runs():
    with unscoped("test"), transaction.atomic():
        return sorted(JobRun.objects.values_list("job", "tenant__slug", "outcome"))


def test_the_beat_job_evaluates_every_workspace(acme, globex, eager):
    assert "rules.evaluate_all" in {entry["task"] for entry in app.conf.beat_schedule.values()}
    for tenant in (acme, globex):
        make_case(tenant)
    assert app.tasks["rules.evaluate_all"]() == {"tenants": 2}
    assert labels() == {"acme": ["Hot"], "globex": ["Hot"]}
    assert runs() == [
        ("rules.evaluate_all", None, "done"),
        ("rules.evaluate_tenant", "acme", "done"),
        ("rules.evaluate_tenant", "globex", "done"),
    ]


def test_one_workspaces_failure_stops_no_other(acme, globex, eager, monkeypatch):
    for tenant in (acme, globex):
        make_case(tenant)
    real = tasks.services.rules_evaluate

    def fail_in_acme(**kwargs):
        if Campaign.objects.filter(tenant=acme).exists():
            raise RuntimeError("broken data")
        return real(**kwargs)

    def guarded(**kwargs):
        with transaction.atomic():
            return fail_in_acme(**kwargs)

    monkeypatch.setattr(tasks.services, "rules_evaluate", guarded)
    tasks.evaluate_all()
    assert labels() == {"acme": [], "globex": ["Hot"]}
    assert ("rules.evaluate_tenant", "acme", "failed") in runs()


def test_a_workspace_without_active_rules_leaves_no_row(acme, eager):
    with tenant_context(acme):
        make_rule(acme, status="paused")
    tasks.evaluate_tenant(tenant_id=acme.pk)
    assert runs() == []


def test_a_second_run_changes_nothing(acme, eager):
    make_case(acme)
    first = tasks.evaluate_tenant(tenant_id=acme.pk)
    second = tasks.evaluate_tenant(tenant_id=acme.pk)
    assert (first["acted"], second.get("acted"), second["cooldown"]) == (1, None, 1)
    assert labels() == {"acme": ["Hot"]}
