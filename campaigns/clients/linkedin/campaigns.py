"""LinkedIn's campaigns as CampaignInfo.

All days are UTC. Budgets are decimals in units with a currency of their own, which is the account's or a mistake. A
campaign without a budget lives on its group's. Why a campaign does not run is told by servingStatuses alone: a paused
group leaves the campaign ACTIVE.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import structlog

from campaigns.choices import BudgetLock, CampaignStatus
from campaigns.clients import restli
from campaigns.clients.answers import storable
from campaigns.clients.base import Account, CampaignInfo
from campaigns.clients.money import from_major
from stratum.lib.money import to_units

log = structlog.get_logger(__name__)

STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "COMPLETED", "CANCELED", "DRAFT", "PENDING_DELETION", "REMOVED")
GROUP_STATUSES = ("ACTIVE", "PAUSED", "DRAFT", "ARCHIVED", "CANCELED", "PENDING_DELETION", "REMOVED")
LOCATIONS = "urn:li:adTargetingFacet:locations"

_STATUS = {
    "ACTIVE": CampaignStatus.ACTIVE,
    "PAUSED": CampaignStatus.PAUSED,
    "DRAFT": CampaignStatus.DRAFT,
    "COMPLETED": CampaignStatus.COMPLETED,
    "ARCHIVED": CampaignStatus.ARCHIVED,
    "CANCELED": CampaignStatus.ARCHIVED,
    "CANCELLED": CampaignStatus.ARCHIVED,
    "PENDING_DELETION": CampaignStatus.ARCHIVED,
    "REMOVED": CampaignStatus.ARCHIVED,
}
_RUNNABLE = "RUNNABLE"
_OVER = frozenset({"CAMPAIGN_END_DATE_HOLD", "CAMPAIGN_TOTAL_BUDGET_HOLD"})
# Amounts come with the dust of binary fractions: 99.99999999999996, -2E-18.
_DUST = Decimal("0.000001")


def campaign_info(
    record: dict[str, Any], group: dict[str, Any] | None, places: Mapping[str, str], account: Account
) -> CampaignInfo:
    """A campaign's record, that of its group where the budget is there, and names of places by their urn.

    KeyError, ValueError or TypeError for an unknown shape.
    """
    lock = budget_lock(record, account.currency)
    carrier = record
    if lock == BudgetLock.SHARED and group is not None:
        carrier = group
    schedule = record.get("runSchedule") or {}
    locations = sorted({places.get(one, one) for one in location_urns(record)})
    return CampaignInfo(
        external_id=str(record["id"]),
        name=str(record.get("name") or record["id"]),
        status=_status(record),
        objective=record.get("objectiveType"),
        daily_budget=budget_minor(carrier.get("dailyBudget"), account.currency),
        lifetime_budget=budget_minor(carrier.get("totalBudget"), account.currency),
        start_date=_day(schedule.get("start")),
        # The end is the first millisecond without the campaign.
        end_date=_day(schedule["end"] - 1) if schedule.get("end") is not None else None,
        budget_object=str(record.get("campaignGroup") or "") if lock == BudgetLock.SHARED else "",
        budget_read_only=lock,
        warning=_warning(record),
        targeting={"locations": locations} if locations else {},
        raw=storable(record),
    )


def budget_lock(record: dict[str, Any], currency: str) -> str:
    """Why the daily budget cannot be set on the campaign, empty when it can."""
    if _STATUS.get(str(record.get("status"))) is CampaignStatus.ARCHIVED:
        return BudgetLock.FINAL.value
    daily = record.get("dailyBudget")
    if daily is not None:
        return "" if daily.get("currencyCode") == currency else BudgetLock.UNKNOWN.value
    return BudgetLock.LIFETIME.value if record.get("totalBudget") is not None else BudgetLock.SHARED.value


def budget_minor(budget: dict[str, Any] | None, currency: str) -> int | None:
    """Minor units of {"amount": "50.5", "currencyCode": "USD"}; None for none, and for one in another currency."""
    if budget is None or budget.get("currencyCode") != currency:
        return None
    return from_major(budget["amount"], currency)


def budget_json(minor: int, currency: str) -> dict[str, str]:
    """A budget as LinkedIn takes it: a decimal text with the currency's decimals."""
    return {"amount": f"{to_units(minor, currency):f}", "currencyCode": currency}


def amount_minor(amount: Decimal | str | int, currency: str) -> int:
    """Minor units of a cost or value, without the dust: what is a millionth or less below nothing is nothing."""
    value = Decimal(amount).quantize(_DUST, ROUND_HALF_EVEN)
    return from_major(Decimal(0) if -_DUST <= value < 0 else value, currency)


def location_urns(record: dict[str, Any]) -> Iterator[str]:
    """The places that a campaign reaches."""
    include = (record.get("targetingCriteria") or {}).get("include") or {}
    for clause in include.get("and") or ():
        yield from _texts((clause.get("or") or {}).get(LOCATIONS))


def group_id(record: dict[str, Any]) -> str:
    """The id of a campaign's group, empty when it has none."""
    group = record.get("campaignGroup")
    return restli.urn_id(group) if group else ""


def _status(record: dict[str, Any]) -> str:
    said = str(record.get("status"))
    if said not in _STATUS:
        log.warning("linkedin.unknown_status", status=said)
        return ""
    if said == "ACTIVE" and _OVER.intersection(_texts(record.get("servingStatuses"))):
        return CampaignStatus.COMPLETED.value
    return _STATUS[said].value


def _warning(record: dict[str, Any]) -> str:
    """What keeps a campaign that is switched on from running, in LinkedIn's words."""
    serving = list(_texts(record.get("servingStatuses")))
    return ", ".join(serving) if record.get("status") == "ACTIVE" and _RUNNABLE not in serving else ""


def _texts(values: Any) -> Iterable[str]:
    return [value for value in values or () if isinstance(value, str)]


def _day(milliseconds: int | None) -> date | None:
    """The UTC day of a moment in milliseconds since 1970."""
    if milliseconds is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)).date()
