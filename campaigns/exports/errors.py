"""Why a report file is not imported, and what a person should know about one that is.

Every sentence is lazy gettext: the parser runs in a worker, the reader of the sentence has another language.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.utils.text import format_lazy

from stratum.lib.errors import DomainError

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


class RefusalCode(StrEnum):
    """Stable words for tests, logs and the import history."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    HTML_PAGE = "html_page"
    OLD_XLS = "old_xls"
    ENCRYPTED = "encrypted"
    ZIP_BOMB = "zip_bomb"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    ENCODING = "encoding"
    NOT_A_REPORT = "not_a_report"
    NO_HEADER = "no_header"
    UNKNOWN_PLATFORM = "unknown_platform"
    PLATFORM_MISMATCH = "platform_mismatch"
    BULK_SHEET = "bulk_sheet"
    SEGMENTED_BY_CONVERSION = "segmented_by_conversion"
    PARTIAL_BREAKDOWN = "partial_breakdown"
    AGGREGATE_PERIOD = "aggregate_period"
    NO_CAMPAIGN = "no_campaign"
    NO_METRICS = "no_metrics"
    NO_DATA = "no_data"
    DUPLICATE_COLUMNS = "duplicate_columns"
    NO_CURRENCY = "no_currency"
    MIXED_CURRENCY = "mixed_currency_without_code"
    AMBIGUOUS_DATES = "ambiguous_dates"
    AMBIGUOUS_NUMBERS = "ambiguous_numbers"
    BAD_DATE = "bad_date"
    ABSURD_DATES = "absurd_dates"
    BAD_NUMBER = "bad_number"
    FORMULA = "formula"
    NEGATIVE_VALUE = "negative_value"
    OVERFLOW = "overflow"
    BAD_ROW = "bad_row"


class ReportRefused(DomainError):
    """The file is not imported, not even in part.

    `message` is one sentence for a marketer: what was found, what to export instead. `detail` holds the facts
    behind it (row, column, value, limit …) for logs and for the import history; its values are JSON types.
    """

    code: RefusalCode

    def __init__(self, code: RefusalCode, message: _StrOrPromise, detail: dict[str, Any] | None = None):
        # DomainError says str; a lazy translation is turned into one only when somebody reads it.
        super().__init__(cast(str, message), code=code)
        self.message = message
        self.detail = detail or {}


class WarningCode(StrEnum):
    TOTALS_DIFFER = "totals_differ"
    UNLABELLED_TOTAL = "unlabelled_total"
    TOTAL_LIKE_NAME = "total_like_name"
    SINGLE_DATE = "single_date"
    DUPLICATE_NAMES = "duplicate_names"
    SHARED_NAMES = "shared_names"
    NAMES_ONLY = "names_only"
    LOSSY_IDS = "lossy_ids"
    MASKED_VALUES = "masked_values"
    FRACTIONAL_CONVERSIONS = "fractional_conversions"
    SUBSTITUTE_COLUMN = "substitute_column"
    RESULT_TYPE = "result_type"
    NUMBER_STYLE_ASSUMED = "number_style_assumed"
    DATE_ORDER_ASSUMED = "date_order_assumed"
    DATES_OUTSIDE_RANGE = "dates_outside_range"
    REPAIRED_TEXT = "repaired_text"
    LEGACY_ENCODING = "legacy_encoding"
    OTHER_SHEETS = "other_sheets"
    NO_CURRENCY = "no_currency"
    NOTES_SKIPPED = "notes_skipped"


@dataclass(frozen=True, slots=True)
class ReportWarning:
    """Something the person should read; with `needs_confirmation`, something to agree to before the import."""

    code: WarningCode
    message: _StrOrPromise
    needs_confirmation: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


def refuse(code: RefusalCode, message: _StrOrPromise, /, **detail: Any) -> NoReturn:
    """Raise ReportRefused; `{name}` in the message is filled from `detail`, lazily.

    Values come from the file, so they are cut to a length that fits on a screen.
    """
    shown = {name: _shortened(value) for name, value in detail.items()}
    raise ReportRefused(code, format_lazy(message, **shown), shown)


def warning(
    code: WarningCode, message: _StrOrPromise, /, *, needs_confirmation: bool = False, **detail: Any
) -> ReportWarning:
    shown = {name: _shortened(value) for name, value in detail.items()}
    return ReportWarning(code, format_lazy(message, **shown), needs_confirmation, shown)


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > 120:
        return value[:119] + "…"
    return value
