"""What one rule of the demo did in the past, so that its account has something to tell: its replay, written down."""

import json
from datetime import datetime, timedelta
from itertools import groupby

from rules.actions import Result, SendAlert
from rules.actions.base import Target
from rules.actions.specs import rule_spec
from rules.choices import Outcome
from rules.conditions.holdout import is_held_out
from rules.models import Rule
from rules.queries.replay import ReplayAction, replay
from rules.services.memory import Kept, Memory, executions_insert, rules_mark_evaluated, states_upsert
from stratum.demo.numbers import Span

# Within the date range that pages open with.
PAST_DAYS = 28
# The first days of a demo have no days before them.
_WARM_UP = 14


def write_past(rule: Rule, span: Span) -> int:
    """Every morning of four weeks, on the numbers as they were known then; how many rows. Its alerts are long closed
    and not written."""
    end = span.today - timedelta(days=1)
    start = max(span.first + timedelta(days=_WARM_UP), end - timedelta(days=PAST_DAYS - 1))
    if start > end:
        return 0
    actions = sorted(replay(rule_spec(rule), start=start, end=end, now=span.as_of).actions, key=_moment)
    written, met = 0, set[int]()
    for moment, together in groupby(actions, key=_moment):
        memory = Memory()
        for action in together:
            held_out = is_held_out(rule.pk, action.campaign_id, rule.holdout_percent)
            # That a campaign is still left alone is no news.
            if not held_out or action.campaign_id not in met:
                memory.kept.append(_kept(rule, action, held_out=held_out))
            met.add(action.campaign_id)
        memory.evaluated[rule.pk] = sum(one.outcome == Outcome.ACTED for one in memory.kept)
        written += executions_insert(memory, now=moment)
        states_upsert(memory, now=moment)
        rules_mark_evaluated(memory, now=moment)
    return written


def _moment(action: ReplayAction) -> datetime:
    return action.at


def _kept(rule: Rule, action: ReplayAction, *, held_out: bool) -> Kept:
    alert = SendAlert.validate(rule.action_config)
    done = Result(alert.plan(Target(action.campaign_id, action.name, (), action.then)))
    condition = action.then.as_json() | ({"gate": {"why": "holdout"}} if held_out else {})
    outcome = Outcome.SHADOW if held_out else Outcome.ACTED
    return Kept(
        rule.pk, action.campaign_id, outcome.value, rule.version, json.dumps(condition),
        json.dumps(done.as_json(alert.type)), None,
    )  # fmt: skip
