"""A rule's versions as screens list and compare them."""

from collections.abc import Collection

from django.db.models import QuerySet

from campaigns.models import Campaign
from rules.models import RuleVersion


def versions(rule_id: int) -> QuerySet[RuleVersion]:
    """The newest first, with who saved them."""
    return RuleVersion.objects.filter(rule_id=rule_id).select_related("user").order_by("-number")


def campaign_names(ids: Collection[int]) -> dict[int, str]:
    """Names of chosen campaigns, of those too that are gone from the lists by now. At most one statement."""
    if not ids:
        return {}
    return dict(Campaign.objects.with_deleted().filter(pk__in=ids).values_list("pk", "name"))
