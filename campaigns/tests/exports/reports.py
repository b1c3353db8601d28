"""Reports shaped as the five platforms export them: headers, preambles, totals rows, missing values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from campaigns.tests.exports.builders import ENGLISH, PLAIN, Delivery, Table, Writing

# Day, campaign, impressions, clicks (all), spend, purchases, value – as each language's exports head them.
META_HEADERS: dict[str, list[str]] = {
    "en": [
        "Day",
        "Campaign name",
        "Impressions",
        "Clicks (all)",
        "Amount spent (EUR)",
        "Purchases",
        "Purchases conversion value",
    ],
    "es": [
        "Día",
        "Nombre de la campaña",
        "Impresiones",
        "Clics (todos)",
        "Importe gastado (EUR)",
        "Compras",
        "Valor de conversión de compras",
    ],
    "fr": [
        "Jour",
        "Nom de la campagne",
        "Impressions",
        "Clics (tous)",
        "Montant dépensé (EUR)",
        "Achats",
        "Valeur de conversion des achats",
    ],
    "de": [
        "Tag",
        "Kampagnenname",
        "Impressionen",
        "Klicks (alle)",
        "Ausgegebener Betrag (EUR)",
        "Käufe",
        "Conversion-Wert",
    ],
    "pt": [
        "Dia",
        "Nome da campanha",
        "Impressões",
        "Cliques (todos)",
        "Valor usado (EUR)",
        "Compras",
        "Valor de conversão da compra",
    ],
    "ar": [
        "اليوم",
        "اسم الحملة",
        "مرات الظهور",
        "النقرات",
        "المبلغ الذي تم إنفاقه (EUR)",
        "عمليات الشراء",
        "قيمة تحويل عمليات الشراء",
    ],
}
META_TOTALS = {
    "en": "Total",
    "es": "Resultados totales",
    "fr": "Résultats de 3 campagnes",
    "de": "Ergebnisse aus 3 Kampagnen",
    "pt": "Resultados totais",
    "ar": "النتائج من 3 حملات",
}
GOOGLE_HEADERS: dict[str, list[str]] = {
    "en": [
        "Campaign type",
        "Campaign",
        "Day",
        "Currency code",
        "Cost",
        "Clicks",
        "Impr.",
        "CTR",
        "Conversions",
        "Conv. value",
    ],
    "es": [
        "Tipo de campaña",
        "Campaña",
        "Día",
        "Código de moneda",
        "Coste",
        "Clics",
        "Impr.",
        "CTR",
        "Conversiones",
        "Valor de conv.",
    ],
    "fr": [
        "Type de campagne",
        "Campagne",
        "Jour",
        "Code de devise",
        "Coût",
        "Clics",
        "Impr.",
        "CTR",
        "Conversions",
        "Valeur de conv.",
    ],
    "de": [
        "Kampagnentyp",
        "Kampagne",
        "Tag",
        "Währungscode",
        "Kosten",
        "Klicks",
        "Impr.",
        "CTR",
        "Conversions",
        "Conv.-Wert",
    ],
    "pt": [
        "Tipo de campanha",
        "Campanha",
        "Dia",
        "Código da moeda",
        "Custo",
        "Cliques",
        "Impr.",
        "CTR",
        "Conversões",
        "Valor de conv.",
    ],
    "ar": [
        "نوع الحملة",
        "الحملة",
        "اليوم",
        "رمز العملة",
        "التكلفة",
        "النقرات",
        "مرات الظهور",
        "CTR",
        "التحويلات",
        "قيمة التحويل",
    ],
}
GOOGLE_PREAMBLES = {
    "en": [["Campaign report"], ["April 11, 2026 - April 15, 2026"]],
    "es": [["Informe de campañas"], ["11 de abril de 2026 - 15 de abril de 2026"]],
    "fr": [["Rapport sur les campagnes"], ["11 avril 2026 - 15 avril 2026"]],
    "de": [["Kampagnenbericht"], ["11. April 2026 - 15. April 2026"]],
    "pt": [["Relatório de campanhas"], ["11 de abril de 2026 - 15 de abril de 2026"]],
    "ar": [["تقرير الحملات"], ["١١ أبريل ٢٠٢٦ - ١٥ أبريل ٢٠٢٦"]],
}
GOOGLE_TOTALS = {
    "en": ["Total: Campaigns", "Total: Account", "Total: Search"],
    "es": ["Total: Campañas filtradas", "Total: Cuenta"],
    "fr": ["Total : Campagnes", "Total : Compte"],
    "de": ["Gesamt: Kampagnen", "Gesamt: Konto"],
    "pt": ["Total: campanhas", "Total: conta"],
    "ar": ["الإجمالي: الحملات", "الإجمالي: الحساب"],
}


def sums(rows: Sequence[Delivery]) -> dict[str, Decimal]:
    def total(name: str) -> Decimal:
        return sum((Decimal(value) for row in rows if (value := getattr(row, name)) is not None), Decimal(0))

    return {name: total(name) for name in ("impressions", "clicks", "spend", "conversions", "revenue")}


def meta(
    rows: Sequence[Delivery],
    language: str = "en",
    writing: Writing = PLAIN,
    *,
    totals: str | None = None,
    ids: bool = False,
    day_cells: bool = False,
) -> Table:
    """Ads Reporting by day. `totals` is 'first' (unlabelled) or 'last' (labelled); `day_cells` keeps dates as dates."""
    header = list(META_HEADERS[language]) + (["Campaign ID"] if ids else [])
    body: Table = [
        [
            row.day if day_cells else writing.day(row.day),
            row.campaign,
            writing.number(row.impressions),
            writing.number(row.clicks),
            writing.number(row.spend),
            writing.number(int(row.conversions)) if row.conversions is not None else "",
            writing.number(row.revenue),
            *([row.campaign_id] if ids else []),
        ]
        for row in rows
    ]
    if totals:
        total = sums(rows)
        line = [
            "",
            "" if totals == "first" else META_TOTALS[language],
            writing.number(int(total["impressions"])),
            writing.number(int(total["clicks"])),
            writing.number(total["spend"]),
            writing.number(int(total["conversions"])),
            writing.number(total["revenue"]),
            *([""] if ids else []),
        ]
        body.insert(0 if totals == "first" else len(body), line)
    return [header, *body]


def google(
    rows: Sequence[Delivery],
    language: str = "en",
    writing: Writing = ENGLISH,
    *,
    totals: bool = True,
    preamble: bool = True,
) -> Table:
    """A campaigns table by day with its title, its range and, at the end, its totals rows."""
    body: Table = [
        [
            "Search",
            row.campaign,
            writing.day(row.day),
            "EUR",
            writing.number(row.spend),
            writing.number(row.clicks),
            writing.number(row.impressions),
            writing.number(Decimal("3.21")) + "%",
            writing.number(row.conversions if row.conversions is not None else Decimal(0)),
            writing.number(row.revenue),
        ]
        for row in rows
    ]
    total = sums(rows)
    lines: Table = [
        [
            label,
            " --",
            " --",
            "EUR",
            writing.number(total["spend"]),
            writing.number(int(total["clicks"])),
            writing.number(int(total["impressions"])),
            writing.number(Decimal("3.21")) + "%",
            writing.number(total["conversions"]),
            writing.number(total["revenue"]),
        ]
        for label in GOOGLE_TOTALS[language]
    ]
    return [
        *(GOOGLE_PREAMBLES[language] if preamble else []),
        GOOGLE_HEADERS[language],
        *body,
        *(lines if totals else []),
    ]


TIKTOK_HEADER = [
    "By Day",
    "Campaign name",
    "Ad group name",
    "Primary status",
    "Cost",
    "CPC (destination)",
    "Impressions",
    "Clicks (destination)",
    "CTR (destination)",
    "Clicks (all)",
    "Reach",
    "Conversions",
    "CPA",
    "Total complete payment value",
    "Video views",
    "Video views at 100%",
    "Currency",
]


def tiktok(rows: Sequence[Delivery], writing: Writing = PLAIN, *, totals: bool = True, halves: bool = True) -> Table:
    """The campaign page at ad group level: each campaign-day is split over two ad groups (`halves`)."""
    table: Table = [TIKTOK_HEADER]
    for row in rows:
        spend, clicks, impressions = row.spend or Decimal(0), row.clicks or 0, row.impressions or 0
        parts = [
            (spend - Decimal("0.01"), clicks - 1, impressions - 7, row.conversions),
            (Decimal("0.01"), 1, 7, None),
        ]
        for number, (part_spend, part_clicks, part_impressions, conversions) in enumerate(
            parts if halves else [(spend, clicks, impressions, row.conversions)]
        ):
            table.append(
                [
                    writing.day(row.day),
                    row.campaign,
                    f"Group {number}",
                    "Active",
                    writing.number(part_spend),
                    "-",
                    writing.number(part_impressions),
                    writing.number(part_clicks),
                    "0.00%",
                    writing.number(part_clicks + 3),
                    "100",
                    writing.number(int(conversions)) if conversions is not None else "-",
                    "--",
                    writing.number(row.revenue if number == 0 else Decimal(0)),
                    "55",
                    "5",
                    "USD",
                ]
            )
    if totals:
        total = sums(rows)
        line = [""] * len(TIKTOK_HEADER)
        line[1] = f"Total of {len(table) - 1} results"
        line[4], line[6], line[7] = f"{total['spend']:.2f}", str(total["impressions"]), str(total["clicks"])
        table.append(line)
    return table


LINKEDIN_2026 = [
    "Start Date (in UTC)",
    "Account Name",
    "Currency",
    "Campaign ID",
    "Campaign Name",
    "Campaign Status",
    "Ad Set ID",
    "Ad Set Name",
    "Ad Set Objective",
    "Ad Name",
    "Ad ID",
    "Ad Status",
    "Click URL",
    "Total Spent",
    "Impressions",
    "Clicks",
    "Click Through Rate",
    "Average CPM",
    "Conversions",
    "Leads",
    "Reach",
]
LINKEDIN_2026_NL = [
    "Begindatum (in UTC)",
    "Accountnaam",
    "Valuta",
    "Campagne-ID",
    "Campagnenaam",
    "Status campagne",
    "Advertentieset-ID",
    "Naam van advertentieset",
    "Doelstelling advertentieset",
    "Advertentienaam",
    "Advertentie-ID",
    "Status advertentie",
    "Klik-URL",
    "Totaal besteed",
    "Weergaven",
    "Klikken",
    "Doorklikfrequentie (CTR)",
    "Gemiddelde CPM",
    "Conversies",
    "Leads",
    "Bereik",
]
LINKEDIN_OLDER = [
    "Start Date (in UTC)",
    "Account Name",
    "Currency",
    "Campaign Group Name",
    "Campaign ID",
    "Campaign Name",
    "Campaign Type",
    "Campaign Objective",
    "Total Spent",
    "Impressions",
    "Clicks",
    "Total Engagements",
    "Conversions",
    "Total Conversion Value",
]


def linkedin_preamble(language: str = "en") -> Table:
    if language == "nl":
        return [
            ["Rapport met advertentieprestaties (in UTC)"],
            ["Begin rapport: 11 april 2026, 12:00 AM"],
            ["Einde rapport: 15 april 2026, 11:59 PM"],
            ["Datum gegenereerd: 16 april 2026, 9:12 AM"],
            [],
        ]
    return [
        ["Ad Performance Report (in UTC)"],
        ["Report Start: April 11, 2026, 12:00 AM"],
        ["Report End: April 15, 2026, 11:59 PM"],
        ["Date Generated: April 16, 2026, 9:12 AM"],
        [],
    ]


def linkedin(rows: Sequence[Delivery], language: str = "en", *, totals: bool = False) -> Table:
    """The ad performance report of 2026: 'Campaign' is the group, 'Ad Set' what used to be the campaign."""
    writing = Writing(decimal=",", group=".") if language == "nl" else ENGLISH
    body: Table = []
    for row in rows:
        day = (
            f"{row.day.day}-{row.day.month}-{row.day.year}"
            if language == "nl"
            else f"{row.day.month}/{row.day.day}/{row.day.year}"
        )
        body.append(
            [
                day,
                "Acme B.V.",
                "EUR",
                "700001",
                "Group of all",
                "ACTIVE",
                row.campaign_id,
                row.campaign,
                "WEBSITE_VISIT",
                "Ad one",
                "9001",
                "ACTIVE",
                "https://example.com/?a=1,2",
                writing.number(row.spend),
                writing.number(row.impressions),
                writing.number(row.clicks),
                writing.number(Decimal("0.32")) + "%",
                writing.number(Decimal("17.30")),
                writing.number(int(row.conversions)) if row.conversions is not None else "",
                "0",
                "90",
            ]
        )
    if totals:
        total = sums(rows)
        line = [""] * len(LINKEDIN_2026)
        line[0] = "Total"
        line[13] = writing.number(total["spend"])
        line[14], line[15] = writing.number(int(total["impressions"])), writing.number(int(total["clicks"]))
        body.append(line)
    return [*linkedin_preamble(language), LINKEDIN_2026_NL if language == "nl" else LINKEDIN_2026, *body]


def linkedin_older(rows: Sequence[Delivery], *, preamble: bool = True) -> Table:
    """The campaign performance report before the renaming."""
    body: Table = [
        [
            f"{row.day.month}/{row.day.day}/{row.day.year}",
            "Acme B.V.",
            "EUR",
            "Group of all",
            row.campaign_id,
            row.campaign,
            "Sponsored Update",
            "Lead generation",
            ENGLISH.number(row.spend),
            ENGLISH.number(row.impressions),
            ENGLISH.number(row.clicks),
            "77",
            ENGLISH.number(int(row.conversions)) if row.conversions is not None else "",
            ENGLISH.number(row.revenue),
        ]
        for row in rows
    ]
    return [*(linkedin_preamble() if preamble else []), LINKEDIN_OLDER, *body]


SNAPCHAT_HEADER = [
    "Start Time",
    "End Time",
    "Campaign Name",
    "Campaign ID",
    "Ad Set Name",
    "Amount Spent",
    "Paid Impressions",
    "Swipe-Ups",
    "Purchases",
    "Purchases Value",
    "Landing Page Views",
]


def snapchat(rows: Sequence[Delivery], *, until: str = "same day") -> Table:
    """By day, with time stamps. `until` is how a day ends: 'same day' at 23:59:59 or 'midnight' of the next."""
    table: Table = [SNAPCHAT_HEADER]
    for row in rows:
        end = f"{row.day} 23:59:59" if until == "same day" else f"{row.day + dt.timedelta(days=1)} 00:00:00"
        table.append(
            [
                f"{row.day} 00:00:00",
                end,
                row.campaign,
                row.campaign_id,
                "Squad",
                PLAIN.number(row.spend),
                PLAIN.number(row.impressions),
                PLAIN.number(row.clicks),
                PLAIN.number(int(row.conversions)) if row.conversions is not None else "",
                PLAIN.number(row.revenue),
                "4",
            ]
        )
    return table
