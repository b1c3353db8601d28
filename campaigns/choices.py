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
    DISABLED = "disabled", _("Disabled")
    IMPORT_ONLY = "import_only", _("Fed by imports")


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


class RevisionSource(models.TextChoices):
    IMPORT = "import", _("Import")
    SYNC = "sync", _("Sync")
    UNDO = "undo", _("Undo of an import")
    DEMO = "demo", _("Demo")
