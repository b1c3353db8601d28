"""Staff page of creatives."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import TenantModelAdmin, admin_link
from creatives.models import CreativeAsset


@admin.register(CreativeAsset)
class CreativeAssetAdmin(TenantModelAdmin):
    group, icon, place = "content", "image", 10
    list_display = ("name", "asset_type", "workspace", "of_campaign", "folder", "impressions", "fatigue", "updated_at")
    list_filter = (("asset_type", ChoicesDropdownFilter),)
    list_select_related = ("tenant", "campaign")
    search_fields = ("name", "folder")
    ordering = ("-pk",)
    editable = ("name", "tags", "folder")
    removable = True

    @display(description=_("campaign"))
    def of_campaign(self, row: CreativeAsset) -> str:
        return admin_link(row.campaign)

    @display(description=_("fatigue"), ordering="fatigue_score")
    def fatigue(self, row: CreativeAsset) -> str:
        return f"{row.fatigue_score:.2f}"
