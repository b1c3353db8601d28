"""What the tests of Google's client share: accounts, paths, rows, error bodies."""

from typing import Any

from campaigns.clients.base import Account, CampaignInfo

ACCOUNT = Account("1234567890", "USD", "America/New_York", login_id="9998887777")
SEARCH = "/v26/customers/1234567890/googleAds:search"
MUTATE_CAMPAIGN = "/v26/customers/1234567890/campaigns:mutate"
MUTATE_BUDGET = "/v26/customers/1234567890/campaignBudgets:mutate"
ACCESSIBLE = "/v26/customers:listAccessibleCustomers"
CAMPAIGN = CampaignInfo("20100000001", "Search - Brand", "active", daily_budget=7500)
BUDGET = "customers/1234567890/campaignBudgets/11100000001"


def failure(family: str, code: str, message: str = "Something", **more: Any) -> dict[str, Any]:
    """An error body with Google Ads' own details."""
    error = {"errorCode": {family: code}, "message": message, **more}
    kind = "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"
    return {
        "error": {
            "code": 400,
            "message": "Request contains an invalid argument.",
            "status": "INVALID_ARGUMENT",
            "details": [{"@type": kind, "errors": [error], "requestId": "rQ-details"}],
        }
    }


def campaign_row(id_: str = "20100000001", *, budget: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    amounts = {"period": "DAILY", "amountMicros": "75000000", "explicitlyShared": False, "referenceCount": "1"}
    campaign = {"id": id_, "name": f"Campaign {id_}", "status": "ENABLED", "campaignBudget": BUDGET, **fields}
    return {"campaign": campaign, "campaignBudget": {**amounts, **(budget or {})}}


def day_row(day: str, campaign: str = "1", **metrics: Any) -> dict[str, Any]:
    values = {"impressions": "10", "clicks": "1", "costMicros": "1000000", "conversions": 0, "conversionsValue": 0}
    return {"campaign": {"id": campaign}, "segments": {"date": day}, "metrics": {**values, **metrics}}


def found(*rows: dict[str, Any], token: str = "") -> dict[str, Any]:
    """A page: without rows there is no `results`, on the last page no `nextPageToken`."""
    body: dict[str, Any] = {"fieldMask": "campaign.id"}
    if rows:
        body["results"] = list(rows)
    if token:
        body["nextPageToken"] = token
    return body
