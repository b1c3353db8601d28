"""The search of the top bar: campaigns, accounts, rules and places of the product, a few of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus
from campaigns.models import AdAccount, Campaign
from campaigns.queries.campaign_table import MAX_SEARCH, CampaignFilter
from rules.choices import RuleStatus
from rules.models import Rule
from stratum.context_processors import NavItem, build_navigation

EACH = 6
MIN_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found. `platform` draws its mark, `icon` stands where there is none."""

    title: Any
    detail: Any
    href: str
    platform: str = ""
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Hits of one kind; `more_href` leads to the rest where there is more than is shown."""

    label: str
    hits: Sequence[Hit]
    more_href: str = ""


def search_groups(request: HttpRequest, text: str) -> list[Group]:
    """What matches, grouped by kind; nothing below MIN_LETTERS. Three statements."""
    wanted = CampaignFilter.from_query({"q": text}).q[:MAX_SEARCH]
    if len(wanted) < MIN_LETTERS:
        return []
    groups = [_campaigns(wanted), _accounts(wanted), _rules(wanted), _places(request, wanted)]
    return [group for group in groups if group.hits]


def _campaigns(text: str) -> Group:
    states = dict(CampaignStatus.choices)
    # Labels are found whole: that is what their index answers.
    where = Q(name__icontains=text) | Q(external_id__icontains=text) | Q(labels__contains=[text])
    rows = (
        Campaign.objects.filter(where)
        .order_by("name", "pk")
        .values_list("pk", "name", "platform", "status", "ad_account__name")[: EACH + 1]
    )
    path = reverse("campaigns:campaign_detail", args=[0])
    hits = [
        Hit(
            name,
            f"{account or ''} · {states[status]}" if account else states[status],
            path.replace("/0/", f"/{pk}/"),
            platform=platform,
        )
        for pk, name, platform, status, account in rows
    ]
    more = f"{reverse('campaigns:campaign_list')}?{_query(text)}" if len(hits) > EACH else ""
    return Group(_("Campaigns"), hits[:EACH], more)


def _accounts(text: str) -> Group:
    listing = reverse("campaigns:campaign_list")
    rows = (
        AdAccount.objects.filter(Q(name__icontains=text) | Q(external_id__icontains=text))
        .order_by("name", "pk")
        .values_list("pk", "name", "platform", "currency", "timezone")[:EACH]
    )
    return Group(
        _("Ad accounts"),
        [
            Hit(name, f"{currency} · {zone}", f"{listing}?account={pk}", platform=platform)
            for pk, name, platform, currency, zone in rows
        ],
    )


def _rules(text: str) -> Group:
    states = dict(RuleStatus.choices)
    rows = Rule.objects.filter(name__icontains=text).order_by("name", "pk").values_list("pk", "name", "status")[:EACH]
    return Group(
        _("Rules"),
        [
            Hit(name, states[status], reverse("rules:rule_detail", args=[pk]), icon="workflow")
            for pk, name, status in rows
        ],
    )


def _places(request: HttpRequest, text: str) -> Group:
    hits = [
        Hit(item.label, "", item.url, icon=item.icon or "arrow-right")
        for item in _flat(build_navigation(request))
        if text.casefold() in str(item.label).casefold()
    ]
    return Group(_("Places"), hits[:EACH])


def _flat(items: Sequence[NavItem]) -> list[NavItem]:
    return [entry for item in items for entry in (item, *item.children)]


def _query(text: str) -> str:
    return urlencode({"q": text})
