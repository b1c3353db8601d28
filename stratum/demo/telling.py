"""How the demo's people are told of alerts, whom the workspace tells next, and what was told of the broken days."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from accounts.choices import EmailKind, EmailState, Role, SuppressionWay
from accounts.models import EmailMessage, User
from accounts.services import email_unsubscribe
from rules.choices import Channel, Severity
from rules.conditions.telling import Preferences
from rules.models import Alert
from rules.services import (
    alerts_escalate,
    alerts_tell,
    deliveries_send,
    digests_send,
    escalation_save,
    notification_preferences_save,
)
from stratum.demo.workspaces import ACTOR
from stratum.lib.quiet_hours import QuietHours
from whatsapp.choices import MessageStatus
from whatsapp.models import WhatsAppContact, WhatsAppMessage

CRITICAL, WARNING, INFO = Severity.CRITICAL.value, Severity.WARNING.value, Severity.INFO.value
EMAIL, WHATSAPP = Channel.EMAIL.value, Channel.WHATSAPP.value
NIGHT = QuietHours(time(22), time(7))
# For so long nobody answered on the morning after the broken days.
UNANSWERED = timedelta(hours=3)


def make_telling() -> None:
    """Needs people, WhatsApp contacts, and the alert about the broken days."""
    # The first of each role: the freelancer, who came last, keeps the defaults.
    people = {user.role: user for user in User.objects.order_by("-pk")}
    contacts = dict(WhatsAppContact.objects.values_list("user_id", "pk"))
    for role, chosen in _choices().items():
        mine = replace(chosen, whatsapp_contact=contacts.get(people[role].pk))
        notification_preferences_save(user=people[role], chosen=mine, actor=ACTOR)
    escalation_save(
        severity=CRITICAL,
        is_on=True,
        steps=[
            {"minutes": 15, "roles": [Role.MANAGER.value]},
            {"minutes": 60, "roles": [Role.ADMIN.value], "people": [people[Role.ANALYST].pk]},
        ],
        actor=ACTOR,
    )
    hours = [{"minutes": 120, "people": [people[Role.ANALYST].pk]}]
    escalation_save(severity=WARNING, is_on=True, steps=hours, actor=ACTOR)
    analyst = people[Role.ANALYST].email_hash
    email_unsubscribe(address_hash=analyst, kind=EmailKind.ALERT.value, way=SuppressionWay.LINK, actor=ACTOR)
    _tell_of_the_past(Alert.objects.get(cause__startswith="tracking:").first_at)


def _choices() -> dict[str, Preferences]:
    """An admin who is reached by everything, a manager who wants quiet nights, an analyst with a digest."""
    return {
        Role.ADMIN.value: Preferences(
            channels={CRITICAL: frozenset({EMAIL, WHATSAPP}), WARNING: frozenset({EMAIL, WHATSAPP})},
            quiet=NIGHT,
            digest_at=time(8, 30),
            digest_channels=frozenset({EMAIL}),
        ),
        Role.MANAGER.value: Preferences(
            channels={CRITICAL: frozenset({EMAIL}), WARNING: frozenset({WHATSAPP})},
            quiet=NIGHT,
            critical_breaks=False,
            digest_at=time(9),
            digest_channels=frozenset({EMAIL}),
        ),
        # His number has not agreed to messages yet, his address wants no alerts: an alert's page says so.
        Role.ANALYST.value: Preferences(
            channels={WARNING: frozenset({EMAIL, WHATSAPP})}, digest_at=time(9, 15), digest_channels=frozenset({EMAIL})
        ),
    }


def _tell_of_the_past(noticed: datetime) -> None:
    """What the jobs did then: told at once, in the digest of the next morning, and to others when nobody answered."""
    alerts_tell(now=noticed, actor=ACTOR)
    deliveries_send(now=noticed, actor=ACTOR)
    _arrived(noticed)
    alerts_escalate(now=noticed + UNANSWERED, actor=ACTOR)
    deliveries_send(now=noticed + UNANSWERED, actor=ACTOR)
    _arrived(noticed + UNANSWERED)
    digests_send(now=noticed + timedelta(days=1), actor=ACTOR)
    _arrived(noticed + timedelta(days=1))


def _arrived(moment: datetime) -> None:
    """Nothing of the past is sent today: what was written then has arrived."""
    emails = EmailMessage.objects.filter(state=EmailState.PENDING)
    emails.update(state=EmailState.SENT, attempts=1, sent_at=moment, created_at=moment)
    messages = WhatsAppMessage.objects.filter(status=MessageStatus.PENDING)
    messages.update(
        status=MessageStatus.READ,
        created_at=moment,
        sent_at=moment,
        delivered_at=moment + timedelta(seconds=4),
        read_at=moment + timedelta(minutes=2),
    )
