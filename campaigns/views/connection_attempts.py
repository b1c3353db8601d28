"""Attempts to connect, between the button and the way back from the platform: kept in the browser's session.

Each is bound to the person and workspace that began it, is good for a quarter of an hour, and is taken once. Several
can be open at a time, in several tabs.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Connection
from campaigns.services.connections import Consent
from stratum.lib.errors import DomainError

SESSION_KEY = "connection_attempts"
GOOD_FOR = timedelta(minutes=15)
# More tabs than anybody opens: what a session holds stays small.
KEPT = 12


@dataclass(frozen=True, slots=True)
class Attempt:
    """`connection_id` is the connection that is authorised again, None for a new one."""

    state: str
    platform: str
    code_verifier: str
    redirect_uri: str
    connection_id: int | None
    user_id: int
    tenant_id: int
    began_at: float

    def __repr__(self) -> str:
        return f"Attempt(platform={self.platform!r}, connection_id={self.connection_id})"


def attempt_keep(request: HttpRequest, consent: Consent, platform: str, connection: Connection | None) -> None:
    """Remember what was asked for until the platform sends the person back."""
    attempt = Attempt(
        state=consent.state,
        platform=platform,
        code_verifier=consent.code_verifier,
        redirect_uri=consent.redirect_uri,
        connection_id=connection.pk if connection else None,
        user_id=request.user.pk,
        tenant_id=request.tenant.pk,
        began_at=timezone.now().timestamp(),
    )
    kept = request.session.get(SESSION_KEY, [])
    request.session[SESSION_KEY] = [*kept, asdict(attempt)][-KEPT:]


def attempt_take(request: HttpRequest, platform: str) -> Attempt:
    """The attempt that this way back belongs to, used up by this. DomainError when there is none that counts."""
    sent = request.GET.get("state", "")
    attempts = [Attempt(**stored) for stored in request.session.get(SESSION_KEY, [])]
    # Every one is compared, in the same time whatever it holds: how long it takes tells nothing about the others.
    found = [attempt for attempt in attempts if _same(attempt.state, sent)]
    if not found:
        raise DomainError(
            _("This confirmation belongs to no attempt of yours: it was used already, or began in another browser."),
            code="state_unknown",
        )
    request.session[SESSION_KEY] = [asdict(attempt) for attempt in attempts if attempt is not found[0]]
    _check(found[0], request, platform)
    return found[0]


def _check(attempt: Attempt, request: HttpRequest, platform: str) -> None:
    if (attempt.user_id, attempt.tenant_id) != (request.user.pk, request.tenant.pk):
        raise DomainError(
            _("Somebody else began this attempt, or you began it in another workspace."), code="state_foreign"
        )
    if attempt.platform != platform:
        raise DomainError(_("This confirmation is for another platform."), code="state_platform")
    if timezone.now().timestamp() - attempt.began_at > GOOD_FOR.total_seconds():
        raise DomainError(_("This attempt took longer than 15 minutes."), code="state_expired")


def _same(kept: str, sent: str) -> bool:
    return secrets.compare_digest(kept.encode(), sent.encode("utf-8", "replace"))
