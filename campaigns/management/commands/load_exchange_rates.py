"""Fetch the European Central Bank's rates now, or load a table of rates from a file."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from campaigns.clients.ecb import RatesUnavailable
from campaigns.services.rates import rates_import_csv, rates_load
from stratum.lib.errors import DomainError


class Command(BaseCommand):
    help = "Load exchange rates: from the European Central Bank (ECB_RATES_URL), or from a CSV date,currency,per_euro."

    def add_arguments(self, parser):
        parser.add_argument("--csv", type=Path, metavar="FILE", help="a table of rates instead of the bank's file")

    def handle(self, *args, **options):
        path = options["csv"]
        try:
            result = rates_load() if path is None else rates_import_csv(content=path.read_bytes())
        except (RatesUnavailable, DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{result.given} rates: {result.added} new, {result.changed} corrected.")
