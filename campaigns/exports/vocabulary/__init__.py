"""What the columns of the five platforms' exports mean.

Which column becomes which metric, in order of preference. The first listed column that holds a value is taken;
taking a later one, or one whose meaning differs from the platform's own figure, is said in a warning.

| platform | clicks | conversions | revenue |
|---|---|---|---|
| meta | Clicks (all), as `clicks` of its API; else Link clicks | Purchases; else Results whose result type is a purchase, lead, registration or another conversion (Results of reach, traffic or view campaigns are never conversions); else Leads | Purchases conversion value |
| google | Clicks (not Interactions) | Conversions, the primary actions by click day (never All conv.) | Conv. value |
| tiktok | Clicks (destination), as `clicks` of its API; else Clicks; else Clicks (all) | Conversions; else Complete payment | Total complete payment value |
| linkedin | Clicks | Conversions; else Leads | Total Conversion Value |
| snapchat | Clicks; else Swipe-Ups | Purchases | Purchases Value |

Columns that must not be summed over days or ads (reach, frequency, unique clicks, rates, averages) are known, so
that they can be named in the mapping and tell how the file writes numbers, but are never imported.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from campaigns.choices import Platform
from campaigns.exports.vocabulary import google, linkedin, meta, snapchat, tiktok
from campaigns.exports.vocabulary.fields import KINDS, METRIC_KINDS, Field, Kind, Metric
from campaigns.exports.vocabulary.normalise import header_currency, header_is_utc, header_key, plain_key

__all__ = [
    "KINDS",
    "LANGUAGES",
    "LINKEDIN_TITLES",
    "METRIC_KINDS",
    "METRIC_SOURCES",
    "PLATFORMS",
    "Field",
    "Kind",
    "Metric",
    "Term",
    "header_currency",
    "header_is_utc",
    "header_key",
    "plain_key",
    "rarity",
    "term",
]

LANGUAGES = ("en", "es", "fr", "de", "pt", "ar", "nl")

_HEADERS: dict[str, dict[Field, dict[str, tuple[str, ...]]]] = {
    Platform.META.value: meta.HEADERS,
    Platform.GOOGLE.value: google.HEADERS,
    Platform.TIKTOK.value: tiktok.HEADERS,
    Platform.SNAPCHAT.value: snapchat.HEADERS,
    Platform.LINKEDIN.value: linkedin.HEADERS,
}
PLATFORMS: tuple[str, ...] = tuple(_HEADERS)
LINKEDIN_TITLES = frozenset(header_key(title) for title in linkedin.TITLES)

_COMMON_SOURCES: dict[Metric, tuple[Field, ...]] = {
    Metric.IMPRESSIONS: (Field.IMPRESSIONS,),
    Metric.CLICKS: (Field.CLICKS,),
    Metric.SPEND: (Field.SPEND, Field.SPEND_CONVERTED),
    Metric.CONVERSIONS: (Field.CONVERSIONS,),
    Metric.REVENUE: (Field.REVENUE,),
    Metric.VIDEO_VIEWS: (Field.VIDEO_VIEWS,),
    Metric.VIDEO_COMPLETIONS: (Field.VIDEO_COMPLETIONS,),
    Metric.SHARES: (Field.SHARES,),
    Metric.COMMENTS: (Field.COMMENTS,),
    Metric.SAVES: (Field.SAVES,),
}
METRIC_SOURCES: dict[str, dict[Metric, tuple[Field, ...]]] = {
    Platform.META.value: _COMMON_SOURCES
    | {
        Metric.CLICKS: (Field.CLICKS_ALL, Field.CLICKS_LINK),
        Metric.CONVERSIONS: (Field.PURCHASES, Field.RESULTS, Field.LEADS),
    },
    Platform.GOOGLE.value: _COMMON_SOURCES,
    Platform.TIKTOK.value: _COMMON_SOURCES
    | {
        Metric.CLICKS: (Field.CLICKS_DESTINATION, Field.CLICKS, Field.CLICKS_ALL),
        Metric.CONVERSIONS: (Field.CONVERSIONS, Field.COMPLETE_PAYMENTS),
    },
    Platform.LINKEDIN.value: _COMMON_SOURCES | {Metric.CONVERSIONS: (Field.CONVERSIONS, Field.LEADS)},
    Platform.SNAPCHAT.value: _COMMON_SOURCES
    | {Metric.CLICKS: (Field.CLICKS, Field.SWIPES), Metric.CONVERSIONS: (Field.PURCHASES,)},
}


@dataclass(frozen=True, slots=True)
class Term:
    """One header as one platform uses it. `rank` orders the spellings of a field, the preferred one first."""

    field: Field
    rank: int
    languages: frozenset[str]


@cache
def _terms(platform: str) -> dict[str, Term]:
    terms: dict[str, Term] = {}
    for field, by_language in _HEADERS[platform].items():
        for language, headers in by_language.items():
            for rank, header in enumerate(headers):
                key = header_key(header)
                known = terms.get(key)
                if known is None:
                    terms[key] = Term(field, rank, frozenset({language}))
                elif known.field is field:
                    terms[key] = Term(field, min(rank, known.rank), known.languages | {language})
                # A word with two meanings keeps the first: fields are listed in order of importance.
    return terms


def term(platform: str, header: str) -> Term | None:
    """What a header means on a platform, or None."""
    return _terms(platform).get(header_key(header))


@cache
def rarity(key: str) -> float:
    """How much a header key says about the platform: 1 when only one platform uses it, 1/5 when all do."""
    users = sum(key in _terms(platform) for platform in PLATFORMS)
    return 1 / users if users else 0.0
