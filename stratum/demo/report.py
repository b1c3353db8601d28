"""A report as a client would send it, exported by Meta's own interface, and its import by the agency's manager."""

import csv
import io
import random
from datetime import timedelta

from django.core.files.base import ContentFile

from accounts.audit import Actor
from accounts.choices import ActorKind, Role
from accounts.models import User
from campaigns.choices import ImportStatus, Platform
from campaigns.models import ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.services.imports import import_check, import_confirm, import_run, import_upload
from stratum.demo.catalogue import BERLIN, CampaignPlan
from stratum.demo.market import MICRO, days_of, known_at, make_flight
from stratum.demo.numbers import Span
from stratum.demo.workspaces import Agency
from stratum.lib.money import to_units

DAYS = 30
CURRENCY = "EUR"
CAMPAIGNS = (
    CampaignPlan("outlet", "Outlet – Prospecting", "meta", "retail", "mid"),
    CampaignPlan("outlet", "Outlet – Retargeting", "meta_retargeting", "retail", "mid"),
    CampaignPlan("outlet", "Outlet – Last sizes", "meta", "retail", "small"),
)
# Headers of an Ads Reporting export by day, in English.
HEADERS = (
    "Campaign name",
    "Campaign ID",
    "Day",
    "Impressions",
    "Link clicks",
    f"Amount spent ({CURRENCY})",
    "Purchases",
    "Purchases conversion value",
    "Reporting starts",
    "Reporting ends",
)


def import_report(agency: Agency, seed: int, span: Span) -> ImportBatch:
    """Through the same steps as on the page: upload, check, confirm, run."""
    manager = User.objects.filter(role=Role.MANAGER).order_by("pk")[0]
    actor = Actor(kind=ActorKind.USER, user=manager)
    file = ContentFile(report_csv(agency, seed, span).encode("utf-8-sig"))
    name = f"{agency.brand}-Outlet-Campaigns-{span.today - timedelta(days=DAYS)}-{span.today - timedelta(days=1)}.csv"
    batch = import_upload(file=file, filename=name, platform=Platform.META, actor=actor)
    if batch.checked_at is None:
        import_check(batch_id=batch.pk, actor=actor)
    answers = Answers(account_name=f"{agency.brand} Outlet", currency=CURRENCY, timezone=BERLIN, accepted=True)
    import_confirm(batch=batch, answers=answers, actor=actor)
    done = import_run(batch_id=batch.pk)
    if done is None or done.status != ImportStatus.DONE:
        raise RuntimeError(f"The demo's report was not imported: {done and done.error}")
    return done


def report_csv(agency: Agency, seed: int, span: Span) -> str:
    """Text of the report as it stood on the demo's last morning: totals first, then a line per campaign and day."""
    lines = [line for number, plan in enumerate(CAMPAIGNS) for line in _lines(agency, plan, number, seed, span)]
    totals = [sum((line[column] or 0) for line in lines) for column in range(3, 8)]
    start, end = span.today - timedelta(days=DAYS), span.today - timedelta(days=1)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADERS)
    writer.writerow(["", "", "", *totals, start, end])
    # Without purchases the cell is empty, not 0.
    writer.writerows([*line[:6], line[6] or "", line[7] or "", line[2], line[2]] for line in lines)
    return out.getvalue()


def _lines(agency: Agency, plan: CampaignPlan, number: int, seed: int, span: Span) -> list[list]:
    first, last = span.today - timedelta(days=DAYS), span.today - timedelta(days=1)
    rng = random.Random(f"{seed}:{agency.slug}:report:{plan.name}")
    flight = make_flight(
        plan, rng, platform=Platform.META, currency=CURRENCY, timezone=BERLIN, first=first, today=span.today
    )
    external_id = str(23860000000000 + 1009 * number + (500 if agency.is_twin else 0))
    lines = []
    for truth in days_of(flight, rng, first=first, today=last):
        day = known_at(truth, span.as_of, BERLIN)
        lines.append([
            plan.name,
            external_id,
            day.date,
            day.impressions,
            day.clicks,
            to_units(day.spend, CURRENCY),
            day.conversions_micros // MICRO,
            to_units(day.revenue, CURRENCY),
        ])  # fmt: skip
    return lines
