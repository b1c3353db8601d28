"""`make bench`: every benchmark, in a database of its own, as ratios against a reference of the same run."""

import importlib
from argparse import ArgumentParser
from collections.abc import Iterator

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from stratum.lib.bench import BenchResult

MODULES = (
    "campaigns.bench.imports",
    "campaigns.bench.syncs",
    "rules.bench.passes",
    "rules.bench.replay",
    "whatsapp.bench.intake",
)


class Command(BaseCommand):
    help = "Measure imports, rules and pages; fails when a ratio leaves its bounds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", help="only benchmarks whose function name contains one of these")

    def handle(self, *args: object, **options: object) -> None:
        real_name = connection.settings_dict["NAME"]
        self._make_database(f"{real_name}_bench")
        failed = []
        try:
            call_command("migrate", verbosity=0)
            for result in self._results(options["names"]):
                self._print(result)
                failed += [] if result.holds else [result.name]
        finally:
            self._drop_database(f"{real_name}_bench", back_to=real_name)
        if failed:
            raise CommandError(f"Out of bounds: {', '.join(failed)}")

    def _results(self, names: list[str]) -> Iterator[BenchResult]:
        for module in MODULES:
            for name, function in sorted(vars(importlib.import_module(module)).items()):
                wanted = not names or any(word in name for word in names)
                if name.startswith("bench_") and callable(function) and wanted:
                    self.stdout.write(f"{module}.{name}")
                    yield from function()

    def _print(self, result: BenchResult) -> None:
        bound = f" (at least {result.floor:g})" if result.floor is not None else ""
        bound += f" (at most {result.ceiling:g})" if result.ceiling is not None else ""
        style = self.style.SUCCESS if result.holds else self.style.ERROR
        self.stdout.write(
            f"  {result.name}: {result.value:,.4g} {result.unit}, reference {result.reference:,.4g} {result.unit}, "
            + style(f"ratio {result.ratio:.3g}{bound}")
            + (f"  {result.note}" if result.note else "")
        )

    def _make_database(self, name: str) -> None:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {name}")
        self._use(name)

    def _drop_database(self, name: str, *, back_to: str) -> None:
        self._use(back_to)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @staticmethod
    def _use(name: str) -> None:
        connection.close()
        if connection.settings_dict["OPTIONS"].get("pool"):
            connection.close_pool()
        connection.settings_dict["NAME"] = name
