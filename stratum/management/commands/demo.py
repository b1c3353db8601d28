"""`manage.py demo`: two look-alike agencies with 120 days of numbers, the same for the same seed.

`--connect-sandbox` adds a workspace whose accounts are connected to the sandbox and sync.
"""

import time
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from campaigns import tasks
from stratum.demo.build import DEFAULT_DAYS, DEFAULT_SEED, build_demo, span_of
from stratum.demo.live import SandboxSilent
from stratum.demo.live import connect_sandbox as live_connect
from stratum.demo.logins import DEMO_LOGINS, LIVE_LOGINS, LIVE_SLUG
from stratum.demo.workspaces import existing_workspaces
from stratum.lib.errors import DomainError

MIN_DAYS, MAX_DAYS = 30, 400
PATIENCE = 30.0


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

        parser.add_argument(
            "--connect-sandbox",
            action="store_true",
            help="Only this: connect a workspace of its own to the sandbox at SANDBOX_URL, unless there is one.",
        )
        parser.add_argument(
            "--patience", type=float, default=PATIENCE, help=f"Seconds to wait for the sandbox ({PATIENCE:.0f})."
        )

    def handle(
        self,
        *args: Any,
        seed: int,
        days: int,
        today: date | None,
        reset: bool,
        force: bool,
        connect_sandbox: bool = False,
        patience: float = PATIENCE,
        **options: Any,
    ) -> None:
        if connect_sandbox:
            self._connect(patience, reset=reset, force=force)
            return
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
        self._print(DEMO_LOGINS)

    def _connect(self, patience: float, *, reset: bool, force: bool) -> None:
        demo, others = existing_workspaces()
        # Beside a loaded demo it may stand whoever else is there; alone it obeys the rules of the demo.
        if not settings.SANDBOX_URL:
            raise CommandError("No sandbox is set up here: SANDBOX_URL is empty (docs/sandbox.md).")
        self._check(False, 0 if demo else len(others), reset=reset, force=force)
        try:
            replaced = next((tenant for tenant in demo if reset and tenant.slug == LIVE_SLUG), None)
            live = live_connect(patience=patience, replace=replaced)
        except SandboxSilent as silent:
            raise CommandError(f"The sandbox could not be connected, nothing was made. {silent}") from silent
        except DomainError as refusal:
            raise CommandError(f"The sandbox was not connected, nothing was made. {refusal}") from refusal
        if live is None:
            self.stdout.write("Nothing to do: the workspace is there already, or no platform is simulated here.")
            return
        for run_id in live.runs:
            tasks.sync_account.delay(tenant_id=live.tenant.pk, run_id=run_id)
        self.stdout.write(
            f"{live.tenant.name}: {live.accounts} simulated accounts are connected, their first syncs run."
        )
        self._print(LIVE_LOGINS)

    def _print(self, logins: list[tuple[str, str, str, str]]) -> None:
        for label, workspace, email, password in logins:
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
