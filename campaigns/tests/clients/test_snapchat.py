"""Snapchat's client over real HTTP: answers as Snapchat gives them, and every trap of its API."""

import logging
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import Account, CampaignInfo, ErrorKind, LimitScope, PlatformError, Tokens
from campaigns.clients.money import MICROS, from_scaled, to_scaled
from campaigns.clients.snapchat import SnapchatClient
from campaigns.clients.snapchat.api import Addresses
from campaigns.clients.snapchat.campaigns import ad_squad, campaign_info, writable
from campaigns.clients.snapchat.stats import midnight
from campaigns.clients.transport import MAX_ATTEMPTS
from campaigns.tests.clients.conftest import NOW, governor_for
from campaigns.tests.clients.fixture_server import fixture

AA = "8adc3db7-8148-4fbf-999c-8d2266369d74"
ACCOUNT = Account(AA, "USD", "America/Los_Angeles")
ONE, DEUX, COOL, CRAZY = (
    "06302efa-4c0f-4e36-b880-a395a36cef64",
    "0fc8e179-6f3b-46e7-be8e-ca53fd404ece",
    "92e1c28a-a331-45b4-8c26-fd3e0eea8c39",
    "fedf8e04-0176-4ce3-a1ca-148204aee62c",
)
ORG = "40d6719b-da09-410b-9185-0cc9c0dfed1d"
CAMPAIGNS, SQUADS, STATS = (
    f"/v1/adaccounts/{AA}/campaigns",
    f"/v1/adaccounts/{AA}/adsquads",
    f"/v1/adaccounts/{AA}/stats",
)
CAMPAIGN, CAMPAIGN_SQUADS, CAMPAIGN_STATS = (f"/v1/campaigns/{ONE}{tail}" for tail in ("", "/adsquads", "/stats"))
TOKEN_PATH = "/login/oauth2/access_token"
WEEK = {"start": date(2026, 11, 1), "end": date(2026, 11, 7)}
LIVE = Tokens("snap-token-1", "rt-1", NOW + timedelta(minutes=30), ("snapchat-marketing-api",))


@pytest.fixture
def server(server_for):
    return server_for("snapchat")


@pytest.fixture
def client(server, wiring_for):
    return make(server, wiring_for)


def make(server, wiring_for, **fields) -> SnapchatClient:
    wiring = wiring_for("snapchat", **{"tokens": LIVE, **fields})
    return SnapchatClient(wiring, Addresses(server.url, server.url, "v1"))


def good(**things) -> dict:
    return {"request_status": "SUCCESS", "request_id": "r1", **things}


def wrapped(thing: str, *records: dict) -> dict:
    return good(paging={}, **{f"{thing}s": [{"sub_request_status": "SUCCESS", thing: record} for record in records]})


def campaign(**fields) -> dict:
    record = fixture("snapchat", "campaigns_page1")["body"]["campaigns"][0]["campaign"]
    return {**record, **fields}


def squads() -> list[dict]:
    return [item["adsquad"] for item in fixture("snapchat", "adsquads")["body"]["adsquads"]]


def described(record: dict, *squad_records: dict, account: Account = ACCOUNT) -> CampaignInfo:
    return campaign_info(record, [ad_squad(one) for one in squad_records], account, NOW)


def info(**fields) -> CampaignInfo:
    return CampaignInfo(
        **{"external_id": ONE, "name": "Campaign One", "status": "active", "daily_budget": 20000} | fields
    )


def raised(call) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        call()
    return caught.value


# --- Connections -------------------------------------------------------------------------------------------------


def test_consent_names_scope_and_state(client):
    url = urlsplit(client.authorize_url(redirect_uri="https://app.example/back", state="s&1", code_challenge="x"))
    assert url.path == "/login/oauth2/authorize"
    assert parse_qs(url.query) == {
        "client_id": ["111222333444555"],
        "redirect_uri": ["https://app.example/back"],
        "response_type": ["code"],
        "scope": ["snapchat-marketing-api"],
        "state": ["s&1"],
    }


@pytest.mark.parametrize(
    ("name", "refresh_token", "seconds"),
    [("oauth_refresh_ok", "rt-2", 1800), ("oauth_refresh_ok_no_new_refresh_token", "rt-1", 3600)],
)
def test_refresh_keeps_the_old_refresh_token_when_no_new_one_comes(server, client, name, refresh_token, seconds):
    server.serve(name)
    tokens = client.refresh(LIVE)
    assert (tokens.access_token, tokens.refresh_token) == ("snap-token-2", refresh_token)
    assert tokens.expires_at == NOW + timedelta(seconds=seconds)
    (asked,) = server.requests
    assert asked.body == {
        "grant_type": "refresh_token",
        "client_id": "111222333444555",
        "client_secret": "APP_SECRET",
        "refresh_token": "rt-1",
    }
    assert "Authorization" not in asked.headers


def test_code_is_exchanged(server, client):
    server.serve("oauth_refresh_ok")
    tokens = client.exchange_code(code="c0de", redirect_uri="https://app.example/back")
    assert (tokens.refresh_token, tokens.scopes) == ("rt-2", ("snapchat-marketing-api",))
    assert server.requests[0].body["grant_type"] == "authorization_code"
    assert server.requests[0].body["redirect_uri"] == "https://app.example/back"


def test_dead_refresh_token_needs_a_person(server, client):
    server.serve("oauth_refresh_invalid_grant")
    assert raised(lambda: client.refresh(LIVE)).kind is ErrorKind.AUTH
    server.answer("POST", TOKEN_PATH, {"error": "invalid_client"}, status=401)
    assert raised(lambda: client.refresh(LIVE)).kind is ErrorKind.INPUT


def test_refused_token_is_renewed_once_and_the_same_page_asked_again(server, client):
    server.serve("campaigns_page1")
    server.serve("error_401_empty_body", path=CAMPAIGNS)
    server.serve("oauth_refresh_ok", "campaigns_page2")
    server.answer("GET", SQUADS, wrapped("adsquad"))
    assert len(list(client.list_campaigns(ACCOUNT))) == 4
    _squads, first, refused, _token, again = server.requests
    assert refused.query == again.query == {"cursor": "CgoKCGFiY2RlZmdo", "limit": "50"}
    assert (first.headers["Authorization"], again.headers["Authorization"]) == (
        "Bearer snap-token-1",
        "Bearer snap-token-2",
    )


def test_token_refused_after_renewal_is_dead(server, client):
    server.serve("error_401_empty_body", "oauth_refresh_ok", "error_401_empty_body", path=None)
    server.answer("GET", SQUADS, wrapped("adsquad"))
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.AUTH
    assert len(server.asked("POST", TOKEN_PATH)) == 1


def test_token_about_to_run_out_is_renewed_ahead(server, wiring_for):
    client = make(server, wiring_for, tokens=replace(LIVE, expires_at=NOW + timedelta(minutes=4)))
    server.serve("oauth_refresh_ok")
    server.answer("GET", f"/v1/adaccounts/{AA}", wrapped("adaccount", {"id": AA}))
    client.check_health(ACCOUNT)
    assert server.requests[1].headers["Authorization"] == "Bearer snap-token-2"


def test_accounts_of_all_organizations(server, client):
    server.answer("GET", "/v1/me/organizations", wrapped("organization", {"id": ORG}, {"id": "other"}))
    server.serve("adaccounts")
    server.serve("adaccounts", path="/v1/organizations/other/adaccounts")
    (account,) = client.list_accounts()
    assert (account.external_id, account.name) == (AA, "Hooli Test Ad Account")
    assert (account.currency, account.timezone, account.enabled) == ("USD", "America/Los_Angeles", True)
    assert account.minimum_daily_budget == 2000


# --- Campaigns ---------------------------------------------------------------------------------------------------


def test_campaigns_of_all_pages(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_page1", "campaigns_page2")
    found = {one.external_id: one for one in client.list_campaigns(ACCOUNT)}
    assert [found[id_].status for id_ in (ONE, DEUX, COOL, CRAZY)] == ["active", "completed", "paused", "active"]
    one, deux, cool, crazy = (found[id_] for id_ in (ONE, DEUX, COOL, CRAZY))
    assert (one.daily_budget, one.budget_read_only, one.objective) == (20000, "", "SALES")
    # 08:00 UTC is midnight in Los Angeles: the day before is the last.
    assert (one.start_date, one.end_date) == (date(2026, 9, 13), date(2026, 12, 30))
    assert (deux.lifetime_budget, deux.daily_budget, deux.budget_read_only) == (500000, None, "lifetime")
    assert (cool.objective, cool.end_date, cool.budget_read_only) == ("BRAND_AWARENESS", None, "ad_sets")
    assert (crazy.objective, crazy.warning) == ("SOMETHING_NEW", "scheduled")


def test_next_page_is_asked_for_at_the_configured_address(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_page1", "campaigns_page2")
    list(client.list_campaigns(ACCOUNT))
    assert server.requests[-1].path == CAMPAIGNS
    assert server.requests[-1].query == {"cursor": "CgoKCGFiY2RlZmdo", "limit": "50"}


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/adaccounts/x/campaigns?cursor=1",
        f"https://evil.example{CAMPAIGNS}?cursor=1",
        f"https://adsapi.snapchat.com@evil.example{CAMPAIGNS}?cursor=1",
        f"https://adsapi.snapchat.com.evil.example{CAMPAIGNS}",
        f"https://adsapi.snapchat.com:8443{CAMPAIGNS}",
        f"http://adsapi.snapchat.com{CAMPAIGNS}",
        "https://adsapi.snapchat.com/v1/me",
        f"//evil.example{CAMPAIGNS}",
        CAMPAIGNS,
    ],
)
def test_next_page_elsewhere_is_never_asked_for(server, client, link):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    body = fixture("snapchat", "campaigns_page1_foreign_next_link")["body"]
    server.answer("GET", CAMPAIGNS, {**body, "paging": {"next_link": link}})
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.code) == (ErrorKind.BROKEN, "local.foreign_link")
    assert len(server.requests) == 2


def test_older_host_of_the_same_service_is_trusted(server, client):
    body = fixture("snapchat", "campaigns_page1")["body"]
    link = f"https://adsapisc.appspot.com{CAMPAIGNS}?cursor=p2"
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.answer("GET", CAMPAIGNS, {**body, "paging": {"next_link": link}})
    server.serve("campaigns_empty")
    assert len(list(client.list_campaigns(ACCOUNT))) == 2
    assert server.requests[-1].query == {"cursor": "p2"}


def test_listing_that_goes_in_circles_ends(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    for _ in range(4):
        server.answer("GET", CAMPAIGNS, fixture("snapchat", "campaigns_page1")["body"])
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


def test_repeated_campaigns_come_once(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.answer("GET", CAMPAIGNS, wrapped("campaign", campaign(), campaign()))
    assert len(list(client.list_campaigns(ACCOUNT))) == 1


def test_statuses_in_lower_case_are_successes(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_lowercase_status")
    assert [one.external_id for one in client.list_campaigns(ACCOUNT)] == [ONE]


def test_empty_account(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


def test_failed_item_fails_the_listing(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    body = wrapped("campaign", campaign())
    body["campaigns"].append({"sub_request_status": "ERROR", "message": "E3002: no"})
    server.answer("GET", CAMPAIGNS, body)
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.code) == (ErrorKind.PERMISSION, "E3002")


def test_budget_of_ad_squads_that_are_on(server, client):
    server.serve("adsquads", path=SQUADS)
    record = campaign(daily_budget_micro=None)
    server.answer("GET", CAMPAIGNS, wrapped("campaign", record))
    (found,) = client.list_campaigns(ACCOUNT)
    assert (found.daily_budget, found.lifetime_budget, found.budget_read_only) == (5000, None, "ad_sets")
    # The second squad narrows nothing down but is open to everybody.
    assert found.targeting == {"locations": ["US"]}
    assert described(record, squads()[0]).targeting == {
        "age_min": 21,
        "age_max": 34,
        "genders": ["female"],
        "locations": ["US"],
    }


@pytest.mark.parametrize(
    ("fields", "status", "warning"),
    [
        ({}, "active", ""),
        ({"end_time": "2026-11-23T12:00:00.000Z"}, "completed", ""),
        ({"end_time": "2026-11-23T12:00:00.001Z"}, "active", ""),
        ({"status": "PAUSED", "end_time": "2026-11-20T08:00:00.000Z"}, "completed", ""),
        ({"status": "PAUSED", "delivery_status": ["INVALID_END_TIME"]}, "paused", ""),
        (
            {"delivery_status": ["INVALID_NOT_EFFECTIVE_ACTIVE"]},
            "active",
            "INVALID_NOT_EFFECTIVE_ACTIVE",
        ),
        ({"status": "SOMETHING_NEW"}, "", ""),
    ],
)
def test_status(fields, status, warning):
    found = described(campaign(**fields))
    assert (found.status, found.warning) == (status, warning)


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_days_of_all_pages(server, client):
    server.serve("stats_day_breakdown_page1", "stats_day_breakdown_page2")
    first, second, zero = client.daily_metrics(ACCOUNT, **WEEK)
    assert (first.campaign_external_id, first.date) == (ONE, date(2026, 11, 1))
    assert (first.spend, first.impressions, first.clicks, first.conversions_micros) == (14837, 20311, 402, 8_000_000)
    assert (first.revenue, first.video_views, first.video_completions) == (61240, 18110, 1204)
    assert (first.shares, first.saves, first.comments) == (12, 3, None)
    assert first.attribution == "swipe_up 28_DAY, view 1_DAY"
    assert (second.date, second.spend) == (date(2026, 11, 2), 15120)
    # Its offset has no colon.
    assert (zero.campaign_external_id, zero.date, zero.spend) == (DEUX, date(2026, 11, 1), 0)

    asked = fixture("snapchat", "stats_day_breakdown_page1")["request"]["query"]
    assert server.requests[0].query == asked
    assert server.requests[1].query == {"breakdown": "campaign", "cursor": "p2", "granularity": "DAY"}


def test_missing_figures_are_unknown(server, client):
    body = fixture("snapchat", "stats_day_breakdown_page2")["body"]
    point = body["timeseries_stats"][0]["timeseries_stat"]["breakdown_stats"]["campaign"][0]["timeseries"][0]
    point["stats"] = {"spend": 5000}
    server.answer("GET", STATS, body)
    (row,) = client.daily_metrics(ACCOUNT, **WEEK)
    assert row.spend == 0  # half a cent, to even
    assert (row.impressions, row.conversions_micros, row.revenue, row.saves) == (None,) * 4


def test_account_without_statistics(server, client):
    server.serve("stats_empty_no_key")
    assert list(client.daily_metrics(ACCOUNT, **WEEK)) == []


def test_chosen_conversion_is_counted(server, client):
    body = fixture("snapchat", "stats_day_breakdown_page2")["body"]
    point = body["timeseries_stats"][0]["timeseries_stat"]["breakdown_stats"]["campaign"][0]["timeseries"][0]
    point["stats"]["conversion_sign_ups"] = 4
    server.answer("GET", STATS, body)
    (row,) = client.daily_metrics(replace(ACCOUNT, conversion_actions=("conversion_sign_ups",)), **WEEK)
    assert row.conversions_micros == 4_000_000
    assert server.requests[0].query["fields"].endswith(",conversion_sign_ups")


def test_ninety_days_are_three_questions_at_local_midnights(server, client):
    for _ in range(3):
        server.serve("stats_empty_no_key")
    list(client.daily_metrics(ACCOUNT, start=date(2026, 8, 25), end=date(2026, 11, 22)))
    spans = [(asked.query["start_time"], asked.query["end_time"]) for asked in server.requests]
    assert spans == [
        ("2026-08-25T00:00:00.000-07:00", "2026-09-24T00:00:00.000-07:00"),
        ("2026-09-24T00:00:00.000-07:00", "2026-10-24T00:00:00.000-07:00"),
        ("2026-10-24T00:00:00.000-07:00", "2026-11-23T00:00:00.000-08:00"),
    ]


def test_offset_east_of_greenwich_survives_the_address(server, client):
    server.serve("stats_empty_no_key")
    list(client.daily_metrics(replace(ACCOUNT, timezone="Asia/Kolkata"), **WEEK))
    assert server.requests[0].query["start_time"] == "2026-11-01T00:00:00.000+05:30"


def test_unknown_zone_is_refused_here(server, client):
    account = replace(ACCOUNT, timezone="Mars/Olympus")
    assert raised(lambda: list(client.daily_metrics(account, **WEEK))).kind is ErrorKind.INPUT
    assert server.requests == []


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.sampled_from(["America/Los_Angeles", "Europe/Berlin", "Asia/Riyadh", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_midnight_is_the_first_moment_of_its_day(day, name):
    local = ZoneInfo(name)
    moment = datetime.fromisoformat(midnight(day, local)).astimezone(local)
    assert (moment.date(), moment.time()) == (day, time.min)
    assert (moment - timedelta(microseconds=1)).astimezone(local).date() == day - timedelta(days=1)


@given(st.sampled_from(["USD", "JPY", "KWD"]), st.integers(min_value=0, max_value=10**12))
def test_micro_money_survives_the_way_there_and_back(currency, minor):
    assert from_scaled(to_scaled(minor, MICROS, currency), MICROS, currency) == minor


def test_shares_of_delivered_campaigns_without_counting_35_plus_twice(server, client):
    server.serve("stats_day_breakdown_page1", "stats_day_breakdown_page2")
    body = fixture("snapchat", "stats_demographics")["body"]
    cells = body["timeseries_stats"][0]["timeseries_stat"]["timeseries"][0]["dimension_stats"]
    cells.append({"age": "35-44", "gender": "female", "impressions": 4000, "swipes": 80, "spend": 30000000})
    cells.append({"age": "35+", "gender": "male", "impressions": 7, "spend": 70000})
    server.answer("GET", CAMPAIGN_STATS, body)
    series = {"timeseries": [{"dimension_stats": [{"country": "us", "impressions": 5}, {"impressions": 1}]}]}
    server.answer(
        "GET",
        CAMPAIGN_STATS,
        good(timeseries_stats=[{"sub_request_status": "SUCCESS", "timeseries_stat": series}]),
    )
    rows = {(one.dimension, one.value): one for one in client.breakdowns(ACCOUNT, **WEEK)}
    assert {value: one.impressions for (dimension, value), one in rows.items() if dimension == "age"} == {
        "18-20": 9000,
        "21-24": 3000,
        "35-44": 4000,  # the women's 35+ is left out: its parts are there
        "35+": 7,  # the men's has none
        "unknown": 10,
    }
    assert {value: one.spend for (dimension, value), one in rows.items() if dimension == "gender"} == {
        "female": 10000,
        "male": 2007,
        "unknown": 10,
    }
    assert rows["age", "35+"].clicks is None
    assert rows["location", "US"].impressions == 5
    assert rows["location", "US"].conversions_micros is None
    assert rows["location", "unknown"].impressions == 1
    # The two campaigns that delivered nothing are not asked about.
    asked = server.asked("GET", CAMPAIGN_STATS)
    assert [one.query["report_dimension"] for one in asked] == ["age,gender", "country"]
    assert asked[0].query["fields"] == "impressions,swipes,spend"


# --- Errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["error_400_stats_account_fields", "error_400_stats_not_midnight", "error_400_stats_range"]
)
def test_bad_questions_are_our_mistake_and_say_why(server, client, name):
    server.serve(name, path=STATS)
    error = raised(lambda: list(client.daily_metrics(ACCOUNT, **WEEK)))
    assert (error.kind, error.code) == (ErrorKind.INPUT, "E1008")
    assert "Unsupported Stats Query" in str(error)
    assert error.request_id.startswith("5b3f92")


def test_limit_waits_for_the_reset_that_is_named(server, client, fake_time, shared_memory):
    reset = str(int(NOW.timestamp()) + 40)
    answer = fixture("snapchat", "error_429_text_with_reset")
    server.answer("GET", SQUADS, answer["body"], status=429, headers={**answer["headers"], "X-Rate-Limit-Reset": reset})
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []
    assert sum(fake_time.slept) == pytest.approx(40, abs=1)


def test_limit_that_lasts_is_handed_to_the_caller(server, client, fake_time, shared_memory):
    reset = str(int(NOW.timestamp()) + 86400)
    server.answer("GET", SQUADS, "Too Many Requests", status=429, headers={"X-Rate-Limit-Reset": reset})
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE, LimitScope.ACCOUNT, 3600)
    assert governor_for("snapchat", "1", shared_memory, fake_time).wait_for("stats", None) > 3500
    assert governor_for("snapchat", "2", shared_memory, fake_time).wait_for("stats", None) == 0


@pytest.mark.parametrize("headers", [{}, {"X-Rate-Limit-Reset": "12"}])
def test_limit_without_a_future_reset_is_backed_off_from(server, client, headers):
    server.answer("GET", SQUADS, '{"msg": "Rate limit exceeded"}', status=429, headers=headers)
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


def test_nearly_used_up_limit_is_spared(server, client, fake_time, shared_memory):
    headers = {
        "X-Rate-Limit-Limit": "1000",
        "X-Rate-Limit-Remaining": "49",
        "X-Rate-Limit-Reset": str(int(NOW.timestamp()) + 20),
    }
    server.answer("GET", f"/v1/adaccounts/{AA}", wrapped("adaccount", {"id": AA}), headers=headers)
    client.check_health(ACCOUNT)
    assert governor_for("snapchat", "1", shared_memory, fake_time).wait_for("stats", None) == pytest.approx(20)


def test_refusal_of_permission_is_believed_the_third_time(server, client, fake_time):
    path = f"/v1/adaccounts/{AA}"
    refusal = {"request_status": "ERROR", "error_code": "E3002", "display_message": "No.", "debug_message": "id 1"}
    for _ in range(3):
        server.answer("GET", path, refusal, status=403)
    error = raised(lambda: client.check_health(ACCOUNT))
    assert (error.kind, error.code, str(error)) == (ErrorKind.PERMISSION, "E3002", "No.")
    assert fake_time.slept == [2.0, 4.0]
    server.answer("GET", path, refusal, status=403)
    server.answer("GET", path, wrapped("adaccount", {"id": AA}))
    client.check_health(ACCOUNT)


def test_server_error_is_repeated(server, client):
    server.answer("GET", SQUADS, wrapped("adsquad"))
    server.serve("error_500", "campaigns_empty")
    assert list(client.list_campaigns(ACCOUNT)) == []


@pytest.mark.parametrize("body", ["<html>gateway</html>", "[]", "{}", '{"request_status": "SUCC'])
def test_unreadable_answers_are_repeated_and_then_told(server, client, body):
    for _ in range(MAX_ATTEMPTS):
        server.answer("GET", SQUADS, body)
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


# --- Writes ------------------------------------------------------------------------------------------------------


def test_pause_puts_the_whole_campaign_back(server, client):
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))
    server.serve("pause_ok")
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))  # not everywhere yet
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign(status="PAUSED")))
    server.answer("GET", CAMPAIGN_SQUADS, wrapped("adsquad"))
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"
    (asked,) = server.asked("PUT", CAMPAIGNS)
    assert asked.body == fixture("snapchat", "pause_ok")["request"]["body"]


def test_budget_in_millionths(server, client):
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))
    server.serve("budget_ok")
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign(daily_budget_micro=300500000)))
    server.answer("GET", CAMPAIGN_SQUADS, wrapped("adsquad"))
    assert client.set_daily_budget(ACCOUNT, info(), minor=30050).daily_budget == 30050
    (asked,) = server.asked("PUT", CAMPAIGNS)
    assert asked.body == fixture("snapchat", "budget_ok")["request"]["body"]


def test_whole_campaign_has_neither_nulls_nor_read_only_attributes():
    record = campaign(
        objective_v2_properties=None, measurement_spec=None, effective_status="x", regulations={"a": 1}, end_time=None
    )
    assert writable(record, status="PAUSED") == {
        "id": ONE,
        "ad_account_id": AA,
        "name": "Campaign One",
        "status": "PAUSED",
        "start_time": "2026-09-13T07:00:00.000Z",
        "daily_budget_micro": 200000000,
        "buy_model": "AUCTION",
        "regulations": {"a": 1},
        "objective": "WEB_CONVERSION",
    }


def test_item_that_failed_within_http_200(server, client):
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))
    server.serve("budget_subrequest_error")
    error = raised(lambda: client.set_daily_budget(ACCOUNT, info(), minor=2500))
    assert (error.kind, error.code, error.status) == (ErrorKind.INPUT, "E1001", 200)
    assert "at least 20000000" in str(error)


def test_write_that_does_not_show_is_told(server, client):
    for _ in range(4):
        server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))
    server.serve("pause_ok")
    assert raised(lambda: client.set_status(ACCOUNT, info(), active=False)).code == "local.not_applied"


def test_write_is_repeated_after_a_lost_answer(server, client):
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign()))
    server.answer("PUT", CAMPAIGNS, '{"request_', truncated=True)
    server.serve("pause_ok")
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign(status="PAUSED")))
    server.answer("GET", CAMPAIGN_SQUADS, wrapped("adsquad"))
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"


def test_deleted_campaign_takes_no_changes(server, client):
    server.serve("error_404_not_found")
    error = raised(lambda: client.set_status(ACCOUNT, info(external_id=CRAZY), active=False))
    assert (error.kind, error.code) == (ErrorKind.PERMISSION, "E3003")
    assert raised(lambda: client.set_status(ACCOUNT, info(status="archived"), active=True)).code == "local.final"


@pytest.mark.parametrize(
    ("minor", "fields", "code"),
    [
        (1999, {}, "below_minimum"),
        (-1, {}, "not_positive"),
        (3000, {"budget_read_only": "ad_sets"}, "ad_sets"),
        (3000, {"status": "archived"}, "final"),
    ],
)
def test_budget_refused_before_it_is_sent(server, client, minor, fields, code):
    assert raised(lambda: client.check_daily_budget(ACCOUNT, info(**fields), minor=minor)).code == f"local.{code}"
    assert server.requests == []


def test_campaign_that_lost_its_own_budget_is_refused(server, client):
    server.answer("GET", CAMPAIGN, wrapped("campaign", campaign(daily_budget_micro=None)))
    assert raised(lambda: client.set_daily_budget(ACCOUNT, info(), minor=3000)).code == "local.ad_sets"


def test_logs_hold_no_secrets(server, client, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server.serve("error_401_empty_body", path=SQUADS)
    said = {"error": "invalid_grant", "error_description": "rt-1 of snap-token-1 with APP_SECRET is dead"}
    server.answer("POST", TOKEN_PATH, said, status=400)
    with structlog.testing.capture_logs() as events:
        error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert error.kind is ErrorKind.AUTH
    written = f"{events} {caplog.text} {capsys.readouterr()} {error!r} {error} {LIVE!r}"
    assert events
    for secret in ("rt-1", "snap-token-1", "APP_SECRET"):
        assert secret not in written
