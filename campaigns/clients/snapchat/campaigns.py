"""Snapchat's campaigns and ad squads as CampaignInfo.

Money is in millionths of a unit (…_micro). Most accounts set budgets on ad squads; a campaign's own daily budget is
there or absent. A campaign knows two states, ACTIVE and PAUSED; that it has ended is told by its end alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from campaigns.choices import BudgetLock, CampaignStatus
from campaigns.clients.answers import storable
from campaigns.clients.base import Account, CampaignInfo
from campaigns.clients.money import MICROS, from_scaled
from campaigns.clients.windows import day_in

log = structlog.get_logger(__name__)

_STATUSES = {"ACTIVE": CampaignStatus.ACTIVE, "PAUSED": CampaignStatus.PAUSED}
SCHEDULED = "scheduled"
# What a campaign may be written back with: attributes left out are cleared, read-only ones are refused.
_WRITABLE = (
    "id", "ad_account_id", "name", "status", "start_time", "end_time", "daily_budget_micro", "lifetime_spend_cap_micro",
    "objective_v2_properties", "buy_model", "measurement_spec", "regulations", "pacing_level",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdSquad:
    """What a campaign needs to know of its ad squads. `countries` and `genders` empty: everywhere, everybody."""

    active: bool
    daily_micro: int | None
    lifetime_micro: int | None
    age_min: int | None
    age_max: int | None
    genders: frozenset[str]
    countries: frozenset[str]


def ad_squad(record: dict[str, Any]) -> AdSquad:
    """KeyError, ValueError or TypeError for an unknown shape."""
    targeting = record.get("targeting") or {}
    demographics = targeting.get("demographics") or []
    genders = [str(one.get("gender") or "").lower() for one in demographics]
    oldest = [_age(one.get("max_age")) for one in demographics]
    youngest = [_age(one.get("min_age")) for one in demographics]
    return AdSquad(
        active=record.get("status") == "ACTIVE",
        daily_micro=_micro(record.get("daily_budget_micro")),
        lifetime_micro=_micro(record.get("lifetime_budget_micro")),
        age_min=_if_all_known(youngest, min),
        age_max=_if_all_known(oldest, max),
        genders=frozenset(genders) if genders and set(genders) <= {"male", "female"} else frozenset(),
        countries=frozenset(
            str(geo["country_code"]).upper() for geo in targeting.get("geos") or [] if geo.get("country_code")
        ),
    )


def campaign_info(record: dict[str, Any], squads: Iterable[AdSquad], account: Account, now: datetime) -> CampaignInfo:
    """A campaign's record and what its ad squads add. KeyError, ValueError or TypeError for an unknown shape."""
    squads = list(squads)
    start, end = _moment(record.get("start_time")), _moment(record.get("end_time"))
    daily, lifetime = _micro(record.get("daily_budget_micro")), _micro(record.get("lifetime_spend_cap_micro"))
    lock = ""
    if daily is None:
        running = [squad for squad in squads if squad.active]
        daily = _sum(squad.daily_micro for squad in running)
        of_squads = _sum(squad.lifetime_micro for squad in running)
        lock = BudgetLock.LIFETIME if lifetime is not None and daily is None else BudgetLock.AD_SETS
        lifetime = of_squads if lifetime is None else lifetime
    return CampaignInfo(
        external_id=str(record["id"]),
        name=str(record.get("name") or record["id"]),
        status=_status(record, end, now),
        objective=_objective(record),
        daily_budget=_minor(daily, account.currency),
        lifetime_budget=_minor(lifetime, account.currency),
        start_date=day_in(start, account.timezone) if start else None,
        # The end is the first moment without the campaign: midnight ends the day before.
        end_date=day_in(end - timedelta(microseconds=1), account.timezone) if end else None,
        budget_read_only=str(lock),
        warning=_warning(record, start, now),
        targeting=_targeting(squads),
        raw=storable(record),
    )


def writable(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The whole campaign as PUT takes it, with changes laid over; without what is empty or Snapchat's own."""
    kept = {name: record[name] for name in _WRITABLE if record.get(name) is not None}
    # The older word for the objective goes only where the newer one is missing: both at once may disagree.
    if "objective_v2_properties" not in kept and record.get("objective") is not None:
        kept["objective"] = record["objective"]
    return {**kept, **changes}


def _status(record: dict[str, Any], end: datetime | None, now: datetime) -> str:
    said = record.get("status")
    ended = end is not None and end <= now
    if ended or (said == "ACTIVE" and "INVALID_END_TIME" in (record.get("delivery_status") or ())):
        return CampaignStatus.COMPLETED.value
    if said in _STATUSES:
        return _STATUSES[said].value
    log.warning("snapchat.unknown_status", status=said)
    return ""


def _warning(record: dict[str, Any], start: datetime | None, now: datetime) -> str:
    """Why a campaign that is switched on does not deliver, in Snapchat's words."""
    if record.get("status") != "ACTIVE":
        return ""
    if start is not None and start > now:
        return SCHEDULED
    return ", ".join(str(reason) for reason in record.get("delivery_status") or () if reason != "VALID")


def _objective(record: dict[str, Any]) -> str | None:
    newer = (record.get("objective_v2_properties") or {}).get("objective_v2_type")
    return newer or record.get("objective")


def _targeting(squads: list[AdSquad]) -> dict[str, Any]:
    """Whom the ad squads reach together; an ad squad that does not narrow something down reaches all of it."""
    found: dict[str, Any] = {}
    if not squads:
        return found
    for name, ages, widest in (
        ("age_min", [squad.age_min for squad in squads], min),
        ("age_max", [squad.age_max for squad in squads], max),
    ):
        age = _if_all_known(ages, widest)
        if age is not None:
            found[name] = age
    genders = frozenset().union(*(squad.genders for squad in squads))
    if len(genders) == 1 and all(squad.genders for squad in squads):
        found["genders"] = sorted(genders)
    countries = frozenset().union(*(squad.countries for squad in squads))
    if countries:
        found["locations"] = sorted(countries)
    return found


def _if_all_known(ages: list[int | None], choose: Any) -> int | None:
    known = [age for age in ages if age is not None]
    return choose(known) if known and len(known) == len(ages) else None


def _age(text: Any) -> int | None:
    """'21' or 21; None for an open end ('35+') and for what is no age."""
    return int(text) if re.fullmatch(r"\d{1,3}", str(text)) else None


def _micro(value: Any) -> int | None:
    """A budget in millionths; absent, null and 0 all mean that there is none."""
    return None if value is None or int(value) == 0 else int(value)


def _minor(micro: int | None, currency: str) -> int | None:
    return None if micro is None else from_scaled(micro, MICROS, currency)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment
