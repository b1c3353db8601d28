"""A report as a PDF: A4, drawn from the same blocks as the page; the same report always gives the same bytes.

Fonts (SIL Open Font License, from wheels of fontpkg): IBM Plex Sans Arabic for Latin and Arabic, and IBM Plex Sans for
the Latin, Greek and Cyrillic letters that it has not. Characters of other scripts show as boxes. Only used glyphs are
embedded.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import fontpkg_ibm_plex_sans as latin
import fontpkg_ibm_plex_sans_arabic as arabic
from django.utils import translation
from django.utils.translation import gettext as _
from fpdf import FPDF
from fpdf.enums import TableCellFillMode, XPos, YPos
from fpdf.fonts import FontFace

from rules.services.reports.chart import Plot, plot_of
from stratum.lib.figures import format_compact
from stratum.lib.plain_words import cut

_MARGIN, _WIDTH = 15.0, 180.0
_INK, _GREY, _LINE, _SOFT = (28, 34, 39), (100, 107, 113), (208, 208, 200), (241, 241, 236)
_ACCENT, _SECOND, _GOOD, _BAD = (11, 95, 115), (176, 106, 10), (23, 107, 58), (173, 34, 25)
_MEANINGS = {"good": _GOOD, "bad": _BAD}
_FONT, _OTHER = "plex", "plex-more"
# What keeps signs on their side in a browser; the shaper of the PDF orders by itself.
_CONTROLS = re.compile("[\u2066-\u2069\u200e\u200f]")
# Scripts that are written from right to left: only they need shaping, which takes time.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LONGEST_CELL = 400


def report_pdf(content: Mapping[str, Any], restated: Mapping[str, Any] | None, digest: str) -> bytes:
    """The document of a report's two parts; `digest` stands on every page."""
    with translation.override(content["locale"]):
        pdf = _Document(content, digest)
        pdf.head()
        pdf.kpis()
        pdf.course()
        for block in ([restated["block"]] if restated else []) + content["blocks"]:
            pdf.block(block)
        return bytes(pdf.output())


class _Document(FPDF):
    """Draws the parts one below the other; pages follow by themselves."""

    def __init__(self, content: Mapping[str, Any], digest: str):
        super().__init__(format="A4")
        self.content, self.digest = content, digest
        self.rtl = translation.get_language_bidi()
        self.side, self.far = ("R", "L") if self.rtl else ("L", "R")
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, margin=20)
        self.set_creation_date(datetime.fromisoformat(content["as_of"]))
        self.set_title(_shown(f"{content['name']}: {content['title']}"))
        self.set_author(_shown(content["workspace"]))
        self.set_lang(content["locale"])
        for style, weight in (("", "Regular"), ("B", "SemiBold")):
            self.add_font(_FONT, style, arabic.ROOT / "files" / f"IBMPlexSansArabic-{weight}.ttf")
        self.add_font(_OTHER, "", latin.ROOT / "files" / "IBMPlexSans[wdth,wght].ttf")
        self.set_fallback_fonts([_OTHER], exact_match=False)
        # Everything or nothing: switching between two words would order them wrongly.
        self.set_text_shaping(self.rtl or bool(_RIGHT_TO_LEFT.search(" ".join(_texts(content)))))
        self.add_page()

    def footer(self) -> None:
        self.set_y(-14)
        self._font(6.5, color=_GREY)
        pages = _("Page %(page)s of %(pages)s") % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(_WIDTH, 3.5, _shown(f"{self.content['workspace']} · {self.content['name']} · {pages}"), align="C")
        self.set_y(-10.5)
        self.cell(_WIDTH, 3.5, f"SHA-256 {self.digest}", align="C")

    def head(self) -> None:
        content = self.content
        self._line(f"{content['workspace']} · {content['name']}", 9, color=_GREY)
        self._line(content["title"], 18, bold=True)
        if content["scope"]:
            self._line(content["scope"], 9, bold=True)
        for note in content["notes"]:
            self._line(note, 8, color=_GREY)
        self.ln(3)

    def kpis(self) -> None:
        """Six boxes side by side."""
        lines = self.content["kpis"]
        width, top = _WIDTH / len(lines), self.get_y()
        for position, line in enumerate(lines):
            place = len(lines) - 1 - position if self.rtl else position
            x = _MARGIN + place * width
            self.set_fill_color(*_SOFT)
            self.rect(x + 0.6, top, width - 1.2, 18, style="F", round_corners=True, corner_radius=1.5)
            change = line["change"] or "–"
            color = _MEANINGS.get(line["meaning"], _GREY)
            parts = (
                (1.5, 7.5, line["label"], _GREY, ""),
                (6, 11, line["text"], _INK, "B"),
                (12, 7.5, change, color, ""),
            )
            for down, size, text, ink, style in parts:
                self.set_xy(x + 2, top + down)
                self._font(size, color=ink, style=style)
                shown = _shown(text)
                while size > 5 and self.get_string_width(shown) > width - 4.5:
                    size -= 0.5
                    self.set_font_size(size)
                self.cell(width - 4, 4.5, shown, align=self.side)
        self.set_xy(_MARGIN, top + 21)

    def course(self) -> None:
        """Spend as bars, revenue as a line, on one scale."""
        plot = plot_of(self.content["course"], width=_WIDTH - 16, height=38)
        if plot is None:
            return
        self._legend(plot)
        left, top = _MARGIN + 16, self.get_y() + 1
        self.set_line_width(0.1)
        self.set_draw_color(*_LINE)
        self._font(6.5, color=_GREY)
        for y, value in plot.grid:
            self.line(left, top + y, left + plot.width, top + y)
            self.set_xy(_MARGIN, top + y - 2)
            self.cell(15, 4, _shown(format_compact(value)), align="R")
        self.set_fill_color(*_ACCENT)
        for x, y, width, height in plot.bars:
            self.rect(left + x, top + y, width, height, style="F")
        self.set_draw_color(*_SECOND)
        self.set_line_width(0.6)
        for points in plot.lines:
            self.polyline([(left + x, top + y) for x, y in points])
        self._font(6.5, color=_GREY)
        for x, words in plot.labels:
            self.set_xy(left + x - 10, top + plot.height + 0.5)
            self.cell(20, 4, _shown(words), align="C")
        self.set_xy(_MARGIN, top + plot.height + 7)

    def _legend(self, plot: Plot) -> None:
        self._font(7.5, color=_GREY)
        y = self.get_y()
        x = _MARGIN + 16
        for label, color in zip(plot.names, (_ACCENT, _SECOND), strict=True):
            self.set_fill_color(*color)
            self.rect(x, y + 1, 3, 2, style="F")
            shown = _shown(label)
            self.set_xy(x + 4, y)
            self.cell(self.get_string_width(shown) + 4, 4, shown)
            x += self.get_string_width(shown) + 10
        self.set_xy(_MARGIN, y + 5)

    def block(self, block: Mapping[str, Any]) -> None:
        # A heading stays with what it is the heading of.
        if self.will_page_break(30):
            self.add_page()
        self.ln(2)
        self._line(block["title"], 12, bold=True)
        for line in block["lines"]:
            self._line(line, 8.5)
        for one in block["tables"]:
            if one["caption"] != block["title"]:
                if self.will_page_break(20):
                    self.add_page()
                self.ln(1)
                self._line(one["caption"], 8.5, bold=True, color=_GREY)
            self._table(one)
        self.ln(2)

    def _table(self, found: Mapping[str, Any]) -> None:
        columns = list(found["columns"])
        step = -1 if self.rtl else 1
        numbers = sum(column["kind"] == "number" for column in columns)
        rest = columns[1:]
        texts = len(rest) - numbers
        # The name first, then texts, then figures: as wide as what they hold.
        weights = [2.2 if not texts else 1.6, *(1.0 if column["kind"] == "number" else 2.0 for column in rest)]
        aligns = [self.far if column["kind"] == "number" else self.side for column in columns]
        self._font(7.5, color=_INK)
        self.set_draw_color(*_LINE)
        self.set_fill_color(255, 255, 255)
        self.set_line_width(0.1)
        heads = FontFace(emphasis="BOLD", color=_GREY, fill_color=_SOFT, size_pt=7)
        with self.table(
            width=_WIDTH,
            col_widths=tuple(weights[::step]),
            text_align=tuple(aligns[::step]),
            borders_layout="HORIZONTAL_LINES",
            line_height=3.6,
            padding=(0.8, 1.4),
            headings_style=heads,
            cell_fill_mode=TableCellFillMode.NONE,
            v_align="T",
        ) as drawn:
            row = drawn.row()
            for column in columns[::step]:
                row.cell(_shown("\n".join(part for part in (column["label"], column["sub"]) if part)))
            for cells in found["rows"]:
                row = drawn.row()
                for cell in cells[::step]:
                    row.cell(_shown("\n".join(part for part in (cell["text"], cell["sub"]) if part)))

    def _font(self, size: float, *, color: tuple[int, int, int] = _INK, style: str = "") -> None:
        self.set_font(_FONT, style, size)
        self.set_text_color(*color)

    def _line(self, text: str, size: float, *, bold: bool = False, color: tuple[int, int, int] = _INK) -> None:
        self._font(size, color=color, style="B" if bold else "")
        self.set_x(_MARGIN)
        self.multi_cell(_WIDTH, size * 0.5, _shown(text), align=self.side, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(0.6)


def _shown(text: str) -> str:
    return cut(_CONTROLS.sub("", text), _LONGEST_CELL)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
