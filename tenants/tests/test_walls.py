"""Both walls, each shown to hold on its own."""

import pytest
from django.db import connection, transaction

from campaigns.models import Campaign
from campaigns.tests.factories import make_campaign
from tenants.context import TenantMismatch, TenantNotBound, tenant_context, unscoped


@pytest.fixture
def two(acme, globex):
    return make_campaign(acme, name="Same name"), make_campaign(globex, name="Same name")


READS = {
    "iterate": lambda: list(Campaign.objects.all()),
    "count": lambda: Campaign.objects.count(),
    "exists": lambda: Campaign.objects.exists(),
    "aggregate": lambda: Campaign.objects.aggregate(n=__import__("django").db.models.Count("id")),
    "update": lambda: Campaign.objects.update(name="x"),
    "delete": lambda: Campaign.objects.all().delete(),
    "iterator": lambda: list(Campaign.objects.iterator()),
    "explain": lambda: Campaign.objects.explain(),
    "raw": lambda: list(Campaign.objects.raw("SELECT * FROM campaigns")),
    "base manager": lambda: list(Campaign._base_manager.all()),
    "bulk_create": lambda: Campaign.objects.bulk_create([Campaign(name="x")]),
    "get_or_create": lambda: Campaign.objects.get_or_create(name="x"),
}


@pytest.mark.parametrize("way", READS)
def test_no_tenant_raises(db, way):
    with pytest.raises(TenantNotBound):
        READS[way]()


def test_bound_sees_own_rows_only(two, acme):
    with tenant_context(acme):
        assert list(Campaign.objects.all()) == [two[0]]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM campaigns")
            assert cursor.fetchall() == [(two[0].id,)]


def test_unscoped_sees_all(two):
    with unscoped("test"):
        assert set(Campaign.objects.all()) == set(two)


def test_unbound_raw_sql_sees_nothing(two):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM campaigns")
        assert cursor.fetchone() == (0,)


def test_write_for_another_tenant_raises(two, acme):
    with tenant_context(acme), pytest.raises(TenantMismatch):
        two[1].save()
