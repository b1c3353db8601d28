"""Where a request comes from, behind as many reverse proxies as settings.TRUSTED_PROXIES says."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str | None:
    """The browser's address: what the outermost trusted proxy saw and appended to X-Forwarded-For.

    Entries further left were sent by the browser itself and prove nothing, so they are never believed: counting from
    the right is what keeps a log-in lock from being evaded by inventing addresses. Without proxies, or when the header
    is shorter than it must be or unreadable, the address of the connection. None on a socket without addresses.
    """
    proxies = settings.TRUSTED_PROXIES
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if proxies else []
    seen = _address(hops[-proxies]) if len(hops) >= proxies > 0 else None
    return seen or _address(request.META.get("REMOTE_ADDR") or "")


def _address(text: str) -> str | None:
    """'203.0.113.9', '203.0.113.9:51234' or '[2001:db8::1]:443' as a plain address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
