"""Accounts and campaigns as Meta lists them."""

import itertools
import json
from datetime import date
from urllib.parse import urlsplit

import pytest

from campaigns.choices import BudgetLock
from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.tests.clients.meta_cast import ACCOUNT, AD_SETS, CAMPAIGNS, error_body, page

IDS = itertools.count(1)


def record(id_: str = "1", **fields):
    return {"id": id_, "name": f"Campaign {id_}", "status": "ACTIVE", "effective_status": "ACTIVE", **fields}


@pytest.fixture
def listed(server_for, meta_client):
    """The campaigns that a client makes of records and ad sets, by id."""

    def build(*records, ad_sets=(), account=ACCOUNT):
        server = server_for("meta")
        root = f"/v26.0/act_{account.external_id}"
        server.answer("GET", f"{root}/campaigns", page(*records))
        if any(r.get("status") not in ("ARCHIVED", "DELETED") for r in records):
            server.answer("GET", f"{root}/adsets", page(*ad_sets))
        return {info.external_id: info for info in meta_client(server).list_campaigns(account)}

    return build


def test_accounts(server_for, meta_client):
    server = server_for("meta")
    server.serve("accounts_list")
    dollars, yen, closed = meta_client(server).list_accounts()
    assert (dollars.external_id, dollars.currency, dollars.timezone) == ("1002003004005006", "USD", "America/New_York")
    assert (dollars.minimum_daily_budget, dollars.enabled) == (100, True)
    assert (yen.currency, yen.minimum_daily_budget) == ("JPY", 150)
    assert closed.enabled is False


def test_campaigns_over_two_pages(server_for, meta_client):
    server = server_for("meta")
    server.serve("campaigns_page1", "campaigns_page2")
    server.serve("adsets_targeting", path=AD_SETS)
    server.answer("GET", AD_SETS, page())
    campaigns = {info.external_id[-3:]: info for info in meta_client(server).list_campaigns(ACCOUNT)}

    assert list(campaigns) == ["101", "102", "103", "104", "105", "106"]
    own, on_ad_sets, lifetime, ended, archived, issues = campaigns.values()
    assert (own.status, own.daily_budget, own.budget_read_only) == ("active", 7500, "")
    assert (own.start_date, own.end_date) == (date(2026, 9, 1), None)
    assert (on_ad_sets.daily_budget, on_ad_sets.budget_read_only) == (2500, BudgetLock.AD_SETS)
    assert (lifetime.status, lifetime.lifetime_budget, lifetime.daily_budget) == ("paused", 250000, None)
    assert (lifetime.budget_read_only, lifetime.end_date) == (BudgetLock.LIFETIME, date(2026, 12, 1))
    assert ended.raw["effective_status"] == "ACTIVE"
    assert (ended.status, ended.end_date) == ("completed", date(2026, 8, 31))
    assert (archived.status, archived.budget_read_only) == ("archived", BudgetLock.FINAL)
    assert issues.status == "active"
    assert issues.warning == "Payment problem: The payment method of this account was declined."

    assert on_ad_sets.targeting == {
        "age_min": 18,
        "age_max": 65,
        "locations": ["CA", "US"],
        "interests": ["Hiking"],
    }
    assert on_ad_sets.raw["attribution_specs"] == [
        [{"event_type": "CLICK_THROUGH", "window_days": 7}, {"event_type": "VIEW_THROUGH", "window_days": 1}]
    ]
    assert own.targeting == {}


def test_next_is_rebuilt_and_never_followed(server_for, meta_client):
    server = server_for("meta")
    server.serve("campaigns_page1", "campaigns_page2")
    server.answer("GET", AD_SETS, page())
    server.answer("GET", AD_SETS, page())
    list(meta_client(server).list_campaigns(ACCOUNT))
    first, second = server.asked("GET", CAMPAIGNS)
    assert second.query == {**first.query, "after": "QVFIUnBhZA2UxZAGFmdGVy"}
    assert all("access_token" not in request.query for request in server.requests)
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer TOKEN-live-1"}
    assert all(len(request.query["appsecret_proof"]) == 64 for request in server.requests)


def test_archived_and_deleted_campaigns_are_asked_for(server_for, meta_client):
    server = server_for("meta")
    server.serve("empty_account_campaigns", path=CAMPAIGNS)
    assert list(meta_client(server).list_campaigns(ACCOUNT)) == []
    asked = json.loads(server.requests[0].query["effective_status"])
    assert set(asked) >= {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES"}


def test_an_empty_page_with_next_does_not_end_the_listing(server_for, meta_client):
    server = server_for("meta")
    server.serve("campaigns_page_empty_with_next")
    server.answer("GET", CAMPAIGNS, page(record("7")))
    server.answer("GET", AD_SETS, page())
    assert [info.external_id for info in meta_client(server).list_campaigns(ACCOUNT)] == ["7"]


def test_a_page_that_is_served_twice_counts_once(server_for, meta_client):
    server = server_for("meta")
    for body in (page(record("1"), after="A"), page(record("1"), after="A"), page(record("2"))):
        server.answer("GET", CAMPAIGNS, body)
    for _ in range(2):
        server.answer("GET", AD_SETS, page())
    assert [info.external_id for info in meta_client(server).list_campaigns(ACCOUNT)] == ["1", "2"]


def test_cursors_that_go_in_circles_end_with_an_error(server_for, meta_client):
    server = server_for("meta")
    for _ in range(4):
        server.answer("GET", CAMPAIGNS, page(after="A"))
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).list_campaigns(ACCOUNT))
    assert raised.value.kind is ErrorKind.BROKEN


def test_a_page_that_fails_ends_the_listing_with_an_error(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", CAMPAIGNS, page(record("1"), after="A"))
    server.answer("GET", AD_SETS, page())
    server.serve("error_token_password_changed", path=CAMPAIGNS)
    campaigns = meta_client(server).list_campaigns(ACCOUNT)
    assert next(campaigns).external_id == "1"
    with pytest.raises(PlatformError):
        next(campaigns)


def test_pages_shrink_when_they_are_too_much(server_for, meta_client):
    server = server_for("meta")
    too_much = error_body(1, message="Please reduce the amount of data you're asking for, then retry your request")
    server.answer("GET", CAMPAIGNS, page(record("1"), after="A"))
    server.answer("GET", CAMPAIGNS, too_much, status=500)
    server.answer("GET", CAMPAIGNS, page(record("2"), after="B"))
    server.answer("GET", CAMPAIGNS, page(record("3")))
    for _ in range(3):
        server.answer("GET", AD_SETS, page())
    assert [info.external_id for info in meta_client(server).list_campaigns(ACCOUNT)] == ["1", "2", "3"]
    asked = [(r.query["limit"], r.query.get("after")) for r in server.asked("GET", CAMPAIGNS)]
    assert asked == [("100", None), ("100", "A"), ("50", "A"), ("50", "B")]


def test_a_cursor_that_only_next_holds_is_found(server_for, meta_client):
    server = server_for("meta")
    next_url = f"https://elsewhere.test{urlsplit(CAMPAIGNS).path}?access_token=x&after=ONLY"
    server.answer("GET", CAMPAIGNS, {"data": [], "paging": {"next": next_url}})
    server.answer("GET", CAMPAIGNS, page())
    assert list(meta_client(server).list_campaigns(ACCOUNT)) == []
    assert server.requests[1].query["after"] == "ONLY"


def test_a_next_without_any_cursor_is_an_error(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", CAMPAIGNS, {"data": [], "paging": {"next": "https://elsewhere.test/?x=1"}})
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).list_campaigns(ACCOUNT))
    assert raised.value.kind is ErrorKind.BROKEN


def test_yen_have_no_minor_unit(server_for, meta_client):
    server = server_for("meta")
    server.serve("campaigns_jpy_account")
    server.answer("GET", "/v26.0/act_2002003004005007/adsets", page())
    yen = Account("2002003004005007", "JPY", "Asia/Tokyo")
    (campaign,) = meta_client(server).list_campaigns(yen)
    assert campaign.daily_budget == 5000


@pytest.mark.parametrize(
    ("currency", "wire", "minor"), [("HUF", "5000", 500000), ("KWD", "150", 1500), ("USD", "2000", 2000)]
)
def test_budgets_in_currencies_that_iso_cuts_differently(listed, currency, wire, minor):
    account = Account("55", currency, "UTC")
    assert listed(record(daily_budget=wire), account=account)["1"].daily_budget == minor


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "ARCHIVED", "effective_status": "ARCHIVED"}, "archived"),
        ({"status": "DELETED", "effective_status": "DELETED"}, "archived"),
        ({"status": "ARCHIVED", "effective_status": "ARCHIVED", "stop_time": "2026-01-01T00:00:00-0500"}, "archived"),
        ({"status": "PAUSED", "effective_status": "PAUSED", "stop_time": "2026-11-23T06:59:00-0500"}, "completed"),
        ({"stop_time": "2026-11-23T07:00:00-0500"}, "completed"),  # to the second: 12:00 UTC
        ({"stop_time": "2026-11-23T07:00:01-0500"}, "active"),
        ({"status": "ACTIVE", "effective_status": "PAUSED"}, "paused"),
        ({"start_time": "2026-12-24T00:00:00-0500"}, "active"),  # scheduled
        ({"effective_status": "WITH_ISSUES", "configured_status": "PAUSED"}, "paused"),
        ({"effective_status": "IN_PROCESS", "configured_status": "ACTIVE"}, "active"),
        ({"effective_status": "IN_PROCESS", "status": "PAUSED"}, "paused"),
        ({"effective_status": "SOMETHING_NEW", "configured_status": "PAUSED"}, "paused"),
        ({"effective_status": "SOMETHING_NEW", "configured_status": "NEWER", "status": "NEWER"}, ""),
    ],
)
def test_statuses(listed, fields, status):
    assert listed(record(**fields))["1"].status == status


def test_days_are_days_of_the_accounts_zone(listed):
    info = listed(record(start_time="2026-09-01T02:30:00+0000", stop_time="2026-12-24T00:00:00-0500"))["1"]
    assert info.start_date == date(2026, 8, 31)
    assert info.end_date == date(2026, 12, 23)  # it stops as the 24th begins


def test_missing_keys_are_unknown(listed):
    info = listed({"id": "9"})["9"]
    assert (info.name, info.status, info.objective, info.start_date, info.end_date) == ("9", "", None, None, None)
    assert (info.daily_budget, info.lifetime_budget, info.targeting) == (None, None, {})


def ad_set(campaign="1", **fields):
    return {"id": str(next(IDS)), "campaign_id": campaign, "status": "ACTIVE", "daily_budget": "0", **fields}


def test_budgets_of_running_ad_sets_are_added_up(listed):
    sets = [
        ad_set(daily_budget="2500", lifetime_budget="0"),
        ad_set(daily_budget="1500", lifetime_budget="0"),
        ad_set(daily_budget="9999", status="PAUSED"),
        ad_set(campaign="2", lifetime_budget="70000"),
    ]
    campaigns = listed(record("1"), record("2"), record("3"), ad_sets=sets)
    assert (campaigns["1"].daily_budget, campaigns["1"].lifetime_budget) == (4000, None)
    assert (campaigns["2"].daily_budget, campaigns["2"].lifetime_budget) == (None, 70000)
    assert (campaigns["3"].daily_budget, campaigns["3"].lifetime_budget) == (None, None)
    assert {info.budget_read_only for info in campaigns.values()} == {BudgetLock.AD_SETS}


def test_targeting_of_several_ad_sets(listed):
    women = {"age_min": 25, "age_max": 44, "genders": [2], "geo_locations": {"countries": ["US"]}}
    places = {"geo_locations": {"cities": [{"key": "1", "name": "Lyon"}], "countries": ["FR"]}, "genders": [2]}
    everybody = {"age_min": 18, "geo_locations": {"countries": ["US"]}}
    sets = [ad_set(targeting=women), ad_set(targeting=places), ad_set("2", targeting=women)]
    sets.append(ad_set("2", targeting=everybody))
    campaigns = listed(record("1"), record("2"), ad_sets=sets)
    assert campaigns["1"].targeting == {
        "age_min": 25,
        "age_max": 44,
        "genders": ["female"],
        "locations": ["FR", "Lyon", "US"],
    }
    assert "genders" not in campaigns["2"].targeting


@pytest.mark.parametrize("broken", [{"name": "no id"}, record(start_time="yesterday"), record(daily_budget="a lot")])
def test_records_of_an_unknown_shape_are_one_clear_error(broken, server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", CAMPAIGNS, page(broken))
    if "id" in broken:
        server.answer("GET", AD_SETS, page())
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).list_campaigns(ACCOUNT))
    assert raised.value.kind is ErrorKind.BROKEN
