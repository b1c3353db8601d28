"""Totals rows: recognised by shape, dropped from the data, kept for the control sum.

A totals row has no day of its own. Its label alone proves nothing: a campaign may be named 'Total Rewards Brand'
or even 'Total', and is kept as long as its row has a day and its numbers are not the sums of all other rows.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from campaigns.exports.currency import EXPONENTS
from campaigns.exports.number_style import SCALE_DIGITS, exact_decimal
from campaigns.exports.report import ControlLine, ControlSum
from campaigns.exports.text import cleaned
from campaigns.exports.vocabulary import METRIC_KINDS, Kind, Metric

TOLERANCE_PARTS = 2_000
"""One part in 2,000, 0.05 %: platforms round rows and totals separately, and correct totals first."""

_LABEL = re.compile(
    r"(?:grand |sub)?totals?(?: general| geral)?(?:\s*[:\-–—].*|\s+\(.*\)|\s+of \d.*|\s+de \d.*)?"
    r"|totale|totaal(?:\s*[:\-–—].*)?|eindtotaal|totaux|total general|total overall|overall total"
    r"|gesamt(?:\s*[:\-–—].*)?|gesamtsumme|gesamtergebnis(?:se)?|summe(?:\s*[:\-–—].*)?|insgesamt"
    r"|results? from \d.*|total results?"
    r"|resultados totales|resultados de \d.*|totales(?:\s*[:\-–—].*)?"
    r"|resultats totaux|resultats (?:de|pour|provenant de) \d.*|ensemble des resultats"
    r"|resultados totais|totais"
    r"|ergebnisse aus \d.*|resultaten (?:van|uit) \d.*"
    r"|(?:ال)?(?:اجمالي|مجموع)(?:\s*[:\-–—].*)?|(?:النتائج من|نتائج من) \d.*"
)
_OF_CAMPAIGNS = re.compile(r"campa|kampagn|filter|filtr|gefiltert|حمل")
_OF_ACCOUNT = re.compile(r"account|cuenta|konto|compte|conta\b|experiment|حساب")


@lru_cache(maxsize=8_192)
def is_totals_label(text: str) -> bool:
    """Whether a cell reads like the label of a totals row, in one of the languages of the exports."""
    return _LABEL.fullmatch(_folded(text)) is not None


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKD", cleaned(text).casefold())
    return " ".join("".join(char for char in text if not unicodedata.combining(char)).split())


@dataclass(frozen=True, slots=True)
class TotalsRow:
    """A dropped totals row: its row number in the file, label ('' if none) and values in counts or 10**-24 units."""

    row: int
    label: str
    values: dict[Metric, int]


def _rank(total: TotalsRow) -> int:
    """How directly a totals row speaks of the rows above it: of campaigns, unqualified, of the account, of a type."""
    folded = _folded(total.label)
    if _OF_CAMPAIGNS.search(folded):
        return 0
    if _OF_ACCOUNT.search(folded):
        return 2
    if not re.search(r"[:\-–—]", folded):
        return 1
    return 3


def speaks_of_account(label: str) -> bool:
    """'Total: Account' may exceed the rows: it includes campaigns that the table leaves out, such as removed ones."""
    return _rank(TotalsRow(0, label, {})) == 2


def control_sum(
    sums: dict[Metric, int],
    totals: list[TotalsRow],
    row_count: int,
    currency: str | None,
    masked_at_most: dict[Metric, int],
) -> ControlSum:
    """Compare the exact sums of the rows with the totals row that speaks of them most directly.

    `masked_at_most` is what the masked values ('<5') can add up to: the totals row includes them.
    """
    # Totals of single campaign types (rank 3) cover a part of the rows only: nothing to compare with.
    usable = [total for total in totals if total.values and _rank(total) < 3]
    basis = min(usable, key=_rank) if usable else None
    lines = tuple(
        _line(
            metric,
            value,
            basis.values.get(metric) if basis else None,
            _rounding(metric, row_count, currency) + masked_at_most.get(metric, 0),
        )
        for metric, value in sums.items()
    )
    return ControlSum(basis.label if basis else None, lines)


def _line(metric: Metric, rows: int, total: int | None, slack: int) -> ControlLine:
    if total is None:
        return ControlLine(metric, _units(metric, rows), None, None)
    allowed = max(total // TOLERANCE_PARTS, slack)
    return ControlLine(metric, _units(metric, rows), _units(metric, total), abs(rows - total) <= allowed)


def _rounding(metric: Metric, row_count: int, currency: str | None) -> int:
    """What rounding each row to its last shown digit adds up to: one unit of it per square root of rows."""
    if METRIC_KINDS[metric] is Kind.COUNT:
        return 0
    digits = EXPONENTS.get(currency or "", 2) if METRIC_KINDS[metric] is Kind.MONEY else 2
    root = int(max(row_count, 1) ** 0.5)
    return int(root * 10 ** (SCALE_DIGITS - digits))


def _units(metric: Metric, value: int) -> Decimal:
    return Decimal(value) if METRIC_KINDS[metric] is Kind.COUNT else exact_decimal(value)


def matches_sums(values: dict[Metric, int], others: dict[Metric, int], row_count: int, currency: str | None) -> bool:
    """Whether a row's numbers are the sums of all other rows: at least two metrics to compare, all within tolerance."""
    shared = [metric for metric in values if metric in others]
    if not any(values[metric] for metric in shared) or len(shared) < min(2, len(others)):
        return False
    return all(
        _line(metric, others[metric], values[metric], _rounding(metric, row_count, currency)).within
        for metric in shared
    )
