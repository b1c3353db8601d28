"""Paging over tables of millions of rows: a count stops where nobody pages any further."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNT_AT_MOST = 10_000


class BoundedPaginator(Paginator):
    """Counts at most COUNT_AT_MOST rows; who needs a later one filters or searches."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:COUNT_AT_MOST].count() if hasattr(rows, "query") else len(rows)
