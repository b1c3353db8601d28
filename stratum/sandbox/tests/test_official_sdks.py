"""The platforms' own SDKs talk to the sandbox and read the ledger's numbers."""

import json
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from stratum.sandbox.server import SandboxServer
from stratum.sandbox.tests.caller import TODAY, Caller
from stratum.sandbox.tests.readers import ALL_STATUSES, Days, ledger, minor

FIRST, LAST = TODAY - timedelta(days=9), TODAY


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Caller, str]]:
    caller = Caller()
    server = SandboxServer(("127.0.0.1", 0), caller.sandbox)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield caller, server.url
    server.shutdown()
    thread.join()
    server.server_close()


def spend_of(days: Days) -> dict[tuple[str, date], tuple[int | None, int | None]]:
    return {key: (row["impressions"], row["spend"]) for key, row in days.items()}


def account(caller: Caller, account_id: str) -> dict[str, Any]:
    return next(one for one in caller.control("accounts")["accounts"] if one["id"] == account_id)


@pytest.fixture
def meta_api(served: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    api = pytest.importorskip("facebook_business.api")
    session = pytest.importorskip("facebook_business.session")
    caller, url = served
    opened = session.FacebookSession("sandbox-meta", "sandbox-secret", caller.tokens("meta")["access_token"])
    opened.GRAPH = url
    hook = sys.excepthook
    yield api.FacebookAdsApi(opened)
    opened.requests.close()
    sys.excepthook = hook


def test_facebook_business_reads_insights(served: tuple[Caller, str], meta_api: Any) -> None:
    from facebook_business.adobjects.adaccount import AdAccount

    caller, _url = served
    for account_id in ("1002003004005006", "2002003004005007", "2502003004005010"):
        known = account(caller, account_id)
        params = {"level": "campaign", "time_increment": 1, "limit": 25}
        params["time_range"] = {"since": FIRST.isoformat(), "until": LAST.isoformat()}
        rows = AdAccount(f"act_{account_id}", api=meta_api).get_insights(
            ["campaign_id", "impressions", "spend"], params
        )
        found = {
            (row["campaign_id"], date.fromisoformat(row["date_start"])): (
                int(row["impressions"]),
                minor(row["spend"], known["currency"]),
            )
            for row in rows
        }
        assert found == spend_of(ledger(caller, known, FIRST, LAST))


def test_facebook_business_pages_and_writes(served: tuple[Caller, str], meta_api: Any) -> None:
    from facebook_business.adobjects.adaccount import AdAccount
    from facebook_business.adobjects.campaign import Campaign
    from facebook_business.exceptions import FacebookRequestError

    every = ["ACTIVE", "PAUSED", "ARCHIVED", "WITH_ISSUES"]
    listed = AdAccount("act_1002003004005006", api=meta_api).get_campaigns(
        ["id", "name", "daily_budget"], {"limit": 2, "effective_status": every}
    )
    assert len(list(listed)) == 9
    campaign = Campaign("120210000000000001", api=meta_api)
    campaign.api_update(params={"status": "PAUSED", "daily_budget": 12300})
    shown = campaign.api_get(fields=["status", "daily_budget"])
    assert (shown["status"], shown["daily_budget"]) == ("PAUSED", "12300")
    with pytest.raises(FacebookRequestError) as refused:
        campaign.api_update(params={"daily_budget": 1})
    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (100, 1885272)
    served[0].fault("rate_limit", account="1002003004005006")
    with pytest.raises(FacebookRequestError) as limited:
        campaign.api_get(fields=["status"])
    assert limited.value.api_error_code() == 17


def test_facebook_business_asynchronous_report(served: tuple[Caller, str], meta_api: Any) -> None:
    from facebook_business.adobjects.adaccount import AdAccount
    from facebook_business.adobjects.adreportrun import AdReportRun

    caller, _url = served
    params = {"level": "campaign", "time_increment": 1}
    params["time_range"] = {"since": FIRST.isoformat(), "until": LAST.isoformat()}
    fields = ["campaign_id", "spend"]
    run = AdAccount("act_1002003004005006", api=meta_api).get_insights(fields, params, is_async=True)
    assert isinstance(run, AdReportRun)
    assert run.api_get()["async_status"] == "Job Not Started"
    caller.wall.at += 1
    assert run.api_get()["async_status"] == "Job Completed"
    known = account(caller, "1002003004005006")
    total = sum(minor(row["spend"], "USD") for row in run.get_insights(params={"limit": 50}))
    assert total == sum(row["spend"] or 0 for row in ledger(caller, known, FIRST, LAST).values())


def test_tiktok_sdk_reads_reports(served: tuple[Caller, str]) -> None:
    client = pytest.importorskip("business_api_client")
    caller, url = served
    configuration = client.Configuration()
    configuration.host = url
    api = client.ApiClient(configuration)
    token = caller.tokens("tiktok")["access_token"]
    reports = client.ReportingApi(api)
    for account_id in ("7012345678901234567", "7012345678901234568"):
        known = account(caller, account_id)
        found = {}
        page = total = 1
        while page <= total:
            answer = reports.report_integrated_get(
                "BASIC",
                token,
                advertiser_id=account_id,
                data_level="AUCTION_CAMPAIGN",
                dimensions=["campaign_id", "stat_time_day"],
                metrics=["spend", "impressions"],
                start_date=FIRST.isoformat(),
                end_date=LAST.isoformat(),
                filtering=json.loads(ALL_STATUSES),
                page=page,
                page_size=20,
            )
            for row in answer["data"]["list"]:
                key = (row["dimensions"]["campaign_id"], date.fromisoformat(row["dimensions"]["stat_time_day"][:10]))
                metrics = row["metrics"]
                found[key] = (int(metrics["impressions"]), minor(metrics["spend"], known["currency"]))
            total, page = answer["data"]["page_info"]["total_page"], page + 1
        assert found == spend_of(ledger(caller, known, FIRST, LAST))


def test_tiktok_sdk_writes(served: tuple[Caller, str]) -> None:
    client = pytest.importorskip("business_api_client")
    exceptions = pytest.importorskip("business_api_client.tiktok_business.tiktok_exceptions")
    caller, url = served
    configuration = client.Configuration()
    configuration.host = url
    campaigns = client.CampaignCreationApi(client.ApiClient(configuration))
    token = caller.tokens("tiktok")["access_token"]
    body = {
        "advertiser_id": "7012345678901234567",
        "campaign_ids": ["1781000000000000006"],
        "operation_status": "DISABLE",
    }
    assert campaigns.campaign_status_update(token, body=body)["data"]["status"] == "CAMPAIGN_STATUS_DISABLE"
    with pytest.raises(exceptions.TiktokSDKError, match="at least 50"):
        campaigns.campaign_update(
            token, body={"advertiser_id": "7012345678901234567", "campaign_id": "1781000000000000006", "budget": 3}
        )


def test_linkedin_client_reads_analytics(served: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("linkedin_api.common.constants")
    restli = pytest.importorskip("linkedin_api.clients.restli.client")
    caller, url = served
    monkeypatch.setattr(constants, "VERSIONED_BASE_URL", f"{url}/rest")
    client = restli.RestliClient()
    token = caller.tokens("linkedin")["access_token"]
    for account_id in ("512345678", "512345680"):
        known = account(caller, account_id)
        answer = client.finder(
            resource_path="/adAnalytics",
            finder_name="analytics",
            query_params={
                "pivot": "CAMPAIGN",
                "timeGranularity": "DAILY",
                "dateRange": {"start": _day(FIRST), "end": _day(LAST)},
                "accounts": [f"urn:li:sponsoredAccount:{account_id}"],
                "fields": "dateRange,pivotValues,impressions,costInLocalCurrency",
            },
            access_token=token,
            version_string="202607",
        )
        assert answer.status_code == 200, answer.response.text
        found = {}
        for row in answer.elements:
            start = row["dateRange"]["start"]
            key = (row["pivotValues"][0].rpartition(":")[2], date(start["year"], start["month"], start["day"]))
            spent = Decimal(row["costInLocalCurrency"]).scaleb(2).quantize(Decimal(1), ROUND_HALF_EVEN)
            found[key] = (row["impressions"], int(spent))
        assert found == spend_of(ledger(caller, known, FIRST, LAST))
    client.session.close()


def test_linkedin_client_lists_and_writes(served: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("linkedin_api.common.constants")
    restli = pytest.importorskip("linkedin_api.clients.restli.client")
    caller, url = served
    monkeypatch.setattr(constants, "VERSIONED_BASE_URL", f"{url}/rest")
    client = restli.RestliClient()
    token = caller.tokens("linkedin")["access_token"]
    known: dict[str, Any] = {"access_token": token, "version_string": "202607"}
    listed = client.finder(
        resource_path="/adAccounts/{id}/adCampaigns",
        path_keys={"id": 512345678},
        finder_name="search",
        query_params={"search": {"status": {"values": ["ACTIVE", "PAUSED"]}}, "pageSize": 2},
        **known,
    )
    assert [one["status"] for one in listed.elements] == ["ACTIVE", "ACTIVE"]
    updated = client.partial_update(
        resource_path="/adAccounts/{id}/adCampaigns/{campaign}",
        path_keys={"id": 512345678, "campaign": 361000002},
        patch_set_object={"status": "PAUSED"},
        **known,
    )
    assert updated.status_code == 204
    shown = client.get(
        resource_path="/adAccounts/{id}/adCampaigns/{campaign}",
        path_keys={"id": 512345678, "campaign": 361000002},
        **known,
    )
    assert shown.entity["status"] == "PAUSED"
    client.session.close()


def _day(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}
