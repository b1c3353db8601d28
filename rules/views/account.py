"""What a rule was worth: a tab of its page, and the actions as a file."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from accounts.middleware import zone_or_utc
from campaigns.views.reading import RANGE_PARAMETERS, date_range_of
from rules.actions.done_words import result_words
from rules.models import Rule
from rules.queries.account import AccountAction, RuleAccount, rule_account
from rules.queries.replay import Verdict
from rules.views.account_reading import (
    ORDER,
    action_rows,
    around_table,
    columns_of,
    comparison_words,
    explanations,
    figures,
    unsettled,
)
from stratum.lib.date_ranges import DateRange
from stratum.lib.money import to_units
from stratum.lib.ratios import MICRO
from stratum.lib.spreadsheets import csv_line
from stratum.lib.tables import Table, TableState

CSV_HEAD = (
    "execution", "at", "day", "platform", "campaign_id", "campaign", "change", "fate", "currency", "days_stopped",
    "spend_avoided", "revenue_forgone", "later_conversions", "later_revenue", "verdict", "settling",
)  # fmt: skip


def account_context(request: HttpRequest, rule: Rule) -> dict[str, Any]:
    """What the tab shows; its table alone answers an htmx request."""
    days = date_range_of(request)
    found = _account(request, rule, days)
    table = _table(request, rule, found)
    can_export = request.user.can("export") and bool(found.actions)
    return {
        "date_range": days,
        "without_compare": True,
        "found": found,
        "table": table,
        "kpis": figures(found, rule),
        "comparison": _comparison(found),
        "budgets": _budgets(found),
        "explained": explanations(found, rule),
        "unsettled": unsettled(found),
        "is_empty": not found.counts.acted and found.comparison is None,
        "empty_actions": _ways_on(request, rule),
        "settles": any(action.settling for action in found.actions),
        "export_url": _export_url(request, rule) if can_export else "",
        "verdicts": [("verdict", _("All verdicts"), Verdict.choices, request.GET.get("verdict", ""))],
        "kept": table.state.kept("q", "verdict"),
    }


def _account(request: HttpRequest, rule: Rule, days: DateRange) -> RuleAccount:
    return rule_account(
        rule.pk,
        start=days.start,
        end=days.end,
        zone=zone_or_utc(days.zone),
        now=timezone.now(),
        currency=request.tenant.reporting_currency,
    )


def _table(request: HttpRequest, rule: Rule, found: RuleAccount) -> Table:
    state = TableState.from_query(request.GET, columns_of(found, rule), default_sort="-day", default_size=25)
    actions = _ordered(_chosen(request, found), state)
    page = state.paginate(actions, total=len(actions))
    return Table(
        "account-table",
        _("Its actions, and what came of them"),
        state,
        action_rows(page.rows, state, lambda pk: reverse("campaigns:campaign_detail", args=[pk])),
        path=request.path,
        page=page,
        as_cards=True,
        empty={"icon": "search-x", "title": _("No action here"), "text": _("Change the search or the filter.")},
    )


def _chosen(request: HttpRequest, found: RuleAccount) -> list[AccountAction]:
    verdict, text = request.GET.get("verdict", ""), request.GET.get("q", "").strip().casefold()
    return [
        action
        for action in found.actions
        if text in action.name.casefold() and (not verdict or action.verdict == verdict)
    ]


def _ordered(actions: list[AccountAction], state: TableState) -> list[AccountAction]:
    key = ORDER[state.sort]
    with_value = [action for action in actions if key(action) is not None]
    without = [action for action in actions if key(action) is None]
    return sorted(with_value, key=key, reverse=state.descending) + without


def _comparison(found: RuleAccount) -> dict[str, Any] | None:
    if found.comparison is None:
        return None
    sides = [(_("Acted on"), found.comparison.acted), (_("Hold-out group"), found.comparison.held_out)]
    caption = _("The rule beside its hold-out group")
    return {
        "words": comparison_words(found.comparison),
        "table": around_table("comparison-table", caption, (_("Group"), _("Campaigns")), sides),
    }


def _budgets(found: RuleAccount) -> Table | None:
    sides = [
        (name, side)
        for name, side in ((_("Raised"), found.raised), (_("Lowered"), found.lowered))
        if any(part.number for part in side.sums)
    ]
    caption = _("The week before and after its changes of budgets")
    return around_table("budget-table", caption, (_("Budget"), _("Changes")), sides) if sides else None


def _ways_on(request: HttpRequest, rule: Rule) -> list[tuple[str, str, bool]]:
    if not request.user.can("replay"):
        return []
    return [(_("Replay it on past days"), reverse("rules:rule_replay", args=[rule.pk]), True)]


# --- CSV ------------------------------------------------------------------------------------------------------


def _export_url(request: HttpRequest, rule: Rule) -> str:
    kept = request.GET.copy()
    for name in request.GET:
        if name not in RANGE_PARAMETERS:
            del kept[name]
    query = kept.urlencode()
    path = reverse("rules:rule_account_export", args=[rule.pk])
    return f"{path}?{query}" if query else path


@requires("export")
def rule_account_export(request: HttpRequest, pk: int) -> HttpResponse:
    """All actions of the days that the tab shows, the newest first, as CSV; times in UTC, amounts in units of the
    campaign's currency. Leaves an entry in the audit trail."""
    rule = get_object_or_404(Rule, pk=pk)
    days = date_range_of(request)
    found = _account(request, rule, days)
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource=rule,
        new={"format": "csv", "days": f"{days.start:%Y-%m-%d} – {days.end:%Y-%m-%d}"},
    )
    response = HttpResponse("".join(_csv_lines(found.actions)), content_type="text/csv; charset=utf-8")
    name = f"stratum-rule-{rule.pk}-{days.start:%Y%m%d}-{days.end:%Y%m%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv_lines(actions: Iterable[AccountAction]) -> Iterator[str]:
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + csv_line(CSV_HEAD)
    for action in actions:
        yield csv_line(_csv_values(action))


def _csv_values(action: AccountAction) -> tuple[Any, ...]:
    currency = action.currency
    avoided, forgone, revenue = (
        None if minor is None else to_units(minor, currency)
        for minor in (action.spend_avoided, action.revenue_forgone, action.later_revenue)
    )
    later = None if action.later_conversions is None else action.later_conversions / MICRO
    return (
        action.execution_id, action.at.astimezone(zone_or_utc("UTC")).isoformat(), action.day.isoformat(),
        action.platform, action.campaign_id, action.name, result_words(action.did),
        action.fate.value if action.fate else "", currency, action.stopped_days, avoided, forgone, later, revenue,
        action.verdict.value if action.verdict else "", action.settling,
    )  # fmt: skip
