from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from stratum.lib.date_ranges import MAX_DAYS, last_full_day, resolve_date_range, span_text

# 09:30 in New York, already 23:30 in Tokyo, on 23 November 2026.
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")

ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"]
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
KEYS = st.sampled_from(["7d", "14d", "30d", "90d", "mtd", "last_month", "custom", "nonsense", ""])
COMPARES = st.sampled_from(["previous", "year", "off", "nonsense"])
DAYS = st.one_of(st.dates(date(1900, 1, 1), date(2300, 1, 1)).map(date.isoformat), st.text(max_size=12))


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def resolve(now=NOW, zone=NEW_YORK, **query):
    return resolve_date_range({key.rstrip("_"): value for key, value in query.items()}, now=now, zone=zone)


@pytest.mark.parametrize(
    ("key", "start", "end"),
    [
        ("7d", date(2026, 11, 16), date(2026, 11, 22)),
        ("14d", date(2026, 11, 9), date(2026, 11, 22)),
        ("30d", date(2026, 10, 24), date(2026, 11, 22)),
        ("90d", date(2026, 8, 25), date(2026, 11, 22)),
        ("mtd", date(2026, 11, 1), date(2026, 11, 22)),
        ("last_month", date(2026, 10, 1), date(2026, 10, 31)),
    ],
)
def test_presets_end_yesterday(key, start, end):
    chosen = resolve(range=key)
    assert (chosen.start, chosen.end, chosen.key) == (start, end, key)


def test_the_default_is_thirty_days_against_the_thirty_before():
    chosen = resolve()
    assert chosen.days == 30
    assert (chosen.compare_start, chosen.compare_end) == (date(2026, 9, 24), date(2026, 10, 23))
    assert chosen.query == {}


def test_yesterday_is_the_zones_own():
    late = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert last_full_day(late, ZoneInfo("Asia/Tokyo")) == date(2026, 11, 23)
    assert last_full_day(late, NEW_YORK) == date(2026, 11, 22)


def test_clock_change_makes_no_difference():
    # 1 November 2026: clocks go back in New York, the day has 25 hours.
    for hour in range(24):
        now = datetime(2026, 11, 2, hour, 0, tzinfo=NEW_YORK)
        assert last_full_day(now, NEW_YORK) == date(2026, 11, 1)


def test_on_the_first_of_a_month_month_to_date_is_the_month_before():
    now = datetime(2026, 11, 1, 15, 0, tzinfo=UTC)
    chosen = resolve(now=now, range="mtd")
    assert (chosen.start, chosen.end) == (date(2026, 10, 1), date(2026, 10, 31))
    assert resolve(now=now, range="last_month").start == date(2026, 10, 1)


def test_custom_days_turned_round_are_put_right():
    chosen = resolve(range="custom", from_="2026-10-31", to="2026-10-01")
    assert (chosen.start, chosen.end) == (date(2026, 10, 1), date(2026, 10, 31))
    assert chosen.query == {"range": "custom", "from": "2026-10-01", "to": "2026-10-31"}


def test_custom_days_never_reach_into_today():
    assert resolve(range="custom", from_="2026-11-20", to="2026-12-24").end == date(2026, 11, 22)


@pytest.mark.parametrize(
    "query", [{"from_": "2026-11-23", "to": "2026-11-30"}, {"from_": "x"}, {"to": "2026-10-01"}, {}]
)
def test_custom_days_without_a_full_day_fall_back(query):
    chosen = resolve(range="custom", **query)
    assert (chosen.key, chosen.days) == ("30d", 30)


def test_custom_days_are_bounded():
    chosen = resolve(range="custom", from_="1999-01-01", to="2026-10-31")
    assert (chosen.days, chosen.end) == (MAX_DAYS, date(2026, 10, 31))


def test_year_before_a_leap_day():
    now = datetime(2024, 3, 1, 12, tzinfo=UTC)
    chosen = resolve(now=now, zone=ZoneInfo("UTC"), range="custom", from_="2024-02-29", to="2024-02-29", compare="year")
    assert (chosen.compare_start, chosen.compare_end) == (date(2023, 2, 28), date(2023, 2, 28))


def test_comparison_off():
    chosen = resolve(compare="off")
    assert (chosen.compare_start, chosen.compare_end, chosen.compare_text) == (None, None, "")
    assert chosen.query == {"compare": "off"}


@given(now=MOMENTS, zone=ZONES, key=KEYS, compare=COMPARES, start=DAYS, end=DAYS)
def test_any_query_gives_full_days_and_an_equal_comparison(now, zone, key, compare, start, end):
    zone = ZoneInfo(zone)
    query = {"range": key, "compare": compare, "from": start, "to": end}
    chosen = resolve_date_range(query, now=now, zone=zone)

    assert chosen.start <= chosen.end <= last_full_day(now, zone) < now.astimezone(zone).date()
    assert chosen.days == len(chosen.dates) <= MAX_DAYS
    if chosen.compare == "off":
        assert chosen.compare_start is None
    else:
        assert chosen.compare_end - chosen.compare_start == chosen.end - chosen.start
    if chosen.compare == "previous":
        assert chosen.compare_end + timedelta(days=1) == chosen.start
    # The URL that stands for a range gives the same range.
    assert resolve_date_range(chosen.query, now=now, zone=zone) == chosen


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2026, 10, 1), date(2026, 10, 1), "1 Oct 2026"),
        (date(2026, 10, 1), date(2026, 10, 15), "1 – 15 Oct 2026"),
        (date(2026, 10, 24), date(2026, 11, 22), "24 Oct – 22 Nov 2026"),
        (date(2025, 12, 24), date(2026, 1, 6), "24 Dec 2025 – 6 Jan 2026"),
    ],
)
def test_span_says_nothing_twice(start, end, text):
    assert span_text(start, end) == text
