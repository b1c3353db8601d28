"""Daily numbers as each platform's reports give them, read back into the ledger's units: minor units and millionths."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from stratum.sandbox.tests.caller import Caller

# ISO 4217, written down a second time on purpose.
DECIMALS = {"USD": 2, "EUR": 2, "HUF": 2, "AED": 2, "SAR": 2, "JPY": 0, "KWD": 3}
ALL_STATUSES = '[{"field_name":"campaign_status","filter_type":"IN","filter_value":"[\\"STATUS_ALL\\"]"}]'
Numbers = dict[str, int | None]
Row = tuple[str, date, Numbers]
Days = dict[tuple[str, date], Numbers]


def minor(amount: Decimal | str | float, currency: str) -> int:
    exact = Decimal(str(amount)).scaleb(DECIMALS[currency])
    return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


def report(caller: Caller, account: dict[str, Any], first: date, last: date) -> Days:
    """All campaign-days of an account between two days, from its platform's own report."""
    read = {"meta": meta, "google": google, "tiktok": tiktok, "snapchat": snapchat, "linkedin": linkedin}
    found: Days = {}
    for campaign, day, numbers in read[account["platform"]](caller, account, first, last):
        assert (campaign, day) not in found
        found[campaign, day] = numbers
    return found


def ledger(caller: Caller, account: dict[str, Any], first: date, last: date) -> Days:
    rows = caller.control("ledger", account=account["id"], since=first.isoformat(), until=last.isoformat())["rows"]
    names = ("impressions", "clicks", "spend", "conversions_micros", "revenue")
    return {(row["campaign"], date.fromisoformat(row["date"])): {name: row[name] for name in names} for row in rows}


def meta(caller: Caller, account: dict[str, Any], first: date, last: date) -> Iterator[Row]:
    query = {
        "level": "campaign",
        "time_increment": "1",
        "time_range": f'{{"since":"{first}","until":"{last}"}}',
        "fields": "campaign_id,objective,impressions,clicks,spend,actions,action_values",
        "limit": "100",
    }
    after = ""
    while True:
        page = caller.get(
            "meta", f"/v26.0/act_{account['id']}/insights", {**query, **({"after": after} if after else {})}
        ).json
        for row in page["data"]:
            kind = "lead" if row["objective"] == "OUTCOME_LEADS" else "omni_purchase"
            values = {one["action_type"]: one["value"] for one in row.get("actions", [])}
            amounts = {one["action_type"]: one["value"] for one in row.get("action_values", [])}
            yield (
                row["campaign_id"],
                date.fromisoformat(row["date_start"]),
                {
                    "impressions": int(row["impressions"]),
                    "clicks": int(row["clicks"]),
                    "spend": minor(row["spend"], account["currency"]),
                    "conversions_micros": int(values.get(kind, "0")) * 1_000_000,
                    "revenue": minor(amounts.get(kind, "0"), account["currency"]),
                },
            )
        if "next" not in page.get("paging", {}):
            return
        after = page["paging"]["cursors"]["after"]


def google(caller: Caller, account: dict[str, Any], first: date, last: date) -> Iterator[Row]:
    text = (
        "SELECT campaign.id, segments.date, metrics.impressions, metrics.clicks, metrics.cost_micros, "
        "metrics.conversions, metrics.conversions_value FROM campaign "
        f"WHERE segments.date BETWEEN '{first}' AND '{last}'"
    )
    body: dict[str, Any] = {}
    while True:
        page = caller.google(account["id"], text, **body).json
        for row in page.get("results", []):
            metrics = row["metrics"]
            yield (
                row["campaign"]["id"],
                date.fromisoformat(row["segments"]["date"]),
                {
                    "impressions": int(metrics["impressions"]),
                    "clicks": int(metrics["clicks"]),
                    "spend": minor(Decimal(metrics["costMicros"]) / 1_000_000, account["currency"]),
                    "conversions_micros": round(Decimal(str(metrics["conversions"])) * 1_000_000),
                    "revenue": minor(metrics["conversionsValue"], account["currency"]),
                },
            )
        if "nextPageToken" not in page:
            return
        body["pageToken"] = page["nextPageToken"]


def tiktok(caller: Caller, account: dict[str, Any], first: date, last: date) -> Iterator[Row]:
    start = first
    while start <= last:
        end = min(start + timedelta(days=29), last)
        page = total = 1
        while page <= total:
            answer = caller.get(
                "tiktok",
                "/open_api/v1.3/report/integrated/get/",
                {
                    "advertiser_id": account["id"],
                    "report_type": "BASIC",
                    "data_level": "AUCTION_CAMPAIGN",
                    "dimensions": '["campaign_id","stat_time_day"]',
                    "metrics": '["spend","impressions","clicks","conversion","total_complete_payment_rate"]',
                    "start_date": start.isoformat(),
                    "end_date": end.isoformat(),
                    "page": page,
                    "page_size": 50,
                    "filtering": ALL_STATUSES,
                },
            ).json
            assert answer["code"] == 0, answer
            for row in answer["data"]["list"]:
                metrics = {name: None if value == "-" else value for name, value in row["metrics"].items()}
                conversion, value = metrics["conversion"], metrics["total_complete_payment_rate"]
                yield (
                    row["dimensions"]["campaign_id"],
                    date.fromisoformat(row["dimensions"]["stat_time_day"][:10]),
                    {
                        "impressions": int(metrics["impressions"]),
                        "clicks": int(metrics["clicks"]),
                        "spend": minor(metrics["spend"], account["currency"]),
                        "conversions_micros": None if conversion is None else int(conversion) * 1_000_000,
                        "revenue": None if value is None else minor(value, account["currency"]),
                    },
                )
            total = answer["data"]["page_info"]["total_page"]
            page += 1
        start = end + timedelta(days=1)


def snapchat(caller: Caller, account: dict[str, Any], first: date, last: date) -> Iterator[Row]:

    zone = ZoneInfo(account["zone"])
    start = first
    while start <= last:
        end = min(start + timedelta(days=30), last + timedelta(days=1))
        bounds = [datetime.combine(day, time(), zone).isoformat(timespec="milliseconds") for day in (start, end)]
        query: dict[str, Any] | str = {
            "breakdown": "campaign",
            "granularity": "DAY",
            "start_time": bounds[0],
            "end_time": bounds[1],
            "fields": "impressions,swipes,spend,conversion_purchases,conversion_purchases_value",
            "omit_empty": "true",
            "limit": 3,
        }
        path = f"/v1/adaccounts/{account['id']}/stats"
        while query:
            answer = caller.get("snapchat", path, query).json
            for stat in answer.get("timeseries_stats", []):
                for entry in stat["timeseries_stat"]["breakdown_stats"]["campaign"]:
                    for point in entry["timeseries"]:
                        stats = point["stats"]
                        yield (
                            entry["id"],
                            datetime.fromisoformat(point["start_time"]).astimezone(zone).date(),
                            {
                                "impressions": stats["impressions"],
                                "clicks": stats["swipes"],
                                "spend": minor(Decimal(stats["spend"]) / 1_000_000, account["currency"]),
                                "conversions_micros": stats["conversion_purchases"] * 1_000_000,
                                "revenue": minor(
                                    Decimal(stats["conversion_purchases_value"]) / 1_000_000, account["currency"]
                                ),
                            },
                        )
            query = answer.get("paging", {}).get("next_link", "").partition("?")[2]
        start = end


def linkedin(caller: Caller, account: dict[str, Any], first: date, last: date) -> Iterator[Row]:
    def day(at: date) -> str:
        return f"(year:{at.year},month:{at.month},day:{at.day})"

    answer = caller.get(
        "linkedin",
        "/rest/adAnalytics",
        f"q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY&dateRange=(start:{day(first)},end:{day(last)})"
        f"&accounts=List(urn%3Ali%3AsponsoredAccount%3A{account['id']})"
        "&fields=dateRange,pivotValues,impressions,clicks,costInLocalCurrency,externalWebsiteConversions,oneClickLeads,"
        "conversionValueInLocalCurrency",
    ).json
    for row in answer["elements"]:
        start = row["dateRange"]["start"]
        conversions = row["externalWebsiteConversions"] + row["oneClickLeads"]
        yield (
            row["pivotValues"][0].rpartition(":")[2],
            date(start["year"], start["month"], start["day"]),
            {
                "impressions": row["impressions"],
                "clicks": row["clicks"],
                "spend": minor(row["costInLocalCurrency"], account["currency"]),
                "conversions_micros": conversions * 1_000_000,
                "revenue": minor(row["conversionValueInLocalCurrency"], account["currency"]),
            },
        )
