"""How the text of a delimited file is encoded, decided from its bytes before any cell is read.

Order: a byte order mark; zero bytes in every second place (UTF-16 without a mark); strict UTF-8; and only then
the one-byte code pages that spreadsheets save in.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.errors import RefusalCode, refuse

BLOCK = 1024 * 1024
# What Excel writes outside UTF-8: Windows west and Arabic, and the Mac's own page.
CODE_PAGES = ("cp1252", "cp1256", "mac_roman")
_SURROGATES = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """`candidates` holds more than one name when only the header can tell code pages apart."""

    candidates: tuple[str, ...]
    bom: int = 0


def detect(path: Path, *, whole: bool) -> TextEncoding:
    """The encoding of a file; refuses bytes that are no text, text cut in half and mixed encodings."""
    with path.open("rb") as file:
        start = file.read(BLOCK)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        _refuse_encoding("UTF-32")
    for bom, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if start.startswith(bom):
            _check_strictly(path, name, len(bom), whole=whole)
            return TextEncoding((name,), len(bom))
    if b"\0" in start[:4096]:
        name = _utf16_without_mark(start[:4096])
        _check_strictly(path, name, 0, whole=whole)
        return TextEncoding((name,))
    return _utf8_or_code_page(path, whole=whole)


def _utf16_without_mark(start: bytes) -> str:
    pairs = len(start) // 2 or 1
    if start[1::2].count(0) > pairs * 0.7:
        return "utf-16-le"
    if start[0::2].count(0) > pairs * 0.7:
        return "utf-16-be"
    return _refuse_encoding("binary")


def _blocks(path: Path, skip: int, *, whole: bool) -> Iterator[tuple[bytes, bool]]:
    """Blocks of a file with a flag on the last one; without `whole` one block, cut anywhere."""
    with path.open("rb") as file:
        file.seek(skip)
        block = file.read(BLOCK)
        while block:
            following = file.read(BLOCK) if whole else b""
            yield block, whole and not following
            block = following


def _check_strictly(path: Path, name: str, skip: int, *, whole: bool) -> None:
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        for block, last in _blocks(path, skip, whole=whole):
            if "\0" in decoder.decode(block, final=last):
                _refuse_encoding("binary")
    except UnicodeDecodeError as error:
        if _cut_in_half(error):
            _refuse_truncated()
        _refuse_encoding(name)


def _utf8_or_code_page(path: Path, *, whole: bool) -> TextEncoding:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for block, last in _blocks(path, 0, whole=whole):
            if b"\0" in block:
                _refuse_encoding("binary")
            decoder.decode(block, final=last)
    except UnicodeDecodeError as error:
        return _code_page(path, whole=whole, cut=_cut_in_half(error))
    return TextEncoding(("utf-8",))


def _code_page(path: Path, *, whole: bool, cut: bool) -> TextEncoding:
    """A file that is not UTF-8: which code pages can be, after ruling out UTF-8 that is damaged."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    possible = {name: codecs.getincrementaldecoder(name)("strict") for name in CODE_PAGES}
    valid = foreign = 0
    for block, last in _blocks(path, 0, whole=whole):
        if b"\0" in block:
            _refuse_encoding("binary")
        text = decoder.decode(block, final=last)
        strange = len(_SURROGATES.findall(text))
        foreign += strange
        valid += sum(char > "\x7f" for char in text) - strange
        for name, page in list(possible.items()):
            try:
                page.decode(block)
            except UnicodeDecodeError:
                del possible[name]
    # A code page holds valid UTF-8 sequences only by rare chance; where they prevail the file is UTF-8, cut or
    # pasted together from two encodings.
    if cut and valid:
        _refuse_truncated()
    if valid >= foreign or not possible:
        _refuse_encoding("UTF-8")
    return TextEncoding(tuple(name for name in CODE_PAGES if name in possible))


def _cut_in_half(error: UnicodeDecodeError) -> bool:
    return error.reason in ("unexpected end of data", "truncated data")


def _refuse_truncated() -> NoReturn:
    refuse(
        RefusalCode.TRUNCATED,
        _("The file ends in the middle of a character: the download was cut off. Export the report again."),
    )


def _refuse_encoding(encoding: str) -> NoReturn:
    refuse(
        RefusalCode.ENCODING,
        _(
            "The text of the file cannot be read ({encoding}). "
            "Upload the file as the ad platform exported it, or save it as “CSV UTF-8”."
        ),
        encoding=encoding,
    )


_TO_LATIN1 = {
    ord(bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


def repair(text: str) -> str:
    """Undo 'UTF-8 read as Latin-1 or Windows-1252 and saved again'; text that was not harmed comes back as it is.

    'Montant dÃ©pensÃ© (EUR)' -> 'Montant dépensé (EUR)'. A no-break space that became a plain one on the way
    ('Ã ' for 'à') is repaired too.
    """
    if text.isascii():
        return text
    for candidate in dict.fromkeys((text, text.replace("Ã ", "Ã\xa0"))):
        try:
            return candidate.translate(_TO_LATIN1).encode("latin-1").decode("utf-8")
        except UnicodeError:
            continue
    return text
