from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum.lib.money import convert, decimals, to_minor, to_units
from stratum.lib.ratios import Totals

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF", "AED"])
MINOR = st.integers(-(2**53), 2**53)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("100.50", "USD", 10050),
        ("100", "JPY", 100),
        ("1.2345", "KWD", 1234),
        ("0.125", "USD", 12),
        ("0.135", "USD", 14),
    ],
)
def test_amounts_become_minor_units_half_to_even(amount, currency, minor):
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", "1e30"])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(ValueError):
        to_minor(amount, "USD")


@given(MINOR, CURRENCIES)
def test_units_and_minor_units_round_trip(minor, currency):
    assert to_minor(to_units(minor, currency), currency) == minor


@given(MINOR, CURRENCIES)
def test_converting_to_the_same_currency_changes_nothing(minor, currency):
    rate = Decimal("1.07345")
    assert convert(minor, currency, currency, source_per_euro=rate, target_per_euro=rate) == minor


@given(st.integers(0, 10**12), CURRENCIES, CURRENCIES, st.decimals("0.01", "500", places=4))
def test_converting_rounds_once(minor, source, target, rate):
    exact = Decimal(minor).scaleb(-decimals(source)) * rate
    found = convert(minor, source, target, source_per_euro=Decimal(1), target_per_euro=rate)
    assert abs(to_units(found, target) - exact) <= Decimal("0.5").scaleb(-decimals(target))


def test_a_zero_denominator_is_no_value():
    nothing = Totals()
    assert [nothing.ctr, nothing.cpc, nothing.cpm, nothing.cpa, nothing.roas, nothing.cvr] == [None] * 6


@given(st.lists(st.tuples(*[st.integers(0, 10**9)] * 5), min_size=1, max_size=20))
def test_ratios_come_from_sums_not_from_ratios(days):
    total = sum((Totals(*day) for day in days), Totals())
    clicks, impressions = sum(day[1] for day in days), sum(day[0] for day in days)
    assert total.ctr == (clicks / impressions if impressions else None)
