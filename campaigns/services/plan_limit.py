"""Which campaigns the plan has room for. What a platform lists is kept whole, beyond the limit as well.

Numbers of campaigns above the limit are kept and counted: totals stay true. Nobody and no rule can change them, and
the list says so.
"""

from django.db import connection, transaction

from campaigns.sql import hash_joins
from tenants.context import bound_tenant_id
from tenants.models import Tenant


@transaction.atomic
def plan_limit_apply() -> int:
    """Mark the bound workspace's campaigns that are above its plan's limit; how many there are.

    Those that have their place keep it; free places go to campaigns that run, the longest known first. Holds the
    workspace's row, so that writers of several accounts agree.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=bound_tenant_id())
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_APPLY, {"tenant": tenant.pk, "limit": tenant.campaign_limit})
        cursor.execute("SELECT count(*) FROM campaigns WHERE tenant_id = %s AND over_limit", [tenant.pk])
        return cursor.fetchone()[0]


# Archived campaigns take no place: they are history. Rows that another writer holds are passed by, since it may be
# waiting for the workspace's row that we hold; the next call marks them.
_APPLY = """
    WITH placed AS (
        SELECT id, row_number() OVER (ORDER BY over_limit, (status = 'active') DESC, id) > %(limit)s AS over
        FROM campaigns
        WHERE tenant_id = %(tenant)s AND is_deleted IS NOT TRUE AND status <> 'archived'
    ), wanted AS (
        SELECT c.id, COALESCE(p.over, false) AS over
        FROM campaigns c LEFT JOIN placed p ON p.id = c.id
        WHERE c.tenant_id = %(tenant)s AND c.over_limit <> COALESCE(p.over, false)
        ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
    )
    UPDATE campaigns c SET over_limit = w.over FROM wanted w WHERE c.id = w.id
"""
