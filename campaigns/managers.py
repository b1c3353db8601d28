from campaigns.querysets import CampaignMetricQuerySet, CampaignQuerySet
from tenants.managers import SoftDeleteManager, TenantManager, WithDeletedManager


class CampaignManager(SoftDeleteManager.from_queryset(CampaignQuerySet)):  # type: ignore[misc]  # dynamic base
    pass


class CampaignWithDeletedManager(WithDeletedManager.from_queryset(CampaignQuerySet)):  # type: ignore[misc]
    pass


class CampaignMetricManager(TenantManager.from_queryset(CampaignMetricQuerySet)):  # type: ignore[misc]
    pass
