"""LinkedIn's client over real HTTP: answers as LinkedIn gives them, and every trap of its API."""

import logging
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import Account, CampaignInfo, ErrorKind, LimitScope, PlatformError, Tokens
from campaigns.clients.linkedin import LinkedInClient, analytics
from campaigns.clients.linkedin.api import Addresses
from campaigns.clients.linkedin.campaigns import amount_minor, budget_json, budget_minor, campaign_info
from campaigns.clients.linkedin.errors import wait
from campaigns.clients.transport import MAX_ATTEMPTS
from campaigns.tests.clients.conftest import NOW, governor_for
from campaigns.tests.clients.fixture_server import fixture

ACCOUNT = Account("512345678", "USD", "UTC")
LIVE = Tokens("AQV_TEST", "AQX_R1", NOW + timedelta(days=60), ("r_ads",))
VISITS, LEADS, DRAFT, BRAND, HELD = (str(360000000 + n) for n in range(1, 6))
BASE = "/rest/adAccounts/512345678"
ACCOUNTS, CAMPAIGNS, GROUPS = "/rest/adAccounts", f"{BASE}/adCampaigns", f"{BASE}/adCampaignGroups"
CAMPAIGN = f"{CAMPAIGNS}/{VISITS}"
ANALYTICS, PLACES, TOKEN_PATH = "/rest/adAnalytics", "/rest/adTargetingEntities", "/oauth/v2/accessToken"
DAYS = {"start": date(2026, 11, 16), "end": date(2026, 11, 18)}
US, CANADA = "urn:li:geo:103644278", "urn:li:geo:101174742"
NAMES = {"elements": [{"urn": US, "name": "United States"}, {"urn": CANADA, "name": "Canada"}]}


@pytest.fixture
def server(server_for):
    return server_for("linkedin")


@pytest.fixture
def client(server, wiring_for):
    return make(server, wiring_for)


def make(server, wiring_for, **fields) -> LinkedInClient:
    wiring = wiring_for("linkedin", **{"tokens": LIVE, **fields})
    return LinkedInClient(wiring, Addresses(server.url, server.url, "202607"))


def found(*elements: dict, token: str | None = None) -> dict:
    return {"elements": list(elements), "metadata": {"nextPageToken": token}}


def campaign(**fields) -> dict:
    record = {**fixture("linkedin", "campaigns_page1")["body"]["elements"][0], **fields}
    return {name: value for name, value in record.items() if value is not None}


def described(record: dict, group: dict | None = None, account: Account = ACCOUNT) -> CampaignInfo:
    return campaign_info(record, group, {}, account)


def info(**fields) -> CampaignInfo:
    return CampaignInfo(**{"external_id": VISITS, "name": "Visits", "status": "active", "daily_budget": 7500} | fields)


def row(campaign_id: str, day: int = 16, **metrics) -> dict:
    date_ = {"year": 2026, "month": 11, "day": day}
    urn = f"urn:li:sponsoredCampaign:{campaign_id}"
    return {"pivotValues": [urn], "dateRange": {"start": date_, "end": date_}, **metrics}


def raised(call) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        call()
    return caught.value


# --- Connections -------------------------------------------------------------------------------------------------


def test_consent_names_scopes_and_state(client):
    url = urlsplit(client.authorize_url(redirect_uri="https://app.example/back", state="s&1"))
    assert url.path == "/oauth/v2/authorization"
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": ["111222333444555"],
        "redirect_uri": ["https://app.example/back"],
        "state": ["s&1"],
        "scope": ["r_ads rw_ads r_ads_reporting"],
    }


def test_code_is_exchanged(server, client):
    server.serve("token_code_exchange_ok")
    tokens = client.exchange_code(code="AQT_code", redirect_uri="https://app.example/back")
    assert tokens == Tokens("AQV_FIRST", "AQX_R1", NOW + timedelta(days=60), ("r_ads", "r_ads_reporting", "rw_ads"))
    (asked,) = server.requests
    assert asked.body == {
        "grant_type": "authorization_code",
        "code": "AQT_code",
        "client_id": "111222333444555",
        "client_secret": "APP_SECRET",
        "redirect_uri": "https://app.example/back",
    }
    assert "Authorization" not in asked.headers


def test_refresh_and_its_end(server, client):
    server.serve("token_refresh_ok")
    assert client.refresh(LIVE).access_token == "AQV_NEW"
    server.answer("POST", TOKEN_PATH, {"access_token": "AQV_3", "expires_in": 5184000})
    tokens = client.refresh(LIVE)
    assert (tokens.refresh_token, tokens.scopes) == ("AQX_R1", ("r_ads",))
    for code in ("invalid_grant", "invalid_request"):
        server.answer("POST", TOKEN_PATH, {"error": code, "error_description": "dead"}, status=400)
        assert raised(lambda: client.refresh(LIVE)).kind is ErrorKind.AUTH
    server.answer("POST", TOKEN_PATH, {"error": "invalid_client"}, status=401)
    assert raised(lambda: client.refresh(LIVE)).kind is ErrorKind.INPUT


def test_every_call_names_version_and_protocol(server, client):
    server.serve("accounts_list")
    first, second = client.list_accounts()
    assert (first.external_id, first.name, first.currency) == ("512345678", "Northwind Outdoor B2B", "USD")
    assert (first.timezone, first.enabled, second.currency, second.enabled) == ("UTC", True, "EUR", True)
    (asked,) = server.requests
    assert asked.headers["Linkedin-Version"] == "202607"
    assert asked.headers["X-Restli-Protocol-Version"] == "2.0.0"
    assert asked.headers["Authorization"] == "Bearer AQV_TEST"
    assert asked.raw_query == fixture("linkedin", "accounts_list")["request"]["raw_query"]


def test_health_is_the_account_and_not_the_token_alone(server, client):
    server.serve("accounts_list", "accounts_list")
    client.check_health(ACCOUNT)
    assert raised(lambda: client.check_health(replace(ACCOUNT, external_id="9"))).kind is ErrorKind.PERMISSION


def test_refused_token_is_renewed_once(server, client):
    server.serve("error_token_invalid", path=ACCOUNTS)
    server.serve("token_refresh_ok", "accounts_list")
    assert len(list(client.list_accounts())) == 2
    assert server.requests[-1].headers["Authorization"] == "Bearer AQV_NEW"


def test_token_that_is_too_new_is_given_a_moment(server, wiring_for, fake_time):
    client = make(server, wiring_for, tokens=Tokens("AQV_TEST"))
    server.serve("error_token_invalid", path=ACCOUNTS)
    server.serve("accounts_list")
    assert len(list(client.list_accounts())) == 2
    assert fake_time.slept == [10.0]


def test_token_that_stays_refused_is_dead(server, wiring_for):
    client = make(server, wiring_for, tokens=Tokens("AQV_TEST"))
    for _ in range(3):
        server.serve("error_token_invalid", path=ACCOUNTS)
    assert raised(lambda: list(client.list_accounts())).kind is ErrorKind.AUTH
    # The moment is given once.
    assert raised(lambda: list(client.list_accounts())).kind is ErrorKind.AUTH
    assert len(server.requests) == 3


# --- Campaigns ---------------------------------------------------------------------------------------------------


def test_campaigns_of_all_pages(server, client):
    server.serve("campaigns_page1", "campaigns_page2")
    for name in NAMES["elements"]:
        server.answer("GET", PLACES, {"elements": [name]})
    listed = {one.external_id: one for one in client.list_campaigns(ACCOUNT)}
    visits, leads, draft, brand, held = (listed[id_] for id_ in (VISITS, LEADS, DRAFT, BRAND, HELD))
    assert [one.status for one in (visits, leads, draft, brand, held)] == [
        "active", "paused", "draft", "completed", "active",
    ]  # fmt: skip
    assert (visits.daily_budget, visits.budget_read_only, visits.objective) == (7500, "", "WEBSITE_VISIT")
    assert (leads.lifetime_budget, leads.daily_budget, leads.budget_read_only) == (300000, None, "lifetime")
    assert (draft.daily_budget, held.daily_budget) == (5050, 10000)
    assert (held.warning, leads.warning) == ("CAMPAIGN_GROUP_TOTAL_BUDGET_HOLD", "")
    # The end is the first moment without the campaign: 1 January, midnight.
    assert (leads.start_date, leads.end_date) == (date(2026, 10, 1), date(2026, 12, 31))
    assert (visits.start_date, visits.end_date) == (date(2026, 9, 1), None)
    assert visits.targeting == {"locations": ["United States"]}
    assert held.targeting == {"locations": ["Canada", "United States"]}

    first, second = server.asked("GET", CAMPAIGNS)
    recorded = fixture("linkedin", "campaigns_page2")["request"]["raw_query"]
    assert second.raw_query == recorded.replace("pageSize=3", "pageSize=500")
    assert first.raw_query == second.raw_query.partition("&pageToken=")[0]
    # Places are asked for once each.
    assert [asked.query["urns"] for asked in server.asked("GET", PLACES)] == [f"List({US})", f"List({CANADA})"]
    assert server.asked("GET", PLACES)[0].raw_query.endswith(
        "&queryVersion=QUERY_USES_URNS&locale=(language:en,country:US)"
    )


def test_short_and_empty_pages_do_not_end_a_listing(server, client):
    record = campaign(targetingCriteria=None)
    server.answer("GET", CAMPAIGNS, found(token="two"))
    server.answer("GET", CAMPAIGNS, found(record, token="three"))
    server.answer("GET", CAMPAIGNS, found(record))
    assert [one.external_id for one in client.list_campaigns(ACCOUNT)] == [VISITS]


def test_listing_that_goes_in_circles_ends(server, client):
    for _ in range(4):
        server.answer("GET", CAMPAIGNS, found(token="again"))
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is ErrorKind.BROKEN


def test_empty_listing_is_believed_of_a_listed_account_only(server, client):
    server.answer("GET", CAMPAIGNS, found())
    server.serve("accounts_list")
    assert list(client.list_campaigns(ACCOUNT)) == []
    server.answer("GET", "/rest/adAccounts/999999999/adCampaigns", found())
    lost = replace(ACCOUNT, external_id="999999999")
    assert raised(lambda: list(client.list_campaigns(lost))).kind is ErrorKind.PERMISSION


def test_campaign_without_a_budget_lives_on_its_groups(server, client):
    bare = {"dailyBudget": None, "targetingCriteria": None}
    server.answer("GET", CAMPAIGNS, found(campaign(**bare), campaign(id=2, campaignGroup=None, **bare)))
    server.serve("campaign_groups")
    one, other = client.list_campaigns(ACCOUNT)
    assert (one.lifetime_budget, one.daily_budget, one.budget_read_only) == (2000000, None, "shared")
    assert one.budget_object == "urn:li:sponsoredCampaignGroup:616400001"
    assert (other.lifetime_budget, other.budget_read_only) == (None, "shared")
    assert server.asked("GET", GROUPS)[0].raw_query == fixture("linkedin", "campaign_groups")["request"]["raw_query"]


def test_places_without_a_name_keep_their_urn(server, client):
    server.answer("GET", CAMPAIGNS, found(campaign()))
    server.answer("GET", PLACES, {"status": 404, "message": "no"}, status=404)
    (one,) = client.list_campaigns(ACCOUNT)
    assert one.targeting == {"locations": [US]}


@pytest.mark.parametrize(
    ("status", "serving", "ours", "warning"),
    [
        ("ACTIVE", ["RUNNABLE"], "active", ""),
        ("ACTIVE", ["CAMPAIGN_START_DATE_HOLD"], "active", "CAMPAIGN_START_DATE_HOLD"),
        ("ACTIVE", ["CAMPAIGN_GROUP_STATUS_HOLD", "STOPPED"], "active", "CAMPAIGN_GROUP_STATUS_HOLD, STOPPED"),
        ("ACTIVE", ["CAMPAIGN_END_DATE_HOLD"], "completed", "CAMPAIGN_END_DATE_HOLD"),
        ("ACTIVE", ["CAMPAIGN_TOTAL_BUDGET_HOLD"], "completed", "CAMPAIGN_TOTAL_BUDGET_HOLD"),
        ("ACTIVE", None, "active", ""),
        ("PAUSED", ["STOPPED"], "paused", ""),
        ("DRAFT", [], "draft", ""),
        ("COMPLETED", [], "completed", ""),
        ("ARCHIVED", [], "archived", ""),
        ("CANCELED", [], "archived", ""),
        ("CANCELLED", [], "archived", ""),
        ("PENDING_DELETION", [], "archived", ""),
        ("REMOVED", [], "archived", ""),
        ("SOMETHING_NEW", [], "", ""),
    ],
)
def test_status(status, serving, ours, warning):
    one = described(campaign(status=status, servingStatuses=serving))
    assert (one.status, one.warning) == (ours, warning)
    assert (one.budget_read_only == "final") == (ours == "archived")


def test_budget_in_another_currency_is_not_taken_for_ours():
    one = described(campaign(dailyBudget={"amount": "75", "currencyCode": "EUR"}))
    assert (one.daily_budget, one.budget_read_only) == (None, "unknown")


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_days(server, client):
    server.serve("analytics_daily")
    rows = list(client.daily_metrics(ACCOUNT, **DAYS))
    first = rows[0]
    assert (first.campaign_external_id, first.date) == (VISITS, date(2026, 11, 16))
    assert (first.spend, first.impressions, first.clicks, first.conversions_micros) == (7498, 6241, 58, 3_000_000)
    assert (first.revenue, first.video_views, first.shares, first.comments) == (36000, 0, 2, 1)
    assert (first.saves, first.attribution) == (None, None)
    # 99.99999999999996 and -2E-18 are 100 and nothing.
    assert [one.spend for one in rows] == [7498, 10000, 7312, 0, 7450]

    (asked,) = server.requests
    recorded = fixture("linkedin", "analytics_daily")["request"]["raw_query"].partition("&fields=")[0]
    query, _, fields = asked.raw_query.partition("&fields=")
    assert query == recorded
    assert fields.split(",")[:2] == ["dateRange", "pivotValues"]
    assert len(fields.split(",")) <= 20


def test_restated_numbers(server, client):
    server.serve("analytics_daily_restated")
    first, *_rest = client.daily_metrics(ACCOUNT, start=date(2026, 11, 16), end=date(2026, 11, 16))
    assert (first.conversions_micros, first.revenue) == (5_000_000, 60000)


def test_figures_that_are_not_there_are_unknown(server, client):
    server.serve("analytics_without_fields_param")
    (one,) = client.daily_metrics(ACCOUNT, **DAYS)
    assert (one.impressions, one.spend, one.conversions_micros, one.revenue) == (6241, None, None, None)


def test_leads_of_forms_are_conversions_too(server, client):
    counts = {"externalWebsiteConversions": 2, "externalWebsitePostClickConversions": 2, "oneClickLeads": 3}
    server.answer("GET", ANALYTICS, found(row(LEADS, **counts)))
    (one,) = client.daily_metrics(ACCOUNT, **DAYS)
    assert one.conversions_micros == 5_000_000


@pytest.mark.parametrize(
    ("actions", "conversions"),
    [
        (("oneClickLeads",), 3),
        (("externalWebsitePostClickConversions",), 2),
        (("externalWebsiteConversions", "externalWebsitePostClickConversions"), 4),  # the part is in the whole
    ],
)
def test_chosen_conversions_are_counted(server, client, actions, conversions):
    counts = {"externalWebsiteConversions": 4, "externalWebsitePostClickConversions": 2, "oneClickLeads": 3}
    server.answer("GET", ANALYTICS, found(row(LEADS, **counts)))
    (one,) = client.daily_metrics(replace(ACCOUNT, conversion_actions=actions), **DAYS)
    assert one.conversions_micros == conversions * 1_000_000


def test_more_than_twenty_fields_are_two_questions_merged_by_row(server, client):
    more = ("opens", "sends", "videoStarts", "videoFirstQuartileCompletions", "videoMidpointCompletions")
    more += ("videoThirdQuartileCompletions", "qualifiedLeads", "documentCompletions", "viralClicks")
    day = {"start": date(2026, 11, 16), "end": date(2026, 11, 16)}
    # A campaign that only the second answer knows is not lost.
    second = fixture("linkedin", "analytics_daily_fields_chunk2")["body"]
    second["elements"][0]["qualifiedLeads"] = 7
    second["elements"].append(row(HELD, qualifiedLeads=1))
    server.serve("analytics_daily_restated")
    server.answer("GET", ANALYTICS, second)
    rows = {
        one.campaign_external_id: one
        for one in client.daily_metrics(replace(ACCOUNT, conversion_actions=("qualifiedLeads", *more)), **day)
    }
    assert (rows[VISITS].spend, rows[VISITS].conversions_micros) == (7498, 7_000_000)
    assert rows[HELD].conversions_micros == 1_000_000
    names = [asked.query["fields"].split(",") for asked in server.requests]
    assert [len(some) for some in names] == [20, 3]
    assert all(some[:2] == ["dateRange", "pivotValues"] for some in names)
    assert not set(names[0][2:]) & set(names[1][2:])


def test_answer_that_fills_the_limit_counts_as_cut(server, client, monkeypatch):
    monkeypatch.setattr(analytics, "MAX_ROWS", 3)
    three = [row(VISITS, day) for day in (16, 17, 18)]
    server.answer("GET", ANALYTICS, found(*three))
    server.answer("GET", ANALYTICS, found(three[0]))
    server.answer("GET", ANALYTICS, found(*three[1:]))
    rows = list(client.daily_metrics(ACCOUNT, **DAYS))
    assert [one.date.day for one in rows] == [16, 17, 18]
    spans = [asked.query["dateRange"] for asked in server.requests[1:]]
    assert spans == [
        "(start:(year:2026,month:11,day:16),end:(year:2026,month:11,day:16))",
        "(start:(year:2026,month:11,day:17),end:(year:2026,month:11,day:18))",
    ]
    server.answer("GET", ANALYTICS, found(*(row(str(n)) for n in range(3))))
    day = date(2026, 11, 16)
    assert raised(lambda: list(client.daily_metrics(ACCOUNT, start=day, end=day))).kind is ErrorKind.TOO_MUCH


def test_the_limit_is_fifteen_thousand_rows():
    assert analytics.MAX_ROWS == 15_000


def test_ninety_days_are_three_questions(server, client):
    for _ in range(3):
        server.answer("GET", ANALYTICS, found())
    server.serve("accounts_list")
    assert list(client.daily_metrics(ACCOUNT, start=date(2026, 8, 25), end=date(2026, 11, 22))) == []
    assert len(server.asked("GET", ANALYTICS)) == 3


def test_nothing_to_read_may_be_nothing_allowed(server, client):
    server.serve("analytics_empty_or_no_permission", "accounts_list")
    error = raised(lambda: list(client.daily_metrics(replace(ACCOUNT, external_id="999999999"), **DAYS)))
    assert (error.kind, error.code) == (ErrorKind.PERMISSION, "local.missing")


@pytest.mark.parametrize(
    "elements",
    [
        [{"pivotValues": [], "dateRange": {}}],
        [{"pivotValues": ["360000001"], "dateRange": row(VISITS)["dateRange"]}],
        [{**row(VISITS), "dateRange": {"start": {"year": 2026, "month": 11, "day": 1}, "end": {}}}],
        [row(VISITS, costInLocalCurrency="much")],
        None,
    ],
)
def test_rows_of_an_unknown_shape_are_broken(server, client, elements):
    server.answer("GET", ANALYTICS, {"elements": elements})
    assert raised(lambda: list(client.daily_metrics(ACCOUNT, **DAYS))).kind is ErrorKind.BROKEN


def test_shares_of_countries_only(server, client):
    server.answer("GET", ANALYTICS, found(row(VISITS, impressions=5), row(LEADS, impressions=0)))
    shares = [
        {"pivotValues": [place], "impressions": count, "clicks": 1, "costInLocalCurrency": "1.5", "oneClickLeads": 1}
        for place, count in ((US, 3), (CANADA, 2))
    ]
    server.answer("GET", ANALYTICS, found(*shares))
    server.answer("GET", PLACES, NAMES)
    rows = list(client.breakdowns(ACCOUNT, **DAYS))
    assert [(one.dimension, one.value, one.impressions, one.spend) for one in rows] == [
        ("location", "United States", 3, 150),
        ("location", "Canada", 2, 150),
    ]
    assert {one.campaign_external_id for one in rows} == {VISITS}
    assert rows[0].conversions_micros == 1_000_000
    asked = server.requests[1]
    assert asked.query["pivot"] == "MEMBER_COUNTRY_V2"
    assert "campaigns=List(urn%3Ali%3AsponsoredCampaign%3A360000001)" in asked.raw_query
    assert "conversionValueInLocalCurrency" not in asked.query["fields"]


# --- Errors ------------------------------------------------------------------------------------------------------


def test_sunset_of_the_version_is_an_alarm(server, client):
    server.serve("error_version_sunset")
    with structlog.testing.capture_logs() as events:
        error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.code, error.status) == (ErrorKind.INPUT, "NONEXISTENT_VERSION", 426)
    assert error.request_id == "AAYtestUuid0000000000=="
    assert [event["log_level"] for event in events if event["event"] == "linkedin.version_refused"] == ["error"]
    assert len(server.requests) == 1


def test_throttle_waits_and_closes_the_endpoint_for_everybody(server, client, fake_time, shared_memory):
    server.serve("error_rate_limit", "error_rate_limit", "campaigns_page2", path=CAMPAIGNS)
    server.answer("GET", PLACES, NAMES)
    assert len(list(client.list_campaigns(ACCOUNT))) == 2
    assert sum(fake_time.slept) == 60

    for _ in range(MAX_ATTEMPTS - 1):
        server.serve("error_rate_limit")
    error = raised(lambda: list(client.list_campaigns(ACCOUNT)))
    assert (error.kind, error.scope, error.retry_after) == (ErrorKind.RATE, LimitScope.APP_ENDPOINT, 120)
    other = governor_for("linkedin", "2", shared_memory, fake_time)
    assert other.wait_for("campaigns", None) == 30
    assert other.wait_for("campaign_write", None) == 0


def test_volume_limit_is_left_for_later(server, client, fake_time, shared_memory):
    server.serve("error_rate_limit_data_volume")
    error = raised(lambda: list(client.daily_metrics(ACCOUNT, **DAYS)))
    assert (error.kind, error.retry_after) == (ErrorKind.RATE, 330)
    assert governor_for("linkedin", "2", shared_memory, fake_time).wait_for("analytics", None) == 330
    assert governor_for("linkedin", "2", shared_memory, fake_time).wait_for("campaign_write", None) == 0


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Resource level throttle APPLICATION DAY limit for calls is reached.", (43200, LimitScope.APP_ENDPOINT)),
        ("Resource level throttle MEMBER DAY limit for calls is reached.", (43200, LimitScope.ENDPOINT)),
        ("Resource level throttle limit for calls to this resource is reached.", (30, LimitScope.APP_ENDPOINT)),
        ("", (30, LimitScope.APP_ENDPOINT)),
    ],
)
def test_wait_after_a_limit(message, expected):
    """The quotas of a day start anew at midnight, UTC: it is noon."""
    assert wait(message, NOW) == expected


def test_analytics_are_asked_for_at_a_known_pace(server, wiring_for, fake_time):
    clients = [make(server, wiring_for), make(server, wiring_for, account="2")]
    for _ in range(6):
        server.serve("analytics_daily")
    for n in range(6):
        list(clients[n % 2].daily_metrics(ACCOUNT, **DAYS))
    # Three at once, then one every 10/6 seconds, for all accounts of the app together.
    assert sum(fake_time.slept) == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, {"code": "INTERNAL_ERROR", "message": "x"}, ErrorKind.TRANSIENT),
        (502, "<html>", ErrorKind.TRANSIENT),
        (503, "", ErrorKind.TRANSIENT),
        (504, "", ErrorKind.TRANSIENT),
        (408, {"code": "TIMEOUT"}, ErrorKind.TRANSIENT),
        (409, {"code": "CONFLICT"}, ErrorKind.TRANSIENT),
        (200, "", ErrorKind.BROKEN),
        (200, "<html>", ErrorKind.BROKEN),
        (200, '{"elements": [', ErrorKind.BROKEN),
    ],
)
def test_failures_that_may_pass_are_repeated(server, client, status, body, kind):
    for _ in range(MAX_ATTEMPTS):
        server.answer("GET", CAMPAIGNS, body, status=status)
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "VERSION_MISSING", "message": "x"}, ErrorKind.INPUT),
        (414, "<html>", ErrorKind.INPUT),
        (403, {"code": "ACCESS_DENIED", "serviceErrorCode": 100}, ErrorKind.PERMISSION),
        (404, "", ErrorKind.PERMISSION),
    ],
)
def test_failures_that_stay_are_told_at_once(server, client, status, body, kind):
    server.answer("GET", CAMPAIGNS, body, status=status)
    assert raised(lambda: list(client.list_campaigns(ACCOUNT))).kind is kind


# --- Writes ------------------------------------------------------------------------------------------------------


def test_pause_is_a_partial_update_and_read_back(server, client, fake_time):
    server.serve("pause_success")
    server.answer("GET", CAMPAIGN, campaign())  # not everywhere yet
    server.answer("GET", CAMPAIGN, campaign(status="PAUSED"))
    server.answer("GET", PLACES, NAMES)
    assert client.set_status(ACCOUNT, info(), active=False).status == "paused"
    (asked,) = server.asked("POST", CAMPAIGN)
    assert asked.body == {"patch": {"$set": {"status": "PAUSED"}}}
    assert asked.headers["X-RestLi-Method"] == "PARTIAL_UPDATE"
    assert fake_time.slept == [1.0]


def test_enable(server, client):
    path = f"{CAMPAIGNS}/{LEADS}"
    server.serve("enable_success")
    server.answer("GET", path, campaign(id=int(LEADS), targetingCriteria=None))
    assert client.set_status(ACCOUNT, info(external_id=LEADS, status="paused"), active=True).status == "active"
    assert server.asked("POST", path)[0].body == fixture("linkedin", "enable_success")["request"]["body"]


def test_budget_is_written_as_text_and_read_back(server, client):
    server.answer("GET", CAMPAIGN, campaign())
    server.serve("budget_success")
    server.answer("GET", CAMPAIGN, campaign(dailyBudget={"amount": "90", "currencyCode": "USD"}))
    server.answer("GET", PLACES, NAMES)
    assert client.set_daily_budget(ACCOUNT, info(), minor=9000).daily_budget == 9000
    assert server.asked("POST", CAMPAIGN)[0].body == fixture("linkedin", "budget_success")["request"]["body"]


def test_write_that_does_not_show_is_told(server, client):
    server.serve("pause_success")
    for _ in range(3):
        server.answer("GET", CAMPAIGN, campaign())
    assert raised(lambda: client.set_status(ACCOUNT, info(), active=False)).code == "local.not_applied"


@pytest.mark.parametrize(
    ("name", "kind", "code", "sentence"),
    [
        ("error_budget_currency", ErrorKind.INPUT, "CURRENCY_MISMATCH", "Currency must match the ad account currency."),
        ("error_permission", ErrorKind.PERMISSION, "ACCESS_DENIED", "Not enough permissions to access"),
        ("error_permission_entity", ErrorKind.PERMISSION, "NO_PERMISSION_TO_UPDATE", "No permission to update"),
        ("error_status_change_not_allowed", ErrorKind.INPUT, "STATUS_CHANGE_NOT_ALLOWED", "from COMPLETED to ACTIVE"),
    ],
)
def test_refused_writes_say_why_and_are_not_repeated(server, client, name, kind, code, sentence):
    server.serve(name, path=CAMPAIGN)
    error = raised(lambda: client.set_status(ACCOUNT, info(), active=True))
    assert (error.kind, error.code) == (kind, code)
    assert sentence in str(error)


@pytest.mark.parametrize(
    ("minor", "fields", "code"),
    [
        (0, {}, "not_positive"),
        (9000, {"budget_read_only": "shared"}, "shared"),
        (9000, {"status": "archived"}, "final"),
    ],
)
def test_budget_refused_before_it_is_sent(server, client, minor, fields, code):
    assert raised(lambda: client.check_daily_budget(ACCOUNT, info(**fields), minor=minor)).code == f"local.{code}"
    assert raised(lambda: client.set_daily_budget(ACCOUNT, info(**fields), minor=minor)).code == f"local.{code}"
    assert server.requests == []


def test_budget_of_a_campaign_in_another_currency_is_not_written(server, client):
    server.answer("GET", CAMPAIGN, campaign(dailyBudget={"amount": "75", "currencyCode": "EUR"}))
    assert raised(lambda: client.set_daily_budget(ACCOUNT, info(), minor=9000)).code == "local.unknown"


@given(st.sampled_from(["USD", "JPY", "KWD"]), st.integers(min_value=0, max_value=10**15))
def test_budgets_survive_the_way_there_and_back(currency, minor):
    assert budget_minor(budget_json(minor, currency), currency) == minor


@given(
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.integers(min_value=0, max_value=10**12),
    st.decimals(min_value="-4e-7", max_value="4e-7", allow_nan=False, places=18),
)
def test_dust_of_fractions_changes_no_amount(currency, minor, dust):
    exact = Decimal(budget_json(minor, currency)["amount"])
    assert amount_minor(exact + dust, currency) == minor


@pytest.mark.parametrize(
    ("amount", "minor"), [("-2E-18", 0), ("-0.000001", 0), ("-0.5", -50), ("99.99999999999996", 10000), ("0.005", 0)]
)
def test_amounts(amount, minor):
    assert amount_minor(amount, "USD") == minor


def test_logs_hold_no_secrets(server, client, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server.serve("error_token_invalid", path=ACCOUNTS)
    said = {"error": "invalid_grant", "error_description": "AQX_R1 for AQV_TEST with APP_SECRET"}
    server.answer("POST", TOKEN_PATH, said, status=400)
    with structlog.testing.capture_logs() as events:
        error = raised(lambda: list(client.list_accounts()))
    assert error.kind is ErrorKind.AUTH
    written = f"{events} {caplog.text} {capsys.readouterr()} {error!r} {error} {LIVE!r}"
    assert events
    for secret in ("AQX_R1", "AQV_TEST", "APP_SECRET"):
        assert secret not in written
