"""From an ad account of ours to the platform and back: its client, its tokens, and what a failure means for people.

Platforms are talked to outside transactions. The one exception is the renewal of a token, see `tokens_renew`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import AccountStatus, ConnectionStatus, Platform
from campaigns.clients.base import Account, ErrorKind, PlatformClient, PlatformError, Tokens
from campaigns.clients.registry import client_for, is_simulated
from campaigns.models import AdAccount, Connection
from campaigns.services.accounts import accounts_lock
from stratum.lib.masking import mask_text
from tenants.context import bound_tenant_id, tenant_context

log = structlog.get_logger(__name__)

ACTOR = Actor.job("campaigns.connections")
# The code of failures that are ours, not a platform's.
INTERNAL = "local.internal"
# What we refuse ourselves, in a sentence of our own.
REFUSED = "local.refused"
# Tokens that cannot be renewed on demand once they have run out (Meta's) are renewed this long before.
RENEW_AHEAD = timedelta(days=14)


def client_of(account: AdAccount, **replaced: Any) -> PlatformClient:
    """The client that acts for this account. PlatformError (AUTH) when it has no connection that holds.

    `replaced` are fields of campaigns.clients.wiring.Wiring that differ from their defaults.
    """
    connection = account.connection
    if connection is None or not connection.access_token or connection.status != ConnectionStatus.OK:
        raise PlatformError(
            _("This account is not connected."), kind=ErrorKind.AUTH, platform=account.platform, code="local.no_token"
        )
    return client_of_connection(connection, account=account.external_id, **replaced)


def client_of_connection(connection: Connection, *, account: str = "", **replaced: Any) -> PlatformClient:
    """The client of a grant, before or beside any account. New tokens are kept on the connection's row.

    PlatformError (INPUT) where the installation has changed sides since: real tokens are never shown to a sandbox.
    """
    if connection.is_sandbox != is_simulated(connection.platform):
        made_at = _("the sandbox") if connection.is_sandbox else _("the real platform")
        raise PlatformError(
            _("The connection was made at %(place)s, which this installation does not use now.") % {"place": made_at},
            kind=ErrorKind.INPUT,
            platform=connection.platform,
            code="local.other_kind",
        )
    return client_for(
        connection.platform,
        tokens=tokens_of(connection) if connection.access_token else None,
        account=account,
        renew=_renewer(connection.pk, bound_tenant_id()),
        **replaced,
    )


def wire_account(account: AdAccount) -> Account:
    """What a client must know of the account."""
    return Account(
        external_id=account.external_id,
        currency=account.currency,
        timezone=account.timezone,
        login_id=account.login_id,
        minimum_daily_budget=account.minimum_daily_budget_cents,
    )


def tokens_of(connection: Connection) -> Tokens:
    assert connection.access_token is not None
    return Tokens(
        access_token=connection.access_token,
        refresh_token=connection.refresh_token,
        expires_at=connection.token_expires_at,
        scopes=tuple(connection.scopes),
    )


def keep_tokens(connection: Connection, tokens: Tokens, now: datetime) -> None:
    """Write new tokens onto a locked connection; the caller saves it with TOKEN_FIELDS."""
    connection.access_token = tokens.access_token
    connection.refresh_token = tokens.refresh_token
    connection.token_expires_at = tokens.expires_at
    connection.scopes = list(tokens.scopes)
    connection.refreshed_at = now


TOKEN_FIELDS = ("access_token", "refresh_token", "token_expires_at", "scopes", "refreshed_at")


def _renewer(connection_id: int, tenant_id: int) -> Callable[[PlatformClient, Tokens], Tokens]:
    def renew(client: PlatformClient, stale: Tokens) -> Tokens:
        with tenant_context(tenant_id):
            return tokens_renew(connection_id, client, stale)

    return renew


@transaction.atomic
def tokens_renew(connection_id: int, client: PlatformClient, stale: Tokens) -> Tokens:
    """The tokens to go on with: those another worker has just fetched, or new ones.

    The row is held while the platform is asked, for once: some refresh tokens work a single time, so two workers must
    not use one side by side, and a token that was handed out must not be lost between the answer and the commit.
    """
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
    if connection.status != ConnectionStatus.OK or not connection.access_token:
        raise PlatformError(
            _("This account is not connected."), kind=ErrorKind.AUTH, platform=client.platform, code="local.no_token"
        )
    if connection.access_token != stale.access_token:
        return tokens_of(connection)
    fresh = client.refresh(stale)
    keep_tokens(connection, fresh, timezone.now())
    connection.save(update_fields=[*TOKEN_FIELDS, "updated_at"])
    return fresh


# --- What failures mean ---------------------------------------------------------------------------------------


def error_words(error: PlatformError) -> str:
    """The failure as a marketer reads it: what happened, and whether anybody has to do something."""
    if error.code == INTERNAL:
        return _("Something went wrong on our side. Stratum tries again by itself.")
    if error.code == REFUSED:
        return str(error)
    platform = str(Platform(error.platform).label)
    words = {
        ErrorKind.AUTH: _("%(platform)s no longer accepts this connection. Connect the account again."),
        ErrorKind.EXPIRED: _("%(platform)s no longer accepts this connection. Connect the account again."),
        ErrorKind.PERMISSION: _("%(platform)s does not let this connection use the account any more: %(said)s"),
        ErrorKind.RATE: _("%(platform)s asked for a pause. Stratum goes on by itself."),
        ErrorKind.TRANSIENT: _("%(platform)s has trouble at the moment. Stratum tries again by itself."),
        ErrorKind.BROKEN: _("%(platform)s sent an answer that could not be read. Stratum tries again by itself."),
        ErrorKind.TOO_MUCH: _("%(platform)s could not deliver that much data at once. Stratum tries again by itself."),
        ErrorKind.INPUT: _("%(platform)s refused: %(said)s"),
    }
    return words[error.kind] % {"platform": platform, "said": mask_text(str(error))[:500]}


@transaction.atomic
def failure_note(account: AdAccount, error: PlatformError) -> None:
    """Show a failed call on the account; a dead token on all accounts that share it, and on its connection."""
    if error.kind in (ErrorKind.AUTH, ErrorKind.EXPIRED) and account.connection_id:
        connection_break(account.connection_id, error)
        return
    fields: dict[str, Any] = {"last_error": error_words(error)}
    if error.kind is ErrorKind.PERMISSION:
        fields["status"] = AccountStatus.PERMISSION_LOST
    account_note(account.pk, fields)


@transaction.atomic
def success_note(account: AdAccount, **fields: Any) -> None:
    """The account's calls work: whatever stood there of failures is gone. `fields` are set along with it.

    An account whose connection was refused meanwhile stays so: only connecting again mends that.
    """
    locked = accounts_lock([account.pk])[account.pk]
    granted = Connection.objects.filter(ad_accounts=locked, status=ConnectionStatus.OK)
    works: dict[str, Any] = {"last_error": "", "status": AccountStatus.OK} if granted.exists() else {}
    account_note(account.pk, {**works, **fields})


@transaction.atomic
def connection_break(connection_id: int, error: PlatformError) -> None:
    """The platform refuses the grant: a person must connect again. Says so on the connection and its accounts."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
    if connection.status == ConnectionStatus.OK:
        connection.status, connection.last_error = ConnectionStatus.NEEDS_REAUTH, error_words(error)
        connection.save(update_fields=["status", "last_error", "updated_at"])
        record(
            actor=ACTOR,
            action=AuditAction.UPDATE,
            resource=connection,
            old={"status": ConnectionStatus.OK.value},
            new={"status": connection.status.value, "reason": f"{error.kind} {error.code}".strip()},
        )
    elif connection.status != ConnectionStatus.NEEDS_REAUTH:
        return
    for account_id in connection.ad_accounts.order_by("pk").values_list("pk", flat=True):
        fields = {"last_error": connection.last_error, "status": AccountStatus.NEEDS_REAUTH}
        account_note(account_id, fields)


@transaction.atomic
def account_note(account_id: int, fields: dict[str, Any]) -> None:
    """Set what differs. A change of status is audited; an account that was disconnected meanwhile stays so."""
    account = AdAccount.objects.with_deleted().select_for_update(no_key=True).get(pk=account_id)
    if account.status in (AccountStatus.DISABLED, AccountStatus.IMPORT_ONLY):
        return
    changed = {name: value for name, value in fields.items() if getattr(account, name) != value}
    if not changed:
        return
    old_status = account.status
    for name, value in changed.items():
        setattr(account, name, value)
    account.save(update_fields=[*changed, "updated_at"])
    if "status" in changed:
        record(
            actor=ACTOR,
            action=AuditAction.UPDATE,
            resource=account,
            old={"status": old_status},
            new={"status": account.status},
        )
