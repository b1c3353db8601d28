"""Meta's campaigns and ad sets as CampaignInfo.

Three facts shape this module: a field without a value is absent; campaigns keep their status for ever after their
stop time; targeting, and often the budget, live on the ad sets below the campaign.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import structlog

from campaigns.choices import BudgetLock, CampaignStatus
from campaigns.clients.answers import storable
from campaigns.clients.base import Account, CampaignInfo
from campaigns.clients.money import from_scaled, meta_offset
from campaigns.clients.windows import day_in, zone

log = structlog.get_logger(__name__)

FIELDS = (
    "id,name,status,configured_status,effective_status,objective,daily_budget,lifetime_budget,budget_remaining,"
    "start_time,stop_time,created_time,updated_time,account_id,buying_type,bid_strategy,special_ad_categories,issues_info"
)
AD_SET_FIELDS = (
    "id,campaign_id,status,effective_status,daily_budget,lifetime_budget,start_time,end_time,optimization_goal,"
    "attribution_spec,targeting"
)
# Without this list archived campaigns are left out, and would look as if they had vanished.
EFFECTIVE_STATUSES = ("ACTIVE", "PAUSED", "ARCHIVED", "DELETED", "IN_PROCESS", "WITH_ISSUES")

_GONE = frozenset({"ARCHIVED", "DELETED"})
_STATUSES = {"ACTIVE": CampaignStatus.ACTIVE, "PAUSED": CampaignStatus.PAUSED}
_GENDERS = {1: "male", 2: "female"}


def is_gone(record: dict[str, Any]) -> bool:
    """Whether a campaign is archived or deleted."""
    return record.get("status") in _GONE or record.get("effective_status") in _GONE


def campaign_info(
    record: dict[str, Any], ad_sets: Iterable[dict[str, Any]], account: Account, now: datetime
) -> CampaignInfo:
    """A campaign's record and those of its ad sets. KeyError, ValueError or TypeError for an unknown shape."""
    ad_sets = list(ad_sets)
    daily = _budget(record.get("daily_budget"), account.currency)
    lifetime = _budget(record.get("lifetime_budget"), account.currency)
    lock = _lock(record, daily, lifetime)
    if lock == BudgetLock.AD_SETS:
        daily, lifetime = _ad_set_budgets(ad_sets, account.currency)
    stop = _moment(record.get("stop_time"))
    start = _moment(record.get("start_time"))
    return CampaignInfo(
        external_id=str(record["id"]),
        name=str(record.get("name") or record["id"]),
        status=_status(record, stop, now),
        objective=record.get("objective"),
        daily_budget=daily,
        lifetime_budget=lifetime,
        start_date=day_in(start, account.timezone) if start else None,
        end_date=_last_day(stop, account.timezone) if stop else None,
        budget_read_only=lock,
        warning=_warning(record),
        targeting=_targeting([ad_set.get("targeting") or {} for ad_set in ad_sets]),
        raw=storable({**record, **_attribution(ad_sets)}),
    )


def _status(record: dict[str, Any], stop: datetime | None, now: datetime) -> str:
    if is_gone(record):
        return CampaignStatus.ARCHIVED.value
    if stop is not None and stop <= now:
        return CampaignStatus.COMPLETED.value
    configured = record.get("configured_status") or record.get("status")
    for said in (record.get("effective_status"), configured):
        # WITH_ISSUES, IN_PROCESS and words to come say how it fares, not what its owner wants.
        if said in _STATUSES:
            return _STATUSES[said].value
    log.warning("meta.unknown_status", status=configured, effective_status=record.get("effective_status"))
    return ""


def _lock(record: dict[str, Any], daily: int | None, lifetime: int | None) -> str:
    """Why the daily budget cannot be set on the campaign, empty when it can."""
    if is_gone(record):
        return BudgetLock.FINAL.value
    if daily is not None:
        return ""
    # Daily and lifetime cannot be exchanged on a campaign that exists.
    return BudgetLock.LIFETIME.value if lifetime is not None else BudgetLock.AD_SETS.value


def _budget(text: Any, currency: str) -> int | None:
    """Minor units of a budget in Meta's minor units. Absent on campaigns, '0' on ad sets: none."""
    if text is None or int(text) == 0:
        return None
    return from_scaled(text, meta_offset(currency), currency)


def _ad_set_budgets(ad_sets: list[dict[str, Any]], currency: str) -> tuple[int | None, int | None]:
    """What the running ad sets may spend together, a day and in all. A paused ad set spends nothing."""
    running = [ad_set for ad_set in ad_sets if ad_set.get("status", "ACTIVE") == "ACTIVE"]

    def total(name: str) -> int | None:
        budgets = [budget for ad_set in running if (budget := _budget(ad_set.get(name), currency)) is not None]
        return sum(budgets) if budgets else None

    return total("daily_budget"), total("lifetime_budget")


def _moment(text: Any) -> datetime | None:
    """'2023-03-08T14:18:45-0800' (no colon in the offset) as a moment."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment


def _last_day(stop: datetime, timezone: str) -> date:
    """The last day of a campaign that stops at a moment: midnight ends the day before."""
    local = stop.astimezone(zone(timezone) or stop.tzinfo)
    return local.date() - timedelta(days=1) if local.time() == time.min else local.date()


def _warning(record: dict[str, Any]) -> str:
    """What Meta says is wrong with a campaign that has issues."""
    if record.get("effective_status") != "WITH_ISSUES":
        return ""
    issues = record.get("issues_info") or []
    sentences = [": ".join(filter(None, (issue.get("error_summary"), issue.get("error_message")))) for issue in issues]
    return " ".join(filter(None, sentences)) or "WITH_ISSUES"


def _attribution(ad_sets: list[dict[str, Any]]) -> dict[str, Any]:
    """The attribution settings of the ad sets, each once: they decide which conversions are counted."""
    specs: list[Any] = []
    for ad_set in ad_sets:
        spec = ad_set.get("attribution_spec")
        if spec and spec not in specs:
            specs.append(spec)
    return {"attribution_specs": specs} if specs else {}


def _targeting(targetings: list[dict[str, Any]]) -> dict[str, Any]:
    """Whom the ad sets reach together: the widest ages, every gender, place and interest that any of them names."""
    targetings = [targeting for targeting in targetings if targeting]
    if not targetings:
        return {}
    found: dict[str, Any] = {}
    for name, widest in (("age_min", min), ("age_max", max)):
        ages = [int(targeting[name]) for targeting in targetings if targeting.get(name) is not None]
        if ages:
            found[name] = widest(ages)
    # An ad set without genders reaches all of them.
    if all(targeting.get("genders") for targeting in targetings):
        genders = {
            _GENDERS[number] for targeting in targetings for number in targeting["genders"] if number in _GENDERS
        }
        if len(genders) == 1:
            found["genders"] = sorted(genders)
    locations = {place for targeting in targetings for place in _places(targeting.get("geo_locations") or {})}
    interests = {name for targeting in targetings for name in _interests(targeting)}
    if locations:
        found["locations"] = sorted(locations)
    if interests:
        found["interests"] = sorted(interests)
    return found


def _places(geo: dict[str, Any]) -> Iterable[str]:
    yield from geo.get("countries") or []
    for kind in ("regions", "cities", "zips"):
        for place in geo.get(kind) or []:
            yield str(place.get("name") or place.get("key"))


def _interests(targeting: dict[str, Any]) -> Iterable[str]:
    for group in [targeting, *(targeting.get("flexible_spec") or [])]:
        for interest in group.get("interests") or []:
            if isinstance(interest, dict) and interest.get("name"):
                yield str(interest["name"])
