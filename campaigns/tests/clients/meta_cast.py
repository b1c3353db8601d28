"""What the tests of Meta's client share: an account, paths, error bodies."""

from typing import Any

from campaigns.clients.base import Account, CampaignInfo

ACCOUNT = Account("1002003004005006", "USD", "America/New_York")
ROOT = "/v26.0/act_1002003004005006"
CAMPAIGNS, AD_SETS, INSIGHTS = f"{ROOT}/campaigns", f"{ROOT}/adsets", f"{ROOT}/insights"
CAMPAIGN = CampaignInfo("120210000000000101", "Prospecting", "active", daily_budget=7500)


def error_body(code: int, subcode: int | None = None, message: str = "Something", **more: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Atrace"}
    if subcode is not None:
        error["error_subcode"] = subcode
    return {"error": {**error, **more}}


def row(day: str, campaign: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "campaign_id": campaign,
        "impressions": "10",
        "clicks": "1",
        "spend": "1.00",
        "date_start": day,
        "date_stop": day,
        **fields,
    }


def page(*rows: dict[str, Any], after: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"data": list(rows)}
    if rows or after:
        body["paging"] = {"cursors": {"before": "b", "after": after or "last"}}
    if after:
        body["paging"]["next"] = f"https://graph.facebook.com/v26.0/x?access_token=SECRET_IN_NEXT&after={after}"
    return body
