"""Checks that every platform's writes share: what is refused here never reaches the platform."""

from django.utils.translation import gettext as _

from campaigns.choices import BudgetLock, CampaignStatus, Platform
from campaigns.clients.base import Account, CampaignInfo, ErrorKind, PlatformError
from campaigns.clients.money import budget_step


def refusal(platform: str, message: str, code: str) -> PlatformError:
    """A write that this side refuses; `code` starts with 'local.' so that nobody looks for it in a platform's pages."""
    return PlatformError(message, kind=ErrorKind.INPUT, platform=platform, code=f"local.{code}")


def check_not_final(platform: str, campaign: CampaignInfo) -> None:
    """Archived and deleted campaigns take no changes, on any platform."""
    if campaign.status == CampaignStatus.ARCHIVED:
        raise refusal(platform, _("The campaign is archived or deleted; the platform takes no changes to it."), "final")


def check_budget(platform: str, account: Account, campaign: CampaignInfo, *, minor: int) -> None:
    """What can be known here about a new daily budget, in minor units of the account's currency."""
    if campaign.budget_read_only:
        raise refusal(platform, str(BudgetLock(campaign.budget_read_only).label), campaign.budget_read_only)
    check_not_final(platform, campaign)
    if minor <= 0:
        raise refusal(platform, _("A daily budget must be more than nothing."), "not_positive")
    if account.minimum_daily_budget is not None and minor < account.minimum_daily_budget:
        raise refusal(platform, _("The daily budget is below the minimum of this account."), "below_minimum")
    if minor % budget_step(platform, account.currency):
        message = _("{platform} takes budgets in {currency} only in coarser steps.")
        words = message.format(platform=Platform(platform).label, currency=account.currency)
        raise refusal(platform, words, "not_multiple")


def not_applied(platform: str, what: str, *, wanted: object, found: object) -> PlatformError:
    """The platform accepted a write and then showed something else: the write may still come, or somebody undid it."""
    return PlatformError(
        _("The platform accepted the change ({what}: {wanted}) but still shows {found}.").format(
            what=what, wanted=wanted, found=found
        ),
        kind=ErrorKind.TRANSIENT,
        platform=platform,
        code="local.not_applied",
    )
