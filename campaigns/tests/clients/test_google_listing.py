"""Customers and campaigns as Google lists them."""

from datetime import date

import pytest

from campaigns.choices import BudgetLock
from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.clients.google_ads import rows
from campaigns.tests.clients.google_cast import ACCESSIBLE, ACCOUNT, BUDGET, SEARCH, campaign_row, failure, found


def search_path(customer: str) -> str:
    return f"/v26/customers/{customer}/googleAds:search"


def customer(id_: str, **fields):
    return {"customer": {"id": id_, "descriptiveName": f"C {id_}", "currencyCode": "EUR", "timeZone": "UTC", **fields}}


def client_row(id_: str, **fields):
    return {"customerClient": {**customer(id_)["customer"], "level": "1", "manager": False, **fields}}


@pytest.fixture
def listed(server_for, google_client):
    """The campaigns that a client makes of rows, by id."""

    def build(*campaign_rows, account=ACCOUNT):
        server = server_for("google_ads")
        server.answer("POST", SEARCH, found(*campaign_rows))
        if any(row["campaign"].get("status") != "REMOVED" for row in campaign_rows):
            server.answer("POST", SEARCH, found())
        return {info.external_id: info for info in google_client(server).list_campaigns(account)}

    return build


def test_customers_direct_and_below_managers(server_for, google_client):
    server = server_for("google_ads")
    names = ["customers/9998887777", "customers/1234567890", "customers/5550001111", "customers/6660001111"]
    server.answer("GET", ACCESSIBLE, {"resourceNames": names})
    server.answer("POST", search_path("9998887777"), found(customer("9998887777", manager=True)))
    server.serve("customer_info")
    closed = failure("authorizationError", "CUSTOMER_NOT_ENABLED")
    server.answer("POST", search_path("5550001111"), closed, status=403)
    server.answer("POST", search_path("6660001111"), found(customer("6660001111", status="SUSPENDED")))
    children = [
        client_row("9998887777", level="0", manager=True),
        client_row("8880001111", level="1", manager=True),
        client_row("1234567890"),  # granted directly as well
        client_row("7770001112", level="2", currencyCode="JPY", timeZone="Asia/Tokyo"),
        client_row("7770001113", status="CANCELED"),
    ]
    server.answer("POST", search_path("9998887777"), found(*children))
    accounts = {info.external_id: info for info in google_client(server).list_accounts()}
    assert list(accounts) == ["1234567890", "6660001111", "7770001112", "7770001113"]
    assert (accounts["1234567890"].login_id, accounts["1234567890"].name) == ("", "Northwind Outdoor US")
    assert (accounts["7770001112"].login_id, accounts["7770001112"].currency) == ("9998887777", "JPY")
    assert [info.enabled for info in accounts.values()] == [True, False, True, False]
    below = server.asked("POST", search_path("9998887777"))
    assert [request.headers.get("login-customer-id") for request in below] == [None, "9998887777"]


def test_customers_of_a_project_that_is_not_approved_are_an_error(server_for, google_client):
    server = server_for("google_ads")
    server.answer("GET", ACCESSIBLE, {"resourceNames": ["customers/1234567890"]})
    server.serve("error_project_not_approved")
    with pytest.raises(PlatformError) as raised:
        list(google_client(server).list_accounts())
    assert raised.value.code == "authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"


def test_a_person_without_customers(server_for, google_client):
    server = server_for("google_ads")
    server.answer("GET", ACCESSIBLE, {})
    assert list(google_client(server).list_accounts()) == []


def test_campaigns_over_two_pages(server_for, google_client):
    server = server_for("google_ads")
    server.serve("campaigns_page1")
    server.serve("campaign_criteria", "geo_target_constants", path=SEARCH)
    server.serve("campaigns_page2")
    server.answer("POST", SEARCH, found())
    campaigns = list(google_client(server).list_campaigns(ACCOUNT))

    brand, shared, lifetime, ended, removed, scheduled = campaigns
    assert (brand.status, brand.daily_budget, brand.budget_read_only) == ("active", 7500, "")
    assert (brand.start_date, brand.end_date) == (date(2026, 9, 1), None)  # 2037 means no end
    assert (brand.objective, brand.budget_object) == ("SEARCH", BUDGET)
    assert brand.targeting == {"locations": ["US"]}  # Canada is excluded, a language is no place
    assert (shared.daily_budget, shared.budget_read_only) == (12050, BudgetLock.SHARED)
    assert (lifetime.status, lifetime.daily_budget, lifetime.lifetime_budget) == ("paused", None, 300000)
    assert (lifetime.budget_read_only, lifetime.end_date) == (BudgetLock.LIFETIME, date(2026, 12, 31))
    assert (ended.status, removed.status, scheduled.status) == ("completed", "archived", "active")
    assert removed.budget_read_only == BudgetLock.FINAL
    assert [info.warning for info in campaigns] == [""] * 6

    first, criteria, _places, second, more = server.requests
    assert "pageToken" not in first.body
    assert second.body == {**first.body, "pageToken": "CAEQAhoCdG9rZW4tcGFnZS0y"}
    assert "pageSize" not in second.body
    assert criteria.body["query"].endswith("WHERE campaign.id IN (20100000001, 20100000002)")
    assert "20100000005" not in more.body["query"]  # removed: nothing to ask about
    assert {request.headers["login-customer-id"] for request in server.requests} == {"9998887777"}
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer ya29.TEST"}
    assert all("developer-token" not in request.headers for request in server.requests)


def test_queries_use_no_field_that_is_gone(server_for, google_client):
    for query in (rows.CAMPAIGNS, rows.DAYS, *rows.BREAKDOWNS.values()):
        fields = query.replace(",", " ").split()
        assert not {"campaign.start_date", "campaign.end_date", "metrics.video_views"} & set(fields)


def test_a_developer_token_is_sent_where_one_is_set(server_for, google_client):
    server = server_for("google_ads")
    server.serve("customer_info")
    google_client(server, options={"developer_token": "dev-1"}).check_health(ACCOUNT)
    assert server.requests[0].headers["developer-token"] == "dev-1"


def test_dashes_of_customer_ids_are_left_out(server_for, google_client):
    server = server_for("google_ads")
    server.serve("customer_info")
    google_client(server).check_health(Account("123-456-7890", "USD", "UTC", login_id="999-888-7777"))
    assert server.requests[0].path == SEARCH
    assert server.requests[0].headers["login-customer-id"] == "9998887777"


def test_an_account_without_rows_has_no_results_key(server_for, google_client):
    server = server_for("google_ads")
    server.serve("empty_account")
    assert list(google_client(server).list_campaigns(Account("7770001112", "USD", "UTC"))) == []
    assert "login-customer-id" not in server.requests[0].headers


@pytest.mark.parametrize("status", ["CANCELED", "SUSPENDED", "CLOSED"])
def test_a_customer_that_is_not_enabled_is_not_healthy(status, server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(customer("1234567890", status=status)))
    with pytest.raises(PlatformError) as raised:
        google_client(server).check_health(ACCOUNT)
    assert (raised.value.kind, raised.value.code) == (ErrorKind.PERMISSION, f"customer.{status}")


@pytest.mark.parametrize(
    ("fields", "status", "warning"),
    [
        ({"status": "REMOVED", "servingStatus": "ENDED"}, "archived", ""),
        ({"status": "ENABLED", "servingStatus": "ENDED"}, "completed", ""),
        ({"status": "PAUSED", "primaryStatus": "ENDED"}, "completed", ""),
        ({"status": "PAUSED", "servingStatus": "SERVING"}, "paused", ""),
        ({"status": "ENABLED", "primaryStatus": "PENDING"}, "active", ""),
        (
            {"status": "ENABLED", "primaryStatus": "LIMITED", "primaryStatusReasons": ["BUDGET_CONSTRAINED"]},
            "active",
            "",
        ),
        (
            {"status": "ENABLED", "primaryStatus": "NOT_ELIGIBLE", "primaryStatusReasons": ["NO_ADS", "NO_KEYWORDS"]},
            "active",
            "no ads, no keywords",
        ),
        ({"status": "ENABLED", "primaryStatus": "MISCONFIGURED"}, "active", "misconfigured"),
        ({"status": "PAUSED", "primaryStatusReasons": ["CAMPAIGN_DRAFT"]}, "draft", ""),
        ({"status": "UNKNOWN"}, "", ""),
        ({"status": "A_WORD_OF_NEXT_MONTH"}, "", ""),
    ],
)
def test_statuses(listed, fields, status, warning):
    info = listed(campaign_row("1", **fields))["1"]
    assert (info.status, info.warning) == (status, warning)


@pytest.mark.parametrize(
    ("budget", "lock"),
    [
        ({}, ""),
        ({"explicitlyShared": True}, BudgetLock.SHARED),
        ({"referenceCount": "2"}, BudgetLock.SHARED),
        ({"referenceCount": "0"}, ""),
        ({"period": "CUSTOM_PERIOD", "totalAmountMicros": "1000000"}, BudgetLock.LIFETIME),
        ({"amountMicros": None}, BudgetLock.UNKNOWN),
    ],
)
def test_which_budgets_can_be_set(listed, budget, lock):
    assert listed(campaign_row("1", budget=budget))["1"].budget_read_only == lock


@pytest.mark.parametrize(
    ("currency", "micros", "minor"),
    [("JPY", "5000000000", 5000), ("KWD", "1500000", 1500), ("HUF", "5000000000", 500000)],
)
def test_micros_are_millionths_of_a_unit_in_every_currency(listed, currency, micros, minor):
    account = Account("1234567890", currency, "UTC")
    assert listed(campaign_row("1", budget={"amountMicros": micros}), account=account)["1"].daily_budget == minor


@pytest.mark.parametrize(("text", "day"), [("2036-12-30 23:59:59", date(2036, 12, 30)), ("2037-01-01 00:00:00", None)])
def test_an_end_from_2037_on_is_no_end(listed, text, day):
    assert listed(campaign_row("1", endDateTime=text))["1"].end_date == day


def test_missing_keys_are_unknown(listed):
    info = listed({"campaign": {"id": "1"}})["1"]
    assert (info.name, info.status, info.daily_budget, info.start_date, info.objective) == ("1", "", None, None, None)
    assert info.budget_read_only == BudgetLock.UNKNOWN


def test_targeting_of_a_campaigns_own_criteria():
    criteria = [
        {"type": "AGE_RANGE", "ageRange": {"type": "AGE_RANGE_25_34"}},
        {"type": "AGE_RANGE", "ageRange": {"type": "AGE_RANGE_35_44"}},
        {"type": "AGE_RANGE", "ageRange": {"type": "AGE_RANGE_65_UP"}, "negative": True},
        {"type": "GENDER", "gender": {"type": "FEMALE"}},
        {"type": "LOCATION", "location": {"geoTargetConstant": "geoTargetConstants/1"}},
        {"type": "LOCATION", "location": {"geoTargetConstant": "geoTargetConstants/2"}},
    ]
    assert rows.targeting(criteria, {"1": "Lyon"}) == {
        "age_min": 25,
        "age_max": 44,
        "genders": ["female"],
        "locations": ["Lyon"],
    }
    older = {"type": "AGE_RANGE", "ageRange": {"type": "AGE_RANGE_65_UP"}}
    assert rows.targeting([criteria[0], older], {}) == {"age_min": 25}
    assert rows.targeting([{"type": "AGE_RANGE", "ageRange": {"type": "AGE_RANGE_UNDETERMINED"}}], {}) == {}


def test_a_place_is_looked_up_once(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(campaign_row("20100000001")))
    server.serve("campaign_criteria", "geo_target_constants", path=SEARCH)
    server.answer("POST", SEARCH, found(campaign_row("20100000001")))
    server.serve("campaign_criteria", path=SEARCH)
    client = google_client(server)
    for _ in range(2):
        assert [info.targeting for info in client.list_campaigns(ACCOUNT)] == [{"locations": ["US"]}]


@pytest.mark.parametrize(
    "broken", [{"budget": {}}, campaign_row("1", startDateTime="soon"), {"campaign": {"name": "x"}}]
)
def test_rows_of_an_unknown_shape_are_one_clear_error(broken, server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(broken))
    if broken.get("campaign", {}).get("id"):
        server.answer("POST", SEARCH, found())
    with pytest.raises(PlatformError) as raised:
        list(google_client(server).list_campaigns(ACCOUNT))
    assert raised.value.kind is ErrorKind.BROKEN
