"""What rules did in a report's days: acted, took back, held back and why, and what waits for a person."""

from collections import Counter

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rules.actions.done_words import Made, done_words
from rules.choices import Outcome
from rules.conditions.wording import reason
from rules.models import RuleExecution
from rules.queries.activity import change_id_of, explanation_of
from rules.queries.reports.automation import HELD, Automated
from rules.services.reports.blocks import Json, block, cell, count_cell, platform_name, table
from rules.services.standing import is_taken_back
from stratum.lib.figures import format_number
from stratum.lib.regions import zone_or_utc


def automation_block(found: Automated, zone: str) -> Json:
    """Counts first, then the newest actions, and the newest of what was held back, each with its reason."""
    made = Made.of(found.acted)
    columns = [
        (_("When"), "text"),
        (_("Campaign"), "text"),
        (_("Rule"), "text"),
        (_("What, and why"), "text"),
    ]
    acted = [_row(one, zone, _done(one, made)) for one in found.acted]
    held = [_row(one, zone, str(Outcome(one.outcome).label)) for one in found.held]
    return block(
        "automation",
        _("What automation did"),
        lines=_sentences(found),
        tables=[
            table(_("Acted"), columns, acted),
            table(_("Held back"), columns, held),
            _held_counts(found.counts),
        ],
    )


def _sentences(found: Automated) -> list[str]:
    counts = found.counts
    acted, failed = counts[Outcome.ACTED], counts[Outcome.FAILED]
    if not counts and not found.waiting:
        return [_("No rule acted, and none was held back.")]
    lines = [ngettext("Rules acted %(count)s time.", "Rules acted %(count)s times.", acted) % _count(acted)]
    if found.undone:
        words = ngettext("%(count)s of it was taken back.", "%(count)s of them were taken back.", found.undone)
        lines.append(words % _count(found.undone))
    if failed:
        lines.append(ngettext("%(count)s action failed.", "%(count)s actions failed.", failed) % _count(failed))
    held = sum(count for outcome, count in counts.items() if outcome in HELD)
    if held:
        words = ngettext("%(count)s action was held back.", "%(count)s actions were held back.", held)
        lines.append(words % _count(held))
    if found.waiting:
        words = ngettext("%(count)s rule waits for approval.", "%(count)s rules wait for approval.", found.waiting)
        lines.append(words % _count(found.waiting))
    return lines


def _held_counts(counts: Counter[str]) -> Json:
    rows = [[cell(outcome.label), count_cell(counts[outcome])] for outcome in HELD if counts[outcome]]
    return table(_("Why actions were held back"), [(_("Reason"), "text"), (_("Times"), "number")], rows)


def _row(one: RuleExecution, zone: str, what: str) -> list[Json]:
    explanation = explanation_of(one)
    why = reason(one.outcome, explanation, error=one.error or "") if explanation else one.error or ""
    local = one.executed_at.astimezone(zone_or_utc(zone)) if one.executed_at else None
    campaign = one.campaign
    account = campaign.ad_account.name if campaign and campaign.ad_account else ""
    place = ", ".join(word for word in (platform_name(campaign.platform) if campaign else "", account) if word)
    return [
        cell(date_format(local, "j M, H:i") if local else "–"),
        cell(campaign.name if campaign else "–", place),
        cell(one.rule.name),
        cell(what, why),
    ]


def _done(one: RuleExecution, made: Made) -> str:
    words = done_words(one, made)
    change = made.changes.get(change_id_of(one) or 0)
    undone = change.is_undone if change is not None else is_taken_back(one)  # type: ignore[attr-defined]
    return _("%(what)s (taken back)") % {"what": words} if undone and words else words


def _count(count: int) -> dict[str, str]:
    return {"count": format_number(count)}
