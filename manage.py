#!/usr/bin/env python
"""Stratum's command line. `manage.py help` lists the commands; README.md names the daily ones."""

import os
import sys
from pathlib import Path

from stratum.embedded import embedded_environment
from stratum.embedded.errors import EmbeddedError

ROOT = Path(__file__).resolve().parent


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratum.settings")
    # Unset DATABASE_URL / REDIS_URL mean 'run your own': servers below .stratum/, with secrets made there.
    try:
        os.environ.update(embedded_environment(ROOT))
    except EmbeddedError as error:
        sys.exit(str(error))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
