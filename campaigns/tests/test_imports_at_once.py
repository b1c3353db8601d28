"""Imports under several workers, and under workers that die. Real transactions, real processes."""

import multiprocessing
import os
import signal
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from campaigns import tasks
from campaigns.models import AdAccount, Campaign, CampaignMetric, ImportBatch
from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.services.imports import import_confirm, import_run
from campaigns.services.imports.progress import ProgressReporter
from campaigns.tests.at_once import in_threads
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import deliveries, write_csv
from campaigns.tests.import_helpers import NEW_ACCOUNT, check, person, upload
from tenants.context import tenant_context, unscoped
from tenants.models import JobRun, Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queued(acme, manager, tmp_path):
    return queue(manager, write_csv(tmp_path / "a.csv", reports.meta(deliveries(), ids=True)))


def queue(user, path):
    batch = check(user, upload(user, path))
    with tenant_context(user.tenant_id), transaction.atomic():
        return import_confirm(batch=batch, answers=NEW_ACCOUNT, actor=person(user))


def run_in(tenant_id, batch_id):
    with tenant_context(tenant_id):
        return import_run(batch_id=batch_id)


def state(tenant, batch):
    with tenant_context(tenant), transaction.atomic():
        batch = ImportBatch.objects.get(pk=batch.pk)
        assert campaign_differences() == day_differences() == []
        return batch.status, Campaign.objects.count(), CampaignMetric.objects.count(), AdAccount.objects.count()


def test_two_workers_carry_it_out_once(acme, queued):
    results = in_threads(*[lambda: run_in(acme.pk, queued.pk)] * 2)
    assert [result is None for result in results].count(True) == 1
    assert state(acme, queued) == ("done", 3, 15, 1)


def test_two_reports_of_a_new_account_make_it_once(acme, manager, queued, tmp_path):
    rows = deliveries(days=7)
    other = queue(manager, write_csv(tmp_path / "b.csv", reports.meta(rows, ids=True)))
    results = in_threads(lambda: run_in(acme.pk, queued.pk), lambda: run_in(acme.pk, other.pk))
    assert [result.status for result in results] == ["done", "done"], results
    assert state(acme, queued) == ("done", 3, 21, 1)


def test_the_plans_room_is_not_given_twice(acme, manager, queued, tmp_path):
    rows = deliveries(campaigns=("D", "E", "F"))
    path = write_csv(tmp_path / "b.csv", reports.meta([shifted(row) for row in rows], ids=True))
    other = queue(manager, path)
    with unscoped("test"), transaction.atomic():
        Tenant.objects.update(max_campaigns=5)
    results = in_threads(lambda: run_in(acme.pk, queued.pk), lambda: run_in(acme.pk, other.pk))
    assert sorted(result.status for result in results) == ["done", "refused"], results
    assert state(acme, queued)[1:3] == (3, 15)


def shifted(row):
    from dataclasses import replace

    return replace(row, campaign_id=f"9{row.campaign_id}")


def test_two_confirmations_of_one_file_queue_it_once(acme, manager, tmp_path):
    path = write_csv(tmp_path / "a.csv", reports.meta(deliveries(), ids=True))
    first = check(manager, upload(manager, path))
    with tenant_context(acme), transaction.atomic():
        # A second row of the same bytes, as two uploads at the same moment leave.
        second = ImportBatch.objects.get(pk=first.pk)
        second.pk = None
        second.save()

    def confirm(batch):
        with tenant_context(acme), transaction.atomic():
            return import_confirm(batch=batch, answers=NEW_ACCOUNT, actor=person(manager))

    results = in_threads(lambda: confirm(first), lambda: confirm(second))
    assert sorted(getattr(result, "code", result and getattr(result, "status", None)) for result in results) == [
        "duplicate",
        "queued",
    ]


def killed_while_writing(tenant_id, batch_id):
    """A worker process that is killed -9 when half of the days are written."""
    context = multiprocessing.get_context("fork")
    reached = context.Event()

    def worker():
        def stop(reporter, phase, done, total):
            if phase == "writing":
                reached.set()
                signal.pause()

        ProgressReporter.tell = stop
        run_in(tenant_id, batch_id)

    # The child must not speak on the parent's connection.
    connections.close_all()
    process = context.Process(target=worker)
    process.start()
    assert reached.wait(timeout=30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_a_killed_worker_leaves_nothing_and_the_next_finishes(acme, queued):
    killed_while_writing(acme.pk, queued.pk)
    assert state(acme, queued) == ("queued", 0, 0, 0)
    assert run_in(acme.pk, queued.pk).status == "done"
    assert state(acme, queued) == ("done", 3, 15, 1)


def test_an_unexpected_error_leaves_it_queued(acme, queued, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk")

    with monkeypatch.context() as patched:
        patched.setattr(ProgressReporter, "tell", fail)
        with pytest.raises(OSError, match="disk"):
            run_in(acme.pk, queued.pk)
    assert state(acme, queued) == ("queued", 0, 0, 0)
    assert run_in(acme.pk, queued.pk).attempts == 2


# --- Tasks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch):
    """Messages instead of a broker."""
    found = []
    for task in (tasks.check_import, tasks.run_import):
        monkeypatch.setattr(task, "delay", lambda name=task.name, **kwargs: found.append((name, kwargs)))
    return found


def age(batch, **fields):
    # The trigger that keeps updated_at would move it to now.
    connection.act_as_owner()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        old = timezone.now() - timedelta(minutes=5)
        cursor.execute("UPDATE import_batches SET updated_at = %s WHERE id = %s", [old, batch.pk])
    connection.act_as_app()


def test_resume_sends_what_was_lost(acme, queued, sent):
    assert tasks.resume_imports() is None
    age(queued)
    assert tasks.resume_imports() == {"resumed": 1}
    assert sent == [("campaigns.run_import", {"tenant_id": acme.pk, "batch_id": queued.pk})]


def test_resume_sends_uploads_that_were_not_read(acme, manager, tmp_path, sent):
    batch = upload(manager, write_csv(tmp_path / "a.csv", reports.meta(deliveries(), ids=True)))
    age(batch)
    tasks.resume_imports()
    assert sent == [("campaigns.check_import", {"tenant_id": acme.pk, "batch_id": batch.pk})]


def test_tasks_leave_their_runs(acme, manager, queued, tmp_path):
    batch = upload(manager, write_csv(tmp_path / "b.csv", reports.meta(deliveries(days=2), ids=True)))
    assert tasks.check_import(tenant_id=acme.pk, batch_id=batch.pk) == {"import": batch.pk, "refused": 0}
    assert tasks.run_import(tenant_id=acme.pk, batch_id=queued.pk)["days_added"] == 15
    assert tasks.run_import(tenant_id=acme.pk, batch_id=queued.pk) is None
    with tenant_context(acme), transaction.atomic():
        runs = JobRun.objects.order_by("id").values_list("job", "outcome")
        assert list(runs) == [("campaigns.check_import", "done"), ("campaigns.run_import", "done")]


def test_task_of_one_workspace_does_not_see_anothers_import(globex, queued):
    assert tasks.run_import(tenant_id=globex.pk, batch_id=queued.pk) is None
