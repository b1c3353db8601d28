from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from stratum.lib import figures
from stratum.lib.figures import NO_VALUE


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0, 0, "0"),
        (1234567, 0, "1,234,567"),
        (-1234.5, 1, "−1,234.5"),
        (2.675, 2, "2.68"),
        (-0.004, 2, "0.00"),
        (Decimal("999.995"), 2, "1,000.00"),
        (None, 2, NO_VALUE),
    ],
)
def test_number(value, places, text):
    assert figures.format_number(value, places) == text


@pytest.mark.parametrize(
    ("language", "text"), [("de", "1.234.567,5"), ("fr", "1\u00a0234\u00a0567,5"), ("en", "1,234,567.5")]
)
def test_number_uses_the_marks_of_the_language(language, text):
    with translation.override(language):
        assert figures.format_number(1234567.5, 1) == text


def test_right_to_left_figures_are_kept_together():
    with translation.override("ar"):
        shown = [figures.format_percent(-0.021), figures.format_money(1250, "USD"), figures.delta(1, 2).text]
        for text in shown:
            # One left-to-right isolate around the whole, none inside.
            assert (text[0], text[-1], text.count("\u2066")) == ("\u2066", "\u2069", 1)
        assert figures.format_percent(None) == NO_VALUE


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=4))
def test_grouping_loses_no_digit(value):
    with translation.override("en"):
        text = figures.format_number(value, 4)
    assert Decimal(text.replace(",", "").replace(figures.MINUS, "-")) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999, "999"),
        (1000, "1.0K"),
        (12345, "12.3K"),
        (99_949, "99.9K"),
        (123_456, "123K"),
        (999_499, "999K"),
        (999_500, "1.0M"),
        (4_200_000_000, "4.2B"),
        (-15_000, "−15.0K"),
        (3.25, "3.3"),
        (None, NO_VALUE),
    ],
)
def test_compact(value, text):
    assert figures.format_compact(value) == text


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1234567, "USD", "$12,345.67"),
        (-50, "EUR", "−€0.50"),
        (1234, "JPY", "¥1,234"),
        (1234, "KWD", "KWD\u00a01.234"),
        (None, "USD", NO_VALUE),
    ],
)
def test_money_has_the_decimals_of_its_currency(minor, currency, text):
    assert figures.format_money(minor, currency) == text


def test_whole_money_is_rounded_not_cut():
    assert figures.format_money(199950, "USD", whole=True) == "$2,000"


def test_percent_and_multiple():
    assert figures.format_percent(0.0312) == "3.1%"
    assert figures.format_percent(0.0312, 2) == "3.12%"
    assert figures.format_multiple(2.847) == "2.85×"
    assert figures.format_percent(None) == figures.format_multiple(None) == NO_VALUE


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0\u00a0B"), (1023, "1,023\u00a0B"), (1536, "1.5\u00a0KB"), (200 * 1024**2, "200\u00a0MB")]
)
def test_bytes(size, text):
    assert figures.format_bytes(size) == text


@pytest.mark.parametrize(
    ("current", "previous", "better", "text", "direction", "meaning"),
    [
        (110, 100, "up", "+10.0%", "up", "good"),
        (90, 100, "down", "−10.0%", "down", "good"),
        (110, 100, "down", "+10.0%", "up", "bad"),
        (110, 100, "neither", "+10.0%", "up", "plain"),
        (100, 100, "up", "0.0%", "flat", "plain"),
        (5, 0, "up", "new", "up", "good"),
        (2000, 100, "up", ">1,000%", "up", "good"),
        (-50, -100, "up", "+50.0%", "up", "good"),
    ],
)
def test_delta(current, previous, better, text, direction, meaning):
    change = figures.delta(current, previous, better=better)
    assert (change.text, change.direction, change.meaning) == (text, direction, meaning)


@pytest.mark.parametrize("pair", [(None, 5), (5, None), (None, None)])
def test_delta_without_a_value_is_no_change(pair):
    change = figures.delta(*pair)
    assert (change.text, change.direction, change.meaning) == (NO_VALUE, "none", "plain")


def test_delta_tells_both_values():
    change = figures.delta(110, 100, shown_current="$110", shown_previous="$100")
    assert change.detail == "$100 before, $110 now"


def test_change_of_a_ratio_is_in_points():
    change = figures.delta_points(0.018, 0.021)
    assert (change.text, change.meaning) == ("−0.3\u00a0pp", "bad")


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_delta_never_calls_a_fall_a_rise(current, previous):
    with translation.override("en"):
        change = figures.delta(current, previous)
    assert (change.direction == "up") == (current > previous)
    assert (change.direction == "down") == (current < previous)
