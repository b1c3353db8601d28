"""Which client speaks to which platform, with this installation's addresses and app registrations.

The only place of the clients that reads settings. A platform is added by one entry in _BUILDERS.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import httpx
from django.conf import settings

from campaigns.choices import Platform
from campaigns.clients.base import AppCredentials, PlatformClient, Tokens
from campaigns.clients.google_ads import GoogleAdsClient
from campaigns.clients.google_ads.api import Addresses as GoogleAdsAddresses
from campaigns.clients.governor import Governor
from campaigns.clients.linkedin import LinkedInClient
from campaigns.clients.linkedin.api import Addresses as LinkedInAddresses
from campaigns.clients.memory import Memory
from campaigns.clients.meta import MetaClient
from campaigns.clients.meta.graph import Addresses as MetaAddresses
from campaigns.clients.snapchat import SnapchatClient
from campaigns.clients.snapchat.api import Addresses as SnapchatAddresses
from campaigns.clients.tiktok import TikTokClient
from campaigns.clients.tiktok.api import Addresses as TikTokAddresses
from campaigns.clients.transport import TIMEOUT
from campaigns.clients.wiring import RenewWith, Wiring


def _meta(wiring: Wiring) -> PlatformClient:
    return MetaClient(
        wiring,
        MetaAddresses(
            api_base=settings.META_API_BASE, dialog_base=settings.META_DIALOG_BASE, version=settings.META_API_VERSION
        ),
    )


def _google(wiring: Wiring) -> PlatformClient:
    return GoogleAdsClient(
        wiring,
        GoogleAdsAddresses(
            api_base=settings.GOOGLE_ADS_API_BASE,
            version=settings.GOOGLE_ADS_API_VERSION,
            oauth_base=settings.GOOGLE_OAUTH_BASE,
            consent_base=settings.GOOGLE_CONSENT_BASE,
            developer_token=settings.GOOGLE_ADS_DEVELOPER_TOKEN,
            daily_operations=settings.GOOGLE_ADS_DAILY_OPERATIONS,
        ),
    )


def _tiktok(wiring: Wiring) -> PlatformClient:
    return TikTokClient(
        wiring,
        TikTokAddresses(
            api_base=settings.TIKTOK_API_BASE,
            consent_base=settings.TIKTOK_CONSENT_BASE,
            version=settings.TIKTOK_API_VERSION,
        ),
    )


def _snapchat(wiring: Wiring) -> PlatformClient:
    return SnapchatClient(
        wiring,
        SnapchatAddresses(
            api_base=settings.SNAPCHAT_API_BASE,
            oauth_base=settings.SNAPCHAT_OAUTH_BASE,
            version=settings.SNAPCHAT_API_VERSION,
        ),
    )


def _linkedin(wiring: Wiring) -> PlatformClient:
    return LinkedInClient(
        wiring,
        LinkedInAddresses(
            api_base=settings.LINKEDIN_API_BASE,
            oauth_base=settings.LINKEDIN_OAUTH_BASE,
            version=settings.LINKEDIN_API_VERSION,
        ),
    )


_BUILDERS: dict[str, Callable[[Wiring], PlatformClient]] = {
    Platform.META.value: _meta,
    Platform.GOOGLE.value: _google,
    Platform.TIKTOK.value: _tiktok,
    Platform.SNAPCHAT.value: _snapchat,
    Platform.LINKEDIN.value: _linkedin,
}


def client_for(
    platform: str,
    *,
    tokens: Tokens | None = None,
    account: str = "",
    renew: RenewWith | None = None,
    **replaced: Any,
) -> PlatformClient:
    """A client for one connection; KeyError for a platform that has none.

    `account` is the ad account that the calls are about: limits and breakers are kept for it. Without one (while
    connecting) they are kept for the token, so that one person's trouble is not another's. `renew` is how new tokens
    are come by when the old ones run out; unset, the client asks for them and keeps them to itself. `replaced` are
    fields of Wiring that differ from their defaults (a shorter patience, say).
    """
    credentials = credentials_for(platform)
    wiring = {
        "governor": Governor(platform=platform, app=credentials.client_id, account=account or _fingerprint(tokens)),
        "memory": Memory(platform=platform, app=credentials.client_id),
        "credentials": credentials,
        "tokens": tokens,
        "renew": renew,
        "http": _shared_http(),
        **replaced,
    }
    return _BUILDERS[platform](Wiring(**wiring))


def supported_platforms() -> tuple[str, ...]:
    """Platforms that have a client."""
    return tuple(_BUILDERS)


def credentials_for(platform: str) -> AppCredentials:
    """This installation's registration at a platform; empty strings where it has none."""
    prefix = platform.upper()
    return AppCredentials(
        client_id=getattr(settings, f"{prefix}_CLIENT_ID", ""),
        client_secret=getattr(settings, f"{prefix}_CLIENT_SECRET", ""),
    )


def scopes_of(platform: str) -> tuple[str, ...]:
    """What a person is asked to grant; empty where the platform's registration decides it."""
    return client_for(platform).scopes


def is_simulated(platform: str) -> bool:
    """Whether this installation's platform is the sandbox."""
    base = "GOOGLE_ADS_API_BASE" if platform == Platform.GOOGLE else f"{platform.upper()}_API_BASE"
    return bool(settings.SANDBOX_URL) and getattr(settings, base) == settings.SANDBOX_URL


def missing_settings(platform: str) -> tuple[str, ...]:
    """Names of the settings that stand in the way of connecting a platform."""
    credentials, prefix = credentials_for(platform), platform.upper()
    missing = ((f"{prefix}_CLIENT_ID", credentials.client_id), (f"{prefix}_CLIENT_SECRET", credentials.client_secret))
    return tuple(name for name, value in missing if not value)


@lru_cache(maxsize=1)
def _shared_http() -> httpx.Client:
    """One set of connections for the process: making a client anew costs more than many a call."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def _fingerprint(tokens: Tokens | None) -> str:
    return f"token:{hashlib.sha256(tokens.access_token.encode()).hexdigest()[:16]}" if tokens else ""
