"""Whether a message may go out now, later or never, and how it looks on the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from django.conf import settings

from stratum.lib.quiet_hours import QuietHours
from stratum.lib.regions import zone_or_utc
from whatsapp.choices import NumberStatus, Purpose, TemplateCategory
from whatsapp.clients import messages as wire
from whatsapp.clients.messages import Outgoing, Recipient
from whatsapp.clients.numbers import to_digits
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.conversations import wrote_since
from whatsapp.queries.numbers import default_number
from whatsapp.queries.recipients import disagreement, obstacle
from whatsapp.queries.standing import StandardTemplates, standard_templates
from whatsapp.queries.templates import MENDABLE, sendable, template_values
from whatsapp.services.statuses import OPAQUE

# Free text is allowed for 24 hours after their last message; the margin is for clocks and queues.
WINDOW, MARGIN = timedelta(hours=24), timedelta(minutes=5)
# What is still waiting after this is not worth reading any more.
_DAY = timedelta(hours=24)
TOO_OLD = {Purpose.ALERT: _DAY, Purpose.REPORT: _DAY, Purpose.REPLY: _DAY, Purpose.CODE: timedelta(minutes=10)}
# How long to wait for somebody to mend a number or a template.
UNTIL_MENDED = timedelta(minutes=10)
_DISTURBING = (Purpose.ALERT, Purpose.REPORT)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What messages are judged by. `default`: the workspace's number for those that name none; `standard`: templates
    to fall back on; `wrote`: (contact, number) → when they last wrote to it, within the window."""

    now: datetime
    default: WhatsAppNumber | None
    standard: StandardTemplates
    wrote: Mapping[tuple[int, int], datetime]

    def window_is_open(self, contact: WhatsAppContact, number: WhatsAppNumber) -> bool:
        """Whether free text goes out: WhatsApp opens the window for the number that they wrote to, and no other."""
        wrote = self.wrote.get((contact.pk, number.pk))
        return wrote is not None and wrote + WINDOW - MARGIN > self.now


def circumstances_of(messages: Iterable[WhatsAppMessage], now: datetime) -> Circumstances:
    """Those of now, for these messages. Expects their contacts at hand; three statements at most."""
    since = now - WINDOW
    contacts = {one.contact for one in messages}
    writers = {one.pk for one in contacts if one.last_inbound_at is not None and one.last_inbound_at > since}
    return Circumstances(now, default_number(), standard_templates(), wrote_since(writers, since))


@dataclass(frozen=True, slots=True)
class Ready:
    """`shown`: what the person reads of a template; empty for what the message's own content says."""

    outgoing: Outgoing
    number: WhatsAppNumber
    shown: str = ""
    template_id: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `code` is a key of error words; `until` may be moved again then."""

    until: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Never:
    code: str


Prepared = Ready | Wait | Never


def prepare(message: WhatsAppMessage, given: Circumstances) -> Prepared:
    """Judge one message. Expects its contact, template and number at hand."""
    purpose, now = Purpose(message.purpose), given.now
    oldest = TOO_OLD.get(purpose)
    if (
        oldest is not None
        and message.created_at is not None
        and (message.scheduled_at or message.created_at) < (now - oldest)
    ):
        return Never("local.too_old")
    if found := obstacle(message.contact, purpose):
        return Never(f"local.{found}")
    number = message.number or given.default
    if number is None:
        return Wait(now + UNTIL_MENDED, "local.no_number")
    if number.is_deleted:
        return Never("local.number_removed")
    if number.status == NumberStatus.STOPPED:
        return Wait(now + UNTIL_MENDED, "local.number_stopped")
    waits = purpose in _DISTURBING and not message.breaks_quiet
    until = quiet_until(message.contact, now) if waits else None
    if until is not None:
        return Wait(until, "local.quiet_hours")
    return _worded(message, number, given)


def window_closes_at(contact: WhatsAppContact) -> datetime | None:
    """Until when free text goes out from the number they wrote to last, the margin taken off; None: they never did."""
    return None if contact.last_inbound_at is None else contact.last_inbound_at + WINDOW - MARGIN


def quiet_until(contact: WhatsAppContact, now: datetime) -> datetime | None:
    """When the contact's quiet hours are over, in UTC; None when it is no quiet hour in their zone."""
    hours = quiet_hours_of(contact.quiet_hours)
    zone = zone_or_utc(contact.timezone or "UTC")
    return hours.end_after(now, zone) if hours is not None and hours.cover(now, zone) else None


def quiet_hours_of(raw: object) -> QuietHours | None:
    """{"enabled": true, "from": "22:00", "to": "07:00"}; None when off, or when it cannot be read."""
    if not isinstance(raw, Mapping) or raw.get("enabled") is not True:
        return None
    try:
        return QuietHours(time.fromisoformat(str(raw.get("from"))), time.fromisoformat(str(raw.get("to"))))
    except ValueError:
        return None


def _worded(message: WhatsAppMessage, number: WhatsAppNumber, given: Circumstances) -> Prepared:
    contact = message.contact
    to = Recipient(contact.wa_id or to_digits(contact.phone_number), contact.wa_user_id or "")
    opaque = f"{OPAQUE}{message.pk}"
    if message.purpose == Purpose.CODE:
        return _code(message, number, to, opaque)
    if message.message_type == "template":
        return _template(message, number, to, given)
    if not given.window_is_open(contact, number):
        return _instead_of_text(message, number, given, to)
    text = message.content or ""
    if message.message_type == "interactive":
        choices = [(str(key), str(title)) for key, title in (message.template_variables or {}).get("buttons", [])]
        outgoing = wire.buttons(to, text, choices, opaque=opaque)
    else:
        outgoing = wire.text(to, text, opaque=opaque)
    return Ready(replace(outgoing, context=message.context_wamid or ""), number)


def _code(message: WhatsAppMessage, number: WhatsAppNumber, to: Recipient, opaque: str) -> Prepared:
    template = message.template
    if template is None or template.status != "APPROVED":
        return Never("local.no_code_template")
    if not message.content:
        return Never("local.code_gone")
    outgoing = wire.authentication(to, template.name, template.language, message.content, opaque=opaque)
    return Ready(outgoing, number, template_id=template.pk)


def _template(message: WhatsAppMessage, number: WhatsAppNumber, to: Recipient, given: Circumstances) -> Prepared:
    template = message.template
    # Who has just written may be answered, after a STOP too; later only who has agreed.
    may_write = message.purpose != Purpose.REPLY or given.window_is_open(message.contact, number)
    if not may_write and (why := disagreement(message.contact)):
        return Never(f"local.{why}")
    if template is None:
        return Never("local.template_gone")
    state = sendable(template)
    if state.code:
        return (
            Wait(given.now + UNTIL_MENDED, "local.template_waits")
            if state.code in MENDABLE
            else Never("local.template_not_approved")
        )
    if template.category == TemplateCategory.MARKETING and message.contact.marketing_stopped_at is not None:
        return Never("local.marketing_stopped")
    values = {str(name): str(value) for name, value in (message.template_variables or {}).items()}
    return _filled(template, number, to, message, values)


def _filled(
    template: WhatsAppTemplate, number: WhatsAppNumber, to: Recipient, message: WhatsAppMessage, values: dict[str, str]
) -> Ready:
    filled = template_values(template, {"link": settings.PUBLIC_URL, **values}, message.content or "")
    outgoing = wire.template(
        to,
        template.name,
        template.language,
        filled.body,
        header=filled.header,
        buttons=filled.buttons,
        opaque=f"{OPAQUE}{message.pk}",
    )
    return Ready(outgoing, number, filled.text, template.pk)


def _instead_of_text(message: WhatsAppMessage, number: WhatsAppNumber, given: Circumstances, to: Recipient) -> Prepared:
    """Free text is not allowed now: alerts and reports go out in the workspace's own template, others say why not."""
    template = given.standard.of(message.purpose, message.contact.language or "en")
    state = sendable(template).code if template is not None else ""
    if state in MENDABLE:
        return Wait(given.now + UNTIL_MENDED, "local.template_waits")
    if template is None or state:
        return Never("local.window_closed")
    title, _newline, rest = (message.content or "").partition("\n")
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    own = {str(name): str(value) for name, value in (message.template_variables or {}).items() if name != "buttons"}
    values = {**own, "title": title, "text": " · ".join(lines) or title}
    return _filled(template, number, to, message, values)
