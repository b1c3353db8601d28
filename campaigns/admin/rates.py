"""Exchange rates: the same for all workspaces, loaded by a job, added to by staff."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from accounts.admin.base import StaffModelAdmin
from campaigns.models import ExchangeRate


@admin.register(ExchangeRate)
class ExchangeRateAdmin(StaffModelAdmin):
    group, icon, place = "numbers", "currency_exchange", 50
    list_display = ("date", "currency", "per_euro", "source")
    list_filter = (("date", RangeDateFilter), "source")
    search_fields = ("currency__iexact", "source__iexact")
    search_help_text = _("Code of a currency, or source")
    ordering = ("-date", "currency")
    editable = ("date", "currency", "per_euro", "source")
    addable = True
    removable = True
