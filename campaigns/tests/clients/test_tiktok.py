"""TikTok's client over real HTTP: answers as TikTok gives them, and every trap of its API."""

import json
import logging
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import Account, CampaignInfo, ErrorKind, LimitScope, PlatformError, Tokens
from campaigns.clients.tiktok import TikTokClient
from campaigns.clients.tiktok.api import Addresses
from campaigns.clients.tiktok.campaigns import budget_number, campaign_info
from campaigns.clients.tiktok.errors import classifier, kind_of, wait
from campaigns.clients.tiktok.reports import least_budget
from campaigns.clients.transport import MAX_ATTEMPTS
from campaigns.tests.clients.conftest import NOW, governor_for
from campaigns.tests.clients.fixture_server import fixture
from stratum.lib.money import decimals, to_minor

TOKEN = "tt-token-1"
ACCOUNT = Account("7012345678901234567", "USD", "America/Los_Angeles")
SPRING, ALWAYS_ON, LIFETIME, OVER, DELETED = (f"178100000000000000{n}" for n in (5, 4, 3, 2, 1))
API = "/open_api/v1.3"
CAMPAIGNS, AD_GROUPS, REPORT = f"{API}/campaign/get/", f"{API}/adgroup/get/", f"{API}/report/integrated/get/"
STATUS, UPDATE = f"{API}/campaign/status/update/", f"{API}/campaign/update/"
SMART_STATUS, SMART_UPDATE = f"{API}/smart_plus/campaign/status/update/", f"{API}/smart_plus/campaign/update/"


@pytest.fixture
def server(server_for):
    return server_for("tiktok")


@pytest.fixture
def client(server, wiring_for):
    return make(server, wiring_for)


def make(server, wiring_for, **fields) -> TikTokClient:
    wiring = wiring_for("tiktok", **{"tokens": Tokens(TOKEN), **fields})
    return TikTokClient(wiring, Addresses(server.url, server.url, "v1.3"))


def ok(data: dict) -> dict:
    return {"code": 0, "message": "OK", "request_id": "r1", "data": data}


def listing(*rows: dict, page: int = 1, pages: int = 1, total: int | None = None) -> dict:
    info = {"page": page, "page_size": 1000, "total_number": len(rows) if total is None else total, "total_page": pages}
    return ok({"list": list(rows), "page_info": info})


def campaign(**fields) -> dict:
    record = fixture("tiktok", "campaigns_page1")["body"]["data"]["list"][0]
    return {**record, **fields}


def ad_group(campaign_id: str = SPRING, n: int = 1, **fields) -> dict:
    record = fixture("tiktok", "adgroups_page1")["body"]["data"]["list"][0]
    return {**record, "campaign_id": campaign_id, "adgroup_id": str(n), **fields}


def info(**fields) -> CampaignInfo:
    return CampaignInfo(
        **{"external_id": SPRING, "name": "Spring Sale", "status": "active", "daily_budget": 25000} | fields
    )


def raised(call) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        call()
    return caught.value


# --- Connections -------------------------------------------------------------------------------------------------


def test_consent_names_app_state_and_return_address(client, server):
    url = urlsplit(client.authorize_url(redirect_uri="https://app.example/back", state="s&1"))
    assert url.path == "/portal/auth"
    assert parse_qs(url.query) == {
        "app_id": ["111222333444555"],
        "state": ["s&1"],
        "redirect_uri": ["https://app.example/back"],
    }
    assert client.uses_pkce is False


def test_code_is_exchanged_for_a_token_without_an_end(server, client):
    server.serve("oauth_token_ok")
    tokens = client.exchange_code(code="abc123", redirect_uri="https://app.example/back")
    assert tokens == Tokens("tt-token-1", None, None, ("4", "200", "300"))
    (asked,) = server.requests
    assert asked.body == {"app_id": "111222333444555", "secret": "APP_SECRET", "auth_code": "abc123"}
    assert "Access-Token" not in asked.headers


def test_used_code_needs_a_new_consent_and_is_sent_once(server, client):
    server.serve("oauth_auth_code_used")
    assert raised(lambda: client.exchange_code(code="x", redirect_uri="")).kind is ErrorKind.AUTH
    server.answer("POST", f"{API}/oauth2/access_token/", "", status=502)
    assert raised(lambda: client.exchange_code(code="x", redirect_uri="")).kind is ErrorKind.TRANSIENT
    assert len(server.requests) == 2


def test_tokens_are_never_refreshed(server, client):
    error = raised(lambda: client.refresh(Tokens(TOKEN, "refresh")))
    assert error.kind is ErrorKind.AUTH
    assert server.requests == []


def test_missing_token_is_dead_and_asked_for_once(server, client):
    server.serve("error_token_missing")
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.AUTH
    assert len(server.requests) == 1


def test_accounts_carry_currency_and_the_zone_with_summer_time(server, client):
    server.serve("oauth_advertisers", "advertiser_info")
    (account,) = client.list_accounts()
    assert (account.external_id, account.name) == ("7012345678901234567", "Acme Ads")
    assert (account.currency, account.timezone, account.enabled) == ("USD", "America/Los_Angeles", True)
    assert account.raw["timezone"] == "Etc/GMT+8"
    assert json.loads(server.requests[1].query["advertiser_ids"]) == ["7012345678901234567", "7012345678901234568"]
    assert server.requests[0].query == {"app_id": "111222333444555", "secret": "APP_SECRET"}


def test_facts_of_accounts_are_asked_for_by_the_hundred(server, client):
    ids = [str(10**18 + n) for n in range(205)]
    server.answer("GET", f"{API}/oauth2/advertiser/get/", ok({"list": [{"advertiser_id": int(id_)} for id_ in ids]}))
    for _ in range(3):
        server.answer("GET", f"{API}/advertiser/info/", ok({"list": []}))
    assert list(client.list_accounts()) == []
    sizes = [len(json.loads(asked.query["advertiser_ids"])) for asked in server.requests[1:]]
    assert sizes == [100, 100, 5]


def test_account_without_a_known_display_zone_falls_back(server, client):
    record = {"advertiser_id": 7012345678901234567, "currency": "EUR", "timezone": "Etc/GMT-1"}
    server.serve("oauth_advertisers")
    server.answer("GET", f"{API}/advertiser/info/", ok({"list": [{**record, "display_timezone": "Mars/Olympus"}]}))
    (account,) = client.list_accounts()
    assert (account.timezone, account.external_id) == ("Etc/GMT-1", "7012345678901234567")


def test_health_is_the_account_and_not_the_token_alone(server, client):
    server.serve("advertiser_info")
    client.check_health(ACCOUNT)
    server.answer("GET", f"{API}/advertiser/info/", ok({"list": []}))
    assert raised(lambda: client.check_health(ACCOUNT)).kind is ErrorKind.PERMISSION


# --- Campaigns ---------------------------------------------------------------------------------------------------


def test_campaigns_of_all_pages_with_deleted_ones(server, client):
    server.serve("campaigns_page1", "campaigns_page2")
    third = campaign(
        campaign_id=int(DELETED),
        operation_status="DISABLE",
        secondary_status="CAMPAIGN_STATUS_DELETE",
        objective_type="NEW",
    )
    server.answer("GET", CAMPAIGNS, listing(third, page=3, pages=3, total=5))
    server.serve("adgroups_page1")
    server.answer("GET", AD_GROUPS, listing())
    found = {one.external_id: one for one in client.list_campaigns(ACCOUNT)}

    assert [found[id_].status for id_ in (SPRING, ALWAYS_ON, LIFETIME, OVER, DELETED)] == [
        "active", "active", "paused", "active", "archived",
    ]  # fmt: skip
    assert (found[SPRING].daily_budget, found[SPRING].budget_read_only) == (25000, "")
    assert (found[ALWAYS_ON].daily_budget, found[ALWAYS_ON].budget_read_only) == (None, "ad_sets")
    assert (found[LIFETIME].lifetime_budget, found[LIFETIME].daily_budget) == (500000, None)
    assert found[LIFETIME].budget_read_only == "lifetime"
    assert (found[OVER].daily_budget, found[OVER].warning) == (5050, "CAMPAIGN_STATUS_BUDGET_EXCEED")
    assert (found[DELETED].budget_read_only, found[DELETED].objective) == ("final", "NEW")
    assert found[ALWAYS_ON].name == "Always-on – Riyadh 🚀"
    assert found[SPRING].objective == "WEB_CONVERSIONS"

    asked = server.asked("GET", CAMPAIGNS)
    assert [request.query["page"] for request in asked] == ["1", "2", "3"]
    assert all(json.loads(request.query["filtering"]) == {"primary_status": "STATUS_ALL"} for request in asked)
    assert all(request.headers["Access-Token"] == TOKEN for request in asked)
    assert all("Authorization" not in request.headers for request in asked)
    # The deleted campaign's ad groups are nobody's concern.
    assert len(server.asked("GET", AD_GROUPS)) == 2


def test_dates_and_targeting_come_from_ad_groups(server, client):
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.serve("adgroups_page1")
    (found,) = client.list_campaigns(ACCOUNT)
    # The second ad group has no end: what stands there is ten years ahead.
    assert (found.start_date, found.end_date) == (date(2026, 9, 1), None)
    # …and neither ages nor a gender.
    assert found.targeting == {}
    assert found.raw["ad_groups"][0]["location_ids"] == ["6252001"]


def test_flight_of_scheduled_ad_groups_is_in_the_accounts_zone():
    group = ad_group(schedule_start_time="2026-09-01 06:59:59", schedule_end_time="2026-12-31 08:00:00")
    found = campaign_info(campaign(), [group], ACCOUNT)
    # One second before midnight in Los Angeles, and midnight itself, which ends the day before.
    assert (found.start_date, found.end_date) == (date(2026, 8, 31), date(2026, 12, 30))
    assert found.targeting == {"age_min": 25, "age_max": 44, "genders": ["female"]}


def test_oldest_age_group_has_no_upper_end():
    found = campaign_info(campaign(), [ad_group(age_groups=["AGE_45_54", "AGE_55_100"], gender="GENDER_MALE")], ACCOUNT)
    assert found.targeting == {"age_min": 45, "genders": ["male"]}


def test_infinite_budget_is_the_sum_of_ad_groups_that_are_on():
    infinite = campaign(budget=0, budget_mode="BUDGET_MODE_INFINITE")
    day = {"budget_mode": "BUDGET_MODE_DAY"}
    groups = [
        ad_group(n=1, budget=20.5, **day),
        ad_group(n=2, budget=30, **day),
        ad_group(n=3, budget=99, operation_status="DISABLE", **day),
        ad_group(n=4, budget=99, secondary_status="ADGROUP_STATUS_DELETE", **day),
        ad_group(n=5, budget=700, budget_mode="BUDGET_MODE_TOTAL"),
    ]
    found = campaign_info(infinite, groups, ACCOUNT)
    assert (found.daily_budget, found.lifetime_budget, found.budget_read_only) == (5050, 70000, "ad_sets")


def test_campaign_is_completed_when_all_its_ad_groups_have_ended():
    ended = {"secondary_status": "ADGROUP_STATUS_TIME_DONE"}
    groups = [ad_group(n=1, **ended), ad_group(n=2, **ended), ad_group(n=3, secondary_status="ADGROUP_STATUS_DELETE")]
    assert campaign_info(campaign(), groups, ACCOUNT).status == "completed"
    assert campaign_info(campaign(), [*groups, ad_group(n=4)], ACCOUNT).status == "active"
    assert campaign_info(campaign(), [], ACCOUNT).status == "active"


@pytest.mark.parametrize(
    ("switch", "secondary", "status", "warning"),
    [
        ("ENABLE", "CAMPAIGN_STATUS_ENABLE", "active", ""),
        ("ENABLE", "CAMPAIGN_STATUS_ADVERTISER_AUDIT_DENY", "active", "CAMPAIGN_STATUS_ADVERTISER_AUDIT_DENY"),
        ("ENABLE", None, "active", ""),  # TikTok's own sandbox leaves it out
        ("ENABLE", "CAMPAIGN_STATUS_AWAITING_RELEASE", "paused", ""),
        ("DISABLE", "CAMPAIGN_STATUS_SOMETHING_NEW", "paused", ""),
        ("DISABLE", "CAMPAIGN_STATUS_DELETE", "archived", ""),
        (None, "CAMPAIGN_STATUS_SOMETHING_NEW", "", ""),
    ],
)
def test_status(switch, secondary, status, warning):
    found = campaign_info(campaign(operation_status=switch, secondary_status=secondary), [], ACCOUNT)
    assert (found.status, found.warning) == (status, warning)


def test_budget_in_yen_has_no_decimals():
    yen = Account("1", "JPY", "Asia/Tokyo")
    assert campaign_info(campaign(budget=5000.0), [], yen).daily_budget == 5000


def test_empty_account(server, client):
    server.serve("campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


def test_repeated_rows_come_once_and_a_listing_that_lacks_some_fails(server, client):
    first, second = campaign(), campaign(campaign_id=OVER)
    server.answer("GET", CAMPAIGNS, listing(first, first, second, second, total=2))
    server.answer("GET", AD_GROUPS, listing())
    assert [one.external_id for one in client.list_campaigns(ACCOUNT)] == [SPRING, OVER]

    server.answer("GET", CAMPAIGNS, listing(first, pages=2, total=2))
    server.answer("GET", CAMPAIGNS, listing(first, page=2, pages=2, total=2))
    server.answer("GET", AD_GROUPS, listing())
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


def test_ad_groups_are_asked_for_by_the_hundred_campaigns(server, client):
    records = [campaign(campaign_id=str(10**18 + n)) for n in range(150)]
    server.answer("GET", CAMPAIGNS, listing(*records))
    server.answer("GET", AD_GROUPS, listing())
    server.answer("GET", AD_GROUPS, listing())
    assert len(list(client.list_campaigns(ACCOUNT))) == 150
    filters = [json.loads(asked.query["filtering"]) for asked in server.asked("GET", AD_GROUPS)]
    assert [len(one["campaign_ids"]) for one in filters] == [100, 50]
    assert all(one["primary_status"] == "STATUS_ALL" for one in filters)


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_days_of_all_pages(server, client):
    server.serve("report_daily_page1", "report_daily_page2")
    rows = list(client.daily_metrics(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 7)))
    first, second, third, unsaid = rows
    assert (first.campaign_external_id, first.date) == (SPRING, date(2026, 11, 1))
    assert (first.spend, first.impressions, first.clicks, first.conversions_micros) == (14837, 20311, 402, 9_000_000)
    assert (first.revenue, first.video_views, first.video_completions) == (61240, 18110, 1204)
    assert (first.shares, first.comments, first.saves) == (12, 7, None)
    assert (second.spend, third.spend, third.revenue) == (15120, 2000, 0)
    # "-" is 'not said', which is not nothing.
    assert (unsaid.spend, unsaid.impressions) == (99, 41)
    assert (unsaid.conversions_micros, unsaid.revenue, unsaid.video_views, unsaid.shares) == (None,) * 4

    asked = fixture("tiktok", "report_daily_page1")["request"]["query"]
    sent = server.requests[0].query
    for name in ("advertiser_id", "report_type", "service_type", "data_level", "start_date", "end_date"):
        assert sent[name] == asked[name]
    for name in ("dimensions", "metrics", "filtering"):
        assert json.loads(sent[name]) == json.loads(asked[name])
    assert [request.query["page"] for request in server.requests] == ["1", "2"]


def test_restated_and_empty_reports(server, client):
    server.serve("report_daily_restated", "report_empty")
    window = {"start": date(2026, 11, 1), "end": date(2026, 11, 7)}
    (row,) = client.daily_metrics(ACCOUNT, **window)
    assert (row.spend, row.conversions_micros, row.revenue) == (14790, 14_000_000, 101175)
    assert list(client.daily_metrics(ACCOUNT, **window)) == []


def test_chosen_conversion_is_counted(server, client):
    server.serve("report_daily_restated")
    account = Account(ACCOUNT.external_id, "USD", "UTC", conversion_actions=("complete_payment", "conversion"))
    (row,) = client.daily_metrics(account, start=date(2026, 11, 1), end=date(2026, 11, 1))
    assert row.conversions_micros == 13_000_000


def test_ninety_days_are_three_questions_of_thirty(server, client):
    for _ in range(3):
        server.answer("GET", REPORT, listing())
    assert list(client.daily_metrics(ACCOUNT, start=date(2026, 8, 25), end=date(2026, 11, 22))) == []
    spans = [(asked.query["start_date"], asked.query["end_date"]) for asked in server.requests]
    assert spans == [("2026-08-25", "2026-09-23"), ("2026-09-24", "2026-10-23"), ("2026-10-24", "2026-11-22")]


def test_too_long_a_span_is_our_mistake(server, client):
    """Met only if the cap shrinks: the refusal names no metric, so the core is tried once and the refusal told."""
    server.serve("error_report_span_over_30_days", "error_report_span_over_30_days")
    error = raised(lambda: list(client.daily_metrics(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 7))))
    assert (error.kind, error.code) == (ErrorKind.INPUT, "40002")


def test_metric_that_an_account_lacks_is_left_out_from_then_on(server, client):
    refusal = {"code": 40002, "message": "Invalid metric: complete_payment, total_complete_payment_rate", "data": {}}
    server.answer("GET", REPORT, refusal)
    server.serve("report_daily_restated", "report_daily_restated")
    window = {"start": date(2026, 11, 1), "end": date(2026, 11, 7)}
    (row,) = client.daily_metrics(ACCOUNT, **window)
    assert row.spend == 14790
    list(client.daily_metrics(ACCOUNT, **window))
    _first, second, third = (json.loads(asked.query["metrics"]) for asked in server.requests)
    assert "complete_payment" not in second
    assert "video_play_actions" in second
    assert second == third


def test_nameless_refusal_leaves_the_core(server, client):
    server.answer("GET", REPORT, {"code": 40002, "message": "Unsupported metrics.", "data": {}})
    server.answer("GET", REPORT, listing())
    list(client.daily_metrics(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 7)))
    assert json.loads(server.requests[1].query["metrics"]) == ["spend", "impressions", "clicks", "conversion"]


def test_report_that_was_cut_is_asked_for_in_halves(server, client):
    server.answer("GET", REPORT, listing(), headers={"X-Tt-Ads-Throttle": "20000"})
    server.answer("GET", REPORT, listing())
    server.answer("GET", REPORT, listing())
    list(client.daily_metrics(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 7)))
    spans = [(asked.query["start_date"], asked.query["end_date"]) for asked in server.requests[1:]]
    assert spans == [("2026-11-01", "2026-11-03"), ("2026-11-04", "2026-11-07")]
    server.answer("GET", REPORT, listing(), headers={"X-Tt-Ads-Throttle": "20000"})
    day = date(2026, 11, 1)
    assert raised(lambda: list(client.daily_metrics(ACCOUNT, start=day, end=day))).kind is ErrorKind.TOO_MUCH


def test_shares_of_ages_genders_and_countries(server, client):
    def row(name, value):
        metrics = {"spend": "1.005", "impressions": "10", "clicks": "-", "conversion": "1"}
        return {"dimensions": {"campaign_id": SPRING, name: value}, "metrics": metrics}

    ages = ("AGE_13_17", "AGE_18_24", "AGE_55_100", "NONE")
    server.answer("GET", REPORT, listing(*(row("age", age) for age in ages)))
    server.answer("GET", REPORT, listing(*(row("gender", gender) for gender in ("FEMALE", "MALE", "NONE"))))
    server.answer("GET", REPORT, listing(row("country_code", "SA")))
    rows = list(client.breakdowns(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 22)))
    assert [(one.dimension, one.value) for one in rows] == [
        ("age", "13-17"), ("age", "18-24"), ("age", "55+"), ("age", "unknown"),
        ("gender", "female"), ("gender", "male"), ("gender", "unknown"), ("location", "SA"),
    ]  # fmt: skip
    assert (rows[0].spend, rows[0].clicks, rows[0].conversions_micros) == (100, None, 1_000_000)
    assert {asked.query["report_type"] for asked in server.requests} == {"AUDIENCE"}
    assert json.loads(server.requests[0].query["dimensions"]) == ["campaign_id", "age"]


@pytest.mark.parametrize("body", ["<html>", '{"code": 0', "[]", {"data": {}}])
def test_unreadable_answers_are_repeated_and_then_told(server, client, body):
    for _ in range(MAX_ATTEMPTS):
        server.answer("GET", CAMPAIGNS, body)
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


@pytest.mark.parametrize(
    "data", [{}, {"list": [], "page_info": {}}, {"list": [{}], "page_info": {"total_number": 1, "total_page": 1}}]
)
def test_listing_of_an_unknown_shape_is_broken(server, client, data):
    server.answer("GET", CAMPAIGNS, ok(data))
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


# --- Errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((40100, 40016, 40132, 40133, 51021), ErrorKind.RATE),
        ((40102, 40104, 40105, 40106, 40110, 40113, 40118, 40119, 40125), ErrorKind.AUTH),
        ((40001, 40007, 40300, 40301), ErrorKind.PERMISSION),
        ((40200, 40201, 40202, 40700, 50000, 50002, 59999, 60001), ErrorKind.TRANSIENT),
        ((40000, 40002, 40011, 40050, 40101, 99999), ErrorKind.INPUT),
    ],
)
def test_meaning_of_codes(codes, kind):
    assert {kind_of(code) for code in codes} == {kind}


def test_http_200_may_be_an_error(server, client):
    server.serve("error_no_permission")
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.code, error.status) == (ErrorKind.PERMISSION, "40001", 200)
    assert error.request_id == "2026112209150001023125104093250"
    assert len(server.requests) == 1


def test_server_error_is_repeated(server, client):
    server.serve("error_server_50002", "campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


def test_path_without_the_last_slash_is_our_mistake(server, client):
    server.serve("error_missing_slash_404", path=CAMPAIGNS)
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.INPUT
    assert all(request.path.endswith("/") for request in server.requests)


def test_gateway_failures_end_in_a_wait_of_five_minutes(server, client, fake_time):
    for _ in range(MAX_ATTEMPTS):
        server.answer("GET", CAMPAIGNS, "<html>502</html>", status=502)
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.retry_after) == (ErrorKind.TRANSIENT, 300)
    assert len(fake_time.slept) == MAX_ATTEMPTS - 1


def test_limit_of_a_second_passes_within_the_call(server, client):
    server.serve("error_rate_limit_qps", "error_rate_limit_advertiser", "campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


def test_limit_that_stays_parks_the_account_for_minutes_then_an_hour(
    server, client, wiring_for, fake_time, shared_memory
):
    for expected in (300, 3600):
        for _ in range(MAX_ATTEMPTS):
            server.serve("error_rate_limit_advertiser")
        error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
        assert (error.kind, error.retry_after) == (ErrorKind.RATE, expected)
        assert governor_for("tiktok", "1", shared_memory, fake_time).wait_for("anything", None) > 290
        assert governor_for("tiktok", "2", shared_memory, fake_time).wait_for("anything", None) == 0
        fake_time.moment += timedelta(seconds=expected)


def test_restricted_app_holds_everybody_back(server, client, fake_time, shared_memory):
    server.serve("error_rate_limit_temporarily_restricted")
    error = raised(lambda: list(client.daily_metrics(ACCOUNT, start=date(2026, 11, 1), end=date(2026, 11, 1))))
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE, LimitScope.APP, 300)
    assert governor_for("tiktok", "another", shared_memory, fake_time).wait_for("campaigns", None) > 290
    # Nobody asks again before then.
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.RATE
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("App reaches the QPS limit.", None),
        ("App reaches the QPM limit.", 300),
        ("App reaches the QPD limit.", 12 * 3600),
        ("Due to too many requests, requests from App are temporarily restricted.", 300),
    ],
)
def test_wait_after_a_limit(message, seconds):
    assert wait(message, NOW) == seconds


def test_calls_of_one_endpoint_are_spaced_for_all_accounts(server, wiring_for, fake_time):
    clients = [make(server, wiring_for), make(server, wiring_for, account="2")]
    for _ in range(12):
        server.serve("campaigns_empty")
    for n in range(12):
        list(clients[n % 2].list_campaigns(ACCOUNT))
    # Five at once, then ten a second.
    assert sum(fake_time.slept) == pytest.approx(0.7, abs=0.01)


# --- Writes ------------------------------------------------------------------------------------------------------


def test_pause_is_read_back(server, client, fake_time):
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.serve("pause_ok")
    server.answer("GET", CAMPAIGNS, listing(campaign()))  # the listing lags
    paused = campaign(operation_status="DISABLE", secondary_status="CAMPAIGN_STATUS_DISABLE")
    server.answer("GET", CAMPAIGNS, listing(paused))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"
    assert server.asked("POST", STATUS)[0].body == fixture("tiktok", "pause_ok")["request"]["body"]
    assert fake_time.slept == [1.0]


def test_enable(server, client):
    off = campaign(campaign_id=LIFETIME, operation_status="DISABLE", secondary_status="CAMPAIGN_STATUS_DISABLE")
    server.answer("GET", CAMPAIGNS, listing(off))
    server.serve("enable_ok")
    server.answer("GET", CAMPAIGNS, listing(campaign(campaign_id=LIFETIME)))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_status(ACCOUNT, info(external_id=LIFETIME), active=True).status == "active"
    assert server.asked("POST", STATUS)[0].body == fixture("tiktok", "enable_ok")["request"]["body"]


def test_write_that_does_not_show_is_told(server, client):
    for _ in range(4):
        server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.serve("pause_ok")
    error = raised(lambda: client.set_status(ACCOUNT, info(), active=False))
    assert error.code == "local.not_applied"


def test_smart_plus_campaigns_have_their_own_addresses(server, client):
    smart = {"campaign_automation_type": "UPGRADED_SMART_PLUS"}
    server.answer("GET", CAMPAIGNS, listing(campaign(**smart)))
    server.answer("POST", SMART_STATUS, ok({"campaign_ids": [SPRING], "error_list": []}))
    server.answer("GET", CAMPAIGNS, listing(campaign(operation_status="DISABLE", **smart)))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"

    server.answer("GET", CAMPAIGNS, listing(campaign(**smart)))
    server.answer("POST", SMART_UPDATE, ok({}))
    server.answer("GET", CAMPAIGNS, listing(campaign(budget=300.5, **smart)))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_daily_budget(ACCOUNT, info(), minor=30050).daily_budget == 30050


def test_item_refused_within_a_partial_success(server, client):
    smart = {"campaign_automation_type": "UPGRADED_SMART_PLUS"}
    server.answer("GET", CAMPAIGNS, listing(campaign(campaign_id=DELETED, **smart)))
    server.serve("pause_partial")
    error = raised(lambda: client.set_status(ACCOUNT, info(external_id=DELETED), active=False))
    assert (error.kind, str(error)) == (ErrorKind.INPUT, "The campaign has been deleted.")


def test_duplicate_request_is_settled_by_reading_back(server, client):
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.answer("POST", STATUS, {"code": 40050, "message": "Duplicate request", "data": {}})
    server.answer("GET", CAMPAIGNS, listing(campaign(operation_status="DISABLE")))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"


def test_write_conflict_is_repeated(server, client):
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.answer("POST", STATUS, {"code": 40202, "message": "Write conflict"})
    server.serve("pause_ok")
    server.answer("GET", CAMPAIGNS, listing(campaign(operation_status="DISABLE")))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"


def test_deleted_and_unseen_campaigns_take_no_changes(server, client):
    assert raised(lambda: client.set_status(ACCOUNT, info(status="archived"), active=True)).code == "local.final"
    assert server.requests == []
    server.answer("GET", CAMPAIGNS, listing(campaign(secondary_status="CAMPAIGN_STATUS_DELETE")))
    assert raised(lambda: client.set_status(ACCOUNT, info(), active=True)).code == "local.final"
    server.answer("GET", CAMPAIGNS, listing())
    assert raised(lambda: client.set_status(ACCOUNT, info(), active=True)).kind is ErrorKind.PERMISSION


def test_budget_is_written_in_units_and_read_back(server, client):
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.serve("budget_ok")
    server.answer("GET", CAMPAIGNS, listing(campaign(budget=300.5)))
    server.answer("GET", AD_GROUPS, listing())
    assert client.set_daily_budget(ACCOUNT, info(), minor=30050).daily_budget == 30050
    assert server.asked("POST", UPDATE)[0].body == fixture("tiktok", "budget_ok")["request"]["body"]
    # It rises: what was spent today cannot be above it.
    assert server.asked("GET", REPORT) == []


def test_budget_that_tiktok_finds_too_low_is_told(server, client):
    account = Account(ACCOUNT.external_id, "EUR", "Europe/Berlin")  # whose minimum TikTok does not publish
    server.answer("GET", REPORT, listing())
    server.answer("GET", CAMPAIGNS, listing(campaign()))
    server.serve("budget_too_low")
    error = raised(lambda: client.set_daily_budget(account, info(), minor=1000))
    assert (error.kind, str(error)) == (ErrorKind.INPUT, "The budget must be at least 50 USD")


@pytest.mark.parametrize(
    ("minor", "fields", "code"),
    [
        (4999, {}, "below_minimum"),
        (999, {"objective": "PRODUCT_SALES"}, "below_minimum"),
        (1_000_000_000, {}, "above_maximum"),
        (0, {}, "not_positive"),
        (30000, {"budget_read_only": "ad_sets"}, "ad_sets"),
        (30000, {"budget_read_only": "lifetime"}, "lifetime"),
    ],
)
def test_budget_refused_before_it_is_sent(server, client, minor, fields, code):
    error = raised(lambda: client.check_daily_budget(ACCOUNT, info(**fields), minor=minor))
    assert (error.kind, error.code) == (ErrorKind.INPUT, f"local.{code}")
    assert server.requests == []


def test_falling_budget_stays_above_what_was_spent_today(server, client):
    row = {
        "dimensions": {"campaign_id": SPRING, "stat_time_day": "2026-11-23 00:00:00"},
        "metrics": {"spend": "100.01"},
    }
    for _ in range(2):
        server.answer("GET", REPORT, listing(row))
    assert raised(lambda: client.check_daily_budget(ACCOUNT, info(), minor=10501)).code == "local.below_spend"
    client.check_daily_budget(ACCOUNT, info(), minor=10502)
    asked = server.requests[0].query
    # Noon in London is still the same day in Los Angeles.
    assert (asked["start_date"], asked["end_date"]) == ("2026-11-23", "2026-11-23")
    assert json.loads(json.loads(asked["filtering"])[0]["filter_value"]) == [SPRING]


def test_unknown_spend_is_left_to_tiktok(server, client):
    server.answer("GET", REPORT, {"code": 40002, "message": "no", "data": {}})
    client.check_daily_budget(ACCOUNT, info(), minor=6000)
    server.answer("GET", REPORT, listing())
    client.check_daily_budget(ACCOUNT, info(), minor=6000)


@given(st.sampled_from(["USD", "JPY", "KWD"]), st.integers(min_value=1, max_value=10**12))
def test_budget_survives_the_way_there_and_back(currency, minor):
    sent = json.loads(json.dumps(budget_number(minor, currency)))
    assert to_minor(str(sent), currency) == minor
    assert len(str(sent).partition(".")[2]) <= decimals(currency)


@given(st.integers(min_value=0, max_value=10**12))
def test_least_budget_is_the_smallest_that_is_enough(spent):
    least = least_budget(spent)
    assert least * 100 >= spent * 105
    assert (least - 1) * 100 < spent * 105


@given(st.datetimes(timezones=st.just(UTC)))
def test_limit_of_a_day_ends_at_midnight(moment):
    if moment.date() == date.max:
        return
    seconds = wait("QPD", moment)
    end = moment + timedelta(seconds=seconds)
    assert 0 < seconds <= 86400
    assert abs(end - datetime(end.year, end.month, end.day, tzinfo=UTC)) < timedelta(milliseconds=1)


def test_logs_hold_no_secrets(server, client, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    echo = {"code": 40105, "message": f"Access token {TOKEN} is incorrect, secret APP_SECRET", "data": {}}
    server.answer("GET", f"{API}/oauth2/advertiser/get/", echo)
    with structlog.testing.capture_logs() as events:
        error = raised(lambda: list(client.list_accounts()))
    written = f"{events} {caplog.text} {capsys.readouterr()} {error!r} {error}"
    assert events
    assert TOKEN not in written
    assert "APP_SECRET" not in written


def test_classifier_reads_codes_written_as_text(http, server):
    server.answer("GET", "/x/", {"code": "40105", "message": "no"})
    assert classifier(lambda: NOW)(http.get(f"{server.url}/x/")).kind is ErrorKind.AUTH
