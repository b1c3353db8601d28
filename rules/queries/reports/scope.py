"""Which campaigns a report is about."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Q

from campaigns.choices import Platform
from campaigns.models import AdAccount, Campaign


@dataclass(frozen=True, slots=True)
class Scope:
    """Platforms, labels (any of them) and ad accounts; what is empty does not narrow."""

    platforms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    accounts: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """What a schedule or a report holds; what cannot be read does not narrow."""
        found = raw if isinstance(raw, Mapping) else {}

        def each(key: str, kind: type) -> tuple:
            values = found.get(key)
            return tuple(one for one in values if isinstance(one, kind)) if isinstance(values, list) else ()

        return cls(each("platforms", str), each("labels", str), each("accounts", int))

    def as_json(self) -> dict[str, Any]:
        return {"platforms": list(self.platforms), "labels": list(self.labels), "accounts": list(self.accounts)}

    @property
    def narrows(self) -> bool:
        return bool(self.platforms or self.labels or self.accounts)

    def campaign_ids(self) -> list[int] | None:
        """Campaigns in it as they are now; None: all. At most one statement."""
        if not self.narrows:
            return None
        rows = Campaign.objects.all()
        if self.platforms:
            rows = rows.filter(platform__in=self.platforms)
        if self.accounts:
            rows = rows.filter(ad_account_id__in=self.accounts)
        if self.labels:
            any_of = Q()
            for label in self.labels:
                any_of |= Q(labels__contains=[label])
            rows = rows.filter(any_of)
        return sorted(rows.values_list("pk", flat=True))

    def holds_account(self, account_id: int, platform: str, used: Container[int]) -> bool:
        """Whether an account is in it; `used` are the accounts of its campaigns. Labels are of campaigns alone; else
        an account is in it before it has a campaign."""
        if self.labels:
            return account_id in used
        return (not self.accounts or account_id in self.accounts) and (not self.platforms or platform in self.platforms)


def accounts_used(campaign_ids: Sequence[int] | None) -> frozenset[int]:
    """Ad accounts of these campaigns; none is asked for where campaigns are not narrowed. At most one statement."""
    if campaign_ids is None:
        return frozenset()
    rows = Campaign.objects.filter(pk__in=campaign_ids, ad_account_id__isnull=False)
    return frozenset(rows.order_by().values_list("ad_account_id", flat=True).distinct())


def account_choices() -> list[tuple[int, str]]:
    """(id, name with platform) for the editor."""
    rows = AdAccount.objects.order_by("name", "pk").values_list("pk", "name", "platform")
    return [(pk, f"{name} ({Platform(platform).label})") for pk, name, platform in rows]


def account_names(account_ids: Sequence[int]) -> dict[int, str]:
    """id → name with platform, by name; removed accounts included."""
    rows = AdAccount.objects.with_deleted().filter(pk__in=account_ids).order_by("name", "pk") if account_ids else ()
    return {row.pk: f"{row.name} ({Platform(row.platform).label})" for row in rows}
