"""A few rows of the tables whose screens come later, in their true shape, for the staff admin to show."""

import hashlib
import random
from datetime import timedelta

from django.db.models import Avg, Sum

from accounts.audit import record, snapshot
from accounts.choices import AuditAction
from campaigns.models import Campaign, CampaignMetric
from competitors.models import CompetitorBenchmark
from creatives.choices import AssetType
from creatives.models import CreativeAsset
from mlcache.models import MLPrediction
from stratum.demo.numbers import Span
from stratum.demo.workspaces import ACTOR, Agency

BASELINE_DAYS, FORECAST_DAYS = 28, 7
_ASSETS = (
    ("Autumn lookbook – hero", AssetType.IMAGE, "jpg", 1080, 1350, None, ["autumn", "hero"]),
    ("Creator unboxing 15 s", AssetType.VIDEO, "mp4", 1080, 1920, 15.2, ["ugc"]),
    ("Ski chalets – carousel", AssetType.CAROUSEL, "jpg", 1080, 1080, None, ["winter"]),
    ("Flash sale countdown", AssetType.STORY, "mp4", 1080, 1920, 9.0, ["sale", "summer"]),
    ("Cabin bags – HTML5 banner", AssetType.HTML5, "zip", 970, 250, None, ["evergreen"]),
)
_COMPETITORS = (
    ("packwell.example", "Packwell", "Bags that fit", 0.31, "up"),
    ("trailandtown.example", "Trail & Town", "Shoes for both", 0.22, "flat"),
    ("alpenstay.example", "Alpenstay", "Hütten und Chalets", 0.12, "down"),
)


def make_extras(agency: Agency, seed: int, span: Span) -> None:
    rng = random.Random(f"{seed}:{agency.slug}:extras")
    campaigns = list(Campaign.objects.filter(status="active").order_by("-total_spend_cents", "pk")[:5])
    rows = [
        *_assets(agency, campaigns, rng, span),
        *_competitors(rng, span),
        *_predictions(campaigns, span),
    ]
    for row in rows:
        row.save()
        record(actor=ACTOR, action=AuditAction.CREATE, resource=row, new=snapshot(row))


def _assets(agency: Agency, campaigns: list[Campaign], rng: random.Random, span: Span) -> list[CreativeAsset]:
    rows = []
    for (name, kind, extension, width, height, seconds, tags), campaign in zip(_ASSETS, campaigns, strict=True):
        impressions = rng.randint(40_000, 900_000)
        clicks = round(impressions * rng.uniform(0.006, 0.016))
        address = f"https://assets.{agency.slug}.example/{hashlib.sha256(name.encode()).hexdigest()[:12]}.{extension}"
        rows.append(
            CreativeAsset(
                campaign=campaign,
                name=name,
                asset_type=kind,
                file_url=address,
                file_size_bytes=rng.randint(90_000, 4_000_000),
                file_format=extension,
                width=width,
                height=height,
                duration_seconds=seconds,
                tags=tags,
                folder="Season",
                impressions=impressions,
                clicks=clicks,
                ctr=clicks / impressions,
                first_used_at=span.as_of - timedelta(days=rng.randint(10, 90)),
                times_used=rng.randint(1, 6),
            )
        )
    return rows


def _competitors(rng: random.Random, span: Span) -> list[CompetitorBenchmark]:
    return [
        CompetitorBenchmark(
            domain=domain,
            name=name,
            is_primary=position == 0,
            meta_title=title,
            share_of_voice=share * rng.uniform(0.9, 1.1),
            traffic_trend=trend,
            estimated_traffic=rng.randint(40_000, 600_000),
            detected_ad_platforms={"meta": "seen", "google": "seen", "tiktok": "not seen"},
            data_source="import",
            last_fetched_at=span.as_of,
        )
        for position, (domain, name, title, share, trend) in enumerate(_COMPETITORS)
    ]


def _predictions(campaigns: list[Campaign], span: Span) -> list[MLPrediction]:
    """Spend of the next seven days by the simplest model there is: the mean day of the last four weeks."""
    start = span.today - timedelta(days=BASELINE_DAYS)
    rows = []
    for campaign in campaigns:
        days = CampaignMetric.objects.filter(campaign=campaign).between(start, span.today - timedelta(days=1))
        mean = days.aggregate(mean=Avg("spend_cents"))["mean"] or 0
        total = days.aggregate(total=Sum("spend_cents"))["total"] or 0
        values = [float(mean * FORECAST_DAYS)]
        weeks = [
            float(sum(days.between(span.today - timedelta(days=7 * week), span.today - timedelta(days=7 * week - 6))
                  .values_list("spend_cents", flat=True)))
            for week in range(1, 5)
        ]  # fmt: skip
        rows.append(
            MLPrediction(
                campaign=campaign,
                model_type="spend_7d",
                model_version="mean-28d",
                input_hash=hashlib.sha256(f"{campaign.external_id}:{span.today}:{total}".encode()).hexdigest(),
                prediction_value=values[0],
                # The lowest and highest of the four weeks that the mean is made of.
                confidence_lower=min(weeks),
                confidence_upper=max(weeks),
                predicted_at=span.as_of,
                expires_at=span.as_of + timedelta(days=1),
            )
        )
    return rows
