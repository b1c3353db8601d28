"""Who advertises in the market: accounts, campaigns, ad groups, budgets, and the people who may see them.

Everything here depends on the seed and on the day on which the market opens; nothing on the real clock. Amounts are
minor units (ISO 4217) of the account's currency.
"""

import hashlib
import random
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from stratum.sandbox.currencies import PER_DOLLAR, meta_quantum, minor_per_unit

NAMESPACE = uuid.UUID("b7a3c0de-5a4d-4b0c-9f5e-000000000001")


@dataclass(frozen=True, slots=True)
class Channel:
    """A kind of advertising. `cpm` in US dollars, `views` the share of impressions that become video views."""

    ctr: float
    cpm: float
    cvr: float
    views: float = 0.0
    office: bool = False


CHANNELS = {
    "search": Channel(ctr=0.09, cpm=198.0, cvr=0.045),
    "shopping": Channel(ctr=0.015, cpm=11.3, cvr=0.028),
    "pmax": Channel(ctr=0.019, cpm=17.0, cvr=0.030, views=0.04),
    "display": Channel(ctr=0.0048, cpm=3.4, cvr=0.008),
    "video": Channel(ctr=0.0025, cpm=8.0, cvr=0.006, views=0.42),
    "demand_gen": Channel(ctr=0.006, cpm=6.5, cvr=0.010, views=0.22),
    "prospecting": Channel(ctr=0.011, cpm=9.5, cvr=0.022, views=0.26),
    "retargeting": Channel(ctr=0.018, cpm=12.5, cvr=0.047),
    "lead_ads": Channel(ctr=0.013, cpm=13.0, cvr=0.070),
    "brand": Channel(ctr=0.008, cpm=5.0, cvr=0.004, views=0.35),
    "short_video": Channel(ctr=0.010, cpm=5.6, cvr=0.015, views=0.86),
    "stories": Channel(ctr=0.0095, cpm=4.4, cvr=0.014, views=0.60),
    "professional": Channel(ctr=0.009, cpm=36.0, cvr=0.016, views=0.0, office=True),
    "professional_video": Channel(ctr=0.0085, cpm=30.0, cvr=0.006, views=0.38, office=True),
}


@dataclass(frozen=True, slots=True)
class Account:
    """`manager` is the manager account that access goes through (Google), `organization` Snapchat's parent."""

    platform: str
    id: str
    name: str
    currency: str
    zone: str
    country: str
    closed: bool = False
    manager: str = ""
    organization: str = ""

    @property
    def quantum(self) -> int:
        """The smallest amount that the platform can show, in minor units of the currency."""
        return meta_quantum(self.currency) if self.platform == "meta" else 1


@dataclass(frozen=True, slots=True)
class AdGroup:
    """An ad set, ad group or ad squad. `share` of its campaign's auctions; the shares of a campaign sum to 1."""

    id: str
    name: str
    share: float
    budget_id: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What limits the spend of its campaigns or ad group together. `kind` is daily, lifetime or none."""

    id: str
    kind: str
    amount: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    """`appetite` is the spend (minor units) of an average day if no budget stood in the way."""

    platform: str
    account_id: str
    id: str
    name: str
    channel: str
    objective: str
    start: date
    end: date | None
    budget_id: str
    ad_groups: tuple[AdGroup, ...]
    appetite: float
    ctr: float
    cpm: float
    cvr: float
    order_value: float
    creative_life: int
    created: date
    traits: frozenset[str]
    first_status: str
    status_since: date | None

    @property
    def budgets_on_groups(self) -> bool:
        return bool(self.ad_groups) and bool(self.ad_groups[0].budget_id)

    def has(self, trait: str) -> bool:
        return trait in self.traits


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a login at the platforms. `accounts` are ids over all platforms."""

    id: str
    name: str
    role: str
    accounts: frozenset[str]
    can_write: bool = True


@dataclass(slots=True)
class Catalogue:
    accounts: dict[str, Account] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def of_account(self, account_id: str) -> list[Campaign]:
        return [campaign for campaign in self.campaigns.values() if campaign.account_id == account_id]

    def of_platform(self, platform: str) -> list[Account]:
        return [account for account in self.accounts.values() if account.platform == platform]


GOOGLE_MANAGER = "9998887777"
SNAP_NORTHWIND, SNAP_SAHARA = (str(uuid.uuid5(NAMESPACE, name)) for name in ("northwind", "sahara"))
ORGANIZATIONS = {SNAP_NORTHWIND: "Northwind", SNAP_SAHARA: "Sahara"}

_ACCOUNTS = (
    Account("meta", "1002003004005006", "Northwind Outdoor US", "USD", "America/Los_Angeles", "US"),
    Account("meta", "2002003004005007", "Northwind Japan", "JPY", "Asia/Tokyo", "JP"),
    Account("meta", "2502003004005010", "Pannonia Kert", "HUF", "Europe/Budapest", "HU"),
    Account("meta", "3002003004005008", "Old Brand (closed)", "EUR", "Europe/Berlin", "DE", closed=True),
    Account("google", "1234567890", "Northwind Outdoor US", "USD", "America/New_York", "US", manager=GOOGLE_MANAGER),
    Account("google", "2345678901", "Alpenblick Versand", "EUR", "Europe/Berlin", "DE", manager=GOOGLE_MANAGER),
    Account("google", "3456789012", "Gulf Home", "KWD", "Asia/Kuwait", "KW"),
    Account("tiktok", "7012345678901234567", "Northwind Outdoor", "USD", "America/Los_Angeles", "US"),
    Account("tiktok", "7012345678901234568", "Sahara Beauty", "AED", "Asia/Dubai", "AE"),
    Account("snapchat", str(uuid.uuid5(NAMESPACE, "snap-us")), "Northwind Outdoor", "USD", "America/Los_Angeles", "US",
            organization=SNAP_NORTHWIND),
    Account("snapchat", str(uuid.uuid5(NAMESPACE, "snap-sa")), "Sahara Beauty KSA", "SAR", "Asia/Riyadh", "SA",
            organization=SNAP_SAHARA),
    Account("linkedin", "512345678", "Northwind Outdoor B2B", "USD", "UTC", "US"),
    Account("linkedin", "512345680", "Alpenblick Geschäftskunden", "EUR", "UTC", "DE"),
)  # fmt: skip

# name, channel, objective, budget kind, spend per day in US dollars, traits.
# Budget kinds: daily, lifetime:<days>, groups (on the ad groups), shared:<name>.
# Traits: limited (wants more than its budget), paused, paused:<days ago>, ended:<days ago>, removed:<days ago>,
# scheduled, issues, draft, smart (TikTok Smart+), dynamic (TikTok average daily budget), bare (no objective).
_Row = tuple[str, str, str, str, int, str]
_CAMPAIGNS: dict[str, tuple[_Row, ...]] = {
    "1002003004005006": (
        ("Prospecting – Advantage+ Shopping", "prospecting", "sales", "daily", 320, "limited"),
        ("Retargeting (budget on ad sets)", "retargeting", "sales", "groups", 140, ""),
        ("Black Friday burst", "prospecting", "sales", "lifetime:30", 260, "limited"),
        ("Lead form – trip planner", "lead_ads", "leads", "daily", 90, ""),
        ("Brand film – autumn", "brand", "awareness", "daily", 120, "limited"),
        ("Summer leads (ended by date)", "lead_ads", "leads", "lifetime:92", 60, "ended:84"),
        ("Blog traffic", "prospecting", "traffic", "daily", 45, "paused:12"),
        ("Spring awareness", "brand", "awareness", "daily", 40, "removed:140"),
        ("Video views – card declined", "brand", "engagement", "daily", 35, "issues"),
    ),
    "2002003004005007": (
        ("ブランド認知 – 東京", "brand", "awareness", "daily", 110, ""),
        ("リターゲティング", "retargeting", "sales", "daily", 95, "limited"),
        ("Prospecting JP", "prospecting", "sales", "daily", 160, ""),
        ("Outlet JP", "prospecting", "traffic", "daily", 40, "paused"),
    ),
    "2502003004005010": (
        ("Kerti bútor – őszi akció", "prospecting", "sales", "daily", 80, "limited"),
        ("Hírlevél feliratkozás", "lead_ads", "leads", "daily", 35, ""),
        ("Újracélzás", "retargeting", "sales", "groups", 50, ""),
    ),
    "3002003004005008": (("Old brand – last sale", "retargeting", "sales", "daily", 60, "ended:200"),),
    "1234567890": (
        ("Search – Brand", "search", "sales", "daily", 180, ""),
        ("Search – Generic tents", "search", "sales", "daily", 260, "limited"),
        ("Shopping – All products", "shopping", "sales", "shared:Outdoor shared", 210, ""),
        ("PMax – Tents", "pmax", "sales", "shared:Outdoor shared", 190, "limited"),
        ("Demand Gen – Winter video", "demand_gen", "sales", "lifetime:61", 75, ""),
        ("Display – Summer (ended)", "display", "sales", "daily", 50, "ended:84"),
        ("Video – Trail stories", "video", "awareness", "daily", 85, "limited"),
        ("Search – Old structure", "search", "sales", "daily", 120, "removed:45"),
        ("Search – Boots test", "search", "sales", "daily", 70, "paused:9"),
    ),
    "2345678901": (
        ("Suche – Marke", "search", "sales", "daily", 90, ""),
        ("Suche – Wanderschuhe", "search", "sales", "daily", 150, "limited"),
        ("Shopping – Sortiment", "shopping", "sales", "daily", 130, ""),
        ("PMax – Bestseller", "pmax", "sales", "daily", 140, "limited"),
        ("Display – Remarketing", "display", "sales", "daily", 30, ""),
        ("Suche – Frühling 2027", "search", "sales", "daily", 60, "scheduled"),
    ),
    "3456789012": (
        ("Search – Sofas Kuwait", "search", "sales", "daily", 110, ""),
        ("PMax – Home", "pmax", "sales", "daily", 95, "limited"),
        ("Video – Ramadan memories", "video", "awareness", "daily", 40, "paused:30"),
    ),
    "7012345678901234567": (
        ("Spring Sale", "short_video", "sales", "daily", 250, "limited"),
        ("Always-on – ad-group budgets", "short_video", "traffic", "groups", 90, ""),
        ("Lifetime promo", "short_video", "video", "lifetime:60", 95, ""),
        ("UGC test", "short_video", "sales", "daily", 80, "dynamic limited"),
        ("Smart+ catalogue", "short_video", "sales", "daily", 130, "smart"),
        ("Lead gen – newsletters", "short_video", "leads", "daily", 70, ""),
        ("Old hashtag challenge", "short_video", "reach", "daily", 60, "removed:70"),
    ),
    "7012345678901234568": (
        ("Riyadh launch 🚀", "short_video", "sales", "daily", 140, "limited"),
        ("عروض الجمال", "short_video", "sales", "daily", 110, ""),
        ("Reach – Dubai", "short_video", "reach", "daily", 75, "paused:20"),
        ("Serum – ad-group budgets", "short_video", "sales", "groups", 120, ""),
        ("Retarget – basket", "short_video", "sales", "daily", 65, "limited"),
    ),
    str(uuid.uuid5(NAMESPACE, "snap-us")): (
        ("Campaign One – jackets", "stories", "sales", "daily", 150, "limited"),
        ("Campaign Deux – boots", "stories", "sales", "groups", 90, ""),
        ("Awareness – trail", "stories", "awareness", "daily", 60, ""),
        ("Cool campaign", "stories", "awareness", "daily", 45, "paused:15 bare"),
        ("Holiday lenses", "stories", "sales", "daily", 70, "ended:5"),
        ("Deleted experiment", "stories", "traffic", "daily", 40, "removed:33"),
    ),
    str(uuid.uuid5(NAMESPACE, "snap-sa")): (
        ("حملة الرياض", "stories", "sales", "daily", 160, "limited"),
        ("Foundation day", "stories", "sales", "daily", 85, ""),
        ("App – loyalty", "stories", "leads", "daily", 50, ""),
        ("Ramadan 2027", "stories", "sales", "daily", 120, "scheduled"),
    ),
    "512345678": (
        ("Website visits – Retail buyers", "professional", "traffic", "daily", 160, "limited"),
        ("Lead gen – Outfitters", "professional", "leads", "daily", 120, ""),
        ("Conversions – Wholesale portal", "professional", "sales", "daily", 140, ""),
        ("Brand awareness – Summer", "professional", "awareness", "lifetime:92", 60, "ended:84"),
        ("Video – Factory tour", "professional_video", "video", "daily", 70, "paused:25"),
        ("Archived test", "professional", "traffic", "daily", 40, "removed:100"),
        ("Draft – 2027 catalogue", "professional", "traffic", "daily", 80, "draft"),
    ),
    "512345680": (
        ("Fachhändler – Website", "professional", "traffic", "daily", 90, ""),
        ("Lead Gen – Einkäufer", "professional", "leads", "daily", 110, "limited"),
        ("Messe – Video", "professional_video", "video", "lifetime:40", 55, ""),
        ("Recruiting – Vertrieb", "professional", "traffic", "daily", 45, "paused"),
    ),
}
_ORDER_VALUE = {"sales": 82.0, "leads": 0.0, "traffic": 64.0, "awareness": 58.0, "engagement": 0.0, "video": 48.0}
_PEOPLE = (
    ("ada", "Ada Lindqvist", "Agency lead: every account", True, None),
    ("ben", "Ben Okafor", "Northwind's marketer: the US accounts", True, "Northwind"),
    ("chloe", "Chloé Haddad", "Gulf and Europe: everything else", True, "-Northwind"),
    ("dan", "Dan Weiss", "Analyst: every account, may only read", False, None),
)


def build_catalogue(seed: int, opening: date) -> Catalogue:
    """The catalogue of a market that opens (has its first 'today') on this day."""
    catalogue = Catalogue()
    for account in _ACCOUNTS:
        catalogue.accounts[account.id] = account
        for position, row in enumerate(_CAMPAIGNS[account.id], start=1):
            _add_campaign(catalogue, seed, opening, account, position, row)
    for key, name, role, can_write, part in _PEOPLE:
        seen = frozenset(one.id for one in _ACCOUNTS if _may_see(one, part))
        catalogue.people[key] = Person(key, name, role, seen, can_write)
    return catalogue


def _may_see(account: Account, part: str | None) -> bool:
    if part is None:
        return True
    return account.name.startswith(part.lstrip("-")) != part.startswith("-")


def _add_campaign(catalogue: Catalogue, seed: int, opening: date, account: Account, position: int, row: _Row) -> None:
    name, channel_key, objective, budget_kind, dollars, words = row
    rng = random.Random(mix(seed, f"{account.platform}:{account.id}:{position}"))
    traits = dict(word.partition(":")[::2] for word in words.split())
    channel = CHANNELS[channel_key]
    unit = float(PER_DOLLAR[account.currency] * minor_per_unit(account.currency))
    spend = dollars * rng.uniform(0.9, 1.1) * unit
    campaign_id = _campaign_id(account, position)
    start, end = _flight(rng, opening, traits, budget_kind)
    limited = "limited" in traits
    kind, _, detail = budget_kind.partition(":")
    groups = _ad_groups(catalogue, rng, account, campaign_id, position, kind, spend, limited)
    budget_id = _add_budget(catalogue, account, position, kind, detail, spend if limited else spend * 1.6)
    status, since = _first_status(traits, opening)
    catalogue.campaigns[campaign_id] = Campaign(
        platform=account.platform,
        account_id=account.id,
        id=campaign_id,
        name=name,
        channel=channel_key,
        objective=objective,
        start=start,
        end=end,
        budget_id=budget_id,
        ad_groups=groups,
        appetite=spend * (1.35 if limited else 1.0),
        ctr=channel.ctr * rng.uniform(0.95, 1.12) / 0.8,  # wear takes a fifth away on average
        cpm=channel.cpm * rng.uniform(0.9, 1.12) * unit,
        cvr=channel.cvr * rng.uniform(0.85, 1.2),
        order_value=_ORDER_VALUE.get(objective, 55.0) * rng.uniform(0.8, 1.3) * unit,
        creative_life=rng.randint(24, 75),
        created=start - timedelta(days=rng.randint(0, 3)),
        traits=frozenset(traits),
        first_status=status,
        status_since=since,
    )


def mix(seed: int, text: str) -> int:
    """A number for `random.Random` that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{text}".encode(), digest_size=8).digest(), "big")


def _flight(rng: random.Random, opening: date, traits: dict[str, str], budget_kind: str) -> tuple[date, date | None]:
    kind, _, days = budget_kind.partition(":")
    if "scheduled" in traits:
        return opening + timedelta(days=40), None
    if "ended" in traits:
        end = opening - timedelta(days=int(traits["ended"]))
        return end - timedelta(days=int(days) - 1 if kind == "lifetime" else 75), end
    if kind == "lifetime":
        start = opening - timedelta(days=int(days) // 2)
        return start, start + timedelta(days=int(days) - 1)
    return opening - timedelta(days=rng.randint(160, 420)), None


def _first_status(traits: dict[str, str], opening: date) -> tuple[str, date | None]:
    """What the campaign is from `since` on; it was active before. No day: it always was."""
    for trait, status in (("paused", "paused"), ("removed", "removed"), ("draft", "draft")):
        if trait in traits:
            return status, opening - timedelta(days=int(traits[trait])) if traits[trait] else None
    return "active", None


def _add_budget(catalogue: Catalogue, account: Account, position: int, kind: str, detail: str, daily: float) -> str:
    budget_id = _budget_id(account, position)
    if kind == "shared":
        budget_id = _budget_id(account, 90)
        already = catalogue.budgets[budget_id].amount if budget_id in catalogue.budgets else 0
        catalogue.budgets[budget_id] = Budget(budget_id, "daily", already + _round(daily, account), shared=True)
    elif kind == "lifetime":
        catalogue.budgets[budget_id] = Budget(budget_id, "lifetime", _round(daily * int(detail), account))
    elif kind == "daily":
        catalogue.budgets[budget_id] = Budget(budget_id, "daily", _round(daily, account))
    else:
        catalogue.budgets[budget_id] = Budget(budget_id, "none", 0)
    return budget_id


def _ad_groups(
    catalogue: Catalogue,
    rng: random.Random,
    account: Account,
    campaign_id: str,
    position: int,
    kind: str,
    spend: float,
    limited: bool,
) -> tuple[AdGroup, ...]:
    weights = [rng.uniform(0.6, 1.4) for _ in range(rng.randint(2, 3))]
    groups = []
    for number, weight in enumerate(weights, start=1):
        share = weight / sum(weights)
        budget_id = ""
        if kind == "groups":
            budget_id = f"{campaign_id}-group-{number}"
            amount = _round(
                max(spend * share, 24 * _dollar(account)) * (1.0 if limited or number == 1 else 1.5), account
            )
            catalogue.budgets[budget_id] = Budget(budget_id, "daily", amount)
        label = ("Broad", "Look-alike 2 %", "Interest: outdoor")[number - 1]
        groups.append(AdGroup(_group_id(account, position, number), label, share, budget_id))
    return tuple(groups)


def _dollar(account: Account) -> float:
    return float(PER_DOLLAR[account.currency] * minor_per_unit(account.currency))


def _round(amount: float, account: Account) -> int:
    """A sum that a person would type: two significant digits, a multiple of what the platform can show."""
    digits = len(str(max(1, round(amount)))) - 2
    step = max(10 ** max(digits, 0), account.quantum)
    return max(step, int(Decimal(amount / step).quantize(Decimal(1))) * step)


def _number(account: Account) -> int:
    """The account's place among those of its platform: part of its objects' ids."""
    return [one.id for one in _ACCOUNTS if one.platform == account.platform].index(account.id) + 1


def _campaign_id(account: Account, position: int) -> str:
    place = _number(account)
    return {
        "meta": f"1202{place}0000000000{position:03d}",
        "google": f"201{place:02d}{position:06d}",
        "tiktok": f"178{place}000000000000{position:03d}",
        "snapchat": str(uuid.uuid5(NAMESPACE, f"{account.id}/{position}")),
        "linkedin": f"36{place}{position:06d}",
    }[account.platform]


def _group_id(account: Account, position: int, number: int) -> str:
    place = _number(account)
    return {
        "meta": f"1203{place}000000000{position:03d}{number}",
        "google": f"301{place:02d}{position:05d}{number}",
        "tiktok": f"179{place}00000000000{position:03d}{number}",
        "snapchat": str(uuid.uuid5(NAMESPACE, f"{account.id}/{position}/{number}")),
        "linkedin": f"37{place}{position:05d}{number}",
    }[account.platform]


def _budget_id(account: Account, position: int) -> str:
    return f"111{_number(account):02d}{position:06d}" if account.platform == "google" else f"{account.id}-{position}"


def campaign_group_id(account: Account) -> str:
    """LinkedIn keeps the campaigns of an account here in one campaign group."""
    return f"6164{_number(account):05d}"
