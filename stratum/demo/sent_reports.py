"""The demo's reports: a daily and a weekly one, and what they said in the past, as was known then.

Each past report is made as its morning would have made it. Nothing of it goes out: mails of the demo have nobody.
"""

from datetime import datetime, time, timedelta

from accounts.choices import Role
from accounts.models import User
from campaigns.choices import Platform
from rules.choices import Channel, ReportDeliveryState, ReportKind
from rules.conditions.report_times import last_moment
from rules.models import ReportDelivery, ReportSchedule
from rules.queries.reports.scope import Scope
from rules.services.reports import ScheduleDraft, report_schedule_confirm, report_schedule_create
from rules.services.reports.sending import report_freeze
from stratum.demo.numbers import Span
from stratum.demo.workspaces import ACTOR
from stratum.lib.regions import zone_or_utc

# How many of each were sent: two, so that the newer one says what the older one's figures have become.
PAST = 2
MONDAY = 0
# A minute or two after it is due, as the beat does it.
_LATER = timedelta(minutes=2)


def make_reports(span: Span, zone: str) -> None:
    people = tuple(User.objects.filter(role__in=[Role.ADMIN, Role.MANAGER]).order_by("pk").values_list("pk", flat=True))
    drafts = (
        ScheduleDraft(
            name="Weekly report", kind=ReportKind.WEEKLY.value, weekday=MONDAY, timezone=zone, user_ids=people[:2]
        ),
        ScheduleDraft(
            name="Social this morning",
            kind=ReportKind.DAILY.value,
            send_at=time(8, 30),
            timezone=zone,
            user_ids=people[:1],
            scope=Scope(platforms=(Platform.META.value, Platform.TIKTOK.value)),
        ),
    )
    for draft in drafts:
        schedule = report_schedule_create(draft=draft, actor=ACTOR)
        for moment in reversed(_moments(schedule, span.as_of)):
            report = report_freeze(schedule, moment=moment, as_of=moment + _LATER, actor=ACTOR)
            if report is not None:
                _hold_back(report.pk, schedule)
        report_schedule_confirm(schedule=schedule, version=schedule.version, actor=ACTOR)


def _moments(schedule: ReportSchedule, as_of: datetime) -> list[datetime]:
    """The newest moments at which it was due, the newest first."""
    clock, found, until = zone_or_utc(schedule.timezone), [], as_of - _LATER
    for _number in range(PAST):
        found.append(last_moment(schedule.kind, schedule.weekday, schedule.send_at, clock, until=until))
        until = found[-1] - timedelta(minutes=1)
    return found


def _hold_back(report_id: int, schedule: ReportSchedule) -> None:
    ReportDelivery.objects.bulk_create(
        ReportDelivery(
            report_id=report_id,
            channel=Channel.EMAIL,
            recipient=f"user:{user_id}",
            state=ReportDeliveryState.SKIPPED,
            reason="Demo data: this report was not mailed.",
        )
        for user_id in schedule.user_ids
    )
