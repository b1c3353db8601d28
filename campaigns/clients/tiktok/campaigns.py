"""TikTok's campaigns and ad groups as CampaignInfo.

Budgets are numbers in units of the account's currency. A campaign has no dates, no targeting and no state 'ended' of
its own: all three are those of its ad groups. BUDGET_MODE_INFINITE means that the ad groups hold the budgets, not that
there is no money.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from campaigns.choices import BudgetLock, CampaignStatus
from campaigns.clients.answers import storable
from campaigns.clients.base import Account, CampaignInfo
from campaigns.clients.money import from_major
from campaigns.clients.windows import day_in
from stratum.lib.money import to_units

log = structlog.get_logger(__name__)

SMART_PLUS = "UPGRADED_SMART_PLUS"
ENABLE, DISABLE = "ENABLE", "DISABLE"

_DELETED = frozenset({"CAMPAIGN_STATUS_DELETE", "STATUS_DELETE", "ADGROUP_STATUS_DELETE", "DELETE"})
_PAUSED = frozenset({"CAMPAIGN_STATUS_DISABLE", "CAMPAIGN_STATUS_AWAITING_RELEASE"})
_SERVING = frozenset({"CAMPAIGN_STATUS_ENABLE", "STATUS_DELIVERY_OK"})
_ENDED = "ADGROUP_STATUS_TIME_DONE"
_DAILY = frozenset({"BUDGET_MODE_DAY", "BUDGET_MODE_DYNAMIC_DAILY_BUDGET"})
_LIFETIME, _INFINITE = "BUDGET_MODE_TOTAL", "BUDGET_MODE_INFINITE"
_GENDERS = {"GENDER_MALE": "male", "GENDER_FEMALE": "female"}
_OLDEST = 100  # AGE_55_100: no upper end


def campaign_info(record: dict[str, Any], ad_groups: Iterable[dict[str, Any]], account: Account) -> CampaignInfo:
    """A campaign's record and those of its ad groups. KeyError, ValueError or TypeError for an unknown shape."""
    groups = [group for group in ad_groups if not is_deleted(group)]
    daily, lifetime = _own_budgets(record, account.currency)
    lock = budget_lock(record)
    if lock == BudgetLock.AD_SETS:
        daily, lifetime = _ad_group_budgets(groups, account.currency)
    start, end = _flight(groups, account.timezone)
    return CampaignInfo(
        external_id=str(record["campaign_id"]),
        name=str(record.get("campaign_name") or record["campaign_id"]),
        status=_status(record, groups),
        objective=record.get("objective_type") or record.get("virtual_objective_type"),
        daily_budget=daily,
        lifetime_budget=lifetime,
        start_date=start,
        end_date=end,
        budget_read_only=lock,
        warning=_warning(record),
        targeting=_targeting(groups),
        raw=storable({**record, "ad_groups": groups}),
    )


def is_deleted(record: dict[str, Any]) -> bool:
    """Whether a campaign or an ad group was deleted, which is final."""
    return any(record.get(name) in _DELETED for name in ("secondary_status", "primary_status", "operation_status"))


def budget_lock(record: dict[str, Any]) -> str:
    """Why the daily budget cannot be set on the campaign, empty when it can. The mode of a budget never changes."""
    mode = record.get("budget_mode")
    if is_deleted(record):
        return BudgetLock.FINAL.value
    if mode in _DAILY:
        return ""
    if mode == _LIFETIME:
        return BudgetLock.LIFETIME.value
    return BudgetLock.AD_SETS.value if mode == _INFINITE else BudgetLock.UNKNOWN.value


def budget_number(minor: int, currency: str) -> int | float:
    """The budget as TikTok's JSON number, in units, with no more decimals than the currency has."""
    units = to_units(minor, currency)
    return int(units) if units == units.to_integral_value() else float(units)


def _status(record: dict[str, Any], groups: list[dict[str, Any]]) -> str:
    if is_deleted(record):
        return CampaignStatus.ARCHIVED.value
    switch, secondary = record.get("operation_status"), record.get("secondary_status")
    if groups and all(group.get("secondary_status") == _ENDED for group in groups):
        return CampaignStatus.COMPLETED.value
    if switch == DISABLE or secondary in _PAUSED:
        return CampaignStatus.PAUSED.value
    # Whatever else the secondary status says tells how it fares: the person's switch is on.
    if switch == ENABLE or secondary in _SERVING:
        return CampaignStatus.ACTIVE.value
    log.warning("tiktok.unknown_status", operation_status=switch, secondary_status=secondary)
    return ""


def _warning(record: dict[str, Any]) -> str:
    """What keeps a campaign that is switched on from being served, in TikTok's word."""
    secondary = record.get("secondary_status") or ""
    on = record.get("operation_status") == ENABLE and not is_deleted(record)
    return str(secondary) if on and secondary not in _SERVING | _PAUSED else ""


def _own_budgets(record: dict[str, Any], currency: str) -> tuple[int | None, int | None]:
    """Daily and lifetime budget of a campaign or an ad group."""
    mode, amount = record.get("budget_mode"), record.get("budget")
    if amount is None or Decimal(amount) == 0:
        return None, None
    minor = from_major(amount, currency)
    return (minor if mode in _DAILY else None), (minor if mode == _LIFETIME else None)


def _ad_group_budgets(groups: list[dict[str, Any]], currency: str) -> tuple[int | None, int | None]:
    """What the ad groups that are switched on may spend together, a day and in all."""
    running = [_own_budgets(group, currency) for group in groups if group.get("operation_status") == ENABLE]
    daily = [day for day, _total in running if day is not None]
    lifetime = [total for _day, total in running if total is not None]
    return (sum(daily) if daily else None), (sum(lifetime) if lifetime else None)


def _flight(groups: list[dict[str, Any]], timezone: str) -> tuple[date | None, date | None]:
    """First and last day. An open end is written as a date ten years ahead: only the schedule's type tells."""
    starts = [_moment(group["schedule_start_time"]) for group in groups if group.get("schedule_start_time")]
    start = day_in(min(starts), timezone) if starts else None
    if not groups or any(group.get("schedule_type") != "SCHEDULE_START_END" for group in groups):
        return start, None
    ends = [_moment(group["schedule_end_time"]) for group in groups if group.get("schedule_end_time")]
    # An end at midnight is the end of the day before.
    return start, day_in(max(ends) - timedelta(seconds=1), timezone) if ends else None


def _moment(text: str) -> datetime:
    """'2026-09-01 08:00:00', which is UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _targeting(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Whom the ad groups reach together. Places and interests are numbers of TikTok's own and stay in `raw`."""
    found: dict[str, Any] = {}
    # An ad group without ages or with GENDER_UNLIMITED reaches everybody.
    if groups and all(group.get("age_groups") for group in groups):
        ages = [_ages(name) for group in groups for name in group["age_groups"]]
        found["age_min"] = min(youngest for youngest, _oldest in ages)
        oldest = max(oldest for _youngest, oldest in ages)
        if oldest < _OLDEST:
            found["age_max"] = oldest
    genders = {_GENDERS.get(group.get("gender") or "") for group in groups}
    if len(genders) == 1 and None not in genders:
        found["genders"] = sorted(gender for gender in genders if gender)
    return found


def _ages(name: str) -> tuple[int, int]:
    """'AGE_25_34' as (25, 34)."""
    youngest, oldest = name.removeprefix("AGE_").split("_")
    return int(youngest), int(oldest)
