"""The alerts centre and the bell."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from rules import services
from rules.choices import AlertStatus, Outcome, Severity
from rules.conditions.wording import reason
from rules.models import Alert
from rules.queries.alerts import alert_explanation, alert_rows, bell
from rules.views.answers import done
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.figures import TIMES, format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, status_tag

COLUMNS = (
    Column("title", gettext_lazy("Alert"), kind="main", sortable=True, required=True),
    Column("severity", gettext_lazy("Severity"), kind="status", sortable=True),
    Column("campaign", gettext_lazy("Campaign")),
    Column("occurrences", gettext_lazy("Times"), kind="number", sortable=True),
    Column("first", gettext_lazy("First"), sortable=True),
    Column("last", gettext_lazy("Last"), sortable=True),
    Column("status", gettext_lazy("State"), kind="status"),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
_ORDER = {
    "title": "title",
    "severity": "rank",
    "occurrences": "occurrences",
    "first": "first_at",
    "last": "last_at",
}
# Every status in one list; without the parameter the open ones are shown.
ALL = "all"


@requires("view")
def alert_list(request: HttpRequest) -> HttpResponse:
    q, severity = request.GET.get("q", "").strip(), request.GET.get("severity", "")
    status = request.GET.get("status", "") or AlertStatus.OPEN.value
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-severity")
    rows = alert_rows(status="" if status == ALL else status, severity=severity, q=q)
    page = state.paginate(rows.order_by(*state.order_by(_ORDER), "-last_at"))
    may_answer = request.user.can("manage_alerts")
    table = Table(
        "alert-table",
        _("Alerts"),
        state,
        [_row(request, alert) for alert in page.rows],
        path=request.path,
        page=page,
        selectable=may_answer and status == AlertStatus.OPEN,
        as_cards=True,
        empty=_nothing(q or severity or status != AlertStatus.OPEN, request.path),
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table, "bulk_form": "alert-bulk"})
    return show(
        request,
        "rules/alert_list.html",
        {
            "table": table,
            "q": q,
            "selects": _selects(status, severity),
            "kept": state.kept("q", "status", "severity"),
            "bulk_actions": _bulk_actions(),
        },
    )


def _selects(status: str, severity: str) -> list[tuple]:
    statuses = [
        (AlertStatus.ACKNOWLEDGED.value, AlertStatus.ACKNOWLEDGED.label),
        (AlertStatus.RESOLVED.value, AlertStatus.RESOLVED.label),
        (ALL, _("All states")),
    ]
    return [
        ("status", AlertStatus.OPEN.label, statuses, status),
        ("severity", _("All severities"), Severity.choices, severity),
    ]


def _bulk_actions() -> list[dict[str, Any]]:
    return [{"url": reverse("rules:alert_acknowledge_many"), "label": _("Acknowledge"), "icon": "check"}]


def _nothing(filtered: Any, path: str) -> dict[str, Any]:
    if filtered:
        return {
            "icon": "search-x",
            "title": _("No alert matches"),
            "text": _("Change the search or the filters."),
            "actions": [(_("Show open alerts"), path, False)],
        }
    return {
        "icon": "bell-off",
        "title": _("Nothing needs you"),
        "text": _("Rules that send alerts, and accounts in trouble, show up here and at the bell."),
        "actions": [(_("Create a rule"), reverse("rules:rule_create"), True)],
    }


def _row(request: HttpRequest, alert: Alert) -> Row:
    campaign = alert.campaign
    cells = (
        Cell(
            alert.title,
            sub=alert_reason(alert),
            href=reverse("rules:rule_detail", args=[alert.rule_id])
            if alert.rule_id and not alert.rule.is_deleted
            else "",
        ),
        Cell(status_tag(alert.severity, alert.get_severity_display())),
        Cell(
            campaign.name,
            sub=platform_mark(campaign.platform),
            href="" if campaign.is_deleted else reverse("campaigns:campaign_detail", args=[campaign.pk]),
        )
        if campaign
        else Cell(no_value(_("This alert is about no single campaign."))),
        Cell(f"{format_number(alert.occurrences)}{TIMES}"),
        Cell(_moment(alert.first_at), css="nowrap"),
        Cell(_moment(alert.last_at), css="nowrap"),
        Cell(status_tag(*_state(alert)), sub=_answered(alert)),
        Cell(_buttons(request, alert)),
    )
    return Row(str(alert.pk), cells, name=alert.title)


def _rule_url(alert: Alert) -> str:
    if alert.rule is None or alert.rule.is_deleted:
        return ""
    return reverse("rules:rule_detail", args=[alert.rule.pk])


def alert_reason(alert: Alert) -> str:
    """What the alert says, worded in the reader's language where its figures were kept."""
    explanation = alert_explanation(alert)
    if explanation is None:
        return alert.body
    message = alert.data.get("message", "")
    return f"{message} {reason(Outcome.ACTED, explanation)}".strip()


def _state(alert: Alert) -> tuple[str, str]:
    icons = {AlertStatus.OPEN: "pending", AlertStatus.ACKNOWLEDGED: "ok", AlertStatus.RESOLVED: "done"}
    return icons[AlertStatus(alert.status)], alert.get_status_display()


def _answered(alert: Alert) -> str:
    if alert.acknowledged_at is None:
        return ""
    who = alert.acknowledged_by
    return _("%(who)s, %(when)s") % {
        "who": who.display_name if who else _("somebody"),
        "when": _moment(alert.acknowledged_at),
    }


def _buttons(request: HttpRequest, alert: Alert) -> str:
    if not request.user.can("manage_alerts"):
        return ""
    is_open = alert.status == AlertStatus.OPEN
    name = "rules:alert_acknowledge" if is_open else "rules:alert_reopen"
    context = {"url": reverse(name, args=[alert.pk]), "is_open": is_open, "csrf_token": get_token(request)}
    return render_to_string("rules/_alert_button.html", context)


def _moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "j M, H:i")


@requires("manage_alerts", methods=("POST",))
def alert_acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    alert = get_object_or_404(Alert, pk=pk)
    services.alert_acknowledge(alert=alert, actor=request.actor)
    undo_url = reverse("rules:alert_reopen", args=[alert.pk])
    return done(request, _("Alert acknowledged."), to=reverse("rules:alert_list"), undo_url=undo_url)


@requires("manage_alerts", methods=("POST",))
def alert_acknowledge_many(request: HttpRequest) -> HttpResponse:
    ids = [int(one) for one in request.POST.getlist("ids") if one.isdecimal() and len(one) < 19]
    try:
        count = services.alerts_acknowledge(alert_ids=ids, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:alert_list"), level="error")
    text = ngettext("%(count)s alert acknowledged.", "%(count)s alerts acknowledged.", count) % {"count": count}
    return done(request, text, to=reverse("rules:alert_list"))


@requires("manage_alerts", methods=("POST",))
def alert_reopen(request: HttpRequest, pk: int) -> HttpResponse:
    alert = get_object_or_404(Alert, pk=pk)
    try:
        services.alert_reopen(alert=alert, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:alert_list"), level="warning")
    return done(request, _("Alert reopened."), to=reverse("rules:alert_list"))


@requires("view")
def alert_bell_panel(request: HttpRequest) -> HttpResponse:
    """The bell in the top bar: how many alerts are open, and the latest of them."""
    state = bell()
    latest = [(alert, alert_reason(alert)) for alert in state.latest]
    return show(request, "rules/_alert_bell.html", {"bell": state, "latest": latest})
