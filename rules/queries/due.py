"""Which rules are due, and by whose clocks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.middleware import zone_or_utc
from campaigns.models import AdAccount
from rules.conditions import RuleSpec
from rules.conditions.schedules import ACCOUNT, Schedule
from stratum.lib.hourly import PASS_MINUTES
from tenants.models import Tenant


@dataclass(frozen=True)
class Due:
    """`zones`: rule → the zones of the accounts for which it is due now, for rules that are not due everywhere."""

    zones: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def is_due(self, spec: RuleSpec) -> bool:
        """Whether it is due for any account."""
        return self.zones.get(spec.rule_id or 0) != frozenset()

    def is_whole(self, rule_id: int) -> bool:
        """Whether it is due for every account."""
        return rule_id not in self.zones


EVERYWHERE = Due()


def rules_due(specs: Iterable[RuleSpec], since: Mapping[int, datetime], *, now: datetime) -> Due:
    """`since`: rule → when it was last checked, or activated.

    At most two statements, none where no rule has a schedule.
    """
    scheduled = [(spec.rule_id, spec.schedule) for spec in specs if spec.schedule is not None and spec.rule_id]
    if not scheduled:
        return EVERYWHERE
    own, clocks = _clocks(schedule for _rule_id, schedule in scheduled)
    found = {}
    for rule_id, schedule in scheduled:
        if schedule.zone == ACCOUNT:
            zones = {key for key, clock in clocks.items() if schedule.is_due(now, since[rule_id], clock)}
        else:
            zones = set(clocks) if schedule.is_due(now, since[rule_id], own) else set()
        if zones != set(clocks):
            found[rule_id] = frozenset(zones)
    return Due(found)


def next_checks(specs: Iterable[RuleSpec], *, now: datetime) -> dict[int, datetime]:
    """When the job looks at each saved rule again, by the first clock of those that count. At most two statements."""
    saved = [(spec.rule_id, spec.schedule) for spec in specs if spec.rule_id]
    own, clocks = _clocks(schedule for _rule_id, schedule in saved if schedule is not None)
    found = {}
    for rule_id, schedule in saved:
        begins = now
        if schedule is not None:
            mine = clocks.values() if schedule.zone == ACCOUNT else [own]
            begins = min(schedule.next_after(now, clock).astimezone(UTC) for clock in mine)
        found[rule_id] = _pass_from(begins)
    return found


def _clocks(schedules: Iterable[Schedule]) -> tuple[ZoneInfo, dict[str, ZoneInfo]]:
    """The workspace's clock, and all clocks by name: that one, and those of the accounts where a schedule asks."""
    kinds = {schedule.zone for schedule in schedules}
    own = zone_or_utc(Tenant.objects.values_list("timezone", flat=True).get()) if kinds else ZoneInfo("UTC")
    clocks = {own.key: own}
    if ACCOUNT in kinds:
        names = AdAccount.objects.with_deleted().order_by().values_list("timezone", flat=True).distinct()
        clocks |= {clock.key: clock for clock in map(zone_or_utc, names)}
    return own, clocks


def _pass_from(moment: datetime) -> datetime:
    """The first pass of the job at this moment or after it."""
    found = moment.replace(second=0, microsecond=0)
    while found.minute not in PASS_MINUTES or found < moment:
        found += timedelta(minutes=1)
    return found
