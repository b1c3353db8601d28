"""Daily numbers, breakdowns and reports of Meta."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.clients.meta.insights import day_reader
from campaigns.tests.clients.meta_cast import ACCOUNT, INSIGHTS, error_body, page, row

RUN = "/v26.0/6290055512345"
MONDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 18)
TOO_MUCH = error_body(1, message="Please reduce the amount of data you're asking for, then retry your request")


def days(server) -> list[tuple[str, str]]:
    return [tuple(json.loads(r.query["time_range"]).values()) for r in server.asked("GET", INSIGHTS)]


def read(fields, account=ACCOUNT):
    return day_reader(account)(row("2026-11-16", **fields))[1]


def stats(**values):
    return [{"action_type": name.replace("__", "."), "value": value} for name, value in values.items()]


def test_days_of_two_pages(server_for, meta_client):
    server = server_for("meta")
    server.serve("insights_daily_page1", "insights_daily_page2")
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [(r.campaign_external_id[-3:], r.date.day) for r in rows] == [
        ("101", 16),
        ("102", 16),
        ("101", 17),
        ("102", 17),
        ("101", 18),
    ]
    first, second, _, _, last = rows
    assert (first.impressions, first.clicks, first.spend) == (18234, 612, 7483)
    assert (first.conversions_micros, first.revenue) == (11_000_000, 61245)
    assert (first.video_views, first.video_completions) == (5210, 811)
    assert (first.shares, first.comments, first.saves) == (12, 7, 19)
    assert first.attribution == "7d_click_1d_view"
    assert (second.spend, second.shares, second.video_completions) == (2490, None, None)
    assert (last.conversions_micros, last.revenue) == (0, 0)
    assert server.requests[0].query["time_range"] == '{"since":"2026-11-16","until":"2026-11-18"}'
    assert server.requests[0].query["time_increment"] == "1"
    assert server.requests[1].query["after"] == "MgZDZD"


def test_restated_days_simply_say_something_else(server_for, meta_client):
    server = server_for("meta")
    server.serve("insights_daily_restated")
    first, second = meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY)
    assert (first.conversions_micros, first.revenue, first.impressions) == (14_000_000, 81195, 18236)
    assert (second.conversions_micros, second.revenue) == (7_000_000, 43000)


def test_an_account_without_delivery_has_no_rows(server_for, meta_client):
    server = server_for("meta")
    server.serve("empty_account_insights", path=INSIGHTS)
    assert list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY)) == []


def test_nested_action_types_are_never_added_up():
    actions = stats(omni_purchase="11", purchase="11", offsite_conversion__fb_pixel_purchase="11", page_engagement="99")
    values = stats(omni_purchase="612.45", purchase="612.45", offsite_conversion__fb_pixel_purchase="612.45")
    metrics = read({"actions": actions, "action_values": values})
    assert (metrics.conversions_micros, metrics.revenue) == (11_000_000, 61245)


@pytest.mark.parametrize(
    ("present", "count"),
    [
        ({"purchase": "4", "offsite_conversion__fb_pixel_purchase": "3"}, 4),
        ({"offsite_conversion__fb_pixel_purchase": "3"}, 3),
        ({"web_in_store_purchase": "5", "lead": "6", "purchase_again": "7"}, 0),  # look alike, and are not
        ({}, 0),
    ],
)
def test_conversions_are_the_first_type_present(present, count):
    assert read({"actions": stats(**present)}).conversions_micros == count * 1_000_000


def test_revenue_is_that_of_the_same_type():
    fields = {"actions": stats(purchase="2"), "action_values": stats(omni_purchase="90.00", purchase="20.00")}
    assert read(fields).revenue == 2000
    assert read({"actions": stats(purchase="2"), "action_values": stats(omni_purchase="90.00")}).revenue == 0


def test_lead_campaigns_count_leads():
    actions = stats(omni_purchase="1", lead="8", onsite_conversion__lead_grouped="5")
    assert read({"objective": "OUTCOME_LEADS", "actions": actions}).conversions_micros == 8_000_000
    assert read({"objective": "OUTCOME_SALES", "actions": actions}).conversions_micros == 1_000_000
    grouped = stats(onsite_conversion__lead_grouped="5")
    assert read({"objective": "LEAD_GENERATION", "actions": grouped}).conversions_micros == 5_000_000


def test_an_account_may_count_something_else():
    account = Account("1", "USD", "UTC", conversion_actions=("omni_add_to_cart", "add_to_cart"))
    actions = stats(omni_purchase="1", add_to_cart="20")
    assert read({"actions": actions}, account).conversions_micros == 20_000_000


def test_a_stat_that_only_has_windows_counts_nothing():
    assert read({"actions": [{"action_type": "omni_purchase", "1d_view": "2"}]}).conversions_micros == 0


@pytest.mark.parametrize(
    ("currency", "spend", "minor"),
    [("JPY", "1234", 1234), ("HUF", "123.45", 12345), ("KWD", "1.234", 1234), ("USD", "24.9", 2490), ("USD", "0", 0)],
)
def test_spend_is_in_major_units_whatever_budgets_are_in(currency, spend, minor):
    assert read({"spend": spend}, Account("1", currency, "UTC")).spend == minor


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_spend_of_two_places_is_exact(amount):
    assert read({"spend": str(amount)}).spend == int(amount * 100)


def test_missing_numbers_are_unknown():
    metrics = day_reader(ACCOUNT)({"campaign_id": "1", "date_start": "2026-11-16", "date_stop": "2026-11-16"})[1]
    assert (metrics.impressions, metrics.clicks, metrics.spend, metrics.video_views, metrics.saves) == (None,) * 5


def test_long_ranges_are_cut_and_both_ends_included(server_for, meta_client):
    server = server_for("meta")
    for _ in range(3):
        server.answer("GET", INSIGHTS, page())
    list(meta_client(server).daily_metrics(ACCOUNT, start=date(2026, 10, 20), end=date(2026, 11, 16)))
    list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert days(server) == [
        ("2026-10-20", "2026-11-02"),
        ("2026-11-03", "2026-11-16"),
        ("2026-11-16", "2026-11-16"),
    ]


def test_days_before_metas_memory_are_not_asked_for(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", INSIGHTS, page())
    list(meta_client(server).daily_metrics(ACCOUNT, start=date(2015, 1, 1), end=date(2023, 10, 25)))
    assert days(server) == [("2023-10-23", "2023-10-25")]
    assert list(meta_client(server).daily_metrics(ACCOUNT, start=date(2015, 1, 1), end=date(2016, 1, 1))) == []


def test_a_page_that_is_served_twice_counts_once(server_for, meta_client):
    server = server_for("meta")
    for body in (page(row("2026-11-16"), after="A"), page(row("2026-11-16"), after="A"), page(row("2026-11-17"))):
        server.answer("GET", INSIGHTS, body)
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [r.date.day for r in rows] == [16, 17]


def test_too_much_data_shrinks_the_page_then_the_days(server_for, meta_client):
    server = server_for("meta")
    for _ in range(4):
        server.answer("GET", INSIGHTS, TOO_MUCH, status=500)
    server.answer("GET", INSIGHTS, page(row("2026-11-16")))
    server.answer("GET", INSIGHTS, page(row("2026-11-17"), row("2026-11-18")))
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=WEDNESDAY))
    assert [r.date.day for r in rows] == [16, 17, 18]
    assert [r.query["limit"] for r in server.requests] == ["500", "250", "125", "62", "62", "62"]
    assert days(server)[3:] == [
        ("2026-11-16", "2026-11-18"),
        ("2026-11-16", "2026-11-16"),
        ("2026-11-17", "2026-11-18"),
    ]


def test_a_window_that_fails_half_way_is_not_counted_twice(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", INSIGHTS, page(row("2026-11-17"), after="A"))
    for _ in range(4):
        server.answer("GET", INSIGHTS, error_body(2, 1504038), status=500)
    server.answer("GET", INSIGHTS, page(row("2026-11-17")))
    server.answer("GET", INSIGHTS, page(row("2026-11-18")))
    tuesday = date(2026, 11, 17)
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=tuesday, end=WEDNESDAY))
    assert [r.date.day for r in rows] == [17, 18]


@pytest.fixture
def too_much_for_a_day(server_for):
    """A server to which even one day is too much, so that a report is asked for."""
    server = server_for("meta")
    for _ in range(4):
        server.answer("GET", INSIGHTS, TOO_MUCH, status=500)
    return server


def test_a_day_that_is_too_much_comes_as_a_report(too_much_for_a_day, meta_client, fake_time):
    server = too_much_for_a_day
    server.serve("async_submit")
    server.serve("async_error_run_not_visible_yet", "async_poll_running")
    # 'Completed' before 100 percent is not yet complete.
    server.answer("GET", RUN, {"async_status": "Job Completed", "async_percent_completion": 99})
    server.serve("async_poll_completed")
    server.serve("async_results")
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert len(rows) == 5
    assert fake_time.slept == [10, 20, 40]
    submitted = server.asked("POST", INSIGHTS)[0].body
    assert submitted["level"] == "campaign"
    assert submitted["time_range"] == '{"since":"2026-11-16","until":"2026-11-16"}'
    assert "access_token" not in submitted


@pytest.mark.parametrize("ending", ["async_poll_failed", "async_poll_skipped"])
def test_a_report_that_fails_is_asked_for_once_more(ending, too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit", ending, "async_submit", "async_poll_completed", "async_results")
    assert len(list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))) == 5


def test_a_report_that_fails_again_is_an_error(too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit", "async_poll_failed", "async_submit", "async_poll_failed")
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert raised.value.kind is ErrorKind.TOO_MUCH
    assert str(raised.value) == "Try a smaller date range or fewer metrics."


def test_reports_of_many_days_that_fail_are_resubmitted_smaller(too_much_for_a_day, meta_client):
    """Once reports are needed they are asked for whole windows, and halved when they fail."""
    server = too_much_for_a_day
    server.answer("GET", INSIGHTS, TOO_MUCH, status=500)  # …of two days, then of the first alone
    asked = [("POST", INSIGHTS), ("GET", RUN), ("GET", f"{RUN}/insights")]
    for day in ("2026-11-16", "2026-11-17"):
        server.answer(*asked[0], {"report_run_id": "6290055512345"})
        server.serve("async_poll_completed")
        server.answer(*asked[2], page(row(day)))
    rows = list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=date(2026, 11, 17)))
    assert [r.date.day for r in rows] == [16, 17]
    spans = [json.loads(r.body["time_range"]) for r in server.asked("POST", INSIGHTS)]
    assert [span["since"] for span in spans] == ["2026-11-16", "2026-11-17"]


def test_a_report_denied_for_good_is_not_asked_again(too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit")
    server.answer("GET", RUN, {"async_status": "Job Failed", "error_code": 190, "error_subcode": 463})
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert raised.value.kind is ErrorKind.AUTH


def test_the_next_worker_takes_up_the_run_of_the_one_before(too_much_for_a_day, meta_client, fake_time):
    server = too_much_for_a_day
    server.serve("async_submit", "async_poll_running", "async_poll_running")
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server, patience=15).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert (raised.value.kind, raised.value.code) == (ErrorKind.RATE, "local.report_running")
    assert raised.value.retry_after == 20
    for _ in range(4):
        server.answer("GET", INSIGHTS, TOO_MUCH, status=500)
    server.serve("async_poll_completed", "async_results")
    assert len(list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))) == 5
    assert len(server.asked("POST", INSIGHTS)) == 1


def test_a_remembered_run_that_is_gone_is_made_anew(too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit", "async_poll_running")
    with pytest.raises(PlatformError):
        list(meta_client(server, patience=1).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    for _ in range(4):
        server.answer("GET", INSIGHTS, TOO_MUCH, status=500)
    later = meta_client(server)
    later._wiring.sleep(120)
    server.serve("async_error_run_not_visible_yet", "async_submit", "async_poll_completed", "async_results")
    assert len(list(later.daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))) == 5


def test_a_run_that_never_starts_is_given_up(too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit")
    waiting = {"async_status": "Job Not Started", "async_percent_completion": 0}
    for _ in range(6):  # 0, 10, 30, 70, 150, 310 seconds
        server.answer("GET", RUN, waiting)
    server.serve("async_submit", "async_poll_completed", "async_results")
    assert len(list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))) == 5


def test_a_new_run_that_stays_unknown_says_nothing_about_our_rights(too_much_for_a_day, meta_client):
    server = too_much_for_a_day
    server.serve("async_submit", *["async_error_run_not_visible_yet"] * 4)  # after 0, 10, 30 and 70 seconds
    server.serve("async_submit", "async_poll_completed", "async_results")
    assert len(list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))) == 5


def test_breakdowns_by_age_gender_and_country(server_for, meta_client):
    server = server_for("meta")
    server.serve("insights_age_gender")
    countries = [row("2026-11-16", "120210000000000101", country=country) for country in ("US", "CA")]
    server.answer("GET", INSIGHTS, page(*countries))
    rows = list(meta_client(server).breakdowns(ACCOUNT, start=MONDAY, end=MONDAY))
    found = {(r.dimension, r.value): r for r in rows}
    assert found["age", "18-24"].impressions == 2011 + 1830
    assert found["age", "18-24"].spend == 811 + 760
    assert found["age", "25-34"].conversions_micros == 7_000_000
    assert found["gender", "female"].clicks == 61 + 190 + 92
    assert found["gender", "unknown"].spend == found["age", "unknown"].spend == 30
    assert found["location", "US"].impressions == 10
    assert len(rows) == len(found) == 5 + 3 + 2
    ages, places = server.requests
    assert ages.query["breakdowns"] == "age,gender"  # country does not go with them
    assert places.query["breakdowns"] == "country"
    assert json.loads(ages.query["action_attribution_windows"]) == ["1d_click", "7d_click", "1d_view"]
    assert "time_increment" not in ages.query


def test_breakdowns_of_a_month_are_one_question_each(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", INSIGHTS, page())
    server.answer("GET", INSIGHTS, page())
    start = MONDAY - timedelta(days=27)
    assert list(meta_client(server).breakdowns(ACCOUNT, start=start, end=MONDAY)) == []
    assert days(server) == [("2026-10-20", "2026-11-16")] * 2


def test_breakdowns_in_parts_add_up(server_for, meta_client):
    server = server_for("meta")
    for _ in range(4):
        server.answer("GET", INSIGHTS, TOO_MUCH, status=500)
    for day in ("2026-11-16", "2026-11-17"):
        server.answer("GET", INSIGHTS, page(row(day, age="65+", gender="male")))
    server.answer("GET", INSIGHTS, page())
    rows = list(meta_client(server).breakdowns(ACCOUNT, start=MONDAY, end=date(2026, 11, 17)))
    assert [(r.dimension, r.value, r.impressions, r.spend) for r in rows] == [
        ("age", "65+", 20, 200),
        ("gender", "male", 20, 200),
    ]


@pytest.mark.parametrize(
    "fields",
    [{"spend": "a lot"}, {"spend": "NaN"}, {"impressions": "1.5"}, {"date_stop": "2026-11-17"}, {"actions": 7}],
)
def test_rows_of_an_unknown_shape_are_one_clear_error(fields, server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", INSIGHTS, page(row("2026-11-16", **fields)))
    with pytest.raises(PlatformError) as raised:
        list(meta_client(server).daily_metrics(ACCOUNT, start=MONDAY, end=MONDAY))
    assert raised.value.kind is ErrorKind.BROKEN
