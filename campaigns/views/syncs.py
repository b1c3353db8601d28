"""Syncs as people see them: live progress, 'Sync now', and the runs of an account."""

from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_htmx.http import trigger_client_event

from accounts.decorators import requires
from campaigns import tasks
from campaigns.choices import SyncStatus, SyncTrigger
from campaigns.models import AdAccount, SyncRun
from campaigns.queries.sync import account_syncs, accounts_to_ask, runs_of
from campaigns.services.sync import sync_request
from campaigns.views.reading import is_fragment
from campaigns.views.sync_reading import (
    COLUMNS,
    outcome_selects,
    outcome_tag,
    run_facts,
    run_table,
    step_table,
    sync_panel,
)
from stratum.lib.errors import DomainError
from stratum.lib.tables import TableState
from stratum.lib.toasts import toast
from stratum.templatetags.ui import platform_mark, simulated_mark

# Tells htmx to stop polling.
STOP_POLLING = 286
# What a page that shows syncs refreshes its figures on.
OVER = "sync-over"


@requires("view")
def sync_progress_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the account's sync is. `?run=` names the run that was seen last: its end stops the asking and tells the
    page, once, to fetch the figures around it anew."""
    account = get_object_or_404(AdAccount, pk=pk)
    sync = account_syncs([account.pk])[account.pk]
    every = request.GET.get("every", "")
    panel = sync_panel(sync, every=int(every) if every.isascii() and every.isdigit() and len(every) < 4 else 0)
    context = {"sync": panel, "may_sync": request.user.can("import_data")}
    response = render(request, "campaigns/_sync_progress.html", context)
    if sync.running is None:
        response.status_code = STOP_POLLING
        if request.GET.get("run"):
            trigger_client_event(response, OVER)
    return response


@requires("import_data", methods=("POST",))
def account_sync(request: HttpRequest, pk: int) -> HttpResponse:
    """Sync now. When one is under way already, that is said, and its pause ends."""
    account = get_object_or_404(AdAccount, pk=pk)
    before = account_syncs([account.pk])[account.pk].running
    text, level = _("The sync has begun."), "success"
    try:
        run = sync_request(account=account, trigger=SyncTrigger.PERSON, actor=request.actor)
        tasks.sync_account.delay_on_commit(tenant_id=run.tenant_id, run_id=run.pk)
        if before is not None and before.run_id == run.pk:
            text, level = _("A sync of this account is under way already."), "info"
    except DomainError as error:
        text, level = str(error), "error"
    if not is_fragment(request):
        return toast(request, redirect("campaigns:sync_list", pk=pk), text, level=level)
    context = {"sync": sync_panel(account_syncs([account.pk])[account.pk]), "may_sync": True}
    return toast(request, render(request, "campaigns/_sync_progress.html", context), text, level=level)


@requires("import_data", methods=("POST",))
def account_sync_all(request: HttpRequest) -> HttpResponse:
    """Sync every connected account now."""
    response = redirect("campaigns:data_health")
    begun = 0
    for account in accounts_to_ask():
        with suppress(DomainError):  # disconnected a moment ago
            run = sync_request(account=account, trigger=SyncTrigger.PERSON, actor=request.actor)
            tasks.sync_account.delay_on_commit(tenant_id=run.tenant_id, run_id=run.pk)
            begun += 1
    if not begun:
        return toast(request, response, _("No account is connected: there is nothing to sync from."), level="warning")
    text = ngettext("%(count)s account is being synced.", "%(count)s accounts are being synced.", begun)
    return toast(request, response, text % {"count": begun})


@requires("view")
def sync_list(request: HttpRequest, pk: int) -> HttpResponse:
    """The account's syncs, newest first."""
    account = get_object_or_404(AdAccount, pk=pk)
    status = request.GET.get("status", "")
    status = status if status in SyncStatus.values else ""
    state = TableState.from_query(request.GET, COLUMNS, default_sort="started")
    context = {
        "table": run_table(request, account, state, state.paginate(runs_of(account, status)), narrowed=bool(status))
    }
    if is_fragment(request):
        return render(request, "components/data_table.html", context)
    context |= {
        "account": account,
        "sync": sync_panel(account_syncs([account.pk])[account.pk]),
        "may_sync": request.user.can("import_data"),
        "selects": outcome_selects(status),
        "kept": state.kept("status"),
        "crumbs": [(_("Data health"), reverse("campaigns:data_health"))],
        "sub": platform_mark(account.platform),
        "badge": simulated_mark() if account.is_sandbox else "",
    }
    return render(request, "campaigns/sync_list.html", context)


@requires("view")
def sync_detail(request: HttpRequest, pk: int, run: int) -> HttpResponse:
    """One sync with the steps of its plan."""
    account = get_object_or_404(AdAccount, pk=pk)
    found = get_object_or_404(SyncRun.objects.select_related("requested_by"), pk=run, ad_account=account)
    context = {
        "run": found,
        "account": account,
        "badge": outcome_tag(found),
        "facts": run_facts(found, account),
        "steps": step_table(request, found),
        "crumbs": [
            (_("Data health"), reverse("campaigns:data_health")),
            (account.name, reverse("campaigns:sync_list", args=[account.pk])),
        ],
    }
    return render(request, "campaigns/sync_detail.html", context)
