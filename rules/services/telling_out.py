"""Carrying out what was decided: what is due goes to the channels, one message for each person, channel and rule; what
must not disturb waits; what is answered already is not told any more. And the digests.

Rows are locked while their messages are written into the outboxes in the same transaction: each is handed over once,
by however many workers, and a killed one has handed over nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import transaction

from accounts.audit import Actor
from accounts.choices import EmailKind
from rules.actions.letters import alerts_letter, digest_letter
from rules.choices import AlertStatus, Channel, DeliveryState, Severity, SlackState
from rules.conditions.telling import INSTEAD, MUTED, NOT_OPEN, QUIET, SNOOZED
from rules.models import Alert, AlertDelivery, SlackMessage, SlackTarget
from rules.queries.telling import WAITING, Person, people_to_tell, users_with_due_digests
from rules.services.approvals import is_question
from rules.services.posting import Handed, Post
from rules.services.slack_targets import tells_that_slack_is_broken

ACTOR, DIGEST_ACTOR = Actor.job("rules.deliver_alerts"), Actor.job("rules.send_alert_digests")
AT_ONCE = 1000
# Why a row is not told whose person hears of the alert by WhatsApp all the same.
ASKED = "asked"
_WRITTEN = ["state", "reason", "due_at", "message_id", "digest_on", "handed_at"]


@dataclass(slots=True)
class TellingSent:
    """Deliveries of one run by what became of them; `messages` were written for those handed over."""

    queued: int = 0
    messages: int = 0
    held: int = 0
    skipped: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {"queued": self.queued, "messages": self.messages, "held": self.held, "skipped": self.skipped}
        return {name: count for name, count in found.items() if count}

    def note(self, rows: Sequence[AlertDelivery]) -> None:
        self.queued += sum(one.state == DeliveryState.QUEUED for one in rows)
        self.held += sum(one.state in (DeliveryState.HELD, DeliveryState.DIGEST) for one in rows)
        self.skipped += sum(one.state == DeliveryState.SKIPPED for one in rows)


class _Key(NamedTuple):
    """What goes out as one message: what a rule found, or all that waited for the end of quiet hours. `to` is a
    person, or the Slack channel that several share."""

    channel: str
    to: int
    was_quiet: bool
    rule_id: int | None
    step: int


def deliveries_send(*, now: datetime, actor: Actor = ACTOR) -> TellingSent:
    """Hand over what is due in the bound workspace."""
    sent = TellingSent()
    while _send_some(now, sent, actor):
        pass
    return sent


@transaction.atomic
def _send_some(now: datetime, sent: TellingSent, actor: Actor) -> bool:
    """Whether there may be more that is due."""
    due = AlertDelivery.objects.filter(state__in=(DeliveryState.PENDING, DeliveryState.HELD), due_at__lte=now)
    # In the order of people, so that what one of them is told together is not cut apart.
    rows = list(due.select_for_update(skip_locked=True).order_by("user_id", "channel", "pk")[:AT_ONCE])
    if not rows:
        return False
    alerts = _alerts(rows)
    people = {one.user.pk: one for one in people_to_tell({row.user_id for row in rows})}
    groups: dict[_Key, list[AlertDelivery]] = {}
    refused: list[AlertDelivery] = []
    for row in rows:
        person, alert = people.get(row.user_id), alerts[row.alert_id]
        was_quiet = row.reason == QUIET
        if not _decided(row, alert, person, now) and person is not None:
            groups.setdefault(_key(row, alert, person, was_quiet=was_quiet), []).append(row)
    if groups:
        refused = _hand_over(groups, alerts, Post.of(people.values(), actor=actor), people, now, sent)
    AlertDelivery.objects.bulk_update(rows, _WRITTEN)
    sent.note(rows)
    return _tell_by_email_instead(refused, alerts, now) or len(rows) == AT_ONCE


def _alerts(rows: Sequence[AlertDelivery]) -> Mapping[int, Alert]:
    return Alert.objects.select_related("campaign").in_bulk({row.alert_id for row in rows})


def _decided(row: AlertDelivery, alert: Alert, person: Person | None, now: datetime) -> bool:
    """Whether this is not to be told now; the row then says why."""
    if reason := _why_not(row, alert, person):
        _set(row, DeliveryState.SKIPPED, reason)
        return True
    assert person is not None  # or that is why not
    if alert.snoozed_until is not None and alert.snoozed_until > now:
        _set(row, DeliveryState.HELD, SNOOZED, alert.snoozed_until)
        return True
    until = person.preferences.quiet_until(row.severity, now, person.clock)
    if until is not None:
        _set(row, DeliveryState.HELD, QUIET, until)
        return True
    return False


def _why_not(row: AlertDelivery, alert: Alert, person: Person | None) -> str:
    if person is None:
        return "inactive"
    if alert.status != AlertStatus.OPEN:
        return NOT_OPEN[alert.status]
    if row.step == 0 and alert.rule_id in person.preferences.muted_rules:
        return MUTED
    if row.channel == Channel.WHATSAPP and is_question(alert) and person.user.can("edit_rules"):
        # The question itself reaches them there, with a code to answer it (rules.services.commands.approving).
        return ASKED
    return ""


def _set(row: AlertDelivery, state: DeliveryState, reason: str = "", due_at: datetime | None = None) -> None:
    row.state, row.reason, row.due_at = state.value, reason, due_at


def _key(row: AlertDelivery, alert: Alert, person: Person, *, was_quiet: bool) -> _Key:
    is_shared = row.channel == Channel.SLACK and person.preferences.slack_target is not None
    to = person.preferences.slack_target if is_shared else row.user_id
    return _Key(row.channel, to or row.user_id, was_quiet, None if was_quiet else alert.rule_id, row.step)


def _hand_over(
    groups: Mapping[_Key, list[AlertDelivery]],
    alerts: Mapping[int, Alert],
    post: Post,
    people: Mapping[int, Person],
    now: datetime,
    sent: TellingSent,
) -> list[AlertDelivery]:
    """Those that their channels refused."""
    in_channels = _told_in_slack([(key.to, rows) for key, rows in groups.items() if key.channel == Channel.SLACK])
    for key, rows in groups.items():
        fresh = _fresh(rows, in_channels, key.to, now) if key.channel == Channel.SLACK else rows
        if fresh:
            handed = _write(post, key, fresh, alerts, people)
            sent.messages += handed.message_id is not None
            for row in fresh:
                _handed(row, handed, now)
                if key.channel == Channel.SLACK and handed.message_id is not None:
                    in_channels[_place(key.to, row)] = handed.message_id
    return _refused(groups.values())


_Place = tuple[int, int, str, int]


def _place(target: int, row: AlertDelivery) -> _Place:
    """What stands in a Slack channel."""
    return (target, row.alert_id, row.severity, row.step)


def _fresh(
    rows: Sequence[AlertDelivery], in_channels: Mapping[_Place, int], target: int, now: datetime
) -> list[AlertDelivery]:
    """Those that do not stand in a Slack channel yet; the others are told by the message that does."""
    found = []
    for row in rows:
        message_id = in_channels.get(_place(target, row))
        if message_id is None:
            found.append(row)
        else:
            _handed(row, Handed(message_id), now)
    return found


def _told_in_slack(groups: Sequence[tuple[int, Sequence[AlertDelivery]]]) -> dict[_Place, int]:
    """What stands in these (channel, rows to tell there) already, because another person who reads it was told there:
    it is not repeated. At most three statements."""
    alerts = {row.alert_id for _target, rows in groups for row in rows}
    if not alerts:
        return {}
    # Whoever is just telling another reader of these channels has done so then.
    channels = SlackTarget.objects.filter(pk__in={target for target, _rows in groups}).order_by("pk")
    list(channels.select_for_update(no_key=True).values_list("pk"))
    told = AlertDelivery.objects.filter(channel=Channel.SLACK, state=DeliveryState.QUEUED, alert__in=alerts)
    rows = list(told.exclude(message_id=None).values_list("alert_id", "severity", "step", "message_id"))
    messages = SlackMessage.objects.filter(pk__in={row[3] for row in rows}).exclude(state=SlackState.FAILED)
    targets = dict(messages.values_list("pk", "target_id"))
    return {
        (targets[message_id], alert_id, severity, step): message_id
        for alert_id, severity, step, message_id in rows
        if message_id in targets
    }


def _write(
    post: Post, key: _Key, rows: Sequence[AlertDelivery], alerts: Mapping[int, Alert], people: Mapping[int, Person]
) -> Handed:
    told = list({row.alert_id: alerts[row.alert_id] for row in rows}.values())
    person = people[rows[0].user_id]
    return post.hand_over(
        key.channel,
        person,
        partial(alerts_letter, told, step=key.step),
        kind=EmailKind.ALERT,
        key=f"alert:{min(row.pk for row in rows)}",
        rule_id=key.rule_id,
        campaign_id=told[0].campaign_id if len(told) == 1 else None,
        breaks_quiet=any(person.preferences.breaks_quiet(row.severity) for row in rows),
    )


def _handed(row: AlertDelivery, handed: Handed, now: datetime) -> None:
    if handed.message_id is None:
        _set(row, DeliveryState.SKIPPED, handed.reason)
    else:
        _set(row, DeliveryState.QUEUED, INSTEAD if row.reason == INSTEAD else "")
        row.message_id, row.handed_at = handed.message_id, now


# --- Where no chosen channel takes it ---------------------------------------------------------------------------


class _Told(NamedTuple):
    """What one person hears of once, by whatever channels."""

    alert_id: int
    user_id: int
    step: int
    severity: str

    @classmethod
    def of(cls, row: AlertDelivery) -> "_Told":
        return cls(row.alert_id, row.user_id, row.step, row.severity)


def _refused(groups: Iterable[Sequence[AlertDelivery]]) -> list[AlertDelivery]:
    return [row for rows in groups for row in rows if row.state == DeliveryState.SKIPPED]


def _tell_by_email_instead(refused: Sequence[AlertDelivery], alerts: Mapping[int, Alert], now: datetime) -> bool:
    """What must reach its person and goes out by none of the channels they chose goes by e-mail; whether anything does.
    The refused rows stay, and say why. An e-mail row that is there already was refused too, and is not tried again."""
    urgent = [row for row in refused if row.channel != Channel.EMAIL and _must_reach(row, alerts[row.alert_id])]
    if not urgent:
        return False
    asked = {_Told.of(row) for row in urgent}
    asked -= _otherwise_told(asked)
    rows = [
        AlertDelivery(**one._asdict(), channel=Channel.EMAIL, reason=INSTEAD, due_at=now, created_at=now)
        for one in sorted(asked)
    ]
    AlertDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return bool(rows)


def _must_reach(row: AlertDelivery, alert: Alert) -> bool:
    """Other alerts wait at the bell. That Slack is broken cannot be told by Slack."""
    return row.severity == Severity.CRITICAL or row.step > 0 or tells_that_slack_is_broken(alert)


def _otherwise_told(asked: Collection[_Told]) -> set[_Told]:
    """Those that another channel tells, or will. Another worker that holds one of these rows decides first: if it
    waits for ours, the database ends one of the two, and the next run decides with all of them before it."""
    rows = AlertDelivery.objects.filter(
        alert__in={one.alert_id for one in asked}, user__in={one.user_id for one in asked}
    )
    held = rows.select_for_update(no_key=True).order_by("pk")
    reached = (DeliveryState.QUEUED.value, *WAITING)
    return {_Told.of(row) for row in held if row.state in reached or row.reason == ASKED}


# --- Digests ----------------------------------------------------------------------------------------------------


def digests_send(*, now: datetime, actor: Actor = DIGEST_ACTOR) -> TellingSent:
    """One message for each person whose digest is due, by each of its channels; one digest for each of their days."""
    sent = TellingSent()
    with transaction.atomic():
        due = users_with_due_digests(now)
    for user_id in due:
        _send_digest(user_id, now, sent, actor)
    return sent


@transaction.atomic
def _send_digest(user_id: int, now: datetime, sent: TellingSent, actor: Actor) -> None:
    due = AlertDelivery.objects.filter(user=user_id, state=DeliveryState.DIGEST, due_at__lte=now)
    rows = list(due.select_for_update(skip_locked=True).order_by("channel", "pk"))
    if not rows:
        return
    alerts = _alerts(rows)
    person = next(iter(people_to_tell([user_id])), None)
    groups: dict[str, list[AlertDelivery]] = {}
    for row in rows:
        if not _digest_decided(row, alerts[row.alert_id], person, now):
            groups.setdefault(row.channel, []).append(row)
    if groups and person is not None:
        _hand_over_digest(groups, alerts, Post.of([person], actor=actor), person, now, sent)
    AlertDelivery.objects.bulk_update(rows, _WRITTEN)
    sent.note(rows)
    _tell_by_email_instead(_refused(groups.values()), alerts, now)


def _digest_decided(row: AlertDelivery, alert: Alert, person: Person | None, now: datetime) -> bool:
    if reason := _why_not(row, alert, person):
        _set(row, DeliveryState.SKIPPED, reason)
        return True
    if alert.snoozed_until is None or alert.snoozed_until <= now:
        return False
    assert person is not None  # or that is why not
    _set(row, DeliveryState.DIGEST, SNOOZED, person.next_digest(alert.snoozed_until))
    return True


def _hand_over_digest(
    groups: Mapping[str, list[AlertDelivery]],
    alerts: Mapping[int, Alert],
    post: Post,
    person: Person,
    now: datetime,
    sent: TellingSent,
) -> None:
    day = now.astimezone(person.clock).date()
    if AlertDelivery.objects.filter(user=person.user, digest_on=day, state=DeliveryState.QUEUED).exists():
        # They moved their digest to a later hour after today's had gone out.
        for rows in groups.values():
            for row in rows:
                _set(row, DeliveryState.DIGEST, "", person.next_digest(now))
        return
    for channel, rows in groups.items():
        fresh = _fresh_in_digest(channel, rows, person, now)
        if fresh:
            told = [alerts[row.alert_id] for row in fresh]
            key = f"alert-digest:{person.user.pk}:{day}"
            handed = post.hand_over(channel, person, partial(digest_letter, told), kind=EmailKind.DIGEST, key=key)
            sent.messages += handed.message_id is not None
            for row in fresh:
                _handed(row, handed, now)
        for row in rows:
            row.digest_on = day if row.state == DeliveryState.QUEUED else None


def _fresh_in_digest(
    channel: str, rows: Sequence[AlertDelivery], person: Person, now: datetime
) -> Sequence[AlertDelivery]:
    """Without what another reader of the same Slack channel was told there."""
    target = person.preferences.slack_target
    if channel != Channel.SLACK or target is None:
        return rows
    return _fresh(rows, _told_in_slack([(target, rows)]), target, now)
