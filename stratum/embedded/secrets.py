"""Secrets of an installation that has no configuration of its own: made once, then kept."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from stratum.embedded.errors import EmbeddedError
from stratum.embedded.files import locked, private_folder, write_private

_GENERATORS: dict[str, Callable[[], str]] = {
    # 'k' first: django-environ takes a value that begins with '$' for a reference, and '-' confuses shells.
    "SECRET_KEY": lambda: "k" + secrets.token_urlsafe(50),
    "FERNET_KEYS": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "EMAIL_HASH_KEY": lambda: "k" + secrets.token_urlsafe(32),
}


def ensure_secrets(path: Path) -> dict[str, str]:
    """SECRET_KEY, FERNET_KEYS (one key) and EMAIL_HASH_KEY from a JSON file of mode 0600 that is made on first use.

    Names that an older version did not know are added; what is there is never changed, since encrypted columns would
    become unreadable. A damaged file is therefore an EmbeddedError, not a reason for new keys.
    """
    private_folder(path.parent, mode=path.parent.stat().st_mode & 0o777 if path.parent.exists() else 0o700)
    with locked(path.with_name(path.name + ".lock")):
        values = _read(path)
        missing = [name for name in _GENERATORS if name not in values]
        if missing:
            values |= {name: _GENERATORS[name]() for name in missing}
            write_private(path, json.dumps(values, indent=2) + "\n")
    return {name: values[name] for name in _GENERATORS}


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EmbeddedError(
            f"The secrets in {path} cannot be read ({error}). Restore the file from a copy: without it the encrypted "
            "columns of the database cannot be read either."
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, str) and value for value in content.values()):
        raise EmbeddedError(f"{path} does not hold secrets: a JSON object of non-empty texts was expected.")
    return content
