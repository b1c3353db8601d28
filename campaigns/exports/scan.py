"""First pass: read every row once, gather evidence of locale, currency and columns, spool what the import needs.

The spool is a temporary file of column chunks, so that the second pass needs neither the XML of a workbook nor
memory in proportion to the file.
"""

from __future__ import annotations

import marshal
import re
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, NamedTuple

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import Cell, Row, Source
from campaigns.exports.container.source import OnBytes
from campaigns.exports.date_style import DateEvidence
from campaigns.exports.detection import Column, Layout
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.number_style import NumberEvidence
from campaigns.exports.text import is_missing
from campaigns.exports.totals import is_totals_label
from campaigns.exports.vocabulary import KINDS, METRIC_SOURCES, Field, Kind, header_key

CHUNK_ROWS = 4_096
SAMPLE_ROWS = 50
_MAX_CURRENCY_MARKS = 50
_LABEL_COLUMNS = 3
_LENGTH = struct.Struct("<Q")

_IDENTITY_FIELDS = (
    Field.CAMPAIGN_ID,
    Field.CAMPAIGN_NAME,
    Field.ACCOUNT_ID,
    Field.ACCOUNT_NAME,
    Field.CAMPAIGN_STATUS,
    Field.OBJECTIVE,
    Field.CURRENCY,
    Field.RESULT_TYPE,
)
_NUMBER_KINDS = (Kind.COUNT, Kind.DECIMAL, Kind.MONEY, Kind.RATE)
# A spreadsheet writes a long identifier as 1.20253E+17: its last digits are gone.
_SCIENTIFIC = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d+$", re.MULTILINE)
_UNIT_SEPARATOR = "\x1f"
_LARGEST_EXACT_FLOAT_ID = 10**15
_CURRENCY_MARK = re.compile(r"[^\d\s.,'٫٬()<>%+\-–—]+")


class Chunk(NamedTuple):
    """Some rows by column. `rows` are row numbers of the file, counted from 1."""

    rows: list[int]
    columns: dict[int, list[Cell]]


class Spool:
    """Chunks on disk. Written with marshal: private to this process, and as fast as memory allows."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="report-")  # noqa: SIM115  (closed by the reader)
        self.chunks = 0

    def append(self, chunk: Chunk) -> None:
        columns = {index: _joined(cells) for index, cells in chunk.columns.items()}
        packed = marshal.dumps((chunk.rows, columns))
        self._file.write(_LENGTH.pack(len(packed)))
        self._file.write(packed)
        self.chunks += 1

    def __iter__(self) -> Iterator[Chunk]:
        self._file.seek(0)
        for _number in range(self.chunks):
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            rows, columns = marshal.loads(self._file.read(length))  # noqa: S302  (our own bytes)
            yield Chunk(rows, {index: _split(cells) for index, cells in columns.items()})

    def close(self) -> None:
        self._file.close()


def _joined(cells: list[Cell]) -> list[Cell] | str:
    """A column of texts as one text, which is packed in a tenth of the time; any other column as it is."""
    try:
        joined = _UNIT_SEPARATOR.join(cells)  # type: ignore[arg-type]  # TypeError says so
    except TypeError:
        return cells
    return joined if joined.count(_UNIT_SEPARATOR) == len(cells) - 1 else cells


def _split(cells: list[Cell] | str) -> list[Cell]:
    return cells.split(_UNIT_SEPARATOR) if isinstance(cells, str) else cells  # type: ignore[return-value]  # texts are cells


@dataclass
class Scan:
    """What the first pass found. `rows` counts data rows, `last_row` is the file's number of the last of them."""

    layout: Layout
    spool: Spool
    rows: int = 0
    first_row: int = 0
    last_row: int = 0
    blank: int = 0
    numbers: NumberEvidence = field(default_factory=NumberEvidence)
    dates: DateEvidence = field(default_factory=DateEvidence)
    filled: set[int] = field(default_factory=set)
    disagreeing: set[int] = field(default_factory=set)
    currency_marks: set[str] = field(default_factory=set)
    lossy_ids: bool = False
    sample: list[Row] = field(default_factory=list)


def day_columns(layout: Layout) -> tuple[Column | None, Column | None]:
    """The column that holds the day, and the one that holds the end of the period where there is no Day."""
    if days := layout.having(Field.DAY):
        return days[0], None
    starts, ends = layout.having(Field.PERIOD_START), layout.having(Field.PERIOD_END)
    return (starts[0] if starts else None), (ends[0] if starts and ends else None)


def label_columns(layout: Layout) -> list[Column]:
    """Columns in which the label of a totals row may stand: the first ones, and the campaign's name."""
    names = layout.having(Field.CAMPAIGN_NAME)[:1]
    first = [c for c in layout.columns[:_LABEL_COLUMNS] if not c.field or KINDS[c.field] not in _NUMBER_KINDS]
    return list(dict.fromkeys([*first, *names]))


def _wanted_columns(layout: Layout) -> list[Column]:
    wanted: list[Column] = [column for column in day_columns(layout) if column]
    for identity in _IDENTITY_FIELDS:
        wanted += layout.having(identity)
    for sources in METRIC_SOURCES[layout.platform].values():
        for source in sources:
            wanted += layout.having(source)
    wanted += label_columns(layout)
    return list(dict.fromkeys(wanted))


def _duplicates(layout: Layout, wanted: Sequence[Column]) -> list[tuple[Column, Column]]:
    """Pairs of wanted columns with the same header: they must agree."""
    first: dict[tuple[str, str | None], Column] = {}
    pairs = []
    for column in sorted(wanted, key=lambda c: c.index):
        if not column.field:
            continue
        key = (header_key(column.header), column.currency)
        if key in first:
            pairs.append((first[key], column))
        else:
            first[key] = column
    return pairs


def scan(source: Source, layout: Layout, on_bytes: OnBytes | None = None) -> Scan:
    """Read the whole file. The caller closes the spool of the result.

    Raises ReportRefused for rows that cannot be what the header says.
    """
    spool = Spool()
    try:
        return _scanned(Scan(layout, spool), source.rows(on_bytes), source)
    except BaseException:
        spool.close()
        raise


def scan_sample(rows: Sequence[Row], source: Source, layout: Layout) -> Scan:
    """The same over the first rows only, for a preview; rows that do not fit are left for the whole pass."""
    spool = Spool()
    width = layout.width
    fitting = [*rows[: layout.header_row + 1], *(row for row in rows[layout.header_row + 1 :] if len(row) <= width)]
    try:
        return _scanned(Scan(layout, spool), iter(fitting), source, lenient=True)
    except BaseException:
        spool.close()
        raise


def _scanned(result: Scan, rows: Iterator[Row], source: Source, *, lenient: bool = False) -> Scan:
    layout = result.layout
    wanted = _wanted_columns(layout)
    evidence = [column for column in layout.columns if column.field and KINDS[column.field] in _NUMBER_KINDS]
    pairs = _duplicates(layout, wanted)
    number = layout.header_row + 1
    for _skipped in islice(rows, number):
        pass
    fitter = _Fitter(layout.width, source, lenient=lenient)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        numbers = list(range(number + 1, number + 1 + len(chunk)))
        number += len(chunk)
        if set(map(len, chunk)) != {layout.width} or not all(map(any, chunk)):
            numbers, chunk = fitter.fit(numbers, chunk)
        if chunk:
            _take(result, numbers, chunk, wanted, evidence, pairs)
    fitter.finish()
    result.blank = fitter.blank
    return result


def _take(
    result: Scan,
    numbers: list[int],
    rows: list[Row],
    wanted: list[Column],
    evidence: list[Column],
    pairs: list[tuple[Column, Column]],
) -> None:
    columns: list[list[Cell]] = [list(column) for column in zip(*rows, strict=True)]
    if len(result.sample) < SAMPLE_ROWS:
        result.sample += rows[:SAMPLE_ROWS]
    result.rows += len(rows)
    result.first_row = result.first_row or numbers[0]
    result.last_row = numbers[-1]
    for column in evidence:
        cells = columns[column.index]
        result.numbers.feed(KINDS[column.field], cells)  # type: ignore[index]  # evidence has a field
        if column.field in (Field.SPEND, Field.SPEND_CONVERTED, Field.REVENUE):
            _note_currency_marks(result, cells)
    for day_column in day_columns(result.layout):
        if day_column:
            result.dates.feed(columns[day_column.index])
    for column in wanted:
        if column.index not in result.filled and any(not _is_missing(cell) for cell in columns[column.index]):
            result.filled.add(column.index)
    for column in result.layout.having(Field.CAMPAIGN_ID):
        result.lossy_ids = result.lossy_ids or _holds_lossy_ids(columns[column.index])
    for first, second in pairs:
        if columns[first.index] != columns[second.index]:
            result.disagreeing.add(second.index)
    result.spool.append(Chunk(numbers, {column.index: columns[column.index] for column in wanted}))


def _is_missing(cell: Cell) -> bool:
    return isinstance(cell, str) and is_missing(cell)


def _note_currency_marks(result: Scan, cells: list[Cell]) -> None:
    joined = "\n".join(cell for cell in cells if type(cell) is str)
    if len(result.currency_marks) < _MAX_CURRENCY_MARKS:
        result.currency_marks.update(_CURRENCY_MARK.findall(joined))


def _holds_lossy_ids(cells: list[Cell]) -> bool:
    texts = [cell for cell in cells if type(cell) is str]
    if _SCIENTIFIC.search("\n".join(texts)):
        return True
    return any(type(cell) is float and cell >= _LARGEST_EXACT_FLOAT_ID for cell in cells)


class _Fitter:
    """Rows that are not as wide as the header: blank, padded, cut, notes below the table, or a refusal."""

    def __init__(self, width: int, source: Source, *, lenient: bool) -> None:
        self.width = width
        self.blank = 0
        self._source = source
        self._lenient = lenient
        self._short: tuple[int, int] | None = None

    def fit(self, numbers: list[int], rows: list[Row]) -> tuple[list[int], list[Row]]:
        kept_numbers, kept = [], []
        for number, row in zip(numbers, rows, strict=True):
            fitted = self._fitted(number, row)
            if fitted is not None:
                kept_numbers.append(number)
                kept.append(fitted)
        return kept_numbers, kept

    def _fitted(self, number: int, row: Row) -> Row | None:
        if not any(cell != "" and (type(cell) is not str or cell.strip()) for cell in row):
            self.blank += 1
            return None
        if self._short is not None:
            self._refuse_short()
        missing = self.width - len(row)
        if missing < 0:
            if any(cell != "" for cell in row[self.width :]):
                self._refuse_long(number, len(row))
            return row[: self.width]
        if missing == 0:
            return row
        # A workbook leaves trailing empty cells out; text does so only in totals and in notes.
        if self._source.container != "xlsx" and not self._may_be_short(row):
            self._short = (number, len(row))
        return [*row, *[""] * missing]

    def _may_be_short(self, row: Row) -> bool:
        if len(row) == 1:
            return self._source.ends_cleanly or is_totals_label(str(row[0]))
        return any(type(cell) is str and is_totals_label(cell) for cell in row[:_LABEL_COLUMNS])

    def finish(self) -> None:
        """A short last row without a line break is where a download broke off."""
        if self._short is None or self._lenient:
            return
        if self._source.ends_cleanly:
            self._refuse_short()
        refuse(
            RefusalCode.TRUNCATED,
            _("The file ends in the middle of row {row}: the download was cut off. Export the report again."),
            row=self._short[0],
        )

    def _refuse_short(self) -> None:
        if self._short is None or self._lenient:
            return
        number, columns = self._short
        if columns == 1:
            self._short = None  # a note between rows; the second pass will look at it
            return
        refuse(
            RefusalCode.BAD_ROW,
            _("Row {row} has {columns} columns instead of {expected}. Upload the file as the ad platform exported it."),
            row=number,
            columns=columns,
            expected=self.width,
        )

    def _refuse_long(self, number: int, columns: int) -> None:
        refuse(
            RefusalCode.BAD_ROW,
            _(
                "Row {row} has {columns} columns instead of {expected}: a name or number probably contains the "
                "separator. Upload the file as the ad platform exported it."
            ),
            row=number,
            columns=columns,
            expected=self.width,
        )
