"""Which ad accounts a connection feeds: attached by choice, disconnected by choice."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from campaigns.choices import AccountStatus, ConnectionStatus
from campaigns.models import AdAccount, Campaign, Connection
from campaigns.queries.connections import ListedAccount, listed_accounts
from campaigns.services.accounts import accounts_lock, check_not_mixed
from campaigns.services.imports.targets import BY_NAME, name_key
from stratum.lib.errors import DomainError
from tenants.models import Tenant

_SHOWN = ["platform", "external_id", "name", "currency", "timezone", "status", "connection", "is_sandbox", "is_deleted"]


@transaction.atomic
def accounts_attach(*, connection: Connection, external_ids: Sequence[str], actor: Actor) -> list[AdAccount]:
    """Have the connection feed these of its listed accounts. Returns those that it did not feed before.

    An account that imports fed keeps its history and is connected from now on; one of another connection moves here;
    one that was disconnected or deleted comes back. All or none: DomainError when one is not listed, is closed at the
    platform, counts in another currency than what is stored of it, or must not stand beside what is here.
    """
    # Two people who attach at once must not bring sandbox and real accounts together, nor wait for each other's rows.
    Tenant.objects.select_for_update(no_key=True).get()
    locked = _connection_lock(connection.pk)
    if locked.status != ConnectionStatus.OK:
        raise DomainError(_("This connection does not work at the moment. Connect it again first."), code="not_ok")
    check_not_mixed(simulated=locked.is_sandbox)
    chosen = _chosen(locked, external_ids)
    known = _known(locked, chosen)
    attached = [_attach(locked, listed, known.get(listed.external_id), actor) for listed in chosen]
    return [account for account in attached if account is not None]


@transaction.atomic
def account_disconnect(*, account: AdAccount, actor: Actor) -> AdAccount:
    """Stop feeding an account. Its campaigns and numbers stay; tokens that feed nothing any more are destroyed."""
    connection_id = account.connection_id
    if connection_id is not None:
        _connection_lock(connection_id)
    locked = accounts_lock([account.pk])[account.pk]
    if locked.status == AccountStatus.IMPORT_ONLY or (locked.status == AccountStatus.DISABLED and not connection_id):
        raise DomainError(_("This account is not connected."), code="not_connected")
    if locked.connection_id != connection_id:
        raise DomainError(_("Somebody changed this account just now. Look at it again."), code="changed")
    old = snapshot(locked, _SHOWN)
    locked.status, locked.connection, locked.last_error = AccountStatus.DISABLED, None, ""
    locked.save(update_fields=["status", "connection", "last_error", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _SHOWN))
    if connection_id is not None:
        _end_if_unused(connection_id, actor)
    return locked


@transaction.atomic
def connection_remove(*, connection: Connection, actor: Actor) -> None:
    """End a connection that feeds no account. DomainError when it feeds one."""
    locked = _connection_lock(connection.pk)
    if locked.ad_accounts.exists():
        raise DomainError(_("This connection feeds accounts. Disconnect them first."), code="in_use")
    _end(locked, actor)


@transaction.atomic
def connection_end(*, connection: Connection, actor: Actor) -> int:
    """Disconnect all accounts of a connection and destroy its tokens; returns how many accounts it fed."""
    locked = _connection_lock(connection.pk)
    fed = list(locked.ad_accounts.order_by("pk"))
    for account in fed:
        account_disconnect(account=account, actor=actor)
    if not fed:
        _end(locked, actor)
    return len(fed)


# --- Attaching ------------------------------------------------------------------------------------------------------


def _chosen(connection: Connection, external_ids: Sequence[str]) -> list[ListedAccount]:
    listed = listed_accounts(connection)
    wanted = list(dict.fromkeys(external_ids))
    if not wanted:
        raise DomainError(_("Choose at least one account."), code="none_chosen")
    if any(external_id not in listed for external_id in wanted):
        raise DomainError(
            _("The list of accounts has changed since the page was loaded. Look at it again."), code="not_listed"
        )
    chosen = [listed[external_id] for external_id in wanted]
    for account in chosen:
        if not account.enabled:
            text = _("“%(name)s” is closed at %(platform)s and cannot be connected.")
            platform = connection.get_platform_display()
            raise DomainError(text % {"name": account.name, "platform": platform}, code="closed")
    return chosen


def _known(connection: Connection, chosen: Sequence[ListedAccount]) -> dict[str, AdAccount]:
    """Rows of ours that are these accounts, locked, by the platform's id; their connections are locked before them."""
    keys = _keys(connection, chosen)
    rows = AdAccount.objects.with_deleted().filter(platform=connection.platform, external_id__in=keys)
    fed_by = set(rows.exclude(connection=None).values_list("connection_id", flat=True)) - {connection.pk}
    list(Connection.objects.select_for_update(no_key=True).filter(pk__in=fed_by).order_by("pk").values_list("pk"))
    locked = accounts_lock(rows.values_list("pk", flat=True)).values()
    if {account.connection_id for account in locked} - fed_by - {connection.pk, None}:
        raise DomainError(_("Somebody changed these accounts just now. Look at them again."), code="changed")
    found: dict[str, AdAccount] = {}
    # A row that goes by the platform's own id comes before one that an import could only name.
    for account in sorted(locked, key=lambda row: row.external_id.startswith(BY_NAME)):
        listed = keys[account.external_id]
        if account.external_id.startswith(BY_NAME) and (account.is_deleted or account.currency != listed.currency):
            continue
        found.setdefault(listed.external_id, account)
    return found


def _keys(connection: Connection, chosen: Sequence[ListedAccount]) -> dict[str, ListedAccount]:
    """External ids under which these accounts may be stored: reports write some with a prefix, or only a name."""
    names = Counter(listed.name for listed in listed_accounts(connection).values())
    keys = {name_key(listed.name): listed for listed in chosen if names[listed.name] == 1}
    for listed in chosen:
        keys |= {f"act_{listed.external_id}": listed, listed.external_id: listed}
    return keys


def _attach(connection: Connection, listed: ListedAccount, account: AdAccount | None, actor: Actor) -> AdAccount | None:
    """The account, when the connection did not feed it before."""
    if account is not None and not account.is_deleted and account.connection_id == connection.pk:
        return None
    old = snapshot(account, _SHOWN) if account is not None else None
    if account is None:
        account = AdAccount(platform=connection.platform)
    elif account.currency != listed.currency:
        text = _(
            "“%(name)s” counts in %(theirs)s at %(platform)s, but its numbers here are in %(ours)s. "
            "Nothing was connected."
        )
        raise DomainError(
            text
            % {
                "name": listed.name,
                "theirs": listed.currency,
                "ours": account.currency,
                "platform": connection.get_platform_display(),
            },
            code="currency_mismatch",
        )
    before = account.connection_id
    renamed = account.pk is not None and account.external_id != listed.external_id
    for name, value in _values(connection, listed).items():
        setattr(account, name, value)
    account.save()
    if renamed:
        Campaign.objects.with_deleted().filter(ad_account=account).update(account_id=account.external_id)
    action = AuditAction.CREATE if old is None else AuditAction.UPDATE
    record(actor=actor, action=action, resource=account, old=old, new=snapshot(account, _SHOWN))
    if before is not None:
        _end_if_unused(before, actor)
    return account


def _values(connection: Connection, listed: ListedAccount) -> dict[str, Any]:
    return {
        "external_id": listed.external_id,
        "name": listed.name[:255],
        "currency": listed.currency,
        "timezone": listed.timezone,
        "login_id": listed.login_id,
        "minimum_daily_budget_cents": listed.minimum_daily_budget,
        "connection": connection,
        "status": AccountStatus.OK,
        "last_error": "",
        "is_sandbox": connection.is_sandbox,
        "is_deleted": False,
        "deleted_at": None,
    }


# --- Ending ---------------------------------------------------------------------------------------------------------


def _connection_lock(connection_id: int) -> Connection:
    """Held before the accounts are, always in this order."""
    return Connection.objects.select_for_update(no_key=True).get(pk=connection_id)


def _end_if_unused(connection_id: int, actor: Actor) -> None:
    connection = _connection_lock(connection_id)
    if not connection.ad_accounts.exists():
        _end(connection, actor)


def _end(connection: Connection, actor: Actor) -> None:
    """Nothing is left with which anybody could use the grant."""
    if connection.status == ConnectionStatus.ENDED:
        return
    old = {"status": connection.status}
    connection.status, connection.last_error = ConnectionStatus.ENDED, ""
    connection.access_token = connection.refresh_token = connection.code = connection.code_verifier = None
    connection.listed_accounts, connection.token_expires_at, connection.redirect_uri = [], None, ""
    connection.save()
    new = {"status": connection.status.value, "ended_at": timezone.now(), "tokens": "destroyed"}
    record(actor=actor, action=AuditAction.UPDATE, resource=connection, old=old, new=new)
