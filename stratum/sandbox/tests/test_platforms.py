"""Rules of single platforms that no recorded sample shows: limits, refusals, encodings, what a write leads to."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from stratum.sandbox.platforms.google_ads import gaql
from stratum.sandbox.platforms.google_ads.errors import AdsError
from stratum.sandbox.platforms.google_ads.resources import FIELDS, RESOURCES
from stratum.sandbox.platforms.linkedin import restli
from stratum.sandbox.platforms.linkedin.analytics import cost
from stratum.sandbox.tests.caller import Answer, Caller
from stratum.sandbox.tests.test_faults import ACCOUNT

TT = "/open_api/v1.3/"


# --- Meta --------------------------------------------------------------------------------------------------


def test_meta_offset_of_currencies(shared: Caller) -> None:
    """Budgets are in Meta's own minor units: whole forints, not fillér; spend is in major units."""
    query = {"fields": "name,daily_budget", "limit": 50}
    for account in ("1002003004005006", "2002003004005007", "2502003004005010"):
        known = {one["id"]: one for one in shared.control("campaigns", account=account)["campaigns"]}
        for row in shared.get("meta", f"/v26.0/act_{account}/campaigns", query).json["data"]:
            amount = known[row["id"]]["budget"]["amount"]
            if "daily_budget" in row:
                assert int(row["daily_budget"]) * (100 if account.startswith("25") else 1) == amount


def test_meta_actions_nest(shared: Caller) -> None:
    query = {"level": "campaign", "time_increment": 7, "fields": "campaign_id,actions", "limit": 50}
    query |= {"time_range": '{"since":"2026-11-09","until":"2026-11-15"}'}
    rows = shared.get("meta", "/v26.0/act_1002003004005006/insights", query).json["data"]
    row = next(one for one in rows if one["campaign_id"] == "120210000000000001")
    values = {one["action_type"]: int(one["value"]) for one in row["actions"]}
    assert values["purchase"] == values["omni_purchase"] == values["offsite_conversion.fb_pixel_purchase"] > 0
    assert values["page_engagement"] == values["post_engagement"] > values["link_click"]
    assert "1d_click" not in row["actions"][0]
    lead = next(one for one in rows if one["campaign_id"] == "120210000000000004")
    assert "lead" in {one["action_type"] for one in lead["actions"]}


def test_meta_breakdowns_hide_conversions_without_windows(shared: Caller) -> None:
    query = {"level": "campaign", "fields": "campaign_id,spend,impressions,actions", "breakdowns": "age,gender"}
    query |= {"time_range": '{"since":"2026-11-01","until":"2026-11-15"}', "limit": "500"}
    path = "/v26.0/act_1002003004005006/insights"
    rows = shared.get("meta", path, query).json["data"]
    assert all("purchase" not in one["action_type"] for row in rows for one in row.get("actions", []))
    shown = shared.get("meta", path, {**query, "action_attribution_windows": '["7d_click"]'}).json["data"]
    assert any(one["action_type"] == "purchase" for row in shown for one in row.get("actions", []))
    assert {row["gender"] for row in rows} <= {"male", "female", "unknown"}
    assert shared.get("meta", path, {**query, "breakdowns": "age,country"}).json["error"]["error_subcode"] == 1504041


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"fields": "nonsense"}, 100),
        ({"time_range": "yesterday"}, 100),
        ({"time_range": '{"since":"2020-01-01","until":"2020-01-02"}'}, 3018),
        ({"limit": "5000"}, 1),
        ({"level": "planet"}, 100),
    ],
)
def test_meta_refuses(shared: Caller, query: dict[str, str], code: int) -> None:
    assert shared.get("meta", "/v26.0/act_1002003004005006/insights", query).json["error"]["code"] == code


def test_meta_absent_fields_are_absent(shared: Caller) -> None:
    answer = shared.get("meta", "/v26.0/120210000000000003", {"fields": "daily_budget,lifetime_budget,stop_time"}).json
    assert set(answer) == {"id", "lifetime_budget", "stop_time"}


def test_meta_ad_set_budget_changes_are_rationed(caller: Caller) -> None:
    group = caller.control("campaigns", account="1002003004005006")["campaigns"][1]["ad_groups"][0]

    def write(object_id: str, amount: int) -> Answer:
        form = {"daily_budget": amount}
        return caller.send("POST", f"/v26.0/{object_id}", form=form, headers=caller.auth("meta"))

    for amount in (5000, 6000, 7000, 8000):
        assert write(group["id"], amount).status == 200
    fifth = write(group["id"], 9000)
    assert (fifth.json["error"]["code"], fifth.json["error"]["error_subcode"]) == (613, 1487632)
    caller.advance(hours=1.1)
    assert write(group["id"], 9000).status == 200
    assert write("120210000000000002", 9000).json["error"]["code"] == 100


# --- Google ------------------------------------------------------------------------------------------------


def test_google_no_rows_no_key(shared: Caller) -> None:
    answer = shared.google("1234567890", "SELECT campaign.id FROM campaign WHERE campaign.id = 5").json
    assert "results" not in answer
    stream = shared.google("1234567890", "SELECT campaign.id FROM campaign WHERE campaign.id = 5", "searchStream").json
    assert isinstance(stream, list)
    assert "results" not in stream[0]


def test_google_stream_errors_are_in_a_list(shared: Caller) -> None:
    answer = shared.google("1234567890", "SELECT nonsense.id FROM campaign", "searchStream")
    assert answer.status == 400
    assert answer.json[0]["error"]["details"][0]["errors"][0]["errorCode"] == {"queryError": "UNRECOGNIZED_FIELD"}


def test_google_days_add_up_to_the_total(shared: Caller) -> None:
    where = "WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-14' AND campaign.id = 20101000002"
    total = shared.google("1234567890", f"SELECT campaign.id, metrics.clicks FROM campaign {where}").json["results"]
    daily = shared.google("1234567890", f"SELECT segments.date, metrics.clicks FROM campaign {where}").json["results"]
    assert int(total[0]["metrics"]["clicks"]) == sum(int(row["metrics"]["clicks"]) for row in daily)
    ages = shared.google("1234567890", f"SELECT metrics.clicks FROM age_range_view {where}").json["results"]
    assert sum(int(row["metrics"]["clicks"]) for row in ages) == int(total[0]["metrics"]["clicks"])


def test_google_performance_max_has_no_ages(shared: Caller) -> None:
    text = "SELECT campaign.id, metrics.clicks FROM age_range_view WHERE segments.date DURING LAST_7_DAYS"
    rows = shared.google("1234567890", text).json["results"]
    assert "20101000004" not in {row["campaign"]["id"] for row in rows}


def test_google_page_token_belongs_to_its_query(caller: Caller) -> None:
    caller.control("settings", "POST", google_page_rows=2)
    token = caller.google("1234567890", "SELECT campaign.id FROM campaign").json["nextPageToken"]
    other = caller.google("1234567890", "SELECT campaign.name FROM campaign", pageToken=token)
    assert other.json["error"]["details"][0]["errors"][0]["errorCode"] == {"requestError": "INVALID_PAGE_TOKEN"}


def test_google_shared_budget_changes_both(caller: Caller) -> None:
    headers = {**caller.auth("google"), "login-customer-id": "9998887777"}
    name = "customers/1234567890/campaignBudgets/11101000090"
    operation = {"updateMask": "amount_micros", "update": {"resourceName": name, "amountMicros": "60000000"}}
    path = "/v26/customers/1234567890/campaignBudgets:mutate"
    checked = caller.send("POST", path, json_body={"operations": [operation], "validateOnly": True}, headers=headers)
    assert checked.json == {}
    text = (
        "SELECT campaign.id, campaign_budget.amount_micros, campaign_budget.reference_count FROM campaign "
        "WHERE campaign_budget.explicitly_shared = TRUE"
    )
    before = [row["campaignBudget"]["amountMicros"] for row in caller.google("1234567890", text).json["results"]]
    assert "60000000" not in before
    assert caller.send("POST", path, json_body={"operations": [operation]}, headers=headers).status == 200
    after = [row["campaignBudget"] for row in caller.google("1234567890", text).json["results"]]
    assert [one["amountMicros"] for one in after] == ["60000000", "60000000"]
    assert {one["referenceCount"] for one in after} == {"2"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "QUERY_MISSING"),
        ("campaign.id FROM campaign", "EXPECTED_SELECT"),
        ("SELECT campaign.id", "EXPECTED_FROM"),
        ("SELECT campaign.id FROM planet", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT campaign.id FROM campaign ORDER BY segments.date", "EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id ~ 3", "UNEXPECTED_INPUT"),
        ("SELECT campaign.id FROM campaign LIMIT 3 nonsense", "UNEXPECTED_INPUT"),
    ],
)
def test_google_refuses_queries(shared: Caller, text: str, code: str) -> None:
    answer = shared.google("1234567890", text).json["error"]["details"][0]["errors"][0]["errorCode"]
    assert answer == {"queryError": code}


def test_gaql_parts() -> None:
    query = gaql.parse(
        "SELECT campaign.id, campaign.name FROM campaign WHERE campaign.status != 'REMOVED' AND campaign.id IN (1, 2) "
        'AND campaign.name LIKE "%Boots%" ORDER BY campaign.name DESC, campaign.id LIMIT 7',
        FIELDS,
        RESOURCES,
    )
    assert query.fields == ("campaign.id", "campaign.name")
    assert query.order == (("campaign.name", True), ("campaign.id", False))
    assert query.limit == 7
    assert [one.operator for one in query.conditions] == ["!=", "IN", "LIKE"]
    assert query.conditions[1].holds(2)
    assert query.conditions[2].holds("Trail boots 3")
    assert not query.conditions[0].holds("REMOVED")
    with pytest.raises(AdsError):
        gaql.parse("SELECT campaign.nonsense FROM campaign", FIELDS, RESOURCES)


# --- TikTok ------------------------------------------------------------------------------------------------


def tiktok_report(caller: Caller, **more: Any) -> Any:
    query = {"advertiser_id": ACCOUNT["tiktok"], "report_type": "BASIC", "data_level": "AUCTION_CAMPAIGN"}
    query |= {"dimensions": '["campaign_id","stat_time_day"]', "metrics": '["spend","conversion"]', "page_size": "1000"}
    query |= {"start_date": "2026-11-01", "end_date": "2026-11-07"}
    return caller.get("tiktok", f"{TT}report/integrated/get/", {**query, **more}).json


def test_tiktok_empty_days(shared: Caller) -> None:
    data = tiktok_report(shared, start_date="2024-01-01", end_date="2024-01-30")["data"]
    assert data == {"list": [], "page_info": {"page": 1, "page_size": 1000, "total_number": 0, "total_page": 0}}


def test_tiktok_thirty_days_are_the_most(shared: Caller) -> None:
    assert tiktok_report(shared, start_date="2026-10-09", end_date="2026-11-07")["code"] == 0
    assert tiktok_report(shared, start_date="2026-10-08", end_date="2026-11-07")["code"] == 40002


def test_tiktok_deleted_campaigns_vanish_unless_asked_for(shared: Caller) -> None:
    days = {"start_date": "2026-08-01", "end_date": "2026-08-30"}
    status = [{"field_name": "campaign_status", "filter_type": "IN", "filter_value": '["STATUS_ALL"]'}]
    some = {row["dimensions"]["campaign_id"] for row in tiktok_report(shared, **days)["data"]["list"]}
    everything = tiktok_report(shared, **days, filtering=json.dumps(status))["data"]["list"]
    more = {row["dimensions"]["campaign_id"] for row in everything} - some
    assert more == {"1781000000000000007"}
    reach = next(row for row in everything if row["dimensions"]["campaign_id"] in more)
    assert reach["metrics"]["conversion"] == "-"


@pytest.mark.parametrize(
    "more",
    [{"metrics": '["nonsense"]'}, {"dimensions": '["planet"]'}, {"metrics": "spend"}, {"page_size": "2000"},
     {"data_level": "AUCTION_ADGROUP"}],
)  # fmt: skip
def test_tiktok_refuses_reports(shared: Caller, more: dict[str, str]) -> None:
    assert tiktok_report(shared, **more)["code"] == 40002


@pytest.mark.parametrize(
    ("budget", "text"),
    [(49.99, "at least 50"), (10_000_000, "less than"), (60.001, "decimals"), ("60", "valid number"), (0, "at least")],
)
def test_tiktok_budget_rules(caller: Caller, budget: Any, text: str) -> None:
    body = {"advertiser_id": ACCOUNT["tiktok"], "campaign_id": "1781000000000000006", "budget": budget}
    answer = caller.send("POST", f"{TT}campaign/update/", json_body=body, headers=caller.auth("tiktok")).json
    assert answer["code"] == 40002
    assert text in answer["message"]


def test_tiktok_budget_must_exceed_what_is_spent(caller: Caller) -> None:
    caller.advance(hours=17)  # late evening in California
    body = {"advertiser_id": ACCOUNT["tiktok"], "campaign_id": "1781000000000000001", "budget": 60}
    answer = caller.send("POST", f"{TT}campaign/update/", json_body=body, headers=caller.auth("tiktok")).json
    assert "105%" in answer["message"]


def test_tiktok_smart_campaigns_have_endpoints_of_their_own(caller: Caller) -> None:
    body = {"advertiser_id": ACCOUNT["tiktok"], "campaign_ids": ["1781000000000000005"], "operation_status": "DISABLE"}
    headers = caller.auth("tiktok")
    assert caller.send("POST", f"{TT}campaign/status/update/", json_body=body, headers=headers).json["code"] == 40002
    path = f"{TT}smart_plus/campaign/status/update/"
    assert caller.send("POST", path, json_body=body, headers=headers).json["code"] == 0
    body["campaign_ids"] = [str(number) for number in range(21)]
    assert caller.send("POST", path, json_body=body, headers=headers).json["code"] == 40011


# --- Snapchat ----------------------------------------------------------------------------------------------


def snap_stats(caller: Caller, **more: str) -> Any:
    query = {"breakdown": "campaign", "granularity": "DAY", "fields": "impressions,spend"}
    query |= {"start_time": "2026-11-01T00:00:00.000-07:00", "end_time": "2026-11-08T00:00:00.000-08:00", **more}
    return caller.get("snapchat", f"/v1/adaccounts/{ACCOUNT['snapchat']}/stats", query).json


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        ("2026-10-31T00:00:00.000-07:00", "2026-11-02T00:00:00.000-08:00", True),
        ("2026-11-02T00:00:00.000-07:00", "2026-11-03T00:00:00.000-08:00", False),  # the clock has been put back
        ("2026-11-01T00:00:00.000-08:00", "2026-11-02T00:00:00.000-08:00", False),
        ("2026-11-01T07:00:00.000Z", "2026-11-02T08:00:00.000Z", True),
        ("2026-11-01T00:00:00.000-0700", "2026-11-02T00:00:00.000-0800", True),
        ("2026-10-01T00:00:00.000-07:00", "2026-11-01T00:00:00.000-07:00", True),
        ("2026-10-01T00:00:00.000-07:00", "2026-11-02T00:00:00.000-08:00", False),  # 32 days and an hour
        ("2026-11-02", "2026-11-03", False),
    ],
)
def test_snapchat_days_begin_at_midnight(shared: Caller, start: str, end: str, good: bool) -> None:
    answer = snap_stats(shared, start_time=start, end_time=end)
    assert answer["request_status"] == ("SUCCESS" if good else "ERROR")
    assert good or answer["error_code"] == "E1008"


def test_snapchat_has_no_stats_key_without_data(shared: Caller) -> None:
    answer = snap_stats(shared, start_time="2020-01-01T00:00:00.000-08:00", end_time="2020-01-05T00:00:00.000-08:00")
    assert set(answer) == {"request_status", "request_id"}


def test_snapchat_total_is_the_sum_of_days(shared: Caller) -> None:
    def impressions(**more: str) -> int:
        answer = snap_stats(shared, **more)
        stat = (answer.get("total_stats") or answer["timeseries_stats"])[0]
        parts = (stat.get("total_stat") or stat["timeseries_stat"])["breakdown_stats"]["campaign"]
        if more:
            return sum(one["stats"]["impressions"] for one in parts)
        return sum(point["stats"]["impressions"] for one in parts for point in one["timeseries"])

    assert impressions() == impressions(granularity="TOTAL") > 0


def test_snapchat_put_clears_what_is_left_out(caller: Caller) -> None:
    path = f"/v1/adaccounts/{ACCOUNT['snapchat']}/campaigns"
    item = caller.get("snapchat", path).json["campaigns"][0]["campaign"]
    kept = {name: item[name] for name in ("id", "ad_account_id", "name", "status", "start_time")}
    answer = caller.send("PUT", path, json_body={"campaigns": [kept]}, headers=caller.auth("snapchat")).json
    assert "daily_budget_micro" in item
    assert "daily_budget_micro" not in answer["campaigns"][0]["campaign"]


def test_snapchat_squad_rules(caller: Caller) -> None:
    account = caller.control("campaigns", account=ACCOUNT["snapchat"])["campaigns"]
    campaign = next(one for one in account if one["budget"]["kind"] == "none")
    path, headers = f"/v1/campaigns/{campaign['id']}/adsquads", caller.auth("snapchat")
    squads = [one["adsquad"] for one in caller.get("snapchat", path).json["adsquads"]]
    read_only = ("created_at", "updated_at")
    item = {name: value for name, value in squads[0].items() if name not in read_only}
    changed = {**item, "status": "PAUSED", "daily_budget_micro": 77_000_000}
    answer = caller.send("PUT", path, json_body={"adsquads": [changed]}, headers=headers).json["adsquads"][0]
    assert answer["adsquad"]["daily_budget_micro"] == 77_000_000
    for wrong, code in (({"bid_micro": 0}, "E2771"), ({"placement": "UNSUPPORTED"}, "E2025"), ({"x": 1}, "E2023")):
        bad = caller.send("PUT", path, json_body={"adsquads": [{**changed, **wrong}]}, headers=headers).json
        assert bad["adsquads"][0]["sub_request_error_reason"].startswith(code)


def test_snapchat_deleted_is_gone(caller: Caller) -> None:
    path = f"/v1/adaccounts/{ACCOUNT['snapchat']}/campaigns"
    listed = [one["campaign"]["id"] for one in caller.get("snapchat", path).json["campaigns"]]
    assert caller.send("DELETE", f"/v1/campaigns/{listed[0]}", headers=caller.auth("snapchat")).status == 200
    assert caller.get("snapchat", f"/v1/campaigns/{listed[0]}").json["error_code"] == "E3003"
    assert [one["campaign"]["id"] for one in caller.get("snapchat", path).json["campaigns"]] == listed[1:]


# --- LinkedIn ----------------------------------------------------------------------------------------------

DAYS = "dateRange=(start:(year:2026,month:11,day:01),end:(year:2026,month:11,day:20))"
DAILY = (
    f"q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&{DAYS}&accounts=List(urn%3Ali%3AsponsoredAccount%3A512345678)"
)


def test_restli_structures() -> None:
    parsed = restli.parse_query("a=(b:c,d:List(x%3A1,y),e:(f:2))&g=List()&h=plain%20text")
    assert parsed == {"a": {"b": "c", "d": ["x:1", "y"], "e": {"f": "2"}}, "g": [], "h": "plain text"}


@pytest.mark.parametrize("text", ["a=List(urn:li:x)", "a=(b:c", "a=(b)", "a=List(x,", "a=(b:c))"])
def test_restli_refuses(text: str) -> None:
    with pytest.raises(restli.BadEncoding):
        restli.parse_query(text)


@pytest.mark.parametrize(
    "query",
    [DAILY.replace("%3A", ":"), DAILY.replace("(", "%28").replace(")", "%29"), DAILY.replace(DAYS, ""),
     f"{DAILY}&fields={','.join(['impressions'] * 21)}", DAILY.replace("pivot=CAMPAIGN", "pivot=MEMBER_AGE")],
)  # fmt: skip
def test_linkedin_refuses_queries(shared: Caller, query: str) -> None:
    assert shared.get("linkedin", "/rest/adAnalytics", query).status == 400


def test_linkedin_without_fields_only_two_numbers(shared: Caller) -> None:
    rows = shared.get("linkedin", "/rest/adAnalytics", DAILY).json["elements"]
    assert {name for row in rows for name in row} == {"impressions", "clicks", "dateRange", "pivotValues"}


def test_linkedin_names_places(shared: Caller) -> None:
    query = "q=urns&queryVersion=QUERY_USES_URNS&urns=List(urn%3Ali%3Ageo%3A101282230,urn%3Ali%3Ageo%3A1)"
    query += "&locale=(language:en,country:US)"
    elements = shared.get("linkedin", "/rest/adTargetingEntities", query).json["elements"]
    assert [(one["urn"], one["name"]) for one in elements] == [("urn:li:geo:101282230", "Germany")]


def test_linkedin_cuts_in_silence(caller: Caller) -> None:
    everything = caller.get("linkedin", "/rest/adAnalytics", DAILY).json["elements"]
    caller.control("settings", "POST", linkedin_rows=10)
    cut = caller.get("linkedin", "/rest/adAnalytics", DAILY)
    assert cut.status == 200
    assert cut.json["elements"] == everything[:10]


def test_linkedin_long_query_as_post(shared: Caller) -> None:
    headers = {**shared.auth("linkedin"), "x-http-method-override": "GET"}
    headers["content-type"] = "application/x-www-form-urlencoded"
    posted = shared.send("POST", "/rest/adAnalytics", body=DAILY.encode(), headers=headers).json
    assert posted == shared.get("linkedin", "/rest/adAnalytics", DAILY).json
    assert shared.get("linkedin", "/rest/adAnalytics", f"{DAILY}&x={'y' * 9000}").status == 414


def test_linkedin_needs_a_living_version(shared: Caller) -> None:
    headers = shared.auth("linkedin")
    for version, status in (("", 400), ("202512", 426), ("202501", 426), ("202602", 200)):
        query = "q=search&search=(status:(values:List(ACTIVE)))"
        answer = shared.send("GET", "/rest/adAccounts", query, headers={**headers, "linkedin-version": version})
        assert answer.status == status


@pytest.mark.parametrize("spend", [0, 1, 16_539, 999_999_999])
@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
def test_linkedin_tails_round_to_the_ledger(spend: int, currency: str) -> None:
    places = {"USD": 2, "JPY": 0, "KWD": 3}[currency]
    for salt in range(50):
        amount = Decimal(cost(spend, currency, str(salt)))
        assert int(amount.scaleb(places).quantize(Decimal(1))) == spend
    assert cost(0, currency, "") == "-2E-18"


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"dailyBudget": {"amount": "9.99", "currencyCode": "USD"}}, "FIELD_VALUE_TOO_LOW"),
        ({"dailyBudget": {"amount": "90", "currencyCode": "EUR"}}, "CURRENCY_MISMATCH"),
        ({"dailyBudget": {"amount": "90.001", "currencyCode": "USD"}}, "INVALID_VALUE"),
        ({"totalBudget": {"amount": "90", "currencyCode": "USD"}}, "FIELD_VALUE_IMMUTABLE"),
        ({"pacingStrategy": "LIFETIME"}, "FIELD_VALUE_IMMUTABLE"),
        ({"status": "NONSENSE"}, "INVALID_VALUE"),
    ],
)
def test_linkedin_refuses_writes(caller: Caller, patch: dict[str, Any], code: str) -> None:
    headers = {**caller.auth("linkedin"), "x-restli-method": "PARTIAL_UPDATE"}
    path = "/rest/adAccounts/512345678/adCampaigns/361000001"
    before = caller.get("linkedin", path).json
    answer = caller.send("POST", path, json_body={"patch": {"$set": {"status": "PAUSED", **patch}}}, headers=headers)
    assert answer.json["errorDetails"]["inputErrors"][0]["code"] == code
    assert caller.get("linkedin", path).json == before


def test_writes_have_consequences(caller: Caller) -> None:
    """The whole point: what is paused costs nothing afterwards, what gets more budget spends more."""
    headers = {**caller.auth("linkedin"), "x-restli-method": "PARTIAL_UPDATE"}
    path = "/rest/adAccounts/512345678/adCampaigns/"
    caller.send("POST", f"{path}361000002", json_body={"patch": {"$set": {"status": "PAUSED"}}}, headers=headers)
    more = {"dailyBudget": {"amount": "400", "currencyCode": "USD"}}
    caller.send("POST", f"{path}361000001", json_body={"patch": {"$set": more}}, headers=headers)
    old, new = Caller(), caller
    for one in (old, new):
        one.advance(days=3)
    day = (old.world.market.opening + timedelta(days=2)).isoformat()

    def spend(one: Caller, campaign: str) -> int:
        rows = one.control("ledger", account="512345678", campaign=campaign, since=day, until=day)["rows"]
        return rows[0]["spend"] if rows else 0

    assert spend(new, "361000002") == 0 < spend(old, "361000002")
    assert spend(new, "361000001") > spend(old, "361000001")
    assert spend(new, "361000003") == spend(old, "361000003")
