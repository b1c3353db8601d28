"""What the page of one campaign reads: its days, what each number was when, breakdowns, neighbours, activity.

Everything here is in the campaign's own currency and in days of its account's zone: nothing is converted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q

from accounts.models import AuditLog
from campaigns.models import MICRO, Campaign, CampaignMetric, MetricRevision
from stratum.lib.ratios import Totals

REVISIONS_SHOWN = 50
ACTIVITY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CampaignDay:
    """The newest known numbers of one day. `revisions` counts how often they changed since they were first known."""

    date: date
    totals: Totals
    video_views: int | None
    first_known_at: datetime
    known_at: datetime
    revisions: int


def campaign_days(campaign: Campaign, start: date, end: date) -> list[CampaignDay]:
    """The days that have numbers, in order. Two statements."""
    changed = dict(
        MetricRevision.objects.filter(campaign=campaign, date__gte=start, date__lte=end)
        .order_by()
        .values_list("date")
        .annotate(Count("id"))
    )
    rows = CampaignMetric.objects.filter(campaign=campaign).between(start, end).order_by("date").defer("demographics")
    return [
        CampaignDay(
            date=row.date,
            totals=Totals(row.impressions, row.clicks, _micros(row), row.spend_cents, row.revenue_cents),
            video_views=row.video_views,
            first_known_at=row.first_known_at,
            known_at=row.known_at,
            revisions=changed.get(row.date, 0),
        )
        for row in rows
    ]


def _micros(row: CampaignMetric) -> int:
    return row.conversions * MICRO if row.conversions_micros is None else row.conversions_micros


def sum_of(days: Iterable[CampaignDay]) -> Totals:
    return sum((day.totals for day in days), Totals())


@dataclass(frozen=True, slots=True)
class KnownAs:
    """What a day's numbers were from `since` on, until the next line. `totals` None: the day was taken back."""

    since: datetime
    totals: Totals | None
    source: str


def history_of_day(campaign: Campaign, day: date) -> list[KnownAs]:
    """Every state of one day's numbers, oldest first; the last one is what the product shows today.

    The first state's source is not recorded with it: it is the old side of the first restatement, and dates from
    when the day was first heard of. Empty when the day was never known.
    """
    revisions = list(
        MetricRevision.objects.filter(campaign=campaign, date=day).order_by("known_at", "id")[:REVISIONS_SHOWN]
    )
    now = CampaignMetric.objects.filter(campaign=campaign, date=day).defer("demographics").first()
    states: list[KnownAs] = []
    if revisions and _old(revisions[0]) is not None:
        since = now.first_known_at if now else revisions[0].known_at
        states.append(KnownAs(since, _old(revisions[0]), ""))
    elif now is not None and not revisions:
        totals = Totals(now.impressions, now.clicks, _micros(now), now.spend_cents, now.revenue_cents)
        states.append(KnownAs(now.first_known_at, totals, ""))
    states.extend(KnownAs(one.known_at, _new(one), one.get_source_display()) for one in revisions)
    return states


def _old(revision: MetricRevision) -> Totals | None:
    return _revised(revision, "old")


def _new(revision: MetricRevision) -> Totals | None:
    return _revised(revision, "new")


def _revised(revision: MetricRevision, side: str) -> Totals | None:
    names = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")
    values = [getattr(revision, f"{side}_{name}") for name in names]
    return None if all(value is None for value in values) else Totals(*(value or 0 for value in values))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The campaigns before and after this one by name: (id, name), None at the ends."""

    previous: tuple[int, str] | None
    following: tuple[int, str] | None


def neighbours(campaign: Campaign) -> Neighbours:
    earlier = Q(name__lt=campaign.name) | Q(name=campaign.name, pk__lt=campaign.pk)
    later = Q(name__gt=campaign.name) | Q(name=campaign.name, pk__gt=campaign.pk)
    rows = Campaign.objects.values_list("pk", "name")
    return Neighbours(
        rows.filter(earlier).order_by("-name", "-pk").first(),
        rows.filter(later).order_by("name", "pk").first(),
    )


def campaign_activity(campaign: Campaign) -> Sequence[AuditLog]:
    """The newest entries of the audit trail about this campaign, bulk changes that held it included."""
    return list(
        AuditLog.objects.filter(resource_type=Campaign._meta.db_table)
        .filter(Q(resource_id=str(campaign.pk)) | Q(resource_id=None, new_value__campaign_ids__contains=[campaign.pk]))
        .select_related("user")
        .order_by("-created_at", "-pk")[:ACTIVITY_SHOWN]
    )


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a breakdown. Money in minor units of the campaign's currency; None: the platform did not say."""

    name: str
    impressions: int | None
    clicks: int | None
    conversions: float | None
    spend: int | None

    @property
    def weight(self) -> float:
        """What its bar stands for: spend where there is any, else impressions."""
        return float(self.spend if self.spend is not None else self.impressions or 0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`kind` is age, gender or location; `by` is what the shares are of ('spend' or 'impressions')."""

    kind: str
    by: str
    slices: Sequence[Slice]


def breakdowns(campaign: Campaign) -> list[Breakdown]:
    """The demographic splits that the platform sent, largest part first; splits in an unknown shape are left out."""
    found = []
    for kind in ("age", "gender", "location"):
        slices = _slices(getattr(campaign, f"demographics_{kind}"))
        if slices:
            by = "spend" if all(part.spend is not None for part in slices) else "impressions"
            # Ages in their own order; the others by weight.
            ordered = sorted(slices, key=(lambda part: part.name) if kind == "age" else (lambda part: -part.weight))
            found.append(Breakdown(kind, by, ordered))
    return found


def _slices(value: Any) -> list[Slice]:
    """{'25-34': {'impressions': …, 'spend_cents': …}} or {'25-34': impressions}."""
    if not isinstance(value, dict):
        return []
    slices = []
    for name, part in value.items():
        if isinstance(part, dict):
            one = Slice(
                str(name),
                _whole(part.get("impressions")),
                _whole(part.get("clicks")),
                _number(part.get("conversions")),
                _whole(part.get("spend_cents")),
            )
        else:
            one = Slice(str(name), _whole(part), None, None, None)
        if one.weight > 0:
            slices.append(one)
    return slices


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)
