"""`manage.py platforms`: at which ad platforms this installation is registered, and what is missing elsewhere."""

from django.core.management.base import BaseCommand

from campaigns.queries.platforms import PlatformState, platform_states


class Command(BaseCommand):
    help = "List the ad platforms: registered, sandbox, or which settings are missing."

    def handle(self, *args: object, **options: object) -> None:
        for state in platform_states():
            self.stdout.write(f"{state.label:<12} {_words(state):<15} {state.redirect_uri}")
            if state.missing:
                self.stdout.write(f"{'':<12} missing: {', '.join(state.missing)}")


def _words(state: PlatformState) -> str:
    if not state.registered:
        return "not registered"
    return "sandbox" if state.simulated else "registered"
