"""Excel workbooks (.xlsx), streamed row by row after the zip around them has proved harmless."""

from __future__ import annotations

import struct
import warnings as python_warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container.cells import Row, from_spreadsheet
from campaigns.exports.container.limits import MEGABYTE, Limits
from campaigns.exports.container.source import HEADER_WITHIN_ROWS, OnBytes, RowScore, Source
from campaigns.exports.errors import RefusalCode, WarningCode, refuse, warning

_HEAD_ROWS = 200
_CHUNK_ROWS = 512
_READ = 256 * 1024
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_MAX_SHEETS_LOOKED_AT = 10


class WorkbookSource(Source):
    container = "xlsx"

    def __init__(self, path: Path, size: int, limits: Limits, score: RowScore) -> None:
        super().__init__(path, size)
        self._limits = limits
        _check_zip(path, limits)
        self._choose_sheet(score)

    def _choose_sheet(self, score: RowScore) -> None:
        """The sheet with the best header; a report may come with a cover sheet."""
        with _Workbook(self.path) as book:
            titles = book.sheet_titles()
            scores = {}
            for title in titles[:_MAX_SHEETS_LOOKED_AT]:
                rows = list(islice(self._sheet_rows(book, title), HEADER_WITHIN_ROWS))
                scores[title] = max((score(row) for row in rows), default=0.0)
        if not scores:
            _refuse_damaged("no sheets")
        self.sheet = max(scores, key=lambda title: scores[title])
        others = [title for title in scores if title != self.sheet and scores[title] > 2]
        if others:
            self.warnings.append(
                warning(
                    WarningCode.OTHER_SHEETS,
                    _("Only the sheet “{sheet}” is imported; other sheets look like reports too: {others}."),
                    sheet=self.sheet,
                    others=", ".join(others),
                )
            )

    def head(self) -> list[Row]:
        with _Workbook(self.path) as book:
            rows = list(islice(self._sheet_rows(book, self.sheet or ""), _HEAD_ROWS))
        self.head_is_everything = len(rows) < _HEAD_ROWS
        return rows

    def rows(self, on_bytes: OnBytes | None = None) -> Iterator[Row]:
        with _Workbook(self.path) as book:
            # The file is read out of order (directory first, sheets in the middle): only ever report forward.
            furthest = 0
            for number, row in enumerate(self._sheet_rows(book, self.sheet or "")):
                if number >= self._limits.max_rows:
                    refuse(
                        RefusalCode.TOO_LARGE,
                        _("The sheet has more than {limit} rows. Export a shorter period."),
                        limit=self._limits.max_rows,
                    )
                if on_bytes is not None and number % _CHUNK_ROWS == 0:
                    furthest = max(furthest, min(book.position(), self.size))
                    on_bytes(furthest)
                yield row

    def _sheet_rows(self, book: _Workbook, title: str) -> Iterator[Row]:
        for values in book.values(title):
            if len(values) > self._limits.max_columns:
                values = values[: _width_in_use(values)]
                if len(values) > self._limits.max_columns:
                    refuse(
                        RefusalCode.NOT_A_REPORT,
                        _("The table has more than {limit} columns, which no report of an ad platform has."),
                        limit=self._limits.max_columns,
                    )
            yield [from_spreadsheet(value) for value in values]


class _Workbook:
    """One opening of a workbook; every way in which its XML can be broken becomes one refusal."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("rb")
        try:
            with python_warnings.catch_warnings():
                # Here, not above: it would cost every process a good part of its start.
                import openpyxl

                # openpyxl warns of missing styles and unknown extensions: no news for a reader of values.
                python_warnings.simplefilter("ignore")
                self._book = openpyxl.load_workbook(self._file, read_only=True, data_only=False, keep_links=False)
        # Any exception of the XML, zip or number parsing means a broken workbook.
        except Exception as error:  # noqa: BLE001
            self._file.close()
            _refuse_damaged(error)

    def __enter__(self) -> _Workbook:
        return self

    def __exit__(self, *exc: object) -> None:
        self._book.close()
        self._file.close()

    def position(self) -> int:
        return self._file.tell()

    def sheet_titles(self) -> list[str]:
        return [sheet.title for sheet in self._book.worksheets]

    def values(self, title: str) -> Iterator[tuple[Any, ...]]:
        sheet = self._book[title]
        # Exporters often write a wrong or missing dimension, which would cut the table short.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True)
        while True:
            try:
                with python_warnings.catch_warnings():
                    python_warnings.simplefilter("ignore")
                    chunk = list(islice(rows, _CHUNK_ROWS))
            # As above: the sheet's XML is read only now.
            except Exception as error:  # noqa: BLE001
                _refuse_damaged(error)
            if not chunk:
                return
            yield from chunk


def _width_in_use(values: tuple[Any, ...]) -> int:
    width = len(values)
    while width and values[width - 1] is None:
        width -= 1
    return width


def _refuse_damaged(error: object) -> NoReturn:
    refuse(
        RefusalCode.DAMAGED,
        _("The workbook is damaged and cannot be opened. Export the report again."),
        error=str(error),
    )


def _check_zip(path: Path, limits: Limits) -> None:
    """Refuse a zip that is cut off, locked, no workbook, or unpacks to more than a report can hold."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        refuse(
            RefusalCode.TRUNCATED,
            _("The Excel file is incomplete: the download or upload was cut off. Export the report again."),
        )
    with archive:
        entries = archive.infolist()
        if any(entry.flag_bits & 1 for entry in entries):
            refuse(
                RefusalCode.ENCRYPTED,
                _("The file is protected by a password. Save it without a password, or export the report again."),
            )
        _check_declared_sizes(entries, limits)
        names = {entry.filename for entry in entries}
        if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
            _refuse_other_zip(names)
        with path.open("rb") as file:
            for entry in entries:
                _check_entry(file, entry)


def _check_declared_sizes(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    strings = sum(entry.file_size for entry in entries if entry.filename.endswith("sharedStrings.xml"))
    is_bomb = unpacked > limits.ratio_matters_from_bytes and unpacked / packed > limits.max_ratio
    if is_bomb or len(entries) > limits.max_zip_entries or unpacked > 4 * limits.max_unpacked_bytes:
        _refuse_bomb(unpacked)
    if unpacked > limits.max_unpacked_bytes or strings > limits.max_shared_strings_bytes:
        refuse(
            RefusalCode.TOO_LARGE,
            _("The workbook unpacks to {megabytes} MB, too much to import. Export a shorter period, or CSV."),
            megabytes=unpacked // MEGABYTE,
        )


def _check_entry(file: IO[bytes], entry: zipfile.ZipInfo) -> None:
    """Unpack one entry without keeping it: its real size must be the declared one, its XML without a DTD.

    zipfile itself stops at the declared size, so a lie there would pass unseen as a checksum error.
    """
    if entry.header_offset < 0:  # a directory that was moved, as a file cut in the middle has
        _refuse_damaged("offset")
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        _refuse_damaged("local header")
    name_length, extra_length = _LOCAL_HEADER.unpack(header)[-2:]
    file.seek(name_length + extra_length, 1)
    unpacked = 0
    tail = b""
    for block in _unpack(file, entry):
        unpacked += len(block)
        if unpacked > entry.file_size:
            _refuse_bomb(unpacked)
        # No workbook declares a document type; one that does wants entities expanded.
        if b"<!DOCTYPE" in tail + block or b"<!ENTITY" in tail + block:
            refuse(
                RefusalCode.ZIP_BOMB,
                _("The workbook contains XML declarations that no report has. Export the report again."),
            )
        tail = block[-9:]
    if unpacked < entry.file_size:
        _refuse_damaged("short entry")


def _unpack(file: IO[bytes], entry: zipfile.ZipInfo) -> Iterator[bytes]:
    left = entry.compress_size
    if entry.compress_type == zipfile.ZIP_STORED:
        while left > 0 and (block := file.read(min(_READ, left))):
            left -= len(block)
            yield block
        return
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        _refuse_damaged("compression")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while left > 0 and not inflater.eof and (packed := file.read(min(_READ, left))):
            left -= len(packed)
            while packed and not inflater.eof:
                yield inflater.decompress(packed, MEGABYTE)
                packed = inflater.unconsumed_tail
    except zlib.error as error:
        _refuse_damaged(error)


def _refuse_bomb(unpacked: int) -> NoReturn:
    refuse(
        RefusalCode.ZIP_BOMB,
        _("The workbook is packed in a way that would fill the memory ({megabytes} MB or more); it was not opened."),
        megabytes=unpacked // MEGABYTE,
    )


def _refuse_other_zip(names: set[str]) -> NoReturn:
    refuse(
        RefusalCode.NOT_A_REPORT,
        _("This is a zip archive ({names}), not a report. Unpack it and upload the CSV or Excel file inside."),
        names=", ".join(sorted(names)[:3]),
    )
