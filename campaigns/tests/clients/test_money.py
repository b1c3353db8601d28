"""Platform amounts and our minor units, for every way a currency may be cut."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.clients.money import (
    MICROS,
    count_micros,
    from_major,
    from_scaled,
    google_billable_unit,
    meta_offset,
    to_scaled,
)
from stratum.lib.money import decimals

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KRW", "KWD", "BHD", "HUF", "COP", "TWD", "IDR", "UGX", "CLP"])
AMOUNTS = st.integers(min_value=-(10**14), max_value=10**14)


@pytest.mark.parametrize(
    ("currency", "wire", "minor"),
    [
        ("USD", "7500", 7500),  # hundredths on both sides
        ("JPY", "5000", 5000),  # whole yen on both sides
        ("HUF", "5000", 500000),  # whole forint there, hundredths here
        ("TWD", "300", 30000),
        ("KWD", "150", 1500),  # hundredths there, thousandths here
        ("UGX", "500000", 5000),  # hundredths there, whole here
    ],
)
def test_meta_budgets_are_in_metas_own_minor_units(currency, wire, minor):
    assert from_scaled(wire, meta_offset(currency), currency) == minor
    assert to_scaled(minor, meta_offset(currency), currency) == int(wire)


@pytest.mark.parametrize("currency", ["CLP", "COP", "CRC", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "VND"])
def test_currencies_that_meta_counts_whole(currency):
    assert meta_offset(currency) == 1
    assert meta_offset(currency.lower()) == 1


@pytest.mark.parametrize("currency", ["USD", "EUR", "BHD", "JOD", "KWD", "XAF"])
def test_currencies_that_meta_counts_in_hundredths(currency):
    assert meta_offset(currency) == 100


@pytest.mark.parametrize(("minor", "currency"), [(150, "HUF"), (1505, "KWD"), (99, "COP")])
def test_what_meta_cannot_write_is_refused(minor, currency):
    with pytest.raises(ValueError):
        to_scaled(minor, meta_offset(currency), currency)


@pytest.mark.parametrize(
    ("micros", "currency", "minor"),
    [
        ("68240000", "USD", 6824),
        ("66910001", "USD", 6691),
        ("5000", "USD", 0),  # half a cent: to the even one
        ("15000", "USD", 2),
        ("25000", "USD", 2),
        ("-15000", "USD", -2),
        ("1234000000", "JPY", 1234),
        ("500000", "JPY", 0),
        ("1500000", "JPY", 2),
        ("1234567", "KWD", 1235),
    ],
)
def test_micros_round_half_to_even(micros, currency, minor):
    assert from_scaled(micros, MICROS, currency) == minor


@given(AMOUNTS, CURRENCIES)
def test_micros_agree_with_exact_arithmetic(micros, currency):
    exact = Decimal(micros).scaleb(decimals(currency)) / MICROS
    assert from_scaled(micros, MICROS, currency) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


@given(AMOUNTS, CURRENCIES, st.sampled_from(["micros", "meta"]))
def test_amounts_survive_the_round_trip(minor, currency, notation):
    per_unit = MICROS if notation == "micros" else meta_offset(currency)
    try:
        wire = to_scaled(minor, per_unit, currency)
    except ValueError:
        # Only where the platform cuts the currency more coarsely than ISO 4217 does.
        assert per_unit < 10 ** decimals(currency)
        return
    assert from_scaled(str(wire), per_unit, currency) == minor


@given(AMOUNTS, CURRENCIES)
def test_every_budget_is_a_multiple_of_what_google_bills(minor, currency):
    assert to_scaled(minor, MICROS, currency) % google_billable_unit(currency) == 0


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=9))
def test_major_amounts_round_half_to_even(amount):
    for currency in ("USD", "JPY", "KWD"):
        exact = (amount * 10 ** decimals(currency)).quantize(Decimal(1), ROUND_HALF_EVEN)
        assert from_major(str(amount), currency) == int(exact)


@pytest.mark.parametrize(
    ("count", "micros"),
    [("11", 11_000_000), (Decimal("9.333333"), 9_333_333), ("0.0000005", 0), ("1.0000015", 1_000_002), (7, 7_000_000)],
)
def test_fractional_counts(count, micros):
    assert count_micros(count) == micros


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_counts_of_six_places_are_kept_exactly(count):
    assert Decimal(count_micros(count)) / MICROS == count


@pytest.mark.parametrize("text", ["", "-", "NaN", "Infinity", "1,5", "twelve"])
def test_what_is_no_number_is_refused(text):
    for read in (count_micros, lambda value: from_major(value, "USD"), lambda value: from_scaled(value, 100, "USD")):
        with pytest.raises(ValueError):
            read(text)
