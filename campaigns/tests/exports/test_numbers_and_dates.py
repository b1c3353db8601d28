"""Numbers and dates: one reading per file, exact, or a refusal."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.exports import RefusalCode, ReportRefused
from campaigns.exports.container import NativeDate
from campaigns.exports.currency import split_currency
from campaigns.exports.date_style import DateEvidence, DateHints, DateStyle, Order, dates_in, decide_dates, written_date
from campaigns.exports.number_style import (
    MASKED,
    SCALE,
    STYLES,
    CellError,
    NumberDecision,
    NumberEvidence,
    NumberStyle,
    decide_numbers,
    exact_decimal,
    read_number,
    round_half_even,
)
from campaigns.exports.vocabulary import Kind

TODAY = dt.date(2026, 11, 23)

amounts = st.decimals(min_value=0, max_value=10**12, places=2)
styles = st.sampled_from(STYLES)


def written(value: Decimal | int, style: NumberStyle) -> str:
    text = f"{value:,}".replace(",", "\0").replace(".", style.decimal)
    return text.replace("\0", style.group)


def decided(kind: Kind, cells: list[str], language: str = "en", exponent: int | None = 2) -> NumberDecision:
    evidence = NumberEvidence()
    evidence.feed(kind, cells)
    return decide_numbers(evidence, language, exponent)


@given(amounts, styles)
def test_amounts_survive_every_style_exactly(value: Decimal, style: NumberStyle) -> None:
    read = read_number(written(value, style), Kind.MONEY, style)
    assert isinstance(read, int)
    assert exact_decimal(read) == value


@given(st.integers(0, 10**15), styles)
def test_counts_survive_every_style(value: int, style: NumberStyle) -> None:
    assert read_number(written(value, style), Kind.COUNT, style) == value


@given(st.lists(amounts, min_size=1, max_size=30), styles, st.sampled_from(["en", "es", "fr", "de", "pt", "ar", "nl"]))
def test_a_file_of_amounts_is_read_as_written_whatever_its_language(
    values: list[Decimal], style: NumberStyle, language: str
) -> None:
    # Two decimals everywhere settle the decimal sign: the language may not overrule them.
    cells = [written(value, style) for value in values]
    decision = decided(Kind.MONEY, cells, language)
    assert not decision.assumed
    assert [read_number(cell, Kind.MONEY, decision.style) for cell in cells] == [
        int(value * 100) * SCALE // 100 for value in values
    ]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), styles, st.sampled_from(["en", "de", "ar"]))
def test_counts_settle_the_grouping_sign_by_themselves(values: list[int], style: NumberStyle, language: str) -> None:
    cells = [written(value, style) for value in values]
    decision = decided(Kind.COUNT, cells, language)
    assert [read_number(cell, Kind.COUNT, decision.style) for cell in cells] == values


@given(st.lists(amounts, min_size=1, max_size=5), st.lists(amounts, min_size=1, max_size=5))
def test_two_decimal_signs_in_one_file_are_refused(first: list[Decimal], second: list[Decimal]) -> None:
    cells = [written(value, NumberStyle(".", "")) for value in first] + [
        written(value, NumberStyle(",", "")) for value in second
    ]
    with pytest.raises(ReportRefused) as refused:
        decided(Kind.MONEY, cells)
    assert refused.value.code is RefusalCode.AMBIGUOUS_NUMBERS


def test_ambiguous_thousands_follow_the_language_unless_that_makes_three_decimals() -> None:
    german = decided(Kind.MONEY, ["1.204", "17"], "de")
    assert german.assumed
    assert read_number("1.204", Kind.MONEY, german.style) == 1204 * SCALE
    english = decided(Kind.MONEY, ["1,204", "17"], "en")
    assert read_number("1,204", Kind.MONEY, english.style) == 1204 * SCALE
    for cell, language in (("1.204", "en"), ("1,204", "de")):
        with pytest.raises(ReportRefused) as refused:
            decided(Kind.MONEY, [cell], language)
        assert refused.value.code is RefusalCode.AMBIGUOUS_NUMBERS
    dinar = decided(Kind.MONEY, ["1.204"], "en", exponent=3)
    assert read_number("1.204", Kind.MONEY, dinar.style) == 1204 * SCALE // 1000


def test_one_column_of_counts_settles_the_money_beside_it() -> None:
    evidence = NumberEvidence()
    evidence.feed(Kind.COUNT, ["1.204"])
    evidence.feed(Kind.MONEY, ["2.500"])
    decision = decide_numbers(evidence, "en", 2)
    assert not decision.assumed
    assert read_number("2.500", Kind.MONEY, decision.style) == 2500 * SCALE


def test_rates_are_evidence_too() -> None:
    evidence = NumberEvidence()
    evidence.feed(Kind.MONEY, ["1.204"])
    evidence.feed(Kind.RATE, ["3,25%", "< 10%", " --", "Using campaign budget"])
    assert decide_numbers(evidence, "en", 2).style.decimal == ","


@pytest.mark.parametrize("cell", ["", " --", "--", "-", "—", "N/A", "n/a", "  "])
@pytest.mark.parametrize("kind", [Kind.COUNT, Kind.MONEY, Kind.DECIMAL])
def test_placeholders_are_no_value(cell: str, kind: Kind) -> None:
    assert read_number(cell, kind, STYLES[0]) is None


@pytest.mark.parametrize("cell", ["<5", "< 5", "<10%", "> 90%", ">90 %"])
def test_masked_values_are_known_as_such(cell: str) -> None:
    assert read_number(cell, Kind.COUNT, STYLES[0]) is MASKED


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("many", RefusalCode.BAD_NUMBER),
        ("1_000", RefusalCode.BAD_NUMBER),
        ("1e5", RefusalCode.BAD_NUMBER),
        ("NaN", RefusalCode.BAD_NUMBER),
        ("inf", RefusalCode.BAD_NUMBER),
        ("1,23", RefusalCode.BAD_NUMBER),
        ("1,2345", RefusalCode.BAD_NUMBER),
        ("12%", RefusalCode.BAD_NUMBER),
        ("0x10", RefusalCode.BAD_NUMBER),
        ("1 2", RefusalCode.BAD_NUMBER),
        ("9" * 80, RefusalCode.BAD_NUMBER),
        ("=1+1", RefusalCode.FORMULA),
        ("-5", RefusalCode.NEGATIVE_VALUE),
        ("(5.00)", RefusalCode.NEGATIVE_VALUE),
        ("−5", RefusalCode.NEGATIVE_VALUE),
        ("-$5", RefusalCode.NEGATIVE_VALUE),
        (-0.5, RefusalCode.NEGATIVE_VALUE),
        (float("nan"), RefusalCode.BAD_NUMBER),
        (float("inf"), RefusalCode.BAD_NUMBER),
    ],
)
def test_what_is_no_number_is_not_guessed(cell: str | float, code: RefusalCode) -> None:
    with pytest.raises(CellError) as error:
        read_number(cell, Kind.MONEY, NumberStyle(".", ","))
    assert error.value.code is code


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$1,234.50", "1234.5"),
        ("US$ 12.00", "12"),
        ("EUR 3.10", "3.1"),
        ("3.10 EUR", "3.1"),
        ("₹1,23,456.70", "123456.7"),
        ("+12", "12"),
        (".5", "0.5"),
        ("-0.00", "0"),
        (0.1, "0.1"),
        (12, "12"),
        (-2e-18, "0"),
        (1e-7, "0.0000001"),
    ],
)
def test_decorated_and_native_amounts(cell: str | float, value: str) -> None:
    read = read_number(cell, Kind.MONEY, NumberStyle(".", ","))
    assert isinstance(read, int)
    assert exact_decimal(read) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [("€12", "EUR"), ("12 €", "EUR"), ("$12", None), ("R$ 12", "BRL"), ("CHF 1'200.50", "CHF"), ("12 kr", None)],
)
def test_signs_prove_a_currency_only_when_one_has_it(text: str, code: str | None) -> None:
    split = split_currency(text)
    assert split is not None
    assert split[1] == code


@given(st.integers(0, 10**30), st.integers(1, 10**24))
def test_half_even_rounding_agrees_with_decimal(numerator: int, denominator: int) -> None:
    quotient = round_half_even(numerator, denominator)
    remainder = abs(numerator - quotient * denominator) * 2
    assert remainder < denominator or (remainder == denominator and quotient % 2 == 0)


# -- dates ----------------------------------------------------------------------------------------------------

days = st.dates(dt.date(2010, 1, 1), dt.date(2026, 11, 23))
UNAMBIGUOUS = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d. %B %Y",
    "%a, %b %d, %Y",
]
FIGURES = [
    ("%d/%m/%Y", Order.DAY_FIRST),
    ("%m/%d/%Y", Order.MONTH_FIRST),
    ("%d-%m-%Y", Order.DAY_FIRST),
    ("%d.%m.%Y", Order.DAY_FIRST),
]


def hints(language: str = "en", platform: str = "meta", preamble: str = "") -> DateHints:
    return DateHints(language, platform, TODAY, tuple(dates_in(preamble)))


def decided_dates(cells: list[str], given_hints: DateHints | None = None) -> DateStyle:
    evidence = DateEvidence()
    evidence.feed(cells)
    return decide_dates(evidence, given_hints or hints())


@given(days, st.sampled_from(UNAMBIGUOUS), st.sampled_from(["", " 00:00:00", " 12:00 AM", "T00:00:00Z"]))
def test_unambiguous_dates_survive(day: dt.date, form: str, time: str) -> None:
    time = time if form.startswith("%Y-") or not time.startswith("T") else ""
    time = "" if form == "%Y%m%d" else time
    cell = day.strftime(form) + time
    assert decided_dates([cell]).day(cell) == day


@given(st.lists(days, min_size=1, max_size=40), st.sampled_from(FIGURES), st.sampled_from(["en", "es", "de", "nl"]))
def test_dates_in_figures_are_read_right_or_said_to_be_assumed_or_refused(
    values: list[dt.date], form: tuple[str, Order], language: str
) -> None:
    cells = [day.strftime(form[0]) for day in values]
    try:
        style = decided_dates(cells, hints(language))
    except ReportRefused as refused:
        assert refused.code is RefusalCode.AMBIGUOUS_DATES  # noqa: PT017
        assert all(day.day <= 12 for day in values)
    else:
        if not style.assumed:
            assert [style.day(cell) for cell in cells] == values
        else:
            assert all(day.day <= 12 for day in values)
            assert language != "en"


@given(st.lists(days, min_size=1, max_size=40))
def test_the_language_decides_only_where_its_own_order_fits(values: list[dt.date]) -> None:
    cells = [day.strftime("%d/%m/%Y") for day in values]
    style = decided_dates(cells, hints("fr"))
    assert [style.day(cell) for cell in cells] == values


def test_the_range_of_the_preamble_decides() -> None:
    cells = ["03/04/2026", "04/04/2026"]
    april = decided_dates(cells, hints(preamble="April 1, 2026 - April 30, 2026"))
    assert april.day("03/04/2026") == dt.date(2026, 4, 3)
    assert not april.assumed
    both = decided_dates(cells, hints(preamble="March 1, 2026 - April 30, 2026"))
    assert both.assumed
    assert both.day("03/04/2026") == dt.date(2026, 3, 4)
    british = decided_dates(cells, hints(preamble="1 March 2026 - 30 April 2026"))
    assert british.day("03/04/2026") == dt.date(2026, 4, 3)


def test_no_report_has_days_of_the_future() -> None:
    style = decided_dates(["10/12/2026", "05/11/2026"])
    # Month first, the first is 12 October; day first it would be 10 December, which has not come.
    assert style.day("10/12/2026") == dt.date(2026, 10, 12)


def test_linkedin_follows_its_language() -> None:
    assert decided_dates(["9/2/2026"], hints("en", "linkedin")).day("9/2/2026") == dt.date(2026, 9, 2)
    assert decided_dates(["2-9-2026"], hints("nl", "linkedin")).day("2-9-2026") == dt.date(2026, 9, 2)


def test_dates_stored_by_a_spreadsheet_are_certain() -> None:
    cell = NativeDate.encode(dt.date(2026, 3, 4))
    assert decided_dates([cell]).day(cell) == dt.date(2026, 3, 4)
    assert NativeDate.text(cell) == "2026-03-04"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("14 de abril de 2026", dt.date(2026, 4, 14)),
        ("Apr5 2026", dt.date(2026, 4, 5)),
        ("2026Apr05", dt.date(2026, 4, 5)),
        ("1 de septiembre de 2026", dt.date(2026, 9, 1)),
        ("14 avr. 2026", dt.date(2026, 4, 14)),
        ("1er août 2026", dt.date(2026, 8, 1)),
        ("3. März 2026", dt.date(2026, 3, 3)),
        ("14 de março de 2026", dt.date(2026, 3, 14)),
        ("23 mei 2026", dt.date(2026, 5, 23)),
        ("١٤ أبريل ٢٠٢٦", dt.date(2026, 4, 14)),
        ("2026-04-14 23:59:59", dt.date(2026, 4, 14)),
        ("Sept. 21, 2026, 12:00 AM", dt.date(2026, 9, 21)),
    ],
)
def test_dates_in_words(text: str, day: dt.date) -> None:
    date = written_date(text)
    assert date is not None
    assert date.on(None) == day


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-01", "31 April 2026", "April 2026", "2026", "12", "46126", "Total 14 April 2026", ""]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert written_date(text) is None


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("March 27, 2026 - April 23, 2026", 2),
        ("1 August 2025 - 15 April 2026", 2),
        ("Ad report (Oct 25, 2016-Oct 31, 2016)", 2),
        ("1 de septiembre de 2026 - 30 de septiembre de 2026", 2),
        ("Report Start: September 21, 2026, 12:00 AM", 1),
        ("01.09.2026 – 30.09.2026", 2),
        ("All time", 0),
        ("Campaign report", 0),
    ],
)
def test_ranges_in_preambles(line: str, count: int) -> None:
    assert len(dates_in(line)) == count
