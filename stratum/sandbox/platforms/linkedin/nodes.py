"""LinkedIn's accounts, campaign groups and campaigns."""

from datetime import timedelta
from typing import Any

from stratum.sandbox.catalogue import Account, Campaign, campaign_group_id
from stratum.sandbox.currencies import units
from stratum.sandbox.market import Market, local_day, midnight

_OBJECTIVE = {
    "traffic": "WEBSITE_VISIT",
    "leads": "LEAD_GENERATION",
    "sales": "WEBSITE_CONVERSION",
    "awareness": "BRAND_AWARENESS",
    "video": "VIDEO_VIEW",
}
_STATUS = {
    "active": "ACTIVE",
    "paused": "PAUSED",
    "removed": "ARCHIVED",
    "draft": "DRAFT",
    "deleted": "PENDING_DELETION",
}
WORD = {shown: word for word, shown in _STATUS.items()}
PLACES = {
    "urn:li:geo:103644278": "United States",
    "urn:li:geo:101282230": "Germany",
    "urn:li:geo:101165590": "United Kingdom",
}
_GEO = {"US": "urn:li:geo:103644278", "DE": "urn:li:geo:101282230"}


def urn(kind: str, number: str) -> str:
    return f"urn:li:sponsored{kind}:{number}"


def group_of(account: Account) -> str:
    return campaign_group_id(account)


def millis(moment: float) -> int:
    return int(moment * 1000)


def account_element(account: Account) -> dict[str, Any]:
    return {
        "id": int(account.id),
        "name": account.name,
        "currency": account.currency,
        "status": "ACTIVE",
        "type": "BUSINESS",
        "test": False,
        "reference": "urn:li:organization:60000001",
        "servingStatuses": ["RUNNABLE"],
        "notifiedOnCampaignOptimization": False,
        "notifiedOnCreativeApproval": False,
        "notifiedOnCreativeRejection": False,
        "notifiedOnEndOfCampaign": False,
        "notifiedOnNewFeaturesEnabled": False,
        "version": {"versionTag": "6"},
        "changeAuditStamps": {
            "created": {"actor": "urn:li:unknown:0", "time": 1_623_665_362_000},
            "lastModified": {"actor": "urn:li:unknown:0", "time": 1_795_000_000_000},
        },
    }


def group_element(market: Market, account: Account) -> dict[str, Any]:
    starts = [one.start for one in market.catalogue.of_account(account.id)]
    began = millis(midnight("UTC", min(starts)))
    return {
        "id": int(group_of(account)),
        "name": "Always on",
        "account": urn("Account", account.id),
        "status": "ACTIVE",
        "servingStatuses": ["RUNNABLE"],
        "runSchedule": {"start": began, "end": began + 5 * 366 * 86_400_000},
        "totalBudget": {"amount": "2000000", "currencyCode": account.currency},
        "allowedCampaignTypes": ["SPONSORED_UPDATES", "TEXT_AD"],
        "backfilled": False,
        "test": False,
        "changeAuditStamps": {"created": {"time": began}, "lastModified": {"time": began}},
    }


def status(market: Market, campaign: Campaign, now: float) -> str:
    """A campaign whose end has passed is COMPLETED, whatever was written before."""
    written = _STATUS[market.status(campaign.id, now)]
    end = market.end(campaign.id, now)
    over = end is not None and end < local_day("UTC", now)
    return "COMPLETED" if over and written in ("ACTIVE", "PAUSED") else written


def campaign_element(market: Market, campaign: Campaign, now: float) -> dict[str, Any]:
    account = market.account_of(campaign)
    shown = status(market, campaign, now)
    end = market.end(campaign.id, now)
    created = midnight("UTC", campaign.created) + 36_000
    written = [market.changed_at(one, now) for one in (campaign.id, campaign.budget_id)]
    modified = max([one for one in written if one is not None], default=created + 90_000)
    schedule = {"start": millis(midnight("UTC", campaign.start))}
    if end is not None:
        schedule["end"] = millis(midnight("UTC", end + timedelta(days=1)))  # exclusive
    element: dict[str, Any] = {
        "id": int(campaign.id),
        "name": market.name(campaign.id, now),
        "account": urn("Account", account.id),
        "campaignGroup": urn("CampaignGroup", group_of(account)),
        "associatedEntity": "urn:li:organization:60000001",
        "status": shown,
        "servingStatuses": _serving(market, campaign, shown, now),
        "type": "SPONSORED_UPDATES",
        "format": "SINGLE_VIDEO" if campaign.channel == "professional_video" else "STANDARD_UPDATE",
        "objectiveType": _OBJECTIVE[campaign.objective],
        "costType": "CPM",
        "optimizationTargetType": "MAX_CLICK",
        "creativeSelection": "OPTIMIZED",
        "pacingStrategy": "LIFETIME",
        "locale": {"country": account.country, "language": "de" if account.country == "DE" else "en"},
        "unitCost": {"amount": "16.41", "currencyCode": account.currency},
        "runSchedule": schedule,
        "audienceExpansionEnabled": True,
        "offsiteDeliveryEnabled": True,
        "storyDeliveryEnabled": False,
        "connectedTelevisionOnly": False,
        "politicalIntent": "NOT_POLITICAL",
        "test": False,
        "version": {"versionTag": str(3 + sum(one is not None for one in written))},
        "changeAuditStamps": {
            "created": {"actor": "urn:li:person:AbCdEf1234", "time": millis(created)},
            "lastModified": {"actor": "urn:li:system:0", "time": millis(modified)},
        },
        "offsitePreferences": {
            "iabCategories": {"exclude": []},
            "publisherRestrictionFiles": {"include": [], "exclude": []},
        },
        "targetingCriteria": {
            "include": {
                "and": [
                    {"or": {"urn:li:adTargetingFacet:interfaceLocales": ["urn:li:locale:en_US"]}},
                    {"or": {"urn:li:adTargetingFacet:locations": [_GEO[account.country]]}},
                ]
            },
            "exclude": {"or": {"urn:li:adTargetingFacet:seniorities": ["urn:li:seniority:1"]}},
        },
    }
    amount = market.amount(campaign.budget_id, now)
    if amount is not None:
        name = "totalBudget" if market.catalogue.budgets[campaign.budget_id].kind == "lifetime" else "dailyBudget"
        element[name] = {"amount": _amount(amount, account.currency), "currencyCode": account.currency}
    return element


def _serving(market: Market, campaign: Campaign, shown: str, now: float) -> list[str]:
    if shown == "COMPLETED":
        return ["CAMPAIGN_END_DATE_HOLD", "STOPPED"]
    if shown != "ACTIVE":
        return ["STOPPED"]
    if campaign.start > local_day("UTC", now):
        return ["CAMPAIGN_START_DATE_HOLD"]
    amount = market.amount(campaign.budget_id, now)
    lifetime = market.catalogue.budgets[campaign.budget_id].kind == "lifetime"
    if lifetime and amount is not None and market.spent(campaign.budget_id, now) >= amount:
        return ["CAMPAIGN_TOTAL_BUDGET_HOLD"]
    return ["RUNNABLE"]


def _amount(minor: int, currency: str) -> str:
    """100, 50.5: amounts have no fixed number of decimals."""
    text = f"{units(minor, currency):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
