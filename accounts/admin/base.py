"""What every staff page does the same way.

A page shows all columns but secrets; `editable` names those that may be changed. Every write is audited with the
staff member and their reason, in the transaction of the request. Personal data is masked in lists, and everywhere
for staff who may only look. Rows of tables with soft delete are hidden, never removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin.filters import TENANT_FILTER, DeletedFilter
from accounts.admin.forms import StaffActionForm, StaffForm
from accounts.admin.masks import mask_row, masked, personal_fields, secret_fields
from accounts.admin.paging import BoundedChangeList, BoundedPaginator
from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

# A search by the name of a related row looks at this many of them: enough for a person, cheap on any table.
RELATED_MATCHES = 200
COUNT_RELATED_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Related:
    """Rows of another table that belong to this one: `model` as app.Model, `lookup` its filter on this row's id."""

    label: Any
    model: str
    lookup: str


@dataclass(frozen=True, slots=True)
class Glance:
    """A figure of the overview. `urgent` ones are coloured when they are not zero."""

    label: Any
    value: int
    url: str
    urgent: bool = False


class StaffModelAdmin(ModelAdmin):
    """Base of all staff pages, for tables with and without a workspace."""

    # Place in the sidebar.
    group = ""
    icon = "table"
    place = 50

    # What superusers may change; all else is shown. Nothing is added or removed unless a page says so.
    editable: tuple[str, ...] = ()
    addable = False
    removable = False
    hidden: tuple[str, ...] = ()
    # Rows elsewhere that belong to a row, as links on its page.
    related: tuple[Related, ...] = ()
    # Text search over a foreign key's row: {"campaign": "name"}.
    search_related: dict[str, str] = {}

    form = StaffForm
    action_form = StaffActionForm
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
        models.JSONField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
    }
    delete_confirmation_template = "admin/delete_with_reason.html"
    save_as = False

    # --- who may do what: staff look, superusers among them act ------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_operate_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whether actions may be run."""
        return request.user.is_active and request.user.is_staff and request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.addable and self.has_operate_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return bool(self.editable) and self.has_operate_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        if obj is not None and getattr(obj, "is_deleted", False):
            return False
        return self.removable and self.has_operate_permission(request)

    # --- rows -------------------------------------------------------------------------------------------------------

    @property
    def soft_deletes(self) -> bool:
        return any(field.name == "is_deleted" for field in self.opts.concrete_fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        manager = self.model.including_deleted if self.soft_deletes else self.model._default_manager
        rows = manager.get_queryset().defer(*secret_fields(self.model))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> models.Model | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None and not self.has_operate_permission(request):
            self._mask_with_people(row)
        return row

    @staticmethod
    def _mask_with_people(row: models.Model) -> None:
        """For those who may only look: masks on the row itself and on the people it points to."""
        mask_row(row)
        for field in row._meta.concrete_fields:
            if field.is_relation and personal_fields(field.related_model) and getattr(row, field.name) is not None:
                mask_row(getattr(row, field.name))

    def list_label(self, row: models.Model) -> str:
        """The row's name as lists and search boxes may show it."""
        return str(masked(str(row))) if personal_fields(self.model) else str(row)

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[BoundedChangeList]:
        return BoundedChangeList

    # --- lists ------------------------------------------------------------------------------------------------------

    def get_list_filter(self, request: HttpRequest) -> list:
        filters = list(super().get_list_filter(request))
        return [*filters, DeletedFilter] if self.soft_deletes else filters

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        # Ids can be searched in every table, so that no list is without its search box.
        return tuple(super().get_search_fields(request)) or ("pk",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Rows by id, by text, or by the text of a related row. Encrypted columns are never compared."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = models.Q(pk=int(term)) if term.isdigit() and len(term) < 19 else models.Q(pk__in=[])
        for field in self.search_fields:
            found |= models.Q(**{field if "__" in field else f"{field}__icontains": term})
        for name, column in self.search_related.items():
            found |= self._related_matches(name, column, term)
        return queryset.filter(found | self.more_matches(term)), False

    def more_matches(self, term: str) -> models.Q:
        """Further ways in which a page finds rows, by a keyed hash say."""
        return models.Q(pk__in=[])

    def _related_matches(self, name: str, column: str, term: str) -> models.Q:
        related = self.opts.get_field(name).related_model
        rows = related._base_manager.filter(**{f"{column}__icontains": term}).order_by("-pk")
        return models.Q(**{f"{name}__in": list(rows.values_list("pk", flat=True)[:RELATED_MATCHES])})

    # --- forms ------------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> list:
        """What can be changed and why it is changed stand first, the other columns below them."""
        shown = self._shown_columns()
        links = ["related_rows"] if obj is not None and self.related else []
        if not (self.has_change_permission(request, obj) if obj else self.has_add_permission(request)):
            return [(None, {"fields": [*links, *shown, *self.readonly_fields]})]
        changeable = [name for name in shown if name in self.editable]
        sets = [(None, {"fields": [*links, *changeable, "reason"]})]
        if obj is not None:
            fixed = [name for name in shown if name not in self.editable]
            sets.append((gettext_lazy("Other columns"), {"fields": [*fixed, *self.readonly_fields]}))
        return sets

    def _shown_columns(self) -> list[str]:
        """All columns but secrets."""
        kept_back = secret_fields(self.model) | set(self.hidden)
        return [field.name for field in self.opts.concrete_fields if field.name not in kept_back]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        fixed = [name for name in self._shown_columns() if name not in self.editable]
        return [*fixed, "related_rows", *super().get_readonly_fields(request, obj)]

    @admin.display(description=gettext_lazy("Belongs to it"))
    def related_rows(self, row: models.Model) -> str:
        links = ((url, label, count) for url, label, count in self._related_links(row))
        return format_html_join(
            "",
            '<a class="border border-base-200 dark:border-base-700 inline-block mb-1 mr-1 px-2 py-1 rounded-default" '
            'href="{}">{} <strong>{}</strong></a>',
            links,
        )

    def _related_links(self, row: models.Model) -> Iterator[tuple[str, str, str]]:
        for entry in self.related:
            model = apps.get_model(entry.model)
            count = model._default_manager.filter(**{entry.lookup: row.pk})[: COUNT_RELATED_AT_MOST + 1].count()
            shown = f"{COUNT_RELATED_AT_MOST}+" if count > COUNT_RELATED_AT_MOST else str(count)
            yield f"{changelist_url(model)}?{urlencode({entry.lookup: row.pk})}", str(entry.label), shown

    # --- writes -----------------------------------------------------------------------------------------------------

    def actor(self, request: HttpRequest, reason: str) -> Actor:
        return replace(request.actor, reason=reason)

    def audit_tenant_id(self, request: HttpRequest, row: models.Model) -> int:
        """Whose trail tells of a change: the row's workspace, or for tables without one the staff member's own."""
        return getattr(row, "tenant_id", None) or request.tenant.pk

    def save_model(self, request: HttpRequest, obj: models.Model, form: StaffForm, change: bool) -> None:
        """Write only what was changed in the form: counters and statuses move while it is open."""
        if not change:
            obj.save()
            self._record(request, AuditAction.CREATE, obj, form.cleaned_data["reason"], new=snapshot(obj))
            return
        names = [name for name in form.changed_data if name in self.editable]
        if not names:
            return
        old = snapshot(type(obj)._base_manager.get(pk=obj.pk), names)
        touched = ["updated_at"] if any(f.name == "updated_at" for f in self.opts.concrete_fields) else []
        obj.save(update_fields=[*names, *touched])
        reason = form.cleaned_data["reason"]
        self._record(request, AuditAction.UPDATE, obj, reason, old=old, new=snapshot(obj, names))

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        reason = request.POST["reason"].strip()
        if self.delete_by_service(obj, self.actor(request, reason)):
            return
        if self.soft_deletes:
            self._hide(obj)
            self._record(request, AuditAction.DELETE, obj, reason, old={"is_deleted": False}, new={"is_deleted": True})
            return
        self._record(request, AuditAction.DELETE, obj, reason, old=snapshot(obj))
        obj.delete()

    def delete_by_service(self, row: models.Model, actor: Actor) -> bool:
        """Pages of tables whose deletion is a service call it here and say so."""
        return False

    def _hide(self, row: models.Model) -> None:
        row.is_deleted = True
        names = ["is_deleted", "updated_at"]
        if any(field.name == "deleted_at" for field in self.opts.concrete_fields):
            row.deleted_at = timezone.now()
            names.append("deleted_at")
        row.save(update_fields=names)

    def _record(
        self,
        request: HttpRequest,
        action: AuditAction,
        row: models.Model,
        reason: str,
        *,
        old: dict | None = None,
        new: dict | None = None,
    ) -> None:
        record(
            actor=self.actor(request, reason),
            action=action,
            resource=row,
            old=old,
            new=new,
            tenant_id=self.audit_tenant_id(request, row),
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        if request.method == "POST" and not request.POST.get("reason", "").strip():
            messages.error(request, _("Say why: the reason is kept in the audit trail."))
            return redirect(request.get_full_path())
        return super().delete_view(request, object_id, {"hides_only": self.soft_deletes, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any) -> HttpResponse:
        # One reason is for one row.
        return super().render_change_form(request, {**context, "show_save_and_add_another": False}, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list, dict, set, list]:
        if self.soft_deletes:
            # Hidden alone; what belongs to it stays where it is.
            return [self.list_label(row) for row in objs], {str(self.opts.verbose_name): len(objs)}, set(), []
        return super().get_deleted_objects(objs, request)

    # Django's own log keeps the name of a row in clear text, a person's too. The audit trail takes its place.
    def log_addition(self, request: HttpRequest, obj: models.Model, message: object) -> None:
        return None

    def log_change(self, request: HttpRequest, obj: models.Model, message: object) -> None:
        return None

    def log_deletions(self, request: HttpRequest, queryset: object) -> None:
        return None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        trail = reverse("admin:accounts_auditlog_changelist")
        query = urlencode({"resource_type__exact": self.opts.db_table, "resource_id__exact": object_id})
        return HttpResponseRedirect(f"{trail}?{query}")

    def glances(self, request: HttpRequest) -> list[Glance]:
        """This page's figures on the overview."""
        return []


class TenantModelAdmin(StaffModelAdmin):
    """Base of pages of tables that belong to a workspace: filtered by it, and led to it."""

    list_select_related: tuple[str, ...] = ("tenant",)
    # Order of a list that is filtered by workspace, where an index begins with the workspace.
    tenant_ordering: tuple[str, ...] = ()

    def get_list_filter(self, request: HttpRequest) -> list:
        return [TENANT_FILTER, *super().get_list_filter(request)]

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        filtered = "tenant__id__exact" in request.GET
        return self.tenant_ordering if filtered and self.tenant_ordering else super().get_ordering(request) or ("-pk",)

    @admin.display(description=gettext_lazy("workspace"), ordering="tenant__name")
    def workspace(self, row: models.Model) -> str:
        return admin_link(row.tenant)


def with_reason(action: Any) -> Any:
    """An action on selected rows that needs the reason beside it, runs row by row, and says how it went.

    The action is a method `(self, row, actor)`, called with the row's workspace bound, as services expect. A
    DomainError of one row is shown and takes back what was done for it; the others go on.
    """

    @wraps(action)
    def run(self: StaffModelAdmin, request: HttpRequest, queryset: QuerySet) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, _("Say why: the reason is kept in the audit trail."), messages.ERROR)
            return
        done = 0
        for row in queryset:
            try:
                with tenant_context(row.tenant_id), transaction.atomic():
                    action(self, row, self.actor(request, reason))
                done += 1
            except DomainError as refusal:
                self.message_user(request, f"{self.list_label(row)}: {refusal}", messages.WARNING)
        if done:
            text = ngettext("Done for %(count)d row.", "Done for %(count)d rows.", done)
            self.message_user(request, text % {"count": done}, messages.SUCCESS)

    return run


def changelist_url(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change_url(row: models.Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def admin_link(row: models.Model | None, text: str = "") -> str:
    """A link to a row's staff page; an en dash for none. People are named as lists name them."""
    if row is None:
        return "–"
    label = text or (masked(str(row)) if personal_fields(type(row)) else str(row))
    return format_html('<a class="text-primary-600 dark:text-primary-400" href="{}">{}</a>', change_url(row), label)
