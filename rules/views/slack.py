"""Slack targets of the workspace: added, tried with a test message, removed."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from rules import services, tasks
from rules.choices import SlackKind, SlackState, SlackStatus
from rules.clients.slack import is_sandbox
from rules.forms import SlackTargetForm
from rules.models import SlackTarget
from rules.queries.slack import OPEN, install_choices, people_told_in, target_rows
from rules.views.answers import done
from rules.views.pages import show
from rules.views.slack_installs import install_context
from stratum.lib.errors import DomainError
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import simulated_mark, status_tag

COLUMNS = (
    Column("name", gettext_lazy("Channel"), kind="main", required=True),
    Column("state", gettext_lazy("State"), kind="status"),
    Column("last", gettext_lazy("Last message")),
    Column("secret", gettext_lazy("Secret")),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
# The tag of each state: a name of stratum.templatetags.ui.STATUSES.
_STATE_LOOK = {
    SlackState.PENDING: "queued",
    SlackState.SENDING: "running",
    SlackState.SENT: "done",
    SlackState.FAILED: "failed",
    SlackState.MAYBE_SENT: "warning",
}
_SHOWN_OF_SECRET = 4


@requires("manage_settings")
def slack_target_list(request: HttpRequest) -> HttpResponse:
    """Page and fragment are one view; while a message is on its way the fragment asks again."""
    if request.htmx:
        return render(request, "rules/_slack_targets.html", _list_context(request))
    return _page(request, SlackTargetForm(installs=install_choices()))


@requires("manage_settings", methods=("POST",))
def slack_target_create(request: HttpRequest) -> HttpResponse:
    form = SlackTargetForm(request.POST, installs=install_choices())
    page = reverse("rules:slack_target_list")
    if form.is_valid():
        try:
            target = services.slack_target_create(draft=form.draft(), actor=request.actor)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            text = _("“%(name)s” is set up. Send a test message to see whether it arrives.") % {"name": target.name}
            return done(request, text, to=page, stay=False)
    return _page(request, form, status=422)


def _page(request: HttpRequest, form: SlackTargetForm, *, status: int = 200) -> HttpResponse:
    context = {**_list_context(request), **install_context(request), "form": form}
    return show(request, "rules/slack_target_list.html", context, status=status)


@requires("manage_settings", methods=("POST",))
def slack_target_test(request: HttpRequest, pk: int) -> HttpResponse:
    target = get_object_or_404(SlackTarget, pk=pk)
    page = reverse("rules:slack_target_list")
    try:
        services.slack_target_test(target=target, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=page, level="warning")
    tasks.send_slack.delay_on_commit(tenant_id=request.tenant.pk)
    text = _("A test message to “%(name)s” is on its way. The list shows what became of it.") % {"name": target.name}
    return done(request, text, to=page, level="info")


@requires("manage_settings", methods=("POST",))
def slack_target_remove(request: HttpRequest, pk: int) -> HttpResponse:
    target = get_object_or_404(SlackTarget, pk=pk)
    services.slack_target_remove(target=target, actor=request.actor)
    text = _("“%(name)s” was removed, and its secret destroyed.") % {"name": target.name}
    return done(request, text, to=reverse("rules:slack_target_list"))


def _list_context(request: HttpRequest) -> dict[str, Any]:
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name")
    rows, told = list(target_rows()), people_told_in()
    path = reverse("rules:slack_target_list")
    table = Table(
        "slack-targets",
        _("Slack channels"),
        state,
        [_row(request, target, told[target.pk]) for target in rows],
        path=path,
        as_cards=True,
        empty={
            "icon": "message-square",
            "title": _("No Slack channel yet"),
            "text": _("Add one: rules can then write to it, one message for each run."),
        },
    )
    return {"table": table, "is_moving": any(one.last_state in OPEN for one in rows), "here": path}


def _row(request: HttpRequest, target: Any, told: int) -> Row:
    actions = {"target": target, "told": told, "csrf_token": get_token(request)}
    secret = _secret(target)
    name = target.name if not is_sandbox(secret) else format_html("{} {}", target.name, simulated_mark(in_list=True))
    way = [target.get_kind_display(), target.install.team_name if target.install else "", target.channel]
    return Row(
        str(target.pk),
        (
            Cell(name, sub=" · ".join(filter(None, way))),
            Cell(_state(target), sub=target.last_error, css="cell-text"),
            Cell(_last(target), sub=_moment(target.last_message_at)),
            Cell(f"…{secret[-_SHOWN_OF_SECRET:]}", css="num"),
            Cell(render_to_string("rules/_slack_target_actions.html", actions)),
        ),
        name=target.name,
    )  # fmt: skip


def _secret(target: SlackTarget) -> str:
    """What opens the channel: a bot of an installation has its token."""
    if target.kind != SlackKind.BOT:
        return target.url
    return target.token if target.install is None else target.install.access_token


def _state(target: SlackTarget) -> Any:
    if target.status == SlackStatus.BROKEN:
        return status_tag("failed", target.get_status_display())
    if target.failures:
        words = ngettext("Refused %(count)s time", "Refused %(count)s times", target.failures)
        return status_tag("warning", words % {"count": target.failures})
    return status_tag("ok", target.get_status_display())


def _last(target: Any) -> Any:
    if target.last_state is None:
        return _("none yet")
    state = SlackState(target.last_state)
    return status_tag(_STATE_LOOK[state], state.label)


def _moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i") if moment else ""
