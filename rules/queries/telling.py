"""Who is told of alerts, and how; which workspaces have something to tell."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from accounts.models import User
from rules.choices import DeliveryState, Severity
from rules.conditions.telling import (
    RANKS,
    Preferences,
    QuietHours,
    default_preferences,
    parse_channel_list,
    parse_channels,
)
from rules.models import AlertDelivery, NotificationPreferences
from stratum.lib.quiet_hours import next_at
from stratum.lib.regions import zone_or_utc
from tenants.context import unscoped
from whatsapp.models import WhatsAppContact

# What holds work back from being done; the rest is the record.
WAITING = (DeliveryState.PENDING.value, DeliveryState.HELD.value, DeliveryState.DIGEST.value)
# Names of people are not read: they are encrypted, and telling needs none.
_PERSON = ("role", "permissions", "is_active", "timezone", "locale", "tenant")
_RANKED = "ARRAY['info', 'warning', 'critical']::text[]"
# Told as worse counts: its severity may have fallen since.
_IS_TOLD = f"""(array_position({_RANKED}, alerts.severity::text)
        <= coalesce(array_position({_RANKED}, alerts.told_severity::text), 0))"""
# An alert that asks for somebody and was not told at its severity.
IS_UNTOLD = f"""
    alerts.status = 'open' AND (alerts.snoozed_until IS NULL OR alerts.snoozed_until <= %(now)s)
    AND NOT {_IS_TOLD}
"""
# An alert that nobody answered until the next step of its severity's escalation is due.
IS_ESCALATING = f"""
    alerts.status = 'open' AND (alerts.snoozed_until IS NULL OR alerts.snoozed_until <= %(now)s)
    AND escalations.tenant_id = alerts.tenant_id AND escalations.severity = alerts.severity AND escalations.is_on
    AND {_IS_TOLD}
    AND alerts.escalation_step < jsonb_array_length(escalations.steps)
    AND alerts.waiting_since <= %(now)s - make_interval(
        mins => (escalations.steps -> alerts.escalation_step::int ->> 'minutes')::int)
"""
_TENANTS = f"""
    SELECT tenant_id FROM alert_deliveries
        WHERE state IN ('pending', 'held') AND due_at <= %(now)s
    UNION SELECT alerts.tenant_id FROM alerts WHERE {IS_UNTOLD}
    UNION SELECT alerts.tenant_id FROM alerts, escalations WHERE {IS_ESCALATING}
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be told. `user` carries no name: only what `_PERSON` says was read."""

    user: User
    preferences: Preferences

    @property
    def clock(self) -> ZoneInfo:
        return zone_or_utc(self.user.timezone)

    def next_digest(self, moment: datetime) -> datetime:
        """When the first digest after a moment goes out; that moment where they have none any more."""
        at = self.preferences.digest_at
        return moment if at is None else next_at(moment, at, self.clock)


def people_to_tell(user_ids: Iterable[int] | None = None) -> list[Person]:
    """Active people of the bound workspace who may see alerts (or those of them named). Two statements."""
    users = User.objects.filter(is_active=True).only(*_PERSON).order_by("pk")
    if user_ids is not None:
        users = users.filter(pk__in=list(user_ids))
    people = [user for user in users if user.can("view")]
    stored = {row.user_id: row for row in NotificationPreferences.objects.filter(user__in=[one.pk for one in people])}
    return [Person(user, preferences_read(user, stored.get(user.pk))) for user in people]


def preferences_of(user: User) -> Preferences:
    """What a person chose, or the defaults of somebody with their rights."""
    return preferences_read(user, NotificationPreferences.objects.filter(user=user).first())


def preferences_read(user: User, row: NotificationPreferences | None) -> Preferences:
    if row is None or row.channels is None:
        defaults = default_preferences(may_answer=user.can("manage_alerts"))
        return replace(defaults, muted_rules=frozenset(_ids(row.muted_rules if row else [])))
    return Preferences(
        channels=parse_channels(row.channels),
        quiet=QuietHours(row.quiet_from, row.quiet_to) if row.quiet else None,
        critical_breaks=row.critical_breaks,
        digest_at=row.digest_at,
        digest_channels=parse_channel_list(row.digest_channels),
        slack_target=row.slack_target_id,
        whatsapp_contact=row.whatsapp_contact_id,
        muted_rules=frozenset(_ids(row.muted_rules)),
    )


def _ids(raw: Any) -> list[int]:
    found = raw if isinstance(raw, list) else []
    return [one for one in found if isinstance(one, int) and not isinstance(one, bool)]


def muted_rules_of(user: User) -> frozenset[int]:
    """The rules whose alerts a person is not told of. One statement."""
    row = NotificationPreferences.objects.filter(user=user).values_list("muted_rules", flat=True).first()
    return frozenset(_ids(row))


def contacts_of(user_id: int) -> list[WhatsAppContact]:
    """A person's own WhatsApp numbers, the oldest first."""
    rows = WhatsAppContact.objects.filter(user=user_id).select_related("user")
    return list(rows.defer("verification_code", "profile_name").order_by("pk"))


def users_with_due_digests(now: datetime) -> list[int]:
    """People of the bound workspace whose digest is due."""
    due = AlertDelivery.objects.filter(state=DeliveryState.DIGEST, due_at__lte=now)
    return list(due.order_by("user_id").values_list("user_id", flat=True).distinct())


def tenants_with_alerts_to_tell(now: datetime) -> list[int]:
    """Workspaces with alerts nobody was told of, messages that are due, or an escalation that goes on."""
    with (
        unscoped("fan-out: alerts to be told, of all workspaces"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(_TENANTS, {"now": now})
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def tenants_with_due_digests(now: datetime) -> list[int]:
    with unscoped("fan-out: digests of alerts that are due, of all workspaces"), transaction.atomic():
        due = AlertDelivery.objects.filter(state=DeliveryState.DIGEST, due_at__lte=now)
        return list(due.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def worst(severities: Iterable[str]) -> Severity:
    """The worst of some severities; there is at least one."""
    return Severity(max(severities, key=RANKS.__getitem__))
