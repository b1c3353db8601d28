from django.db import models
from django.utils.translation import gettext_lazy as _


class Platform(models.TextChoices):
    META = "meta", "Meta"
    GOOGLE = "google", "Google Ads"
    TIKTOK = "tiktok", "TikTok"
    SNAPCHAT = "snapchat", "Snapchat"
    LINKEDIN = "linkedin", "LinkedIn"


class CampaignStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    ARCHIVED = "archived", _("Archived")


class BudgetLock(models.TextChoices):
    """Why a daily budget cannot be changed on the campaign itself."""

    AD_SETS = "ad_sets", _("The budgets are set on the ad sets of this campaign, not on the campaign.")
    SHARED = "shared", _("The budget is shared with other campaigns: changing it would change them too.")
    LIFETIME = "lifetime", _("The campaign has a budget for its whole run, not a daily one.")
    FINAL = "final", _("The campaign was archived or deleted on the platform.")
    UNKNOWN = "unknown", _("The platform does not say which budget this campaign has.")


class AccountStatus(models.TextChoices):
    """Health of a connection. An account fed by imports alone has no connection to be healthy."""

    OK = "ok", _("Connected")
    NEEDS_REAUTH = "needs_reauth", _("Needs re-authorisation")
    PERMISSION_LOST = "permission_lost", _("Permission lost")
    DISABLED = "disabled", _("Disconnected")
    IMPORT_ONLY = "import_only", _("Fed by imports")


class ConnectionStatus(models.TextChoices):
    """Where a person's grant at a platform stands."""

    CONNECTING = "connecting", _("Connecting")
    OK = "ok", _("Connected")
    NEEDS_REAUTH = "needs_reauth", _("Needs re-authorisation")
    FAILED = "failed", _("Could not be connected")
    ENDED = "ended", _("Disconnected")


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded", _("Waiting for your confirmation")
    QUEUED = "queued", _("Queued")
    DONE = "done", _("Imported")
    REFUSED = "refused", _("Refused")
    UNDONE = "undone", _("Undone")


class SyncStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class SyncTrigger(models.TextChoices):
    SCHEDULE = "schedule", _("Schedule")
    PERSON = "person", _("Person")
    CONNECTION = "connection", _("New connection")


class ChangedField(models.TextChoices):
    """What of a campaign a platform can be told to change."""

    STATUS = "status", _("Status")
    DAILY_BUDGET = "daily_budget", _("Daily budget")


class ChangeOrigin(models.TextChoices):
    """Who wanted a change. OUTSIDE: seen at a sync, made by nobody here."""

    PERSON = "person", _("Person")
    RULE = "rule", _("Rule")
    IMPORT = "import", _("Import")
    OUTSIDE = "outside", _("On the platform")


class ChangeState(models.TextChoices):
    """queued → sending → applied or failed. What a sync or an import found is applied from the start."""

    QUEUED = "queued", _("Waiting")
    SENDING = "sending", _("Being sent")
    APPLIED = "applied", _("Done")
    FAILED = "failed", _("Failed")


class RevisionSource(models.TextChoices):
    IMPORT = "import", _("Import")
    SYNC = "sync", _("Sync")
    UNDO = "undo", _("Undo of an import")
    DEMO = "demo", _("Demo")
