"""The ways around a tenant filter that are known from elsewhere, each tried here."""

import asyncio
import copy
import datetime
import threading

import pytest
from celery import shared_task
from django import forms
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404

from campaigns.models import Campaign, CampaignMetric
from campaigns.tests.factories import make_campaign, make_day
from rules.models import Rule
from tenants.context import (
    TenantMismatch,
    TenantNotBound,
    binding,
    iterate_bound,
    tenant_context,
    unscoped,
)
from tenants.models import JobRun, Tenant
from tenants.postgresql.base import DatabaseWrapper

DAY = datetime.date(2026, 3, 1)


class CampaignChoice(forms.ModelForm):
    """Built at import time, when no tenant is bound."""

    class Meta:
        model = CampaignMetric
        fields = ("campaign",)


@pytest.fixture
def two(acme, globex):
    ours, theirs = make_campaign(acme, name="Spring"), make_campaign(globex, name="Spring")
    make_day(ours, DAY, clicks=1)
    make_day(theirs, DAY, clicks=100)
    return ours, theirs


def test_model_form_built_at_import_follows_the_bound_tenant(two, acme, globex):
    for tenant, mine, foreign in ((acme, *two), (globex, *reversed(two))):
        with tenant_context(tenant):
            assert list(CampaignChoice().fields["campaign"].queryset) == [mine]
            assert CampaignChoice({"campaign": foreign.pk}).errors


def test_query_set_built_under_one_tenant_runs_under_the_other(two, acme, globex):
    with tenant_context(acme):
        campaigns = Campaign.objects.filter(name="Spring")
    with tenant_context(globex):
        assert list(campaigns) == [two[1]]


def test_reverse_manager_and_prefetch(two, acme):
    ours, theirs = two
    with tenant_context(acme):
        assert [day.clicks for day in ours.metrics.all()] == [1]
        assert list(theirs.metrics.all()) == []
        (campaign,) = Campaign.objects.prefetch_related("metrics")
        assert [day.clicks for day in campaign.metrics.all()] == [1]


def test_get_object_or_404(two, acme):
    with tenant_context(acme):
        assert get_object_or_404(Campaign, pk=two[0].pk) == two[0]
        with pytest.raises(Http404):
            get_object_or_404(Campaign, pk=two[1].pk)


def test_joins_and_subqueries(two, acme):
    """The first wall filters one table; what is joined to it is held back by the second."""
    with tenant_context(acme), transaction.atomic():
        assert CampaignMetric.objects.filter(campaign__name="Spring").count() == 1
        per_day = CampaignMetric.objects.filter(campaign=OuterRef("pk")).values("clicks")
        found = Campaign.objects.annotate(clicks_of_day=Subquery(per_day), has=Exists(per_day), n=Count("metrics"))
        assert [(c.clicks_of_day, c.has, c.n) for c in found] == [(1, True, 1)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM campaigns a JOIN campaign_metrics b ON true")
            assert cursor.fetchone() == (1,)


def test_select_related_across_a_forged_key(two, acme):
    ours, theirs = two
    with pytest.raises(IntegrityError), transaction.atomic(), tenant_context(acme):
        Campaign.objects.filter(pk=ours.pk).first()
        CampaignMetric.objects.filter(campaign=ours).update(campaign_id=theirs.pk)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "write",
    [
        lambda ours, theirs: CampaignMetric(campaign=theirs, date=DAY).save(),
        lambda ours, theirs: CampaignMetric.objects.bulk_create([CampaignMetric(campaign=theirs, date=DAY)]),
        lambda ours, theirs: CampaignMetric.objects.update(campaign=theirs),
        lambda ours, theirs: Campaign.objects.update(tenant_id=theirs.tenant_id),
        lambda ours, theirs: Campaign.objects.bulk_update([theirs], ["name"]),
        lambda ours, theirs: Campaign(tenant_id=theirs.tenant_id, name="x", platform="meta").save(),
        lambda ours, theirs: theirs.save(),
        lambda ours, theirs: theirs.delete(),
        lambda ours, theirs: copy.copy(theirs).save(force_insert=True),
    ],
)
def test_no_write_reaches_another_tenant(two, acme, write):
    with tenant_context(acme), pytest.raises(TenantMismatch):
        write(*two)


def test_bulk_delete_and_update_stop_at_the_wall(two, acme):
    with tenant_context(acme):
        assert Campaign.objects.all().update(name="Renamed") == 1
        CampaignMetric.objects.all().delete()
    with unscoped("test"):
        assert set(Campaign.objects.values_list("name", flat=True)) == {"Renamed", "Spring"}
        assert CampaignMetric.objects.count() == 1


def test_raw_sql_stops_at_the_wall(two, acme):
    with tenant_context(acme), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE campaigns SET name = 'raw'")
        assert cursor.rowcount == 1
        with pytest.raises(Exception, match="row-level security"), transaction.atomic():
            cursor.execute(
                "INSERT INTO campaigns (tenant_id, platform, external_id, account_id, name) "
                "VALUES (%s, 'meta', 'forged', 'a', 'forged')",
                [two[1].tenant_id],
            )


def test_the_application_cannot_switch_the_wall_off(db, acme):
    with tenant_context(acme), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        with pytest.raises(Exception, match="must be owner"), transaction.atomic():
            cursor.execute("ALTER TABLE campaigns DISABLE ROW LEVEL SECURITY")


def test_savepoint_rollback_restores_the_setting(two, acme):
    """A setting made after a savepoint goes with it; the next statement must set it again."""
    with transaction.atomic():
        with tenant_context(acme):
            assert Campaign.objects.count() == 1
        with pytest.raises(ZeroDivisionError), transaction.atomic(), unscoped("test"):
            assert Campaign.objects.count() == 2
            raise ZeroDivisionError
        with tenant_context(acme):
            assert Campaign.objects.count() == 1
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM campaigns")
                assert cursor.fetchone() == (1,)


def test_contexts_refuse_to_cross(acme, globex):
    with tenant_context(acme), pytest.raises(TenantMismatch), tenant_context(globex):
        pass
    with pytest.raises(TenantNotBound), tenant_context(None):
        pass
    with pytest.raises(ValueError), unscoped(""):
        pass
    assert binding() is None


def test_workspace_row_itself_is_walled(acme, globex):
    with tenant_context(acme):
        assert list(Tenant.objects.all()) == [acme]
        with pytest.raises(TenantMismatch):
            globex.save()


def test_soft_deleted_rows_are_hidden_but_followed(two, acme):
    with tenant_context(acme):
        Campaign.objects.filter(pk=two[0].pk).update(is_deleted=True)
        assert not Campaign.objects.exists()
        assert Campaign.objects.with_deleted().count() == 1
        assert CampaignMetric.objects.get().campaign.name == "Spring"


def test_threads_start_unbound(acme):
    seen = []
    with tenant_context(acme):
        thread = threading.Thread(target=lambda: seen.append(binding()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_suspended_generator_does_not_leak_its_context(acme):
    def rows():
        yield binding()
        yield binding()

    with tenant_context(acme):
        stream = iterate_bound(rows)
    assert next(stream) == acme.pk
    assert binding() is None
    assert next(stream) == acme.pk
    assert list(stream) == []


@pytest.mark.django_db(transaction=True)
def test_streaming_response_outlives_its_request(two, acme):
    def lines():
        with transaction.atomic():
            yield from Campaign.objects.values_list("name", flat=True).iterator()

    with tenant_context(acme):
        response = StreamingHttpResponse(iterate_bound(lines))
        unsafe = StreamingHttpResponse(lines())
    assert b"".join(response.streaming_content) == b"Spring"
    with pytest.raises(TenantNotBound):
        list(unsafe.streaming_content)


@pytest.mark.django_db(transaction=True)
def test_async_code_keeps_tasks_apart(two, acme, globex):
    async def names(tenant):
        with tenant_context(tenant):
            await asyncio.sleep(0)
            return tenant.pk, binding()

    async def both():
        return await asyncio.gather(names(acme), names(globex))

    assert all(wanted == seen for wanted, seen in asyncio.run(both()))

    async def count():
        return await Campaign.objects.acount()

    with pytest.raises(TenantNotBound):
        asyncio.run(count())


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_a_bound_query_says_so(two, acme):
    with tenant_context(acme), pytest.raises(TenantNotBound, match="inside a transaction"):
        Campaign.objects.count()


@pytest.mark.django_db(transaction=True)
def test_nothing_travels_with_a_pooled_connection(two, acme):
    """One physical connection, used by acme and then by nobody."""
    settings_dict = copy.deepcopy(connection.settings_dict)
    settings_dict["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1, "timeout": 5}
    pooled = DatabaseWrapper(settings_dict, "pooled")
    connections["pooled"] = pooled
    try:
        with tenant_context(acme), transaction.atomic(using="pooled"), pooled.cursor() as cursor:
            cursor.execute("SELECT count(*), pg_backend_pid() FROM campaigns")
            count, backend = cursor.fetchone()
        assert count == 1
        pooled.close()
        with transaction.atomic(using="pooled"), pooled.cursor() as cursor:
            cursor.execute("SELECT count(*), pg_backend_pid(), current_user FROM campaigns")
            assert cursor.fetchone() == (0, backend, "stratum_app")
    finally:
        pooled.close()
        pooled.close_pool()
        del connections["pooled"]


@shared_task(name="test.names_of_campaigns")
def names_of_campaigns(*, tenant_id: int | None = None) -> dict:
    with transaction.atomic():
        return {"tenant": binding(), "campaigns": Campaign.objects.count()}


@pytest.mark.django_db(transaction=True)
def test_task_opens_and_closes_its_tenant(two, acme):
    assert names_of_campaigns(tenant_id=acme.pk) == {"tenant": acme.pk, "campaigns": 1}
    assert binding() is None
    with pytest.raises(TenantNotBound):
        names_of_campaigns()
    with unscoped("test"), transaction.atomic():
        outcomes = {(run.tenant_id, run.outcome) for run in JobRun.objects.all()}
    assert outcomes == {(acme.pk, "done"), (None, "failed")}


@pytest.mark.django_db(transaction=True)
def test_nothing_runs_for_a_removed_workspace(two, acme):
    with tenant_context(acme), transaction.atomic():
        Tenant.objects.update(is_deleted=True)
    assert names_of_campaigns(tenant_id=acme.pk) is None
    with unscoped("test"), transaction.atomic():
        assert not JobRun.objects.exists()


def test_task_of_another_tenant_inside_a_context_is_refused(acme, globex):
    with tenant_context(acme), pytest.raises(TenantMismatch):
        names_of_campaigns(tenant_id=globex.pk)


def test_cached_foreign_key_of_another_tenant_is_refused(acme, globex):
    with tenant_context(globex):
        rule = Rule.objects.create(
            name="r", condition_field="spend", condition_operator="gte", condition_value="1", action_type="send_alert"
        )
    with tenant_context(acme), pytest.raises(TenantMismatch):
        Rule.executions.rel.related_model(rule=rule, triggered=False, condition_result={}).save()
