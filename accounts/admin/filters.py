"""Filters that staff lists share."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.admin.dropdown_filters import DropdownFilter


class WorkspaceFilter(AutocompleteSelectFilter):
    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.title = _("workspace")


TENANT_FILTER = ("tenant", WorkspaceFilter)


class DeletedFilter(DropdownFilter):
    """Deleted rows are hidden unless asked for, as everywhere in the product."""

    title = _("deleted")
    parameter_name = "deleted"
    all_option = ["", _("Hide deleted")]

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, object]]:
        return [("only", _("Only deleted")), ("all", _("With deleted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "all":
                return queryset
            case "only":
                return queryset.filter(is_deleted=True)
            case _:
                return queryset.exclude(is_deleted=True)
