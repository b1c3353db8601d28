"""What screens say about syncs: progress in words, how a run ended, the table of an account's runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L
from django.utils.translation import ngettext

from campaigns.choices import AccountStatus, Platform, SyncStatus, SyncTrigger
from campaigns.clients.base import ErrorKind
from campaigns.models import AdAccount, SyncRun
from campaigns.queries.sync import AccountSync, SyncProgress, progress_of
from stratum.lib.figures import NO_VALUE, format_number
from stratum.lib.tables import Cell, Column, Page, Row, Table, TableState
from stratum.templatetags.ui import no_value, status_tag

# A run's progress is asked for this often (seconds); pages with many runs ask for each of them less often.
POLL_SECONDS, MOST_POLL_SECONDS = 2, 60
REQUESTS_PER_SECOND = 2
_PLATFORM = dict(Platform.choices)
_OUTCOME = dict(SyncStatus.choices)

TABLE_ID = "sync-table"
COLUMNS = (
    Column("started", _L("Started"), kind="main"),
    Column("outcome", _L("Outcome"), kind="status"),
    Column("took", _L("Took"), kind="number"),
    Column("steps", _L("Steps"), kind="number", note=_L("Done, of those planned.")),
    Column("added", _L("Days added"), kind="number", note=_L("Days of campaigns that were not known before.")),
    Column("changed", _L("Days changed"), kind="number", note=_L("Days of campaigns that the platform restated.")),
    Column("campaigns", _L("Campaigns"), note=_L("New, changed and archived ones.")),
    Column("error", _L("Error")),
)
STEP_COLUMNS = (Column("step", _L("Step"), kind="main"), Column("state", _L("State"), kind="status"))


# --- Words ----------------------------------------------------------------------------------------------------


def step_words(kind: str, start: Any = None, end: Any = None) -> str:
    """'Reading 3 Nov – 16 Nov': what a step of a run does."""
    if kind == "campaigns":
        return _("Reading campaigns")
    if kind == "days" and start and end:
        return _("Reading %(start)s – %(end)s") % {"start": date_format(start, "j M"), "end": date_format(end, "j M")}
    if kind == "days":
        return _("Reading days")
    if kind == "breakdowns":
        return _("Reading breakdowns")
    return _("Waiting for a worker")


def phase_words(progress: SyncProgress) -> str:
    return step_words(progress.phase, progress.start, progress.end)


def pause_words(progress: SyncProgress, platform: str) -> str:
    """'Meta asked for a pause: goes on at 14:05', or what went wrong and when it is tried again; empty: no pause."""
    if progress.waiting_until is None:
        return ""
    when = clock(progress.waiting_until)
    if progress.kind == ErrorKind.RATE:
        words = {"platform": _PLATFORM[platform], "time": when}
        return _("%(platform)s asked for a pause: goes on at %(time)s") % words
    return _("%(error)s Next try at %(time)s.") % {"error": progress.reason, "time": when}


def clock(moment: datetime) -> str:
    """'14:05', with the day where that is not today."""
    local = timezone.localtime(moment)
    return date_format(local, "H:i" if local.date() == timezone.localdate() else "j M, H:i")


def ago(moment: datetime) -> str:
    seconds = (timezone.now() - moment).total_seconds()
    return _("just now") if seconds < 60 else _("%(time)s ago") % {"time": timesince(moment, depth=1)}


def result_words(counts: dict[str, Any]) -> str:
    """'540 days added, 12 days changed, 3 new campaigns'; what a run brought."""
    added, changed, created = (counts.get(key, 0) for key in ("days_added", "days_changed", "campaigns_created"))
    parts = [
        (added, ngettext("%(count)s day added", "%(count)s days added", added)),
        (changed, ngettext("%(count)s day changed", "%(count)s days changed", changed)),
        (created, ngettext("%(count)s new campaign", "%(count)s new campaigns", created)),
    ]
    return ", ".join(text % {"count": format_number(count)} for count, text in parts if count) or _("nothing new")


def trigger_words(run: SyncRun) -> str:
    """Who, or what, asked for a run."""
    if run.trigger == SyncTrigger.PERSON:
        return run.requested_by.display_name if run.requested_by else _("Stratum’s support")
    return {SyncTrigger.SCHEDULE: _("Every hour"), SyncTrigger.CONNECTION: _("New connection")}[
        SyncTrigger(run.trigger)
    ]


# --- The panel ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SyncPanel:
    """One account's sync as the panel shows it. `poll_url` is empty when nothing is under way."""

    account_id: int
    poll_url: str
    poll_seconds: int
    label: str
    steps: str
    percent: int | None
    pause: str
    tag: str
    state: str
    tip: str
    next: str
    mend_url: str
    can_sync: bool
    has_runs: bool


def sync_panel(sync: AccountSync, *, running: int = 1, every: int = 0) -> SyncPanel:
    """`running`: of how many runs the page shows the progress; `every`: seconds, where that was decided before."""
    progress, ended = sync.running, sync.ended
    tag, state = _last_words(sync)
    steps = ""
    if progress and progress.total:
        steps = _("step %(step)s of %(total)s") % {"step": progress.done + 1, "total": progress.total}
    seconds = min(max(every or ceil(running / REQUESTS_PER_SECOND), POLL_SECONDS), MOST_POLL_SECONDS)
    return SyncPanel(
        account_id=sync.account_id,
        poll_url=f"{panel_path(sync.account_id)}?run={progress.run_id}&every={seconds}" if progress else "",
        poll_seconds=seconds,
        label=phase_words(progress) if progress else "",
        steps=steps,
        percent=progress.percent if progress else None,
        pause=pause_words(progress, sync.platform) if progress else "",
        tag=tag,
        state=state,
        tip=ended.error or result_words(ended.counts) if ended else "",
        next=_("next at %(time)s") % {"time": clock(sync.next_at)} if sync.next_at else "",
        mend_url=mend_url(sync.status),
        can_sync=sync.can_sync,
        has_runs=bool(progress or ended),
    )


def panel_path(account_id: int) -> str:
    return reverse("campaigns:sync_progress_panel", args=[account_id])


def mend_url(status: str) -> str:
    """Where a broken connection is mended; empty when nothing is broken."""
    broken = status in (AccountStatus.NEEDS_REAUTH, AccountStatus.PERMISSION_LOST)
    return reverse("campaigns:connection_list") if broken else ""


def _last_words(sync: AccountSync) -> tuple[str, str]:
    """(tag, words) of the newest run that is over."""
    if sync.status == AccountStatus.DISABLED:
        return "disabled", _("Disconnected")
    if not sync.is_connected:
        return "", _("Fed by imports")
    if sync.ended is None:
        return "", _("Not synced yet")
    if sync.ended.status == SyncStatus.FAILED:
        return "failed", _("Failed %(time)s") % {"time": ago(sync.ended.finished_at)}
    return "done", _("Synced %(time)s") % {"time": ago(sync.ended.finished_at)}


def panel_html(request: HttpRequest, panel: SyncPanel) -> SafeString:
    """The panel for a table's cell."""
    context = {"sync": panel, "may_sync": request.user.can("import_data")}
    return render_to_string("campaigns/_sync_progress.html", context, request)


# --- The runs of an account -----------------------------------------------------------------------------------


def run_table(request: HttpRequest, account: AdAccount, state: TableState, page: Page, *, narrowed: bool) -> Table:
    empty = {
        "icon": "refresh-cw",
        "title": _("No sync of this outcome") if narrowed else _("Not synced yet"),
        "text": _("Each sync of this account leaves a line here: what it read, what it brought, and how it ended."),
    }
    rows = [_run_row(account, run) for run in page.rows]
    caption = _("Syncs of %(account)s") % {"account": account.name}
    return Table(TABLE_ID, caption, state, rows, path=request.path, page=page, as_cards=True, empty=empty)


def _run_row(account: AdAccount, run: SyncRun) -> Row:
    started = date_format(timezone.localtime(run.started_at), "j M Y, H:i")
    counts = run.counts
    return Row(
        str(run.pk),
        (
            Cell(started, sub=trigger_words(run), href=reverse("campaigns:sync_detail", args=[account.pk, run.pk])),
            Cell(outcome_tag(run)),
            Cell(took_words(run)),
            Cell(f"{run.done_steps} / {run.total_steps}" if run.total_steps else NO_VALUE),
            Cell(_count(counts, "days_added")),
            Cell(_count(counts, "days_changed")),
            Cell(campaign_words(counts)),
            Cell(error_cell(run), css="cell-text"),
        ),
        name=started,
    )


def outcome_tag(run: SyncRun) -> SafeString:
    if run.status == SyncStatus.RUNNING and run.retry_at and run.retry_at > timezone.now():
        return status_tag("pending", _("Waiting"))
    return status_tag(run.status, _OUTCOME[run.status])


def took_words(run: SyncRun) -> str:
    """'42 s', '3 min'; an en dash while it runs."""
    if run.finished_at is None:
        return NO_VALUE
    seconds = (run.finished_at - run.started_at).total_seconds()
    if seconds < 100:
        return _("%(count)s s") % {"count": format_number(seconds, 1 if seconds < 10 else 0)}
    return _("%(count)s min") % {"count": format_number(seconds / 60)}


def _count(counts: dict[str, Any], key: str) -> Any:
    return format_number(counts[key]) if key in counts else no_value(_("No days were read."))


def campaign_words(counts: dict[str, Any]) -> str:
    parts = (
        (counts.get("campaigns_created", 0), _("%(count)s new")),
        (counts.get("campaigns_changed", 0), _("%(count)s changed")),
        (counts.get("campaigns_archived", 0), _("%(count)s archived")),
    )
    found = ", ".join(text % {"count": format_number(count)} for count, text in parts if count)
    return found or (_("no change") if "campaigns" in counts else NO_VALUE)


def error_cell(run: SyncRun) -> Any:
    """Why it failed, or last had to wait, with what the platform's support asks for."""
    if not run.error:
        return no_value(_("None."))
    named = [(_("Code"), run.error_code), (_("Request"), run.request_id)]
    details = " · ".join(f"{label} {value}" for label, value in named if value)
    return format_html('{}<span class="cell-sub">{}</span>', run.error, details) if details else run.error


# --- One run --------------------------------------------------------------------------------------------------


def run_facts(run: SyncRun, account: AdAccount) -> list[tuple[str, Any]]:
    lines = [
        (_("Asked for by"), trigger_words(run)),
        (_("Started"), date_format(timezone.localtime(run.started_at), "j M Y, H:i:s")),
        (_("Took"), took_words(run)),
        (_("Brought"), result_words(run.counts)),
        (_("Campaigns"), campaign_words(run.counts)),
    ]
    if run.error:
        lines.append((_("Error"), run.error))
    if run.status == SyncStatus.RUNNING and (pause := pause_words(progress_of(run), account.platform)):
        lines.append((_("Pause"), pause))
    lines += [(label, value) for label, value in ((_("Error code"), run.error_code), (_("Request id"), run.request_id))
              if value]  # fmt: skip
    return lines


def step_table(request: HttpRequest, run: SyncRun) -> Table:
    """The steps of the plan: done, under way, to come; where a failed run stopped."""
    state = TableState.from_query({}, STEP_COLUMNS, default_sort="step")
    rows = [
        Row(str(number), (Cell(_planned_words(step)), Cell(_step_tag(run, number))))
        for number, step in enumerate(run.plan)
    ]
    empty = {"icon": "list-checks", "title": _("No steps yet"), "text": _("They are planned when a worker begins.")}
    return Table("sync-steps", _("Steps of this sync"), state, rows, path=request.path, as_cards=True, empty=empty)


def _planned_words(step: dict[str, Any]) -> str:
    start, end = (datetime.fromisoformat(step[key]) if step.get(key) else None for key in ("start", "end"))
    return step_words(step["kind"], start, end)


def _step_tag(run: SyncRun, number: int) -> SafeString:
    if number < run.done_steps:
        return status_tag("done", _("Done"))
    if number > run.done_steps or run.status == SyncStatus.DONE:
        return status_tag("inactive", _("To come") if run.status == SyncStatus.RUNNING else _("Not reached"))
    return (
        status_tag("failed", _("Failed")) if run.status == SyncStatus.FAILED else status_tag("running", _("Under way"))
    )


def outcome_selects(chosen: str) -> Sequence[tuple[str, str, list[tuple[str, str]], str]]:
    return [("status", _("All outcomes"), [(value, str(label)) for value, label in SyncStatus.choices], chosen)]
