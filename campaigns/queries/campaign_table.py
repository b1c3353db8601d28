"""The campaign list: filters, period sums of every matching campaign, ratios, order, page and totals in one statement.

The sums of a period are one grouped read of campaign_metrics over (tenant_id, date). Money is converted day by day
into the reporting currency, so that columns can be sorted and added; each row keeps its own amounts beside that.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns.choices import CampaignStatus, Platform
from campaigns.models import AdAccount, Campaign
from campaigns.queries.alike import SUMS, Late, known_then, late_arrivals, late_by_campaign, late_params, late_sql
from campaigns.queries.comparability import COMPARABLE, Comparability, comparability, days_known
from campaigns.queries.conversion import Conversion, Period, RateSpan, conversion_for
from campaigns.queries.obstacles import Standing
from campaigns.queries.totals import Refusal
from campaigns.sql import exact_conversions
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

MAX_SEARCH = 100
# Labels offered in the filter; more than this is a vocabulary problem, not a filter.
MAX_LABELS = 200
STREAM_ROWS = 500
# Up to so many campaigns of a filtered list, the revisions of all of them are read for the totals' change.
MAX_EXACT = 300

# Column key → what it is ordered by: columns of the `numbers` expression below, nothing from outside.
ORDERS = {
    "name": "lower(name)",
    "platform": "platform",
    "account": "lower(account_name)",
    "status": "status",
    "objective": "objective",
    "budget": "budget",
    "start": "start_date",
    "end": "end_date",
    "updated": "last_synced_at",
    "spend": "spend",
    "revenue": "revenue",
    "impressions": "impressions",
    "clicks": "clicks",
    "conversions": "conversions_micros",
    "ctr": "ctr",
    "cvr": "cvr",
    "cpc": "cpc",
    "cpm": "cpm",
    "cpa": "cpa",
    "roas": "roas",
}


@dataclass(frozen=True, slots=True)
class CampaignFilter:
    """What the list is narrowed to. Empty values do not narrow; unknown ones are taken as empty."""

    q: str = ""
    platform: str = ""
    status: str = ""
    account: int | None = None
    label: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "CampaignFilter":
        platform, status, account = query.get("platform", ""), query.get("status", ""), query.get("account", "")
        return cls(
            # PostgreSQL text knows no NUL.
            q=query.get("q", "").replace("\0", "").strip()[:MAX_SEARCH],
            platform=platform if platform in Platform.values else "",
            status=status if status in CampaignStatus.values else "",
            account=int(account) if account.isascii() and account.isdigit() and len(account) < 10 else None,
            label=query.get("label", "").replace("\0", "").strip()[:MAX_SEARCH],
        )

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.platform or self.status or self.account or self.label)

    def campaigns(self) -> QuerySet[Campaign]:
        """The matching campaigns of the bound workspace, deleted ones left out."""
        rows = Campaign.objects.all()
        if self.q:
            rows = rows.search(self.q)
        if self.platform:
            rows = rows.for_platform(self.platform)
        if self.status:
            rows = rows.filter(status=self.status)
        if self.account:
            rows = rows.filter(ad_account_id=self.account)
        if self.label:
            rows = rows.labelled(self.label)
        return rows


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign and its sums over the period: `totals` in the reporting currency (None: no rate), `own` in its own.

    `account_id` is the row of ad_accounts; `last_day` the newest day with numbers in the period.
    """

    id: int
    name: str
    external_id: str
    platform: str
    status: str
    objective: str
    currency: str
    labels: list[str]
    account_id: int | None
    account_name: str
    account_zone: str
    is_sandbox: bool
    daily_budget: int | None
    lifetime_budget: int | None
    start_date: date | None
    end_date: date | None
    last_synced_at: datetime | None
    last_day: date | None
    totals: Totals | None
    own: Totals
    compared: Totals | None
    # Why it does not deliver, and what stands in the way of changing it.
    delivery_note: str = ""
    budget_lock: str = ""
    over_limit: bool = False
    account_status: str = ""
    minimum_daily_budget: int | None = None

    @property
    def standing(self) -> Standing:
        return Standing(
            id=self.id,
            name=self.name,
            platform=self.platform,
            status=self.status,
            currency=self.currency,
            daily_budget=self.daily_budget,
            lifetime_budget=self.lifetime_budget,
            budget_lock=self.budget_lock,
            over_limit=self.over_limit,
            account_status=self.account_status,
            minimum_daily_budget=self.minimum_daily_budget,
        )


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """One page of the list, and the sums of the whole filtered set (campaigns without a rate left out)."""

    rows: Sequence[CampaignRow]
    matching: int
    totals: Totals
    compared: Totals | None
    currency: str
    rates: tuple[RateSpan, ...] = ()
    refused: tuple[Refusal, ...] = ()
    comparability: Comparability = COMPARABLE


@dataclass(frozen=True, slots=True)
class CampaignQuery:
    """What is asked of the list: filter, order (a key of ORDERS), period, and the period to compare with."""

    where: CampaignFilter
    sort: str
    descending: bool
    current: Period
    compared: Period | None
    target: str
    # The compared period counts as it was known at the age that the current one has at this moment.
    now: datetime

    @property
    def periods(self) -> list[Period]:
        return [self.current] if self.compared is None else [self.current, self.compared]

    @property
    def order(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return f"{ORDERS[self.sort]} {direction} NULLS LAST, id"


_COLUMNS = (
    "id", "name", "external_id", "platform", "status", "objective", "currency", "labels", "ad_account_id",
    "daily_budget_cents", "lifetime_budget_cents", "start_date", "end_date", "last_synced_at", "budget_lock",
    "delivery_note", "over_limit",
)  # fmt: skip

# In the order of Totals; the second line is what they are called before conversion.
_SUMS = ("impressions", "clicks", "conversions_micros", "spend", "revenue")
_OWN = {name: {"spend": "own_spend", "revenue": "own_revenue"}.get(name, name) for name in _SUMS}


def campaign_page(query: CampaignQuery, *, limit: int, offset: int) -> CampaignPage:
    """A page of the list in one statement (plus one for the currencies, and one for rates where there are several)."""
    conversion = _conversion(query)
    sql, params = _numbers(query, conversion)
    totals = ", ".join(f"COALESCE(SUM({name}) FILTER (WHERE NOT refused), 0) AS all_{name}" for name in _SUMS)
    compared = ", ".join(f"SUM(was_{name}) FILTER (WHERE NOT was_refused) AS all_was_{name}" for name in _SUMS)
    refused = "jsonb_object_agg(currency, campaigns) FILTER (WHERE currency IS NOT NULL)"
    statement = f"""
        {sql}
        SELECT overall.*, left_out.*, page.*
        FROM (SELECT count(*) AS matching, {totals}, {compared} FROM numbers) overall
        CROSS JOIN (
            SELECT {refused} AS refused_campaigns FROM (
                SELECT currency, count(*) AS campaigns FROM numbers WHERE refused GROUP BY currency
            ) refusals
        ) left_out
        LEFT JOIN (SELECT * FROM numbers ORDER BY {query.order} LIMIT %s OFFSET %s) page ON true
        ORDER BY {query.order}
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, limit, offset])
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    overall = found[0]
    shown = [values for values in found if values["id"] is not None]
    late, late_overall = _late(query, conversion, [values["id"] for values in shown], overall["matching"])
    return CampaignPage(
        rows=[_row(values, late.get(values["id"])) for values in shown],
        matching=overall["matching"],
        totals=_totals(overall, "all_"),
        compared=_compared_totals(overall, late_overall),
        currency=query.target,
        rates=conversion.spans,
        refused=_refusals(overall["refused_campaigns"]),
        comparability=_comparability(query, conversion),
    )


def campaign_rows(query: CampaignQuery) -> Iterator[CampaignRow]:
    """Every row of the list in its order, streamed by a cursor of the database: for exports of any length."""
    conversion = _conversion(query)
    sql, params = _numbers(query, conversion, known_then_too=True)
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(f"{sql} SELECT * FROM numbers ORDER BY {query.order}", params)
        names = [column.name for column in cursor.description]
        while chunk := cursor.fetchmany(STREAM_ROWS):
            for row in chunk:
                yield _row(dict(zip(names, row, strict=True)))


def _conversion(query: CampaignQuery) -> Conversion:
    currencies = Campaign.objects.order_by("currency").values_list("currency", flat=True).distinct()
    return conversion_for(query.target, query.periods, list(currencies))


def _comparability(query: CampaignQuery, conversion: Conversion) -> Comparability:
    if query.compared is None:
        return COMPARABLE
    days, compared_days = days_known(query.periods)
    return comparability(days, compared_days, conversion)


def _late(
    query: CampaignQuery, conversion: Conversion, shown: list[int], matching: int
) -> tuple[dict[int, Late], Late | None]:
    """What arrived since in the compared period: per shown campaign, and over all that match (None: too many).

    Revisions are many: those of the shown campaigns are read, those of all campaigns are kept for an hour, and those
    of a filtered set are read while it is small.
    """
    if query.compared is None:
        return {}, None
    then = known_then(query.current, query.compared, query.now)
    if query.where.narrows and matching <= MAX_EXACT:
        matched = list(query.where.campaigns().order_by().values_list("pk", flat=True))
        late = late_by_campaign(conversion, query.compared, then, matched)
        return late, sum(late.values(), Late())
    late = late_by_campaign(conversion, query.compared, then, shown)
    return late, None if query.where.narrows else late_arrivals(conversion, query.compared, then)


def _compared_totals(overall: dict[str, Any], late: Late | None) -> Totals | None:
    if overall["all_was_spend"] is None or late is None:
        return None
    return _totals(overall, "all_was_", late)


def _numbers(query: CampaignQuery, conversion: Conversion, *, known_then_too: bool = False) -> tuple[str, list[Any]]:
    """`WITH … numbers AS (…)`: one line per matching campaign with its sums, ratios and the compared sums.

    `known_then_too`: the compared sums are those known at the same age; without it they stand as they are today.
    """
    tenant_id = bound_tenant_id()
    filtered, filter_params = query.where.campaigns().values(*_COLUMNS).order_by().query.sql_with_params()
    params: list[Any] = [*conversion.cte_params, conversion.target, *filter_params]
    parts = [
        conversion.cte,
        f"filtered AS MATERIALIZED (SELECT c.*, c.currency = %s AS native FROM ({filtered}) c)",
        f"now_sums AS ({_period_sums()})",
    ]
    params += [tenant_id, *query.current]
    was = ", ".join(f"NULL::numeric AS was_{name}" for name in _SUMS) + ", NULL::boolean AS was_refused"
    join = ""
    if query.compared is not None:
        if known_then_too:
            then = known_then(query.current, query.compared, query.now)
            parts.append(f"late AS ({late_sql()})")
            params += late_params(query.compared, then)
        parts.append(f"was_sums AS ({_period_sums(known_then=known_then_too)})")
        params += [tenant_id, *query.compared]
        was = ", ".join(f"w.{name} AS was_{name}" for name in _SUMS) + ", COALESCE(w.refused, false) AS was_refused"
        join = "LEFT JOIN was_sums w ON w.campaign_id = f.id"
    parts.append(f"""numbers AS MATERIALIZED (
        SELECT f.*, a.name AS account_name, a.timezone AS account_zone, a.status AS account_status, a.is_sandbox,
               a.minimum_daily_budget_cents,
               f.daily_budget_cents * CASE WHEN f.native THEN 1 ELSE newest.factor END AS budget,
               n.last_day, COALESCE(n.refused, false) AS refused,
               {", ".join(f"COALESCE(n.{name}, 0) AS {name}" for name in _SUMS[:3])},
               {", ".join(f"{_unless_refused(name)} AS {name}" for name in _SUMS[3:])},
               {", ".join(f"COALESCE(n.{column}, 0) AS own_{name}" for name, column in _OWN.items())},
               n.clicks::float8 / NULLIF(n.impressions, 0) AS ctr,
               n.conversions_micros::float8 / NULLIF(n.clicks, 0) AS cvr,
               n.spend::float8 / NULLIF(n.clicks, 0) AS cpc,
               n.spend::float8 / NULLIF(n.impressions, 0) AS cpm,
               n.spend::float8 / NULLIF(n.conversions_micros, 0) AS cpa,
               n.revenue::float8 / NULLIF(n.spend, 0)::float8 AS roas,
               {was}
        FROM filtered f
        LEFT JOIN ad_accounts a ON a.tenant_id = %s AND a.id = f.ad_account_id
        LEFT JOIN now_sums n ON n.campaign_id = f.id
        LEFT JOIN rate newest ON newest.currency = f.currency AND newest.date = %s
        {join}
    )""")
    params += [tenant_id, query.current[1]]
    return "WITH " + ", ".join(parts), params


def _unless_refused(name: str) -> str:
    return f"CASE WHEN n.refused IS NOT TRUE THEN COALESCE(n.{name}, 0) END"


def _period_sums(*, known_then: bool = False) -> str:
    # Money of a day without a rate is NULL and marks the campaign as refused; its other figures stay.
    values = {name: f"m.{name}" for name in SUMS} | {"conversions_micros": exact_conversions("m")}
    if known_then:
        values = {name: f"({value} - COALESCE(late.{name}, 0))" for name, value in values.items()}
    late = "LEFT JOIN late ON late.campaign_id = m.campaign_id AND late.date = m.date" if known_then else ""
    return f"""
        SELECT m.campaign_id, MAX(m.date) AS last_day,
               SUM({values["impressions"]}) AS impressions, SUM({values["clicks"]}) AS clicks,
               SUM({values["conversions_micros"]}) AS conversions_micros,
               SUM({values["spend_cents"]}) AS own_spend, SUM({values["revenue_cents"]}) AS own_revenue,
               SUM({values["spend_cents"]} * CASE WHEN f.native THEN 1 ELSE rate.factor END) AS spend,
               SUM({values["revenue_cents"]} * CASE WHEN f.native THEN 1 ELSE rate.factor END) AS revenue,
               bool_or(NOT f.native AND rate.factor IS NULL) AS refused
        FROM campaign_metrics m
        JOIN filtered f ON f.id = m.campaign_id
        LEFT JOIN rate ON NOT f.native AND rate.currency = f.currency AND rate.date = m.date
        {late}
        WHERE m.tenant_id = %s AND m.date BETWEEN %s AND %s
        GROUP BY m.campaign_id
    """


def _row(values: dict[str, Any], late: Late | None = None) -> CampaignRow:
    own = Totals(*(int(values[f"own_{name}"]) for name in _SUMS))
    has_compared = values["was_spend"] is not None and not values["was_refused"]
    return CampaignRow(
        id=values["id"],
        name=values["name"],
        external_id=values["external_id"],
        platform=values["platform"],
        status=values["status"],
        objective=values["objective"] or "",
        currency=values["currency"],
        labels=_labels(values["labels"]),
        account_id=values["ad_account_id"],
        account_name=values["account_name"] or "",
        account_zone=values["account_zone"] or "",
        is_sandbox=bool(values["is_sandbox"]),
        daily_budget=values["daily_budget_cents"],
        lifetime_budget=values["lifetime_budget_cents"],
        start_date=values["start_date"],
        end_date=values["end_date"],
        last_synced_at=values["last_synced_at"],
        last_day=values["last_day"],
        totals=None if values["refused"] else _totals(values, ""),
        own=own,
        compared=_totals(values, "was_", late) if has_compared else None,
        delivery_note=values["delivery_note"],
        budget_lock=values["budget_lock"],
        over_limit=values["over_limit"],
        account_status=values["account_status"] or "",
        minimum_daily_budget=values["minimum_daily_budget_cents"],
    )


def _totals(values: dict[str, Any], prefix: str, late: Late | None = None) -> Totals:
    since = late or Late()
    impressions, clicks, conversions, spend, revenue = (
        (values[f"{prefix}{name}"] or 0) - getattr(since, name) for name in _SUMS
    )
    return Totals(int(impressions), int(clicks), int(conversions), round(spend), round(revenue))


def _labels(value: object) -> list[str]:
    parsed = _parsed(value)
    return [str(label) for label in parsed] if isinstance(parsed, list) else []


def _refusals(value: object) -> tuple[Refusal, ...]:
    return tuple(Refusal(currency, count) for currency, count in sorted((_parsed(value) or {}).items()))


def _parsed(value: object) -> Any:
    # Raw cursors hand jsonb over as text.
    return json.loads(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What the selects of the filter bar offer: what exists in the workspace."""

    platforms: list[tuple[str, str]] = field(default_factory=list)
    accounts: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def filter_choices() -> FilterChoices:
    """Two statements: accounts with their platforms, and the labels in use."""
    accounts = list(AdAccount.objects.order_by("name").values_list("id", "name", "platform"))
    used = {platform for _id, _name, platform in accounts}
    names = dict(Platform.choices)
    return FilterChoices(
        platforms=[(value, str(label)) for value, label in Platform.choices if value in used],
        accounts=[(str(pk), f"{name} ({names[platform]})") for pk, name, platform in accounts],
        labels=labels_in_use(),
    )


def labels_in_use() -> list[str]:
    """Labels of the workspace's campaigns by name, at most MAX_LABELS."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT label FROM campaigns, jsonb_array_elements_text(labels) AS label
            WHERE tenant_id = %s AND is_deleted IS NOT TRUE AND jsonb_typeof(labels) = 'array'
            ORDER BY label LIMIT %s
            """,
            [bound_tenant_id(), MAX_LABELS],
        )
        return [row[0] for row in cursor.fetchall()]
