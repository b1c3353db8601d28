"""What a rule did, written down as a pass and the platforms leave it."""

import datetime
from typing import Any

from campaigns.models import Campaign, CampaignChange
from campaigns.tests.factories import record_days
from rules.models import Rule, RuleExecution
from rules.queries.account import RuleAccount, rule_account
from rules.tests.platform_cast import NOW

UTC = datetime.UTC
ONE_DAY = datetime.timedelta(days=1)
START, END = datetime.date(2026, 10, 24), datetime.date(2026, 11, 22)


def on(day: int, hour: int = 10, month: int = 11) -> datetime.datetime:
    """A moment of November 2026, UTC."""
    return datetime.datetime(2026, month, day, hour, tzinfo=UTC)


def day(number: int, month: int = 11) -> datetime.date:
    return datetime.date(2026, month, number)


def days(campaign: Campaign, first: int, last: int, *, known_at: datetime.datetime | None = None, **metrics: int):
    """The same numbers on each day from first to last of November."""
    record_days(campaign, {day(number): metrics for number in range(first, last + 1)}, known_at=known_at or on(23, 8))


def change(campaign: Campaign, at: datetime.datetime, **fields: Any) -> CampaignChange:
    """A row of the ledger: the rule paused the campaign, unless said otherwise."""
    defaults = {"field": "status", "old_status": "active", "new_status": "paused", "origin": "rule"}
    values = {**defaults, "state": "applied", "requested_at": at, "finished_at": at, **fields}
    return CampaignChange.objects.create(campaign=campaign, **values)


def acted(rule: Rule, campaign: Campaign, at: datetime.datetime, **fields: Any) -> RuleExecution:
    values = {"outcome": "acted", "triggered": True, "condition_result": {}, "action_result": None, **fields}
    return RuleExecution.objects.create(rule=rule, campaign=campaign, executed_at=at, **values)


def paused(rule: Rule, campaign: Campaign, at: datetime.datetime, **fields: Any) -> CampaignChange:
    """The rule paused the campaign."""
    made = change(campaign, at, **fields)
    result = {"action": "pause_campaign", "before": {"status": "active"}, "after": {"status": "paused"}}
    acted(rule, campaign, at, action_result={**result, "made": {"change": made.pk}})
    return made


def moved(rule: Rule, campaign: Campaign, at: datetime.datetime, old: int, new: int) -> CampaignChange:
    """The rule moved the campaign's daily budget."""
    made = change(
        campaign, at, field="daily_budget", old_status=None, new_status=None, old_budget_cents=old, new_budget_cents=new
    )
    sides = {"before": {"daily_budget": old, "currency": campaign.currency}}
    sides["after"] = {"daily_budget": new, "currency": campaign.currency}
    acted(rule, campaign, at, action_result={"action": "adjust_budget", **sides, "made": {"change": made.pk}})
    return made


def held_out(rule: Rule, campaign: Campaign, at: datetime.datetime) -> RuleExecution:
    return acted(
        rule, campaign, at, outcome="shadow", triggered=False, condition_result={"gate": {"why": "holdout"}}
    )  # fmt: skip


def enabled(campaign: Campaign, at: datetime.datetime, **fields: Any) -> CampaignChange:
    """A person made it active again."""
    return change(campaign, at, old_status="paused", new_status="active", **{"origin": "person", **fields})


def figure(campaign: Campaign, first: int, last: int, **fields: Any) -> dict[str, Any]:
    """The stored explanation of a ROAS below 1, over days of November."""
    account = campaign.ad_account
    window = {"days": last - first + 1, "start": str(day(first)), "end": str(day(last)), "zone": account.timezone}
    defaults = {"field": "roas", "operator": "less_than", "needed": "1", "actual": "0.5"}
    return {**defaults, "window": {**window, "days_with_numbers": last - first + 1}, "parts": {}, **fields}


def account_of(rule: Rule, *, now: datetime.datetime = NOW, currency: str = "USD", **span: Any) -> RuleAccount:
    return rule_account(
        rule.pk, **{"start": START, "end": END, "zone": UTC, **span}, now=now, currency=currency
    )  # fmt: skip
