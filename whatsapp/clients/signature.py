"""Whether a webhook call is WhatsApp's: an HMAC over the body as it came, and the check of a new address."""

import hashlib
import hmac
import re
from collections.abc import Mapping

from django.conf import settings

# What the sandbox signs with; it counts only where there is a sandbox, and only for its own numbers.
SANDBOX_SECRET = "sandbox-app-secret"  # noqa: S105 - opens nothing outside the sandbox
_HEADER = re.compile(r"sha256=([0-9a-f]{64})", re.IGNORECASE)
# What is answered is what was asked: a number, of Meta's making. Nothing else is echoed to whoever calls.
_CHALLENGE = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def is_signed(raw: bytes, header: str | None, secret: str) -> bool:
    """Whether X-Hub-Signature-256 (`header`) fits the body under the app's secret.

    `raw` is the body as it came: one that was parsed and written again has other bytes. Nothing fits an empty secret.
    """
    found = _HEADER.fullmatch((header or "").strip())
    if not (secret and found):
        return False
    expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found.group(1).lower())


def challenge(query: Mapping[str, str]) -> str | None:
    """The text to answer to the check of a webhook address (hub.mode, hub.challenge, hub.verify_token); None: refuse.

    Without WHATSAPP_VERIFY_TOKEN every check is refused.
    """
    expected, given = settings.WHATSAPP_VERIFY_TOKEN, query.get("hub.verify_token") or ""
    if not expected or query.get("hub.mode") != "subscribe":
        return None
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        return None
    text = query.get("hub.challenge") or ""
    return text if _CHALLENGE.fullmatch(text) else None
