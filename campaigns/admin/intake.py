"""How numbers came in: imports and syncs."""

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Glance, Related, TenantModelAdmin, admin_link, with_reason
from accounts.audit import Actor
from campaigns.choices import ImportStatus, SyncStatus
from campaigns.models import ImportBatch, SyncRun
from campaigns.services.imports import import_undo
from campaigns.services.sync import sync_end

_IMPORT_COLOURS = {ImportStatus.DONE: "success", ImportStatus.REFUSED: "danger", ImportStatus.UNDONE: "warning"}
_SYNC_COLOURS = {SyncStatus.DONE: "success", SyncStatus.FAILED: "danger", SyncStatus.RUNNING: "info"}


@admin.register(ImportBatch)
class ImportBatchAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "upload_file", 40
    list_display = ("created_at", "filename", "workspace", "platform", "state", "account", "uploader", "error_code")
    list_display_links = ("created_at", "filename")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("platform", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("tenant", "ad_account", "uploaded_by")
    search_fields = ("filename", "file_sha256__exact", "error_code__exact")
    ordering = ("-pk",)
    tenant_ordering = ("-created_at", "-pk")
    hidden = ("file",)
    actions = ("undo",)
    related = (
        Related(_("Days it brought"), "campaigns.CampaignMetric", "import_batch__id__exact"),
        Related(_("Restatements"), "campaigns.MetricRevision", "import_batch__id__exact"),
    )

    @admin.action(description=_("Undo the import"), permissions=["operate"])
    @with_reason
    def undo(self, row: ImportBatch, actor: Actor) -> None:
        import_undo(batch=row, actor=actor)

    @display(description=_("status"), label=_IMPORT_COLOURS)
    def state(self, row: ImportBatch) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("account"))
    def account(self, row: ImportBatch) -> str:
        return admin_link(row.ad_account)

    @display(description=_("uploaded by"))
    def uploader(self, row: ImportBatch) -> str:
        return admin_link(row.uploaded_by)

    def glances(self, request: HttpRequest) -> list[Glance]:
        week_ago = timezone.now() - timedelta(days=7)
        refused = ImportBatch.objects.filter(status=ImportStatus.REFUSED, created_at__gte=week_ago)
        url = reverse("admin:campaigns_importbatch_changelist") + "?status__exact=refused"
        return [Glance(_("Refused imports, 7 days"), refused[:1000].count(), url, urgent=True)]


@admin.register(SyncRun)
class SyncRunAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "sync", 41
    list_display = (
        "started_at",
        "account",
        "workspace",
        "state",
        "trigger",
        "steps",
        "brought",
        "error_kind",
        "finished_at",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("started_at", RangeDateTimeFilter),
    )
    list_select_related = ("tenant", "ad_account")
    search_fields = ("error_kind__exact", "error_code__exact", "request_id__exact")
    search_related = {"ad_account": "name"}
    search_help_text = _("Name of an ad account, error kind or code, request id, or id")
    actions = ("end",)
    ordering = ("-pk",)
    tenant_ordering = ("-started_at", "-pk")

    @display(description=_("account"))
    def account(self, row: SyncRun) -> str:
        return admin_link(row.ad_account)

    @display(description=_("status"), label=_SYNC_COLOURS)
    def state(self, row: SyncRun) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @admin.action(description=_("End run"), permissions=["operate"])
    @with_reason
    def end(self, row: SyncRun, actor: Actor) -> None:
        sync_end(run=row, actor=actor)

    @display(description=_("brought"))
    def brought(self, row: SyncRun) -> str:
        """Days added and changed, as counted so far."""
        added, changed = row.counts.get("days_added"), row.counts.get("days_changed")
        return "–" if added is None else f"+{added} / ~{changed}"

    def glances(self, request: HttpRequest) -> list[Glance]:
        day_ago = timezone.now() - timedelta(days=1)
        failed = SyncRun.objects.filter(status=SyncStatus.FAILED, started_at__gte=day_ago)
        url = reverse("admin:campaigns_syncrun_changelist") + "?status__exact=failed"
        return [Glance(_("Failed syncs, 24 hours"), failed[:1000].count(), url, urgent=True)]

    @display(description=_("steps"))
    def steps(self, row: SyncRun) -> str:
        return f"{row.done_steps} / {row.total_steps}"
