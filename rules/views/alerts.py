"""The alerts centre and the bell."""

from datetime import datetime, time, timedelta
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
from django_htmx.http import trigger_client_event

from accounts.decorators import requires
from accounts.models import User
from accounts.queries import team
from rules import services
from rules.choices import AlertStatus, Severity
from rules.models import Alert
from rules.queries.alerts import SNOOZED, alert_reason, alert_rows, bell
from rules.queries.telling import muted_rules_of
from rules.views.answers import done
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.figures import TIMES, format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.lib.toasts import toast
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
SNOOZES = {
    "hour": gettext_lazy("Snooze for an hour"),
    "day": gettext_lazy("Snooze until tomorrow, 09:00"),
    "week": gettext_lazy("Snooze until Monday, 09:00"),
}
# Colleagues in the menu of an alert.
ASSIGNABLE = 8


@requires("view")
def alert_list(request: HttpRequest) -> HttpResponse:
    q, severity = request.GET.get("q", "").strip(), request.GET.get("severity", "")
    status = request.GET.get("status", "") or AlertStatus.OPEN.value
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-severity")
    now, mine = timezone.now(), request.GET.get("mine") == "1"
    rows = alert_rows(
        now=now,
        status="" if status == ALL else status,
        severity=severity,
        q=q,
        assigned_to=request.user.pk if mine else None,
    )
    page = state.paginate(rows.order_by(*state.order_by(_ORDER), "-last_at"))
    may_answer = request.user.can("manage_alerts")
    table = Table(
        "alert-table",
        _("Alerts"),
        state,
        _rows(request, list(page.rows), now),
        path=request.path,
        page=page,
        selectable=may_answer and status == AlertStatus.OPEN,
        as_cards=True,
        empty=_nothing(request, filtered=q or severity or mine or status != AlertStatus.OPEN),
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table, "bulk_form": "alert-bulk"})
    return show(
        request,
        "rules/alert_list.html",
        {
            "table": table,
            "q": q,
            "selects": _selects(status, severity, "1" if mine else ""),
            "kept": state.kept("q", "status", "severity", "mine"),
            "bulk_actions": _bulk_actions(),
        },
    )


def _selects(status: str, severity: str, mine: str) -> list[tuple]:
    statuses = [
        (SNOOZED, _("Snoozed")),
        (AlertStatus.ACKNOWLEDGED.value, AlertStatus.ACKNOWLEDGED.label),
        (AlertStatus.RESOLVED.value, AlertStatus.RESOLVED.label),
        (ALL, _("All states")),
    ]
    return [
        ("status", AlertStatus.OPEN.label, statuses, status),
        ("severity", _("All severities"), Severity.choices, severity),
        ("mine", _("Whoever has it"), [("1", _("Mine"))], mine),
    ]


def _bulk_actions() -> list[dict[str, Any]]:
    return [{"url": reverse("rules:alert_acknowledge_many"), "label": _("Acknowledge"), "icon": "check"}]


def _nothing(request: HttpRequest, *, filtered: Any) -> dict[str, Any]:
    if filtered:
        return {
            "icon": "search-x",
            "title": _("No alert matches"),
            "text": _("Change the search or the filters."),
            "actions": [(_("Show open alerts"), request.path, False)],
        }
    return {
        "icon": "bell-off",
        "title": _("Nothing needs you"),
        "text": _("Rules that send alerts, and accounts in trouble, show up here and at the bell."),
        "actions": _ways_on(request),
    }


def _ways_on(request: HttpRequest) -> list[tuple[str, str, bool]]:
    if request.user.can("edit_rules"):
        return [(_("Create a rule"), reverse("rules:rule_create"), True)]
    return [(_("How I am told"), reverse("rules:notification_settings"), False)]


def _rows(request: HttpRequest, alerts: list[Alert], now: datetime) -> list[Row]:
    others = _others(request) if any(alert.status == AlertStatus.OPEN for alert in alerts) else []
    return [_row(request, alert, now, others) for alert in alerts]


def alert_buttons(request: HttpRequest, alert: Alert, now: datetime) -> str:
    """Acknowledge or reopen, and the menu of the rest; empty for people who may only look."""
    return _buttons(request, alert, now, _others(request) if alert.status == AlertStatus.OPEN else [])


def _others(request: HttpRequest) -> list[User]:
    """Colleagues to whom an alert can be handed; none for people who may not."""
    if not request.user.can("manage_alerts"):
        return []
    found = team(with_inactive=False, with_contact=False).people
    return [one for one in found if one.pk != request.user.pk and one.can("manage_alerts")][:ASSIGNABLE]


def _row(request: HttpRequest, alert: Alert, now: datetime, others: list[User]) -> Row:
    campaign = alert.campaign
    cells = (
        Cell(
            alert.title,
            sub=alert_reason(alert),
            href=reverse("rules:alert_detail", args=[alert.pk]),
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
        Cell(status_tag(*alert_state(alert, now)), sub=alert_answered(alert, now)),
        Cell(_buttons(request, alert, now, others)),
    )
    return Row(str(alert.pk), cells, name=alert.title)


def _is_snoozed(alert: Alert, now: datetime) -> bool:
    return alert.status == AlertStatus.OPEN and alert.snoozed_until is not None and alert.snoozed_until > now


def alert_state(alert: Alert, now: datetime) -> tuple[str, str]:
    """The tag of its state and its word."""
    if _is_snoozed(alert, now):
        return "cooldown", _("Snoozed")
    icons = {AlertStatus.OPEN: "pending", AlertStatus.ACKNOWLEDGED: "ok", AlertStatus.RESOLVED: "done"}
    return icons[AlertStatus(alert.status)], alert.get_status_display()


def alert_answered(alert: Alert, now: datetime) -> str:
    """Who has it or answered it, and until when it keeps quiet."""
    if alert.acknowledged_at is not None:
        who = alert.acknowledged_by
        return _("%(who)s, %(when)s") % {
            "who": who.display_name if who else _("somebody"),
            "when": _moment(alert.acknowledged_at),
        }
    words = []
    if _is_snoozed(alert, now):
        words.append(_("until %(when)s") % {"when": _moment(alert.snoozed_until)})
    if alert.assigned_to is not None:
        words.append(alert.assigned_to.display_name)
    return ", ".join(words)


def _buttons(request: HttpRequest, alert: Alert, now: datetime, others: list[User]) -> str:
    if not request.user.can("manage_alerts"):
        return ""
    is_open = alert.status == AlertStatus.OPEN
    name = "rules:alert_acknowledge" if is_open else "rules:alert_reopen"
    context = {
        "url": reverse(name, args=[alert.pk]),
        "is_open": is_open,
        "csrf_token": get_token(request),
        "id": f"alert-menu-{alert.pk}",
        "label": _("More for %(alert)s") % {"alert": alert.title},
        "items": _menu(request, alert, now, others) if is_open else [],
    }
    return render_to_string("rules/_alert_button.html", context)


def _menu(request: HttpRequest, alert: Alert, now: datetime, others: list[User]) -> list[dict[str, Any]]:
    snooze, assign = (reverse(f"rules:alert_{verb}", args=[alert.pk]) for verb in ("snooze", "assign"))
    if _is_snoozed(alert, now):
        items = [{"label": _("Wake it now"), "icon": "bell", "url": snooze, "post": True}]
    else:
        items = [
            {"label": text, "icon": "timer", "url": f"{snooze}?for={key}", "post": True}
            for key, text in SNOOZES.items()
        ]
    if alert.assigned_to_id == request.user.pk:
        items.append({"label": _("Unassign"), "icon": "user-x", "url": assign, "post": True})
    else:
        url = f"{assign}?to={request.user.pk}"
        items.append({"label": _("Assign to me"), "icon": "user-check", "url": url, "post": True})
    for one in others:
        if one.pk != alert.assigned_to_id:
            text = _("Assign to %(name)s") % {"name": one.display_name}
            items.append({"label": text, "icon": "user", "url": f"{assign}?to={one.pk}", "post": True})
    return items


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
    if request.htmx and request.htmx.trigger == "bell-acknowledge":
        # The page stays: what shows alerts on it asks anew.
        return trigger_client_event(toast(request, HttpResponse(status=204), text), "alerts-changed")
    return done(request, text, to=reverse("rules:alert_list"))


@requires("manage_alerts", methods=("POST",))
def alert_snooze(request: HttpRequest, pk: int) -> HttpResponse:
    """Quiet for as long as `for` says; without it the alert is woken."""
    alert = get_object_or_404(Alert, pk=pk)
    until = _until(request.GET.get("for", ""))
    try:
        services.alert_snooze(alert=alert, until=until, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:alert_list"), level="warning")
    if until is None:
        return done(request, _("The alert is awake again."), to=reverse("rules:alert_list"))
    text = _("Snoozed until %(when)s. It wakes before that if it turns critical.") % {"when": _moment(until)}
    undo_url = reverse("rules:alert_snooze", args=[alert.pk])
    return done(request, text, to=reverse("rules:alert_list"), undo_url=undo_url)


def _until(key: str) -> datetime | None:
    """The end of a snooze by the person's own clock: mornings are at nine."""
    now = timezone.localtime()
    if key == "hour":
        return now + timedelta(hours=1)
    days = {"day": 1, "week": 7 - now.weekday()}.get(key)
    return None if days is None else datetime.combine(now.date() + timedelta(days=days), time(9), now.tzinfo)


@requires("manage_alerts", methods=("POST",))
def alert_assign(request: HttpRequest, pk: int) -> HttpResponse:
    """To the person `to` names; without one, to nobody."""
    alert = get_object_or_404(Alert, pk=pk)
    to = request.GET.get("to", "")
    person = get_object_or_404(User, pk=int(to)) if to.isdecimal() and len(to) < 10 else None
    try:
        services.alert_assign(alert=alert, to=person, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:alert_list"), level="warning")
    if person is None:
        return done(request, _("Nobody has the alert now."), to=reverse("rules:alert_list"))
    text = _("%(name)s has the alert.") % {"name": person.display_name}
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
    """The bell in the top bar: how many alerts ask for somebody, and the latest of them; what this person has first."""
    now = timezone.now()
    state = bell(now=now, user_id=request.user.pk, muted=muted_rules_of(request.user))
    latest = [(alert, alert_reason(alert)) for alert in state.latest]
    context = {"bell": state, "latest": latest, "may_answer": request.user.can("manage_alerts")}
    return show(request, "rules/_alert_bell.html", context)
