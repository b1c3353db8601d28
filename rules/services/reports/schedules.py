"""Schedules of reports: made, changed, confirmed after a preview, paused, removed."""

from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from accounts.models import User
from campaigns.choices import Platform
from campaigns.models import AdAccount
from rules.choices import ReportKind, ReportSection
from rules.conditions.report_times import next_moment
from rules.models import ReportSchedule, SlackTarget
from rules.queries.reports.scope import Scope
from stratum.lib.errors import DomainError
from stratum.lib.regions import is_zone, zone_or_utc
from tenants.models import Tenant
from whatsapp.queries import contacts_by_id, template_names

MAX_SCHEDULES, MAX_RECIPIENTS, MAX_FILTERS = 50, 50, 200


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """What a person says about a schedule; ids are of the bound workspace."""

    name: str
    kind: str
    weekday: int | None = None
    send_at: time = time(8)
    timezone: str = "UTC"
    locale: str = "en"
    user_ids: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    slack_target_ids: tuple[int, ...] = ()
    contact_ids: tuple[int, ...] = ()
    template_name: str = ""
    sections: tuple[str, ...] = tuple(ReportSection.values)
    scope: Scope = field(default_factory=Scope)

    def apply_to(self, schedule: ReportSchedule) -> ReportSchedule:
        """The row with these values, not saved. Amounts are in the workspace's reporting currency."""
        schedule.name, schedule.kind = self.name, self.kind
        schedule.weekday = self.weekday if self.kind == ReportKind.WEEKLY else None
        schedule.send_at, schedule.timezone, schedule.locale = self.send_at, self.timezone, self.locale
        schedule.currency = Tenant.objects.values_list("reporting_currency", flat=True).get()
        schedule.user_ids, schedule.slack_target_ids = list(self.user_ids), list(self.slack_target_ids)
        schedule.contact_ids, schedule.template_name = list(self.contact_ids), self.template_name
        schedule.addresses = "\n".join(self.addresses)
        schedule.sections = [one for one in ReportSection.values if one in self.sections]
        schedule.filters = self.scope.as_json() if self.scope.narrows else {}
        return schedule


@transaction.atomic
def report_schedule_create(*, draft: ScheduleDraft, actor: Actor) -> ReportSchedule:
    """It sends nothing before it is confirmed. DomainError with the place of what is missing or unknown."""
    if ReportSchedule.objects.count() >= MAX_SCHEDULES:
        message = _("A workspace has at most %(most)s reports. Remove one first.") % {"most": MAX_SCHEDULES}
        raise DomainError(message, code="too_many")
    _check(draft, None)
    schedule = draft.apply_to(ReportSchedule(created_by=actor.user))
    schedule.save()
    record(actor=actor, action=AuditAction.CREATE, resource=schedule, new=snapshot(schedule))
    return schedule


@transaction.atomic
def report_schedule_update(*, schedule: ReportSchedule, draft: ScheduleDraft, actor: Actor) -> bool:
    """False when nothing was different. What is different asks for a new look before it is sent."""
    locked = _locked(schedule)
    old = snapshot(locked)
    kept = locked.addresses
    _check(draft, locked)
    draft.apply_to(locked)
    if snapshot(locked) == old and locked.addresses == kept:
        return False
    locked.confirmed_at, locked.next_run_at, locked.last_error = None, None, ""
    locked.save()
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked))
    return True


@transaction.atomic
def report_schedule_confirm(
    *, schedule: ReportSchedule, version: str, actor: Actor, now: datetime | None = None
) -> ReportSchedule:
    """Somebody saw what will go out, and wants it: it is sent from its next moment on. `version` is that of what they
    saw; DomainError where somebody has changed or paused the schedule since, and where its files would leave the
    workspace by somebody who may not export."""
    moment = now or timezone.now()
    locked = _locked(schedule)
    stands = locked.confirmed_at is not None
    if locked.version != version or (stands and not locked.is_active):
        message = _("“%(name)s” was changed meanwhile: look at it again.") % {"name": locked.name}
        raise DomainError(message, code="changed_meanwhile")
    check_release(locked, actor)
    if stands:
        return locked  # the second of two clicks
    old = snapshot(locked, ["confirmed_at", "next_run_at", "is_active"])
    locked.confirmed_at, locked.is_active, locked.last_error = moment, True, ""
    locked.next_run_at = next_run(locked, after=moment)
    if locked.addresses:
        new = {"format": "pdf, csv", "recipients": len(locked.addresses.splitlines())}
        record(actor=actor, action=AuditAction.EXPORT, resource=locked, new=new)
    return _saved(locked, old, actor)


@transaction.atomic
def report_schedule_set_active(
    *, schedule: ReportSchedule, active: bool, actor: Actor, now: datetime | None = None
) -> ReportSchedule:
    """Pause it, or go on with its next moment: what was missed in between is not made up for. DomainError as for
    confirming it."""
    locked = _locked(schedule)
    if active:
        check_release(locked, actor)
    old = snapshot(locked, ["confirmed_at", "next_run_at", "is_active"])
    locked.is_active = active
    locked.next_run_at = next_run(locked, after=now or timezone.now()) if active and locked.confirmed_at else None
    return _saved(locked, old, actor)


@transaction.atomic
def report_schedule_remove(*, schedule: ReportSchedule, actor: Actor) -> None:
    """What was sent stays; the addresses of others go."""
    locked = _locked(schedule)
    old = snapshot(locked, ["name", "is_deleted", "is_active"])
    locked.is_deleted, locked.is_active, locked.next_run_at, locked.addresses = True, False, None, ""
    locked.save(update_fields=["is_deleted", "is_active", "next_run_at", "addresses", "updated_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old)


def may_release(schedule: ReportSchedule, user: User) -> bool:
    """Whether this person may let it go out. Mails to addresses of others carry PDF and CSV whoever reads them, which
    is an export of whoever lets them go."""
    return not schedule.addresses or user.can("export")


def check_release(schedule: ReportSchedule, actor: Actor) -> None:
    if actor.user is not None and not may_release(schedule, actor.user):
        message = _(
            "“%(name)s” goes to addresses outside of the workspace, with PDF and CSV, and you may not export. Let "
            "somebody do this who may, or take the addresses out."
        )
        raise DomainError(message % {"name": schedule.name}, code="may_not_export", field="addresses")


def next_run(schedule: ReportSchedule, *, after: datetime) -> datetime:
    clock = zone_or_utc(schedule.timezone)
    return next_moment(schedule.kind, schedule.weekday, schedule.send_at, clock, after=after)


def _locked(schedule: ReportSchedule) -> ReportSchedule:
    return ReportSchedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)


def _saved(schedule: ReportSchedule, old: dict[str, Any], actor: Actor) -> ReportSchedule:
    schedule.save(update_fields=["confirmed_at", "is_active", "next_run_at", "last_error", "updated_at"])
    new = snapshot(schedule, ["confirmed_at", "next_run_at", "is_active"])
    record(actor=actor, action=AuditAction.UPDATE, resource=schedule, old=old, new=new)
    return schedule


def _check(draft: ScheduleDraft, own: ReportSchedule | None) -> None:
    _check_times(draft, own)
    _check_scope(draft, own)
    _check_recipients(draft, own)


def _check_times(draft: ScheduleDraft, own: ReportSchedule | None) -> None:
    if not draft.name.strip():
        raise DomainError(_("Give it a name."), code="name_missing", field="name")
    others = ReportSchedule.objects.filter(name=draft.name)
    if (others.exclude(pk=own.pk) if own else others).exists():
        raise DomainError(_("Another report has this name."), code="name_taken", field="name")
    if draft.kind not in ReportKind.values:
        raise DomainError(_("A report is daily or weekly."), code="kind_unknown", field="kind")
    if draft.kind == ReportKind.WEEKLY and draft.weekday not in range(7):
        raise DomainError(_("Choose the weekday on which it is sent."), code="weekday_missing", field="weekday")
    if not is_zone(draft.timezone):
        raise DomainError(_("This time zone is not known."), code="zone_unknown", field="timezone")
    if draft.locale not in dict(settings.LANGUAGES):
        raise DomainError(_("This language is not known."), code="locale_unknown", field="locale")
    if unknown := set(draft.sections) - set(ReportSection.values):
        message = _("A report has no part “%(part)s”.") % {"part": sorted(unknown)[0]}
        raise DomainError(message, code="section_unknown", field="sections")


def _check_scope(draft: ScheduleDraft, own: ReportSchedule | None) -> None:
    """A removed account that the schedule was narrowed to stays: without it the report would be about more."""
    scope = draft.scope
    kept = Scope.from_json(own.filters).accounts if own else ()
    if set(scope.platforms) - set(Platform.values):
        raise DomainError(_("This platform is not known."), code="platform_unknown", field="platforms")
    if any(len(part) > MAX_FILTERS for part in (scope.labels, scope.accounts)):
        raise DomainError(_("These are too many to choose from."), code="too_many_filters", field="labels")
    if _unknown(scope.accounts, AdAccount.objects.all()) - set(kept):
        raise DomainError(_("This ad account is not there any more."), code="account_unknown", field="accounts")


def _check_recipients(draft: ScheduleDraft, own: ReportSchedule | None) -> None:
    count = sum(map(len, (draft.user_ids, draft.addresses, draft.slack_target_ids, draft.contact_ids)))
    if not count:
        raise DomainError(_("Choose who gets it."), code="recipients_missing", field="user_ids")
    if count > MAX_RECIPIENTS:
        message = _("A report goes to at most %(most)s recipients.") % {"most": MAX_RECIPIENTS}
        raise DomainError(message, code="too_many_recipients", field="user_ids")
    if _unknown(draft.user_ids, User.objects.filter(is_active=True)):
        raise DomainError(_("One of these people cannot log in any more."), code="user_unknown", field="user_ids")
    if _unknown(draft.slack_target_ids, SlackTarget.objects.all()):
        message = _("This Slack channel is not there any more.")
        raise DomainError(message, code="slack_unknown", field="slack_target_ids")
    if set(draft.contact_ids) - contacts_by_id(draft.contact_ids).keys():
        message = _("This WhatsApp contact is not there any more.")
        raise DomainError(message, code="contact_unknown", field="contact_ids")
    # A template that WhatsApp pauses comes back: the schedule keeps its own.
    kept = own.template_name if own else ""
    if draft.template_name not in ("", kept) and draft.template_name not in template_names():
        message = _("WhatsApp has not approved a template of this name.")
        raise DomainError(message, code="template_missing", field="template_name")
    for address in draft.addresses:
        try:
            validate_email(address)
        except ValidationError as error:
            message = _("“%(address)s” is no e-mail address.") % {"address": address}
            raise DomainError(message, code="bad_address", field="addresses") from error


def _unknown(ids: tuple[int, ...], rows: Any) -> set[int]:
    return set(ids) - set(rows.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
