"""Workspaces and the runs of their jobs."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Glance, Related, StaffModelAdmin, TenantModelAdmin, admin_link
from accounts.admin.forms import StaffForm
from stratum.lib.regions import CURRENCY_CODES, is_zone
from tenants.choices import RESERVED_SLUGS, JobOutcome
from tenants.models import JobRun, Tenant


class TenantForm(StaffForm):
    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        for name in {"settings", "feature_flags"} & self.fields.keys():
            self.fields[name].required = False  # an empty object reads as missing

    def clean_settings(self) -> dict:
        return self._object("settings")

    def clean_feature_flags(self) -> dict:
        return self._object("feature_flags")

    def _object(self, name: str) -> dict:
        value = self.cleaned_data[name] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError(_("This must be a JSON object."))
        return value

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if slug in RESERVED_SLUGS:
            raise forms.ValidationError(_("This address is reserved."))
        return slug

    def clean_domain(self) -> str | None:
        # Unique: two workspaces without a domain of their own must both be NULL.
        return (self.cleaned_data["domain"] or "").strip().lower() or None

    def clean_reporting_currency(self) -> str:
        currency = self.cleaned_data["reporting_currency"].upper()
        if currency not in CURRENCY_CODES:
            raise forms.ValidationError(_("Give one of the known currency codes, such as EUR."))
        return currency

    def clean_timezone(self) -> str:
        if not is_zone(self.cleaned_data["timezone"]):
            raise forms.ValidationError(_("This time zone is not known."))
        return self.cleaned_data["timezone"]


@admin.register(Tenant)
class TenantAdmin(StaffModelAdmin):
    group, icon, place = "workspaces", "apartment", 10
    form = TenantForm
    list_display = ("name", "slug", "plan", "plan_expires_at", "reporting_currency", "timezone", "is_demo", "since")
    list_filter = (("plan", ChoicesDropdownFilter),)
    search_fields = ("name", "slug", "domain")
    ordering = ("-pk",)
    editable = (
        "name",
        "slug",
        "domain",
        "plan",
        "plan_expires_at",
        "max_users",
        "max_campaigns",
        "reporting_currency",
        "timezone",
        "settings",
        "feature_flags",
        "stripe_customer_id",
    )
    addable = True
    removable = True
    related = (
        Related(_("People"), "accounts.User", "tenant__id__exact"),
        Related(_("Ad accounts"), "campaigns.AdAccount", "tenant__id__exact"),
        Related(_("Campaigns"), "campaigns.Campaign", "tenant__id__exact"),
        Related(_("Imports"), "campaigns.ImportBatch", "tenant__id__exact"),
        Related(_("Sync runs"), "campaigns.SyncRun", "tenant__id__exact"),
        Related(_("Rules"), "rules.Rule", "tenant__id__exact"),
        Related(_("Alerts"), "rules.Alert", "tenant__id__exact"),
        Related(_("Creatives"), "creatives.CreativeAsset", "tenant__id__exact"),
        Related(_("Competitors"), "competitors.CompetitorBenchmark", "tenant__id__exact"),
        Related(_("WhatsApp contacts"), "whatsapp.WhatsAppContact", "tenant__id__exact"),
        Related(_("Audit entries"), "accounts.AuditLog", "tenant__id__exact"),
        Related(_("Job runs"), "tenants.JobRun", "tenant__id__exact"),
    )

    def audit_tenant_id(self, request: HttpRequest, row: Model) -> int:
        return row.pk

    def list_label(self, row: Model) -> str:
        # Two workspaces may have one name; their addresses differ.
        return f"{row} ({row.slug})"

    @display(description=_("demo"), boolean=True)
    def is_demo(self, row: Tenant) -> bool:
        return row.is_demo

    @display(description=_("since"), ordering="created_at")
    def since(self, row: Tenant) -> str:
        return date_format(timezone.localtime(row.created_at), "DATE_FORMAT")

    def glances(self, request: HttpRequest) -> list[Glance]:
        url = reverse("admin:tenants_tenant_changelist")
        return [Glance(_("Workspaces"), Tenant.objects.count(), url)]


@admin.register(JobRun)
class JobRunAdmin(TenantModelAdmin):
    group, icon, place = "trail", "schedule", 20
    list_display = ("started_at", "job", "workspace", "state", "took", "counts")
    list_filter = (("outcome", ChoicesDropdownFilter), ("started_at", RangeDateTimeFilter))
    search_fields = ("job", "task_id__exact")
    ordering = ("-pk",)
    tenant_ordering = ("-started_at",)

    @display(description=_("outcome"), label={"done": "success", "failed": "danger", "running": "info"})
    def state(self, row: JobRun) -> tuple[str, str]:
        return row.outcome, row.get_outcome_display()

    @display(description=_("took"), ordering="took_ms")
    def took(self, row: JobRun) -> str:
        return "–" if row.took_ms is None else f"{row.took_ms / 1000:.2f} s"

    @display(description=_("workspace"))
    def workspace(self, row: JobRun) -> str:
        return admin_link(row.tenant)

    def glances(self, request: HttpRequest) -> list[Glance]:
        day_ago = timezone.now() - timedelta(days=1)
        failed: Any = JobRun.objects.filter(outcome=JobOutcome.FAILED, started_at__gte=day_ago)
        url = reverse("admin:tenants_jobrun_changelist") + "?outcome__exact=failed"
        return [Glance(_("Failed jobs, last 24 h"), failed[:1000].count(), url, urgent=True)]
