"""Comma, semicolon and tab separated text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import encoding as text_encoding
from campaigns.exports.container.cells import Row
from campaigns.exports.container.limits import Limits
from campaigns.exports.container.source import HEADER_WITHIN_ROWS, OnBytes, RowScore, Source
from campaigns.exports.errors import RefusalCode, WarningCode, refuse, warning

SEPARATORS = (",", ";", "\t")
_HEAD_BYTES = 256 * 1024
_HEAD_ROWS = 200
_REPORT_BYTES_EVERY_ROWS = 2_048


class DelimitedSource(Source):
    container = "csv"

    def __init__(self, path: Path, size: int, limits: Limits, score: RowScore, *, whole: bool) -> None:
        super().__init__(path, size)
        self._limits = limits
        found = text_encoding.detect(path, whole=whole)
        self._bom = found.bom
        self._sniff(found.candidates, score)
        if self.encoding not in ("utf-8", "utf-16-le", "utf-16-be"):
            self.warnings.append(
                warning(
                    WarningCode.LEGACY_ENCODING,
                    _(
                        "The file is saved in an old code page ({encoding}), not in UTF-8. "
                        "Check that accents and other letters of the names are right."
                    ),
                    encoding=self.encoding,
                )
            )
        self.ends_cleanly = self._last_character() in ("\n", "\r")

    def _sniff(self, encodings: tuple[str, ...], score: RowScore) -> None:
        """Choose code page, separator and repair by what makes the best header; ties keep the first of each."""
        best: tuple[float, int] = (-1.0, -1)
        for name in encodings:
            text = self._head_text(name)
            readings = [(text, False)]
            if name == "utf-8" and (repaired_text := text_encoding.repair(text)) != text:
                readings.append((repaired_text, True))
            for separator in SEPARATORS:
                for reading, repaired in readings:
                    rows = _parse_leniently(reading, separator)
                    header = max((score(row) for row in rows[:HEADER_WITHIN_ROWS]), default=0.0)
                    quality = (header, _columns_in_common(rows))
                    if quality > best:
                        best = quality
                        self.encoding, self.separator, self.repaired = name, separator, repaired
        if self.repaired:
            self.warnings.append(
                warning(
                    WarningCode.REPAIRED_TEXT,
                    _(
                        "The file had been opened with the wrong encoding (“Ã©” for “é”); its text was repaired. "
                        "Check the names."
                    ),
                )
            )

    def _head_text(self, name: str) -> str:
        with self.path.open("rb") as file:
            file.seek(self._bom)
            data = file.read(_HEAD_BYTES)
        text = data.decode(name, errors="ignore")
        if self.size - self._bom > _HEAD_BYTES:
            # The last line of a sample is cut anywhere; keep it only when it is the only one.
            text = text[: text.rfind("\n") + 1] or text
        return text

    def _last_character(self) -> str:
        with self.path.open("rb") as file:
            file.seek(max(0, self.size - 4))
            tail = file.read()
        return tail.replace(b"\0", b"").decode("latin-1")[-1:]

    def head(self) -> list[Row]:
        text = self._head_text(self.encoding or "utf-8")
        if self.repaired:
            text = "".join(map(text_encoding.repair, text.splitlines(keepends=True)))
        rows = _parse_leniently(text, self.separator or ",")
        self.head_is_everything = self.size - self._bom <= _HEAD_BYTES and len(rows) < _HEAD_ROWS
        return rows

    def rows(self, on_bytes: OnBytes | None = None) -> Iterator[Row]:
        with self.path.open("rb", buffering=1024 * 1024) as raw:
            raw.seek(self._bom)
            lines: Iterable[str] = io.TextIOWrapper(raw, encoding=self.encoding, newline="")
            if self.repaired:
                lines = map(text_encoding.repair, lines)
            reader = csv.reader(lines, delimiter=self.separator or ",", strict=True)
            count = 0
            while True:
                chunk = self._next_rows(reader, count)
                if not chunk:
                    break
                count += len(chunk)
                if count > self._limits.max_rows:
                    _refuse_too_many_rows(self._limits)
                if on_bytes is not None:
                    on_bytes(raw.tell())
                yield from chunk

    def _next_rows(self, reader: Iterator[list[str]], count: int) -> list[Row]:
        chunk: list[Row] = []
        try:
            # extend() keeps the rows read before an error, so that the sentence can name the row.
            chunk.extend(islice(reader, _REPORT_BYTES_EVERY_ROWS))  # type: ignore[arg-type]  # texts are cells
        except csv.Error as error:
            _refuse_csv_error(error, count + len(chunk) + 1)
        for row in chunk:
            if len(row) > self._limits.max_columns:
                _refuse_too_many_columns(self._limits)
        return chunk


def _parse_leniently(text: str, separator: str) -> list[Row]:
    """The first rows; what cannot be parsed ends the list, because the strict pass will say why."""
    rows: list[Row] = []
    try:
        for row in islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), _HEAD_ROWS):
            rows.append(list(row))
    except csv.Error:
        pass
    return rows


def _columns_in_common(rows: list[Row]) -> int:
    """How many columns most rows have, when more than one: tells separators apart without a known header."""
    widths = [len(row) for row in rows if len(row) > 1]
    if len(widths) * 2 <= len(rows):
        return 0
    return max(set(widths), key=widths.count)


def _refuse_csv_error(error: csv.Error, row: int) -> NoReturn:
    text = str(error)
    if "end of data" in text or "field limit" in text:
        refuse(
            RefusalCode.TRUNCATED,
            _(
                "A quotation mark opened in row {row} or later is never closed: "
                "the file was cut off or edited. Export the report again."
            ),
            row=row,
        )
    refuse(
        RefusalCode.BAD_ROW,
        _(
            "Row {row} cannot be split into columns: its quotation marks do not match. "
            "Upload the file as the ad platform exported it."
        ),
        row=row,
        error=text,
    )


def _refuse_too_many_rows(limits: Limits) -> NoReturn:
    refuse(
        RefusalCode.TOO_LARGE,
        _("The file has more than {limit} rows. Export a shorter period, or one row per campaign and day."),
        limit=limits.max_rows,
    )


def _refuse_too_many_columns(limits: Limits) -> NoReturn:
    refuse(
        RefusalCode.NOT_A_REPORT,
        _("The table has more than {limit} columns, which no report of an ad platform has."),
        limit=limits.max_columns,
    )
