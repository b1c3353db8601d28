"""Data health: how old and how complete each account's numbers are, what was restated, and how the jobs went."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from campaigns.choices import AccountStatus, Platform
from campaigns.models import ImportBatch
from campaigns.queries.completeness import Completeness, completeness_by_account
from campaigns.queries.health import (
    RESTATED_DAYS,
    AccountHealth,
    Restatements,
    account_health,
    campaigns_over_limit,
    job_runs,
    refused_imports,
    restatements,
)
from campaigns.queries.pacing import Pace
from campaigns.views.columns import DEFAULT_SORT
from campaigns.views.reading import is_fragment
from campaigns.views.sync_reading import ago, panel_html, sync_panel
from stratum.lib.charts import Chart, Series
from stratum.lib.figures import NO_VALUE, format_money, format_number, format_percent, signed
from stratum.lib.money import decimals
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, simulated_mark, status_tag
from tenants.choices import JobOutcome
from tenants.models import JobRun

_PLATFORM = dict(Platform.choices)
_ACCOUNT_STATUS = dict(AccountStatus.choices)
_OUTCOME = dict(JobOutcome.choices)


@requires("view")
def data_health(request: HttpRequest) -> HttpResponse:
    accounts = account_health()
    context = {
        "accounts": _accounts_table(request, accounts),
        "attention": sum(account.needs_attention for account in accounts),
        "over_limit_text": _over_limit_text(campaigns_over_limit()),
    }
    if is_fragment(request):
        return render(request, "campaigns/_data_health_accounts.html", context)
    context |= {
        "may_sync_all": request.user.can("import_data") and any(account.sync.can_sync for account in accounts),
        "restatements": _restatement_table(request, restatements()),
        "restated_days": RESTATED_DAYS,
        "jobs": _jobs_table(request, list(job_runs())),
        "refused_imports": _uploads(refused_imports()),
        **_completeness(accounts),
    }
    return render(request, "campaigns/data_health.html", context)


def _over_limit_text(count: int) -> str:
    text = ngettext(
        "%(count)s campaign is over what your plan allows: its numbers are kept and counted, but rules and people "
        "cannot change it.",
        "%(count)s campaigns are over what your plan allows: their numbers are kept and counted, but rules and people "
        "cannot change them.",
        count,
    )
    return text % {"count": format_number(count)} if count else ""


def _uploads(batches: Sequence[ImportBatch]) -> list[dict[str, Any]]:
    return [
        {
            "name": batch.filename,
            "error": batch.error,
            "when": batch.created_at,
            "url": reverse("campaigns:import_detail", args=[batch.pk]),
        }
        for batch in batches
    ]


# Ages shown: the curve is flat after three weeks wherever anything can be learnt.
AGES = range(22)
# More lines than colours would not be told apart.
CURVES = 6


def _completeness(accounts: Sequence[AccountHealth]) -> dict[str, Any]:
    """The curves as one chart, and per account from which age its days count as complete."""
    learnt = completeness_by_account()
    known = [(account, learnt[account.id]) for account in accounts if account.id in learnt]
    curves = [(account, curve) for account, curve in known if curve.basis != "unknown"]
    chart = Chart(
        "completeness",
        [str(age) for age in AGES] if curves else [],
        [
            Series(
                account.full_name,
                [None if (share := curve.conversions_at(age)) is None else round(share, 4) for age in AGES],
                format="percent",
                color=position + 1,
            )
            for position, (account, curve) in enumerate(curves[:CURVES])
        ],
        units=("%",),
        x_name=_("Age of the day"),
        file_name="stratum-completeness",
    )
    return {
        "completeness_chart": chart if curves else None,
        "completeness_lines": [_maturity_line(account, curve) for account, curve in known],
    }


def _maturity_line(account: AccountHealth, curve: Completeness) -> tuple[str, str]:
    if curve.basis == "unknown":
        return account.full_name, _("not known yet: too few days were seen from their start")
    age = curve.mature_age or 0
    words = ngettext("complete after %(count)s day", "complete after %(count)s days", age) % {"count": age}
    learnt = ngettext("learnt from %(count)s day", "learnt from %(count)s days", curve.days) % {"count": curve.days}
    if curve.basis == "platform":
        learnt = _("learnt from all accounts of the platform")
    return account.full_name, f"{words} · {learnt}"


def state_words(account: AccountHealth) -> tuple[str, str]:
    """(state for the tag, words): what a marketer reads about an account."""
    if account.state in ("broken", "disconnected"):
        return account.status, str(_ACCOUNT_STATUS[account.status])
    if account.state == "idle":
        return "inactive", _("No active campaign")
    if account.state == "empty" and account.sync.running is not None:
        return "running", _("First numbers are on their way")
    if account.state == "empty":
        return "stale", _("No numbers yet")
    behind = account.days_behind or 0
    if behind == 0:
        return "ok", _("Up to date")
    if behind == 1 and not account.is_imported:
        return "info", _("Yesterday is on its way")
    text = ngettext("%(days)s day behind", "%(days)s days behind", behind) % {"days": behind}
    return ("stale" if account.state == "behind" else "info"), text


def pace_words(pace: Pace) -> str:
    """Where a month's spend is heading: 'on course for 12% over'."""
    share = {"share": format_percent(abs(pace.deviation or 0.0), 0)}
    if pace.state == "over":
        return _("on course for %(share)s over") % share
    if pace.state == "under":
        return _("on course for %(share)s under") % share
    return _("on pace")


def arrival_words(account: AccountHealth) -> str:
    """When numbers last came in: '3 hours ago', or an en dash."""
    if account.arrived_at is None:
        return NO_VALUE
    return ago(account.arrived_at)


def _table(request: HttpRequest, element_id: str, caption: str, columns: tuple, rows: list[Row], empty: dict) -> Table:
    state = TableState.from_query({}, columns, default_sort=columns[0].key)
    return Table(element_id, caption, state, rows, path=request.path, as_cards=True, empty=empty)


def _accounts_table(request: HttpRequest, accounts: list[AccountHealth]) -> Table:
    columns = (
        Column("account", _("Account"), kind="main"),
        Column("state", _("State"), kind="status"),
        Column("newest", _("Newest day"), note=_("The newest day with numbers, in the account’s zone.")),
        Column("arrived", _("Numbers came in"), note=_("The last import or sync.")),
        Column("sync", _("Sync"), note=_("Connected accounts are synced every hour.")),
        Column("campaigns", _("Active campaigns"), kind="number"),
        Column("error", _("Last error")),
    )
    listing = reverse("campaigns:campaign_list")
    running = sum(account.sync.running is not None for account in accounts)
    rows = []
    for account in accounts:
        newest = date_format(account.newest_day, "j M Y") if account.newest_day else NO_VALUE
        rows.append(
            Row(
                str(account.id),
                (
                    Cell(
                        account.name,
                        sub=format_html(
                            "{} {} · {} {}",
                            platform_mark(account.platform),
                            account.currency,
                            account.zone,
                            simulated_mark(in_list=True) if account.is_sandbox else "",
                        ),
                        href=f"{listing}?account={account.id}&sort={DEFAULT_SORT}",
                    ),
                    Cell(status_tag(*state_words(account))),
                    Cell(newest),
                    Cell(arrival_words(account)),
                    Cell(panel_html(request, sync_panel(account.sync, running=running))),
                    Cell(
                        format_number(account.active_campaigns),
                        sub=_("of %(count)s") % {"count": format_number(account.campaigns)},
                    ),
                    Cell(_error(account), css="cell-text"),
                ),
                name=account.name,
            )
        )
    empty = {
        "icon": "plug-zap",
        "title": _("No ad account yet"),
        "text": _("An account appears when it is connected, or with the first report that is imported for it."),
        "actions": _ways_in(request),
    }
    return _table(request, "account-health", _("Ad accounts and their freshness"), columns, rows, empty)


def _ways_in(request: HttpRequest) -> list[tuple[str, str, bool]]:
    connect = (_("Connect an account"), reverse("campaigns:connection_list"), True)
    load = (_("Import a report"), reverse("campaigns:import_upload"), False)
    may = request.user.can
    return [*([connect] if may("manage_connections") else []), *([load] if may("import_data") else [])]


def _error(account: AccountHealth) -> Any:
    """What went wrong last, and for a broken connection what to do about it."""
    advice = {
        AccountStatus.NEEDS_REAUTH: _("Connect it again; no number is lost, the next sync brings what was missed."),
        AccountStatus.PERMISSION_LOST: _(
            "Give the connected person access on the platform again, or connect as somebody who has it."
        ),
    }.get(AccountStatus(account.status), "")
    if not account.error:
        return advice or no_value(_("None."))
    return format_html('{}<span class="cell-sub">{}</span>', account.error, advice) if advice else account.error


def _restatement_table(request: HttpRequest, found: list[Restatements]) -> Table:
    columns = (
        Column("account", _("Account"), kind="main"),
        Column("changes", _("Changes"), kind="number", note=_("How often a day that was known changed.")),
        Column("days", _("Campaign-days"), kind="number"),
        Column("oldest", _("Oldest day")),
        Column("spend", _("Spend"), kind="number", note=_("Sum of the changes, in the account’s currency.")),
        Column("revenue", _("Revenue"), kind="number", note=_("Sum of the changes, in the account’s currency.")),
        Column("conversions", _("Conversions"), kind="number", note=_("Sum of the changes.")),
        Column("latest", _("Latest")),
    )
    rows = [_restatement_row(one) for one in found]
    empty = {
        "icon": "history",
        "title": _("Nothing was restated"),
        "text": _("When a platform changes a day that was already known, the change and its size appear here."),
    }
    return _table(request, "restatements", _("Restatements by account"), columns, rows, empty)


def _restatement_row(one: Restatements) -> Row:
    exponent = decimals(one.currency)
    name = one.account or str(_PLATFORM[one.platform])
    return Row(
        f"{one.account_id or 0}-{one.currency}",
        (
            Cell(name, sub=platform_mark(one.platform)),
            Cell(format_number(one.changes)),
            Cell(format_number(one.days)),
            Cell(date_format(one.oldest, "j M Y")),
            Cell(signed(format_money(one.spend, one.currency, exponent, whole=True), one.spend)),
            Cell(signed(format_money(one.revenue, one.currency, exponent, whole=True), one.revenue)),
            Cell(signed(format_number(one.conversions, 0 if one.conversions.is_integer() else 1), one.conversions)),
            Cell(date_format(timezone.localtime(one.newest_at), "j M, H:i")),
        ),
        name=name,
    )


def _jobs_table(request: HttpRequest, runs: list[JobRun]) -> Table:
    columns = (
        Column("job", _("Job"), kind="main"),
        Column("outcome", _("Outcome"), kind="status"),
        Column("started", _("Started")),
        Column("took", _("Took"), kind="number"),
        Column("counts", _("What it did")),
    )
    rows = [
        Row(
            str(run.pk),
            (
                Cell(job_words(run.job), sub=run.job),
                Cell(status_tag(run.outcome, _OUTCOME[run.outcome])),
                Cell(date_format(timezone.localtime(run.started_at), "j M, H:i")),
                Cell(_took(run.took_ms)),
                Cell(run.error or _counts(run.counts), css="cell-text"),
            ),
            name=run.job,
        )
        for run in runs
    ]
    empty = {
        "icon": "timer",
        "title": _("No job has run for this workspace yet"),
        "text": _("Imports, rules and syncs run in the background; each run leaves a line here."),
    }
    return _table(request, "job-runs", _("Background jobs"), columns, rows, empty)


def job_words(job: str) -> str:
    """'rules.evaluate_tenant' → 'Evaluate rules' for those people meet, else the name made readable."""
    words = {
        "rules.evaluate_tenant": _("Evaluation of rules"),
        "campaigns.sync_all": _("Hourly syncs"),
        "campaigns.sync_tenant": _("Syncs of all accounts"),
        "campaigns.sync_account": _("Sync of an account"),
        "campaigns.resume_syncs": _("Unfinished syncs"),
        "campaigns.warm_completeness": _("Completeness of conversions"),
        "campaigns.check_import": _("Check of an upload"),
        "campaigns.run_import": _("Import"),
        "campaigns.resume_imports": _("Unfinished imports"),
        "campaigns.apply_changes": _("Changes on the platforms"),
        "campaigns.resume_changes": _("Unfinished changes"),
        "campaigns.load_exchange_rates": _("Exchange rates"),
        "campaigns.finish_connection": _("New connection"),
        "campaigns.list_connection_accounts": _("List of accounts"),
        "campaigns.resume_connections": _("Unfinished connections"),
        "campaigns.end_stuck_connection": _("End of an unfinished connection"),
        "campaigns.refresh_tokens": _("Renewal of access"),
        "campaigns.refresh_tenant_tokens": _("Renewal of access"),
        "tenants.expire_plans": _("End of plans"),
    }
    return words.get(job) or job.rpartition(".")[2].replace("_", " ").capitalize()


def _took(milliseconds: int | None) -> str:
    if milliseconds is None:
        return NO_VALUE
    if milliseconds < 1000:
        return f"{format_number(milliseconds)} ms"
    return f"{format_number(milliseconds / 1000, 1)} s"


# What only the log needs: which row it was, and how it stands, which the row itself shows.
_UNSAID = frozenset({"run", "import", "state"})


def _counts(counts: dict[str, Any]) -> str:
    """'days added 540, campaigns created 9'; nothing of what there was none of."""
    said = ((key.replace("_", " "), value) for key, value in (counts or {}).items() if key not in _UNSAID and value)
    return ", ".join(f"{words} {value}" for words, value in said) or NO_VALUE
