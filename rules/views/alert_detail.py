"""One alert: what happened and how often, its figures, who was told when and by what, and what comes next."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from rules.choices import AlertStatus, Outcome
from rules.conditions.telling import RANKS
from rules.conditions.wording import parts_facts, reason
from rules.models import Alert, Escalation, RuleExecution
from rules.queries.activity import explanation_of
from rules.queries.alerts import alert_explanation, alert_occurrences, alert_reason
from rules.queries.deliveries import Told, deliveries_of, told
from rules.queries.telling import muted_rules_of
from rules.services.telling import people_of_step, steps_of
from rules.views.activity import moment_words
from rules.views.alerts import alert_answered, alert_buttons, alert_state
from rules.views.pages import show
from stratum.lib.figures import format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import status_tag

COLUMNS = (
    Column("who", gettext_lazy("Person"), kind="main", required=True),
    Column("channel", gettext_lazy("By")),
    Column("state", gettext_lazy("State"), kind="status"),
    Column("when", gettext_lazy("When")),
)


@requires("view")
def alert_detail(request: HttpRequest, pk: int) -> HttpResponse:
    alert = get_object_or_404(Alert.objects.select_related("rule", "campaign", "acknowledged_by", "assigned_to"), pk=pk)
    now = timezone.now()
    table = _told_table(request, alert)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    explanation = alert_explanation(alert)
    context = {
        "alert": alert,
        "why": alert_reason(alert),
        "crumbs": [(_("Alerts"), reverse("rules:alert_list"))],
        "badge": status_tag(alert.severity, alert.get_severity_display()),
        "state": status_tag(*alert_state(alert, now)),
        "answered": alert_answered(alert, now),
        "buttons": alert_buttons(request, alert, now),
        "mute": _mute(request, alert),
        "facts": _facts(alert),
        "figures": parts_facts(explanation) if explanation else [],
        "occurrences": _timeline(alert),
        "next_step": _next_step(alert, now),
        "table": table,
    }
    return show(request, "rules/alert_detail.html", context)


def _facts(alert: Alert) -> list[tuple[str, Any]]:
    times = ngettext("%(count)s time", "%(count)s times", alert.occurrences)
    found: list[tuple[str, Any]] = [
        (_("Seen"), times % {"count": format_number(alert.occurrences)}),
        (_("First"), moment_words(alert.first_at)),
        (_("Last"), moment_words(alert.last_at)),
    ]
    if alert.campaign is not None:
        found.insert(0, (_("Campaign"), alert.campaign.name))
    if alert.assigned_to is not None:
        found.append((_("Who has it"), alert.assigned_to.display_name))
    return found


def _mute(request: HttpRequest, alert: Alert) -> dict[str, Any] | None:
    """The button by which this person mutes the rule, or hears of it again; None for alerts of no rule."""
    if alert.rule_id is None:
        return None
    muted = alert.rule_id in muted_rules_of(request.user)
    url = reverse("rules:rule_mute", args=[alert.rule_id])
    return {
        "url": f"{url}?again=1" if muted else url,
        "icon": "bell" if muted else "bell-off",
        "label": _("Tell me of this rule again") if muted else _("Mute this rule for me"),
    }


def _timeline(alert: Alert) -> list[tuple[datetime | None, str]]:
    """When it was seen, and with which figures; the first and last time of alerts of no rule."""
    rows = alert_occurrences(alert)
    if rows:
        return [(row.executed_at, _seen(row)) for row in rows]
    moments = [alert.last_at, alert.first_at] if alert.occurrences > 1 else [alert.first_at]
    return [(moment, "") for moment in moments]


def _seen(row: RuleExecution) -> str:
    explanation = explanation_of(row)
    return reason(Outcome.ACTED, explanation) if explanation else ""


def _next_step(alert: Alert, now: datetime) -> str:
    """Who is told next if nobody answers; empty where nobody would be."""
    is_asleep = alert.snoozed_until is not None and alert.snoozed_until > now
    if alert.status != AlertStatus.OPEN or is_asleep or alert.waiting_since is None:
        return ""
    row = Escalation.objects.filter(severity=alert.severity, is_on=True).first()
    steps = steps_of(row) if row else ()
    if alert.escalation_step >= len(steps) or RANKS.get(alert.told_severity, 0) < RANKS[alert.severity]:
        return ""
    step = steps[alert.escalation_step]
    count = len(people_of_step(step))
    words = ngettext(
        "If nobody answers by %(when)s, %(count)s person is told next.",
        "If nobody answers by %(when)s, %(count)s people are told next.",
        count,
    )
    due = alert.waiting_since + timedelta(minutes=step.minutes)
    return words % {"when": moment_words(due), "count": count}


def _told_table(request: HttpRequest, alert: Alert) -> Table:
    state = TableState.from_query(request.GET, COLUMNS, default_sort="when", default_size=25)
    page = state.paginate(deliveries_of(alert))
    return Table(
        "alert-told",
        _("Who was told"),
        state,
        [_row(one) for one in told(page.rows)],
        path=request.path,
        page=page,
        as_cards=True,
        empty={
            "icon": "bell",
            "title": _("Nobody was told"),
            "text": _(
                "It is shown at the bell of everybody. People are told by e-mail, Slack or WhatsApp as they choose."
            ),
            "actions": [(_("How I am told"), reverse("rules:notification_settings"), False)],
        },
    )


def _row(one: Told) -> Row:
    delivery = one.delivery
    severity = delivery.get_severity_display()
    step = _("Nobody had answered (step %(step)s)") % {"step": delivery.step}
    cells = (
        Cell(one.who, sub=step if delivery.step else _("As they chose: %(severity)s") % {"severity": severity}),
        Cell(delivery.get_channel_display()),
        Cell(status_tag(one.look, one.words), sub=one.why),
        Cell(moment_words(one.at), css="nowrap"),
    )
    return Row(str(delivery.pk), cells, name=one.who)
