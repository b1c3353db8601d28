"""Tokens are renewed before they run out, so that no connection dies while nobody looks."""

from django.db import transaction
from django.utils import timezone

from campaigns.choices import ConnectionStatus
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.models import Connection
from campaigns.services.connections.finish import Outcome
from campaigns.services.platforms import (
    client_of_connection,
    connection_break,
    error_words,
    tokens_of,
    tokens_renew,
)


def connection_renew(*, connection_id: int) -> Outcome | None:
    """New tokens for a connection, by the same locked way that syncs take. None: it does not hold any more.

    A grant that the platform refuses is marked for people to connect again; other failures are shown on it, and the
    next day's job tries once more.
    """
    with transaction.atomic():
        connection = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.OK).first()
    if connection is None or not connection.access_token:
        return None
    try:
        tokens_renew(connection_id, client_of_connection(connection), tokens_of(connection))
    except PlatformError as error:
        if error.kind in (ErrorKind.AUTH, ErrorKind.EXPIRED):
            connection_break(connection_id, error)
        else:
            _note(connection_id, error_words(error))
        return Outcome.FAILED
    if connection.listed_at is not None:
        # Whatever stood there was of an earlier renewal: the list of accounts has been loaded since.
        _note(connection_id, "")
    return Outcome.DONE


@transaction.atomic
def _note(connection_id: int, words: str) -> None:
    held = Connection.objects.filter(pk=connection_id, status=ConnectionStatus.OK).exclude(last_error=words)
    held.update(last_error=words, updated_at=timezone.now())
