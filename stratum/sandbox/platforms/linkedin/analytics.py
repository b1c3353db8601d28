"""LinkedIn's ad analytics: UTC days, at most twenty fields, decimals with long tails, silent limits."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from stratum.sandbox.catalogue import Campaign
from stratum.sandbox.currencies import PER_DOLLAR, decimals, units
from stratum.sandbox.market import MICRO, Facts, apportioned, days, local_day, summed
from stratum.sandbox.platforms.base import Call
from stratum.sandbox.platforms.linkedin.errors import RestError, bad_query
from stratum.sandbox.platforms.linkedin.nodes import group_of, urn
from stratum.sandbox.wire import names

MOST_FIELDS = 20
FIELDS = names(
    "dateRange pivotValues impressions clicks landingPageClicks costInLocalCurrency costInUsd "
    "externalWebsiteConversions externalWebsitePostClickConversions externalWebsitePostViewConversions "
    "conversionValueInLocalCurrency oneClickLeads oneClickLeadFormOpens qualifiedLeads videoViews videoStarts "
    "videoCompletions videoFirstQuartileCompletions videoMidpointCompletions videoThirdQuartileCompletions shares "
    "comments likes reactions follows totalEngagements otherEngagements approximateMemberReach opens sends "
    "documentCompletions cardClicks companyPageClicks"
)
DEFAULT_FIELDS = ("impressions", "clicks", "dateRange", "pivotValues")
_PIVOTS = {
    "MEMBER_SENIORITY": {"urn:li:seniority:4": 0.46, "urn:li:seniority:6": 0.27, "urn:li:seniority:3": 0.19,
                         "urn:li:seniority:8": 0.08},
    "MEMBER_COUNTRY_V2": {"urn:li:geo:103644278": 0.62, "urn:li:geo:101282230": 0.24, "urn:li:geo:101165590": 0.14},
    "MEMBER_COMPANY_SIZE": {"SIZE_2_TO_10": 0.2, "SIZE_51_TO_200": 0.35, "SIZE_1001_TO_5000": 0.45},
    "MEMBER_INDUSTRY": {"urn:li:industry:27": 0.6, "urn:li:industry:4": 0.4},
    "MEMBER_JOB_FUNCTION": {"urn:li:function:15": 0.55, "urn:li:function:4": 0.45},
}  # fmt: skip
_MEMBER_DROPPED = frozenset({"conversionValueInLocalCurrency"})
FEWEST_EVENTS = 3


def answer(call: Call, params: dict[str, Any]) -> dict[str, Any]:
    """The elements of a request; an empty list when nothing is there or nothing may be seen."""
    fields = _fields(params)
    pivots = _pivots(params)
    granularity = params.get("timeGranularity")
    if granularity not in ("DAILY", "ALL"):
        raise bad_query("timeGranularity must be DAILY or ALL")
    campaigns = _campaigns(call, params)
    first, last = _range(call, params)
    elements = []
    member = next((one for one in pivots if one.startswith("MEMBER_")), None)
    for start, end in [(day, day) for day in days(first, last)] if granularity == "DAILY" else [(first, last)]:
        for keys, currency, leads, facts in _subjects(call, campaigns, pivots, start, end):
            for values, part in _split(keys, facts, pivots, member):
                element = _element(values, part, currency, leads, start, end)
                if member:
                    element = {name: value for name, value in element.items() if name not in _MEMBER_DROPPED}
                elements.append({name: element[name] for name in fields if name in element})
    if call.has_fault("duplicated_page"):
        elements += elements
    # What goes beyond is cut without a word.
    return {
        "elements": elements[: call.world.settings.linkedin_rows],
        "paging": {"start": 0, "count": 10, "links": []},
    }


def _fields(params: dict[str, Any]) -> tuple[str, ...]:
    text = params.get("fields")
    if not text:
        return DEFAULT_FIELDS
    fields = tuple(name for name in str(text).split(",") if name)
    if len(fields) > MOST_FIELDS:
        raise bad_query(f"The number of fields requested exceeds the limit of {MOST_FIELDS}")
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise RestError(400, "QUERY_PARAM_NOT_ALLOWED", f"Invalid projection fields: {', '.join(unknown)}")
    return fields


def _pivots(params: dict[str, Any]) -> list[str]:
    if params.get("q") == "statistics":
        found = params.get("pivots")
        if not isinstance(found, list) or not 1 <= len(found) <= 3:
            raise bad_query("pivots must be a list of one to three pivots")
    else:
        pivot = params.get("pivot", "")
        found = [pivot.get("value", "") if isinstance(pivot, dict) else pivot]
    known = {"CAMPAIGN", "ACCOUNT", "CAMPAIGN_GROUP", *_PIVOTS}
    if any(one not in known for one in found):
        raise bad_query(f"Unsupported pivot: {', '.join(map(str, found))}")
    return [str(one) for one in found]


def _campaigns(call: Call, params: dict[str, Any]) -> list[Campaign]:
    """The campaigns that were asked about and may be seen: others are left out in silence."""
    try:
        grant = call.grant(call.request.bearer, "linkedin")
        wanted = {name: _numbers(params[name]) for name in ("accounts", "campaigns") if name in params}
    except ValueError as error:
        raise bad_query() from error
    if not wanted:
        raise bad_query("At least one facet is required: accounts, campaigns")
    return [
        campaign
        for account in call.accounts(grant)
        for campaign in call.world.campaigns(account.id)
        if account.id in wanted.get("accounts", {account.id}) and campaign.id in wanted.get("campaigns", {campaign.id})
    ]


def _numbers(found: Any) -> set[str]:
    if not isinstance(found, list) or not all(str(one).startswith("urn:li:sponsored") for one in found):
        raise ValueError("a list of urns is expected")
    return {str(one).rpartition(":")[2] for one in found}


def _range(call: Call, params: dict[str, Any]) -> tuple[date, date]:
    found = params.get("dateRange")
    try:
        assert isinstance(found, dict)
        first = _date(found["start"])
        last = _date(found["end"]) if "end" in found else local_day("UTC", call.now)
    except (AssertionError, KeyError, ValueError, TypeError) as error:
        raise bad_query() from error
    if first > last:
        raise bad_query("dateRange.start must not be after dateRange.end")
    return max(first, last - timedelta(days=3_650)), last


def _date(found: dict[str, str]) -> date:
    return date(int(found["year"]), int(found["month"]), int(found["day"]))


def _subjects(
    call: Call, campaigns: list[Campaign], pivots: list[str], first: date, last: date
) -> Iterator[tuple[dict[str, str], str, bool, Facts]]:
    """What there is a row about: each campaign, or all of an account (or group, or request) together."""
    if "CAMPAIGN" in pivots:
        parts = [[one] for one in campaigns]
    else:
        parts = [
            [one for one in campaigns if one.account_id == key]
            for key in dict.fromkeys(c.account_id for c in campaigns)
        ]
    for part in parts:
        account = call.market.account_of(part[0])
        facts = summed(call.market.facts(one, day, call.now) for one in part for day in days(first, last))
        if facts.any:
            keys = {
                "CAMPAIGN": urn("Campaign", part[0].id),
                "ACCOUNT": urn("Account", account.id),
                "CAMPAIGN_GROUP": urn("CampaignGroup", group_of(account)),
            }
            yield keys, account.currency, all(one.objective == "leads" for one in part), facts


def _split(
    keys: dict[str, str], facts: Facts, pivots: list[str], member: str | None
) -> Iterator[tuple[list[str], Facts]]:
    if member is None:
        yield [keys[one] for one in pivots], facts
        return
    shares = _PIVOTS[member]
    parts = apportioned(facts, list(shares.values()), fractional=False, quantum=1)
    for value, part in zip(shares, parts, strict=True):
        if part.impressions >= FEWEST_EVENTS:
            yield [value if one == member else keys[one] for one in pivots], part


def _element(values: list[str], facts: Facts, currency: str, leads: bool, first: date, last: date) -> dict[str, Any]:
    conversions = (facts.conversions_micros or 0) // MICRO
    website = 0 if leads else conversions
    viewed = min(facts.viewed, website)
    views = facts.video_views or 0
    likes, follows = facts.clicks // 9, facts.clicks // 28
    shares, comments = facts.shares or 0, facts.comments or 0
    salt = f"{values}{first}{facts.impressions}"
    return {
        "pivotValues": values,
        "dateRange": {"start": _shown(first), "end": _shown(last)},
        "impressions": facts.impressions,
        "clicks": facts.clicks,
        "landingPageClicks": facts.clicks * 7 // 8,
        "costInLocalCurrency": cost(facts.spend, currency, salt),
        "costInUsd": _dollars(facts.spend, currency),
        "externalWebsiteConversions": website,
        "externalWebsitePostClickConversions": website - viewed,
        "externalWebsitePostViewConversions": viewed,
        "conversionValueInLocalCurrency": _plain(facts.revenue or 0, currency),
        "oneClickLeads": conversions if leads else 0,
        "oneClickLeadFormOpens": conversions * 3 if leads else 0,
        "qualifiedLeads": 0,
        "videoViews": views,
        "videoStarts": views * 5 // 4,
        "videoCompletions": facts.video_completions or 0,
        "videoFirstQuartileCompletions": views * 3 // 5,
        "videoMidpointCompletions": views * 2 // 5,
        "videoThirdQuartileCompletions": views // 4,
        "shares": shares,
        "comments": comments,
        "likes": likes,
        "reactions": likes + likes // 6,
        "follows": follows,
        "totalEngagements": facts.clicks + shares + comments + likes + follows,
        "otherEngagements": facts.clicks // 50,
        "approximateMemberReach": facts.impressions * 4 // 5,
        "opens": 0,
        "sends": 0,
        "documentCompletions": 0,
        "cardClicks": 0,
        "companyPageClicks": facts.clicks // 12,
    }


def _shown(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


def cost(spend: int, currency: str, salt: str) -> str:
    """A BigDecimal as text. Its tail is below half a minor unit to either side; nothing spent may be '-2E-18'."""
    if not spend:
        return "-2E-18"
    amount = units(spend, currency)
    digest = hashlib.blake2b(salt.encode(), digest_size=6).digest()
    if digest[0] % 3 == 0:
        return f"{amount:f}"
    places = decimals(currency) + 2
    tail = Decimal(int.from_bytes(digest, "big")).scaleb(-places - 15) % Decimal("0.4").scaleb(-decimals(currency))
    return f"{amount - tail if digest[0] % 3 == 1 else amount + tail:f}"


def _dollars(spend: int, currency: str) -> str:
    return f"{units(spend, currency) / PER_DOLLAR[currency]:.14f}"


def _plain(amount: int, currency: str) -> str:
    """360.0, 120.5: without zeros that say nothing, but with one decimal."""
    text = f"{units(amount, currency):f}".rstrip("0").rstrip(".") if amount else "0"
    return text if "." in text else f"{text}.0"
