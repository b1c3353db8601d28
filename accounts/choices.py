from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMIN = "admin", _("Admin")
    MANAGER = "manager", _("Manager")
    ANALYST = "analyst", _("Analyst")
    VIEWER = "viewer", _("Viewer")


class AuditAction(models.TextChoices):
    CREATE = "create", _("Created")
    UPDATE = "update", _("Changed")
    DELETE = "delete", _("Deleted")
    LOGIN = "login", _("Logged in")
    LOGOUT = "logout", _("Logged out")
    EXPORT = "export", _("Exported")
    ANONYMIZE = "anonymize", _("Anonymised")


class ActorKind(models.TextChoices):
    """Who a change came from. A rule or job acts without a person at the keyboard."""

    USER = "user", _("Person")
    RULE = "rule", _("Rule")
    JOB = "job", _("Background job")
    IMPORT = "import", _("Import")
    STAFF = "staff", _("Stratum staff")
    SYSTEM = "system", _("System")


class Theme(models.TextChoices):
    """Kept in users.preferences."""

    AUTO = "auto", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class EmailKind(models.TextChoices):
    """What a message is about: people unsubscribe from a kind, or from all but notices."""

    ALERT = "alert", _("Alerts")
    DIGEST = "digest", _("Summaries")
    REPORT = "report", _("Reports")
    # About the account itself, asked for a moment ago: nothing to unsubscribe from.
    NOTICE = "notice", _("Notices")


class EmailState(models.TextChoices):
    PENDING = "pending", _("Waits")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    MAYBE_SENT = "maybe_sent", _("May have arrived")
    FAILED = "failed", _("Failed")
    SUPPRESSED = "suppressed", _("Not sent on purpose")


class SuppressionWay(models.TextChoices):
    """How it came that an address gets no more messages."""

    LINK = "link", _("Link in a message")
    HEADER = "header", _("Button of the mail program")
    BOUNCE = "bounce", _("There is no such mailbox")
    STAFF = "staff", _("Stratum staff")
