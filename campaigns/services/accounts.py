"""Ad accounts: made by an import, later by a connection."""

import zoneinfo
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone as django_timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from campaigns.choices import AccountStatus, Platform
from campaigns.models import AdAccount, Campaign
from campaigns.queries.connections import has_accounts_of_other_kind
from stratum.lib.errors import DomainError
from tenants.models import Tenant

_SHOWN = ["platform", "external_id", "name", "currency", "timezone", "status"]


@transaction.atomic
def account_create(
    *, platform: str, external_id: str, name: str, currency: str, timezone: str, actor: Actor
) -> AdAccount:
    """An account of the bound workspace without a connection: its numbers come from imports.

    `currency` is an ISO 4217 code and `timezone` an IANA name: days of this account are days of that zone.
    Refused with code 'account_exists' when the workspace has this account of the platform already; a deleted one
    comes back with these values; with 'sandbox_and_real' when the workspace holds accounts of the sandbox.
    """
    if platform not in Platform.values:
        raise ValueError(f"Unknown platform {platform!r}.")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise DomainError(_("Give the currency as a three-letter code such as EUR."), code="currency", field="currency")
    if timezone not in zoneinfo.available_timezones():
        raise DomainError(_("This time zone is not known."), code="timezone", field="timezone")
    if not Tenant.objects.get().is_demo:
        check_not_mixed(simulated=False)
    account = AdAccount.objects.with_deleted().filter(platform=platform, external_id=external_id).first()
    if account is None:
        account = AdAccount(platform=platform, external_id=external_id)
    elif not account.is_deleted:
        raise DomainError(_("This ad account exists already."), code="account_exists", field="external_id")
    account.name, account.currency, account.timezone = name, currency.upper(), timezone
    account.is_deleted, account.deleted_at = False, None
    account.save()
    record(actor=actor, action=AuditAction.CREATE, resource=account, new=snapshot(account, _SHOWN))
    return account


def check_not_mixed(*, simulated: bool) -> None:
    """DomainError when accounts of this kind would stand beside ones of the other."""
    if not has_accounts_of_other_kind(simulated=simulated):
        return
    if simulated:
        text = _(
            "This workspace holds real accounts, and the sandbox’s are made up: their numbers must not be added to "
            "yours. Try the sandbox in a workspace of its own."
        )
    elif Tenant.objects.get().is_demo:
        text = _("This is a demo workspace with made-up numbers. Connect real accounts in a workspace of your own.")
    else:
        text = _(
            "This workspace holds accounts of the sandbox, whose numbers are made up. Real accounts need a workspace "
            "of their own."
        )
    raise DomainError(text, code="sandbox_and_real")


@transaction.atomic
def account_remove(*, account: AdAccount, actor: Actor) -> bool:
    """Take an account away that was fed by imports and has no campaign left; False when it is in use."""
    locked = accounts_lock([account.pk])[account.pk]
    if locked.is_deleted or locked.status != AccountStatus.IMPORT_ONLY or locked.campaigns.exists():
        return False
    locked.is_deleted, locked.deleted_at = True, django_timezone.now()
    locked.save(update_fields=["is_deleted", "deleted_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=snapshot(locked, _SHOWN))
    return True


def accounts_lock(ids: Iterable[int]) -> dict[int, AdAccount]:
    """Hold the rows of these accounts until the transaction ends, always taken in the same order.

    Whoever writes an account's campaigns or numbers holds its row first, so that writers of one account queue up.
    Not FOR UPDATE: new campaigns of other transactions still may refer to the account.
    """
    rows = AdAccount.objects.with_deleted().select_for_update(no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return {account.pk: account for account in rows}


def account_campaigns_lock(account: AdAccount) -> None:
    """Hold all campaigns of the account, deleted ones too, in the order of ids: before several statements write some.

    Whoever changes many campaigns takes them in that order, people's bulk edits as well, so nobody waits in a circle.
    """
    campaigns = Campaign.objects.with_deleted().filter(ad_account=account)
    list(campaigns.select_for_update(no_key=True).order_by("pk").values_list("pk"))
