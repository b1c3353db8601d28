"""Imports of the workspace, for their list and for the job that takes them up again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from campaigns.choices import ImportStatus, Platform
from campaigns.models import AdAccount, ImportBatch
from tenants.context import tenant_context

MAX_SEARCH = 100
# A message needs a moment to reach a worker; what waits longer was lost, or its worker was.
STRANDED_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """What the list is narrowed to. Empty values do not narrow; unknown ones are taken as empty."""

    q: str = ""
    status: str = ""
    platform: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "ImportFilter":
        status, platform = query.get("status", ""), query.get("platform", "")
        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:MAX_SEARCH],
            status=status if status in ImportStatus.values else "",
            platform=platform if platform in Platform.values else "",
        )

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.status or self.platform)


def import_rows(where: ImportFilter) -> QuerySet[ImportBatch]:
    """Imports of the bound workspace with their account and uploader, without previews."""
    rows = ImportBatch.objects.select_related("ad_account", "uploaded_by").defer(
        "preview", "control", "warnings", "campaign_ids", "created_campaign_ids"
    )
    if where.q:
        rows = rows.filter(filename__icontains=where.q)
    if where.status:
        rows = rows.filter(status=where.status)
    if where.platform:
        rows = rows.filter(platform=where.platform)
    return rows


def accounts_of(batch: ImportBatch) -> list[AdAccount]:
    """The accounts that a done import wrote."""
    return list(AdAccount.objects.filter(pk__in=batch.counts.get("accounts", [])).order_by("name", "pk"))


def stranded_import_ids(tenant_id: int) -> tuple[list[int], list[int]]:
    """Imports of a workspace that nobody seems to be at: (to be read, to be carried out)."""
    before = timezone.now() - STRANDED_AFTER
    with tenant_context(tenant_id), transaction.atomic():
        rows = ImportBatch.objects.filter(updated_at__lt=before).order_by("pk")
        checks = rows.filter(status=ImportStatus.UPLOADED, checked_at=None)
        runs = rows.filter(status=ImportStatus.QUEUED)
        return list(checks.values_list("pk", flat=True)), list(runs.values_list("pk", flat=True))
