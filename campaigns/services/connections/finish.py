"""From the code of a consent page to tokens and a list of accounts: what workers do, outside transactions."""

from enum import StrEnum

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import AccountStatus, ConnectionStatus, Platform
from campaigns.clients.base import RETRYABLE, ErrorKind, PlatformError, Tokens
from campaigns.clients.registry import client_for
from campaigns.models import Connection
from campaigns.queries.connections import STUCK_AFTER, ListedAccount, is_busy
from campaigns.services.platforms import (
    ACTOR,
    TOKEN_FIELDS,
    account_note,
    client_of_connection,
    connection_break,
    keep_tokens,
)
from stratum.lib.errors import DomainError
from stratum.lib.masking import mask_text

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How a try went. AGAIN: the platform has trouble, the same try may succeed in a moment."""

    DONE = "done"
    AGAIN = "again"
    FAILED = "failed"


def connection_finish(*, connection_id: int, last_try: bool = True) -> Outcome | None:
    """Exchange the code of a connection for tokens. None: another worker has it, or it is over.

    The code is taken off the row before it is used, so that it is used once however many workers come by. With
    `last_try` the platform's trouble ends the attempt; else the code goes back to the row, for another try.
    """
    taken = _code_take(connection_id)
    if taken is None:
        return None
    client = client_for(taken.platform)
    try:
        tokens = client.exchange_code(
            code=taken.code or "", redirect_uri=taken.redirect_uri, code_verifier=taken.code_verifier or ""
        )
    except PlatformError as error:
        error.redacted([taken.code or "", taken.code_verifier or ""])
        if error.kind in RETRYABLE and not last_try:
            _code_put_back(taken)
            return Outcome.AGAIN
        _fail(taken, error)
        return Outcome.FAILED
    return Outcome.DONE if _tokens_store(taken, tokens) else None


def connection_list_accounts(*, connection_id: int, last_try: bool = True) -> Outcome | None:
    """Ask the platform which accounts the grant reaches. None: the connection is not there, or does not hold."""
    with transaction.atomic():
        connection = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.OK).first()
    if connection is None or not connection.access_token:
        return None
    try:
        listed = [ListedAccount.from_info(info) for info in client_of_connection(connection).list_accounts()]
    except PlatformError as error:
        if error.kind in RETRYABLE and not last_try:
            return Outcome.AGAIN
        _listing_failed(connection_id, error)
        return Outcome.FAILED
    _listed_store(connection_id, listed)
    return Outcome.DONE


@transaction.atomic
def connection_list_request(*, connection: Connection, actor: Actor) -> Connection:
    """Have the list of accounts loaded anew. DomainError when the connection does not hold."""
    locked = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if locked.status != ConnectionStatus.OK:
        raise DomainError(_("This connection does not work at the moment. Connect it again first."), code="not_ok")
    old = {"last_error": locked.last_error}
    locked.listed_at, locked.last_error = None, ""
    locked.save(update_fields=["listed_at", "last_error", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new={"last_error": "", "listing": True})
    return locked


@transaction.atomic
def connection_give_up(*, connection_id: int) -> bool:
    """End what no worker has finished for STUCK_AFTER; False when one has been at it since.

    Whether the platform has taken the code cannot be known any more, and a code works once: a person starts anew.
    """
    idle = Connection.objects.filter(pk=connection_id, updated_at__lt=timezone.now() - STUCK_AFTER)
    connection = idle.select_for_update(no_key=True).first()
    if connection is None or not is_busy(connection):
        return False
    if connection.status == ConnectionStatus.OK:
        connection.last_error = _("The list of accounts could not be loaded. Load it again.")
        connection.save(update_fields=["last_error", "updated_at"])
        return True
    _end_attempt(connection, _("The connection was not finished in time. Connect again."), reason="stuck")
    return True


# --- The code -------------------------------------------------------------------------------------------------------


@transaction.atomic
def _code_take(connection_id: int) -> Connection | None:
    """The connection with its code, for the one worker whose UPDATE finds the code still there."""
    waiting = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.CONNECTING, code__isnull=False)
    connection = waiting.first()
    if connection is None or not waiting.update(code=None, updated_at=timezone.now()):
        return None
    return connection


def _code_put_back(taken: Connection) -> None:
    waiting = Connection.objects.filter(pk=taken.pk, status=ConnectionStatus.CONNECTING, code__isnull=True)
    with transaction.atomic():
        waiting.update(code=taken.code, updated_at=timezone.now())


@transaction.atomic
def _tokens_store(taken: Connection, tokens: Tokens) -> bool:
    """Keep the new tokens; False when the attempt was given up, or another was begun, while the platform was asked."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=taken.pk)
    if not _is_still_ours(connection):
        log.warning("connection.tokens_unclaimed", connection_id=taken.pk, status=connection.status)
        return False
    now = timezone.now()
    keep_tokens(connection, tokens, now)
    connection.status, connection.connected_at, connection.listed_at = ConnectionStatus.OK, now, None
    connection.code = connection.code_verifier = None
    connection.redirect_uri = connection.last_error = ""
    connection.save(
        update_fields=[
            *TOKEN_FIELDS, "status", "connected_at", "listed_at", "code", "code_verifier", "redirect_uri", "last_error",
            "updated_at",
        ]
    )  # fmt: skip
    record(
        actor=ACTOR,
        action=AuditAction.UPDATE,
        resource=connection,
        old={"status": ConnectionStatus.CONNECTING.value},
        new={"status": connection.status.value, "scopes": connection.scopes, "token_expires_at": tokens.expires_at},
    )
    return True


@transaction.atomic
def _fail(taken: Connection, error: PlatformError) -> None:
    connection = Connection.objects.select_for_update(no_key=True).get(pk=taken.pk)
    if _is_still_ours(connection):
        _end_attempt(connection, _exchange_words(error), reason=f"{error.kind} {error.code}".strip())


def _is_still_ours(connection: Connection) -> bool:
    """Whether the attempt whose code was taken is still the one that counts: a newer one has left its own code."""
    return connection.status == ConnectionStatus.CONNECTING and connection.code is None


def _end_attempt(connection: Connection, words: str, *, reason: str) -> None:
    """A first attempt has failed; a connection that was to be authorised again is what it was before."""
    status = _status_before(connection)
    connection.status, connection.last_error = status, words
    connection.code = connection.code_verifier = None
    connection.redirect_uri = ""
    fields = ["status", "last_error", "code", "code_verifier", "redirect_uri", "updated_at"]
    connection.save(update_fields=fields)
    record(
        actor=ACTOR,
        action=AuditAction.UPDATE,
        resource=connection,
        old={"status": ConnectionStatus.CONNECTING.value},
        new={"status": status.value, "reason": reason},
    )


def _status_before(connection: Connection) -> ConnectionStatus:
    """A grant that broke has marked all its accounts; while they are well, its tokens are, and go on working."""
    if not connection.access_token:
        return ConnectionStatus.FAILED
    states = set(connection.ad_accounts.values_list("status", flat=True))
    works = bool(states) and AccountStatus.NEEDS_REAUTH not in states
    return ConnectionStatus.OK if works else ConnectionStatus.NEEDS_REAUTH


def _exchange_words(error: PlatformError) -> str:
    """Why a code did not become tokens."""
    platform = str(Platform(error.platform).label)
    if error.kind in RETRYABLE or error.kind is ErrorKind.TOO_MUCH:
        text = _("%(platform)s had trouble and could not finish the connection. Try again in a few minutes.")
    elif error.kind in (ErrorKind.AUTH, ErrorKind.EXPIRED):
        text = _("%(platform)s did not take the confirmation: it was used already, or is too old. Connect again.")
    else:
        text = _(
            "%(platform)s refused the connection: %(said)s Connect again; if it is refused again, ask whoever operates "
            "this installation."
        )
    return text % {"platform": platform, "said": mask_text(str(error))[:300]}


# --- The list of accounts -------------------------------------------------------------------------------------------


@transaction.atomic
def _listed_store(connection_id: int, listed: list[ListedAccount]) -> None:
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
    if connection.status != ConnectionStatus.OK:
        return
    connection.listed_accounts = [account.to_json() for account in listed]
    connection.listed_at, connection.last_error = timezone.now(), ""
    connection.save(update_fields=["listed_accounts", "listed_at", "last_error", "updated_at"])
    ids = {account.external_id for account in listed}
    for account in connection.ad_accounts.order_by("pk").only("pk", "tenant_id", "external_id"):
        account_note(account.pk, _OF_LISTED if account.external_id in ids else _of_missing(connection))


_OF_LISTED = {"status": AccountStatus.OK, "last_error": ""}


def _of_missing(connection: Connection) -> dict[str, str]:
    text = _("%(platform)s does not show this account to the person who connected it.")
    return {
        "status": AccountStatus.PERMISSION_LOST,
        "last_error": text % {"platform": connection.get_platform_display()},
    }


def _listing_failed(connection_id: int, error: PlatformError) -> None:
    if error.kind in (ErrorKind.AUTH, ErrorKind.EXPIRED):
        connection_break(connection_id, error)
        return
    _listing_note(connection_id, _listing_words(error))


@transaction.atomic
def _listing_note(connection_id: int, words: str) -> None:
    held = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.OK)
    held.update(last_error=words, updated_at=timezone.now())


def _listing_words(error: PlatformError) -> str:
    platform = str(Platform(error.platform).label)
    if error.kind in RETRYABLE or error.kind is ErrorKind.TOO_MUCH:
        text = _("%(platform)s could not list the accounts just now. Load the list again in a few minutes.")
    else:
        text = _("%(platform)s refused to list the accounts: %(said)s")
    return text % {"platform": platform, "said": mask_text(str(error))[:300]}
