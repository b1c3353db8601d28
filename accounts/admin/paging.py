"""Paging over tables of millions of rows: a count stops where nobody pages any further."""

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

COUNT_AT_MOST = 10_000


class BoundedPaginator(Paginator):
    """Counts at most COUNT_AT_MOST rows; who needs a later one filters or searches."""

    template_name = "admin/pagination_bounded.html"

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:COUNT_AT_MOST].count() if hasattr(rows, "query") else len(rows)

    @property
    def is_bounded(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.count >= COUNT_AT_MOST


class BoundedChangeList(ChangeList):
    """A list that says 'show all' only where something is hidden by a search or filter."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count
