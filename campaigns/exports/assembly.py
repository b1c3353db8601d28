"""Second pass: from the spool to sums per campaign and day. Nothing leaves it before the last row is accepted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import Cell, NativeDate
from campaigns.exports.currency import currency_code
from campaigns.exports.date_style import written_date
from campaigns.exports.decisions import Plan
from campaigns.exports.errors import RefusalCode, WarningCode, refuse, warning
from campaigns.exports.identity import Campaigns, Descriptor, identifier, label
from campaigns.exports.judgement import Assembled, check_days, note_what_was_read
from campaigns.exports.metrics import DailySums, NumberColumn, refuse_cell
from campaigns.exports.number_style import SCALE
from campaigns.exports.scan import Chunk, Scan, label_columns
from campaigns.exports.text import is_missing
from campaigns.exports.totals import TotalsRow, is_totals_label, matches_sums
from campaigns.exports.vocabulary import Field, Metric
from campaigns.exports.words import campaign_status, is_conversion_result


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row with a day that may be a totals row all the same: decided when all other rows are known."""

    row: int
    label: str
    values: dict[Metric, int]
    chunk: Chunk


class Assembler:
    """Reads chunk by chunk; `finish` judges the whole."""

    def __init__(self, scan: Scan, plan: Plan) -> None:
        self._scan = scan
        self._plan = plan
        layout = plan.layout
        self._numbers = [NumberColumn(metric, column, plan.numbers) for metric, column in plan.metrics.items()]
        self._labels = [column.index for column in label_columns(layout)]
        self._texts = {wanted: next(iter(layout.having(wanted)), None) for wanted in _TEXT_FIELDS}
        self._caches: dict[str, dict[Cell, Any]] = {}
        self._candidates: list[_Candidate] = []
        self._label_names: set[str] = set()
        self._result_types: dict[str, bool] = {}
        self._fractional = False
        self.result = Assembled(DailySums(tuple(plan.metrics)), Campaigns())

    # -- one chunk ------------------------------------------------------------------------------------------------

    def add(self, chunk: Chunk) -> None:
        days = self._days(chunk)
        names = self._names(chunk)
        if None in days or None in names or self._has_labels(chunk):
            chunk, days, names = self._regular_rows(chunk, days, names)
        if chunk.rows:
            self._add_regular(chunk, days, names)  # type: ignore[arg-type]  # no None is left in them

    def _days(self, chunk: Chunk) -> list[int | None]:
        column = self._plan.day_column
        if column is None:
            day = self._plan.day
            return [day.toordinal() if day else None] * len(chunk.rows)
        style = self._plan.dates

        def ordinal(cell: Cell) -> int | None:
            day = style.day(cell) if isinstance(cell, str) else None
            return day.toordinal() if day else None

        return self._mapped("day", chunk.columns[column.index], ordinal)

    def _names(self, chunk: Chunk) -> list[str | None]:
        name, campaign_id = self._plan.name_column, self._plan.id_column
        if name is None:
            return self._identifiers(chunk)
        names: list[str | None] = self._mapped("name", chunk.columns[name.index], label)
        if campaign_id is not None and None in names:
            # An unnamed campaign goes by its identifier.
            ids = self._identifiers(chunk)
            names = [known or substitute for known, substitute in zip(names, ids, strict=True)]
        return names

    def _identifiers(self, chunk: Chunk) -> list[str | None]:
        column = self._plan.id_column
        if column is None:
            return [None] * len(chunk.rows)
        return self._mapped("id", chunk.columns[column.index], identifier)

    def _mapped(self, cache: str, cells: list[Cell], function: Callable[[Cell], Any]) -> list[Any]:
        """A column through a function, each distinct cell once."""
        known = self._caches.setdefault(cache, {})
        try:
            return [known[cell] for cell in cells]
        except KeyError:
            for cell in dict.fromkeys(cells):
                if cell not in known:
                    known[cell] = function(cell)
            return [known[cell] for cell in cells]

    def _has_labels(self, chunk: Chunk) -> bool:
        return any(any(self._label_marks(chunk, index)) for index in self._labels)

    def _label_marks(self, chunk: Chunk, index: int) -> list[bool]:
        return self._mapped("label", chunk.columns[index], lambda cell: isinstance(cell, str) and is_totals_label(cell))

    # -- rows that are not plainly a campaign on a day ---------------------------------------------------------------

    def _regular_rows(
        self, chunk: Chunk, days: list[int | None], names: list[str | None]
    ) -> tuple[Chunk, list[int | None], list[str | None]]:
        marks = [self._label_marks(chunk, index) for index in self._labels]
        kept = []
        for position, (day, name) in enumerate(zip(days, names, strict=True)):
            labelled = any(mark[position] for mark in marks)
            if (day is not None and name is not None and not labelled) or self._is_campaign_row(
                chunk, position, day, name
            ):
                kept.append(position)
        columns = {index: [cells[position] for position in kept] for index, cells in chunk.columns.items()}
        rows = [chunk.rows[position] for position in kept]
        return Chunk(rows, columns), [days[p] for p in kept], [names[p] for p in kept]

    def _is_campaign_row(self, chunk: Chunk, position: int, day: int | None, name: str | None) -> bool:
        """Set aside a row that is no campaign on a day; True when it is one after all."""
        row = chunk.rows[position]
        values = self._values(chunk, position)
        text = self._label_text(chunk, position)
        if not values and (day is None or name is None):
            self._skip_without_values(chunk, position, day, name)
            return False
        if day is None:
            self._take_totals_without_day(chunk, position, name, text, values)
            return False
        if self._spans_days(chunk, position) and (name is None or text):
            self._take_totals(row, text, values)
            return False
        if name is not None and (self._has_identifier(chunk, position) or not is_totals_label(name)):
            return True
        return self._is_campaign_despite_label(chunk, position, name, text, values)

    def _skip_without_values(self, chunk: Chunk, position: int, day: int | None, name: str | None) -> None:
        """Blank rows, notes below the table, 'No data available.' – but not a campaign with a broken day."""
        day_text = self._day_text(chunk, position)
        if day is None and name is not None and not is_missing(day_text) and not is_totals_label(day_text):
            self._refuse_day(chunk, position)
        filled = any(not is_missing(NativeDate.text(c[position])) for c in chunk.columns.values())
        self.result.skipped["notes" if filled else "blank"] += 1

    def _take_totals_without_day(
        self, chunk: Chunk, position: int, name: str | None, text: str, values: dict[Metric, int]
    ) -> None:
        row = chunk.rows[position]
        day_text = self._day_text(chunk, position)
        no_day = is_missing(day_text) or is_totals_label(day_text)
        if no_day and (text or name is None):
            self._take_totals(row, text, values)
            return
        at_the_edge = row in (self._scan.first_row, self._scan.last_row)
        if not at_the_edge or not (no_day or name is None) or self._has_identifier(chunk, position):
            self._refuse_day(chunk, position)
        shown = name or day_text
        self._take_totals(row, shown, values)
        self.result.warnings.append(
            warning(
                WarningCode.UNLABELLED_TOTAL,
                _("Row {row} (“{label}”) has no day and was taken for the totals row, not for a campaign."),
                row=row,
                label=shown,
            )
        )

    def _is_campaign_despite_label(
        self, chunk: Chunk, position: int, name: str | None, text: str, values: dict[Metric, int]
    ) -> bool:
        """A row with a day whose name is missing or reads like a label."""
        row = chunk.rows[position]
        at_the_edge = row in (self._scan.first_row, self._scan.last_row)
        # A report of one day has no day to go by: totals rows have neither a state nor a type.
        unmistakable = (name is None and (text or at_the_edge)) or ":" in text
        if self._plan.day_column is None and unmistakable and self._other_texts_missing(chunk, position):
            self._take_totals(row, text, values)
            return False
        if at_the_edge:
            self._candidates.append(_Candidate(row, text or name or "", values, _single(chunk, position)))
            return False
        if name is None:
            self._refuse_nameless(row)
        self._label_names.add(name)
        return True

    def _other_texts_missing(self, chunk: Chunk, position: int) -> bool:
        """Whether state, type and the like are empty, as they are on Google's totals rows."""
        columns = [column for wanted in (Field.CAMPAIGN_STATUS, Field.OBJECTIVE) if (column := self._texts[wanted])]
        cells = [chunk.columns[column.index][position] for column in columns]
        return all(isinstance(cell, str) and (is_missing(cell) or is_totals_label(cell)) for cell in cells)

    def _take_totals(self, row: int, text: str, values: dict[Metric, int]) -> None:
        self.result.skipped["totals"] += 1
        self.result.totals.append(TotalsRow(row, text, values))

    def _values(self, chunk: Chunk, position: int) -> dict[Metric, int]:
        read = {
            number.metric: number.read_leniently(chunk.columns[number.column.index][position])
            for number in self._numbers
        }
        return {metric: value for metric, value in read.items() if value is not None}

    def _label_text(self, chunk: Chunk, position: int) -> str:
        """The label of a totals row, '' when no cell reads like one."""
        for index in self._labels:
            cell = chunk.columns[index][position]
            if isinstance(cell, str) and is_totals_label(cell):
                return cell.strip()
        return ""

    def _day_text(self, chunk: Chunk, position: int) -> str:
        column = self._plan.day_column
        return "" if column is None else NativeDate.text(chunk.columns[column.index][position])

    def _has_identifier(self, chunk: Chunk, position: int) -> bool:
        column = self._plan.id_column
        return column is not None and identifier(chunk.columns[column.index][position]) is not None

    def _spans_days(self, chunk: Chunk, position: int) -> bool:
        start, end = self._plan.day_column, self._plan.end_column
        if start is None or end is None:
            return False
        pair = (chunk.columns[start.index][position], chunk.columns[end.index][position])
        return not self._is_one_day(*pair)

    def _refuse_day(self, chunk: Chunk, position: int) -> NoReturn:
        column = self._plan.day_column
        header = column.header if column else ""
        text = self._day_text(chunk, position)
        if text.startswith("="):
            refuse_cell(RefusalCode.FORMULA, text, header, chunk.rows[position])
        refuse(
            RefusalCode.BAD_DATE,
            _(
                "Row {row}, column “{column}”: “{value}” is not a day. "
                "Export the report with a breakdown by day and upload the file unchanged."
            ),
            row=chunk.rows[position],
            column=header,
            value=text,
        )

    def _refuse_nameless(self, row: int) -> NoReturn:
        refuse(
            RefusalCode.BAD_ROW,
            _("Row {row} has a day and numbers, but no campaign name. Upload the file as the platform exported it."),
            row=row,
        )

    # -- rows of campaigns ---------------------------------------------------------------------------------------

    def _add_regular(self, chunk: Chunk, days: list[int], names: list[str]) -> None:
        self._check_one_day_each(chunk)
        columns = {n.metric: n.read(chunk.columns[n.column.index], chunk.rows) for n in self._numbers}
        if Metric.CONVERSIONS in columns:
            columns[Metric.CONVERSIONS] = self._conversions(chunk, columns[Metric.CONVERSIONS])
        descriptors = self._descriptors(chunk, names)
        positions = self.result.campaigns.positions(descriptors, days, chunk.rows)
        self.result.sums.add(positions, days, columns)
        self.result.row_count += len(chunk.rows)

    def _conversions(self, chunk: Chunk, values: list[int | None]) -> list[int | None]:
        """Results count only where their type is a conversion; fractions are noted."""
        column = self._plan.result_type_column
        if column is not None:
            kinds = [NativeDate.text(cell).strip() for cell in chunk.columns[column.index]]
            for kind in dict.fromkeys(kinds):
                if kind not in self._result_types:
                    self._result_types[kind] = is_conversion_result(kind)
            counted = self._result_types
            values = [value if counted[kind] else None for value, kind in zip(values, kinds, strict=True)]
        self._fractional = self._fractional or any(value is not None and value % SCALE for value in values)
        return values

    def _descriptors(self, chunk: Chunk, names: list[str]) -> list[Descriptor]:
        count = len(chunk.rows)
        texts: dict[Field, list[Any]] = {}
        for wanted, function in _TEXT_FIELDS.items():
            column = self._texts[wanted]
            cells = chunk.columns[column.index] if column else None
            texts[wanted] = self._mapped(wanted.value, cells, function) if cells else [None] * count
        currencies = self._currencies(chunk)
        return list(
            zip(
                texts[Field.ACCOUNT_ID],
                texts[Field.ACCOUNT_NAME],
                self._identifiers(chunk),
                names,
                texts[Field.CAMPAIGN_STATUS],
                texts[Field.OBJECTIVE],
                currencies,
                strict=True,
            )
        )

    def _currencies(self, chunk: Chunk) -> list[str | None]:
        plan = self._plan
        if plan.currency_column is None or not plan.has_money:
            return [plan.currency] * len(chunk.rows)

        def code(cell: Cell) -> str | None:
            text = NativeDate.text(cell)
            known = currency_code(text)
            if known is None and not is_missing(text):
                refuse(
                    RefusalCode.MIXED_CURRENCY,
                    _("“{value}” in column “{column}” is no currency code (ISO 4217), such as USD or EUR."),
                    value=text,
                    column=plan.currency_column.header if plan.currency_column else "",
                )
            if known and plan.currency and known != plan.currency:
                refuse(
                    RefusalCode.MIXED_CURRENCY,
                    _("The amounts are marked {first}, but the column “{column}” says {second}."),
                    first=plan.currency,
                    second=known,
                    column=plan.currency_column.header if plan.currency_column else "",
                )
            return known or plan.currency

        return self._mapped("currency", chunk.columns[plan.currency_column.index], code)

    def _check_one_day_each(self, chunk: Chunk) -> None:
        start, end = self._plan.day_column, self._plan.end_column
        if start is None or end is None:
            return
        for pair in set(zip(chunk.columns[start.index], chunk.columns[end.index], strict=True)):
            if not self._is_one_day(*pair):
                refuse(
                    RefusalCode.AGGREGATE_PERIOD,
                    _(
                        "The rows cover a whole period ({start} to {end}), not single days. "
                        "Export the report again with a breakdown by day."
                    ),
                    start=NativeDate.text(pair[0]),
                    end=NativeDate.text(pair[1]),
                )

    def _is_one_day(self, start: Cell, end: Cell) -> bool:
        """Start and end on the same day, or the end at the next midnight. An open end says nothing against it."""
        style = self._plan.dates
        first = style.day(start) if isinstance(start, str) else None
        last = style.day(end) if isinstance(end, str) else None
        if first is None or last is None:
            return first is not None and isinstance(end, str) and is_missing(end)
        if first == last:
            return True
        begins, ends = written_date(str(start)), written_date(str(end))
        midnight = begins is not None and ends is not None and begins.seconds == 0 and ends.seconds == 0
        return midnight and last - first == dt.timedelta(days=1)

    # -- the whole ----------------------------------------------------------------------------------------------

    def finish(self) -> Assembled:
        """Decide what waited for the last row, and refuse what only all rows together can show."""
        self._decide_candidates()
        result = self.result
        if not result.row_count:
            refuse(
                RefusalCode.NO_DATA,
                _("The report is empty: nothing was delivered in its period. Choose another period and export again."),
            )
        check_days(result, self._plan)
        note_what_was_read(result, self._plan, self._numbers, self._result_types, fractional=self._fractional)
        return result

    def _decide_candidates(self) -> None:
        """Rows that are not the sum of the others are campaigns; that adds to the sums the rest is compared with."""
        pending = self._candidates
        while pending:
            campaigns = [candidate for candidate in pending if not self._sums_up_the_rest(candidate)]
            if not campaigns:
                break
            for candidate in campaigns:
                self._add_candidate(candidate)
            pending = [candidate for candidate in pending if candidate not in campaigns]
        if len(pending) > 1:
            # Totals stand first or last, never both: what to make of two is for a person to say.
            for candidate in pending:
                self._add_candidate(candidate, needs_confirmation=True)
            return
        for candidate in pending:
            self._take_totals(candidate.row, candidate.label, candidate.values)

    def _sums_up_the_rest(self, candidate: _Candidate) -> bool:
        """A totals row with a day: all rows are of that day, none bears its name, and its numbers are their sums."""
        result = self.result
        if set(result.sums.days) != set(self._days(candidate.chunk)) or candidate.label in self._label_names:
            return False
        return matches_sums(candidate.values, result.sums.totals(), result.row_count, self._plan.currency)

    def _add_candidate(self, candidate: _Candidate, *, needs_confirmation: bool = False) -> None:
        chunk = candidate.chunk
        name = self._names(chunk)[0]
        if name is None:
            self._refuse_nameless(candidate.row)
        self._label_names.add(name)
        self._add_regular(chunk, [day for day in self._days(chunk) if day], [name])
        self.result.warnings.append(
            warning(
                WarningCode.TOTAL_LIKE_NAME,
                _("“{name}” in row {row} reads like a totals row but is none; it is imported as a campaign."),
                needs_confirmation=needs_confirmation,
                name=name,
                row=candidate.row,
            )
        )


def _status(cell: Cell) -> str | None:
    return campaign_status(NativeDate.text(cell))


_TEXT_FIELDS: dict[Field, Callable[[Cell], str | None]] = {
    Field.ACCOUNT_ID: identifier,
    Field.ACCOUNT_NAME: label,
    Field.CAMPAIGN_STATUS: _status,
    Field.OBJECTIVE: label,
}


def _single(chunk: Chunk, position: int) -> Chunk:
    return Chunk([chunk.rows[position]], {index: [cells[position]] for index, cells in chunk.columns.items()})


def assemble(scan: Scan, plan: Plan, on_chunk: Callable[[int], None] | None = None) -> Assembled:
    """Read the spool; `on_chunk` hears the number of chunks done. Raises ReportRefused for any row it cannot accept."""
    assembler = Assembler(scan, plan)
    for done, chunk in enumerate(scan.spool, start=1):
        assembler.add(chunk)
        if on_chunk is not None:
            on_chunk(done)
    return assembler.finish()
