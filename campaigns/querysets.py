"""Chainable filters of campaigns and their daily metrics."""

from django.db.models import Q

from tenants.querysets import SoftDeleteQuerySet, TenantQuerySet


class CampaignQuerySet(SoftDeleteQuerySet):
    def for_platform(self, platform: str):
        return self.filter(platform=platform)

    def labelled(self, label: str):
        """Campaigns whose labels contain this one (`labels @> '["summer"]'`, served by the GIN index)."""
        return self.filter(labels__contains=[label])

    def search(self, text: str):
        """Name or platform id contains the text, whatever its case."""
        return self.filter(Q(name__icontains=text) | Q(external_id__icontains=text))


class CampaignMetricQuerySet(TenantQuerySet):
    def between(self, start, end):
        """Days from start to end, both included."""
        return self.filter(date__gte=start, date__lte=end)
