"""The demo's WhatsApp: contacts with what they agreed to, a conversation, and a ledger with messages in every state.

Numbers are those kept free for films. The sending number is a simulated one and stopped, so that nothing is ever sent
from here.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from django.db import models

from accounts.audit import record, snapshot
from accounts.choices import AuditAction, Role
from accounts.models import User
from stratum.demo.numbers import Span
from stratum.demo.workspaces import ACTOR, Agency
from stratum.lib.encryption import phone_hash
from whatsapp.choices import (
    ConsentKind,
    ConsentWay,
    Direction,
    MessageStatus,
    NumberStatus,
    OptIn,
    Purpose,
    TemplateCategory,
    UnmatchedKind,
)
from whatsapp.models import (
    WhatsAppConsent,
    WhatsAppContact,
    WhatsAppMessage,
    WhatsAppNumber,
    WhatsAppTemplate,
    WhatsAppUnmatched,
)
from whatsapp.queries.messages import CANCELLED
from whatsapp.queries.numbers import BY_PERSON

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_SENTENCE = (
    "I agree that %s sends alerts and reports about its campaigns to this number by WhatsApp. "
    "I can stop them at any time: here, or by writing STOP."
)
# name, state at WhatsApp, text, what fills it
_TEMPLATES = (
    ("campaign_alert", "APPROVED", "{{1}} needs a look: {{2}}. Open Stratum to see why.", ("campaign", "reason")),
    ("stratum_alert", "APPROVED", "An alert of yours, {{1}}, says: {{2}}. It comes from Stratum.", ("title", "text")),
    ("weekly_report", "PENDING", "Your report on {{1}} is there. It says: {{2}}. All told.", ("period", "figures")),
)


def make_messages(agency: Agency, span: Span) -> None:
    desk = _Desk(agency, span)
    desk.make_contacts()
    desk.make_conversation()
    desk.make_ledger()
    desk.make_stranger()


def _keep(row: models.Model) -> Any:
    row.save()
    record(actor=ACTOR, action=AuditAction.CREATE, resource=row, new=snapshot(row))
    return row


class _Desk:
    """One workspace's rows, made in order."""

    def __init__(self, agency: Agency, span: Span):
        self.agency, self.now = agency, span.as_of
        self.mark = 1 if agency.is_twin else 0
        self.serial = 0
        self.number = _keep(
            WhatsAppNumber(
                name=f"{agency.brand} desk",
                phone_number_id=f"10654{self.mark}00001",
                waba_id=f"10211{self.mark}00001",
                display_phone_number=f"+1 202-555-01{90 + self.mark}",
                verified_name=agency.name,
                quality_rating="GREEN",
                messaging_limit="TIER_1K",
                is_default=True,
                is_sandbox=True,
                status=NumberStatus.STOPPED,
                error_code=BY_PERSON,
                last_error="A simulated number of the demo: nothing is sent from it.",
                checked_at=self.now,
                subscribed_at=self.now,
                templates_tried_at=self.now,
                templates_synced_at=self.now,
            )
        )
        self.templates = [
            _keep(
                WhatsAppTemplate(
                    name=name,
                    language="en",
                    category=TemplateCategory.UTILITY,
                    status=status,
                    components=[{"type": "BODY", "text": text}],
                    variables={str(place): name for place, name in enumerate(fill, start=1)},
                )
            )
            for name, status, text, fill in _TEMPLATES
        ]
        code = [{"type": "BODY", "add_security_recommendation": True}]
        _keep(
            WhatsAppTemplate(
                name="stratum_code",
                language="en",
                category=TemplateCategory.AUTHENTICATION,
                status="APPROVED",
                components=code,
            )
        )

    # --- People ---------------------------------------------------------------------------------------------------

    def make_contacts(self) -> None:
        """One who is all set, one by the word START, one who has not proven the number, one who wrote STOP."""
        people = {role: User.objects.filter(role=role).order_by("pk").first() for role in Role}
        self.admin = self._contact(people[Role.ADMIN], f"+1202555{143 + self.mark:04d}", "1", OptIn.OPTED_IN)
        self.manager = self._contact(people[Role.MANAGER], f"+44770090041{6 + self.mark}", "44", OptIn.OPTED_IN)
        self._contact(people[Role.ANALYST], f"+44770090052{3 + self.mark}", "44", OptIn.PENDING)
        self.viewer = self._contact(people[Role.VIEWER], f"+1202555{187 + self.mark:04d}", "1", OptIn.OPTED_OUT)
        sentence = _SENTENCE % self.agency.name
        for contact, way, text in (
            (self.admin, ConsentWay.PAGE, sentence),
            (self.manager, ConsentWay.KEYWORD, "START"),
            (self.viewer, ConsentWay.PAGE, sentence),
        ):
            self._evidence(contact, ConsentKind.VERIFIED, ConsentWay.CODE, 41 * _DAY, "")
            self._evidence(contact, ConsentKind.OPT_IN, way, 40 * _DAY, text)
        self._evidence(self.viewer, ConsentKind.OPT_OUT, ConsentWay.KEYWORD, 12 * _DAY, "Stop.")

    def _contact(self, user: User | None, number: str, country: str, opt_in: str) -> WhatsAppContact:
        agreed, proven = opt_in != OptIn.PENDING, opt_in != OptIn.PENDING
        return _keep(
            WhatsAppContact(
                user=user,
                phone_number=number,
                phone_hash=phone_hash(number),
                country_code=country,
                display_name=user.full_name if user else "",
                is_verified=proven,
                verified_at=self.now - 41 * _DAY if proven else None,
                opt_in_status=opt_in,
                opt_in_at=self.now - 40 * _DAY if agreed else None,
                opt_out_at=self.now - 12 * _DAY if opt_in == OptIn.OPTED_OUT else None,
                opt_in_method=ConsentWay.PAGE if agreed else None,
                quiet_hours={"enabled": True, "from": "22:00", "to": "07:00"},
                timezone=user.timezone if user else "UTC",
                language=user.locale if user else "en",
            )
        )

    def _evidence(self, contact: WhatsAppContact, kind: str, way: str, ago: timedelta, text: str) -> None:
        by = contact.user if way in (ConsentWay.PAGE, ConsentWay.CODE) else None
        _keep(WhatsAppConsent(contact=contact, kind=kind, way=way, text=text, at=self.now - ago, noted_by=by))

    # --- What was said --------------------------------------------------------------------------------------------

    def make_conversation(self) -> None:
        """Free text is still allowed, and one message waits to be read."""
        alert = self._sent(self.admin, 190, "Weekend Escapes", "ROAS 0.1 over seven days", MessageStatus.READ)
        self._wrote(self.admin, 170, "Saw it. Is the landing page down again?", context=alert.wamid)
        answer = self._out(
            self.admin,
            150,
            purpose=Purpose.REPLY,
            message_type="text",
            content="The pixel was missing since Tuesday. Fixed it an hour ago.",
            created_by=self.manager.user,
            **self._course(150, MessageStatus.READ),
        )
        self._wrote(self.admin, 140, "👍", message_type="reaction", context=answer.wamid)
        self._wrote(self.admin, 60, "The new banner", message_type="image", media_type="image/jpeg")
        newest = self._wrote(self.admin, 25, "Please pause Flash Sale until it is checked.")
        self._met(self.admin, newest, read=self.now - 50 * _MINUTE)
        self._met(self.viewer, self._wrote(self.viewer, 12 * 24 * 60, "Stop."), read=self.now - 11 * _DAY)
        started = self._wrote(self.manager, 40 * 24 * 60, "START")
        self._met(self.manager, started, read=self.now - 39 * _DAY)

    def make_ledger(self) -> None:
        """A message in each state that lasts."""
        alerts = {
            "purpose": Purpose.ALERT,
            "message_type": "text",
            "content": "Leads above 900: CPA 1,204 on LinkedIn.",
        }
        monday = self.now + timedelta(days=7 - self.now.weekday())
        self._out(self.manager, 5, **alerts, accepted_at=self.now - 4 * _MINUTE, wamid=self._wamid("OUT"))
        self._out(self.manager, 3, **{**alerts, "purpose": Purpose.REPORT}, scheduled_at=monday)
        self._out(
            self.manager,
            24 * 60,
            **alerts,
            maybe_sent_at=self.now - 24 * 60 * _MINUTE,
            error_code="local.no_answer",
        )
        self._sent(self.manager, 2 * 24 * 60, "Cabin bags", "CPC up 60 %", MessageStatus.DELIVERED)
        self._sent(self.manager, 3 * 24 * 60, "Ski chalets", "no conversions since Sunday", MessageStatus.SENT)
        self._out(self.viewer, 11 * 24 * 60, **alerts, status=MessageStatus.FAILED, error_code="local.opted_out")
        self._out(self.admin, 9 * 24 * 60, **alerts, status=MessageStatus.FAILED, error_code="190")
        self._out(self.admin, 8 * 24 * 60, **alerts, status=MessageStatus.FAILED, error_code=CANCELLED)

    def make_stranger(self) -> None:
        """Somebody who is no contact has written."""
        wamid, wa_id, at = self._wamid("NEW"), f"120255501{66 + self.mark}", self.now - 90 * _MINUTE
        message = {"from": wa_id, "id": wamid, "timestamp": str(int(at.timestamp())), "type": "text"}
        text = {"text": {"body": "Hi, Marta gave me this number. Can I get the weekly report, too?"}}
        value = {
            "metadata": {"phone_number_id": self.number.phone_number_id},
            "contacts": [{"wa_id": wa_id, "profile": {"name": "Sam Rivera"}}],
            "messages": [{**message, **text}],
        }
        entry = {"id": self.number.waba_id, "changes": [{"field": "messages", "value": value}]}
        _keep(
            WhatsAppUnmatched(
                number=self.number,
                kind=UnmatchedKind.INBOUND,
                event_key=wamid,
                wamid=wamid,
                sender_hash=phone_hash(wa_id),
                profile_name="Sam Rivera",
                payload=json.dumps({"object": "whatsapp_business_account", "entry": [entry]}),
                at=at,
            )
        )

    def _wamid(self, kind: str) -> str:
        self.serial += 1
        return f"wamid.DEMO{self.mark}{kind}{self.serial:04d}"

    def _wrote(self, contact: WhatsAppContact, minutes: int, text: str, **fields: Any) -> WhatsAppMessage:
        at = self.now - minutes * _MINUTE
        return _keep(
            WhatsAppMessage(
                contact=contact,
                number=self.number,
                direction=Direction.INBOUND,
                purpose=Purpose.REPLY,
                message_type=fields.get("message_type", "text"),
                media_type=fields.get("media_type"),
                context_wamid=fields.get("context"),
                content=text,
                wamid=self._wamid("IN"),
                status=MessageStatus.DELIVERED,
                delivered_at=at,
                created_at=at,
                handled_at=at,
            )
        )

    def _out(self, contact: WhatsAppContact, minutes: int, **fields: Any) -> WhatsAppMessage:
        created = self.now - minutes * _MINUTE
        return _keep(WhatsAppMessage(contact=contact, number=self.number, created_at=created, **fields))

    def _sent(
        self, contact: WhatsAppContact, minutes: int, campaign: str, what: str, status: MessageStatus
    ) -> WhatsAppMessage:
        """An alert that went out in the template."""
        return self._out(
            contact,
            minutes,
            purpose=Purpose.ALERT,
            message_type="template",
            template=self.templates[0],
            template_name=self.templates[0].name,
            template_variables={"campaign": campaign, "reason": what},
            content="",
            **self._course(minutes, status),
        )

    def _course(self, minutes: int, status: MessageStatus) -> dict[str, Any]:
        """How a message got as far as this, a few seconds for each step."""
        sent = self.now - minutes * _MINUTE + timedelta(seconds=2)
        steps = [MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ]
        taken = steps[: steps.index(status) + 1]
        moments: dict[str, datetime] = {
            step.value: sent + timedelta(seconds=4 * place) for place, step in enumerate(taken)
        }
        return {
            "status": status,
            "wamid": self._wamid("OUT"),
            "accepted_at": sent,
            "sent_at": moments["sent"],
            "delivered_at": moments.get("delivered"),
            "read_at": moments.get("read"),
            "status_history": [{"status": step, "at": at.isoformat()} for step, at in moments.items()],
        }

    def _met(self, contact: WhatsAppContact, newest: WhatsAppMessage, *, read: datetime) -> None:
        contact.last_inbound_at = contact.last_message_at = newest.created_at
        contact.last_read_at = read
        contact.save(update_fields=["last_inbound_at", "last_message_at", "last_read_at", "updated_at"])
