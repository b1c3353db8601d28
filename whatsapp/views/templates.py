"""Templates of the workspace: listed, shown as on a phone, handed in, mapped, deleted, fetched."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from stratum.lib.errors import DomainError
from stratum.lib.tables import TableState
from stratum.lib.toasts import Level, toast
from whatsapp import services, tasks
from whatsapp.choices import TemplateCategory
from whatsapp.clients.templates import shape
from whatsapp.forms.templates import TemplateForm
from whatsapp.models import WhatsAppTemplate
from whatsapp.queries.numbers import OWN_STATUSES
from whatsapp.queries.numbers import template_sync as sync_state
from whatsapp.queries.templates import TemplateFilter, sendable, template_rows
from whatsapp.views.bubbles import bubble
from whatsapp.views.template_table import (
    COLUMNS,
    ORDERS,
    filter_selects,
    result_words,
    slot_rows,
    template_facts,
    template_state,
    template_table,
)


@requires("view")
def template_list(request: HttpRequest) -> HttpResponse:
    where = TemplateFilter.from_query(request.GET)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name")
    page = state.paginate(template_rows(where).order_by(*state.order_by(ORDERS)))
    sync = sync_state(timezone.now())
    table = template_table(request, state, page, is_filtered=where.narrows, is_connected=sync.is_connected)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    context = {
        "table": table,
        "q": where.q,
        "selects": filter_selects(where),
        "kept": state.kept("q", "state", "category", "language"),
        "list_url": request.get_full_path(),
        "may_edit": request.user.can("edit_contacts"),
        **_sync_context(sync),
    }
    return render(request, "whatsapp/template_list.html", context)


def _sync_context(sync: Any) -> dict[str, Any]:
    return {"sync": sync, "sync_words": result_words(sync.result), "sync_error": (sync.result or {}).get("error", "")}


@requires("view")
def template_sync_panel(request: HttpRequest) -> HttpResponse:
    """How far fetching is. Asked again while it runs; the list follows when it is over."""
    sync = sync_state(timezone.now())
    context = {**_sync_context(sync), "may_edit": request.user.can("edit_contacts")}
    response = render(request, "whatsapp/_template_sync.html", context)
    if not sync.is_running:
        response["HX-Trigger"] = "templates-synced"
    return response


@requires("edit_contacts", methods=("POST",))
def template_sync(request: HttpRequest) -> HttpResponse:
    try:
        services.templates_ask(actor=request.actor)
    except DomainError as error:
        return _back(request, str(error), level="warning")
    tasks.sync_tenant_templates.delay_on_commit(tenant_id=request.tenant.pk)
    return _back(request, _("Templates are being fetched."), level="info")


@requires("edit_contacts", methods=("POST",))
def template_create_standard(request: HttpRequest) -> HttpResponse:
    """Hand in what Stratum needs and the account does not have."""
    try:
        made = services.templates_create_standard(actor=request.actor)
    except DomainError as error:
        return _back(request, str(error), level="warning")
    if not made:
        return _back(request, _("All of Stratum’s templates are there already."), level="info")
    tasks.sync_tenant_templates.delay_on_commit(tenant_id=request.tenant.pk)
    words = ngettext(
        "%(count)s template is being handed in. WhatsApp reviews it, mostly within minutes.",
        "%(count)s templates are being handed in. WhatsApp reviews them, mostly within minutes.",
        made,
    )
    return _back(request, words % {"count": made})


@requires("edit_contacts", methods=("GET", "POST"))
def template_create(request: HttpRequest) -> HttpResponse:
    form = TemplateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and "preview" not in request.POST and form.is_valid():
        draft = form.draft()
        try:
            row = services.template_create(draft=draft, variables=form.variables(draft), actor=request.actor)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            tasks.sync_tenant_templates.delay_on_commit(tenant_id=request.tenant.pk)
            text = _("“%(name)s” is being handed in. WhatsApp reviews it, mostly within minutes.") % {"name": row.name}
            return toast(request, redirect("whatsapp:template_detail", row.pk), text, level="success")
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "whatsapp/template_form.html", _form_context(form), status=status)


@requires("edit_contacts", methods=("POST",))
def template_preview_panel(request: HttpRequest) -> HttpResponse:
    """What is typed so far, as on a phone; the placeholders' own fields come along when others are there now."""
    form = TemplateForm(request.POST)
    context = _form_context(form)
    # A code has none of its own: what was typed for a text stays for whoever changes their mind.
    context["slots_changed"] = not form.draft().is_code and request.POST.get("slots", "") != context["slot_keys"]
    return render(request, "whatsapp/_template_preview.html", context)


def _form_context(form: TemplateForm) -> dict[str, Any]:
    slots = form.slots()
    return {
        "form": form,
        "slots": slots,
        "slot_keys": " ".join(slot["key"] for slot in slots),
        "bubble": bubble(form.draft()),
    }


@requires("view")
def template_detail(request: HttpRequest, pk: int) -> HttpResponse:
    template = get_object_or_404(WhatsAppTemplate, pk=pk)
    may_edit = request.user.can("edit_contacts")
    context = {
        "template": template,
        "state": template_state(template),
        "verdict": sendable(template),
        "is_moving": template.status in OWN_STATUSES,
        "facts": template_facts(template),
        "bubble": bubble(template),
        "slots": slot_rows(template),
        "unknown": shape(template.components).unknown,
        "may_map": may_edit and template.category != TemplateCategory.AUTHENTICATION,
        "may_delete": may_edit and template.status not in OWN_STATUSES,
        "crumbs": [(_("Templates"), reverse("whatsapp:template_list"))],
    }
    if request.htmx:
        return render(request, "whatsapp/_template_state.html", context)
    return render(request, "whatsapp/template_detail.html", context)


@requires("edit_contacts", methods=("POST",))
def template_map(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what fills each placeholder."""
    template = get_object_or_404(WhatsAppTemplate, pk=pk)
    chosen = {slot["key"]: request.POST.get(f"variable_{slot['key']}", "") for slot in slot_rows(template)}
    to = reverse("whatsapp:template_detail", args=[pk])
    try:
        services.template_map(
            template=template, variables={key: name for key, name in chosen.items() if name}, actor=request.actor
        )
    except DomainError as error:
        return _back(request, str(error), level="warning", to=to)
    return _back(request, _("What fills the placeholders is saved."), to=to)


@requires("edit_contacts", methods=("POST",))
def template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    template = get_object_or_404(WhatsAppTemplate, pk=pk)
    try:
        left = services.template_delete(template=template, actor=request.actor)
    except DomainError as error:
        return _back(request, str(error), level="warning", to=reverse("whatsapp:template_detail", args=[pk]))
    if left is None:
        return _back(request, _("“%(name)s” is gone.") % {"name": template.name})
    tasks.sync_tenant_templates.delay_on_commit(tenant_id=request.tenant.pk)
    return _back(request, _("“%(name)s” is being deleted at WhatsApp.") % {"name": template.name}, level="info")


def _back(request: HttpRequest, text: str, *, level: Level = "success", to: str = "") -> HttpResponse:
    return toast(request, redirect(to or "whatsapp:template_list"), text, level=level)
