"""Builds the whole demo in one transaction: it is there with all its numbers, or not at all."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from stratum.demo.automation import make_rules, raise_incident_alert
from stratum.demo.catalogue import NEW_YORK
from stratum.demo.extras import make_extras
from stratum.demo.messages import make_messages
from stratum.demo.numbers import Span, load_numbers, load_rates
from stratum.demo.report import import_report
from stratum.demo.sent_reports import make_reports
from stratum.demo.telling import make_telling
from stratum.demo.workspaces import AGENCIES, make_agency, make_support, retire
from tenants.context import tenant_context
from tenants.models import Tenant

DEFAULT_SEED, DEFAULT_DAYS = 20, 120


@dataclass(frozen=True, slots=True)
class Built:
    """What was made: days and restatements over both agencies, and the workspaces."""

    days: int
    revisions: int
    workspaces: tuple[Tenant, ...]


def span_of(days: int, today: date | None = None) -> Span:
    """`days` days that end yesterday, and today as far as it is over.

    The last reading is now; for a `today` that is not today, it is 15:00 UTC of that day, so that the same seed
    and day always give the same numbers.
    """
    now = timezone.now()
    if today is None or today == now.date():
        return Span(now.date() - timedelta(days=days), now.date(), now)
    return Span(today - timedelta(days=days), today, datetime.combine(today, time(15), UTC))


@transaction.atomic
def build_demo(*, seed: int = DEFAULT_SEED, span: Span, replace: tuple[Tenant, ...] = ()) -> Built:
    """Both agencies and the staff's workspace. `replace` are the demo workspaces that make room first."""
    for tenant in replace:
        retire(tenant)
    load_rates(seed, span)
    tenants, days, revisions = [make_support()], 0, 0
    for agency in AGENCIES:
        tenant = make_agency(agency)
        with tenant_context(tenant):
            written = load_numbers(agency, seed, span)
            import_report(agency, seed, span)
            make_rules(span)
            raise_incident_alert(span, NEW_YORK)
            make_extras(agency, seed, span)
            make_messages(agency, span)
            make_telling()
            if not agency.is_twin:
                make_reports(span, NEW_YORK)
        tenants.append(tenant)
        days, revisions = days + written[0], revisions + written[1]
    return Built(days, revisions, tuple(tenants))
