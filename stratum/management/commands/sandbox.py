"""The simulated ad platforms, for work without credentials (docs/sandbox.md)."""

import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stratum.sandbox.app import Sandbox
from stratum.sandbox.server import SandboxServer
from stratum.sandbox.world import StateMismatch, World

DEFAULT_PORT = 8700


class Command(BaseCommand):
    help = "Serve the sandbox: the ad platforms' interfaces over a simulated market. Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument(
            "--port", type=int, default=DEFAULT_PORT, help=f"Port ({DEFAULT_PORT}); 0 takes a free one."
        )
        parser.add_argument("--seed", type=int, help="Which market: the same seed gives the same numbers (1).")
        parser.add_argument("--speed", type=float, help="Simulated seconds per second (1).")
        parser.add_argument("--start", type=_day, metavar="YYYY-MM-DD", help="The market's first today (today).")
        parser.add_argument("--state", type=Path, metavar="DIR", help="Keep what is written here, for the next start.")
        parser.add_argument("--log", action="store_true", help="Print a line per request.")

    def handle(
        self,
        *args: Any,
        host: str,
        port: int,
        seed: int | None,
        speed: float | None,
        start: date | None,
        state: Path | None,
        log: bool,
        **options: Any,
    ) -> None:
        if speed is not None and speed < 0:
            raise CommandError("--speed must not be negative: time only goes forward.")
        try:
            world = World(seed=seed, opening=start, speed=speed, state=state)
        except StateMismatch as error:
            raise CommandError(f"{error} Name another folder with --state, or leave the option out.") from error
        try:
            server = SandboxServer((host, port), Sandbox(world), verbose=log)
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
        self._serve(server)

    def _serve(self, server: SandboxServer) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            # shutdown() waits for serve_forever(), which runs in this very thread.
            threading.Thread(target=server.shutdown, daemon=True).start()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        self.stdout.write(f"The sandbox answers at {server.url}/ (control: {server.url}/_control/)")
        self.stdout.flush()
        with server:
            server.serve_forever(poll_interval=0.2)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date: YYYY-MM-DD") from error
