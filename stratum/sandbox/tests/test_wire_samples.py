"""Every recorded sample of a platform's wire: the same request has an answer of the same shape here."""

import json
from pathlib import Path
from typing import Any

import pytest

from stratum.sandbox.tests.caller import Answer, Caller
from stratum.sandbox.tests.shapes import differences, merged, shape_of

SAMPLES = Path(__file__).resolve().parents[3] / "campaigns" / "tests" / "clients" / "fixtures"
FOLDER = {"meta": "meta", "google": "google_ads", "tiktok": "tiktok", "snapchat": "snapchat", "linkedin": "linkedin"}

# The samples' objects and their like in the catalogue.
STAND_INS: dict[str, dict[str, str]] = {
    "meta": {
        "120210000000000101": "120210000000000001",
        "120210000000000102": "120210000000000002",
        "120210000000000103": "120210000000000007",
        "120210000000001201": "12031000000000" + "0021",
        "4002003004005009": "3002003004005008",
        "111222333444555": "sandbox-meta",
        "APP_SECRET": "sandbox-secret",
    },
    "google": {
        "customers/1234567890/campaigns/20100000001": "customers/1234567890/campaigns/20101000001",
        "customers/1234567890/campaigns/20100000003": "customers/1234567890/campaigns/20101000009",
        "customers/1234567890/campaigns/20100000005": "customers/1234567890/campaigns/20101000008",
        "campaignBudgets/11100000001": "campaignBudgets/11101000001",
        "20100000001": "20101000001",
        "1111-abc.apps.googleusercontent.com": "sandbox-google",
        '"SECRET"': '"sandbox-secret"',
    },
    "tiktok": {
        "1781000000000000005": "1781000000000000001",
        "1781000000000000003": "1781000000000000003",
        "7000000000000000001": "sandbox-tiktok",
        "app-secret": "sandbox-secret",
    },
    "snapchat": {
        "8adc3db7-8148-4fbf-999c-8d2266369d74": "49715d85-08fd-5ea2-bb84-75621c1b0ae6",
        "06302efa-4c0f-4e36-b880-a395a36cef64": "edf3528a-be46-5129-ad42-302708179e96",
        "40d6719b-da09-410b-9185-0cc9c0dfed1d": "86cd3dfd-aa55-5033-a981-e02ac13e982d",
        '"cid"': '"sandbox-snapchat"',
        '"secret"': '"sandbox-secret"',
    },
    "linkedin": {
        "360000001": "361000001",
        "360000002": "361000005",
        "360000004": "361000004",
        "360000005": "361000001",
        "512345679": "512345680",
        "86abc": "sandbox-linkedin",
        '"SECRET"': '"sandbox-secret"',
    },
}
# Samples that show an answer which only happens on demand: the fault that brings it about.
FAULTS: dict[str, dict[str, Any]] = {
    "meta/error_permission_10": {"kind": "permission_revoked"},
    "meta/error_permission": {"kind": "permission_revoked"},
    "meta/error_rate_limit_app_4": {"kind": "rate_limit", "variant": "app"},
    "meta/error_rate_limit_insights_buc": {"kind": "rate_limit"},
    "meta/error_token_password_changed": {"kind": "token_revoked"},
    "meta/error_unknown_1": {"kind": "server_error"},
    "meta/async_error_run_not_visible_yet": {"kind": "not_visible"},
    "meta/async_poll_failed": {"kind": "job_failed"},
    "meta/async_poll_skipped": {"kind": "job_skipped"},
    "meta/campaigns_page_empty_with_next": {"kind": "empty_page"},
    "google/error_rate_limit_daily": {"kind": "rate_limit", "variant": "daily"},
    "google/error_rate_limit_no_details": {"kind": "rate_limit", "variant": "no_details"},
    "google/error_rate_limit_temporary": {"kind": "rate_limit"},
    "google/error_transient_internal": {"kind": "server_error"},
    "google/error_concurrent_modification": {"kind": "write_conflict"},
    "google/error_permission": {"kind": "permission_revoked"},
    "google/token_refresh_invalid_grant": {"kind": "token_revoked", "endpoint": "oauth"},
    "tiktok/error_rate_limit_qps": {"kind": "rate_limit"},
    "tiktok/error_rate_limit_advertiser": {"kind": "rate_limit", "variant": "account"},
    "tiktok/error_rate_limit_temporarily_restricted": {"kind": "rate_limit", "variant": "restricted"},
    "tiktok/error_server_50002": {"kind": "server_error"},
    "tiktok/error_no_permission": {"kind": "permission_revoked"},
    "tiktok/pause_partial": {"kind": "item_error"},
    "snapchat/error_401_empty_body": {"kind": "token_expired", "variant": "empty"},
    "snapchat/error_429_text_with_reset": {"kind": "rate_limit"},
    "snapchat/error_500": {"kind": "server_error"},
    "linkedin/error_rate_limit": {"kind": "rate_limit"},
    "linkedin/error_rate_limit_data_volume": {"kind": "rate_limit", "variant": "data"},
    "linkedin/error_permission": {"kind": "permission_revoked"},
}
# What no request can bring about here, and why.
LEFT_OUT = {
    "google/error_project_not_approved": "the sandbox's app is approved",
    "snapchat/campaigns_lowercase_status": "an older way of writing; here SUCCESS is upper case",
    "snapchat/campaigns_page1_foreign_next_link": "test_faults has it",
    "snapchat/oauth_refresh_ok_no_new_refresh_token": "test_logins has both ways",
    "snapchat/campaigns_empty": "no account here is without campaigns",
    "snapchat/stats_empty_no_key": "test_platforms asks, for days before the first campaign",
    "tiktok/campaigns_empty": "no account here is without campaigns",
    "tiktok/report_empty": "test_platforms asks, for days without delivery",
    "meta/empty_account_campaigns": "no account here is without campaigns",
    "linkedin/empty_account": "no account here is without campaigns",
    "google/empty_account": "no account here is without campaigns",
}
# Members that a platform sends or leaves out by the object, not by the request.
OPTIONAL = {
    "meta": "stop_time daily_budget lifetime_budget bid_strategy issues_info is_adset_budget_sharing_enabled genders "
    "flexible_spec custom_audiences end_time next previous action_values purchase_roas video_play_actions "
    "video_thruplay_watched_actions video_p100_watched_actions 1d_view 1d_click 7d_click actions paging cursors "
    "facebook_positions instagram_positions budget_remaining",
    "google": "primaryStatusReasons endDateTime nextPageToken totalAmountMicros amountMicros "
    "advertisingChannelSubType bidModifier trigger location queryResourceConsumption details message",
    "tiktok": "campaign_automation_type balance",
    "snapchat": "next_link objective objective_v2_properties end_time delivery_status daily_budget_micro pacing_level "
    "lifetime_spend_cap_micro updated_at created_at auto_bid lifetime_budget_micro interests demographics geos gender "
    "max_age paging",
    "linkedin": "dailyBudget totalBudget nextPageToken end notifiedOnCampaignOptimization "
    "notifiedOnCreativeApproval notifiedOnCreativeRejection notifiedOnEndOfCampaign notifiedOnNewFeaturesEnabled "
    "reference associatedEntity",
}


def samples() -> list[tuple[str, Path]]:
    found = []
    for platform, folder in FOLDER.items():
        for path in sorted((SAMPLES / folder).glob("*.json")):
            found.append((f"{platform}/{path.stem}", path))
    return found


@pytest.mark.parametrize(
    ("name", "path"), [pytest.param(*one, id=one[0]) for one in samples() if one[0] not in LEFT_OUT]
)
def test_sample_shape(name: str, path: Path) -> None:
    platform = name.partition("/")[0]
    sample = _stood_in(platform, path)
    caller = Caller()
    answer = _asked(caller, name, platform, sample)
    assert answer.status == sample["status"], answer.text[:400]
    if not isinstance(sample["body"], (dict, list)):
        assert answer.text == (sample["body"] or "")
        return
    shape = _widened(name, platform, sample["body"])
    assert differences(shape, answer.json, frozenset(OPTIONAL[platform].split())) == []
    assert _codes(answer.json) == _codes(sample["body"])


def test_samples_are_all_there() -> None:
    assert len(samples()) > 130
    assert set(FAULTS) | set(LEFT_OUT) <= {name for name, _path in samples()}


def _stood_in(platform: str, path: Path) -> dict[str, Any]:
    """The sample with the catalogue's ids in its request; its answer is left as it was."""
    sample = json.loads(path.read_text(encoding="utf-8"))
    request = json.dumps(sample["request"], ensure_ascii=False)
    for theirs, ours in STAND_INS[platform].items():
        request = request.replace(theirs, ours)
    return {**sample, "request": json.loads(request)}


def _asked(caller: Caller, name: str, platform: str, sample: dict[str, Any]) -> Answer:
    request = sample["request"]
    headers = {key.lower(): value for key, value in (request.get("headers") or {}).items()}
    if name == "tiktok/error_token_missing":
        headers.pop("access-token")
    elif name != "linkedin/error_token_invalid":
        headers |= caller.auth(platform, "dan" if name == "linkedin/error_permission_entity" else "ada")
        if "version_sunset" in name:
            headers["linkedin-version"] = "20250201"
    path, query = request["path"], dict(request.get("query") or {})
    body = request.get("body")
    path, query, body = _prepared(caller, name, path, query, body)
    if name in FAULTS:
        caller.fault(platform=platform, **FAULTS[name])
    raw: dict[str, Any] | str = query
    if "raw_query" in request and "pageToken" not in query:
        raw = request["raw_query"]
    elif platform == "linkedin":
        raw = "&".join(f"{key}={value}" for key, value in query.items())
    if platform == "meta" or path in ("/token", "/login/oauth2/access_token") or path.startswith("/oauth/v2/"):
        return caller.send(request["method"], path, raw, form=body, headers=headers)
    return caller.send(request["method"], path, raw, json_body=body, headers=headers)


def _prepared(
    caller: Caller, name: str, path: str, query: dict[str, Any], body: Any
) -> tuple[str, dict[str, Any], Any]:
    """What has to happen before: a consent, an earlier page, a submitted report."""
    platform, _, sample = name.partition("/")
    if "code_exchange" in sample or sample == "oauth_token_ok":
        fields = query if platform == "meta" else body
        fields[{"tiktok": "auth_code"}.get(platform, "code")] = consented(caller, platform, fields.get("redirect_uri"))
    if sample == "token_long_lived_ok":
        query["fb_exchange_token"] = caller.tokens("meta")["access_token"]
    if sample.startswith(("token_refresh_ok", "oauth_refresh_ok")):
        caller.world.calls = 1  # an even call number brings a new refresh token along
        body["refresh_token"] = caller.tokens(platform)["refresh_token"]
    if sample.startswith("async_") and sample != "async_submit":
        run = _submitted(caller, path)
        path = path.replace("6290055512345", run)
        caller.wall.at += {"async_poll_running": 0.2}.get(sample, 1.0)
    if sample in ("campaigns_page2", "insights_daily_page2") and platform == "google":
        caller.control("settings", "POST", google_page_rows=3)
        first = caller.google("1234567890", body["query"]).json
        body["pageToken"] = first["nextPageToken"]
    if sample in ("campaigns_page1", "insights_daily_page1") and platform == "google":
        caller.control("settings", "POST", google_page_rows=3)
    for key in ("after", "pageToken", "cursor"):
        if key in query:
            query = _second_page(caller, platform, path, query, key)
    if sample in ("stats_day_breakdown_page1", "stats_day_breakdown_page2", "campaigns_page1") and "limit" in query:
        query["limit"] = "2"
    if platform == "snapchat" and isinstance(body, dict) and "campaigns" in body:
        body["campaigns"][0]["ad_account_id"] = "49715d85-08fd-5ea2-bb84-75621c1b0ae6"
    if sample == "error_metrics_for_manager":
        body["query"] = body["query"].replace("20101000001", "1")
    return path, query, body


def _submitted(caller: Caller, path: str) -> str:
    form = {"level": "campaign", "time_increment": "1", "time_range": '{"since":"2026-11-16","until":"2026-11-18"}'}
    form["fields"] = json.loads((SAMPLES / "meta" / "async_submit.json").read_text())["request"]["body"]["fields"]
    form["action_attribution_windows"] = '["1d_click","7d_click","1d_view"]'
    answer = caller.send("POST", "/v26.0/act_1002003004005006/insights", form=form, headers=caller.auth("meta"))
    return str(answer.json["report_run_id"])


def _second_page(caller: Caller, platform: str, path: str, query: dict[str, Any], key: str) -> dict[str, Any]:
    """The same request for the page after the first."""
    if platform == "snapchat" and path.endswith("/stats"):
        query = {"breakdown": "campaign", "granularity": "DAY", "limit": "2", "cursor": "",
                 "start_time": "2026-11-01T00:00:00.000-07:00", "end_time": "2026-11-08T00:00:00.000-08:00",
                 "fields": "impressions,swipes,spend,video_views,view_completion,shares,saves,conversion_purchases,"
                 "conversion_purchases_value"}  # fmt: skip
    first = {name: value for name, value in query.items() if name != key}
    if platform == "snapchat":
        first["limit"] = "2"
    raw = "&".join(f"{name}={value}" for name, value in first.items()) if platform == "linkedin" else first
    answer = caller.get(platform, path, raw).json
    if platform == "meta":
        return {**first, key: answer["paging"]["cursors"]["after"]}
    if platform == "linkedin":
        return {**first, key: answer["metadata"]["nextPageToken"]}
    return {**first, key: answer["paging"]["next_link"].rpartition("cursor=")[2].replace("%3D", "=")}


def consented(caller: Caller, platform: str, redirect_uri: str | None) -> str:
    """A code, as the browser brings it back after Allow."""
    path, name, code = {
        "meta": ("/v26.0/dialog/oauth", "client_id", "code"),
        "google": ("/o/oauth2/v2/auth", "client_id", "code"),
        "tiktok": ("/portal/auth", "app_id", "auth_code"),
        "snapchat": ("/login/oauth2/authorize", "client_id", "code"),
        "linkedin": ("/oauth/v2/authorization", "client_id", "code"),
    }[platform]
    query = {
        name: f"sandbox-{platform}",
        "redirect_uri": redirect_uri or "https://app.example.test/back",
        "state": "s1",
    }
    query |= {"response_type": "code", "access_type": "offline", "prompt": "consent"}
    answer = caller.send("POST", path, query, form={"person": "ada", "decision": "allow"})
    assert answer.status == 302, answer.text
    assert answer.location["state"] == "s1"
    return answer.location[code]


def _widened(name: str, platform: str, body: Any) -> Any:
    """The shape of a list's sample, with what its sister pages show."""
    shape = shape_of(body)
    stem = name.partition("/")[2]
    if "page" in stem and "error" not in stem:
        for other in sorted((SAMPLES / FOLDER[platform]).glob(f"{stem.rstrip('0123456789_')[:12]}*.json")):
            sister = json.loads(other.read_text(encoding="utf-8"))
            if sister["status"] == 200 and isinstance(sister["body"], type(body)):
                shape = merged(shape, shape_of(sister["body"]))  # type: ignore[assignment]
    return shape


def _codes(body: Any) -> Any:
    """What clients branch on: the platform's own codes in an error."""
    if isinstance(body, list):
        return [_codes(one) for one in body if "error" in one]
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    if isinstance(error, dict):
        details = [one["errorCode"] for detail in error.get("details", []) for one in detail["errors"]]
        return error.get("code"), error.get("error_subcode"), error.get("status"), details
    reasons = [
        one.get("sub_request_error_reason", "")[:5] for one in body.get("campaigns", []) if isinstance(one, dict)
    ]
    inner = [one["code"] for one in body.get("errorDetails", {}).get("inputErrors", [])]
    codes = {name: body.get(name) for name in ("code", "error_code", "serviceErrorCode", "request_status")}
    return error, codes, inner, sorted(set(reasons))
