"""Why a message waits or was not sent, as one sentence for people."""

from django.utils.translation import gettext as _

from whatsapp.choices import MessageStatus
from whatsapp.clients.errors import words
from whatsapp.models import WhatsAppMessage
from whatsapp.queries.messages import CANCELLED
from whatsapp.queries.recipients import OBSTACLES


def error_words(message: WhatsAppMessage) -> str:
    """What is wrong with a message; empty where nothing is, or where it arrived all the same."""
    if message.status in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ):
        return ""
    code = message.error_code or ""
    if code == CANCELLED and message.error_message:
        return message.error_message
    return (local_words(code) or words(code)) if code else ""


def local_words(code: str) -> str:
    """One sentence for a code of ours that says why a message waits or never goes out; empty for others."""
    key = code.removeprefix("local.")
    if key in OBSTACLES:
        return _("Not sent: %(reason)s.") % {"reason": OBSTACLES[key]}
    known = {
        "too_old": _("Not sent: it waited so long that it is not worth reading any more."),
        "no_number": _("Waits: no WhatsApp number is connected."),
        "number_removed": _("Not sent: the number it was to go out from was removed."),
        "number_stopped": _("Waits: the number it goes out from is stopped."),
        "quiet_hours": _("Waits for the end of the contact’s quiet hours."),
        "no_code_template": _("Not sent: WhatsApp has approved no template for codes."),
        "code_gone": _("Not sent: the code is not valid any more."),
        "template_gone": _("Not sent: the template is gone."),
        "template_waits": _("Waits: WhatsApp has not approved the template, or has paused it."),
        "template_not_approved": _("Not sent: WhatsApp does not allow this template."),
        "marketing_stopped": _("Not sent: the contact has stopped marketing messages in WhatsApp."),
        "window_closed": _("Not sent: they have not written within 24 hours, so that only a template is allowed."),
        "worker_lost": _("The sending was cut off. It may have arrived, so it is not sent again."),
        "broken": _("Stratum could not make sense of this message. Whoever operates it finds why in the log."),
        "cancelled": _("Not sent: somebody called it off."),
        "pair_limit": _("Waits: this contact got many messages in a short time."),
    }
    return known.get(key, "")
