from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class Plan(models.TextChoices):
    FREE = "free", _("Free")
    STARTER = "starter", _("Starter")
    PRO = "pro", _("Pro")
    ENTERPRISE = "enterprise", _("Enterprise")


class JobOutcome(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


@dataclass(frozen=True)
class PlanLimits:
    """How much of what a plan allows: people who can log in, campaigns that are not archived."""

    users: int
    campaigns: int


# The defaults of the tenants table, and what an expired plan falls back to.
FREE_LIMITS = PlanLimits(users=5, campaigns=50)

# Names that a workspace address must not take: they are, or may become, addresses of the product itself.
RESERVED_SLUGS = frozenset(
    """
    about account accounts admin api app assets auth autodiscover billing blog cdn dashboard demo dev docs email
    files ftp help imap internal legal live localhost login logout mail media metrics mx news ns1 ns2 pop privacy
    public root sandbox security settings shop sign-up signup smtp staff staging static stats status stratum
    support system team test webhooks webmail www
    """.split()  # noqa: SIM905 - a word list reads better as words
)
