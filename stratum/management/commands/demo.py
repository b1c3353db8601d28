"""`manage.py demo`: two look-alike agencies with 120 days of numbers, the same for the same seed."""

import time
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stratum.demo.build import DEFAULT_DAYS, DEFAULT_SEED, build_demo, span_of
from stratum.demo.logins import DEMO_LOGINS
from stratum.demo.workspaces import existing_workspaces
from stratum.lib.errors import DomainError

MIN_DAYS, MAX_DAYS = 30, 400


class Command(BaseCommand):
    help = "Load the demo: two look-alike workspaces with people of every role, campaigns and their numbers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="Other numbers for another seed.")
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="Full days before today.")
        parser.add_argument("--today", type=date.fromisoformat, help="The demo's today (YYYY-MM-DD).")
        parser.add_argument("--reset", action="store_true", help="Replace the demo that is loaded.")
        parser.add_argument(
            "--force", action="store_true", help="Also beside real workspaces, and on a production server."
        )

    def handle(self, *args: Any, seed: int, days: int, today: date | None, reset: bool, force: bool, **options: Any):
        if not MIN_DAYS <= days <= MAX_DAYS:
            raise CommandError(f"--days is a number from {MIN_DAYS} to {MAX_DAYS}.")
        demo, others = existing_workspaces()
        self._check(bool(demo), len(others), reset=reset, force=force)
        started = time.monotonic()
        try:
            built = build_demo(seed=seed, span=span_of(days, today), replace=tuple(demo))
        except DomainError as refusal:
            raise CommandError(f"The demo was not loaded, nothing was changed. {refusal}") from refusal
        took = time.monotonic() - started
        self.stdout.write(
            f"Demo loaded in {took:.1f} s: {built.days:,} campaign-days with {built.revisions:,} restatements."
        )
        for label, workspace, email, password in DEMO_LOGINS:
            self.stdout.write(f"  {label:<20} {workspace:<25} {email:<28} {password}")

    def _check(self, demo_exists: bool, others: int, *, reset: bool, force: bool) -> None:
        if demo_exists and not reset:
            raise CommandError("The demo is loaded already. --reset replaces it.")
        if force:
            return
        if not (settings.DEBUG or settings.EMBEDDED):
            raise CommandError(
                "This is a production server, and the demo's passwords are public. Nothing was loaded; --force does it."
            )
        if others:
            raise CommandError(
                f"There are {others} workspaces that are not the demo's. Nothing was loaded; --force does it anyway."
            )
