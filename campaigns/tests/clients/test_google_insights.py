"""Daily numbers and breakdowns of Google Ads."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.clients.google_ads.rows import age_band, day_metrics
from campaigns.tests.clients.google_cast import ACCOUNT, SEARCH, day_row, failure, found

MONDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 18)
EXPIRED_TOKEN = failure("requestError", "EXPIRED_PAGE_TOKEN")


def days(server) -> list[tuple[str, str]]:
    periods = (re.search(r"BETWEEN '(.*)' AND '(.*?)'", request.body["query"]) for request in server.requests)
    return [period.groups() for period in periods if period]


def read(account=ACCOUNT, **metrics):
    return day_metrics(day_row("2026-11-16", **metrics), account)[1]


def test_days_of_two_pages(server_for, google_client):
    server = server_for("google_ads")
    server.serve("insights_daily_page1", "insights_daily_page2")
    rows = list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [(r.campaign_external_id[-1], r.date.day) for r in rows] == [
        ("1", 16),
        ("2", 16),
        ("1", 17),
        ("2", 17),
        ("3", 17),
        ("1", 18),
    ]
    first, second, third, _, video, _ = rows
    assert (first.impressions, first.clicks, first.spend) == (5210, 402, 6824)
    assert (first.conversions_micros, first.revenue) == (12_500_000, 104375)  # not all_conversions' 14.5 and 1103.75
    assert (second.conversions_micros, second.revenue) == (9_333_333, 81240)
    assert (second.video_views, second.video_completions) == (812, 6658)  # 0.2211 × 30112
    assert third.spend == 6691  # 66.910001
    assert (video.conversions_micros, video.revenue, video.video_completions) == (0, 0, 3250)
    assert (first.shares, first.comments, first.saves) == (None, None, None)
    assert server.requests[1].body["pageToken"] == "CAIQAxoCdG9rZW4tcGFnZS0y"
    assert days(server)[0] == ("2026-11-16", "2026-11-18")


def test_restated_days_simply_say_something_else(server_for, google_client):
    server = server_for("google_ads")
    server.serve("insights_daily_restated")
    first, _ = google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY)
    assert (first.clicks, first.spend, first.conversions_micros) == (401, 6819, 14_500_000)


def test_an_account_without_activity_has_no_rows(server_for, google_client):
    server = server_for("google_ads")
    server.serve("empty_account", path=SEARCH)
    assert list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY)) == []


@pytest.mark.parametrize(
    ("currency", "cost", "value", "spend", "revenue"),
    [
        ("USD", "5000", 0.125, 0, 12),  # half a cent, to the even one; 12.5 cents too
        ("USD", "15000", 0.135, 2, 14),
        ("JPY", "1234500000", 1234.5, 1234, 1234),
        ("KWD", "1234500", 1.2345, 1234, 1234),
        ("HUF", "12345000000", 12345.678, 1234500, 1234568),
    ],
)
def test_costs_are_micros_and_values_major_units(currency, cost, value, spend, revenue, server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(day_row("2026-11-16", costMicros=cost, conversionsValue=value)))
    account = Account("1234567890", currency, "UTC")
    (metrics,) = google_client(server).daily_metrics(account, start=MONDAY, end=MONDAY)
    assert (metrics.spend, metrics.revenue) == (spend, revenue)


@given(st.decimals(min_value=0, max_value=10**6, places=6))
def test_fractional_conversions_are_kept(count):
    assert read(conversions=count).conversions_micros == int(count * 1_000_000)


def test_missing_numbers_are_unknown():
    row = {"campaign": {"id": "1"}, "segments": {"date": "2026-11-16"}, "metrics": {}}
    metrics = day_metrics(row, ACCOUNT)[1]
    assert (metrics.impressions, metrics.spend, metrics.conversions_micros, metrics.revenue) == (None,) * 4
    assert (metrics.video_views, metrics.video_completions) == (None, None)
    assert read(videoQuartileP100Rate=0).video_completions == 0


def test_long_ranges_are_cut_and_both_ends_included(server_for, google_client):
    server = server_for("google_ads")
    for _ in range(3):
        server.answer("POST", SEARCH, found())
    list(google_client(server).daily_metrics(ACCOUNT, start=date(2026, 10, 18), end=date(2026, 11, 16)))
    assert days(server) == [
        ("2026-10-18", "2026-10-31"),
        ("2026-11-01", "2026-11-14"),
        ("2026-11-15", "2026-11-16"),
    ]


def test_days_before_googles_memory_are_not_asked_for(server_for, google_client):
    client = google_client(server_for("google_ads"))
    assert list(client.daily_metrics(ACCOUNT, start=date(2015, 1, 1), end=date(2020, 1, 1))) == []


def test_a_page_token_that_ran_out_starts_the_query_over(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(day_row("2026-11-16"), token="T1"))
    server.answer("POST", SEARCH, EXPIRED_TOKEN, status=400)
    server.answer("POST", SEARCH, found(day_row("2026-11-16", clicks="2"), token="T2"))
    server.answer("POST", SEARCH, found(day_row("2026-11-17")))
    rows = list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [(r.date.day, r.clicks) for r in rows] == [(16, 2), (17, 1)]
    assert [request.body.get("pageToken") for request in server.requests] == [None, "T1", None, "T2"]


def test_page_tokens_that_keep_running_out_are_an_error(server_for, google_client):
    server = server_for("google_ads")
    for _ in range(3):
        server.answer("POST", SEARCH, found(day_row("2026-11-16"), token="T1"))
        server.answer("POST", SEARCH, EXPIRED_TOKEN, status=400)
    with pytest.raises(PlatformError) as raised:
        list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert raised.value.code == "requestError.EXPIRED_PAGE_TOKEN"


def test_a_page_that_is_served_twice_counts_once(server_for, google_client):
    server = server_for("google_ads")
    for body in (found(day_row("2026-11-16"), token="A"), found(day_row("2026-11-16"), token="A")):
        server.answer("POST", SEARCH, body)
    server.answer("POST", SEARCH, found(day_row("2026-11-17")))
    rows = list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [r.date.day for r in rows] == [16, 17]


def test_page_tokens_that_go_in_circles_end_with_an_error(server_for, google_client):
    server = server_for("google_ads")
    for _ in range(4):
        server.answer("POST", SEARCH, found(token="A"))
    with pytest.raises(PlatformError) as raised:
        list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert raised.value.kind is ErrorKind.BROKEN


def view(clicks: str, **fields):
    return {
        "campaign": {"id": "1"},
        "metrics": {"impressions": "10", "clicks": clicks, "costMicros": "1000000", "conversions": 0.5},
        **fields,
    }


def test_breakdowns(server_for, google_client):
    server = server_for("google_ads")
    server.serve("insights_age")
    genders = [
        view("1", adGroupCriterion={"gender": {"type": kind}}, genderView={"resourceName": f"g/{group}~{kind}"})
        for group in (1, 2)
        for kind in ("MALE", "FEMALE", "UNDETERMINED")
    ]
    server.answer("POST", SEARCH, found(*genders))
    countries = [
        view("3", geographicView={"resourceName": f"c/{id_}~{kind}", "countryCriterionId": id_, "locationType": kind})
        for id_ in ("2840", "2124", "9999")
        for kind in ("LOCATION_OF_PRESENCE", "AREA_OF_INTEREST")
    ]
    server.answer("POST", SEARCH, found(*countries))
    server.serve("geo_target_constants", path=SEARCH)
    rows = list(google_client(server).breakdowns(ACCOUNT, start=MONDAY - timedelta(days=29), end=MONDAY))
    shares = {(r.dimension, r.value): r for r in rows}
    assert set(shares) == {
        *(("age", value) for value in ("18-24", "25-34", "65+", "unknown")),
        *(("gender", value) for value in ("male", "female", "unknown")),
        *(("location", value) for value in ("US", "CA", "unknown")),
    }
    # 24.02 and 1.22, of two ad groups.
    assert (shares["age", "25-34"].spend, shares["age", "65+"].conversions_micros) == (2524, 500_000)
    # Rows come per ad group, and for countries per kind of presence: they are added up.
    male = shares["gender", "male"]
    assert (male.impressions, male.clicks, male.spend, male.conversions_micros) == (20, 2, 200, 1_000_000)
    assert shares["location", "US"].clicks == 6
    assert days(server) == [("2026-10-18", "2026-11-16")] * 3


def test_a_breakdown_page_that_is_served_twice_counts_once(server_for, google_client):
    server = server_for("google_ads")
    row = view("1", adGroupCriterion={"ageRange": {"type": "AGE_RANGE_65_UP"}}, ageRangeView={"resourceName": "a/1"})
    server.answer("POST", SEARCH, found(row, token="A"))
    server.answer("POST", SEARCH, found(row))
    server.answer("POST", SEARCH, found())
    server.answer("POST", SEARCH, found())
    (share,) = google_client(server).breakdowns(ACCOUNT, start=MONDAY, end=MONDAY)
    assert share.clicks == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGE_RANGE_18_24", "18-24"),
        ("AGE_RANGE_65_UP", "65+"),
        ("AGE_RANGE_UNDETERMINED", "unknown"),
        ("UNKNOWN", "unknown"),
    ],
)
def test_age_bands(name, value):
    assert age_band(name) == value


@pytest.mark.parametrize("metrics", [{"clicks": "many"}, {"conversions": "NaN"}, {"costMicros": "1.5"}])
def test_rows_of_an_unknown_shape_are_one_clear_error(metrics, server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(day_row("2026-11-16", **metrics)))
    with pytest.raises(PlatformError) as raised:
        list(google_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert raised.value.kind is ErrorKind.BROKEN
