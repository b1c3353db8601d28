"""Which container a file is, by its first bytes, never by its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container.delimited import DelimitedSource
from campaigns.exports.container.limits import MEGABYTE, Limits
from campaigns.exports.container.source import RowScore, Source
from campaigns.exports.container.workbook import WorkbookSource
from campaigns.exports.errors import RefusalCode, refuse

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "RAR"),
    (b"SQLite format", "SQLite"),
    (b"PAR1", "Parquet"),
    (b"{\\rtf", "RTF"),
)


def open_source(path: Path, limits: Limits, score: RowScore, *, whole: bool) -> Source:
    """Open an upload. With `whole` its text is checked to the last byte; without, only the first rows are.

    `score` says how much a row looks like a header; it decides between separators, code pages and sheets.
    Raises ReportRefused for what is no table of an ad platform at all.
    """
    size = path.stat().st_size
    if size == 0:
        refuse(RefusalCode.EMPTY_FILE, _("The file is empty. Export the report again and upload the new file."))
    if size > limits.max_bytes:
        refuse(
            RefusalCode.TOO_LARGE,
            _(
                "The file has {megabytes} MB; up to {limit} MB can be imported. "
                "Export a shorter period, or fewer columns."
            ),
            megabytes=size // MEGABYTE,
            limit=limits.max_bytes // MEGABYTE,
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PK"):
        return WorkbookSource(path, size, limits, score)
    _refuse_other_files(path, start)
    return DelimitedSource(path, size, limits, score, whole=whole)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes; the same bytes are not imported twice."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_other_files(path: Path, start: bytes) -> None:
    if start.startswith(_OLE_MAGIC):
        _refuse_ole(path)
    for magic, kind in _OTHER_FILES:
        if start.startswith(magic):
            refuse(
                RefusalCode.NOT_A_REPORT,
                _("This is a {kind} file, not a table. Export the report as CSV or Excel (.xlsx)."),
                kind=kind,
            )
    opening = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if opening.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<meta", b"<!--")):
        refuse(
            RefusalCode.HTML_PAGE,
            _(
                "This is a web page, not a report: the download probably ended on a login or error page. "
                "Log in to the ad platform and export again as CSV or Excel."
            ),
        )
    if opening.startswith(b"<?xml"):
        refuse(
            RefusalCode.NOT_A_REPORT,
            _("This is an XML file, not a table. Export the report as CSV or Excel (.xlsx)."),
        )
    if opening.startswith((b"{", b'[{"', b"[\n")):
        refuse(
            RefusalCode.NOT_A_REPORT,
            _("This is a JSON file, not a table. Export the report as CSV or Excel (.xlsx)."),
        )


def _refuse_ole(path: Path) -> None:
    # A password turns an .xlsx into an OLE file whose directory names its one stream; that name is UTF-16.
    with path.open("rb") as file:
        directory = file.read(4 * MEGABYTE)
    if "EncryptedPackage".encode("utf-16-le") in directory:
        refuse(
            RefusalCode.ENCRYPTED,
            _("The workbook is protected by a password. Save it without a password, or export the report again."),
        )
    refuse(
        RefusalCode.OLD_XLS,
        _("This is an old Excel file (.xls). Save it as .xlsx, or export the report again as CSV or .xlsx."),
    )
