from django.db import models
from django.utils.translation import gettext_lazy as _


class OptIn(models.TextChoices):
    PENDING = "pending", _("Pending")
    OPTED_IN = "opted_in", _("Opted in")
    OPTED_OUT = "opted_out", _("Opted out")


class Direction(models.TextChoices):
    OUTBOUND = "outbound", _("Outbound")
    INBOUND = "inbound", _("Inbound")


class MessageStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    FAILED = "failed", _("Failed")


class TemplateCategory(models.TextChoices):
    AUTHENTICATION = "AUTHENTICATION", _("Authentication")
    MARKETING = "MARKETING", _("Marketing")
    UTILITY = "UTILITY", _("Utility")


class OwnTemplateStatus(models.TextChoices):
    """States that only we know, beside WhatsApp's own words in the same column."""

    QUEUED = "LOCAL_QUEUED", _("Is being handed in")
    SENDING = "LOCAL_SENDING", _("Is being handed in now")
    REFUSED = "LOCAL_REFUSED", _("Not accepted")
    REMOVING = "LOCAL_REMOVING", _("Is being deleted")


class Purpose(models.TextChoices):
    """Why a message goes out: it decides about quiet hours, consent and who may repeat it."""

    ALERT = "alert", _("Alert")
    REPORT = "report", _("Report")
    REPLY = "reply", _("Reply of a person")
    ANSWER = "answer", _("Automatic answer")
    CODE = "code", _("Verification code")


class NumberStatus(models.TextChoices):
    OK = "ok", _("Works")
    STOPPED = "stopped", _("Stopped")


class ConsentKind(models.TextChoices):
    """What a line of a contact's consent says."""

    VERIFIED = "verified", _("Number verified")
    OPT_IN = "opt_in", _("Opted in")
    OPT_OUT = "opt_out", _("Opted out")
    MARKETING_STOP = "marketing_stop", _("Marketing stopped in WhatsApp")
    MARKETING_RESUME = "marketing_resume", _("Marketing resumed in WhatsApp")
    NUMBER_CHANGED = "number_changed", _("Number changed")


class ConsentWay(models.TextChoices):
    """How it came about: the evidence that is asked for when somebody complains."""

    KEYWORD = "keyword", _("Message with a keyword")
    CODE = "code", _("Code sent to the number")
    PAGE = "page", _("Ticked on a page")
    IN_WRITING = "in_writing", _("In writing, noted by a colleague")
    WHATSAPP = "whatsapp", _("WhatsApp’s own switch")


class UnmatchedKind(models.TextChoices):
    INBOUND = "inbound", _("Message of somebody unknown")
    STATUS = "status", _("Status of a message that is unknown")
    PREFERENCE = "preference", _("Switch of somebody unknown")


class WebhookState(models.TextChoices):
    PENDING = "pending", _("Waits")
    PROCESSED = "processed", _("Processed")
    FAILED = "failed", _("Failed")


class MessageState(models.TextChoices):
    """How far a message is, in one word: derived from its status and what happened around it."""

    QUEUED = "queued", _("Waits to be sent")
    WAITS = "waits", _("Waits until later")
    SENDING = "sending", _("Being sent")
    ACCEPTED = "accepted", _("Accepted by WhatsApp")
    MAYBE = "maybe", _("May have arrived")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    READ = "read", _("Read")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    RECEIVED = "received", _("Received")
