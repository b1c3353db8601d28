"""`manage.py channels`: by which ways messages leave this installation, and what is missing elsewhere."""

from dataclasses import dataclass

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from accounts.clients.outlets import destination
from rules.clients import slack_oauth
from rules.services import slack_redirect_uri


@dataclass(frozen=True, slots=True)
class _Channel:
    """`address`: where messages go, or the address to register outside. `missing`: settings that stand in the way."""

    label: str
    simulated: bool
    address: str
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        if self.missing:
            return "sandbox only" if self.simulated else "not set up"
        return "sandbox" if self.simulated else "set up"


class Command(BaseCommand):
    help = "List e-mail, Slack and WhatsApp: set up, sandbox, or which settings are missing."

    def handle(self, *args: object, **options: object) -> None:
        for channel in (_email(), _slack(), _whatsapp()):
            self.stdout.write(f"{channel.label:<12} {channel.words:<15} {channel.address}".rstrip())
            if channel.missing:
                self.stdout.write(f"{'':<12} missing: {', '.join(channel.missing)}")


def _email() -> _Channel:
    address = destination()
    return _Channel("E-mail", False, address, () if address else ("EMAIL_HOST",))


def _slack() -> _Channel:
    """Of *Add to Slack*; channels can be added by hand without it."""
    return _Channel("Slack", slack_oauth.is_simulated(), slack_redirect_uri(), slack_oauth.missing_settings())


def _whatsapp() -> _Channel:
    """Numbers of the sandbox need no app: it signs with a secret of its own."""
    missing = () if settings.WHATSAPP_APP_SECRET else ("WHATSAPP_APP_SECRET",)
    address = settings.PUBLIC_URL + reverse("whatsapp:webhook")
    return _Channel("WhatsApp", bool(settings.SANDBOX_URL) and bool(missing), address, missing)
