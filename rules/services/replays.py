"""Replays that were asked for, and what came of them: kept for a while, beside the numbers and never part of them.

A replay is named by what it asks (the rule's settings, the span), so that asking twice computes once. The workspace is
part of every key: a name alone would let a mix-up show another workspace's replay.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.middleware import zone_or_utc
from campaigns.models import Campaign
from rules.actions.specs import rule_spec
from rules.conditions import RuleSpec
from rules.models import Rule
from rules.queries.facts import asked_windows
from rules.queries.replay import Replay, replay
from rules.services.rules import RuleDraft
from tenants.context import bound_tenant_id
from tenants.models import Tenant

SPANS = (30, 90, 365)
# Numbers that a request reads while the person waits: well under a second. More is a worker's.
INLINE_CELLS = 100_000
KEEP_SECONDS = 3600
DRAFT_SECONDS = 24 * 3600
# A replay takes seconds. One that was asked for and is not there by then was lost with its worker.
LOST_SECONDS = 300
# What a rule is called decides nothing.
_SILENT = ("name", "description")


@dataclass(frozen=True, slots=True)
class ReplayAsk:
    """What is asked: the rule's settings as a draft's columns, and the days, both ends included."""

    draft: dict[str, Any]
    start: date
    end: date

    @classmethod
    def of(cls, draft: RuleDraft, *, days: int, now: datetime) -> "ReplayAsk":
        """The last full days of the workspace."""
        zone = zone_or_utc(Tenant.objects.values_list("timezone", flat=True).get())
        end = now.astimezone(zone).date() - timedelta(days=1)
        return cls(asdict(draft), end - timedelta(days=days - 1), end)

    @property
    def spec(self) -> RuleSpec:
        """ConditionError where the rule cannot be read."""
        return rule_spec(RuleDraft(**self.draft).on(Rule()))

    @property
    def replay_id(self) -> str:
        asked = {key: value for key, value in self.draft.items() if key not in _SILENT}
        return _digest({**asked, "start": self.start.isoformat(), "end": self.end.isoformat()})

    @property
    def is_small(self) -> bool:
        """Whether it is read while the person waits."""
        windows, _components = asked_windows([self.spec])
        days = (self.end - self.start).days + max((window.days * (window.shift + 1) for window in windows), default=0)
        return days * Campaign.objects.filter(over_limit=False).count() <= INLINE_CELLS


@dataclass(frozen=True, slots=True)
class ReplayState:
    """`found` is None while it runs, or when it failed. `percent` is how far it is."""

    found: Replay | None
    percent: int = 0
    failed: bool = False

    @property
    def is_over(self) -> bool:
        return self.failed or self.found is not None


def draft_of(rule: Rule) -> RuleDraft:
    """A stored rule's settings, as if they were just being written."""
    return RuleDraft.of(rule)


def draft_keep(draft: RuleDraft) -> str:
    """Keep a rule that is not saved, for the pages of its replay; its name there."""
    draft_id = _digest(asdict(draft))
    cache.set(_key("draft", draft_id), asdict(draft), DRAFT_SECONDS)
    return draft_id


def draft_kept(draft_id: str) -> RuleDraft | None:
    """None: it was never kept in this workspace, or too long ago."""
    kept = cache.get(_key("draft", draft_id))
    return None if kept is None else RuleDraft(**kept)


def replay_state(replay_id: str, *, settle: bool = True) -> ReplayState | None:
    """None: nobody asked for it, or what came of it is no longer kept. A failure is told once, and forgotten with
    `settle`, so that asking again tries again."""
    kept = cache.get(_key("state", replay_id))
    if kept is None:
        return None
    if kept.get("failed"):
        if settle:
            cache.delete(_key("state", replay_id))
        return ReplayState(None, failed=True)
    if "found" in kept:
        return ReplayState(Replay.from_json(kept["found"]), 100)
    return ReplayState(None, kept["percent"])


def replay_ask(ask: ReplayAsk) -> bool:
    """Note that it is asked for. False: it is under way already, and needs no second worker."""
    kept = {"percent": 0, "draft": ask.draft, "start": ask.start.isoformat(), "end": ask.end.isoformat()}
    return cache.add(_key("state", ask.replay_id), kept, LOST_SECONDS)


def replay_run(replay_id: str) -> Replay | None:
    """Compute what was asked for. None: nobody asks for it any more, or it is done."""
    kept = cache.get(_key("state", replay_id))
    if kept is None or "draft" not in kept:
        return None
    ask = ReplayAsk(kept["draft"], date.fromisoformat(kept["start"]), date.fromisoformat(kept["end"]))

    def tell(done: int, total: int) -> None:
        cache.set(_key("state", replay_id), {**kept, "percent": 99 * done // total}, LOST_SECONDS)

    try:
        return replay_now(ask, progress=tell)
    except Exception:
        # Its page must not wait for it; the failure itself goes on to the job's record.
        cache.set(_key("state", replay_id), {"failed": True}, LOST_SECONDS)
        raise


@transaction.atomic
def replay_now(ask: ReplayAsk, *, progress: Callable[[int, int], None] | None = None) -> Replay:
    """Compute it here, and keep it."""
    found = replay(ask.spec, start=ask.start, end=ask.end, now=timezone.now(), progress=progress)
    cache.set(_key("state", ask.replay_id), {"found": found.as_json()}, KEEP_SECONDS)
    return found


def _key(kind: str, name: str) -> str:
    return f"rule-replay:{kind}:{bound_tenant_id()}:{name}"


def _digest(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
