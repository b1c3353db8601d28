"""What a report says: made once from what is known at a moment, in the report's language, then frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.queries.comparability import comparability
from campaigns.queries.completeness import completeness_by_account
from campaigns.queries.conversion import Conversion, conversion_for, currencies_between
from campaigns.queries.health import AccountHealth, account_health
from campaigns.queries.maturity import Maturity, maturity_of_curves
from campaigns.queries.pacing import workspace_pace
from campaigns.queries.totals import refusals
from campaigns.views.reading import immature_text, incomparable_text
from creatives.queries import tired_assets
from rules.choices import ReportKind, ReportSection
from rules.conditions.report_times import Days, day_bounds, days_of, moment_on, same_age
from rules.models import Report, ReportSchedule
from rules.queries.reports.alerts import open_alerts
from rules.queries.reports.automation import automated
from rules.queries.reports.scope import Scope, account_names, accounts_used
from rules.queries.reports.sums import Compared, by_key, compared_sums, day_sums, total
from rules.services.reports.automation import automation_block
from rules.services.reports.blocks import Json, clean, is_empty, platform_name, totals_json
from rules.services.reports.restated import restated
from rules.services.reports.sections import campaigns_block, course, kpis, movers_block, platforms_block
from rules.services.reports.surroundings import alerts_block, data_block, fatigue_block, pacing_block
from stratum.lib.date_ranges import span_text
from stratum.lib.regions import language_or_default, zone_or_utc
from tenants.models import Tenant

VERSION = 1
CREATIVES_SHOWN, ALERTS_SHOWN = 5, 5
# What budgets, alerts and accounts were at an earlier moment nobody knows: a report about the past leaves them out.
PRESENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A report's two parts, before they are stored."""

    days: Days
    as_of: datetime
    content: Json
    restated: Json | None


@dataclass(frozen=True, slots=True)
class _Basis:
    """What all parts are made of."""

    schedule: ReportSchedule
    days: Days
    clock: ZoneInfo
    as_of: datetime
    then: datetime
    scope: Scope
    ids: Sequence[int] | None
    conversion: Conversion
    compared: Compared
    accounts: Sequence[AccountHealth]
    holds: bool
    obstacle: str

    @property
    def currency(self) -> str:
        return self.conversion.target


def report_make(schedule: ReportSchedule, *, moment: datetime, as_of: datetime, previous: Report | None) -> Made:
    """The report that is due at `moment`, of what is known at `as_of`. A bounded number of statements, none for each
    campaign; nothing is written. `schedule` may be one that is not saved."""
    clock = zone_or_utc(schedule.timezone)
    with translation.override(language_or_default(schedule.locale)), timezone.override(clock):
        basis = _basis(schedule, days_of(schedule.kind, moment, clock), clock, as_of)
        found = restated(previous, as_of, basis.scope) if previous is not None else None
        return Made(basis.days, as_of, _content(basis), found)


def _basis(schedule: ReportSchedule, days: Days, clock: ZoneInfo, as_of: datetime) -> _Basis:
    scope = Scope.from_json(schedule.filters)
    ids = scope.campaign_ids()
    then = same_age(as_of, days, clock)
    periods = [days.period, days.before.period, days.course.period]
    conversion = conversion_for(schedule.currency, periods, currencies_between(periods, ids))
    compared = compared_sums(days, as_of, then, conversion, ids)
    whole = comparability(compared.days, compared.days_before, _between(conversion))
    used = accounts_used(ids)
    accounts = [one for one in account_health(as_of) if scope.holds_account(one.id, one.platform, used)]
    return _Basis(
        schedule, days, clock, as_of, then, scope, ids, conversion, compared, accounts,
        whole.holds and bool(compared.before), incomparable_text(whole),
    )  # fmt: skip


def _between(conversion: Conversion) -> Conversion:
    """The rates of the two periods alone, without those of the chart's other days."""
    return Conversion(conversion.target, conversion.factors, conversion.spans, conversion.refused[:2])


def _content(basis: _Basis) -> Json:
    schedule, days, currency = basis.schedule, basis.days, basis.currency
    maturity = _maturity(basis)
    whole = basis.compared.whole.values()
    local = {"as_of": basis.as_of.astimezone(basis.clock), "then": basis.then.astimezone(basis.clock)}
    return {
        "version": VERSION,
        "kind": schedule.kind,
        "name": clean(schedule.name),
        "locale": language_or_default(schedule.locale),
        "workspace": clean(Tenant.objects.values_list("name", flat=True).get()),
        "title": _title(basis),
        "period": {"from": days.start.isoformat(), "to": days.end.isoformat(), "zone": basis.clock.key},
        "compared": {"from": days.before.start.isoformat(), "to": days.before.end.isoformat()},
        "as_of": basis.as_of.isoformat(timespec="seconds"),
        "compared_as_of": basis.then.isoformat(timespec="seconds"),
        "currency": currency,
        "filters": basis.scope.as_json(),
        "scope": _scope_words(basis.scope),
        "notes": [*_notes(basis, local["as_of"], local["then"]), *filter(None, [immature_text(maturity)])],
        "sums": {
            "total": totals_json(total(whole)),
            "before": totals_json(total(basis.compared.before.values())),
            "platforms": {name: totals_json(sums) for name, sums in by_key(whole, lambda one: one.platform).items()},
            # Of which campaigns this is, None for all: labels and accounts change, and the next report is of the same.
            "campaigns": basis.ids,
        },
        "kpis": kpis(basis.compared, currency, holds=basis.holds),
        "course": _course(basis, maturity),
        "blocks": [one for one in _blocks(basis) if not is_empty(one)],
    }


def _title(basis: _Basis) -> str:
    days = basis.days
    if basis.schedule.kind == ReportKind.WEEKLY:
        return _("Week of %(days)s") % {"days": span_text(days.start, days.end)}
    return date_format(days.start, _("l, j F Y"))


def _scope_words(scope: Scope) -> str:
    """'Meta, TikTok; label summer': empty where it is all campaigns."""
    accounts = account_names(scope.accounts).values()
    parts = [", ".join(platform_name(one) for one in scope.platforms), ", ".join(accounts)]
    if scope.labels:
        words = ngettext("label %(labels)s", "labels %(labels)s", len(scope.labels))
        parts.append(words % {"labels": ", ".join(scope.labels)})
    return clean("; ".join(part for part in parts if part))


def _notes(basis: _Basis, as_of: datetime, then: datetime) -> list[str]:
    """What the figures are, and what they are measured against."""
    notes = [
        _("As known on %(moment)s (%(zone)s).")
        % {"moment": date_format(as_of, "j M Y, H:i"), "zone": basis.clock.key}
    ]  # fmt: skip
    if basis.obstacle:
        notes.append(basis.obstacle)
    elif basis.holds:
        before = basis.days.before
        words = _(
            "Changes are against %(days)s as known on %(moment)s, when those days were as recent as these are now: "
            "late conversions are missing on both sides alike."
        )
        notes.append(
            words % {"days": span_text(before.start, before.end), "moment": date_format(then, "j M Y, H:i")}
        )  # fmt: skip
    else:
        notes.append(_("No changes are shown: nothing was known of the days before when they were as recent."))
    if basis.compared.late and basis.holds:
        names = account_names([one for one in basis.compared.late if one]).values()
        words = _("Changes leave these accounts out, whose earlier days came in later: %(names)s.")
        notes += [words % {"names": ", ".join(names)}] if names else []
    return notes


def _maturity(basis: _Basis) -> Maturity:
    """Which of the days are still filling up, weighed by what each account brings."""
    curves = completeness_by_account(basis.as_of)
    weights: dict[int, int] = {}
    for one in basis.compared.whole.values():
        weights[one.account_id] = weights.get(one.account_id, 0) + one.sums.conversions_micros
    known = [
        (curve, float(weights[pk])) for pk, curve in curves.items() if curve.basis != "unknown" and weights.get(pk)
    ]
    return maturity_of_curves(known, basis.days.period, basis.as_of.astimezone(basis.clock).date())


def _course(basis: _Basis, maturity: Maturity) -> Json:
    days = basis.days.course
    found = day_sums(days, basis.as_of, basis.conversion, basis.ids)
    dates = [days.start + timedelta(days=offset) for offset in range(days.count)]
    since = maturity.since.isoformat() if maturity.since else ""
    lines = [(day.isoformat(), date_format(day, "j M"), found.get(day)) for day in dates]
    return course(lines, basis.currency, immature_from=since)


def _blocks(basis: _Basis) -> list[Json]:
    """In the order in which they are read. Sections that are switched off are not even asked for."""
    wanted = set(basis.schedule.sections)
    compared, currency = basis.compared, basis.currency
    found = [platforms_block(compared, currency, holds=basis.holds)]
    if ReportSection.MOVERS in wanted and basis.holds:
        found.append(movers_block(compared, currency))
    if ReportSection.AUTOMATION in wanted:
        bounds = day_bounds(basis.days, basis.clock)
        found.append(automation_block(automated(*bounds, basis.ids, now=basis.as_of), basis.clock.key))
    if ReportSection.CAMPAIGNS in wanted:
        found.append(campaigns_block(compared, currency, holds=basis.holds))
    found += _present_blocks(basis, wanted)
    if ReportSection.DATA in wanted:
        found.append(_data(basis))
    return found


def _present_blocks(basis: _Basis, wanted: set[str]) -> list[Json]:
    """What is only known of now."""
    if not _is_present(basis):
        return []
    found = []
    if ReportSection.PACING in wanted:
        found.append(pacing_block(workspace_pace(basis.currency, basis.days.end, basis.ids)))
    if ReportSection.FATIGUE in wanted:
        found.append(fatigue_block(tired_assets(basis.ids, limit=CREATIVES_SHOWN)))
    if ReportSection.ALERTS in wanted:
        alerts = open_alerts(basis.as_of, basis.ids, limit=ALERTS_SHOWN)
        found.append(alerts_block(alerts.newest, alerts.total, alerts.critical))
    return found


def _is_present(basis: _Basis) -> bool:
    return timezone.now() - basis.as_of <= PRESENT


def _data(basis: _Basis) -> Json:
    in_use = {one.account_id for one in basis.compared.whole.values()}
    accounts = [one for one in basis.accounts if one.id in in_use or one.needs_attention]
    return data_block(
        accounts,
        zone=basis.clock.key,
        rates=basis.conversion.spans,
        refused=refusals(basis.conversion.refused[0], basis.days.period, basis.ids),
        currency=basis.currency,
        with_states=_is_present(basis),
        unfinished=[one.full_name for one in accounts if _is_unfinished(one, basis)],
    )


def _is_unfinished(account: AccountHealth, basis: _Basis) -> bool:
    """Whether the account's own last day was still running."""
    clock: Any = zone_or_utc(account.zone)
    over = moment_on(basis.days.end + timedelta(days=1), datetime.min.time(), clock)
    return basis.as_of < over
