"""Staff page of competitors."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import TenantModelAdmin
from competitors.models import CompetitorBenchmark


@admin.register(CompetitorBenchmark)
class CompetitorBenchmarkAdmin(TenantModelAdmin):
    group, icon, place = "content", "visibility", 20
    list_display = ("domain", "name", "workspace", "is_primary", "share", "data_source", "last_fetched_at")
    list_filter = ("is_primary", "data_source")
    search_fields = ("domain", "name")
    ordering = ("-pk",)
    editable = ("name", "is_primary", "fetch_error")

    @display(description=_("share of voice"), ordering="share_of_voice")
    def share(self, row: CompetitorBenchmark) -> str:
        return "–" if row.share_of_voice is None else f"{row.share_of_voice:.1%}"
