"""What actions on platforms share: the ledger is asked under the campaigns' locks, so that no limit is exceeded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import ChangedField, ChangeOrigin
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.obstacles import Standing
from campaigns.services.changes import changes_request, changes_unwind
from campaigns.services.changes.requests import MAX_BULK, RequestResult
from rules.actions.base import Change, Done, Result
from rules.choices import Outcome
from rules.conditions.automation import is_protected
from rules.queries.gates import moves_too_far
from rules.queries.ledger import Ledger, ledger_read
from stratum.lib.errors import DomainError

_STOPPED = {outcome.value: outcome for outcome in (Outcome.CAP, Outcome.PROTECTED, Outcome.ALREADY_IN_STATE)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The value of a field that an action wants for a campaign as it stands; `today`: until its day ends."""

    field: str
    value: Callable[[Standing], str | int]
    today: bool = False


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A wish that looks at the ledger again while the campaign is held; refusals carry an outcome as their code."""

    wanted: Wanted
    ledger: Ledger
    labels: Mapping[int, Sequence[str]]

    def of(self, standing: Standing) -> str | int:
        recent, automation = self.ledger.of(standing.id), self.ledger.automation
        if automation.frozen:
            raise DomainError(_("All automatic changes are frozen."), code=Outcome.PROTECTED)
        if is_protected(self.labels.get(standing.id, ())):
            raise DomainError(_("The campaign is protected by its label."), code=Outcome.PROTECTED)
        if self.wanted.field in recent.open_fields:
            raise DomainError(_("A change of it is on its way already."), code=Outcome.ALREADY_IN_STATE)
        if recent.changes >= automation.max_changes_24h:
            raise DomainError(_("It was changed often enough in the last 24 hours."), code=Outcome.CAP)
        value = self.wanted.value(standing)
        if value == standing.value(self.wanted.field):
            raise DomainError(_("There is nothing left to change."), code=Outcome.ALREADY_IN_STATE)
        if self.wanted.field == ChangedField.DAILY_BUDGET and isinstance(value, int):
            before = standing.daily_budget if recent.budget_before is None else recent.budget_before
            if before is not None and moves_too_far(before, value, automation.max_budget_move_percent):
                raise DomainError(_("The budget was moved far enough in the last 24 hours."), code=Outcome.CAP)
        return value


def platform_apply(changes: Sequence[Change], wanted: Wanted, *, now: datetime, actor: Actor) -> list[Result]:
    """Queue one change for each campaign, in the caller's transaction; the caller sends them once it is in."""
    by_campaign = {change.target.campaign_id: change for change in changes}
    ids = sorted(by_campaign)
    results: dict[int, Result] = {}
    for start in range(0, len(ids), MAX_BULK):
        part = ids[start : start + MAX_BULK]
        held = Campaign.objects.select_for_update(no_key=True).filter(pk__in=part).order_by("pk")
        labels = dict(held.values_list("pk", "labels"))
        guarded = _Guarded(wanted, ledger_read(now=now, campaign_ids=part), labels)
        asked = changes_request(
            campaign_ids=part,
            field=wanted.field,
            value=guarded,
            actor=actor,
            origin=ChangeOrigin.RULE,
            today=now if wanted.today else None,
        )
        results |= _results({campaign_id: by_campaign[campaign_id] for campaign_id in part}, asked)
    return [results[change.target.campaign_id] for change in changes]


def _results(changes: Mapping[int, Change], asked: RequestResult) -> dict[int, Result]:
    """Campaign → what became of its change."""
    gone = _("The campaign is no longer there.")
    results = {campaign_id: Result(change, error=gone) for campaign_id, change in changes.items()}
    for row in asked.asked:
        change = _as_asked(changes[row.campaign_id], row)
        results[row.campaign_id] = Result(change, made={"change": row.pk}, account_id=asked.accounts[row.pk])
    for refused in asked.refused:
        change = changes[refused.campaign_id]
        results[refused.campaign_id] = Result(change, error=refused.text, outcome=_STOPPED.get(refused.code))
    return results


def _as_asked(change: Change, row: CampaignChange) -> Change:
    """What was really asked for: the campaign may have moved since the rule looked."""
    if row.field == ChangedField.STATUS:
        until = {"until": row.revert_at.isoformat()} if row.revert_at else {}
        return Change(change.target, {"status": row.old_status}, {"status": row.new_status, **until})
    before = {**change.before, "daily_budget": row.old_budget_cents}
    return Change(change.target, before, {**change.after, "daily_budget": row.new_budget_cents})


def platform_revert(done: Sequence[Done], *, actor: Actor) -> int:
    """Take back what still stands as the rule left it; the beat sends it."""
    ids = [one.made["change"] for one in done if "change" in one.made]
    return len(changes_unwind(change_ids=ids, actor=actor).steps)
