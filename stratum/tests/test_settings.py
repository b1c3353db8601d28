"""Every setting is documented, and a production host without secrets does not start."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
READ = re.compile(r'(?:env\.\w+|_address)\(\s*"([A-Z][A-Z0-9_]+)"')
LISTED = re.compile(r"^#?\s?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Set by the program itself for its own parts, or by the tests; nobody configures them.
INTERNAL = {"STRATUM_EMBEDDED", "TEST_DB_SUFFIX", "REDIS_CACHE_DATABASE", "REDIS_QUEUE_DATABASE"}
COMPLETE = {
    "DATABASE_URL": "postgres://app:unused@127.0.0.1:1/stratum",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "not-a-real-key-but-long-enough-to-pass-as-one-0123456789",
    "FERNET_KEYS": "not-a-real-key",
    "EMAIL_HASH_KEY": "not-a-real-key",
}


def test_env_example_lists_every_setting():
    read = set(READ.findall((ROOT / "stratum/settings.py").read_text()))
    assert len(read) > 20
    listed = set(LISTED.findall((ROOT / ".env.example").read_text()))
    assert sorted(read - listed - INTERNAL) == []


def load_settings(environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "import stratum.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DEBUG": "false", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("missing", COMPLETE)
def test_production_does_not_start_without(missing):
    done = load_settings({name: value for name, value in COMPLETE.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_production_starts_with_all_of_them():
    assert load_settings(COMPLETE).returncode == 0
