"""manage.py rotate_pii: every encrypted column under the newest key of FERNET_KEYS."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.audit import Actor
from accounts.services.rotation import encrypted_tables, rotate_table
from tenants.context import unscoped


class Command(BaseCommand):
    help = (
        "Encrypt all personal data and secrets with the first key of FERNET_KEYS. To change the key: put a new one in "
        "front, restart, run this command, then remove the old one. Safe to stop and to run again: columns that have "
        "the newest key already are left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, metavar="ROWS", help="rows per transaction (500)")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        actor = Actor.system("rotate_pii")
        with unscoped("keys are changed in all workspaces"):
            for table in encrypted_tables():
                counts = rotate_table(table, batch=max(batch, 1), actor=actor)
                self.stdout.write(f"{table.name}: {counts.rotated} of {counts.seen} rows encrypted anew")
