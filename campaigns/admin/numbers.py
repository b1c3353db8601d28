"""Daily numbers, their restatements and roll-ups: to be read. They are written by imports and syncs alone."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import TenantModelAdmin, admin_link
from campaigns.models import CampaignMetric, DailyTotal, MetricRevision
from stratum.lib.figures import format_money
from stratum.lib.ratios import MICRO


class _OfCampaign(TenantModelAdmin):
    list_select_related = ("tenant", "campaign")
    search_related = {"campaign": "name"}
    search_help_text = _("Name of a campaign, or id")
    ordering = ("-pk",)

    @display(description=_("campaign"))
    def of_campaign(self, row: CampaignMetric) -> str:
        return admin_link(row.campaign)


@admin.register(CampaignMetric)
class CampaignMetricAdmin(_OfCampaign):
    group, icon, place = "numbers", "calendar_month", 30
    list_display = (
        "date",
        "of_campaign",
        "workspace",
        "impressions",
        "clicks",
        "exact",
        "spend",
        "revenue",
        "known_at",
    )
    list_filter = (("date", RangeDateFilter),)
    tenant_ordering = ("-date", "-pk")

    @display(description=_("conversions"), ordering="conversions")
    def exact(self, row: CampaignMetric) -> str:
        return str(row.conversions) if row.conversions_micros is None else f"{row.conversions_micros / MICRO:.2f}"

    @display(description=_("spend"))
    def spend(self, row: CampaignMetric) -> str:
        return format_money(row.spend_cents, row.campaign.currency)

    @display(description=_("revenue"))
    def revenue(self, row: CampaignMetric) -> str:
        return format_money(row.revenue_cents, row.campaign.currency)


@admin.register(MetricRevision)
class MetricRevisionAdmin(_OfCampaign):
    group, icon, place = "numbers", "edit_calendar", 31
    list_display = ("known_at", "date", "of_campaign", "workspace", "source", "clicks", "conversions", "spend")
    list_filter = (("source", ChoicesDropdownFilter), ("known_at", RangeDateTimeFilter))
    tenant_ordering = ("-known_at", "-pk")

    @display(description=_("clicks"))
    def clicks(self, row: MetricRevision) -> str:
        return _change(row.old_clicks, row.new_clicks)

    @display(description=_("conversions"))
    def conversions(self, row: MetricRevision) -> str:
        old, new = row.old_conversions_micros, row.new_conversions_micros
        return _change(None if old is None else f"{old / MICRO:g}", None if new is None else f"{new / MICRO:g}")

    @display(description=_("spend"))
    def spend(self, row: MetricRevision) -> str:
        currency = row.campaign.currency
        return _change(format_money(row.old_spend_cents, currency), format_money(row.new_spend_cents, currency))


def _change(old: object, new: object) -> str:
    """'3 → 5'; one value when nothing changed."""
    before, after = ("–" if value is None else str(value) for value in (old, new))
    return after if before == after else f"{before} → {after}"


@admin.register(DailyTotal)
class DailyTotalAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "functions", 32
    list_display = ("date", "workspace", "account", "platform", "currency", "impressions", "clicks", "spend")
    list_filter = (("platform", ChoicesDropdownFilter), ("date", RangeDateFilter))
    list_select_related = ("tenant", "ad_account")
    search_related = {"ad_account": "name"}
    search_help_text = _("Name of an ad account, or id")
    ordering = ("-pk",)
    tenant_ordering = ("-date", "-pk")

    @display(description=_("account"))
    def account(self, row: DailyTotal) -> str:
        return admin_link(row.ad_account)

    @display(description=_("spend"))
    def spend(self, row: DailyTotal) -> str:
        return format_money(row.spend_cents, row.currency)
