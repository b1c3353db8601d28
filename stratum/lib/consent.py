"""The way to another site's consent page and back. What is asked for is kept in the browser's session meanwhile.

Each attempt is bound to the person and workspace that began it, is good for a quarter of an hour, and is taken once.
Several can be open at a time, in several tabs.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from stratum.lib.errors import DomainError

SESSION_KEY = "consent_attempts"
GOOD_FOR = timedelta(minutes=15)
# More tabs than anybody opens: what a session holds stays small.
KEPT = 12


@dataclass(frozen=True, slots=True)
class Consent:
    """A question put to a person at a platform: its address, and what is kept until the answer comes."""

    url: str
    state: str
    code_verifier: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Consent(redirect_uri={self.redirect_uri!r})"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`subject_id` is the row that is to be authorised again, None for a new one."""

    state: str
    platform: str
    code_verifier: str
    redirect_uri: str
    subject_id: int | None
    user_id: int
    tenant_id: int
    began_at: float

    def __repr__(self) -> str:
        return f"Attempt(platform={self.platform!r}, subject_id={self.subject_id})"


def is_public_host(request: HttpRequest) -> bool:
    """Platforms send people back to the one registered address: a session of another host would not be there."""
    return request.get_host() == urlsplit(settings.PUBLIC_URL).netloc


def to_consent(request: HttpRequest, consent: Consent, *, label: str, back_url: str) -> HttpResponse:
    """Send the browser to the consent page. Not by a redirect: the Content-Security-Policy lets no form lead to
    another site. htmx goes there by itself; without it a page with a link stands in between."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(consent.url)
    return render(request, "consent_continue.html", {"url": consent.url, "platform": label, "back_url": back_url})


def attempt_keep(request: HttpRequest, consent: Consent, platform: str, subject_id: int | None = None) -> None:
    """Remember what was asked for until the platform sends the person back."""
    user_id, tenant_id = _whose(request)
    attempt = Attempt(
        state=consent.state,
        platform=platform,
        code_verifier=consent.code_verifier,
        redirect_uri=consent.redirect_uri,
        subject_id=subject_id,
        user_id=user_id,
        tenant_id=tenant_id,
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
    if (attempt.user_id, attempt.tenant_id) != _whose(request):
        raise DomainError(
            _("Somebody else began this attempt, or you began it in another workspace."), code="state_foreign"
        )
    if attempt.platform != platform:
        raise DomainError(_("This confirmation is for another platform."), code="state_platform")
    if timezone.now().timestamp() - attempt.began_at > GOOD_FOR.total_seconds():
        raise DomainError(_("This attempt took longer than 15 minutes."), code="state_expired")


def _whose(request: Any) -> tuple[int, int]:
    """The person and the workspace, which middleware has put there."""
    return request.user.pk, request.tenant.pk


def _same(kept: str, sent: str) -> bool:
    return secrets.compare_digest(kept.encode(), sent.encode("utf-8", "replace"))
