"""Connections: the list of ad accounts, connecting at a platform, choosing accounts, disconnecting."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from campaigns import tasks
from campaigns.choices import ConnectionStatus, Platform, SyncTrigger
from campaigns.clients.registry import supported_platforms
from campaigns.models import AdAccount, Connection
from campaigns.queries.connections import (
    AccountFilter,
    account_rows,
    connections_to_look_at,
    is_busy,
    newest_days,
)
from campaigns.services import connections as services
from campaigns.services.sync import sync_request
from campaigns.views.connection_reading import (
    COLUMNS,
    ORDERS,
    account_table,
    connect_buttons,
    connection_context,
    connection_lines,
    disconnect_consequences,
    filter_selects,
    refusal_words,
)
from campaigns.views.reading import is_fragment
from stratum.lib.consent import attempt_keep, attempt_take, is_public_host, to_consent
from stratum.lib.errors import DomainError
from stratum.lib.tables import TableState
from stratum.lib.toasts import toast

# Tells htmx to stop polling.
STOP_POLLING = 286


@requires("view")
def connection_list(request: HttpRequest) -> HttpResponse:
    """Every ad account of the workspace, what feeds it, and what waits for a person."""
    where = AccountFilter.from_query(request.GET)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="account")
    page = state.paginate(account_rows(where).order_by(*state.order_by(ORDERS)))
    context = {
        "table": account_table(request, state, page, where, newest_days(account.pk for account in page.rows)),
        "q": where.q,
        "selects": filter_selects(where),
        "kept": state.kept("q", "platform", "status"),
    }
    if is_fragment(request):
        return render(request, "components/data_table.html", context)
    context |= {
        "is_empty": not page.rows and not where.narrows,
        "lines": connection_lines(request, connections_to_look_at()),
        **_connect_context(request),
    }
    return render(request, "campaigns/connection_list.html", context)


def _connect_context(request: HttpRequest) -> dict[str, Any]:
    """The area that leads to the platforms."""
    if not request.user.can("manage_connections"):
        return {"may_connect": False}
    elsewhere = "" if is_public_host(request) else settings.PUBLIC_URL + reverse("campaigns:connection_list")
    return {"may_connect": True, "buttons": connect_buttons(), "connect_at": elsewhere}


# --- To the platform and back -------------------------------------------------------------------------------------


@requires("manage_connections", methods=("POST",))
def connection_start(request: HttpRequest, platform: str) -> HttpResponse:
    """Send the person to the platform's consent page."""
    if platform not in supported_platforms():
        raise Http404
    return _start(request, platform)


@requires("manage_connections", methods=("POST",))
def connection_reauthorise(request: HttpRequest, pk: int) -> HttpResponse:
    """The same way once more, for a connection that is there."""
    connection = get_object_or_404(Connection.objects.exclude(status=ConnectionStatus.ENDED), pk=pk)
    return _start(request, connection.platform, connection)


def _start(request: HttpRequest, platform: str, connection: Connection | None = None) -> HttpResponse:
    try:
        if not is_public_host(request):
            text = _("Accounts are connected at %(address)s: platforms send you back there.")
            raise DomainError(text % {"address": settings.PUBLIC_URL}, code="other_host")
        consent = services.consent_ask(platform, connection)
    except DomainError as error:
        response = HttpResponse(status=204) if request.htmx else redirect("campaigns:connection_list")
        return toast(request, response, str(error), level="error")
    attempt_keep(request, consent, platform, connection.pk if connection else None)
    label = str(Platform(platform).label)
    return to_consent(request, consent, label=label, back_url=reverse("campaigns:connection_list"))


@requires("manage_connections")
def connection_callback(request: HttpRequest, platform: str) -> HttpResponse:
    """Where platforms send people back to, with a code or with the reason why there is none."""
    if platform not in supported_platforms():
        raise Http404
    try:
        attempt = attempt_take(request, platform)
    except DomainError as error:
        return _refused(request, platform, str(error), status=400)
    earlier = Connection.objects.filter(pk=attempt.subject_id).first()
    # TikTok sends both names; its own is the one that is good.
    code = request.GET.get("auth_code") or request.GET.get("code", "")
    if not code:
        return _refused(request, platform, refusal_words(platform, request.GET), connection=earlier)
    if attempt.subject_id is not None and earlier is None:
        return _refused(request, platform, _("The connection was removed meanwhile."), status=400)
    try:
        connection = services.connection_request(
            platform=platform,
            code=code,
            code_verifier=attempt.code_verifier,
            redirect_uri=attempt.redirect_uri,
            connection=earlier,
            actor=request.actor,
        )
    except DomainError as error:
        return _refused(request, platform, str(error), status=400)
    tasks.finish_connection.delay_on_commit(tenant_id=connection.tenant_id, connection_id=connection.pk)
    return redirect("campaigns:connection_detail", pk=connection.pk)


def _refused(
    request: HttpRequest, platform: str, text: str, *, connection: Connection | None = None, status: int = 200
) -> HttpResponse:
    again = (
        reverse("campaigns:connection_reauthorise", args=[connection.pk])
        if connection
        else reverse("campaigns:connection_start", args=[platform])
    )
    as_before = _("The connection and its accounts are as they were before.")
    context = {
        "label": Platform(platform).label,
        "text": text,
        "kept": as_before if connection else _("Nothing was stored, and nothing of yours was changed."),
        "again_url": again,
        "back_url": reverse("campaigns:connection_list"),
        "back_label": _("Back to connections"),
        "crumbs": _crumbs(),
    }
    return render(request, "consent_refused.html", context, status=status)


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Connections"), reverse("campaigns:connection_list"))]


# --- One connection -------------------------------------------------------------------------------------------------


@requires("view")
def connection_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One connection: how it stands, which accounts it reaches, which of them it feeds."""
    return _detail(request, get_object_or_404(_with_person(), pk=pk))


def _detail(request: HttpRequest, connection: Connection, error: str = "", status: int = 200) -> HttpResponse:
    context = {**connection_context(request, connection), "crumbs": _crumbs(), "error": error}
    return render(request, "campaigns/connection_detail.html", context, status=status)


def _with_person() -> Any:
    return Connection.objects.select_related("connected_by").defer("access_token", "code", "code_verifier")


@requires("view")
def connection_progress_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked for every second while a worker is at it. The last answer stops the asking and loads the page anew."""
    connection = get_object_or_404(Connection, pk=pk)
    if not is_busy(connection):
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "campaigns/_connection_progress.html", {"connection": connection})


@requires("manage_connections", methods=("POST",))
def connection_attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the connection feed the accounts that were ticked."""
    connection = get_object_or_404(_with_person(), pk=pk)
    try:
        attached = services.accounts_attach(
            connection=connection, external_ids=request.POST.getlist("external_ids"), actor=request.actor
        )
    except DomainError as error:
        return _detail(request, connection, str(error), status=422)
    for account in attached:
        run = sync_request(account=account, trigger=SyncTrigger.CONNECTION, actor=request.actor)
        tasks.sync_account.delay_on_commit(tenant_id=account.tenant_id, run_id=run.pk)
    count = len(attached)
    text = ngettext(
        "%(count)s account is connected. Its first numbers are on their way.",
        "%(count)s accounts are connected. Their first numbers are on their way.",
        count,
    ) % {"count": count}
    return toast(request, redirect("campaigns:connection_list"), text if count else _("Nothing had to be changed."))


@requires("manage_connections", methods=("POST",))
def connection_refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Load the list of accounts anew."""
    connection = get_object_or_404(Connection, pk=pk)
    response = redirect("campaigns:connection_detail", pk=pk)
    try:
        services.connection_list_request(connection=connection, actor=request.actor)
    except DomainError as error:
        return toast(request, response, str(error), level="error")
    tasks.list_connection_accounts.delay_on_commit(tenant_id=connection.tenant_id, connection_id=pk)
    return response


@requires("manage_connections", methods=("POST",))
def connection_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a connection that feeds no account."""
    connection = get_object_or_404(Connection, pk=pk)
    try:
        services.connection_remove(connection=connection, actor=request.actor)
    except DomainError as error:
        return toast(request, redirect("campaigns:connection_detail", pk=pk), str(error), level="error")
    return toast(request, redirect("campaigns:connection_list"), _("The connection was removed."))


@requires("manage_connections", methods=("GET", "POST"))
def connection_account_disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """First what will happen, as a dialog or as a page; then it happens."""
    account = get_object_or_404(AdAccount.objects.select_related("connection"), pk=pk)
    response = redirect("campaigns:connection_list")
    if account.connection_id is None:
        gone = HttpResponse(status=204) if is_fragment(request) else response
        return toast(request, gone, _("This account is not connected."), level="info")
    if request.method == "GET":
        context = {"account": account, "consequences": disconnect_consequences(account), "crumbs": _crumbs()}
        part = "_account_disconnect_dialog" if is_fragment(request) else "account_disconnect"
        return render(request, f"campaigns/{part}.html", context)
    try:
        services.account_disconnect(account=account, actor=request.actor)
    except DomainError as error:
        return toast(request, response, str(error), level="error")
    text = _("“%(name)s” is disconnected. Its campaigns and numbers stay.")
    return toast(request, response, text % {"name": account.name})
