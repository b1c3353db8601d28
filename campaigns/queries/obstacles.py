"""What stands in the way of a change on a platform, as far as it can be known here.

One place for people, rules and screens. Whatever else a platform minds it says itself when the change is sent.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from campaigns.choices import AccountStatus, CampaignStatus, ChangedField, Platform
from campaigns.clients.base import Account, CampaignInfo, PlatformError
from campaigns.clients.money import budget_step
from campaigns.clients.writes import check_budget, check_not_final
from campaigns.models import Campaign

# What a platform can be told to make of a campaign's status.
SETTABLE = (CampaignStatus.ACTIVE.value, CampaignStatus.PAUSED.value)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a change cannot be made: a stable code, and the sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about changes of a campaign. Budgets in minor units of its currency; `account_status` '': none."""

    id: int
    name: str
    platform: str
    status: str
    currency: str
    daily_budget: int | None
    lifetime_budget: int | None
    budget_lock: str
    over_limit: bool
    account_status: str
    minimum_daily_budget: int | None

    @classmethod
    def of(cls, campaign: Campaign) -> "Standing":
        """Of a campaign with its account loaded."""
        account = campaign.ad_account
        return cls(
            id=campaign.pk,
            name=campaign.name,
            platform=campaign.platform,
            status=campaign.status,
            currency=campaign.currency,
            daily_budget=campaign.daily_budget_cents,
            lifetime_budget=campaign.lifetime_budget_cents,
            budget_lock=campaign.budget_lock,
            over_limit=campaign.over_limit,
            account_status=account.status if account else "",
            minimum_daily_budget=account.minimum_daily_budget_cents if account else None,
        )

    @property
    def step(self) -> int:
        """Minor units that a daily budget must be a multiple of."""
        return budget_step(self.platform, self.currency)

    @property
    def least_budget(self) -> int:
        """The smallest daily budget that is known to be allowed."""
        return -(-max(self.minimum_daily_budget or 1, 1) // self.step) * self.step

    def value(self, field: str) -> str | int | None:
        """What the campaign has now."""
        return self.status if field == ChangedField.STATUS else self.daily_budget


def obstacle(standing: Standing, field: str, value: str | int | None) -> Obstacle | None:
    """Why the campaign cannot get this status or this daily budget (minor units); None when nothing is known."""
    found = _general(standing)
    if found is not None:
        return found
    if field == ChangedField.STATUS:
        return _of_status(standing, value)
    return _of_budget(standing, value)


def status_obstacle(standing: Standing) -> Obstacle | None:
    """Why the campaign can neither be paused nor enabled."""
    wanted = CampaignStatus.PAUSED if standing.status == CampaignStatus.ACTIVE else CampaignStatus.ACTIVE
    return obstacle(standing, ChangedField.STATUS, wanted)


def budget_obstacle(standing: Standing) -> Obstacle | None:
    """Why the campaign can have no other daily budget at all."""
    return obstacle(standing, ChangedField.DAILY_BUDGET, standing.least_budget)


def _general(standing: Standing) -> Obstacle | None:
    platform = {"platform": str(Platform(standing.platform).label)}
    words = {
        "": _("This campaign belongs to no ad account: it cannot be changed from here."),
        AccountStatus.IMPORT_ONLY.value: _(
            "This account is fed by imported reports. Connect it to change its campaigns from here."
        ),
        AccountStatus.NEEDS_REAUTH.value: _(
            "%(platform)s no longer accepts the connection of this account. Connect it again first."
        ),
        AccountStatus.PERMISSION_LOST.value: _(
            "%(platform)s does not let the connection use this account any more. Connect it again first."
        ),
        AccountStatus.DISABLED.value: _("This account is disconnected. Connect it again first."),
    }
    if standing.account_status != AccountStatus.OK:
        return Obstacle(standing.account_status or "no_account", words[standing.account_status] % platform)
    if standing.over_limit:
        return Obstacle("over_limit", _("This campaign is over what your plan allows: it cannot be changed here."))
    return _refused(lambda: check_not_final(standing.platform, _info(standing)))


def _of_status(standing: Standing, value: str | int | None) -> Obstacle | None:
    if value not in SETTABLE:
        return Obstacle("not_settable", _("A campaign can be paused or enabled, nothing else."))
    if standing.status == CampaignStatus.COMPLETED:
        return Obstacle("completed", _("The campaign’s run is over: extend its dates on the platform first."))
    return None


def _of_budget(standing: Standing, value: str | int | None) -> Obstacle | None:
    if not isinstance(value, int):
        return Obstacle("no_budget", _("No daily budget is known for this campaign."))
    account = Account(
        external_id="", currency=standing.currency, timezone="", minimum_daily_budget=standing.minimum_daily_budget
    )
    return _refused(lambda: check_budget(standing.platform, account, _info(standing), minor=value))


def _info(standing: Standing) -> CampaignInfo:
    return CampaignInfo(
        external_id="",
        name=standing.name,
        status=standing.status,
        daily_budget=standing.daily_budget,
        lifetime_budget=standing.lifetime_budget,
        budget_read_only=standing.budget_lock,
    )


def _refused(check) -> Obstacle | None:
    try:
        check()
    except PlatformError as refusal:
        return Obstacle(refusal.code.removeprefix("local."), str(refusal))
    return None
