"""What a file is: which platform exported it, where its header stands, what each column means, what kind it is.

Works on the first rows alone, so that a preview and an import see the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.choices import Platform
from campaigns.exports.container import NativeDate, Row
from campaigns.exports.container.source import HEADER_WITHIN_ROWS
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.preamble import Preamble, looks_like_google, read_preamble
from campaigns.exports.vocabulary import (
    KINDS,
    LANGUAGES,
    PLATFORMS,
    Field,
    Kind,
    header_currency,
    header_is_utc,
    header_key,
    rarity,
    term,
)

_ENOUGH_KNOWN_COLUMNS = 3
_GOOGLE_PREAMBLE_BONUS = 1.5
# Only Meta writes the currency into the header of the amount spent.
_META_CURRENCY_BONUS = 0.75
_LINKEDIN_PREAMBLE_BONUS = 3.0
_CLEAR_LEAD = 0.5
_METRIC_FIELDS = frozenset(wanted for wanted, kind in KINDS.items() if kind in (Kind.COUNT, Kind.DECIMAL, Kind.MONEY))
# What only a report has; a bulk sheet holds budgets and states but none of these.
_DELIVERY_FIELDS = _METRIC_FIELDS | {Field.IGNORED_COUNT}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file. `field` is None for a header that no platform's vocabulary knows."""

    index: int
    header: str
    field: Field | None
    rank: int = 0
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A recognised report. `header_row` counts from 0; `level` is campaign, ad_set or ad."""

    platform: str
    language: str
    level: str
    header_row: int
    columns: tuple[Column, ...]
    preamble: Preamble
    zone: str | None
    renamed_levels: bool = False
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return len(self.columns)

    def having(self, wanted: Field) -> list[Column]:
        """Columns of a field, the preferred spelling first, then in file order."""
        return sorted((c for c in self.columns if c.field is wanted), key=lambda c: (c.rank, c.index))

    def has(self, wanted: Field) -> bool:
        return any(column.field is wanted for column in self.columns)

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(column.header for column in self.columns if column.field is Field.SEGMENT)


def header_score(row: Row) -> float:
    """How much a row looks like a header of any platform: its number of known columns."""
    return float(sum(1 for cell in row if _is_header_text(cell) and rarity(header_key(str(cell))) > 0))


def detect(rows: Sequence[Row], platform: str | None = None) -> Layout:
    """Recognise a report by its first rows; `platform` is the person's choice, checked against the file.

    Raises ReportRefused with NO_DATA, NOT_A_REPORT, NO_HEADER, UNKNOWN_PLATFORM, PLATFORM_MISMATCH.
    """
    header_row = _find_header(rows)
    header = rows[header_row]
    preamble = read_preamble(rows[:header_row])
    scores = {name: _platform_score(header, name, preamble, header_row) for name in PLATFORMS}
    chosen = _choose_platform(scores, platform)
    columns = tuple(_column(index, cell, chosen) for index, cell in enumerate(header))
    return _finished(chosen, columns, preamble, header_row, scores)


def _is_header_text(cell: object) -> bool:
    return isinstance(cell, str) and 0 < len(cell) <= 200


def _find_header(rows: Sequence[Row]) -> int:
    if not any(_is_filled(row) for row in rows):
        refuse(RefusalCode.EMPTY_FILE, _("The file holds no text. Export the report again and upload the new file."))
    scores = [header_score(row) for row in rows[:HEADER_WITHIN_ROWS]]
    best = max(scores)
    if best >= _ENOUGH_KNOWN_COLUMNS:
        return scores.index(best)
    if read_preamble(rows[:HEADER_WITHIN_ROWS]).is_linkedin:
        _refuse_no_data()
    if best == 0 and not _has_data_like_row(rows):
        refuse(
            RefusalCode.NOT_A_REPORT,
            _(
                "This does not look like a report of an ad platform: none of its columns is known. "
                "Export the campaigns table of Meta, Google Ads, TikTok, Snapchat or LinkedIn with a breakdown by day."
            ),
        )
    return refuse(
        RefusalCode.NO_HEADER,
        _(
            "No header line was found in the first {rows} rows. "
            "Upload the file as the ad platform exported it, with its column names."
        ),
        rows=HEADER_WITHIN_ROWS,
    )


def _refuse_no_data() -> NoReturn:
    refuse(
        RefusalCode.NO_DATA,
        _("The report is empty: nothing was delivered in its period. Choose another period and export again."),
    )


def _is_filled(row: Row) -> bool:
    return any(not isinstance(cell, str) or cell.strip() for cell in row)


def _has_data_like_row(rows: Sequence[Row]) -> bool:
    """Rows that begin at once with dates and numbers are a report whose header was deleted."""
    row = next((row for row in rows if _is_filled(row)), [])
    texts = [NativeDate.text(cell).strip() for cell in row]
    numbers = sum(1 for text in texts if text and text[0].isdigit())
    return len(texts) >= 3 and numbers >= 2


def _platform_score(header: Row, platform: str, preamble: Preamble, rows_above: int) -> float:
    """Known columns, each weighted by how few platforms use it, plus what the preamble gives away."""
    score = 0.0
    for cell in header:
        known = term(platform, cell) if isinstance(cell, str) else None
        if known is not None:
            score += rarity(header_key(str(cell)))
            if platform == Platform.META.value and known.field is Field.SPEND and header_currency(str(cell)):
                score += _META_CURRENCY_BONUS
    if score and platform == Platform.LINKEDIN.value and preamble.is_linkedin:
        score += _LINKEDIN_PREAMBLE_BONUS
    if score and platform == Platform.GOOGLE.value and looks_like_google(preamble, rows_above):
        score += _GOOGLE_PREAMBLE_BONUS
    return round(score, 3)


def _choose_platform(scores: dict[str, float], wanted: str | None) -> str:
    ranking = sorted(scores, key=lambda name: -scores[name])
    best, second = ranking[0], ranking[1]
    if wanted is not None:
        if wanted not in scores:
            refuse(RefusalCode.UNKNOWN_PLATFORM, _("“{platform}” is no platform we import from."), platform=wanted)
        if scores[wanted] + _CLEAR_LEAD < scores[best] and scores[wanted] < scores[best] * 0.7:
            refuse(
                RefusalCode.PLATFORM_MISMATCH,
                _("You chose {chosen}, but the columns are those of {found}. Choose {found}, or upload another file."),
                chosen=Platform(wanted).label,
                found=Platform(best).label,
            )
        return wanted
    if scores[best] - scores[second] < min(_CLEAR_LEAD, scores[best] * 0.2):
        close = [name for name in ranking if scores[best] - scores[name] < _CLEAR_LEAD]
        refuse(
            RefusalCode.UNKNOWN_PLATFORM,
            _("The columns fit more than one platform ({platforms}). Choose the platform and upload the file again."),
            platforms=", ".join(str(Platform(name).label) for name in close),
            candidates=close,
        )
    return best


def _column(index: int, cell: object, platform: str) -> Column:
    header = NativeDate.text(cell).strip() if isinstance(cell, str | int | float) else ""
    known = term(platform, header) if header else None
    if known is None:
        return Column(index, header, None, currency=header_currency(header))
    return Column(index, header, known.field, known.rank, header_currency(header))


def _language(platform: str, columns: Sequence[Column]) -> str:
    """The language most headers are written in; English first among equals."""
    votes = dict.fromkeys(LANGUAGES, 0.0)
    for column in columns:
        known = term(platform, column.header) if column.header else None
        for language in known.languages if known else ():
            # A word shared by several languages ('Impressions') says little.
            votes[language] += 1 / len(known.languages) if known else 0
    return max(LANGUAGES, key=lambda language: votes[language])


def _finished(
    platform: str, columns: tuple[Column, ...], preamble: Preamble, header_row: int, scores: dict[str, float]
) -> Layout:
    language = _language(platform, columns)
    renamed = platform == Platform.LINKEDIN.value and any(
        column.field in (Field.ADSET_ID, Field.ADSET_NAME) for column in columns
    )
    if renamed:
        columns = tuple(replace(column, field=_BEFORE_RENAMING.get(column.field, column.field)) for column in columns)
    fields = {column.field for column in columns}
    level = "campaign"
    if fields & {Field.AD_ID, Field.AD_NAME}:
        level = "ad"
    elif fields & {Field.ADSET_ID, Field.ADSET_NAME}:
        level = "ad_set"
    dated = (column for column in columns if column.field and KINDS[column.field] is Kind.DATE)
    zone = "UTC" if any(header_is_utc(column.header) for column in dated) else preamble.zone
    return Layout(platform, language, level, header_row, columns, preamble, zone, renamed, scores)


# LinkedIn's 2026 names: what its API and its older exports call campaign is now 'Ad Set', the group above it
# 'Campaign'. The older meaning is kept, because identifiers and budgets belong to that level.
_BEFORE_RENAMING: dict[Field | None, Field] = {
    Field.CAMPAIGN_ID: Field.GROUP_ID,
    Field.CAMPAIGN_NAME: Field.GROUP_NAME,
    Field.CAMPAIGN_STATUS: Field.IGNORED_TEXT,
    Field.OBJECTIVE: Field.IGNORED_TEXT,
    Field.ADSET_ID: Field.CAMPAIGN_ID,
    Field.ADSET_NAME: Field.CAMPAIGN_NAME,
    Field.ADSET_STATUS: Field.CAMPAIGN_STATUS,
    Field.ADSET_OBJECTIVE: Field.OBJECTIVE,
}


def check_kind(layout: Layout) -> None:
    """Refuse what can be read but is no daily report of campaigns.

    Raises ReportRefused with BULK_SHEET, SEGMENTED_BY_CONVERSION, PARTIAL_BREAKDOWN, NO_CAMPAIGN, NO_METRICS or
    AGGREGATE_PERIOD. A report that has dates may still prove to be an aggregate when its rows are read.
    """
    fields = {column.field for column in layout.columns}
    if Field.BULK_SHEET in fields and not fields & _DELIVERY_FIELDS:
        refuse(
            RefusalCode.BULK_SHEET,
            _(
                "This is a bulk editing sheet: it holds settings, no results. "
                "Export the campaigns report with impressions, clicks, cost and a breakdown by day."
            ),
        )
    if Field.CONVERSION_ACTION in fields:
        _refuse_segmented(layout)
    if Field.SEARCH_TERM in fields:
        refuse(
            RefusalCode.PARTIAL_BREAKDOWN,
            _(
                "This is a search terms report: it leaves out rare terms, so its sums are too small. "
                "Export the campaigns report with a breakdown by day."
            ),
        )
    if not fields & {Field.CAMPAIGN_NAME, Field.CAMPAIGN_ID}:
        refuse(
            RefusalCode.NO_CAMPAIGN,
            _("No column names the campaign. Add the column “Campaign name” and export again."),
        )
    if not fields & _METRIC_FIELDS:
        refuse(
            RefusalCode.NO_METRICS,
            _("The report has no numbers to import. Add impressions, clicks and cost and export again."),
        )
    _check_period(layout, fields)


def _refuse_segmented(layout: Layout) -> NoReturn:
    header = next(column.header for column in layout.columns if column.field is Field.CONVERSION_ACTION)
    refuse(
        RefusalCode.SEGMENTED_BY_CONVERSION,
        _(
            "The report is split by conversion (column “{column}”), which leaves cost and clicks out. "
            "Remove that segment and export again by day."
        ),
        column=header,
    )


def _check_period(layout: Layout, fields: set[Field | None]) -> None:
    if fields & {Field.DAY, Field.PERIOD_START}:
        return
    if single_day(layout):
        return
    longer = next((column.header for column in layout.columns if column.field is Field.LONGER_PERIOD), None)
    if longer:
        refuse(
            RefusalCode.AGGREGATE_PERIOD,
            _("The report is split by “{column}”, not by day. Export it again with a breakdown by day."),
            column=longer,
        )
    refuse(
        RefusalCode.AGGREGATE_PERIOD,
        _(
            "The report has one figure for a whole period and no column with the day. "
            "Export it again with a breakdown by day."
        ),
    )


def single_day(layout: Layout) -> bool:
    """Whether a report without a date column covers exactly one day, by its preamble."""
    dates = layout.preamble.dates
    if not layout.preamble.has_range or layout.has(Field.LONGER_PERIOD):
        return False
    start, end = dates
    return (start.form, start.year, start.first, start.second) == (end.form, end.year, end.first, end.second)
