"""Business numbers of the workspace: connected, looked at, stopped and started, tried, removed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from stratum.lib.errors import DomainError
from stratum.lib.toasts import Level, toast
from whatsapp import services, tasks
from whatsapp.clients import sandbox
from whatsapp.forms.numbers import NumberChooseForm, NumberConnectForm, NumberTestForm
from whatsapp.models import WhatsAppContact, WhatsAppNumber
from whatsapp.queries import recipients
from whatsapp.queries.numbers import number_rows
from whatsapp.services.connecting import CONNECTED, LISTED
from whatsapp.views.number_table import number_table

# Tells htmx to stop polling.
STOP_POLLING = 286


@requires("view")
def number_list(request: HttpRequest) -> HttpResponse:
    """Page and fragment are one view; while a number is being looked at the fragment asks again."""
    rows = list(number_rows())
    context = {
        "table": number_table(request, rows),
        "is_moving": any(row.checked_at is None for row in rows),
        "may_connect": request.user.can("manage_connections"),
        "sandbox_offered": sandbox.is_offered() and (not rows or any(row.is_sandbox for row in rows)),
        "here": request.path,
    }
    if request.htmx:
        return render(request, "whatsapp/_numbers.html", context)
    return render(request, "whatsapp/number_list.html", context)


# --- Connecting ---------------------------------------------------------------------------------------------------


@requires("manage_connections", methods=("GET", "POST"))
def number_connect(request: HttpRequest) -> HttpResponse:
    """First step: the account and its token. What WhatsApp says to them, a worker finds out."""
    form = NumberConnectForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        found = services.connect_ask(user=request.user, **form.cleaned_data)
        tasks.list_numbers.delay_on_commit(tenant_id=request.tenant.pk, attempt_id=found.id)
        return redirect("whatsapp:number_choose", found.id)
    context = {"form": form, "sandbox_offered": sandbox.is_offered()}
    return render(request, "whatsapp/number_connect.html", context, status=422 if form.is_bound else 200)


@requires("manage_connections", methods=("POST",))
def number_connect_sandbox(request: HttpRequest) -> HttpResponse:
    try:
        found = services.connect_ask_sandbox(user=request.user)
    except DomainError as error:
        return _back(request, str(error), level="warning")
    tasks.list_numbers.delay_on_commit(tenant_id=request.tenant.pk, attempt_id=found.id)
    return redirect("whatsapp:number_choose", found.id)


@requires("manage_connections", methods=("GET", "POST"))
def number_choose(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Second step: wait for the account's numbers, and choose one."""
    attempt = services.connect_read(attempt_id, request.user)
    if attempt is None:
        return _back(request, _("This attempt is over. Begin again."), level="warning", to="whatsapp:number_connect")
    if attempt.state == CONNECTED:
        response = _back(request, _("The number is connected, and is being looked at."))
        return HttpResponse(status=STOP_POLLING, headers={"HX-Redirect": response.url}) if request.htmx else response
    form = (
        NumberChooseForm(request.POST if request.method == "POST" else None, numbers=attempt.numbers)
        if attempt.state == LISTED
        else None
    )
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            services.connect_finish(attempt=attempt, actor=request.actor, **form.cleaned_data)
        except DomainError as error:
            form.add_error("phone_number_id", str(error))
        else:
            tasks.look_at_new_numbers(request.tenant.pk)
            return _back(request, _("The number is connected, and is being looked at."))
    template = "whatsapp/_connect_step.html" if request.htmx else "whatsapp/number_choose.html"
    status = 422 if form is not None and form.is_bound else 200
    return render(request, template, {"attempt": attempt, "form": form}, status=status)


# --- One number ---------------------------------------------------------------------------------------------------


@requires("manage_connections", methods=("POST",))
def number_make_default(request: HttpRequest, pk: int) -> HttpResponse:
    number = services.number_make_default(number=_number(pk), actor=request.actor)
    return _back(request, _("Messages go out from “%(name)s” from now on.") % {"name": number.name})


@requires("manage_connections", methods=("POST",))
def number_check(request: HttpRequest, pk: int) -> HttpResponse:
    number = services.number_ask_check(number=_number(pk))
    tasks.check_tenant_numbers.delay_on_commit(tenant_id=request.tenant.pk, number_ids=[number.pk])
    return _back(request, _("“%(name)s” is being looked at.") % {"name": number.name}, level="info")


@requires("manage_connections", methods=("POST",))
def number_stop(request: HttpRequest, pk: int) -> HttpResponse:
    number = _number(pk)
    services.number_stop_by_person(number=number, actor=request.actor)
    text = _("“%(name)s” sends nothing until you start it again. What is queued waits.")
    return _back(request, text % {"name": number.name})


@requires("manage_connections", methods=("POST",))
def number_start(request: HttpRequest, pk: int) -> HttpResponse:
    number = _number(pk)
    try:
        services.number_start(number=number, actor=request.actor)
    except DomainError as error:
        return _back(request, str(error), level="warning")
    tasks.check_tenant_numbers.delay_on_commit(tenant_id=request.tenant.pk, number_ids=[number.pk])
    text = _("“%(name)s” is being looked at. It sends again once WhatsApp finds it well.")
    return _back(request, text % {"name": number.name}, level="info")


@requires("manage_connections", methods=("GET", "POST"))
def number_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose who gets a test message."""
    number, found = _number(pk), recipients()
    form = NumberTestForm(request.POST if request.method == "POST" else None, recipients=found)
    if request.method == "POST" and form.is_valid():
        contact = get_object_or_404(WhatsAppContact, pk=form.cleaned_data["contact"])
        try:
            services.number_test(number=number, contact=contact, actor=request.actor)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return _back(request, _("A test message is on its way. The ledger shows what becomes of it."), level="info")
    context = {"form": form, "number": number, "left_out": [one for one in found if one.obstacle]}
    return render(request, "whatsapp/number_test.html", context, status=422 if form.is_bound else 200)


@requires("manage_connections", methods=("POST",))
def number_remove(request: HttpRequest, pk: int) -> HttpResponse:
    number = _number(pk)
    failed = services.number_remove(number=number, actor=request.actor)
    text = _("“%(name)s” was removed, and its token destroyed.") % {"name": number.name}
    if failed:
        words = ngettext("%(count)s message that waited failed.", "%(count)s messages that waited failed.", failed)
        text = f"{text} {words % {'count': failed}}"
    return _back(request, text)


def _number(pk: int) -> WhatsAppNumber:
    return get_object_or_404(WhatsAppNumber, pk=pk)


def _back(
    request: HttpRequest, text: str, *, level: Level = "success", to: str = "whatsapp:number_list"
) -> HttpResponse:
    return toast(request, redirect(to), text, level=level)
