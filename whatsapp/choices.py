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
