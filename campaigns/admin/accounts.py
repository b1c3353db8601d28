"""Ad accounts and campaigns."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, JSONField, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin.base import Glance, Related, TenantModelAdmin, admin_link, with_reason
from accounts.admin.forms import StaffForm
from accounts.audit import Actor
from campaigns import tasks
from campaigns.choices import AccountStatus, CampaignStatus, ChangeState, ConnectionStatus, SyncTrigger
from campaigns.models import AdAccount, Campaign, CampaignChange, Connection
from campaigns.queries.platforms import platform_states
from campaigns.services.campaigns import MAX_LABELS_PER_CAMPAIGN, label_clean
from campaigns.services.changes import change_retry, change_undo
from campaigns.services.connections import account_disconnect, connection_end
from campaigns.services.sync import sync_request
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_money

_ACCOUNT_COLOURS = {
    AccountStatus.OK: "success",
    AccountStatus.IMPORT_ONLY: "info",
    AccountStatus.NEEDS_REAUTH: "warning",
    AccountStatus.PERMISSION_LOST: "danger",
    AccountStatus.DISABLED: "danger",
}
_CONNECTION_COLOURS = {
    ConnectionStatus.OK: "success",
    ConnectionStatus.CONNECTING: "info",
    ConnectionStatus.NEEDS_REAUTH: "warning",
    ConnectionStatus.FAILED: "danger",
}
_CHANGE_COLOURS = {
    ChangeState.APPLIED: "success",
    ChangeState.QUEUED: "info",
    ChangeState.SENDING: "info",
    ChangeState.FAILED: "danger",
}
_CAMPAIGN_COLOURS = {CampaignStatus.ACTIVE: "success", CampaignStatus.PAUSED: "warning"}


@admin.register(AdAccount)
class AdAccountAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "account_balance", 10
    list_display = ("name", "platform", "workspace", "currency", "timezone", "state", "last_synced_at")
    list_filter = (("platform", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    search_fields = ("name", "external_id")
    ordering = ("-pk",)
    editable = ("name",)
    removable = True
    actions = ("sync_now", "disconnect")
    related = (
        Related(_("Campaigns"), "campaigns.Campaign", "ad_account__id__exact"),
        Related(_("Imports"), "campaigns.ImportBatch", "ad_account__id__exact"),
        Related(_("Sync runs"), "campaigns.SyncRun", "ad_account__id__exact"),
        Related(_("Daily totals"), "campaigns.DailyTotal", "ad_account__id__exact"),
    )

    @admin.action(description=_("Disconnect from the platform"), permissions=["operate"])
    @with_reason
    def disconnect(self, row: AdAccount, actor: Actor) -> None:
        account_disconnect(account=row, actor=actor)

    @admin.action(description=_("Sync now"), permissions=["operate"])
    @with_reason
    def sync_now(self, row: AdAccount, actor: Actor) -> None:
        run = sync_request(account=row, trigger=SyncTrigger.PERSON, actor=actor)
        tasks.sync_account.delay_on_commit(tenant_id=row.tenant_id, run_id=run.pk)

    @display(description=_("status"), label=_ACCOUNT_COLOURS)
    def state(self, row: AdAccount) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(Connection)
class ConnectionAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "link", 15
    list_display = ("__str__", "platform", "workspace", "state", "tokens", "token_expires_at", "connected_at")
    list_filter = (("platform", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    search_fields = ("last_error",)
    ordering = ("-pk",)
    readonly_fields = ("tokens",)
    actions = ("end",)
    actions_list = ("platforms",)
    related = (Related(_("Ad accounts"), "campaigns.AdAccount", "connection__id__exact"),)

    @admin.action(description=_("Disconnect its accounts and destroy its tokens"), permissions=["operate"])
    @with_reason
    def end(self, row: Connection, actor: Actor) -> None:
        connection_end(connection=row, actor=actor)

    @action(description=_("Platforms of this installation"), url_path="platforms", icon="hub", permissions=["view"])
    def platforms(self, request: HttpRequest) -> HttpResponse:
        """At which platforms this installation is registered, and which settings are missing. Names only, no values."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Platforms of this installation"),
            "opts": self.opts,
            "platforms": platform_states(),
        }
        return TemplateResponse(request, "admin/campaigns/connection/platforms.html", context)

    def glances(self, request: HttpRequest) -> list[Glance]:
        broken = Connection.objects.filter(status=ConnectionStatus.NEEDS_REAUTH)
        url = reverse("admin:campaigns_connection_changelist") + "?status__exact=needs_reauth"
        return [Glance(_("Connections that need re-authorisation"), broken[:1000].count(), url, urgent=True)]

    @display(description=_("status"), label=_CONNECTION_COLOURS)
    def state(self, row: Connection) -> tuple[str, str]:
        return row.status, row.get_status_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        # Whether there are tokens is asked of the database: they themselves are not even read.
        stored = Q(access_token__isnull=False) | Q(refresh_token__isnull=False)
        return super().get_queryset(request).annotate(has_tokens=ExpressionWrapper(stored, BooleanField()))

    @display(description=_("tokens"))
    def tokens(self, row: Connection) -> str:
        return _("stored, encrypted") if row.has_tokens else _("none")


class CampaignForm(StaffForm):
    def clean_labels(self) -> list[str]:
        labels = self.cleaned_data["labels"] or []
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise forms.ValidationError(_("Labels are a list of texts."))
        if len(labels) > MAX_LABELS_PER_CAMPAIGN:
            raise forms.ValidationError(_("These are too many labels."))
        try:
            return list(dict.fromkeys(map(label_clean, labels)))
        except DomainError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


@admin.register(Campaign)
class CampaignAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "campaign", 20
    form = CampaignForm
    list_display = ("name", "platform", "workspace", "account", "state", "spend", "conversions", "updated_at")
    list_filter = (("platform", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("tenant", "ad_account")
    search_fields = ("name", "external_id")
    ordering = ("-pk",)
    editable = ("labels",)
    related = (
        Related(_("Days"), "campaigns.CampaignMetric", "campaign__id__exact"),
        Related(_("Restatements"), "campaigns.MetricRevision", "campaign__id__exact"),
        Related(_("Changes"), "campaigns.CampaignChange", "campaign__id__exact"),
        Related(_("Rule executions"), "rules.RuleExecution", "campaign__id__exact"),
        Related(_("Rule states"), "rules.RuleState", "campaign__id__exact"),
        Related(_("Alerts"), "rules.Alert", "campaign__id__exact"),
        Related(_("Creatives"), "creatives.CreativeAsset", "campaign__id__exact"),
        Related(_("Predictions"), "mlcache.MLPrediction", "campaign__id__exact"),
    )

    def get_queryset(self, request):
        # What a platform said word for word, and the breakdowns, are long and not part of any list.
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name.endswith("_changelist"):
            wide = [field.name for field in self.opts.concrete_fields if isinstance(field, JSONField)]
            return rows.defer(*wide)
        return rows

    @display(description=_("account"), ordering="ad_account__name")
    def account(self, row: Campaign) -> str:
        return admin_link(row.ad_account, row.ad_account.name if row.ad_account else "")

    @display(description=_("status"), label=_CAMPAIGN_COLOURS)
    def state(self, row: Campaign) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("spend"), ordering="total_spend_cents")
    def spend(self, row: Campaign) -> str:
        return format_money(row.total_spend_cents, row.currency)


@admin.register(CampaignChange)
class CampaignChangeAdmin(TenantModelAdmin):
    group, icon, place = "numbers", "published_with_changes", 25
    list_display = ("campaign", "field", "workspace", "state_word", "origin", "requested_at", "finished_at", "attempts")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("field", ChoicesDropdownFilter),
    )
    list_select_related = ("tenant", "campaign")
    search_fields = ("campaign__name", "error", "request_id")
    ordering = ("-pk",)
    actions = ("retry", "take_back")

    @admin.action(description=_("Ask again for what failed"), permissions=["operate"])
    @with_reason
    def retry(self, row: CampaignChange, actor: Actor) -> None:
        _send(row, change_retry(change=row, actor=actor))

    @admin.action(description=_("Take back"), permissions=["operate"])
    @with_reason
    def take_back(self, row: CampaignChange, actor: Actor) -> None:
        _send(row, change_undo(change=row, actor=actor))

    @display(description=_("state"), label=_CHANGE_COLOURS, ordering="state")
    def state_word(self, row: CampaignChange) -> tuple[str, str]:
        return row.state, row.get_state_display()


def _send(row: CampaignChange, asked: CampaignChange | None) -> None:
    if asked is not None:
        tasks.apply_changes.delay_on_commit(tenant_id=row.tenant_id, change_ids=[asked.pk])
