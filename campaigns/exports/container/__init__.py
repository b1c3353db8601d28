"""From a file to rows of cells: what kind of file it is, how its text is encoded, what separates its columns.

Nothing here knows what a column means. A cell is a str, or an int or float where a spreadsheet holds a number;
an empty cell is ''. Dates of a spreadsheet are `NativeDate`, text in ISO form that needs no interpretation.
"""

from campaigns.exports.container.cells import Cell, NativeDate, Row
from campaigns.exports.container.limits import DEFAULT_LIMITS, Limits
from campaigns.exports.container.opening import file_sha256, open_source
from campaigns.exports.container.source import Source

__all__ = ["DEFAULT_LIMITS", "Cell", "Limits", "NativeDate", "Row", "Source", "file_sha256", "open_source"]
