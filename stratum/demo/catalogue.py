"""What the demo agencies advertise: channels with their usual figures, ad accounts, and sixty campaigns.

The figures of the channels are those of real accounts: CTR of search about 9 %, shopping 1.5 %, performance max
1.9 %, display and video 0.14–0.6 %, social 0.8–2 %.
"""

from dataclasses import dataclass, field
from decimal import Decimal

# Units of each currency for one US dollar: the scale on which a campaign's amounts are set.
PER_DOLLAR = {"USD": Decimal(1), "EUR": Decimal("0.92"), "JPY": Decimal(150)}


@dataclass(frozen=True, slots=True)
class Channel:
    """Usual figures of one kind of advertising. Amounts in US dollars.

    `pays_per_click`: spend follows clicks; otherwise it follows impressions. `delay_days` is the median time from
    click to conversion.
    """

    ctr: float
    cpc: float
    cvr: float
    delay_days: float
    pays_per_click: bool = False
    objective: str = ""
    video: bool = False
    social: bool = False


CHANNELS = {
    "search": Channel(0.084, 2.10, 0.055, 2.9, pays_per_click=True, objective="SEARCH"),
    "brand": Channel(0.102, 0.95, 0.090, 2.7, pays_per_click=True, objective="SEARCH"),
    "shopping": Channel(0.015, 0.62, 0.021, 3.0, pays_per_click=True, objective="SHOPPING"),
    "pmax": Channel(0.0198, 0.80, 0.024, 3.2, pays_per_click=True, objective="PERFORMANCE_MAX"),
    "display": Channel(0.0048, 0.66, 0.006, 5.0, objective="DISPLAY"),
    "video": Channel(0.0021, 2.20, 0.012, 5.5, objective="VIDEO", video=True),
    "meta": Channel(0.0115, 1.05, 0.020, 3.2, objective="OUTCOME_SALES", social=True),
    "meta_retargeting": Channel(0.0175, 0.88, 0.040, 2.9, objective="OUTCOME_SALES", social=True),
    "meta_leads": Channel(0.0120, 1.30, 0.045, 2.7, objective="OUTCOME_LEADS", social=True),
    "tiktok": Channel(0.0092, 0.70, 0.013, 3.6, objective="WEB_CONVERSIONS", video=True, social=True),
    "snapchat": Channel(0.0102, 0.74, 0.012, 3.4, objective="WEB_CONVERSION", video=True, social=True),
    "linkedin": Channel(0.0096, 6.20, 0.036, 5.0, objective="LEAD_GENERATION", social=True),
}


@dataclass(frozen=True, slots=True)
class Trade:
    """What is sold. `order` is the usual order value in US dollars (0: leads, that carry no value), `cvr` a factor
    on the channel's conversion rate, `weekdays` factors of demand from Monday to Sunday."""

    order: float
    cvr: float
    weekdays: tuple[float, ...]


_SHOPPERS = (0.93, 0.91, 0.93, 0.96, 1.01, 1.13, 1.13)
_OFFICE = (1.18, 1.22, 1.20, 1.14, 0.96, 0.64, 0.66)

TRADES = {
    "retail": Trade(86.0, 1.0, _SHOPPERS),
    "travel": Trade(265.0, 0.42, (1.04, 1.01, 0.98, 0.95, 0.90, 1.00, 1.12)),
    "loyalty": Trade(48.0, 1.35, _SHOPPERS),
    "saas": Trade(0.0, 1.0, _OFFICE),
}


@dataclass(frozen=True, slots=True)
class AccountPlan:
    key: str
    platform: str
    name: str  # with a place for the agency's first word
    currency: str
    timezone: str


NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"

ACCOUNTS = (
    AccountPlan("google_us", "google", "{brand} Retail US", "USD", NEW_YORK),
    AccountPlan("google_eu", "google", "{brand} Travel EU", "EUR", BERLIN),
    AccountPlan("google_jp", "google", "{brand} Stays Japan", "JPY", BERLIN),
    AccountPlan("meta_us", "meta", "{brand} Retail US", "USD", NEW_YORK),
    AccountPlan("meta_eu", "meta", "{brand} Travel EU", "EUR", BERLIN),
    AccountPlan("tiktok_us", "tiktok", "{brand} Retail US", "USD", NEW_YORK),
    AccountPlan("snapchat_eu", "snapchat", "{brand} Travel EU", "EUR", BERLIN),
    AccountPlan("linkedin_us", "linkedin", "{brand} Cloud", "USD", NEW_YORK),
)


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """One campaign. `size` is small, mid or large; `ends` and `starts` are days before today (None: runs on, or
    began before the demo's first day). `broken_for` days before today its landing page stopped selling."""

    account: str
    name: str
    channel: str
    trade: str
    size: str
    labels: tuple[str, ...] = ()
    status: str = "active"
    starts: int | None = None
    ends: int | None = None
    lifetime_days: int | None = None
    broken_for: int = 0
    in_twin: bool = field(default=True)


LONG_NAME = (
    "US | Search | Non-Brand | Carry-on & Cabin Luggage | Broad match + audience signals | New customers only | "
    "tCPA 38 | Evergreen 2025–2026 | Landing page test B (do not pause without asking the merchandising desk)"
)
BROKEN = "Weekend Escapes – Prospecting"

_P = CampaignPlan
CAMPAIGNS = (
    # Google, retail, US
    _P("google_us", "Total Rewards Brand", "brand", "loyalty", "large", ("brand",)),
    _P("google_us", "Brand – Exact – US", "brand", "retail", "mid", ("brand",)),
    _P("google_us", LONG_NAME, "search", "retail", "large", ("evergreen",)),
    _P("google_us", "Search – Running Shoes – US", "search", "retail", "large", ("evergreen",)),
    _P("google_us", "Search – Winter Jackets – US", "search", "retail", "mid", ("winter",)),
    _P("google_us", "Search – Gift Cards", "search", "retail", "small", ("winter",)),
    _P("google_us", "Search – Backpacks – Long tail", "search", "retail", "small", in_twin=False),
    _P("google_us", "Shopping – All Products", "shopping", "retail", "large", ("evergreen",)),
    _P("google_us", "Shopping – Clearance", "shopping", "retail", "mid", ("summer",)),
    _P("google_us", "Shopping – Accessories", "shopping", "retail", "small", in_twin=False),
    _P("google_us", "PMax – Best Sellers", "pmax", "retail", "large", ("evergreen",)),
    _P("google_us", "PMax – Summer Sale", "pmax", "retail", "mid", ("summer",), "completed", ends=68),
    _P("google_us", "Display – Cart Abandoners", "display", "retail", "mid", ("retargeting",)),
    _P("google_us", "YouTube – Autumn Lookbook", "video", "retail", "mid", starts=64),
    _P("google_us", "Demand Gen – Holiday Gifts (draft)", "display", "retail", "mid", ("winter",), "draft"),
    # Google, travel, Europe
    _P("google_eu", "Marke – DE/AT/CH", "brand", "travel", "mid", ("brand",)),
    _P("google_eu", "Search – City Breaks – DACH", "search", "travel", "large", ("evergreen",)),
    _P("google_eu", "Search – Vols pas chers – FR", "search", "travel", "mid"),
    _P("google_eu", "Search – Alpine Ski Chalets", "search", "travel", "mid", ("winter",), starts=80),
    _P("google_eu", "Search – Thermal Spas – AT", "search", "travel", "small"),
    _P("google_eu", "Search – Ferry Sardinia", "search", "travel", "small", ("summer",), "paused", ends=41),
    _P("google_eu", "PMax – Hotels Europe", "pmax", "travel", "large"),
    _P("google_eu", "PMax – Last Minute", "pmax", "travel", "small", in_twin=False),
    _P("google_eu", "Display – Autumn Getaways", "display", "travel", "small", ends=25, status="paused"),
    _P("google_eu", "YouTube – Norway by Train", "video", "travel", "small", in_twin=False),
    # Google, stays in Japan: a currency without decimals
    _P("google_jp", "Search – Ryokan Kyoto", "search", "travel", "mid"),
    _P("google_jp", "Search – Onsen Hakone", "search", "travel", "small"),
    _P("google_jp", "PMax – Stays Japan", "pmax", "travel", "mid"),
    _P("google_jp", "紅葉 – Autumn Leaves", "display", "travel", "small", starts=70, ends=9, status="completed"),
    # Meta, retail, US
    _P("meta_us", "Prospecting – Broad – US", "meta", "retail", "large", ("evergreen",)),
    _P("meta_us", "Prospecting – Lookalike 1 %", "meta", "retail", "large"),
    _P("meta_us", "Retargeting – Site visitors 30 d", "meta_retargeting", "retail", "mid", ("retargeting",)),
    _P("meta_us", "Retargeting – Cart 7 d", "meta_retargeting", "retail", "small", ("retargeting",)),
    _P("meta_us", "🔥 Flash Sale – 48 h", "meta", "retail", "large", starts=33, ends=31, status="completed"),
    _P("meta_us", "Advantage+ Shopping", "meta", "retail", "large"),
    _P("meta_us", "Catalog – Kids", "meta", "retail", "small"),
    _P("meta_us", "Catalog – Outdoor", "meta", "retail", "small", in_twin=False),
    _P("meta_us", "UGC – Creator test", "meta", "retail", "small", starts=52, in_twin=False),
    # Meta, travel, Europe
    _P("meta_eu", BROKEN, "meta", "travel", "large", ("prospecting",), broken_for=11),
    _P("meta_eu", "Beach Holidays – Prospecting", "meta", "travel", "large", ("summer", "prospecting")),
    _P("meta_eu", "City Breaks – Retargeting", "meta_retargeting", "travel", "mid", ("retargeting",)),
    _P("meta_eu", "حملة العروض الصيفية – الرياض", "meta", "travel", "mid", ("summer",)),
    _P("meta_eu", "Newsletter sign-ups", "meta_leads", "saas", "small"),
    _P("meta_eu", "Séjours en famille – FR/BE", "meta", "travel", "small"),
    _P("meta_eu", "Ski & Snow – Early bird", "meta", "travel", "mid", ("winter",), starts=47),
    # TikTok
    _P("tiktok_us", "Spark Ads – Creators", "tiktok", "retail", "large"),
    _P("tiktok_us", "Catalog – Sneakers", "tiktok", "retail", "mid"),
    _P("tiktok_us", "Back to School", "tiktok", "retail", "mid", ("summer",), "completed", ends=73),
    _P("tiktok_us", "Retargeting – Video viewers 75 %", "tiktok", "retail", "small", ("retargeting",)),
    _P("tiktok_us", "Hashtag test – #packlight", "tiktok", "retail", "small", in_twin=False),
    _P("tiktok_us", "TopView test (archived)", "tiktok", "retail", "mid", (), "archived", ends=95),
    # Snapchat
    _P("snapchat_eu", "Story Ads – Interrail", "snapchat", "travel", "mid", ("summer",)),
    _P("snapchat_eu", "AR Lens – Northern Lights", "snapchat", "travel", "mid", lifetime_days=75, starts=90),
    _P("snapchat_eu", "Collection – Hostels", "snapchat", "travel", "small"),
    _P("snapchat_eu", "Snap – Student Deals", "snapchat", "travel", "small", in_twin=False),
    # LinkedIn
    _P("linkedin_us", "Lead Gen – IT Decision Makers", "linkedin", "saas", "large"),
    _P("linkedin_us", "Lead Gen – Finance Leaders", "linkedin", "saas", "mid"),
    _P("linkedin_us", "ABM – Top 200 accounts", "linkedin", "saas", "mid", ("brand",)),
    _P("linkedin_us", "Webinar – Zero-downtime migrations", "linkedin", "saas", "small", lifetime_days=20, starts=38),
    _P("linkedin_us", "Document Ads – Cost report", "linkedin", "saas", "small", status="paused", ends=18),
)
