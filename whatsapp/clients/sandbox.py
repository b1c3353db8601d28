"""Who is at the simulated WhatsApp: asked of the sandbox itself, so that connecting it takes one click."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings

from whatsapp.clients.cloud import NumberRow, is_sandbox

TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class SandboxBusiness:
    waba_id: str
    name: str
    token: str = field(repr=False)
    numbers: tuple[NumberRow, ...]


def is_offered() -> bool:
    """Whether this installation has a sandbox."""
    return bool(settings.SANDBOX_URL)


def businesses() -> list[SandboxBusiness]:
    """The simulated business accounts; empty when there is no sandbox, or it does not answer."""
    if not is_offered():
        return []
    try:
        # Not through a proxy: it is on this machine.
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            found = client.get(f"{settings.SANDBOX_URL}/_control/whatsapp").raise_for_status().json()
        rows = [_business(row) for row in found["businesses"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return []
    return [one for one in rows if is_sandbox(one.token)]


def _business(row: dict[str, Any]) -> SandboxBusiness:
    numbers = tuple(NumberRow(one["phone_number_id"], f"+{one['number']}") for one in row["numbers"])
    return SandboxBusiness(row["waba"], row["name"], row["token"], numbers)
