"""What both containers offer to the passes over a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from campaigns.exports.container.cells import Row
from campaigns.exports.errors import ReportWarning

OnBytes = Callable[[int], None]
"""Told how many bytes of the file have been consumed."""

RowScore = Callable[[Row], float]
"""How much a row looks like the header of a report: 0 for a row without a known column."""

HEADER_WITHIN_ROWS = 15


class Source(ABC):
    """An opened file. `rows` may be called several times, each time from the first row."""

    container: str
    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None
    repaired: bool = False
    head_is_everything: bool = False
    """Whether the last `head()` held all rows of the table."""
    ends_cleanly: bool = True
    """Whether the last row ends with a line break, or the container knows its end otherwise."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.warnings: list[ReportWarning] = []

    @abstractmethod
    def head(self) -> list[Row]:
        """The first rows of the table, enough to hold preamble, header and a sample."""

    @abstractmethod
    def rows(self, on_bytes: OnBytes | None = None) -> Iterator[Row]:
        """All rows, as wide as they are in the file, blank ones included (a blank row may be [])."""
