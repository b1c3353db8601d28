"""Exchange rates: the same for all workspaces, loaded by a job, completed and corrected by an uploaded table."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.admin.base import StaffModelAdmin
from accounts.admin.forms import ReasonField
from accounts.audit import record
from accounts.choices import AuditAction
from campaigns.models import ExchangeRate
from campaigns.services.rates import COLUMNS, rates_import_csv
from stratum.lib.errors import DomainError


class RatesForm(forms.Form):
    file = forms.FileField(
        label=_("Table of rates"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,text/csv"})
    )
    reason = ReasonField()


@admin.register(ExchangeRate)
class ExchangeRateAdmin(StaffModelAdmin):
    group, icon, place = "numbers", "currency_exchange", 50
    list_display = ("date", "currency", "per_euro", "source")
    list_filter = (("date", RangeDateFilter), "source")
    search_fields = ("currency__iexact", "source__iexact")
    search_help_text = _("Code of a currency, or source")
    ordering = ("-date", "currency")
    removable = True
    actions_list = ("upload_rates",)

    @action(description=_("Upload a table"), url_path="upload", icon="upload", permissions=["operate"])
    def upload_rates(self, request: HttpRequest) -> HttpResponse:
        if not self.has_operate_permission(request):
            raise PermissionDenied
        form = RatesForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and self._store(request, form):
            return redirect("admin:campaigns_exchangerate_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Upload a table of exchange rates"),
            "opts": self.opts,
            "form": form,
            "columns": ",".join(COLUMNS),
        }
        return TemplateResponse(request, "admin/campaigns/exchangerate/upload.html", context)

    def _store(self, request: HttpRequest, form: RatesForm) -> bool:
        try:
            result = rates_import_csv(content=form.cleaned_data["file"].read())
        except DomainError as refusal:
            form.add_error("file", str(refusal))
            return False
        record(
            actor=self.actor(request, form.cleaned_data["reason"]),
            action=AuditAction.UPDATE,
            resource=ExchangeRate._meta.db_table,
            new={"operation": "rates_uploaded", "added": result.added, "changed": result.changed},
            tenant_id=request.tenant.pk,
        )
        text = gettext("%(added)s rates added, %(changed)s corrected, %(same)s as they were.")
        same = result.given - result.added - result.changed
        self.message_user(
            request, text % {"added": result.added, "changed": result.changed, "same": same}, messages.SUCCESS
        )
        return True
