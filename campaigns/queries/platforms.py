"""How this installation stands at each ad platform: registered, simulated, or not set up at all."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from campaigns.choices import Platform
from campaigns.clients.registry import is_simulated, missing_settings, supported_platforms


@dataclass(frozen=True, slots=True)
class PlatformState:
    """One platform. `missing` names the settings that stand in the way; only those who operate Stratum see them."""

    platform: str
    simulated: bool
    missing: tuple[str, ...]

    @property
    def label(self) -> str:
        return str(Platform(self.platform).label)

    @property
    def registered(self) -> bool:
        """Whether accounts can be connected here."""
        return not self.missing

    @property
    def redirect_uri(self) -> str:
        return redirect_uri_of(self.platform)


def platform_states() -> list[PlatformState]:
    """Every platform that accounts can be connected at."""
    return [
        PlatformState(platform, is_simulated(platform), missing_settings(platform))
        for platform in supported_platforms()
    ]


def redirect_uri_of(platform: str) -> str:
    """Where the platform sends a person back to: the address that is registered there, whatever host they came by."""
    return settings.PUBLIC_URL + reverse("campaigns:connection_callback", args=[platform])
