"""The way to a platform's consent page, and what it sends back."""

import base64
import hashlib
import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from campaigns.choices import ConnectionStatus, Platform
from campaigns.clients.registry import client_for, is_simulated, missing_settings
from campaigns.models import Connection
from campaigns.queries.platforms import redirect_uri_of
from campaigns.services.accounts import check_not_mixed
from stratum.lib.consent import Consent
from stratum.lib.errors import DomainError


def consent_ask(platform: str, connection: Connection | None = None) -> Consent:
    """The address to send a person to. Nothing is stored and nobody is called.

    `connection` is the one that is to be authorised again. DomainError when connecting is not possible here.
    """
    check_can_connect(platform, connection)
    client = client_for(platform)
    verifier = secrets.token_urlsafe(64) if client.uses_pkce else ""
    state, redirect_uri = secrets.token_urlsafe(32), redirect_uri_of(platform)
    url = client.authorize_url(redirect_uri=redirect_uri, state=state, code_challenge=_challenge(verifier))
    return Consent(url, state, verifier, redirect_uri)


def check_can_connect(platform: str, connection: Connection | None = None) -> None:
    """DomainError when this installation or workspace cannot connect accounts of the platform."""
    label = str(Platform(platform).label)
    simulated = is_simulated(platform)
    if missing_settings(platform):
        text = _("This installation is not registered at %(platform)s. Ask whoever operates it.")
        raise DomainError(text % {"platform": label}, code="not_registered")
    if connection is not None and connection.is_sandbox != simulated:
        if simulated:
            text = _("%(platform)s is simulated on this installation now, and this connection is a real one.")
        else:
            text = _("This connection was made at the sandbox, and %(platform)s is the real one now. Connect it anew.")
        raise DomainError(text % {"platform": label}, code="other_kind")
    check_not_mixed(simulated=simulated)


@transaction.atomic
def connection_request(
    *, platform: str, code: str, code_verifier: str, redirect_uri: str, connection: Connection | None, actor: Actor
) -> Connection:
    """Keep what the consent page sent back, encrypted, for a worker to exchange.

    A new connection, or `connection` that is authorised again: its tokens stay until there are new ones. DomainError
    when it was removed meanwhile.
    """
    check_can_connect(platform, connection)
    fields = {"status": ConnectionStatus.CONNECTING, "code": code, "code_verifier": code_verifier or None}
    fields |= {"redirect_uri": redirect_uri}
    if connection is None:
        made = Connection.objects.create(
            platform=platform, is_sandbox=is_simulated(platform), connected_by=actor.user, **fields
        )
        shown = ["platform", "status", "is_sandbox", "connected_by"]
        record(actor=actor, action=AuditAction.CREATE, resource=made, new=snapshot(made, shown))
        return made
    locked = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    if locked.status == ConnectionStatus.ENDED:
        raise DomainError(_("This connection was removed. Connect the account anew."), code="ended")
    old = {"status": locked.status, "connected_by": locked.connected_by_id}
    for name, value in {**fields, "connected_by": actor.user}.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*fields, "connected_by", "updated_at"])
    new = {"status": locked.status, "connected_by": locked.connected_by_id, "reauthorised": True}
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    return locked


def _challenge(verifier: str) -> str:
    """S256 of RFC 7636: base64url of the SHA-256, without padding."""
    if not verifier:
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
