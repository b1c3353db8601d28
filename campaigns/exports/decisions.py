"""Between the passes: which column is which metric, which currency, which locale – decided once for the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.currency import EXPONENTS, currency_code, split_currency
from campaigns.exports.date_style import DateHints, DateStyle, Order, WrittenDate, decide_dates, order_of_language
from campaigns.exports.detection import Column, Layout
from campaigns.exports.errors import RefusalCode, ReportRefused, ReportWarning, WarningCode, refuse, warning
from campaigns.exports.number_style import NumberDecision, NumberStyle, decide_numbers, style_of_language
from campaigns.exports.report import DateRange
from campaigns.exports.scan import Scan, day_columns
from campaigns.exports.vocabulary import KINDS, METRIC_KINDS, METRIC_SOURCES, Field, Kind, Metric


@dataclass
class Plan:
    """How the second pass reads the spool. `day` is set for a report of one day without a date column.

    `currency` is the file's one currency, None when each row names its own (`currency_column`) or when the file has
    no money.
    """

    layout: Layout
    today: dt.date
    metrics: dict[Metric, Column]
    numbers: NumberStyle
    dates: DateStyle
    currency: str | None
    currency_column: Column | None
    day_column: Column | None
    end_column: Column | None
    id_column: Column | None
    name_column: Column | None
    result_type_column: Column | None
    report_range: DateRange | None
    day: dt.date | None
    warnings: list[ReportWarning] = field(default_factory=list)

    @property
    def has_money(self) -> bool:
        return any(METRIC_KINDS[metric] is Kind.MONEY for metric in self.metrics)

    @property
    def lacks_currency(self) -> bool:
        return self.has_money and self.currency is None and self.currency_column is None


def decide(scan: Scan, *, currency: str | None, today: dt.date, provisional: bool = False) -> Plan:
    """Settle everything that concerns the whole file; refuses what stays open, but for a missing currency.

    `currency` is the person's answer and counts only where the file is silent. `provisional` says that the scan
    holds a part of the file only: what that part leaves undecided is read by the language of the headers.
    """
    layout = scan.layout
    warnings: list[ReportWarning] = []
    metrics = _metric_columns(scan, warnings)
    _check_duplicates(scan, metrics)
    dates = _dates(scan, today, provisional=provisional)
    if dates.assumed:
        warnings.append(
            warning(
                WarningCode.DATE_ORDER_ASSUMED,
                _("Dates are read as {style}, by the language of the file. Check the days in the preview."),
                style=dates.label,
            )
        )
    has_money = any(METRIC_KINDS[metric] is Kind.MONEY for metric in metrics)
    code, column = _currency(scan, metrics, currency) if has_money else (None, None)
    numbers = _numbers(scan, EXPONENTS.get(code or ""), provisional=provisional)
    if numbers.assumed:
        warnings.append(
            warning(
                WarningCode.NUMBER_STYLE_ASSUMED,
                _("“{decimal}” is read as the decimal sign, by the language of the file. Check the amounts."),
                decimal=numbers.style.decimal,
            )
        )
    day_column, end_column = day_columns(layout)
    report_range = _report_range(layout, dates)
    ids = layout.having(Field.CAMPAIGN_ID)
    names = layout.having(Field.CAMPAIGN_NAME)
    result_types = layout.having(Field.RESULT_TYPE)
    uses_results = metrics.get(Metric.CONVERSIONS) in layout.having(Field.RESULTS)
    return Plan(
        layout=layout,
        today=today,
        metrics=metrics,
        numbers=numbers.style,
        dates=dates,
        currency=code,
        currency_column=column,
        day_column=day_column,
        end_column=end_column,
        id_column=_usable_ids(scan, ids, names, warnings),
        name_column=names[0] if names else None,
        result_type_column=result_types[0] if result_types and uses_results else None,
        report_range=report_range,
        day=report_range.first if day_column is None and report_range else None,
        warnings=warnings,
    )


def _dates(scan: Scan, today: dt.date, *, provisional: bool) -> DateStyle:
    layout = scan.layout
    try:
        return decide_dates(scan.dates, DateHints(layout.language, layout.platform, today, layout.preamble.dates))
    except ReportRefused as refused:
        if provisional and refused.detail.get("undecided"):
            return DateStyle(order_of_language(layout.language), assumed=True)
        raise


def _numbers(scan: Scan, exponent: int | None, *, provisional: bool) -> NumberDecision:
    language = scan.layout.language
    try:
        return decide_numbers(scan.numbers, language, exponent)
    except ReportRefused as refused:
        if provisional and refused.detail.get("undecided"):
            return NumberDecision(style_of_language(language), assumed=True)
        raise


def _metric_columns(scan: Scan, warnings: list[ReportWarning]) -> dict[Metric, Column]:
    """For each metric the preferred column that holds any value; without one, the preferred column."""
    layout = scan.layout
    chosen: dict[Metric, Column] = {}
    for metric, sources in METRIC_SOURCES[layout.platform].items():
        candidates = [column for source in sources for column in layout.having(source)]
        candidates = [column for column in candidates if _is_countable(scan, column, warnings)]
        if not candidates:
            continue
        column = next((c for c in candidates if c.index in scan.filled), candidates[0])
        chosen[metric] = column
        if column.field in _SUBSTITUTES.get(layout.platform, ()):
            warnings.append(
                warning(
                    WarningCode.SUBSTITUTE_COLUMN,
                    _("The file has no column “{wanted}”; “{column}” is taken for {metric} instead."),
                    wanted=_WANTED[layout.platform, metric],
                    column=column.header,
                    metric=metric.value,
                )
            )
    if not chosen:
        refuse(
            RefusalCode.NO_METRICS,
            _("The report has no numbers to import. Add impressions, clicks and cost and export again."),
        )
    return chosen


# Columns that count something else than the platform's own figure of that name.
_SUBSTITUTES: dict[str, tuple[Field, ...]] = {
    "meta": (Field.CLICKS_LINK, Field.LEADS),
    "tiktok": (Field.CLICKS_ALL, Field.COMPLETE_PAYMENTS),
    "linkedin": (Field.LEADS,),
    "google": (Field.SPEND_CONVERTED,),
}
_WANTED: dict[tuple[str, Metric], str] = {
    ("meta", Metric.CLICKS): "Clicks (all)",
    ("meta", Metric.CONVERSIONS): "Purchases",
    ("tiktok", Metric.CLICKS): "Clicks (destination)",
    ("tiktok", Metric.CONVERSIONS): "Conversions",
    ("linkedin", Metric.CONVERSIONS): "Conversions",
    ("google", Metric.SPEND): "Cost",
}


def _is_countable(scan: Scan, column: Column, warnings: list[ReportWarning]) -> bool:
    """Meta's Results count whatever the campaign aims at: without their type they are no conversions."""
    if column.field is not Field.RESULTS:
        return True
    if scan.layout.has(Field.RESULT_TYPE):
        return True
    if not scan.layout.has(Field.PURCHASES) and not any(w.code is WarningCode.RESULT_TYPE for w in warnings):
        warnings.append(
            warning(
                WarningCode.RESULT_TYPE,
                _(
                    "“{column}” is not imported, because no column says what kind of result it counts. "
                    "Add “Purchases” or “Result indicator” to import conversions."
                ),
                column=column.header,
            )
        )
    return False


def _check_duplicates(scan: Scan, metrics: dict[Metric, Column]) -> None:
    headers = {column.header.casefold() for column in metrics.values()}
    for column in scan.layout.columns:
        if column.index not in scan.disagreeing or column.field is None:
            continue
        if column.header.casefold() in headers or KINDS[column.field] in (Kind.ID, Kind.DATE, Kind.TEXT):
            refuse(
                RefusalCode.DUPLICATE_COLUMNS,
                _(
                    "The column “{column}” occurs twice with different values, so neither can be trusted. "
                    "Remove one of them from the report and export again."
                ),
                column=column.header,
            )


def _report_range(layout: Layout, dates: DateStyle) -> DateRange | None:
    if not layout.preamble.has_range:
        return None
    days = [_preamble_day(date, layout, dates) for date in layout.preamble.dates]
    if any(day is None for day in days):
        return None
    first, last = (day for day in days if day)
    return DateRange(first, last) if first <= last else None


def _preamble_day(date: WrittenDate, layout: Layout, dates: DateStyle) -> dt.date | None:
    if dates.order is not None or date.first == date.second:
        return date.on(dates.order)
    if date.sign:
        # A numeric range above a table without numeric dates: only the language can tell.
        return date.on(_order_by_language(layout.language, date))
    return date.on(None)


def _order_by_language(language: str, date: WrittenDate) -> Order:
    possible = [order for order in Order if date.on(order)]
    if len(possible) == 1:
        return possible[0]
    return Order.MONTH_FIRST if language == "en" and date.sign == "/" else Order.DAY_FIRST


def _currency(scan: Scan, metrics: dict[Metric, Column], answer: str | None) -> tuple[str | None, Column | None]:
    """The file's currency, or the column that names it for each row; neither when nothing says it."""
    layout = scan.layout
    money = [column for metric, column in metrics.items() if METRIC_KINDS[metric] is Kind.MONEY]
    in_headers = {column.currency for column in money if column.currency}
    spend_fields = (Field.SPEND, Field.SPEND_CONVERTED)
    in_headers |= {c.currency for c in layout.columns if c.field in spend_fields and c.currency}
    in_cells = currencies_of_marks(scan.currency_marks)
    if len(in_headers) > 1 or len(in_headers | in_cells) > 1:
        _refuse_mixed(sorted(in_headers | in_cells))
    columns = [column for column in layout.having(Field.CURRENCY) if column.index in scan.filled]
    # A converted cost is in the manager account's currency; the column names the account's own.
    if columns and metrics.get(Metric.SPEND, columns[0]).field is not Field.SPEND_CONVERTED:
        return next(iter(in_headers | in_cells), None), columns[0]
    stated = next(iter(in_headers or in_cells), None) or _currency_of_other_headers(layout)
    if not stated and answer:
        stated = currency_code(answer) or _refuse_unknown(answer)
    return stated, None


def currencies_of_marks(marks: set[str]) -> set[str]:
    """The currencies that signs in amounts prove: {'€'} -> {'EUR'}; '$' proves nothing."""
    codes = (split_currency(f"{mark} 1") for mark in marks)
    return {split[1] for split in codes if split and split[1]}


def _currency_of_other_headers(layout: Layout) -> str | None:
    """'Cost per lead (USD)' tells the currency of a file whose spend column does not."""
    codes = {column.currency for column in layout.columns if column.currency}
    return codes.pop() if len(codes) == 1 else None


def _refuse_unknown(code: str) -> NoReturn:
    refuse(RefusalCode.NO_CURRENCY, _("“{code}” is no currency code (ISO 4217), such as USD or EUR."), code=code)


def _refuse_mixed(codes: Iterable[str]) -> NoReturn:
    refuse(
        RefusalCode.MIXED_CURRENCY,
        _(
            "The file holds amounts in several currencies ({codes}) and no column that says which row has which. "
            "Export one account at a time, or add the currency column."
        ),
        codes=", ".join(codes),
    )


def _usable_ids(scan: Scan, ids: list[Column], names: list[Column], warnings: list[ReportWarning]) -> Column | None:
    filled = [column for column in ids if column.index in scan.filled]
    if filled and scan.lossy_ids:
        if not names:
            refuse(
                RefusalCode.NO_CAMPAIGN,
                _(
                    "A spreadsheet has cut the campaign IDs (1.2E+17) and no column names the campaigns. "
                    "Upload the file as the ad platform exported it."
                ),
            )
        warnings.append(
            warning(
                WarningCode.LOSSY_IDS,
                _(
                    "A spreadsheet has cut the campaign IDs (1.2E+17), so campaigns are matched by name. "
                    "Upload the file as the ad platform exported it to match them by ID."
                ),
            )
        )
        return None
    if not filled:
        warnings.append(
            warning(
                WarningCode.NAMES_ONLY,
                _(
                    "The file has no campaign IDs: campaigns are matched by account and name, "
                    "and a renamed campaign counts as a new one. Add the column “Campaign ID” to avoid that."
                ),
            )
        )
    return filled[0] if filled else None
